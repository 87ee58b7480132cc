"""Consumers of the demonstration: nodes that keep their offsets in ZooKeeper, and Kafka groups, one of which stalls and catches up.

Where a consumer stands is a pure function of the moment, so its history is that function at earlier moments.
"""

from typing import Literal, NamedTuple

from backends.demo.freshness import CLUSTER, STALE_TOPIC
from backends.demo.scene import CONSUMER_CATCHES_UP, CONSUMER_STALLED, ROUND, noise, wave, within
from backends.questions import MAX_POINTS, History, HistoryOf, PartitionHistory, Point
from backends.snapshots import Consumer, ConsumerPartition, GroupStatus, Member, Offsets, Rates, Total, Verdict
from backends.source import Unavailable

READ_EVERY = 5.0  # seconds between two readings
STALL_TOLD = 15.0  # seconds without a movement after which it is called one
STALLED_GROUP = "billing-sink"
WINDOWS = ("1", "5", "15")


class Reader(NamedTuple):
    """A consumer: what it would process if nothing held it up."""

    name: str
    layout: Literal["csv", "group"]
    topic: str | None
    partitions: int
    rate: float  # records a minute, over all partitions
    application: str | None = None

    def end(self, partition: int, at: float) -> int:
        """Also where it was before the demonstration began, for its history."""
        return int(16_497_745_458 + noise(self.name, partition) * 1e8 + self.rate / 60 / self.partitions * (at + ROUND))

    def offset(self, partition: int, at: float) -> int:
        """Where it would be, less what waits and a little that is on its way; while it stands still it does not tremble either."""
        stalled = within(CONSUMER_STALLED, at) if self.name == STALLED_GROUP else None
        tremble = noise(f"{self.name}/{partition}", int(at / READ_EVERY)) if stalled is None else 1.0
        return self.end(partition, at - self.held_up(at)) - 2 - int(tremble * 9)

    def held_up(self, at: float) -> float:
        """Seconds of its work that wait: it stands still for a while, and then works off what gathered."""
        if self.name != STALLED_GROUP:
            return 0.0
        stalled = within(CONSUMER_STALLED, at)
        if stalled is not None:
            return stalled
        after = at % ROUND - CONSUMER_STALLED[1]
        whole = CONSUMER_STALLED[1] - CONSUMER_STALLED[0]
        return whole * (1 - after / CONSUMER_CATCHES_UP) if 0 <= after < CONSUMER_CATCHES_UP else 0.0


NODES = tuple(Reader(f"app{app}-node-{node}", "csv", None, 16, 5200.0 * app, f"app{app}") for app in (1, 2) for node in (1, 2, 3))
GROUPS = (
    Reader(STALLED_GROUP, "group", STALE_TOPIC, 12, 64_000.0),
    Reader("search-index", "group", "search.queries", 4, 3_100.0),
    Reader("warehouse", "group", "inventory.delta", 4, 2_900.0),
)
READERS = {reader.name: reader for reader in (*NODES, *GROUPS)}


def nodes(at: float, now: float) -> Offsets:
    made = tuple(_consumer(reader, at, now) for reader in NODES)
    applications = tuple(_total(name, [each for each in made if each.application == name]) for name in ("app1", "app2"))
    return Offsets(made, applications, _total("leanstream", list(made)))


def groups(at: float, now: float) -> Offsets:
    made = tuple(_consumer(reader, at, now) for reader in GROUPS)
    return Offsets(made, (), _total("groups", list(made)))


def _consumer(reader: Reader, at: float, now: float) -> Consumer:
    stalled = within(CONSUMER_STALLED, at) if reader.name == STALLED_GROUP else None
    held_up = reader.held_up(at)
    detail = tuple(_partition(reader, index, stalled, at, now) for index in range(reader.partitions))
    lag = None if reader.topic is None else sum(part.lag or 0 for part in detail)
    speed = 0.0 if stalled is not None else wave(reader.name, at, reader.rate)
    word = _verdict(stalled)
    reason = f"lag {lag:,} and no movement for {stalled:.0f}s" if word == "STALLED" else f"moving at {speed:,.0f} a minute"
    return Consumer(
        name=reader.name,
        layout=reader.layout,
        topic=reader.topic,
        partitions=reader.partitions,
        records_per_min=_rates(reader, speed),
        lag=lag,
        time_lag_s=None if lag is None else round(held_up + 0.4, 1),
        verdict=word,
        reason=reason,
        bad_pairs=0,
        detail=detail,
        committed_at=now - (stalled if stalled is not None else 0.8),
        cluster=None if reader.topic is None else CLUSTER,
        application=reader.application,
        catch_up_s=round(held_up * CONSUMER_CATCHES_UP / 115, 1) if held_up and stalled is None else None,
        group=_group(reader, now) if reader.layout == "group" else None,
    )


