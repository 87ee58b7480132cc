"""What the lab makes true: the one table that feeder, partner and agents play, and that tests compare with.

Ages and rates are kept for as long as the lab runs. Ages hold within AGE_TOLERANCE_S: times are written in whole
seconds, once a second.
"""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

TIMEZONE = ZoneInfo("Asia/Seoul")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC).timestamp()  # where the znodes' offsets begin to count
AGE_TOLERANCE_S = 3.0
MARKUP = "[red]mark[/]up \x1b[31m\x07 [@click=quit]x[/]"  # text that a careless screen would obey


@dataclass(frozen=True)
class Topic:
    """`loaded_age_s`: age of the newest record by column 5; column 6 (sent) is `load_delay_s` older. None: never parsable.
    The Kafka timestamp is always now. `per_second` records are spread over the partitions in turn."""

    name: str
    partitions: int
    loaded_age_s: int | None
    load_delay_s: int
    per_second: int
    payload: str = "csv"  # csv | markup | json | binary | junk | none
    config: tuple[tuple[str, str], ...] = ()


TOPICS = (
    Topic("orders-fresh", 4, 3, 2, 4),
    Topic("orders-4min", 3, 240, 30, 3),
    Topic("orders-3h", 2, 3 * 3600, 60, 2),
    Topic("orders-empty", 2, None, 0, 0, "none"),
    Topic("orders-unparsable", 2, None, 0, 2, "junk"),
    Topic("userTopic_clicks", 3, 3, 1, 3),
    Topic("userTopic_late", 2, 20 * 60, 5, 2),  # past the limit that write_config sets for userTopic_*
    Topic("odd.red_mark_-up.-", 1, 3, 1, 1, "markup"),
    Topic("billing", 2, 3, 2, 4),
    Topic("audit", 1, 3, 2, 4),
    Topic("orders-json", 2, 3, 2, 2, "json"),  # times at /meta/loaded_at and /meta/sent_at
    Topic("events-avro", 2, None, 0, 2, "binary"),
    Topic("sensors-append", 2, 3, 2, 2, config=(("message.timestamp.type", "LogAppendTime"),)),
)


@dataclass(frozen=True)
class Restless:
    """Topics whose logs do what logs may do. Their csv payloads are `age_s` old, and one second more to their sending."""

    transactions: str = "payments-tx"  # one a second, of `records` in as many partitions; every `abort_every`th is aborted
    records: int = 2
    abort_every: int = 5
    compacted: str = "accounts-compacted"  # a record a second over `keys`, every `tombstone_every`th a tombstone
    keys: int = 20
    tombstone_every: int = 10
    recreated: str = "daily-recreated"  # deleted and created again every `recreate_every_s`, a record a second meanwhile
    recreate_every_s: int = 180
    age_s: int = 3
    compaction: tuple[tuple[str, str], ...] = (
        ("cleanup.policy", "compact"),
        ("segment.ms", "10000"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "1000"),
    )


RESTLESS = Restless()


@dataclass(frozen=True)
class Group:
    """A consumer group with one live member. Its lag is `lag` on partition 0 and 0 elsewhere, plus what it falls behind;
    between a record and the commit of the same second it is higher by at most one second of records.
    `stalls_s`: for so long it commits, for so long it is alive and commits nothing, in turn; then it catches up at once."""

    name: str
    topic: str
    lag: int
    falls_behind_per_min: int
    stalls_s: int = 0
    protocol: str = "classic"  # consumer: KIP-848, which Kafka 3.9 with ZooKeeper does not have

    def is_stalled(self, now: float) -> bool:
        return self.stalls_s > 0 and int((now - EPOCH) / self.stalls_s) % 2 == 1


GROUPS = (
    Group("billing-sink", "billing", 1000, 0),
    Group("audit-sink", "audit", 0, 180),
    Group("clicks-sink", "userTopic_clicks", 0, 0, stalls_s=120),
    Group("orders-sink", "orders-fresh", 40, 0, protocol="consumer"),
)


def groups_of(cluster: str) -> tuple[Group, ...]:
    """Those that this server of the lab can have."""
    return tuple(group for group in GROUPS if group.protocol == "classic" or cluster == "kafka4")


CLASSIC_GROUP = Group("legacy-sink", "billing", 250, 0)  # in ZooKeeper, /consumers/legacy-sink/offsets/billing/N
OFFSETS_PATH = "/lean/app/offsets"


@dataclass(frozen=True)
class Moving:
    """One `partition:offset` pair of a znode; the offset is a function of time alone."""

    partition: int
    base: int
    per_min: int

    def offset_at(self, now: float) -> int:
        return self.base + int((now - EPOCH) * self.per_min / 60)


@dataclass(frozen=True)
class Znode:
    """A node below OFFSETS_PATH, written again every `every_s`. 0: written once, then never again."""

    name: str
    pairs: tuple[Moving, ...]
    every_s: int
    bad: tuple[str, ...] = ()

    def text_at(self, now: float) -> str:
        return ",".join([f"{pair.partition}:{pair.offset_at(now)}" for pair in self.pairs] + list(self.bad))


