"""A console as a person has it: a real program on a real pseudo-terminal, keys in, a screen out (emulated by pyte).

`Console` reads in a thread, as a terminal does, so that the program never waits for us; `stall()` stops reading, as a frozen SSH does.
Every wait has a deadline and fails with the screen that was seen instead.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyte
from pyte.screens import Char

SECOND_SCREEN = 1049
FAINT, NOT_FAINT, BLINKS, BLINKS_NOT = 2, 22, 5, 25  # of "select graphic rendition"
BETWEEN_KEYS = 0.03  # seconds; a quick person
AFTER_ESC = 0.12  # an Esc soon followed by something is the beginning of a longer key
PATIENCE = 20.0  # seconds; two shared cores, and a Python program has to start
LAST_WORDS = 2.0  # seconds in which a terminal whose program is gone gives what was still on its way
KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "left": "\x1b[D",
    "right": "\x1b[C",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "space": " ",
    "backspace": "\x7f",
    "ctrl+c": "\x03",
    "ctrl+l": "\x0c",
    "ctrl+z": "\x1a",
}
MODES_LEFT_ON = {"?1049h": "?1049l", "?1000h": "?1000l", "?1002h": "?1002l", "?1003h": "?1003l", "?25l": "?25h", "?2004h": "?2004l"}

# A session whose controlling terminal is ours, so that closing it hangs the program up: the first terminal that a session opens becomes it.
OWN_TERMINAL = ("/bin/sh", "-c", 'tty=$0; exec <"$tty" >"$tty" 2>&1; exec "$@"')


class NotSeen(AssertionError):
    """What was waited for did not come; the message holds the screen."""


class Screen(pyte.Screen):
    """With the second screen that programs draw on, which pyte does not know: leaving it brings back what the shell had shown.

    Faint text, which it does not know either, is held as blinking: nothing of ours blinks.
    """

    _shell: tuple[dict[int, dict[int, Char]], int, int] | None = None

    def set_mode(self, *modes: int, **keywords: Any) -> None:
        super().set_mode(*modes, **keywords)
        if keywords.get("private") and SECOND_SCREEN in modes and self._shell is None:
            self._shell = {y: dict(self.buffer[y]) for y in range(self.lines)}, self.cursor.x, self.cursor.y
            self.erase_in_display(2)

    def select_graphic_rendition(self, *attributes: int, **keywords: Any) -> None:
        wanted = list(attributes)
        for index, attribute in enumerate(attributes):
            if attribute in (38, 48):
                break  # what follows are parts of a colour
            wanted[index] = BLINKS if attribute == FAINT else attribute
            if attribute == NOT_FAINT:
                wanted.append(BLINKS_NOT)
        super().select_graphic_rendition(*wanted, **keywords)

    def reset_mode(self, *modes: int, **keywords: Any) -> None:
        super().reset_mode(*modes, **keywords)
        if keywords.get("private") and SECOND_SCREEN in modes and self._shell is not None:
            rows, self.cursor.x, self.cursor.y = self._shell
            self._shell = None
            self.erase_in_display(2)
            for y, row in rows.items():
                self.buffer[y].update(row)


class Console:
    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        size: tuple[int, int] = (120, 40),
        cwd: Path | None = None,
        term: str = "xterm-256color",
    ) -> None:
        columns, rows = size
        self.screen = Screen(columns, rows)
        self.output = bytearray()
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self._reading = threading.Event()
        self._reading.set()
        self._is_closing = False
        self._terminal, tty = pty.openpty()
        self._is_open = True
        self._set_size(columns, rows)
        self.process = subprocess.Popen(
            [*OWN_TERMINAL, os.ttyname(tty), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**{name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}, "TERM": term},
            cwd=cwd,
            start_new_session=True,
        )
        self._tty = tty  # held open: while nobody holds it, before the program does, a terminal reads as ended
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Until the terminal is closed at either end."""
        poll = select.poll()
        poll.register(self._terminal, select.POLLIN)
        while not self._is_closing:
            self._reading.wait()
            if not poll.poll(50):
                continue
            try:
                data = os.read(self._terminal, 65536)
            except OSError:
                return
            with self._lock:
                self.output += data
                self._answer(data)
                self._stream.feed(_without_private(data))

    def _answer(self, data: bytes) -> None:
        """The questions that a program may ask and pyte does not answer: where is the cursor."""
        for _ in re.findall(rb"\x1b\[6n", data):
            self._type(b"\x1b[%d;%dR" % (self.screen.cursor.y + 1, self.screen.cursor.x + 2))

    def _type(self, data: bytes) -> None:
        os.write(self._terminal, data)

    def press(self, *keys: str) -> None:
        """Names of KEYS, or text typed as it stands."""
        for key in keys:
            self._type(KEYS.get(key, key).encode())
            time.sleep(AFTER_ESC if key == "esc" else BETWEEN_KEYS)

    def text(self) -> str:
        with self._lock:
            return "\n".join(line.rstrip() for line in self.screen.display)

    def lines(self) -> list[str]:
        return self.text().split("\n")

    def line(self, pattern: str) -> str:
        """The first line of the screen in which that is found, "" when there is none."""
        return next((line for line in self.lines() if re.search(pattern, line)), "")

    def cells(self, pattern: str) -> list[Char]:
        """The cells, with their colours, of the first match on the screen; none when there is no match."""
        with self._lock:
            for y, line in enumerate(self.screen.display):
                if found := re.search(pattern, line):
                    return [self.screen.buffer[y][x] for x in range(found.start(), found.end())]
        return []

    def is_faint(self, pattern: str) -> bool:
        """Whether that is on the screen and drawn as what is no longer certain."""
        cells = self.cells(pattern)
        return bool(cells) and all(cell.blink for cell in cells if cell.data != " ")

    def sees(self, *patterns: str, within: float = PATIENCE) -> str:
        """Waits until every regular expression matches the screen; returns the screen. A program that ended is not waited for."""
        self.until(lambda: self._shows(patterns) or self.process.poll() is not None, f"{patterns} on the screen", within)
        if not self._shows(patterns):
            time.sleep(0.3)  # its last words
            assert self._shows(patterns), f"it ended with {self.process.poll()} and never showed {patterns}:\n{self.text()}"
        return self.text()

    def _shows(self, patterns: Sequence[str]) -> bool:
        text = self.text()
        return all(re.search(pattern, text, re.MULTILINE) for pattern in patterns)

    def loses(self, pattern: str, within: float = PATIENCE) -> None:
        self.until(lambda: not re.search(pattern, self.text(), re.MULTILINE), f"{pattern!r} gone from the screen", within)

    def ends(self, within: float = PATIENCE) -> int:
        """Waits for the end of the program; its exit code, negative for a signal."""
        self.until(lambda: self.process.poll() is not None, "the end of the program", within)
        self._let_go()
        self._reader.join(LAST_WORDS)  # what it wrote last is still on its way through the terminal
        code = self.process.returncode
        assert code is not None
        return code

    def left_on(self) -> list[str]:
        """Modes that were switched on and not off again: a clean exit leaves none."""
        with self._lock:
            text = bytes(self.output).decode(errors="replace")
        return [on for on, off in MODES_LEFT_ON.items() if text.rfind("\x1b[" + on) > text.rfind("\x1b[" + off)]

    def is_cooked(self) -> bool:
        """Whether the terminal echoes and takes whole lines, as a shell expects it."""
        modes = termios.tcgetattr(self._terminal)[3]
        return bool(modes & termios.ECHO and modes & termios.ICANON)

    def resize(self, columns: int, rows: int) -> None:
        """As when somebody drags the corner of the window."""
        with self._lock:
            self.screen.resize(rows, columns)
        self._set_size(columns, rows)  # the kernel sends SIGWINCH

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def stall(self) -> None:
        """From now on nobody reads the terminal."""
        self._reading.clear()

    def resume(self) -> None:
        self._reading.set()

    def hang_up(self) -> None:
        """Closes the terminal: the window is gone, SSH has died. The program gets SIGHUP."""
        if not self._is_open:
            return
        self._is_open = False
        self._is_closing = True
        self._reading.set()
        self._reader.join(PATIENCE)
        self._let_go()
        os.close(self._terminal)

    def _let_go(self) -> None:
        if self._tty >= 0:
            os.close(self._tty)
            self._tty = -1

    def kill(self) -> None:
        """SIGKILL: no last word."""
        self.process.kill()
        self.process.wait(10)

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self.hang_up()

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def until(self, holds: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
        end = time.monotonic() + within
        while not holds():
            if time.monotonic() > end:
                raise NotSeen(f"no {what} within {within:.0f} s; instead:\n{self.text()}")
            time.sleep(0.03)

    def never(self, holds: Callable[[], bool], what: str, during: float) -> None:
        """For things that must not happen: watches for that long."""
        end = time.monotonic() + during
        while time.monotonic() < end:
            assert not holds(), f"{what}:\n{self.text()}"
            time.sleep(0.03)


def _without_private(data: bytes) -> bytes:
    """pyte prints the tail of `CSI > …` and `CSI = …` sequences, which terminals take as settings; leave them out."""
    return re.sub(rb"\x1b\[[>=<][0-9;]*[a-zA-Z]", b"", data)