def _verdict(stalled: float | None) -> Verdict:
    return "STALLED" if stalled is not None and stalled > STALL_TOLD else "OK"


def _rates(reader: Reader, speed: float, of: int = 1) -> Rates:
    whole = {"1": speed, "5": (speed * 2 + reader.rate * 3) / 5, "15": (speed + reader.rate * 9) / 10}
    return {window: round(value / of, 1) for window, value in whole.items()}


def _partition(reader: Reader, index: int, stalled: float | None, at: float, now: float) -> ConsumerPartition:
    offset, end = reader.offset(index, at), reader.end(index, at)
    speed = 0.0 if stalled is not None else wave(f"{reader.name}/{index}", at, reader.rate)
    is_known = reader.topic is not None
    word = _verdict(stalled)
    return ConsumerPartition(
        partition=index,
        offset=offset,
        committed_at=now - (stalled if stalled is not None else 0.8),
        end=end if is_known else None,
        lag=end - offset if is_known else None,
        records_per_min=_rates(reader, speed, reader.partitions),
        verdict=word,
        time_lag_s=round((stalled or 0.0) + 0.4, 1) if is_known else None,
        reason=f"lag {end - offset:,} and no movement for {stalled:.0f}s" if word == "STALLED" else "",
        owner=f"{reader.name}-{index % 2 + 1} on 10.50.0.{index % 2 + 11}" if reader.layout == "group" else None,
    )


def _group(reader: Reader, now: float) -> GroupStatus:
    members = tuple(
        Member(
            f"{reader.name}-{number + 1}-7f3a",
            f"{reader.name}-{number + 1}",
            f"10.50.0.{number + 11}",
            tuple(range(number, reader.partitions, 2)),
        )
        for number in range(2)
    )
    kind = "consumer" if reader.name == "warehouse" else "classic"
    return GroupStatus("stable", kind, "uniform" if kind == "consumer" else "range", members, now - 20)


def _total(name: str, parts: list[Consumer]) -> Total:
    lags = [part.lag for part in parts]
    behind = [part.time_lag_s for part in parts if part.time_lag_s is not None]
    catching = [part.catch_up_s for part in parts if part.catch_up_s is not None]
    worst: Verdict = next((part.verdict for part in parts if part.verdict != "OK"), "OK")
    return Total(
        name=name,
        consumers=len(parts),
        partitions=sum(part.partitions for part in parts),
        records_per_min={window: round(sum(part.records_per_min[window] or 0 for part in parts), 1) for window in WINDOWS},
        lag=None if None in lags else sum(lag for lag in lags if lag is not None),
        time_lag_s=max(behind, default=None),
        catch_up_s=max(catching, default=None),
        verdict=worst,
        reason=f"{sum(part.verdict == 'OK' for part in parts)} of {len(parts)} are OK",
    )


def history(question: HistoryOf, at: float, now: float) -> History:
    """Readings of the last minutes. Raises Unavailable for a consumer that the demonstration has not."""
    reader = READERS.get(question.consumer)
    if reader is None or question.topic not in (None, reader.topic):
        raise Unavailable(f"the demonstration has no consumer {question.consumer!r} of that topic")
    points = min(max(2, question.points), MAX_POINTS)
    partitions = range(reader.partitions) if question.partition is None else (question.partition,)
    newest = at - at % READ_EVERY
    moments = [newest - READ_EVERY * back for back in range(points - 1, -1, -1)]
    moments = [moment for moment in moments if moment > -ROUND]
    found = tuple(PartitionHistory(index, tuple(_point(reader, index, moment, now - at) for moment in moments)) for index in partitions)
    return History(question.consumer, question.topic, found)


def _point(reader: Reader, index: int, moment: float, began: float) -> Point:
    return Point(began + moment, reader.offset(index, moment), reader.end(index, moment) if reader.topic is not None else None)
