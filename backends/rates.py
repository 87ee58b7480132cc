"""How fast offsets move, from readings that carry their own time. Pure: time is an argument, and nothing here is ever negative or invented.

A counter that went back is a reset: the figures start anew, with a gap, and the reset itself is remembered.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping

from msgspec import Struct

from backends.snapshots import Rates

MIN_SPAN = 1.0  # seconds; two readings closer than this give noise, not a rate
WINDOWS = {"1": 60.0, "5": 300.0, "15": 900.0}  # minutes, as the snapshot names them, and seconds
SHORTEST, LONGEST = min(WINDOWS.values()), max(WINDOWS.values())
SPACING, SPARSE = 5.0, 15.0  # seconds between kept samples: 180 of them fill the longest window, or 60 where there are very many counters
MANY = 5000  # counters of one source
COVER = 0.5  # of a longer window must have been watched before it gets a figure; the shortest begins with two readings
PATIENCE = 2.0  # usual gaps between two commits; a longer silence counts as time in which nothing moved


class Throughput:
    """Records per second of one topic, from its log end offsets in two cycles."""

    def __init__(self) -> None:
        self._at = 0.0
        self._ends: Mapping[int, int] = {}
        self._rate: float | None = None

    def feed(self, at: float, ends: Mapping[int, int | None]) -> float | None:
        """`at` is monotonic. None: no two readings of every partition yet, or one of them went back or was not known."""
        known = {partition: end for partition, end in ends.items() if end is not None}
        span, is_whole = at - self._at, known.keys() == self._ends.keys() == ends.keys()
        moves = [end - self._ends[partition] for partition, end in known.items()] if is_whole else []
        if moves and span < MIN_SPAN and min(moves) >= 0:
            return self._rate
        self._rate = sum(moves) / span if moves and min(moves) >= 0 else None
        self._at, self._ends = at, known
        return self._rate


class Reset(Struct, frozen=True):
    """The offset went back."""

    at: float
    before: int
    after: int


class Track:
    """One counter over the longest window. Times are the counter's own (a commit's, or our reading's when commits carry none)."""

    __slots__ = ("_moves", "_offsets", "_readings", "_spacing", "_times", "reset", "still_since")

    def __init__(self, spacing: float = SPACING) -> None:
        self._spacing = spacing
        self._times = array("d")
        self._offsets = array("q")
        self._readings = 0
        self._moves = 0
        self.still_since = 0.0  # when the offset was first known to be what it is
        self.reset: Reset | None = None

    def feed(self, at: float, offset: int) -> None:
        """A reading with the time of an earlier one says that nothing happened since; it counts as a reading all the same."""
        self._readings += 1
        if not self._times:
            return self._begin(at, offset)
        if offset < self._offsets[-1]:
            self.reset = Reset(at, self._offsets[-1], offset)
            return self._begin(at, offset)
        if at < self._times[-1]:
            return self._begin(at, offset)  # the clock that stamps commits went back
        if at > self._times[-1]:
            self._add(at, offset)
        return None

    @property
    def has_begun(self) -> bool:
        return bool(self._times)

    @property
    def offset(self) -> int:
        return self._offsets[-1]

    @property
    def at(self) -> float:
        return self._times[-1]

    @property
    def has_moved(self) -> bool:
        return self._moves > 0

    @property
    def has_two_readings(self) -> bool:
        return self._readings > 1

    @property
    def gap(self) -> float | None:
        """Seconds that usually pass between two samples."""
        return (self._times[-1] - self._times[0]) / (len(self._times) - 1) if len(self._times) > 1 else None

    @property
    def watched(self) -> float:
        """Seconds between the oldest and the newest sample that are kept."""
        return self._times[-1] - self._times[0]

    def rates(self, silence: float) -> Rates:
        """Records a minute by window. `silence` is how long ago the newest sample was made, by a clock that agrees with its times."""
        return {name: self._rate(window, silence) for name, window in WINDOWS.items()}

    def _rate(self, window: float, silence: float) -> float | None:
        if self._readings < 2:
            return None
        gap = self.gap
        end = self.at + (silence if gap is None or silence > PATIENCE * gap else 0.0)
        base = max(bisect_right(self._times, end - window) - 1, 0)
        span = end - self._times[base]
        if span < (MIN_SPAN if window == SHORTEST else window * COVER) or (gap is None and span < window):
            return None
        return (self.offset - self._offsets[base]) * 60.0 / span

    def _begin(self, at: float, offset: int) -> None:
        self._times, self._offsets = array("d", [at]), array("q", [offset])
        self._moves, self.still_since = 0, at

    def _add(self, at: float, offset: int) -> None:
        if offset > self._offsets[-1]:
            self._moves += 1
            self.still_since = at
        if len(self._times) > 1 and at - self._times[-2] < self._spacing:
            self._times[-1], self._offsets[-1] = at, offset
        else:
            self._times.append(at)
            self._offsets.append(offset)
        old = max(bisect_right(self._times, at - LONGEST) - 1, 0)
        del self._times[:old], self._offsets[:old]


def total(rates: Iterable[Rates]) -> Rates:
    """The sum of what is known, by window; None where nothing is."""
    known = list(rates)
    sums = {name: [rate for each in known if (rate := each[name]) is not None] for name in WINDOWS}
    return {name: sum(found) if found else None for name, found in sums.items()}
