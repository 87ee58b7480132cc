"""What the lab says while it works, on standard error: standard output belongs to the answers."""

import sys
import time


def say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


class Progress:
    """A count that grows: one line drawn over itself on a terminal, a new line every few seconds elsewhere."""

    def __init__(self, subject: str, expected_mb: float) -> None:
        self._subject = subject
        self._expected_mb = expected_mb
        self._drawn_at = 0.0
        self._is_terminal = sys.stderr.isatty()

    def show(self, done_mb: float) -> None:
        now = time.monotonic()
        if now - self._drawn_at < (0.2 if self._is_terminal else 3.0):
            return
        self._drawn_at = now
        end = "" if self._is_terminal else "\n"
        start = "\r" if self._is_terminal else ""
        print(f"{start}lab: {self._line(done_mb)}", end=end, file=sys.stderr, flush=True)

    def _line(self, done_mb: float) -> str:
        return f"{self._subject}: {done_mb:.1f} of about {self._expected_mb:.0f} MB"

    def end(self, done_mb: float, seconds: float) -> None:
        start = "\r" if self._is_terminal else ""
        print(f"{start}lab: {self._subject}: {done_mb:.1f} MB in {seconds:.0f} s      ", file=sys.stderr, flush=True)
