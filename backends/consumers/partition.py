"""What is remembered of one partition of one consumer, and how it stands at a moment. Pure: `now` and all times are arguments."""

from backends.consumers.habit import Habit
from backends.consumers.readings import Readings, Trend, spacing_for
from backends.consumers.steady import Steady
from backends.consumers.verdicts import GAPS, REWOUND_S, STALLED_S, Standing
from backends.rates import MANY, SPACING, SPARSE, Track
from backends.snapshots import Verdict

ABSENCE = 5.0  # usual pauses between our readings: what happened in a longer one of ours says nothing of the consumer's habits
BEYOND_READINGS = 2  # a new leader may know the end of its log a moment later than the consumer
TROUBLE: frozenset[Verdict | None] = frozenset({"STALLED", "STOPPED"})


class Partition:
    """Feed it every reading. `partitions` of the whole source share one memory: the more there are, the fewer readings each keeps."""

    __slots__ = (
        "_ahead", "_began_at", "_gaps", "_heard_at", "_left_over", "_read_at", "_reset_at", "_same_commits", "_step", "_waits",
        "_working_since", "_written_at", "committed_at", "end", "moved_at", "readings", "steady", "track", "trend",
    )  # fmt: skip

    def __init__(self, partitions: int) -> None:
        self.track = Track(SPACING if partitions <= MANY else SPARSE)
        self.readings = Readings(spacing_for(partitions))
        self.steady = Steady()
        self.committed_at: float | None = None
        self.end: int | None = None  # of this reading
        self.trend: Trend | None = None  # of this reading's lag
        self.moved_at = float("-inf")  # our clock, when the offset was last seen to move
        self._heard_at: float | None = None  # our clock, when a newer commit was last seen; None: only the first one was
        self._working_since: float | None = None
        self._began_at = self._reset_at = float("-inf")
        self._read_at: float | None = None
        self._written_at: float | None = None  # the record at the offset
        self._step: float | None = None  # the shortest pause between two readings
        self._same_commits = 0
        self._ahead = 0  # readings in a row in which the offset lay beyond the log end
        self._left_over: int | None = None  # the offset that was committed when its topic was recreated, as long as it is no other
        self._gaps, self._waits = Habit(), Habit()

    def feed(self, offset: int, committed_at: float | None, end: int | None, allowed: int, now: float) -> list[str]:
        """What happened since the reading before, in words that follow the partition's number."""
        if self._left_over is not None and offset != self._left_over:
            self._left_over = None
        told = self._news(offset, end) if self.track.has_begun else []
        if self.track.has_begun:
            self._learn(offset, committed_at, now)
        else:
            self._began_at = now
        self.track.feed(now if committed_at is None else committed_at, offset)
        self.readings.feed(now, offset, end)
        self.committed_at, self.end, self._read_at = committed_at, end, now
        self._ahead = self._ahead + 1 if end is not None and end < offset else 0
        has_work = (lag := self.lag) is not None and lag > allowed
        self._working_since = (self._working_since if self._working_since is not None else now) if has_work else None
        self.trend = self.readings.trend(self._waits.usual or 0.0, now) if has_work else None
        self._written_at = self.readings.written_at(self.track.offset) if lag else None
        return told

    def renew(self, now: float) -> None:
        """The topic was recreated: what was read of its log is of another one, and so is the offset until there is a new commit."""
        if self.track.has_begun:
            self._left_over = self.track.offset
        self.end = None
        self.readings.renew(now)

    @property
    def lag(self) -> int | None:
        """None where the log end is not known, or lies before the offset: then it is not this log's offset."""
        if self._left_over is not None:
            return None
        return self.end - self.track.offset if self.end is not None and self.end >= self.track.offset else None

    @property
    def usual_wait(self) -> float | None:
        return self._waits.usual

    @property
    def usual_gap(self) -> float | None:
        return self._gaps.usual

    def is_moving(self, now: float) -> bool:
        return now - self.moved_at <= max(STALLED_S, GAPS * (self._waits.usual or 0.0))

    def silence(self, now: float, siblings_at: float | None = None) -> float:
        """Seconds since the newest sample. The server's clock may differ from ours: what we saw ourselves is believed before it, and so is
        how much older it is than its siblings' newest (`siblings_at`)."""
        by_its_clock = max(0.0, now - self.track.at)
        if self._heard_at is not None:
            return min(by_its_clock, max(0.0, now - self._heard_at))
        if siblings_at is None:
            return by_its_clock
        return min(by_its_clock, max(0.0, siblings_at - self.track.at, now - self._began_at))

    def time_lag(self, now: float) -> float | None:
        """Seconds since the record at the offset was written; None before what we watched."""
        if not self.lag:
            return 0.0 if self.lag == 0 else None
        return None if self._written_at is None else max(0.0, now - self._written_at)

    def behind_at_least(self, now: float) -> float | None:
        """Where the time lag is longer than we have watched: how long that is."""
        since = self.readings.watched_since() if self.lag else None
        return None if since is None or self.time_lag(now) is not None else now - since

    def catch_up(self) -> float | None:
        """Seconds until the lag is gone, if it goes on shrinking as it did."""
        shrinks = self.trend is not None and self.trend.shrinks and self.trend.per_s < 0
        return self.lag / -self.trend.per_s if shrinks and self.trend is not None and self.lag is not None else None

    def standing(self, number: int, allowed: int, has_members: bool, siblings_move: bool, silence: float, now: float) -> Standing:
        track, is_timed = self.track, self.committed_at is not None
        still = silence + track.at - track.still_since
        return Standing(
            partition=number,
            silence=silence if is_timed else 0.0 if has_members else still,
            still=still,
            has_moved=track.has_moved,
            is_first=not track.has_two_readings,
            working=None if self._working_since is None else now - self._working_since,
            usual_gap=self._gaps.usual,
            usual_wait=self._waits.usual,
            same_commits=self._same_commits,
            lag=self.lag,
            allowed=allowed,
            trend=self.trend,
            reset=track.reset
            if track.reset is not None and track.offset < track.reset.before and now - self._reset_at <= REWOUND_S
            else None,
            beyond=self.end if self._ahead >= BEYOND_READINGS else None,
            left_over=self._left_over,
            nobody=not has_members,
            siblings_move=siblings_move,
        )

    def _news(self, offset: int, end: int | None) -> list[str]:
        told = []
        if offset < self.track.offset:
            told.append(f"went back from {self.track.offset:,} to {offset:,}")
        if end is not None and self.end is not None and end < self.end:
            told.append(f"has another log, which ends at {end:,} and not at {self.end:,}: the topic was recreated or cut")
        return told

    def _learn(self, offset: int, committed_at: float | None, now: float) -> None:
        """Its habits, from a commit or a move that we have seen come."""
        before = now if self._read_at is None else self._read_at
        passed = now - before
        self._step = passed if self._step is None else min(self._step, max(passed, 1.0))
        was_away, was_trouble = passed > ABSENCE * self._step, self.steady.said in TROUBLE
        if committed_at is not None and committed_at > self.track.at:
            if not was_away:
                self._gaps.learn(committed_at - self.track.at, now, was_trouble)
            self._heard_at = now
            self._same_commits += 1
        if offset != self.track.offset:
            if offset > self.track.offset and not was_away:
                self._waits.learn(now - self._idle_until(before), now, was_trouble)
            self.moved_at, self._same_commits = now, 0
            self._reset_at = now if offset < self.track.offset else self._reset_at

    def _idle_until(self, before: float) -> float:
        """Where its wait began: with its last move, or later with its work; with a known log end and no work it did not wait."""
        if self.end is not None and self._working_since is None:
            return before
        return max(self._began_at, self.moved_at, self._working_since or self._began_at)
