"""One consumer over time: what was read of it becomes rates, lag and a verdict. Pure: `now` and all times are arguments.

Commits of znodes carry their own time, and rates are counted with it; offsets of groups carry none, and the time of our reading stands in.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from msgspec import Struct

from backends.consumers.partition import Partition
from backends.consumers.steady import ALARMS
from backends.consumers.verdicts import Standing, explain, judge, overall, siblings_text
from backends.questions import PartitionHistory
from backends.rates import WINDOWS, total
from backends.snapshots import Consumer, ConsumerPartition, GroupStatus, Rates, Verdict
from backends.wording import count, listed, span

N = TypeVar("N", int, float)

NO_RATES: Rates = dict.fromkeys(WINDOWS)


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
    application: str | None = None
    cluster: str | None = None
    group: GroupStatus | None = None
    owners: Mapping[int, str] = {}
    log_id: str | None = None  # the topic's id: another one is another log, though its name be the same
    uncommitted: frozenset[int] = frozenset()  # partitions of the topic for which nothing was committed: they have no lag


class Siblings(Struct, frozen=True):
    """Other consumers that do the same kind of work."""

    moving: int = 0
    usual_gap: float | None = None  # between two of their commits
    committed_at: float | None = None  # the newest of their commits, by the server's clock


class Consumption:
    """Feed it every reading; ask it for the consumer as it stands."""

    def __init__(self, allowed_lag: int = 0) -> None:
        self._allowed = allowed_lag
        self._partitions: dict[int, Partition] = {}
        self._seen = Observation("", "csv", None, {})
        self._has_begun = False
        self._is_read = False  # the last reading was made
        self._log_id: str | None = None

    def feed(self, seen: Observation, now: float, partitions: int = 0) -> list[str]:
        """What happened since the reading before. A partition that is no longer there is forgotten; a reading that could not be made
        changes nothing but its note. `partitions`: of the whole source."""
        self._seen, self._is_read = seen, bool(seen.offsets) or not seen.note
        if not self._is_read:
            return []
        before = self._partitions
        self._partitions = {number: before.get(number) or Partition(partitions) for number in sorted(seen.offsets)}
        told = _came_and_went(before.keys(), self._partitions.keys()) if self._has_begun else []
        self._has_begun = True
        told += self._new_log(seen, now)
        for number, partition in self._partitions.items():
            news = partition.feed(seen.offsets[number], seen.committed_at.get(number), seen.ends.get(number), self._allowed, now)
            told += [f"partition {number} {text}" for text in news]
        return told

    def _new_log(self, seen: Observation, now: float) -> list[str]:
        before, self._log_id = self._log_id, seen.log_id or self._log_id
        if before in (None, self._log_id):
            return []
        for partition in self._partitions.values():
            partition.renew(now)
        return [f"topic {seen.topic} was deleted and recreated: offsets of before are of another log"]

    def is_moving(self, now: float) -> bool:
        return self._moving(now) > 0

    def committed_at(self) -> float | None:
        return max(filter(None, (each.committed_at for each in self._partitions.values())), default=None)

    def usual_gap(self) -> float | None:
        return max(filter(None, (each.usual_gap for each in self._partitions.values())), default=None)

    def history(self, number: int | None, points: int) -> tuple[PartitionHistory, ...]:
        chosen = self._partitions.items() if number is None else [(number, self._partitions[number])] if number in self._partitions else ()
        return tuple(PartitionHistory(each, partition.readings.points(points)) for each, partition in chosen)

    def consumer(self, now: float, siblings: Siblings) -> Consumer:
        seen, moving = self._seen, self._moving(now)
        silences = {number: each.silence(now) for number, each in self._partitions.items()}
        standings = self._standings(now, siblings, moving)
        raw = [judge(each) for each in standings]
        said = [self._say(each, verdict, now) for each, verdict in zip(self._partitions.values(), raw, strict=True)]
        others = siblings_text(moving, siblings.moving)
        for partition, standing, verdict in zip(self._partitions.values(), standings, raw, strict=True):
            if self._is_read and verdict == partition.steady.said:
                partition.steady.reason = explain(verdict, [standing], 1, others) if verdict != "OK" else ""
        details = [
            _detail(number, partition, word, seen.owners.get(number), silences[number], now)
            for (number, partition), word in zip(self._partitions.items(), said, strict=True)
        ]
        whole: Verdict = overall(said) if seen.offsets else "UNKNOWN"
        rates = total(each.records_per_min for each in details)
        because = self._because(whole, standings, raw, said, others, now)
        sentences = (
            because or _lag_text(details),
            _speed(details, rates, max((each.track.watched + silences[number] for number, each in self._partitions.items()), default=0.0)),
            self._progress(now),
            _faults(seen),
        )
        return Consumer(
            name=seen.name,
            layout=seen.layout,
            topic=seen.topic,
            partitions=len(details) + len(seen.uncommitted),
            records_per_min=rates,
            lag=all_known([each.lag for each in details], sum),
            time_lag_s=all_known([each.time_lag_s for each in details], max),
            verdict=whole,
            reason="; ".join(filter(None, sentences)) or "it moves",
            bad_pairs=seen.bad_pairs,
            bad_sample=seen.bad_sample,
            detail=_with_uncommitted(details, seen),
            committed_at=max((each.committed_at for each in details if each.committed_at is not None), default=None),
            cluster=seen.cluster,
            application=seen.application,
            catch_up_s=self._catch_up(),
            group=seen.group,
        )

    def _moving(self, now: float) -> int:
        return sum(partition.is_moving(now) for partition in self._partitions.values())

    def _standings(self, now: float, siblings: Siblings, moving: int) -> list[Standing]:
        """A partition without a habit of its own is measured by those of its siblings: they are worked on by the same program."""
        from msgspec.structs import replace

        parts = self._partitions.values()
        wait = max(filter(None, (each.usual_wait for each in parts)), default=None)
        gap = max(filter(None, (each.usual_gap for each in parts)), default=siblings.usual_gap)
        made = []
        for number, partition in self._partitions.items():
            siblings_move = partition.track.has_moved if moving else siblings.moving > 0
            silence = partition.silence(now, siblings.committed_at)
            standing = partition.standing(number, self._allowed, self._seen.has_members, siblings_move, silence, now)
            if (standing.usual_wait is None and wait is not None) or (standing.usual_gap is None and gap is not None):
                standing = replace(standing, usual_wait=standing.usual_wait or wait, usual_gap=standing.usual_gap or gap)
            made.append(standing)
        return made

    def _say(self, partition: Partition, verdict: Verdict, now: float) -> Verdict:
        """What was not read says nothing new."""
        return partition.steady.hear(verdict, now) if self._is_read else partition.steady.said or "UNKNOWN"

    def _because(
        self, whole: Verdict, standings: Sequence[Standing], raw: Sequence[Verdict], said: Sequence[Verdict], others: str, now: float
    ) -> str:
        """The figures of the partitions that the verdict comes from; of those that look better already only what they were blamed for."""
        if not self._seen.offsets:
            return ""
        blamed = [each for each, word in zip(standings, said, strict=True) if word == whole]
        agreeing = [each for each, word, verdict in zip(standings, said, raw, strict=True) if word == whole == verdict]
        if agreeing or whole not in ALARMS:
            return explain(whole, agreeing or blamed, len(standings), others)
        steady = self._partitions[blamed[0].partition].steady
        return f"{steady.reason}; better for {span(now - (steady.since or now))}"

    def _catch_up(self) -> float | None:
        """Seconds until the last of its partitions has caught up. None: there is no lag, or one of them does not shrink."""
        behind = [each.catch_up() for each in self._partitions.values() if (each.lag or 0) > self._allowed]
        return all_known(behind, max)

    def _progress(self, now: float) -> str:
        """How far behind it is where that is longer than we have watched, and when it will have caught up."""
        least = max(filter(None, (each.behind_at_least(now) for each in self._partitions.values())), default=None)
        left = self._catch_up()
        behind = "" if least is None or least < 1 else f"more than {span(least)} behind"
        return "; ".join(filter(None, (behind, "" if left is None else f"caught up in {span(left)}")))


def _came_and_went(before: Iterable[int], after: Iterable[int]) -> list[str]:
    new, gone = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    return [f"{_partitions(numbers)} {what}" for numbers, what in ((new, "appeared"), (gone, "vanished")) if numbers]


def _partitions(numbers: Sequence[int]) -> str:
    return f"partition {listed(numbers)}" if len(numbers) == 1 else f"partitions {listed(numbers)}"


def _detail(number: int, partition: Partition, verdict: Verdict, owner: str | None, silence: float, now: float) -> ConsumerPartition:
    time_lag = partition.time_lag(now)
    reason = partition.steady.reason
    if time_lag is None and (least := partition.behind_at_least(now)) is not None and least >= 1:
        reason = "; ".join(filter(None, (reason, f"more than {span(least)} behind")))
    return ConsumerPartition(
        partition=number,
        offset=partition.track.offset,
        committed_at=partition.committed_at,
        end=partition.end,
        lag=partition.lag,
        records_per_min=partition.track.rates(silence),
        verdict=verdict,
        time_lag_s=time_lag,
        reason=reason,
        owner=owner,
    )


def _with_uncommitted(details: list[ConsumerPartition], seen: Observation) -> tuple[ConsumerPartition, ...]:
    nothing = [
        ConsumerPartition(
            number, None, None, seen.ends.get(number), None, NO_RATES, "UNKNOWN", None, "no commit yet", seen.owners.get(number)
        )
        for number in seen.uncommitted
    ]
    return tuple(sorted(details + nothing, key=lambda each: each.partition)) if nothing else tuple(details)


def all_known(figures: Sequence[N | None], whole: Callable[[Sequence[N]], N]) -> N | None:
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
    if seen.uncommitted and seen.offsets:
        faults.append(f"no commit in {_partitions(sorted(seen.uncommitted))} of {len(seen.offsets) + len(seen.uncommitted)}")
    if seen.bad_pairs:
        faults.append(f"{count(seen.bad_pairs, 'bad pair')}, the first is {seen.bad_sample!r}")
    elif not seen.offsets and not seen.note:
        faults.append("there are no offsets in it")
    return "; ".join(filter(None, faults))
