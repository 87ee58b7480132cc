"""What a broker's figures mean: replies become a reading, readings become rates and verdicts. Pure; `at` is seconds of a clock that never
goes back, and `advance` replaces the memory of the readings before instead of changing it, so a cancelled cycle leaves nothing half done.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct, field
from msgspec.structs import fields, replace

from backends.jolokia import JolokiaError, Read, Reply, failure, has_no_match, object_name
from backends.snapshots import Queue, QueueVerdict
from backends.trend import Trend, follow
from backends.wording import count

STUCK_S = 60.0  # a consumer that takes longer for one message exists, but somebody should look at it
MIN_RATE_S = 1.0  # a rate over less is mostly rounding; a refresh by hand keeps the rates before it
MAX_GAP_S = 180.0  # after a longer silence (or three intervals) rates and trends would describe the gap

_BROKER = "org.apache.activemq:type=Broker,brokerName=*"
Count = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]  # a Java long; more would not fit the link either


class BrokerFigures(Struct, frozen=True, rename="pascal"):
    """A broker's attributes, each under its own name in JMX; what it lacks or fails to tell is None."""

    broker_id: str | None = None
    broker_version: str | None = None
    uptime_millis: Count | None = None
    store_percent_usage: float | None = None
    memory_percent_usage: float | None = None
    temp_percent_usage: float | None = None
    total_queues_count: Count | None = None  # from 6.2 on, as the next
    total_managed_queues_count: Count | None = None


class Figures(Struct, frozen=True, rename="pascal"):
    """A queue's attributes. What has a default came with 5.9 (DLQ) and 5.12 (Paused)."""

    queue_size: Count  # in-flight messages included
    consumer_count: Count
    producer_count: Count
    enqueue_count: Count
    dequeue_count: Count
    in_flight_count: Count
    name: str | None = None
    paused: bool | None = None
    is_dlq: bool | None = field(default=None, name="DLQ")


READS = (
    Read(_BROKER, BrokerFigures.__struct_encode_fields__),
    Read(f"{_BROKER},destinationType=Queue,destinationName=*", Figures.__struct_encode_fields__),
)


class Reading(Struct, frozen=True):
    """One poll. `unreadable` queues are there but their figures are not what JMX promises."""

    broker: BrokerFigures
    queues: Mapping[str, Figures]
    unreadable: int = 0

    @property
    def hidden(self) -> int | None:
        """Queues that exist and are not in `queues`: JMX has one name for `a,b` and `a_b`, and one of them loses. None: nobody counts."""
        total, managed = self.broker.total_queues_count, self.broker.total_managed_queues_count
        if total is None or managed is None:
            return self.unreadable or None
        return max(0, total - managed) + self.unreadable


def reading(replies: list[Reply]) -> Reading:
    """The reading in the replies to READS. Raises JolokiaError; no queue at all is an empty table."""
    brokers, queues = replies
    if brokers.status != 200:
        raise failure(brokers)
    name, broker = _first_broker(brokers.value)
    if has_no_match(queues):
        return Reading(broker, {})
    if queues.status == 404:
        raise JolokiaError("broken", "a queue was deleted while all were read")
    if queues.status != 200:
        raise failure(queues)
    found: dict[str, Figures] = {}
    unreadable = 0
    for mbean, figures in _figures(queues.value).items():
        keys = object_name(mbean)
        if keys.get("brokerName") != name:
            continue
        if figures is None:
            unreadable += 1
        else:
            found[figures.name or keys.get("destinationName", mbean)] = figures
    return Reading(broker, found, unreadable)


def _first_broker(value: Raw) -> tuple[str, BrokerFigures]:
    """A JVM may hold several brokers; then the first by name is ours."""
    brokers: dict[str, dict[str, Raw]] | None = _typed(value, dict[str, dict[str, Raw]])
    if not brokers:
        raise JolokiaError("broken", "no broker in the reply")
    mbean, attributes = min(brokers.items())
    known = {
        field.name: _typed(attributes[field.encode_name], field.type) for field in fields(BrokerFigures) if field.encode_name in attributes
    }
    return object_name(mbean).get("brokerName", ""), BrokerFigures(**known)


def _figures(value: Raw) -> Mapping[str, Figures | None]:
    """Every queue's figures by MBean name. One odd queue costs that queue, not the table."""
    whole: dict[str, Figures | None] | None = _typed(value, dict[str, Figures | None])
    if whole is not None:
        return whole
    apart: dict[str, Raw] | None = _typed(value, dict[str, Raw])
    if apart is None:
        raise JolokiaError("broken", "no table of queues in the reply")
    return {mbean: _typed(row, Figures) for mbean, row in apart.items()}


def _typed(value: Raw, kind: Any) -> Any:
    """The value as what it should be, else None: an attribute that failed on the broker is a text in 1.x and an object in 2.x."""
    try:
        return msgspec.json.decode(value, type=kind)
    except (ValueError, RecursionError):
        return None


class Watch(Struct, frozen=True):
    """What is remembered of one queue. The next rates are measured from `base`, read at `since`."""

    figures: Figures
    base: Figures
    since: float
    enqueue_per_s: float | None = None
    dequeue_per_s: float | None = None
    untouched_since: float | None = None  # messages wait for consumers, and nothing was dequeued
    trend: Trend = Trend()


