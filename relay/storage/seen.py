"""Which process numbers were stored, and with what content: the memory against storing twice. No I/O, no clock.

One dictionary answers in one step: number -> batch << 64 | digest of the line. A batch greater than `settled` is still on its way to
the disk: its records are pending, and a duplicate of one must share its fate. Batches settle in order; a lost batch takes its numbers
with it, so whatever is in the dictionary with a settled batch is on disk.
Bounded by count and by age: numbers are kept in runs of a sixty-fourth of either, and the oldest run is forgotten whole. At least `most`
numbers are remembered, at most `most` and one run.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from xxhash import xxh3_64_intdigest

DIGEST_BITS: Final = 64
DIGEST_MASK: Final = (1 << DIGEST_BITS) - 1
RUNS: Final = 64  # a run of a million numbers is 16,000: forgetting it takes 2 ms

# 64 bits of a line. Two different lines under one number are taken for the same once in 2^64; a partner who looks for such a pair fools
# himself alone. A cryptographic sum would cost a tenth of the relay's whole work for a record.
digest: Final = xxh3_64_intdigest


class Seen:
    __slots__ = ("_first_at", "_keep_s", "_most", "_remembered", "_run", "_run_at", "_run_most", "_runs", "collecting", "known", "settled")

    def __init__(self, keep_s: float, most: int) -> None:
        self._keep_s = keep_s
        self._most = most
        self._run_most = max(1, most // RUNS)
        self._runs: deque[tuple[float, list[bytes]]] = deque()  # time of the newest in it, numbers
        self._run: list[bytes] = []
        self._run_at = 0.0
        self._first_at = 0.0
        self._remembered = 0  # numbers in all runs
        self.known: dict[bytes, int] = {}  # a session inserts `collecting << 64 | digest` by setdefault
        self.collecting = 1
        self.settled = 0

    @property
    def most(self) -> int:
        return self._most

    def __len__(self) -> int:
        return len(self.known)

    def is_pending(self, value: int) -> bool:
        return value >> DIGEST_BITS > self.settled

    def begin(self) -> int:
        """The batch that collected is closed; what comes now belongs to the next, whose number this returns."""
        self.collecting += 1
        return self.collecting

    def stored(self, batch: int, keys: Sequence[bytes], now: float) -> None:
        """The batch is on disk."""
        self.settled = batch
        self._remember(keys, now)
        self.expire(now)

    def lost(self, batch: int, keys: Iterable[bytes]) -> None:
        """The batch is not on disk: its numbers were never seen."""
        self.settled = batch
        for key in keys:
            self.known.pop(key, None)

    def _remember(self, keys: Sequence[bytes], now: float) -> None:
        if self._run and (len(self._run) >= self._run_most or now - self._first_at > self._keep_s / RUNS or now < self._first_at):
            self._runs.append((self._run_at, self._run))
            self._run = []
        if not self._run:
            self._first_at = now
        self._run.extend(keys)
        self._remembered += len(keys)
        self._run_at = now

    def expire(self, now: float) -> None:
        runs = self._runs
        while runs and (now - runs[0][0] > self._keep_s or len(self.known) - len(runs[0][1]) >= self._most):
            self._forget(runs.popleft()[1])
        if not runs and self._run and now - self._run_at > self._keep_s:
            self._forget(self._run)
            self._run = []

    def _forget(self, keys: Sequence[bytes]) -> None:
        self._remembered -= len(keys)
        for key in keys:
            self.known.pop(key, None)

    def audit(self, storing: Sequence[bytes], collecting: Sequence[bytes]) -> int:
        """Before a batch settles. A number that stands in the dictionary and in no batch (an exception fell between the two) would make
        its record's resending look like a duplicate of something that was never stored: such numbers are taken out. Returns how many."""
        if len(self.known) == self._remembered + len(storing) + len(collecting):
            return 0
        batched = {*storing, *collecting}
        stray = [key for key, value in self.known.items() if self.is_pending(value) and key not in batched]
        for key in stray:
            del self.known[key]
        return len(stray)

    def restore(self, keys: Sequence[bytes], digests: Sequence[int], at: float, now: float) -> bool:
        """For the start, called with the newest first: the first word about a number is the right one. What is too old is left out.

        False when no more is wanted.
        """
        if len(self.known) >= self._most:
            return False
        if now - at > self._keep_s:
            return True
        fresh = []
        for key, value in zip(keys, digests, strict=True):
            if self.known.setdefault(key, value) is value:
                fresh.append(key)
        if fresh:
            self._runs.appendleft((at, fresh))
            self._remembered += len(fresh)
        return True
