"""A console as a person has it: a real program on a real pseudo-terminal, keys in, a screen out (emulated by pyte).

`Console` reads in a thread, as a terminal does, so that the program never waits for us; `stall()` stops reading, as a frozen SSH does.
Every wait has a deadline and fails with the screen that was seen instead.
"""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

PATIENCE = 20.0  # seconds; two shared cores, and a Python program has to start
KEYS = {"enter": "\r", "esc": "\x1b", "tab": "\t", "up": "\x1b[A", "down": "\x1b[B", "space": " ", "ctrl+c": "\x03", "ctrl+l": "\x0c"}
MODES_LEFT_ON = {"?1049h": "?1049l", "?1000h": "?1000l", "?1002h": "?1002l", "?1003h": "?1003l", "?25l": "?25h", "?2004h": "?2004l"}


class NotSeen(AssertionError):
    """What was waited for did not come; the message holds the screen."""


class Console:
    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (120, 40), cwd: Path | None = None
    ) -> None:
        columns, rows = size
        self.screen = pyte.Screen(columns, rows)
        self.output = bytearray()
        self._stream = pyte.ByteStream(self.screen)
        self._lock = threading.Lock()
        self._reading = threading.Event()
        self._reading.set()
        self._terminal, tty = pty.openpty()
        fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            arguments,
            stdin=tty,
            stdout=tty,
            stderr=tty,
            env={**environment, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)},
            cwd=cwd,
            preexec_fn=_own_terminal,
        )
        os.close(tty)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            self._reading.wait()
            try:
                data = os.read(self._terminal, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.output += data
                self._answer(data)
                self._stream.feed(_without_private(data))

    def _answer(self, data: bytes) -> None:
        """The questions that a program may ask and pyte does not answer: where is the cursor."""
        for _ in re.findall(rb"\x1b\[6n", data):
            os.write(self._terminal, b"\x1b[%d;%dR" % (self.screen.cursor.y + 1, self.screen.cursor.x + 2))

    def press(self, *keys: str) -> None:
        """Names of KEYS, or text typed as it stands."""
        for key in keys:
            os.write(self._terminal, KEYS.get(key, key).encode())
            time.sleep(0.05)  # a person; also keeps Esc apart from what follows

    def text(self) -> str:
        with self._lock:
            return "\n".join(line.rstrip() for line in self.screen.display)

    def sees(self, *patterns: str, within: float = PATIENCE) -> str:
        """Waits until every regular expression matches the screen; returns the screen."""
        self._wait(lambda: all(re.search(pattern, self.text()) for pattern in patterns), f"{patterns} on the screen", within)
        return self.text()

    def loses(self, pattern: str, within: float = PATIENCE) -> None:
        self._wait(lambda: not re.search(pattern, self.text()), f"{pattern!r} gone from the screen", within)

    def ends(self, within: float = PATIENCE) -> int:
        """Waits for the end of the program; its exit code, negative for a signal."""
        self._wait(lambda: self.process.poll() is not None, "the end of the program", within)
        code = self.process.returncode
        time.sleep(0.2)  # what it wrote last is still on its way through the terminal
        assert code is not None
        return code

    def left_on(self) -> list[str]:
        """Modes that were switched on and not off again: a clean exit leaves none."""
        with self._lock:
            text = bytes(self.output).decode(errors="replace")
        return [on for on, off in MODES_LEFT_ON.items() if text.rfind("\x1b[" + on) > text.rfind("\x1b[" + off)]

    def stall(self) -> None:
        """From now on nobody reads the terminal."""
        self._reading.clear()

    def resume(self) -> None:
        self._reading.set()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)
        self._reading.set()
        os.close(self._terminal)

    def __enter__(self) -> "Console":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(self, holds: Callable[[], bool], what: str, within: float) -> None:
        end = time.monotonic() + within
        while not holds():
            if time.monotonic() > end:
                raise NotSeen(f"no {what} within {within:.0f} s; instead:\n{self.text()}")
            time.sleep(0.05)


def _own_terminal() -> None:
    """In the child: a session of its own whose controlling terminal is ours, so that closing it hangs the program up."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _without_private(data: bytes) -> bytes:
    """pyte prints the tail of `CSI > …` and `CSI = …` sequences, which terminals take as settings; leave them out."""
    return re.sub(rb"\x1b\[[>=<][0-9;]*[a-zA-Z]", b"", data)