class Memory(Struct, frozen=True):
    """Everything remembered of one broker."""

    broker: BrokerFigures
    at: float
    watches: Mapping[str, Watch]


def advance(memory: Memory | None, now: Reading, at: float, interval: float) -> Memory:
    """The memory after one more reading. A restarted broker or a long silence starts it over."""
    if memory is None or _has_restarted(memory.broker, now.broker) or at - memory.at > max(MAX_GAP_S, 3 * interval):
        before: Mapping[str, Watch] = {}
    else:
        before = memory.watches
    return Memory(now.broker, at, {name: _advance(before.get(name), figures, at) for name, figures in now.queues.items()})


def _has_restarted(before: BrokerFigures, now: BrokerFigures) -> bool:
    if before.broker_id != now.broker_id:  # a new one at every start
        return True
    return before.uptime_millis is not None and now.uptime_millis is not None and now.uptime_millis < before.uptime_millis


def _advance(before: Watch | None, figures: Figures, at: float) -> Watch:
    if before is not None and _went_back(before.figures, figures):  # deleted and made again, or its statistics reset
        before = None
    untouched_since = _untouched_since(before, figures, at)
    trend = follow(before.trend if before is not None else Trend(), at, figures.queue_size)
    if before is None:
        return Watch(figures, figures, at, untouched_since=untouched_since, trend=trend)
    over_s = at - before.since
    if over_s < MIN_RATE_S:
        return replace(before, figures=figures, untouched_since=untouched_since, trend=trend)
    enqueue_per_s = (figures.enqueue_count - before.base.enqueue_count) / over_s
    dequeue_per_s = (figures.dequeue_count - before.base.dequeue_count) / over_s
    return Watch(figures, figures, at, enqueue_per_s, dequeue_per_s, untouched_since, trend)


def _untouched_since(before: Watch | None, figures: Figures, at: float) -> float | None:
    if figures.queue_size <= 0 or figures.consumer_count <= 0:
        return None
    if before is None or before.figures.dequeue_count != figures.dequeue_count:
        return at
    return at if before.untouched_since is None else before.untouched_since


def _went_back(before: Figures, now: Figures) -> bool:
    return now.enqueue_count < before.enqueue_count or now.dequeue_count < before.dequeue_count


_DLQ_NAME = re.compile(r"ActiveMQ\.DLQ|DLQ\..*|.*\.dlq", re.IGNORECASE | re.DOTALL)


def is_dead_letters(name: str, figures: Figures) -> bool:
    """By the broker's flag, which it sets when it writes there and forgets at a restart, or by the names everybody uses."""
    return bool(figures.is_dlq) or _DLQ_NAME.fullmatch(name) is not None


def rows(memory: Memory, is_shown: Callable[[str], bool]) -> tuple[Queue, ...]:
    """The table, by name. A queue of dead letters is shown whatever `is_shown` says of its name."""
    return tuple(
        _row(name, watch, memory.at)
        for name, watch in sorted(memory.watches.items())
        if is_shown(name) or is_dead_letters(name, watch.figures)
    )


def _row(name: str, watch: Watch, at: float) -> Queue:
    figures = watch.figures
    is_dlq = is_dead_letters(name, figures)
    verdict, reason = _judged(watch, is_dlq, at)
    return Queue(
        name=name,
        pending=max(0, figures.queue_size),  # a broker's own count may dip below zero for a moment
        consumers=figures.consumer_count,
        producers=figures.producer_count,
        enqueued=figures.enqueue_count,
        dequeued=figures.dequeue_count,
        in_flight=max(0, figures.in_flight_count),
        enqueue_per_s=watch.enqueue_per_s,
        dequeue_per_s=watch.dequeue_per_s,
        oldest_age_s=None,
        paused=bool(figures.paused),
        dlq=is_dlq,
        verdict=verdict,
        reason=reason,
    )


def _judged(watch: Watch, is_dlq: bool, at: float) -> tuple[QueueVerdict, str]:
    """The worst that holds, with the numbers it came from."""
    figures, growth = watch.figures, watch.trend.growth
    pending, consumers = f"{figures.queue_size:,} pending", count(figures.consumer_count, "consumer")
    if is_dlq and figures.queue_size > 0:
        return "DLQ", f"{count(figures.queue_size, 'dead letter')}, {consumers}"
    if figures.paused:
        return "PAUSED", f"paused with {pending}, {consumers}"
    if figures.queue_size > 0 and figures.consumer_count == 0:
        return "NO_CONSUMER", f"{pending}, no consumer"
    if watch.untouched_since is not None and (untouched_s := at - watch.untouched_since) >= STUCK_S:
        held = f"{figures.in_flight_count:,} in flight and not acknowledged" if figures.in_flight_count > 0 else "none handed to a consumer"
        return "STUCK", f"nothing dequeued for {untouched_s:.0f} s: {pending}, {consumers}, {held}"
    if growth is not None and figures.consumer_count > 0:
        taken = "" if watch.dequeue_per_s is None else f", taking {watch.dequeue_per_s:.1f}/s"
        return "GROWING", f"{pending}, {growth.risen:,} more in {growth.over_s:.0f} s ({growth.per_s:.1f}/s), {consumers}{taken}"
    return "OK", f"{pending}, {consumers}"
