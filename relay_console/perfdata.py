"""The figures behind the line of `check`, and the limits that its options give. Pure.

A figure is `'label'=value[unit];[warn];[crit];[min];[max]`: no quote, = or | in a label, whatever a topic is called; a unit is s, B, %,
c (a counter that only grows) or none; what is not known is left out.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from backends.agent import HeapFile
from backends.broker import Queue
from backends.snapshots import Consumer, Data, Heap, Offsets, Queues, Relay, Snapshot, Topic, Topics, TopicState
from backends.wording import span
from relay.status import ReceiverStatus, SenderStatus
from tui.format import visible

MAX_LABEL: Final = 60  # characters of a name in a label
_FORBIDDEN: Final = str.maketrans("'=|", "___")


class Limits(NamedTuple):
    """Of the options; None: what the configuration says."""

    warn: float | None = None  # seconds: age of the newest record
    crit: float | None = None
    warn_lag: int | None = None
    crit_lag: int | None = None

    @property
    def has_age(self) -> bool:
        return self.warn is not None or self.crit is not None

    @staticmethod
    def age_of(topic: Topic) -> float | None:
        """When the cluster loaded the newest record, or when it was written where its payload does not say."""
        return topic.loaded_age_s if topic.loaded_age_s is not None else topic.record_age_s


class Figure(NamedTuple):
    about: str  # what a finding calls it
    label: str
    value: float | None
    unit: str = ""
    warn: float | None = None
    crit: float | None = None
    least: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        label = visible(self.label).translate(_FORBIDDEN)
        bounds = ";".join("" if bound is None else _number(bound) for bound in (self.warn, self.crit, self.least, self.most))
        return f"'{label}'={_number(self.value or 0)}{self.unit};{bounds}".rstrip(";")


def over(snapshot: Snapshot, limits: Limits) -> Snapshot:
    """With topics judged by these limits instead of the configuration's. What is no matter of age stays as it is."""
    if not limits.has_age or not isinstance(snapshot.data, Topics):
        return snapshot
    topics = tuple(_judged(topic, limits) for topic in snapshot.data.topics)
    return msgspec.structs.replace(snapshot, data=msgspec.structs.replace(snapshot.data, topics=topics))


def _judged(topic: Topic, limits: Limits) -> Topic:
    age = limits.age_of(topic)
    if age is None or age < 0 or topic.state not in ("ok", "warn", "crit", "unparsable"):
        return topic
    levels: tuple[tuple[TopicState, float | None], ...] = (("crit", limits.crit), ("warn", limits.warn))
    for state, most in levels:
        if most is not None and age > most:
            basis = "loaded" if topic.loaded_age_s is not None else "written"
            return msgspec.structs.replace(topic, state=state, reason=f"newest record was {basis} {span(age)} ago; limit {span(most)}")
    return msgspec.structs.replace(topic, state="ok")


def measured(snapshots: Sequence[Snapshot], first: Collection[tuple[str, str]], limits: Limits) -> Iterator[str]:
    """`first`: source and name of what is in trouble. With several sources of a kind their names tell apart what is called the same."""
    kinds = [snapshot.kind for snapshot in snapshots]
    found: list[tuple[str, Figure]] = []
    for snapshot in snapshots:
        if snapshot.state not in ("down", "denied"):
            prefix = f"{snapshot.source}/" if kinds.count(snapshot.kind) > 1 else ""
            found += [(snapshot.source, figure) for figure in _of_source(snapshot.data, prefix)]
            found += [(snapshot.source, figure) for item in _items(snapshot.data) for figure in _of(item, prefix, limits)]
    found.sort(key=lambda pair: (pair[0], pair[1].about) not in first)  # stable
    return (str(figure) for _, figure in found if figure.value is not None and math.isfinite(figure.value))


def _items(data: Data | None) -> Sequence[Struct]:
    """What is judged; besides these a broker has topics, connections and more."""
    match data:
        case Topics(topics=found) | Offsets(consumers=found) | Heap(files=found) | Queues(queues=found):
            return found
        case Relay(receivers=receivers, senders=senders):
            return (*receivers, *senders)
    return ()


def _of_source(data: Data | None, prefix: str) -> Iterator[Figure]:
    if isinstance(data, Queues) and data.hidden is not None:
        yield Figure("", f"{prefix}hidden queues", data.hidden, least=0)


def _of(item: Struct, prefix: str, limits: Limits) -> Iterator[Figure]:
    match item:
        case Topic():
            return _topic(item, prefix, limits)
        case Consumer():
            return _consumer(item, prefix, limits)
        case HeapFile():
            return _heap(item, prefix)
        case Queue():
            return _queue(item, prefix)
    return _relay(item, prefix)


def _label(prefix: str, name: str, figure: str) -> str:
    return f"{prefix}{name[:MAX_LABEL]} {figure}"


def _topic(topic: Topic, prefix: str, limits: Limits) -> Iterator[Figure]:
    name = "loaded_age" if topic.loaded_age_s is not None else "record_age"
    yield Figure(topic.name, _label(prefix, topic.name, name), limits.age_of(topic), "s", limits.warn, limits.crit)
    yield Figure(topic.name, _label(prefix, topic.name, "records_per_s"), topic.records_per_s)


def _consumer(consumer: Consumer, prefix: str, limits: Limits) -> Iterator[Figure]:
    name = f"{consumer.name} {consumer.topic}" if consumer.topic else consumer.name
    yield Figure(name, _label(prefix, name, "lag"), consumer.lag, "", limits.warn_lag, limits.crit_lag, 0)
    yield Figure(name, _label(prefix, name, "records_per_min"), consumer.records_per_min.get("1"), least=0)


def _heap(file: HeapFile, prefix: str) -> Iterator[Figure]:
    """Of the whole heap where the log has no more. Humongous regions are old to the JVM: the share counts them, as the verdict does."""
    used, word = (file.last_after_gc, "old_used") if file.last_after_gc is not None else (file.heap_last, "heap_used")
    if used is not None and used.after_kib is not None:
        most = None if used.capacity_kib is None else used.capacity_kib << 10
        yield Figure(file.name, _label(prefix, file.name, word), max(0, used.after_kib) << 10, "B", None, None, 0, most)
        if used.capacity_kib:
            share = (max(0, used.after_kib) if file.old_kib is None else file.old_kib) * 100 / used.capacity_kib
            yield Figure(file.name, _label(prefix, file.name, f"{word}_pct"), share, "%", None, None, 0, 100)
    if file.state == "ok":
        yield Figure(file.name, _label(prefix, file.name, "full_collections"), file.full, "c")


def _queue(queue: Queue, prefix: str) -> Iterator[Figure]:
    yield Figure(queue.name, _label(prefix, queue.name, "pending"), queue.pending, least=0)
    yield Figure(queue.name, _label(prefix, queue.name, "oldest_age"), queue.oldest_age_s, "s")
    yield Figure(queue.name, _label(prefix, queue.name, "dequeued"), queue.dequeued, "c")


def _relay(one: Struct, prefix: str) -> Iterator[Figure]:
    if isinstance(one, ReceiverStatus):
        yield Figure(one.name, _label(prefix, one.name, "stored"), one.stored, "c")
    if isinstance(one, SenderStatus):
        yield Figure(one.name, _label(prefix, one.name, "waiting"), one.waiting, least=0)
        yield Figure(f"{one.name} failed files", _label(prefix, one.name, "failed"), one.failed, least=0)


def _number(value: float) -> str:
    """Of -0-9. alone: no exponent, whatever the size."""
    return str(value) if isinstance(value, int) else f"{value:.1f}".removesuffix(".0")
