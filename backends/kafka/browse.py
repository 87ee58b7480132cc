"""Records of some partitions read backwards, in rounds. Blocking; used by one thread. Nothing is joined or committed.

The first round takes one record of each partition: its size tells how many more there is room for. A round that did not come to its end
counts for nothing, so what is found is always the newest, without a hole that is ours.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from backends.kafka.client import Key
from backends.kafka.faults import fault_of
from backends.kafka.fetch import TIME_KINDS
from backends.questions import VALUE_BYTES, Record
from backends.wording import count

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

MOST_READ: Final = 2_000  # records for one answer, over all partitions
READ_BYTES: Final = 64 << 20  # for one answer; a record of 20 MB counts whole
MAX_BACK: Final = 4_096  # offsets that are gone through in one partition: there may be nothing but markers and holes
WIDER: Final = 8  # times as many offsets as before, where they hold too few records
POLL_S: Final = 0.05
BATCH: Final = 100

Spans = Mapping[Key, tuple[int, int]]  # from, up to and without


class _Part(Struct):
    """Everything from `low` to `high` was read, nothing below it yet."""

    start: int
    high: int
    low: int
    got: int = 0


class Backwards:
    """`limit` records in all, each with at most `size` bytes of its value."""

    def __init__(self, consumer: "Consumer", spans: Spans, limit: int, size: int) -> None:
        self._consumer, self._limit, self._size = consumer, limit, size
        self._share = min(limit, max(1, MOST_READ // max(1, len(spans))))
        self._parts = {key: _Part(start, high, high) for key, (start, high) in spans.items()}
        self._found: dict[tuple[Key, int], Record] = {}
        self.taken = 0  # bytes of keys and values
        self._trouble: list[str] = []

    def run(self, until: float) -> list[str]:
        """What is to be said of the answer; `until` is monotonic."""
        width = 0
        while not self._trouble and (wanted := self._wanted(width)):
            self._round(wanted, until)
            width = max(WIDER, width * WIDER)
        return [*self._trouble, *self._said()]

    def found(self) -> list[Record]:
        return [record for (key, offset), record in self._found.items() if offset >= self._parts[key].low]

    def _wanted(self, width: int) -> dict[Key, int]:
        """Where the next round begins in each partition that has more to give."""
        mean = max(1, self.taken // max(1, len(self._found)))
        room = max(1, (READ_BYTES - self.taken) // mean // max(1, len(self._parts)))
        wanted = {}
        for key, part in self._parts.items():
            if part.got < self._share and part.low > part.start and part.high - part.low < MAX_BACK:
                is_first = part.low == part.high
                steps = 1 if is_first else min(max(self._share - part.got, width), room, MAX_BACK)
                wanted[key] = max(part.start, part.low - steps)
        return wanted

    def _round(self, wanted: Mapping[Key, int], until: float) -> None:
        from confluent_kafka import TopicPartition

        limits = {key: self._parts[key].low for key in wanted}
        self._consumer.incremental_assign([TopicPartition(*key, offset) for key, offset in wanted.items()])
        left = set(wanted)
        try:
            while left and time.monotonic() < until and self.taken < READ_BYTES:
                for message in self._consumer.consume(BATCH, POLL_S):
                    key = (message.topic() or "", message.partition() or 0)
                    if key in left and self._take(key, message, limits[key]):
                        left.discard(key)
                        self._parts[key].low = wanted[key]
                        self._consumer.incremental_unassign([TopicPartition(*key)])
        finally:
            if left:
                self._consumer.incremental_unassign([TopicPartition(*key) for key in left])
        if left or self.taken >= READ_BYTES:
            self._stopped()

    def _stopped(self) -> None:
        wanted = min(self._limit, sum(min(self._share, part.high - part.start) for part in self._parts.values()))
        found = min(len(self.found()), wanted)
        if found < wanted:
            why = f"more than {READ_BYTES >> 20} MiB to read" if self.taken >= READ_BYTES else "timed out"
            self._trouble.append(f"{why}: {found} of {wanted}")

    def _take(self, key: Key, message: "Message", limit: int) -> bool:
        """Whether the partition is through with its round."""
        from confluent_kafka import KafkaError

        error = message.error()
        if error is not None:
            if error.code() not in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET):
                self._trouble.append(f"partition {key[1]}: {fault_of(error).text}")
            return True
        offset = message.offset() or 0
        if offset < limit:
            self.taken += len(message.value() or b"") + len(message.key() or b"")
            self._found[key, offset] = record_of(message, self._size)
            self._parts[key].got += 1
        return offset >= limit - 1

    def _said(self) -> list[str]:
        notes = []
        if self._share < self._limit:
            notes.append(f"the newest {count(self._share, 'record')} of each of {len(self._parts)} partitions")
        if not self._trouble and any(part.got < min(self._share, part.high - part.low) for part in self._parts.values()):
            notes.append("offsets without a record: transaction markers, or compaction")
        return notes


def committed_offsets(consumer: "Consumer", key: Key, span: tuple[int, int], until: float) -> set[int] | None:
    """Offsets in a span whose records count, as a consumer of committed records sees them. None: not found out in time."""
    from confluent_kafka import KafkaError, TopicPartition

    low, high = span
    place, found = TopicPartition(*key, low), set[int]()
    consumer.incremental_assign([place])
    try:
        while time.monotonic() < until:
            for message in consumer.consume(BATCH, POLL_S):
                if (message.topic(), message.partition()) != key:
                    continue
                error, offset = message.error(), message.offset() or 0
                if error is not None:
                    return found if error.code() == KafkaError._PARTITION_EOF else None
                if offset < high:
                    found.add(offset)
                if offset >= high - 1:
                    return found
    finally:
        consumer.incremental_unassign([place])
    return None


def record_of(message: "Message", size: int) -> Record:
    key, value, (kind, stamp) = message.key(), message.value(), message.timestamp()
    key = key.encode() if isinstance(key, str) else key
    value = value.encode() if isinstance(value, str) else value
    return Record(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        at=stamp / 1000 if kind and stamp >= 0 else None,
        time_kind=TIME_KINDS.get(kind),
        key=None if key is None else key[:VALUE_BYTES],
        value=None if value is None else value[:size],
        key_size=len(key or b""),
        value_size=len(value or b""),
        headers=tuple(_header(*each) for each in (message.headers() or ())),
    )


def _header(name: str, value: str | bytes | None) -> tuple[str, bytes | None]:
    value = value.encode() if isinstance(value, str) else value
    return name, None if value is None else value[:VALUE_BYTES]
