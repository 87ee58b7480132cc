"""One consumer over time: what was read of it becomes rates, lag and a verdict. Pure: `now` and all times are arguments.

Commits of znodes carry their own time, and rates are counted with it; offsets of groups carry none, and the time of our reading stands in.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

from msgspec import Struct

from backends.offset_verdicts import REWOUND_S, STALLED_S, Standing, explain, judge, overall, siblings_text
from backends.rates import MIN_GROWTH_S, WINDOWS, Track, is_growing, total
from backends.snapshots import Consumer, ConsumerPartition, Rates, Verdict
from backends.wording import count, span

N = TypeVar("N", int, float)

MAX_LAGS = 64  # readings of lag kept for a trend
LAG_WINDOW_S = 300.0


class Observation(Struct, frozen=True):
    """One reading of one consumer. `committed_at` by partition; absent where commits carry no time."""

    name: str
    layout: Literal["csv", "consumers", "group"]
    topic: str | None
    offsets: Mapping[int, int]
    committed_at: Mapping[int, float] = {}
    ends: Mapping[int, int] = {}  # asked for after the offsets, so that a lag is never negative by haste
    bad_pairs: int = 0
    bad_sample: str | None = None
    has_members: bool = True
    note: str = ""  # what could not be read


class _Partition:
    """What is remembered of one partition."""

    def __init__(self) -> None:
        self.track, self.ends = Track(), Track()
        self.lags: deque[tuple[float, int]] = deque(maxlen=MAX_LAGS)
        self.committed_at: float | None = None
        self.end: int | None = None  # of this reading
        self.heard_at: float | None = None  # our clock, when a newer commit was last seen; None: only the first one was
        self.moved_at = float("-inf")  # our clock, when the offset was last seen to move

    def feed(self, offset: int, committed_at: float | None, end: int | None, now: float) -> None:
        at = committed_at if committed_at is not None else now
        if self.track.has_begun and at > self.track.at:
            self.heard_at = now
        if self.track.has_begun and offset != self.track.offset:
            self.moved_at = now
        self.track.feed(at, offset)
        self.committed_at = committed_at
        self.end = end
        if end is not None:
            self.ends.feed(now, end)
        if (lag := self.lag) is not None:
            self.lags.append((now, lag))
        while self.lags and now - self.lags[0][0] > LAG_WINDOW_S:
            self.lags.popleft()

    @property
    def lag(self) -> int | None:
        """None where the log end is not known, or lies before the offset: then it is not this log's offset."""
        return self.end - self.track.offset if self.end is not None and self.end >= self.track.offset else None

    def silence(self, now: float) -> float:
        """Seconds since the newest sample. The server's clock may differ from ours: what we saw ourselves is believed before it."""
        by_its_clock = max(0.0, now - self.track.at)
        return by_its_clock if self.heard_at is None else min(by_its_clock, now - self.heard_at)

    def time_lag(self, now: float) -> float | None:
        """Seconds since the record at the offset was the newest; None before what we watched."""
        if self.lag == 0:
            return 0.0
        written_at = self.ends.crossed(self.track.offset) if self.lag is not None else None
        return None if written_at is None else max(0.0, now - written_at)

    def standing(self, number: int, allowed: int, has_members: bool, now: float) -> Standing:
        track, silence = self.track, self.silence(now)
        still = silence + track.at - track.still_since
        is_timed, reset = self.committed_at is not None, track.reset
        if reset is not None and (track.offset >= reset.before or now - reset.at > REWOUND_S):
            reset = None
        return Standing(
            partition=number,
            silence=silence if is_timed else 0.0 if has_members else still,
            still=still,
            has_moved=track.has_moved,
            is_first=not track.has_two_readings,
            gap=track.gap if is_timed else None,
            move_gap=track.move_gap,
            lag=self.lag,
            allowed=allowed,
            growing=is_growing(list(self.lags)),
            reset=reset,
            beyond=self.end if self.end is not None and self.end < track.offset else None,
        )


