"""Burrow's rule, for the comparison alone: linkedin/Burrow, core/internal/evaluator/caching.go and core/internal/storage/inmemory.go.

A partition keeps its last ten commits, each with the lag it had against the newest log end known then; log ends are asked for every ten
seconds, and as many are kept. Defaults of its example configuration: intervals 10, min-distance 1, allowed-lag 0, minimum-complete 0.
"""

import itertools
from collections import deque
from typing import Literal, NamedTuple

INTERVALS = 10
MIN_DISTANCE_S = 1.0
ENDS_EVERY_S = 10.0
ALLOWED_LAG = 0

Status = Literal["OK", "WARN", "STOP", "STALL", "REWIND"]


class Stored(NamedTuple):
    at: float
    offset: int
    lag: int


class Partition:
    def __init__(self) -> None:
        self._commits: deque[Stored] = deque(maxlen=INTERVALS)
        self._ends: deque[int] = deque(maxlen=INTERVALS)
        self._ends_at = float("-inf")

    def take_end(self, at: float, end: int) -> None:
        """Called with every known end; only what a request each ten seconds would have seen is taken."""
        if at - self._ends_at >= ENDS_EVERY_S:
            self._ends.append(end)
            self._ends_at = at

    def take_commit(self, at: float, offset: int) -> None:
        if not self._ends:
            return  # a partition whose log end is not known is not stored
        if self._commits and at - self._commits[-1].at < MIN_DISTANCE_S:
            at = self._commits.pop().at
        self._commits.append(Stored(at, offset, max(0, self._ends[-1] - offset)))

    def status(self, now: float) -> Status:
        commits = list(self._commits)
        if not commits or max(0, self._ends[-1] - commits[-1].offset) <= ALLOWED_LAG:
            return "OK"
        if self._is_stopped(commits, now) and not self._was_lag_zero(commits):
            return "STOP"
        if self._is_rewound(commits):
            return "REWIND"
        if any(commit.lag <= ALLOWED_LAG for commit in commits):
            return "OK"
        if all(commit.offset == commits[0].offset for commit in commits):
            return "STALL"
        if all(later.lag >= earlier.lag for earlier, later in itertools.pairwise(commits)):
            return "WARN"
        return "OK"

    @staticmethod
    def _is_stopped(commits: list[Stored], now: float) -> bool:
        return now - commits[-1].at > commits[-1].at - commits[0].at

    def _was_lag_zero(self, commits: list[Stored]) -> bool:
        return any(end <= commits[-1].offset for end in self._ends)

    @staticmethod
    def _is_rewound(commits: list[Stored]) -> bool:
        """An offset went back, and no later one came as far again."""
        return any(
            commits[at].offset < commits[at - 1].offset and all(later.offset < commits[at - 1].offset for later in commits[at:])
            for at in range(1, len(commits))
        )


class Burrow:
    """One group and topic: the worst of its partitions."""

    def __init__(self) -> None:
        self._partitions: dict[int, Partition] = {}

    def partition(self, number: int) -> Partition:
        return self._partitions.setdefault(number, Partition())

    def statuses(self, now: float) -> set[Status]:
        return {partition.status(now) for partition in self._partitions.values()}
