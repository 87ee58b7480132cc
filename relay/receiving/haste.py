"""Whether the loop may commit a batch itself instead of handing it to the writer thread. Pure: durations and times in, a yes or no out.

A hand-over wakes two threads, some 50 us each, which then fight for the interpreter; a quick disk syncs in little more. But while the loop
waits for the disk nobody is served. So it commits itself only while that is quick: after a commit that took longer than SLOW the thread
does it, for so long that slow ones cost the loop no more than one part in SHARE of its time; after one that failed for a while longer.
Then the loop tries again. The worst case is the first slow commit: if the disk hangs, the loop hangs as long, that once. Hence only a
relay with one receiver, which stores in files, is in haste: no other receiver's partners wait for its disk.
"""

from typing import Final

SLOW: Final = 0.003  # seconds of a commit; measured: with 1 ms each to wait for, the loop still does better than two threads
SHARE: Final = 20  # a commit of 5 ms gives the thread the next 100 ms, one of 2 s the next 40 s
AFTER_FAILURE: Final = 10.0  # seconds


class Haste:
    """One for all receivers of a relay; each of them is entered. `now` is monotonic."""

    def __init__(self) -> None:
        self._receivers = 0
        self._not_before = 0.0
        self._minute: int | None = None

    def enter(self) -> None:
        self._receivers += 1

    def leave(self) -> None:
        self._receivers -= 1

    def is_allowed(self, now: float, minute: int) -> bool:
        """The first batch of a minute begins a file, with several syncs: that is for the thread."""
        return self._receivers == 1 and minute == self._minute and now >= self._not_before

    def began(self, minute: int) -> None:
        """A batch goes to the disk, whoever takes it there."""
        self._minute = minute

    def took(self, seconds: float, now: float) -> None:
        """A commit in the loop, which ended now."""
        if seconds > SLOW:
            self._not_before = max(self._not_before, now + seconds * SHARE)

    def failed(self, now: float) -> None:
        """A commit anywhere."""
        self._not_before = max(self._not_before, now + AFTER_FAILURE)