class Consumption:
    """Feed it every reading; ask it for the consumer as it stands."""

    def __init__(self, allowed_lag: int = 0) -> None:
        self._allowed = allowed_lag
        self._partitions: dict[int, _Partition] = {}
        self._seen: Observation | None = None

    def feed(self, seen: Observation, now: float) -> None:
        """A partition that is no longer there is forgotten; a reading that could not be made changes nothing but its note."""
        self._seen = seen
        if seen.note and not seen.offsets:
            return
        self._partitions = {number: self._partitions.get(number) or _Partition() for number in sorted(seen.offsets)}
        for number, partition in self._partitions.items():
            partition.feed(seen.offsets[number], seen.committed_at.get(number), seen.ends.get(number), now)

    def moving(self, now: float) -> int:
        """How many partitions moved a moment ago."""
        return sum(now - partition.moved_at <= STALLED_S for partition in self._partitions.values())

    def consumer(self, now: float, moving_siblings: int) -> Consumer:
        """`moving_siblings`: other consumers of the same source with partitions that move."""
        seen, moving = self._seen or Observation("", "csv", None, {}), self.moving(now)
        standings = [each.standing(number, self._allowed, seen.has_members, now) for number, each in self._partitions.items()]
        verdicts = [judge(each, each.has_moved if moving else moving_siblings > 0) for each in standings]
        details = tuple(
            _detail(number, partition, verdict, now)
            for (number, partition), verdict in zip(self._partitions.items(), verdicts, strict=True)
        )
        whole: Verdict = overall(verdicts) if seen.offsets else "UNKNOWN"
        lag = _all([each.lag for each in details], sum)
        rates = total(each.records_per_min for each in details)
        blamed = [standing for standing, verdict in zip(standings, verdicts, strict=True) if verdict == whole]
        because = explain(whole, blamed, len(standings), siblings_text(moving, moving_siblings)) if seen.offsets else ""
        speed = _speed(details, rates, self._watched(now))
        sentences = (because or _lag_text(details), speed, self._catching_up(), _faults(seen))
        return Consumer(
            name=seen.name,
            layout=seen.layout,
            topic=seen.topic,
            partitions=len(details),
            records_per_min=rates,
            lag=lag,
            time_lag_s=_all([each.time_lag(now) for each in self._partitions.values()], max),
            verdict=whole,
            reason="; ".join(filter(None, sentences)) or "it moves",
            bad_pairs=seen.bad_pairs,
            bad_sample=seen.bad_sample,
            detail=details,
            committed_at=max((each.committed_at for each in details if each.committed_at is not None), default=None),
        )

    def _watched(self, now: float) -> float:
        """Seconds that the rates are of, at most: the longest that any partition was watched."""
        return max((each.track.watched + each.silence(now) for each in self._partitions.values()), default=0.0)

    def _catching_up(self) -> str:
        """When the lag will be gone, if it goes on shrinking as in the last minutes."""
        trends = [partition.lags for partition in self._partitions.values() if len(partition.lags) > 1]
        if not trends or len(trends) < len(self._partitions):
            return ""
        left, shrunk = sum(lags[-1][1] for lags in trends), sum(lags[0][1] - lags[-1][1] for lags in trends)
        seconds = max(lags[-1][0] - lags[0][0] for lags in trends)
        return f"caught up in {span(left * seconds / shrunk)}" if left > self._allowed and shrunk > 0 and seconds >= MIN_GROWTH_S else ""


def _detail(number: int, partition: _Partition, verdict: Verdict, now: float) -> ConsumerPartition:
    return ConsumerPartition(
        partition=number,
        offset=partition.track.offset,
        committed_at=partition.committed_at,
        end=partition.end,
        lag=partition.lag,
        records_per_min=partition.track.rates(partition.silence(now)),
        verdict=verdict,
    )


def _all(figures: Sequence[N | None], whole: Callable[[Sequence[N]], N]) -> N | None:
    """A sum or a maximum of what is only partly known is not known."""
    known = [figure for figure in figures if figure is not None]
    return whole(known) if known and len(known) == len(figures) else None


def _lag_text(details: Sequence[ConsumerPartition]) -> str:
    """Of all partitions, or of those whose log end is known."""
    lags = [each.lag for each in details if each.lag is not None]
    if not lags:
        return ""
    return (f"lag {sum(lags):,}" if sum(lags) else "no lag") + (
        f" in {len(lags)} of {len(details)} partitions" if len(lags) < len(details) else ""
    )


def _speed(details: Sequence[ConsumerPartition], rates: Rates, watched: float) -> str:
    """The rate of the shortest window that has one, over the time it really is of, and how many partitions it is of."""
    window, rate = next(((window, rate) for window, rate in rates.items() if rate is not None), ("", None))
    if rate is None:
        return ""
    known = sum(each.records_per_min[window] is not None for each in details)
    partly = f" ({known} of {len(details)} partitions)" if known < len(details) else ""
    return f"{rate:,.0f} records/min over {span(min(WINDOWS[window], watched))}{partly}"


def _faults(seen: Observation) -> str:
    faults = [seen.note]
    if seen.bad_pairs:
        faults.append(f"{count(seen.bad_pairs, 'bad pair')}, the first is {seen.bad_sample!r}")
    elif not seen.offsets and not seen.note:
        faults.append("there are no offsets in it")
    return "; ".join(filter(None, faults))
