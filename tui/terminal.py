"""The terminal as a thing that may be absent, odd, stalled or gone: checks before the screen starts, and a way out that always works."""

import contextlib
import os
import re
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Mapping
from types import FrameType
from typing import Final

from tui.chart import Drawing

LAST_WAY_OUT: Final = 2.0  # seconds that a clean exit may take (it needs a tenth); a terminal that is stalled does not let it finish
PROBE_TIMEOUT: Final = 0.3  # seconds; the farthest terminal over SSH answers within this, one that does not know the question never

# What Textual turns on, turned off: application screen, mouse, focus, paste and resize reports, keyboard protocol; cursor and wrap on.
RESTORE: Final = (
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b[?2026l\x1b[<u\x1b[?7h\x1b[0m\x1b[?1049l\x1b[?25h"
)

DRAWS_BRAILLE: Final = ("kitty", "foot", "ghostty", "wezterm", "contour")  # as TERM has them, which SSH carries along

PLAIN = "for plain text use: relay-console status"


def unfit(environment: Mapping[str, str], *, input_is_terminal: bool, output_is_terminal: bool) -> str | None:
    """Why the console cannot be drawn here, and what to use instead; None when it can."""
    if not input_is_terminal or not output_is_terminal:
        return f"standard input and standard error must be a terminal for the console; {PLAIN}"
    term = environment.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return f"TERM={term or '(not set)'} cannot draw a screen; set TERM to your terminal's type, such as xterm-256color, or {PLAIN}"
    return None


def draws_wide() -> bool:
    """Whether this terminal gives box characters two cells (set for East Asian text), or cannot show them: then only ASCII is drawn.

    Asks the terminal where its cursor is after one such character; no answer means that all is as usual.
    """
    try:
        fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return False
    try:
        saved = termios.tcgetattr(fd)
        try:
            tty.setcbreak(fd, termios.TCSANOW)
            os.write(fd, "\r─\x1b[6n".encode())
            column = _column(fd)
            os.write(fd, b"\r\x1b[K")
        finally:
            termios.tcsetattr(fd, termios.TCSANOW, saved)
    except (OSError, termios.error):
        return False
    finally:
        os.close(fd)
    return column is not None and column != 2


def drawing(environment: Mapping[str, str]) -> Drawing:
    """How charts are drawn to begin with. Braille where the terminal names itself as one that draws it whatever its font has; blocks
    elsewhere, for whether a font has braille cannot be asked: a missing one is as wide, and PuTTY, Windows and tmux hide behind `xterm`
    and `screen`."""
    term = environment.get("TERM", "")
    return "braille" if any(name in term for name in DRAWS_BRAILLE) else "blocks"


def _column(fd: int) -> int | None:
    """Of the terminal's answer, or None after PROBE_TIMEOUT."""
    answer = b""
    until = time.monotonic() + PROBE_TIMEOUT
    while (left := until - time.monotonic()) > 0:
        if not select.select([fd], [], [], left)[0]:
            break
        answer += os.read(fd, 64)
        if found := re.search(rb"\x1b\[\d+;(\d+)R", answer):
            return int(found[1])
    return None


def is_gone(fd: int) -> bool:
    """The other end of the terminal is no more: SSH died without a word."""
    poll = select.poll()
    poll.register(fd, 0)
    try:
        return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))
    except OSError:
        return True


def forget_unsent() -> None:
    """What a terminal that is gone cannot take must not fail when Python ends: it would end with 120, whatever we wanted to say."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


class WayOut:
    """Ends the process at the latest LAST_WAY_OUT seconds after `arm`, with the terminal given back as well as it can be."""

    def __init__(self) -> None:
        self._saved: list[object] | None = None
        with contextlib.suppress(termios.error, OSError, ValueError):
            self._saved = termios.tcgetattr(sys.__stdin__.fileno()) if sys.__stdin__ is not None else None
        self._code = 1

    def arm(self, code: int) -> None:
        self._code = code
        signal.signal(signal.SIGALRM, self._leave)
        signal.setitimer(signal.ITIMER_REAL, LAST_WAY_OUT)

    def disarm(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def restore(self) -> None:
        """Writes what it can without waiting: a stalled terminal takes no bytes, and must not keep us."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            fd = sys.__stderr__.fileno()  # type: ignore[union-attr]
            os.set_blocking(fd, False)
            os.write(fd, RESTORE.encode())
        with contextlib.suppress(OSError, ValueError, AttributeError, termios.error):
            if self._saved is not None:
                termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, self._saved)  # type: ignore[union-attr,arg-type]

    def _leave(self, number: int, frame: FrameType | None) -> None:
        self.restore()
        os._exit(self._code)
