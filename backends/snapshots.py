"""The vocabulary of what we know: one frozen struct a kind, units in the names. Backends make them, the store keeps them, panes draw them;
the wire, recordings and ``--json`` are the same structs written down. No I/O, no clock.

Times are epoch seconds, ages and durations seconds, sizes bytes unless the name says otherwise. What is not known is None, never 0 or "".
"""

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct, field

from backends.agent import HeapFile
from backends.broker import Broker, BrokerConnection, BrokerTopic, Job, Network, Queue, Subscriber
from relay.status import RelayStatus

Kind = Literal["relay", "topics", "offsets", "heap", "queues"]
KINDS: tuple[Kind, ...] = ("relay", "topics", "offsets", "heap", "queues")
State = Literal["ok", "stale", "down", "denied", "unconfigured"]
Series = Iterator[tuple[str, tuple[tuple[str, str], ...], float]]  # name, labels, value: all that history, rules and metrics read


class Relay(RelayStatus, frozen=True, tag="relay", tag_field="kind"):
    """The relay's own status, seen over its socket."""

    def series(self) -> Series:
        for receiver in self.receivers:
            yield "relay_stored_total", (("receiver", receiver.name),), receiver.stored
        for sender in self.senders:
            yield "relay_waiting_files", (("sender", sender.name),), sender.waiting
            yield "relay_failed_files", (("sender", sender.name),), sender.failed


TopicState = Literal["ok", "warn", "crit", "empty", "unparsable", "denied", "leaderless", "unknown"]


RecordTime = Literal["create", "append"]  # who wrote a record's timestamp: its producer, or the broker (LogAppendTime)


class PayloadForm(Struct, frozen=True):
    """How the times in a topic's values are read, and on how many records that rests. Nothing was detected where all is configured."""

    format: Literal["csv", "json", "binary"]  # binary: no text, and no times
    loaded: str | None  # column from 1, or JSON pointer; None: not there
    sent: str | None
    delimiter: str | None = None
    written: str | None = None  # spelling of the times, as timestamps.Format names it; "iso, epoch_ms" where loaded and sent differ
    timezone: str | None = None  # of times that carry no zone
    detected: tuple[str, ...] = ()  # which of the fields above were found out, not configured
    fits: int = 0  # records, of the newest `samples`, that read this way
    samples: int = 0


class TopicPartition(Struct, frozen=True):
    partition: int
    start: int | None
    end: int | None
    leader: int | None
    loaded_at: float | None  # payload column `loaded`: when the cluster loaded the record
    sent_at: float | None  # payload column `sent`: when the producer sent it
    record_at: float | None  # the Kafka record timestamp
    state: str
    sample: str | None  # the newest record's value, at most SAMPLE_LENGTH characters, as it came: never markup, may hold control characters
    read_at: float | None = None  # when this reading was made
    offset: int | None = None  # of the newest record, which may lie before the end: transaction markers, compacted holes
    record_time: RecordTime | None = None
    value_bytes: int | None = None  # size of the newest record's value; None: a tombstone, or not read
    reason: str | None = None  # what is to be said of this partition, in plain words


class Topic(Struct, frozen=True):
    name: str
    partitions: int
    state: TopicState
    records_per_s: float | None
    loaded_age_s: float | None  # at Snapshot.observed_at; negative when a clock is ahead
    sent_age_s: float | None
    record_age_s: float | None
    load_delay_s: float | None  # loaded minus sent
    worst_partition: int | None
    reason: str | None
    detail: tuple[TopicPartition, ...] = ()
    payload: PayloadForm | None = None  # None: no value was looked at
    topic_id: str | None = None  # None where the cluster has none (before Kafka 2.8)


class Reading(Struct, frozen=True):
    """What one cycle over a cluster cost, and how far it came."""

    took_s: float
    partitions: int  # of the watched topics
    moved: int  # whose log end had moved: what there was to read
    read: int
    left: int  # for want of time or budget; they come first in the next cycle
    bytes: int  # of keys and values
    oldest_read_at: float | None = None  # of a partition that moved and is not read again yet


class Topics(Struct, frozen=True, tag="topics", tag_field="kind"):
    topics: tuple[Topic, ...]
    cluster: str = ""  # what we connected to, for the eye
    reading: Reading | None = None

    def series(self) -> Series:
        for topic in self.topics:
            for name in ("loaded_age_s", "sent_age_s", "record_age_s", "records_per_s"):
                if (value := getattr(topic, name)) is not None:
                    yield f"topic_{name}", (("topic", topic.name),), value


