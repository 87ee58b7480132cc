"""What was read of one partition, as it was read: when, the offset, the log end. Pure. Readings are left out, never made up.

The clock is ours. What is asked of the past (how old is the next record, does the lag grow) is answered inside what was watched,
or not at all.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from operator import sub

from msgspec import Struct

from backends.questions import MAX_POINTS, Point

KEPT_S = 3600.0  # an hour of the past
MAX_KEPT = 480_000  # readings of one source: 2,000 partitions have MAX_POINTS each, 12 MB; more partitions have fewer
UNREAD = -1  # stands for a log end that was not known

TREND_S = 300.0  # seconds over which a lag must grow: less is a burst
TREND_GAPS = 3.0  # ... and so many usual waits for a move: a lag swings with every commit
MIN_LAGS, MIN_TREND_S = 6, 120.0  # readings and seconds below which nothing is said of a lag's trend
GROWTH_S = 30.0  # a lag has grown when it did by what is written in so many seconds: more traffic alone makes it larger
SWING = 2.0  # kept readings between two moves: then a lag swings, and its floors are looked at
WIDER = 1.1  # than a usual wait: one move at least lies in each stretch
NEARLY = 0.9  # of that stretch, as readings do not come at its very ends; of the highest lag, or it is on its way down
GROWTH_RECORDS = 10  # ... and by so many records: on a quiet topic one is nothing


def spacing_for(partitions: int) -> float:
    """Seconds between kept readings, so that all partitions of a source have room."""
    return max(KEPT_S / MAX_POINTS, KEPT_S * partitions / MAX_KEPT)


class Trend(Struct, frozen=True):
    """How a lag changed over the seconds it was looked at."""

    grows: bool
    shrinks: bool
    rises: bool  # a moment ago
    per_s: float
    seconds: float


class Readings:
    """The newest reading is always kept; the ones before it at the spacing."""

    __slots__ = ("_ats", "_end", "_ends", "_log_since", "_offsets", "_spacing", "_steady_since")

    def __init__(self, spacing: float = KEPT_S / MAX_POINTS) -> None:
        self._spacing = spacing
        self._ats, self._offsets, self._ends = array("d"), array("q"), array("q")
        self._steady_since = float("-inf")  # readings before it are of another place in the log
        self._log_since = float("-inf")  # ... and before this one of another log
        self._end = UNREAD  # the newest that was known

    def feed(self, at: float, offset: int, end: int | None) -> None:
        if self._ats and at < self._ats[-1]:  # our clock was set back
            del self._ats[:], self._offsets[:], self._ends[:]
        is_other_log = end is not None and end < self._end
        if is_other_log:
            self._log_since = at
        if self._offsets and (is_other_log or offset < self._offsets[-1]):
            self._steady_since = at
        self._end = self._end if end is None else end
        if self._ats and (at == self._ats[-1] or (len(self._ats) > 1 and self._ats[-1] - self._ats[-2] < self._spacing)):
            self._ats[-1], self._offsets[-1], self._ends[-1] = at, offset, UNREAD if end is None else end
        else:
            self._ats.append(at)
            self._offsets.append(offset)
            self._ends.append(UNREAD if end is None else end)
        if at - self._ats[0] > KEPT_S:
            old = bisect_left(self._ats, at - KEPT_S)
            del self._ats[:old], self._offsets[:old], self._ends[:old]

    def renew(self, at: float) -> None:
        """Another log begins with the next reading."""
        self._log_since = self._steady_since = at
        self._end = UNREAD

    def points(self, most: int) -> tuple[Point, ...]:
        """At most so many, the oldest and the newest among them."""
        known, step = len(self._ats), 0.0
        most = max(1, min(most, MAX_POINTS))
        if known > most > 1:
            step = (known - 1) / (most - 1)
        chosen = [round(number * step) for number in range(most)] if step else range(max(0, known - most), known)
        return tuple(Point(self._ats[at], self._offsets[at], None if self._ends[at] == UNREAD else self._ends[at]) for at in chosen)

    def written_at(self, offset: int) -> float | None:
        """When the record at `offset` was written: between two readings of the log end, by proportion. None: before what was watched."""
        high, high_at = UNREAD, 0.0
        for at in range(len(self._ends) - 1, -1, -1):
            end = self._ends[at]
            if end == UNREAD:
                continue
            if self._ats[at] < self._log_since or (high != UNREAD and end > high):
                return None  # the log is another one since
            if end <= offset:
                low_at = self._ats[at]
                return None if high == UNREAD else low_at + (high_at - low_at) * (offset - end) / (high - end)
            high, high_at = end, self._ats[at]
        return None

    def watched_since(self) -> float | None:
        """The oldest reading of a log end."""
        known = zip(self._ats, self._ends, strict=True)
        return next((at for at, end in known if end != UNREAD and at >= self._log_since), None)

    def trend(self, usual_wait: float, now: float) -> Trend | None:
        """Over the shortest stretch that shows one, from TREND_S upward. None: too few readings."""
        least = max(TREND_S, TREND_GAPS * usual_wait)
        first, seconds = bisect_left(self._ats, self._steady_since), least
        near = found = self._trend(max(first, bisect_left(self._ats, now - seconds)), least, usual_wait)
        while found is not None and near is not None and not (found.grows or found.shrinks) and self._ats[first] < now - seconds:
            seconds *= 2
            found = self._trend(max(first, bisect_left(self._ats, now - seconds)), least, usual_wait)
            if found is not None and found.grows and not near.rises:
                return near  # it grew for long, and does no more
        return found

    def _trend(self, begin: int, least: float, usual_wait: float) -> Trend | None:
        ats, offsets, ends = self._ats[begin:], self._offsets[begin:], self._ends[begin:]
        if UNREAD in ends:
            known = [number for number, end in enumerate(ends) if end != UNREAD]
            ats = array("d", [ats[number] for number in known])
            offsets, ends = (array("q", [each[number] for number in known]) for each in (offsets, ends))
        if len(ats) < MIN_LAGS or (seconds := ats[-1] - ats[0]) < MIN_TREND_S:
            return None
        lags = list(map(sub, ends, offsets))  # below 0 only while an offset lies beyond its log, and then it is not asked for
        swings = usual_wait > SWING * seconds / len(lags)
        floors = _floors(ats, lags, usual_wait) if swings else lags
        is_known = len(floors) >= MIN_LAGS
        floors = floors if is_known else lags
        half, quarter = len(floors) // 2, len(floors) // 4
        older, newer = floors[:half], floors[half:]
        late, later = sum(floors[-2 * quarter : -quarter]), sum(floors[-quarter:])
        grown, much = floors[-1] - floors[0], max(GROWTH_RECORDS, GROWTH_S * (ends[-1] - ends[0]) / seconds)
        rises = later > late and (not is_known or floors[-1] >= NEARLY * max(floors[-quarter:]))
        grows = min(newer) > max(older) and rises and grown >= much and seconds >= least * NEARLY
        return Trend(grows, max(newer) < min(older) and later < late, rises, grown / seconds, seconds)


def _floors(ats: Sequence[float], lags: Sequence[int], usual_wait: float) -> list[int]:
    """The least lag of each stretch in which it usually moves once: what is left right after a commit."""
    floors: list[int] = []
    until = float("-inf")
    for at, lag in zip(ats, lags, strict=True):
        if at >= until:
            floors.append(lag)
            until = at + usual_wait * WIDER
        elif lag < floors[-1]:
            floors[-1] = lag
    return floors[:-1] if len(floors) > 1 and ats[-1] < until - usual_wait * WIDER / 2 else floors
