"""A terminal that measures: starts a program on a pseudo-terminal, answers what terminals answer, counts bytes, CPU seconds and memory.

Linux only (/proc). It draws nothing: what is on the screen is the business of tests.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
ENDS_WITHIN = 5.0  # seconds a program gets to end before it is killed

# What a modern terminal answers: where its cursor is, what it is, and that it can hold a frame back until it is whole.
ANSWERS = (
    (b"\x1b[6n", b"\x1b[1;2R"),
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[?2026$p", b"\x1b[?2026;2$y"),
    (b"\x1b[?2048$p", b"\x1b[?2048;0$y"),
)


class Terminal:
    def __init__(self, program: Sequence[str], columns: int = 120, rows: int = 40, environment: Mapping[str, str] | None = None) -> None:
        variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8", **(environment or {})}
        for name in ("TMUX", "STY", "NO_COLOR", "COLUMNS", "LINES"):
            variables.pop(name, None)
        self.written = bytearray()
        self.began = time.monotonic()
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            time.sleep(0.05)  # until the size is set
            os.execvpe(program[0], list(program), variables)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.exit: int | None = None

    def watch(self, seconds: float, *, until: bytes | None = None) -> int:
        """Reads for that long, or until those bytes came; returns how many bytes came."""
        before = len(self.written)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self.exit is None:
            if select.select([self._fd], [], [], min(left, 0.05))[0] and not self._read():
                break
            if until is not None and until in self.written:
                break
        return len(self.written) - before

    def _read(self) -> bool:
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:
            data = b""
        if not data:
            self._reap()
            return False
        self.written += data
        for question, answer in ANSWERS:
            os.write(self._fd, answer * data.count(question))
        return True

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def cpu(self) -> float:
        """CPU seconds the program has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> float:
        """Resident MiB at its peak."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def close(self) -> int | None:
        """Ends the program if it has not ended; returns its exit code."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.exit is None:
                os.kill(self.pid, number)
                self.watch(ENDS_WITHIN)
                self._reap()
        os.close(self._fd)
        return self.exit

    def _reap(self) -> None:
        end = time.monotonic() + 1
        while self.exit is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit = os.waitstatus_to_exitcode(status)
            else:
                time.sleep(0.01)
