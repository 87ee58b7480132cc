"""What is read of a broker and its queues in one POST, and what the replies say. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct, field
from msgspec.structs import FieldInfo, fields

from backends.activemq.jolokia import JolokiaError, Read, Reply, failure, has_no_match, object_name
from backends.broker import Broker

T = TypeVar("T", bound=Struct)

BROKERS: Final = "org.apache.activemq:type=Broker,brokerName=*"
SCHEDULER: Final = "JMSJobScheduler"
Count = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # a Java long; more would not fit the link either


class BrokerFigures(Struct, frozen=True, rename="pascal"):
    """A broker's attributes, each under its own name in JMX; what it lacks or fails to tell is None."""

    broker_id: str | None = None
    broker_version: str | None = None
    uptime_millis: Count | None = None
    store_percent_usage: float | None = None
    memory_percent_usage: float | None = None
    temp_percent_usage: float | None = None
    store_limit: Count | None = None  # bytes, as the next two
    memory_limit: Count | None = None
    temp_limit: Count | None = None
    total_message_count: Count | None = None
    current_connections_count: Count | None = None  # from 5.10 on
    persistent: bool | None = None
    slave: bool | None = None
    has_scheduler: bool | None = field(default=None, name=SCHEDULER)  # whether it can deliver a message later
    total_queues_count: Count | None = None  # from 6.2 on, as the next
    total_managed_queues_count: Count | None = None


class Counters(Struct, frozen=True, rename="pascal"):
    """Attributes that a queue has in every version."""

    queue_size: Count  # in-flight messages included
    consumer_count: Count
    producer_count: Count
    enqueue_count: Count
    dequeue_count: Count
    in_flight_count: Count


class Figures(Counters, frozen=True, rename="pascal"):
    """A queue's attributes. What has a default came with 5.9 (DLQ) and 5.12 (Paused), or a queue can do without it."""

    name: str | None = None
    paused: bool | None = None
    is_dlq: bool | None = field(default=None, name="DLQ")
    expired_count: Count | None = None
    memory_percent_usage: Count | None = None
    average_message_size: Count | None = None  # bytes
    cache_enabled: bool | None = None


READS = (
    Read(BROKERS, BrokerFigures.__struct_encode_fields__),
    Read(f"{BROKERS},destinationType=Queue,destinationName=*", Figures.__struct_encode_fields__),
)


class Reference(Struct, frozen=True, rename="camel"):
    """How Jolokia writes an attribute that is another MBean."""

    object_name: str


class Reading(Struct, frozen=True):
    """One poll. `unreadable` queues are there but their figures are not what JMX promises."""

    broker: BrokerFigures
    queues: Mapping[str, Figures]  # by name
    unreadable: int = 0
    mbean: str = ""  # the broker's own, as it was returned
    mbeans: Mapping[str, str] = {}  # by name of the queue: its ObjectName as it was returned, which its operations go to

    @property
    def hidden(self) -> int | None:
        """Queues that exist and are not in `queues`: JMX has one name for `a,b` and `a_b`, and one of them loses. None: nobody counts."""
        total, managed = self.broker.total_queues_count, self.broker.total_managed_queues_count
        if total is None or managed is None:
            return self.unreadable or None
        return max(0, total - managed) + self.unreadable


def card(name: str, reading: Reading, capabilities: Mapping[str, bool | str], agent: str | None) -> Broker:
    """What a pane says of the broker. `name`: the one of the configuration."""
    seen = reading.broker
    return Broker(
        name=name,
        id=seen.broker_id,
        version=seen.broker_version,
        uptime_s=None if seen.uptime_millis is None else seen.uptime_millis / 1000,
        store_pct=seen.store_percent_usage,
        memory_pct=seen.memory_percent_usage,
        temp_pct=seen.temp_percent_usage,
        capabilities=dict(capabilities),
        store_limit_bytes=seen.store_limit,
        memory_limit_bytes=seen.memory_limit,
        temp_limit_bytes=seen.temp_limit,
        messages=seen.total_message_count,
        connections=seen.current_connections_count,
        persistent=seen.persistent,
        standby=seen.slave,
        agent=agent,
    )


def reading(replies: list[Reply]) -> Reading:
    """The reading in the replies to READS. Raises JolokiaError; no queue at all is an empty table."""
    brokers, queues = replies
    if brokers.status != 200:
        raise failure(brokers)
    mbean, name, broker = _first_broker(brokers.value)
    if has_no_match(queues):
        return Reading(broker, {}, mbean=mbean)
    if queues.status == 404:
        raise JolokiaError("broken", "a queue was deleted while all were read")
    if queues.status != 200:
        raise failure(queues)
    found: dict[str, Figures] = {}
    mbeans: dict[str, str] = {}
    unreadable = 0
    for its, figures in table(queues.value, Figures).items():
        keys = object_name(its)
        if keys.get("brokerName") != name:
            continue
        if figures is None:
            unreadable += 1
        else:
            known = figures.name or keys.get("destinationName", its)
            found[known], mbeans[known] = figures, its
    return Reading(broker, found, unreadable, mbean, mbeans)


def _first_broker(value: Raw) -> tuple[str, str, BrokerFigures]:
    """ObjectName, name and figures. A JVM may hold several brokers; then the first by name is ours."""
    brokers: dict[str, dict[str, Raw]] | None = typed(value, dict[str, dict[str, Raw]])
    if not brokers:
        raise JolokiaError("broken", "no broker in the reply")
    mbean, attributes = min(brokers.items())
    known = {each.name: _told(each, attributes[each.encode_name]) for each in fields(BrokerFigures) if each.encode_name in attributes}
    return mbean, object_name(mbean).get("brokerName", ""), BrokerFigures(**known)


def _told(attribute: FieldInfo, value: Raw) -> Any:
    """The scheduler is a reference to its MBean, and null where messages cannot be scheduled."""
    if attribute.encode_name != SCHEDULER:
        return typed(value, attribute.type)
    return False if bytes(value) == b"null" else typed(value, Reference) is not None or None


def table(value: Raw, kind: type[T]) -> dict[str, T | None]:
    """Rows by MBean name. An odd attribute that a row can do without costs that attribute, another one the row, which is None then; the
    table stays. Raises JolokiaError when there is no table at all."""
    whole: dict[str, T | None] | None = typed(value, dict[str, kind | None])  # type: ignore[valid-type]
    if whole is not None:
        return whole
    apart: dict[str, Raw] | None = typed(value, dict[str, Raw])
    if apart is None:
        raise JolokiaError("broken", "no table in the reply")
    return {mbean: _piecewise(row, kind) for mbean, row in apart.items()}


def _piecewise(row: Raw, kind: type[T]) -> T | None:
    attributes: dict[str, Raw] = typed(row, dict[str, Raw]) or {}
    told = {each.name: typed(attributes[each.encode_name], each.type) for each in fields(kind) if each.encode_name in attributes}
    try:
        return kind(**{name: value for name, value in told.items() if value is not None})
    except TypeError:  # one that it cannot do without
        return None


def typed(value: Raw, kind: Any) -> Any:
    """The value as what it should be, else None: an attribute that failed on the broker is a text in 1.x and an object in 2.x."""
    try:
        return msgspec.json.decode(value, type=kind)
    except (ValueError, RecursionError):
        return None
