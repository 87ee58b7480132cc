"""The newest record of many partitions, read in waves, joining no group and committing nothing. Blocking; every wave has a deadline.

A partition is assigned at its last offset and dropped as soon as that record was seen: with thousands still assigned each fetch request
would name them all. The end of a log may hold no record (transaction markers, compaction): then the reading steps back, a bounded way,
and to the start of a log that is not longer than that.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from backends.kafka.client import Key
from backends.kafka.faults import Fault, fault_of
from backends.kafka.values import MAX_JSON
from backends.snapshots import RecordTime

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

WAVE = 500  # partitions assigned at once; more costs bytes, fewer costs round trips (measured)
WAVE_S = 5.0
BATCH = 200  # messages taken at once
POLL_S = 0.05
TIME_KINDS: dict[int, RecordTime] = {1: "create", 2: "append"}  # confluent_kafka.TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME
STEPS_BACK = (1, 8, 64, 512, 4096)  # offsets before the end; beyond the last one a log end counts as one without records


class Span(Struct, frozen=True):
    start: int
    end: int


class Record(Struct, frozen=True):
    offset: int
    at: float | None  # epoch seconds; None where the log format carries no time
    time_kind: RecordTime | None
    value: bytes | None  # its first MAX_JSON + 1 bytes; None is a tombstone
    value_bytes: int | None  # of all of it
    taken: int  # bytes of key and value


class NoRecord(Struct, frozen=True):
    """There is no record that can be read in the last `looked` offsets."""

    looked: int = 0


class Moved(Struct, frozen=True):
    """The log is another one than when its offsets were asked: truncated, or recreated."""


Outcome = Record | NoRecord | Moved | Fault


def newest(consumer: "Consumer", wanted: Mapping[Key, Span], until: float, max_bytes: int) -> Iterator[tuple[Key, Outcome]]:
    """Outcomes as they come, roughly in the order of `wanted`. What has none when `until` (monotonic) or the bytes are over is left out."""
    waiting = deque((key, 0) for key in wanted)
    room = max_bytes
    while waiting and room > 0 and (left := until - time.monotonic()) > 0:
        steps = dict(waiting.popleft() for _ in range(min(WAVE, len(waiting))))
        wave = _Wave(consumer, wanted, steps, room)
        yield from wave.read(time.monotonic() + min(WAVE_S, left))
        room -= wave.taken
        waiting.extend(wave.again)


class _Wave:
    """One assignment, from its beginning to the last partition's outcome, the deadline, or the last byte of the room."""

    def __init__(self, consumer: "Consumer", wanted: Mapping[Key, Span], steps: dict[Key, int], room: int) -> None:
        self._consumer, self._wanted, self._steps, self._room = consumer, wanted, steps, room
        self._open: set[Key] = set()
        self._seen: dict[Key, Record] = {}
        self.taken = 0  # bytes
        self.again: list[tuple[Key, int]] = []  # to be read from further back, in the next wave

    def read(self, until: float) -> Iterator[tuple[Key, Outcome]]:
        self._assign()
        try:
            while self._open and time.monotonic() < until and self.taken < self._room:
                outcomes = {}
                for message in self._consumer.consume(BATCH, POLL_S):
                    key = (message.topic() or "", message.partition() or 0)
                    if key in self._open and (outcome := self._take(key, message)) is not None:
                        outcomes[key] = outcome
                        self._open.discard(key)
                self._unassign(outcomes)
                yield from self._settled(outcomes)
            late = self._open if self.taken < self._room else ()
            yield from [(key, Fault("silent", "its newest record did not arrive in time")) for key in late]
        finally:
            self._unassign(self._open)

    def _assign(self) -> None:
        from confluent_kafka import TopicPartition

        places = [(key, self._wanted[key], STEPS_BACK[step]) for key, step in self._steps.items()]
        self._consumer.incremental_assign([TopicPartition(*key, max(span.start, span.end - back)) for key, span, back in places])
        self._open = set(self._steps)

    def _unassign(self, keys: Iterable[Key]) -> None:
        from confluent_kafka import TopicPartition

        if places := [TopicPartition(*key) for key in keys]:
            self._consumer.incremental_unassign(places)

    def _take(self, key: Key, message: "Message") -> Outcome | None:
        """None: not yet; more may come of this partition."""
        from confluent_kafka import KafkaError

        error = message.error()
        if error is None:
            self._seen[key] = record = self._record(message)
            return record if record.offset >= self._wanted[key].end - 1 else None
        if error.code() == KafkaError._PARTITION_EOF:
            return self._seen.get(key) or NoRecord()
        return Moved() if error.code() == KafkaError._AUTO_OFFSET_RESET else fault_of(error)

    def _record(self, message: "Message") -> Record:
        value, (kind, stamp) = message.value(), message.timestamp()
        taken = len(value or b"") + len(message.key() or b"")
        self.taken += taken
        return Record(
            offset=message.offset() or 0,
            at=stamp / 1000 if kind and stamp >= 0 else None,
            time_kind=TIME_KINDS.get(kind),
            value=None if value is None else value[: MAX_JSON + 1],
            value_bytes=None if value is None else len(value),
            taken=taken,
        )

    def _settled(self, outcomes: Mapping[Key, Outcome]) -> Iterator[tuple[Key, Outcome]]:
        """What is final; a log end without a record is tried again from further back, while there is a further back."""
        for key, outcome in outcomes.items():
            step, span = self._steps[key], self._wanted[key]
            if not isinstance(outcome, NoRecord):
                yield key, outcome
            elif step + 1 < len(STEPS_BACK) and span.end - STEPS_BACK[step] > span.start:
                self.again.append((key, step + 1))
            else:
                yield key, NoRecord(min(STEPS_BACK[step], span.end - span.start))
