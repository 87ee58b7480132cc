"""Terminals that are absent, odd or gone; and that whatever ends the console gives the terminal back. The console runs on a real pty."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui.app import settle
from tui.options import ConsoleOptions
from tui.terminal import draws_wide, is_gone, unfit

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 20.0  # seconds for a start on a busy machine
ENDS_WITHIN = 5.0

SCRIPT = """
import sys
from tests.tui.scripted import ScriptedLink, incident
from tui.app import Console, run
from tui.options import ConsoleOptions
if "crash" in sys.argv:
    Console.do_pause = lambda self: 1 / 0
sys.exit(run(ScriptedLink(*incident()), ConsoleOptions(mouse="mouse" in sys.argv)))
"""

# What may be left on, and the sequence that turns each off.
MODES = {"screen": b"?1049", "mouse": b"?1000", "motion": b"?1003", "focus": b"?1004", "paste": b"?2004"}


class Session:
    """The console on a pty: keys in, bytes out, the exit code at the end."""

    def __init__(self, *arguments: str) -> None:
        self.written = b""
        self.code: int | None = None
        environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(REPOSITORY)}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(REPOSITORY)
            os.execve(sys.executable, [sys.executable, "-c", SCRIPT, *arguments], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def reads(self, until: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not until() and time.monotonic() < end:
            if not select.select([self.fd], [], [], 0.05)[0]:
                self._look()
                continue
            try:
                data = os.read(self.fd, 1 << 16)
            except OSError:
                data = b""
            if b"\x1b[6n" in data:
                os.write(self.fd, b"\x1b[1;2R")
            self.written += data
            if not data:
                self._look()
        return until()

    def _look(self) -> None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None

    def starts(self) -> None:
        assert self.reads(lambda: b"producer-agent" in self.written, PATIENCE), self.written[-500:]

    def ends(self) -> int:
        assert self.reads(lambda: self.code is not None, ENDS_WITHIN), "it did not end"
        assert self.code is not None
        return self.code

    def press(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def left_on(self) -> list[str]:
        return [
            name for name, mode in MODES.items() if self.written.rfind(b"\x1b[" + mode + b"h") > self.written.rfind(b"\x1b[" + mode + b"l")
        ]

    def close(self) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def session() -> Iterator[Callable[..., Session]]:
    opened: list[Session] = []

    def start(*arguments: str) -> Session:
        opened.append(Session(*arguments))
        opened[-1].starts()
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_gives_the_terminal_back(session: Callable[..., Session], number: signal.Signals) -> None:
    it = session("mouse")
    os.kill(it.pid, number)
    assert it.ends() == 128 + number
    assert it.left_on() == []
    assert it.written.rfind(b"\x1b[?25h") > it.written.rfind(b"\x1b[?25l")


def test_ctrl_c_twice_gives_the_terminal_back(session: Callable[..., Session]) -> None:
    it = session()
    it.press(b"\x03")
    assert it.reads(lambda: b"Ctrl-C again quits" in it.written, ENDS_WITHIN)
    it.press(b"\x03")
    assert it.ends() == 130
    assert it.left_on() == []


def test_a_crash_gives_the_terminal_back_and_says_two_lines(session: Callable[..., Session]) -> None:
    it = session("crash")
    it.press(b"p")
    assert it.ends() == 1
    assert it.left_on() == []
    after = it.written.rpartition(b"\x1b[?25h")[2].decode()
    assert after.strip().splitlines() == [
        "relay-console: the console ended by a bug: ZeroDivisionError('division by zero')",
        "relay-console: the daemon goes on; the log has more (relay-console info says where it is)",
    ]


def test_mouse_reports_are_off_unless_they_are_asked_for(session: Callable[..., Session]) -> None:
    assert b"\x1b[?1003h" not in session().written


def test_a_terminal_that_went_away_ends_the_console(session: Callable[..., Session]) -> None:
    it = session()
    reader = os.dup(it.fd)
    os.close(it.fd)
    os.close(reader)
    end = time.monotonic() + ENDS_WITHIN
    while it.code is None and time.monotonic() < end:
        it._look()
        time.sleep(0.02)
    it.fd = os.open(os.devnull, os.O_RDONLY)
    assert it.code == 128 + signal.SIGHUP


def test_a_terminal_that_does_not_read_does_not_keep_the_console_alive(session: Callable[..., Session]) -> None:
    it = session()
    for _ in range(60):
        it.press(b"12345")
    os.kill(it.pid, signal.SIGTERM)
    end = time.monotonic() + ENDS_WITHIN
    while it.code is None and time.monotonic() < end:
        it._look()
        time.sleep(0.02)
    assert it.code == 128 + signal.SIGTERM


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_draw_is_refused_in_one_line(term: str) -> None:
    reason = unfit({"TERM": term}, input_is_terminal=True, output_is_terminal=True)
    assert reason is not None and "relay-console status" in reason and "\n" not in reason


def test_a_pipe_is_refused_in_one_line() -> None:
    assert "must be a terminal" in (unfit({"TERM": "xterm"}, input_is_terminal=False, output_is_terminal=True) or "")
    assert unfit({"TERM": "xterm"}, input_is_terminal=True, output_is_terminal=True) is None


def probed(answer: bytes) -> bool:
    """What the probe makes of a terminal with that answer: it is asked in a session of its own, whose terminal is ours."""
    pid, fd = pty.fork()
    if pid == 0:
        os._exit(int(draws_wide()))
    try:
        if answer:
            assert select.select([fd], [], [], PATIENCE)[0]
            os.read(fd, 100)
            os.write(fd, answer)
        _, status = os.waitpid(pid, 0)
    finally:
        os.close(fd)
    return bool(os.waitstatus_to_exitcode(status))


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(("answer", "wide"), [(b"\x1b[1;2R", False), (b"\x1b[1;3R", True), (b"\x1b[1;4R", True), (b"", False)])
def test_a_terminal_that_draws_boxes_two_cells_wide_gets_ascii(answer: bytes, wide: bool) -> None:
    assert probed(answer) is wide


def test_a_terminal_without_its_other_end_is_gone() -> None:
    main, side = pty.openpty()
    assert not is_gone(side)
    os.close(main)
    assert is_gone(side)
    os.close(side)


@pytest.mark.parametrize(
    ("term", "drawing"),
    [("xterm-kitty", "braille"), ("foot", "braille"), ("xterm-ghostty", "braille"), ("wezterm", "braille")]
    + [(term, "blocks") for term in ("xterm-256color", "putty-256color", "screen-256color", "tmux-256color", "linux", "")],
)
def test_charts_begin_in_braille_only_where_the_terminal_says_that_it_draws_it(term: str, drawing: str) -> None:
    assert settle(ConsoleOptions(), {"TERM": term}).drawing == drawing
    assert not settle(ConsoleOptions(), {"TERM": term, "NO_COLOR": ""}).no_color
