"""The vocabulary of a message broker: its queues, topics, subscribers, connections, and what is being done to it. No I/O, no clock.

Words as in backends.snapshots: units in the names, None where it is not known. Names, ids and selectors come from outside: never markup.
"""

from typing import Literal

from msgspec import Struct

QueueVerdict = Literal["OK", "GROWING", "STUCK", "NO_CONSUMER", "DLQ", "PAUSED"]
OldestBasis = Literal["statistics", "browse"]  # the broker's statistics plugin told it, or its first message was looked at
JobState = Literal["running", "done", "cancelled", "failed", "unknown"]  # unknown: the broker's answer was lost


BROWSE_PAGE = 400  # messages that a broker shows and selects from at least, unless its policy has another maxBrowsePageSize


class Broker(Struct, frozen=True):
    name: str
    id: str | None
    version: str | None
    uptime_s: float | None
    store_pct: float | None
    memory_pct: float | None
    temp_pct: float | None
    capabilities: dict[str, bool | str] = {}  # an action of backends.activemq, or something it can tell: True, or why not
    store_limit_bytes: int | None = None
    memory_limit_bytes: int | None = None
    temp_limit_bytes: int | None = None
    messages: int | None = None  # in all its destinations
    connections: int | None = None  # open now
    persistent: bool | None = None
    standby: bool | None = None  # a slave that waits for its master
    agent: str | None = None  # the version of Jolokia


class Queue(Struct, frozen=True):
    name: str
    pending: int  # in flight included
    consumers: int
    producers: int
    enqueued: int
    dequeued: int
    in_flight: int
    enqueue_per_s: float | None
    dequeue_per_s: float | None
    oldest_age_s: float | None  # at Snapshot.observed_at, by the time that the producer set; see `oldest_basis`
    paused: bool
    dlq: bool
    verdict: QueueVerdict
    reason: str
    expired: int | None = None
    pending_per_s: float | None = None  # how the backlog moves over the last two minutes: negative while it shrinks
    memory_pct: float | None = None  # of the broker's memory that this queue may use
    message_bytes: int | None = None  # average, with about 1 KiB of the broker's own
    cached: bool | None = None  # False: the broker holds only the head in memory, and no browse sees more
    oldest_basis: OldestBasis | None = None
    oldest_read_at: float | None = None  # epoch seconds


class BrokerTopic(Struct, frozen=True):
    """A topic of the broker; advisory topics are left out."""

    name: str
    consumers: int
    producers: int
    enqueued: int
    dequeued: int
    enqueue_per_s: float | None = None


class Subscriber(Struct, frozen=True):
    """A consumer of a queue, or a subscription to a topic; a durable one may be offline."""

    destination: str
    kind: Literal["queue", "topic"]
    client_id: str
    subscription: str | None  # the name of a durable one
    active: bool
    selector: str | None
    pending: int | None  # waiting for this subscriber; a queue's wait in the queue
    in_flight: int | None  # dispatched and not acknowledged
    dequeued: int | None
    prefetch: int | None
    slow: bool
    connection_id: str | None = None


class BrokerConnection(Struct, frozen=True):
    client_id: str
    address: str  # of the peer
    connector: str  # through which it came
    user: str | None
    active: bool
    slow: bool
    blocked: bool
    waiting: int | None  # messages on their way to it
    since: float | None = None  # epoch seconds


class Network(Struct, frozen=True):
    """A network connector, or one of its bridges where it has any."""

    name: str
    remote_broker: str | None
    remote_address: str | None
    duplex: bool | None
    active: bool
    enqueued: int | None
    dequeued: int | None


class Job(Struct, frozen=True):
    """Something that is being done to a queue, or was done lately."""

    id: int
    verb: str
    queue: str
    to: str | None
    done: int
    of: int | None
    began_at: float  # epoch seconds
    ended_at: float | None
    state: JobState
    text: str  # what came of it, or what it does now; plain words
