"""Topics of the demonstration: one goes stale; some show what else a partition may hold. Which offsets there are is the same for
whoever asks: for the snapshot, for the records and for the consumers.
"""

from typing import NamedTuple

from backends.demo.scene import TOPIC_STALE, lost, noise, wave, within
from backends.snapshots import PayloadForm, Reading, Topic, TopicPartition, Topics, TopicState

HELD = 400_000  # records that retention leaves in a partition
STALE_TOPIC = "orders.confirmed"
WARN_AFTER, CRIT_AFTER = 30.0, 60.0
CLUSTER = "main"


class Stream(NamedTuple):
    """A topic that records flow through."""

    name: str
    partitions: int
    rate: float  # records a second
    form: str = "csv"  # of its values: csv, json

    def end(self, partition: int, at: float) -> int:
        flowing = at - (lost(TOPIC_STALE, at) if self.name == STALE_TOPIC else 0.0)
        return int(7_000_000 * noise(self.name, 1) + self.rate / self.partitions * flowing) + partition

    def start(self, partition: int, at: float) -> int:
        return max(0, self.end(partition, at) - HELD)

    def age(self, at: float) -> float:
        """Of the newest record."""
        stale = within(TOPIC_STALE, at) if self.name == STALE_TOPIC else None
        return stale if stale is not None else round(0.3 + 2.5 * noise(self.name, int(at)), 1)

    def delay(self) -> float:
        return round(0.2 + noise(self.name, 3), 1)


STREAMS = (
    *(Stream(f"orders.{what}", 12, 1200.0) for what in ("confirmed", "created", "cancelled")),
    *(Stream(f"payments.{what}", 12, 1200.0, "json") for what in ("settled", "failed")),
    *(Stream(f"userTopic_{city}", 6, 340.0) for city in ("seoul", "busan", "incheon", "daegu", "daejeon", "gwangju", "ulsan", "jeju")),
    *(
        Stream(name, 4, 52.0, "json")
        for name in ("clicks", "search.queries", "inventory.delta", "shipping.events", "주문.확정", "알림.발송")
    ),
)
BY_NAME = {stream.name: stream for stream in STREAMS}

CSV = PayloadForm(
    format="csv",
    loaded="5",
    sent="6",
    delimiter="|",
    written="epoch_s",
    timezone="Asia/Seoul",
    detected=("loaded", "sent", "delimiter", "written"),
    fits=12,
    samples=12,
)
JSON = PayloadForm(format="json", loaded="/meta/loaded_at", sent="/meta/sent_at", written="iso", timezone="Asia/Seoul", fits=12, samples=12)


def topics(at: float, now: float) -> Topics:
    made = [_topic(stream, at, now) for stream in STREAMS]
    made += [_emptied(), _binary(now), _tombstones(now), _transactions(now)]
    partitions = sum(topic.partitions for topic in made)
    moved = sum(topic.partitions for topic in made if topic.records_per_s)
    cost = Reading(
        took_s=round(0.2 + 0.1 * noise("cycle", int(at)), 2), partitions=partitions, moved=moved, read=moved, left=0, bytes=moved * 117
    )
    return Topics(topics=tuple(made), cluster="kafka-1:9092, 3 brokers", reading=cost)


def _topic(stream: Stream, at: float, now: float) -> Topic:
    age, delay = stream.age(at), stream.delay()
    is_stale = stream.name == STALE_TOPIC and within(TOPIC_STALE, at) is not None
    state: TopicState = "crit" if age > CRIT_AFTER else "warn" if age > WARN_AFTER else "ok"
    reason = None if state == "ok" else f"no record since {age:.0f}s (limit {CRIT_AFTER if state == 'crit' else WARN_AFTER:.0f}s)"
    worst = int(noise(stream.name, 5) * stream.partitions)
    detail = tuple(_partition(stream, index, worst, at, now) for index in range(stream.partitions))
    return Topic(
        name=stream.name,
        partitions=stream.partitions,
        state=state,
        records_per_s=0.0 if is_stale else round(wave(stream.name, at, stream.rate), 1),
        loaded_age_s=age,
        sent_age_s=age + delay,
        record_age_s=age + delay / 2,
        load_delay_s=delay,
        worst_partition=worst,
        reason=reason,
        detail=detail,
        payload=JSON if stream.form == "json" else CSV,
        topic_id=f"{int(noise(stream.name, 9) * 1e15):x}",
    )


def _partition(stream: Stream, index: int, worst: int, at: float, now: float) -> TopicPartition:
    from backends.demo.records import record_at

    old = stream.age(at) if index == worst else stream.age(at) / 2
    end = stream.end(index, at)
    value = record_at(stream, index, end - 1, now - old).value or b""
    return TopicPartition(
        partition=index,
        start=stream.start(index, at),
        end=end,
        leader=index % 3 + 1,
        loaded_at=now - old,
        sent_at=now - old - stream.delay(),
        record_at=now - old,
        state="ok",
        sample=value.decode()[:200],
        read_at=now,
        offset=end - 1,
        record_time="create",
        value_bytes=len(value),
    )


# -- what a topic may hold besides records with times --------------------------------------------------------------------------------


def _emptied() -> Topic:
    parts = tuple(
        TopicPartition(index, 88_120, 88_120, index + 1, None, None, None, "emptied", None, reason="all records fell to retention")
        for index in range(3)
    )
    return Topic("audit.raw", 3, "empty", 0.0, None, None, None, None, None, "no records between its start and end offsets", parts)


def _binary(now: float) -> Topic:
    part = TopicPartition(
        *(0, 0, 5_204, 2, None, None, now - 31, "not text", "\x1b[2J\x00"),
        read_at=now,
        offset=5_203,
        record_time="append",
        value_bytes=3_300_000,
        reason="its values are no text: only the Kafka record time is known",
    )
    form = PayloadForm(format="binary", loaded=None, sent=None, fits=0, samples=12)
    reason = "column 5 is no time: '\x1b[2J\\x00'"
    return Topic("legacy.blob", 1, "unparsable", 0.2, None, None, 31.0, None, 0, reason, (part,), form)


def _tombstones(now: float) -> Topic:
    part = TopicPartition(
        *(0, 120, 9_004, 1, None, None, now - 12, "tombstone", None), read_at=now, offset=9_003, record_time="create", reason="a delete"
    )
    return Topic("users.compacted", 1, "ok", 0.1, None, None, 12.0, None, 0, "its newest record is a tombstone", (part,))


def _transactions(now: float) -> Topic:
    sample = "0117|REQ|000004711|seoul-gw|…"
    first = TopicPartition(
        *(0, 0, 3_120, 3, now - 9, now - 10, now - 9, "ok", sample, now, 3_118, "create", 117), reason="a transaction marker ends it"
    )
    second = TopicPartition(
        *(1, 0, 2_907, 1, None, None, now - 40, "aborted", sample, now, 2_905, "create", 117), reason="the newest transaction was aborted"
    )
    return Topic("ledger.tx", 2, "ok", 0.4, 9.0, 10.0, 9.0, 1.0, 0, None, (first, second), CSV)