ZNODES = (
    Znode("app1-node-1", (Moving(5, 16_497_745_458, 1200), Moving(7, 16_497_813_566, 900)), 2),
    Znode("app1-node-2", (Moving(1, 16_498_000_000, 600), Moving(3, 16_498_100_000, 60)), 3),
    Znode("app1-node-3", (Moving(0, 9_000_000_000, 6000), Moving(2, 9_100_000_000, 3000), Moving(4, 9_200_000_000, 12)), 5),
    Znode("app1-node-4", (Moving(6, 16_499_000_000, 0), Moving(8, 16_499_100_000, 0)), 2),  # stalled: commits, never moves
    Znode("app1-node-5", (Moving(9, 16_500_000_000, 300),), 2, ("x:12", "10", "11:", "12:-5")),  # malformed but for one pair
    Znode("app1-node-6", (Moving(10, 16_501_000_000, 0),), 0),  # stopped: no commits at all
    Znode("app2-node-1", (Moving(0, 7_000_000_000, 2400), Moving(1, 7_100_000_000, 2400)), 2),
    Znode("app2-node-2", (Moving(2, 7_200_000_000, 2400), Moving(3, 7_300_000_000, 1200)), 2),
    Znode("app3/node-1", (Moving(0, 310_000, 60),), 5),  # an application in a folder of its own
    Znode("app3/node-2", (Moving(1, 320_000, 90),), 5),
)


Body = Literal["json", "xml", "bytes", "map", "text", "markup"]


@dataclass(frozen=True)
class Queue:
    """Messages a second in and out; `seed` messages are there from the start. `acks` False: consumers that never acknowledge.
    `bodies` take turns."""

    name: str
    seed: int = 0
    in_per_s: int = 0
    out_per_s: int = 0
    consumers: int = 0
    acks: bool = True
    bodies: tuple[Body, ...] = ("json",)
    paused: bool = False


DLQ = "ActiveMQ.DLQ"
REJECTED = "orders.rejected"  # what was refused here is in the DLQ, through real negative acknowledgements
QUEUES = (
    Queue("orders.in", 30, 2, 1, 1),  # grows by 60 a minute though its consumer works
    Queue("billing.in", 0, 3, 3, 1),  # the consumer keeps up
    Queue("archive.in", 42),  # nobody consumes
    Queue("orders.stuck", 15, 0, 0, 1, acks=False),
    Queue("[red]odd[/]", 3),
    Queue(DLQ, 7),
    Queue("invoices.mixed", 12, bodies=("json", "xml", "bytes", "map", "text", "markup")),
    Queue("orders.paused", 5, paused=True),
)
GROWTH_LIMIT = 20_000  # then orders.in's consumer keeps up, or a lab left alone for days would fill its broker


@dataclass(frozen=True)
class Durable:
    """A subscription that its broker keeps messages for while its client is away; one that is not `online` never comes."""

    name: str
    client_id: str
    online: bool


@dataclass(frozen=True)
class BrokerTopic:
    """`readers` have plain subscriptions. Its messages expire after `ttl_s`, so that what waits for who never comes stays small."""

    name: str
    per_s: int
    readers: int
    durables: tuple[Durable, ...]
    ttl_s: int = 600


BROKER_TOPIC = BrokerTopic("prices", 2, 1, (Durable("archive", "lab-archive", True), Durable("monthly", "lab-report", False)))


@dataclass(frozen=True)
class Agent:
    """A JVM: `moving` and `plateau` are healthy for ever, `leaking` is full after about heap / rate and then hangs, `thrashing` works
    for 15 s in which it does little but collect. Those two rest after what costs a processor: their logs stay as they are meanwhile."""

    name: str
    story: str
    collector: str
    heap_mb: int
    kilobytes_per_s: int
    release: Literal["17", "newest"] = "17"
    rest_s: int = 60

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What may be said of it in the end."""
        return {"leaking": ("HANG",), "thrashing": ("THRASHING",)}.get(self.story, ("OK", "SUSPECT"))


AGENTS = (
    Agent("producer-agent-1", "moving", "g1", 48, 1500),
    Agent("producer-agent-2", "leaking", "parallel", 32, 200),  # two to three minutes, so that one can watch it
    Agent("producer-agent-3", "plateau", "g1", 48, 200, "newest"),
    Agent("producer-agent-4", "thrashing", "serial", 40, 0, "newest", rest_s=240),
)
HURRIED_AGENTS = tuple(replace(agent, kilobytes_per_s=800) if agent.story == "leaking" else agent for agent in AGENTS)


@dataclass(frozen=True)
class LegacyHeap:
    """The JDK 8 style log: half an hour in which the old generation fills, then a futile full collection every few seconds."""

    name: str = "legacy-agent"
    young_kib: int = 9216
    old_kib: int = 20480
    full_before_kib: int = 20000
    full_after_kib: int = 19900
    full_every_s: int = 5
    full_pause_s: float = 3.25
    history_s: int = 1800


LEGACY = LegacyHeap()


@dataclass(frozen=True)
class Partner:
    """Per second what the partner does with us, and every how many times it misbehaves."""

    persistent_per_s: int = 2
    one_shot_per_s: int = 1
    files_per_s: int = 1
    outbox_limit: int = 500  # then it waits for our sender to take some
    bad_every_s: float = 10  # each time the next of wrong type (400), wrong length (402), wrong column count (401), duplicate (200)
    busy_every: int = 25  # every so many records from us are answered 503
    refused_suffix: str = "00"  # process numbers that end so are answered 400


PARTNER = Partner()


def table() -> dict[str, Any]:
    """All of it, as JSON can hold it."""
    return {
        "topics": [asdict(topic) for topic in TOPICS],
        "restless": asdict(RESTLESS),
        "groups": [asdict(group) for group in GROUPS],
        "classic_group": asdict(CLASSIC_GROUP),
        "znodes": [asdict(znode) for znode in ZNODES],
        "queues": [asdict(queue) for queue in QUEUES],
        "broker_topic": asdict(BROKER_TOPIC),
        "agents": [asdict(agent) for agent in AGENTS],
        "legacy_heap": asdict(LEGACY),
        "partner": asdict(PARTNER),
    }
