"""How fast offsets move, from readings that carry their own time. Pure: time is an argument, and nothing here is ever negative or invented.

A counter that went back is a reset: the figures start anew, with a gap, and the reset itself is remembered.
"""

from collections.abc import Mapping

MIN_SPAN = 1.0  # seconds; two readings closer than this give noise, not a rate


class Throughput:
    """Records per second of one topic, from its log end offsets in two cycles."""

    def __init__(self) -> None:
        self._at = 0.0
        self._ends: Mapping[int, int] = {}
        self._rate: float | None = None

    def feed(self, at: float, ends: Mapping[int, int | None]) -> float | None:
        """`at` is monotonic. None: no two readings of every partition yet, or one of them went back or was not known."""
        known = {partition: end for partition, end in ends.items() if end is not None}
        span = at - self._at
        if known.keys() == self._ends.keys() == ends.keys() and span < MIN_SPAN:
            return self._rate
        self._rate = None
        if known and known.keys() == self._ends.keys() == ends.keys():
            moves = [end - self._ends[partition] for partition, end in known.items()]
            self._rate = sum(moves) / span if min(moves) >= 0 else None
        self._at, self._ends = at, known
        return self._rate