Verdict = Literal["OK", "STALLED", "STOPPED", "REWOUND", "FALLING_BEHIND", "IDLE", "UNKNOWN"]
Rates = dict[str, float | None]  # records a minute by window in minutes: {"1": …, "5": …, "15": …}


class ConsumerPartition(Struct, frozen=True, gc=False):
    partition: int
    offset: int | None
    committed_at: float | None
    end: int | None
    lag: int | None
    records_per_min: Rates
    verdict: Verdict
    time_lag_s: float | None = None
    reason: str = ""  # the figures behind the verdict
    owner: str | None = None  # of a group: the member that has it, as client id and host


class Member(Struct, frozen=True):
    """A member of a Kafka group, with its partitions of this topic."""

    id: str
    client_id: str
    host: str
    partitions: tuple[int, ...]


class GroupStatus(Struct, frozen=True):
    """What the coordinator says of a Kafka group (KIP-848 has its own states and type)."""

    state: str  # stable, empty, preparing_rebalance, completing_rebalance, assigning, reconciling, dead, unknown
    type: str  # classic, consumer, unknown
    assignor: str | None
    members: tuple[Member, ...]
    described_at: float  # members are asked for less often than offsets


class Consumer(Struct, frozen=True):
    """One application node (csv znode), or one group and topic."""

    name: str
    layout: Literal["csv", "consumers", "group"]
    topic: str | None
    partitions: int
    records_per_min: Rates
    lag: int | None
    time_lag_s: float | None
    verdict: Verdict
    reason: str
    bad_pairs: int
    detail: tuple[ConsumerPartition, ...] = ()
    committed_at: float | None = None
    bad_sample: str | None = None
    cluster: str | None = None  # name of the Kafka cluster whose log ends it is measured against
    application: str | None = None  # of a csv znode: what its nodes have in common
    catch_up_s: float | None = None  # until the lag is gone, if it goes on shrinking as it does; None: it does not shrink
    group: GroupStatus | None = None


class Total(Struct, frozen=True):
    """Several consumers as one: the nodes of an application, the topics of a group, or all of a source."""

    name: str
    consumers: int
    partitions: int
    records_per_min: Rates
    lag: int | None
    time_lag_s: float | None
    catch_up_s: float | None
    verdict: Verdict
    reason: str


class Offsets(Struct, frozen=True, tag="offsets", tag_field="kind"):
    consumers: tuple[Consumer, ...]
    applications: tuple[Total, ...] = ()  # where a name stands for several consumers
    total: Total | None = None  # over all of them

    def series(self) -> Series:
        for consumer in self.consumers:
            labels = (("consumer", consumer.name), ("topic", consumer.topic or ""))
            if (rate := consumer.records_per_min.get("1")) is not None:
                yield "offsets_records_per_min", labels, rate
            if consumer.lag is not None:
                yield "offsets_lag", labels, consumer.lag


class Heap(Struct, frozen=True, tag="heap", tag_field="kind"):
    files: tuple[HeapFile, ...]

    def series(self) -> Series:
        for file in self.files:
            if file.last_after_gc is not None and file.last_after_gc.after_kib is not None:
                yield "heap_old_used_kib", (("agent", file.name),), file.last_after_gc.after_kib


class Queues(Struct, frozen=True, tag="queues", tag_field="kind"):
    """A broker. Topics and what follows are read less often than queues, and each is bounded: `totals` says how many there are."""

    broker: Broker
    queues: tuple[Queue, ...]
    hidden: int | None  # queues that exist and cannot be shown, for JMX has one name for two of them
    topics: tuple[BrokerTopic, ...] = ()
    subscribers: tuple[Subscriber, ...] = ()
    connections: tuple[BrokerConnection, ...] = ()
    networks: tuple[Network, ...] = ()
    jobs: tuple[Job, ...] = ()  # running ones and the last ones
    totals: dict[str, int] = {}  # by the name of the list, where it is not all of them
    around_at: float | None = None  # when topics, subscribers, connections and networks were read

    def series(self) -> Series:
        for queue in self.queues:
            labels = (("broker", self.broker.name), ("queue", queue.name))
            yield "queue_pending", labels, queue.pending
            yield "queue_consumers", labels, queue.consumers


Data = Relay | Topics | Offsets | Heap | Queues


class Snapshot(Struct, frozen=True):
    """What one source said last. `data` is kept when the source goes down: then `state` and `error` say so and `observed_at` is its age."""

    source: str = field(name="name")
    kind: Kind
    state: State
    observed_at: float | None = None  # when `data` was observed; None: never
    error: str | None = None  # plain words: what, why, what next
    next_try_at: float | None = None
    data: Data | None = None
    interval_s: float = 0.0  # how often the source is asked when all is well
