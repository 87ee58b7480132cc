"""What a console may ask a source besides its snapshot, and what it is told: read-only, answered at once, never kept in a snapshot.

A question travels as a command whose verb is its kind and whose arguments are its fields; the answer is the data of the reply. Whoever may
look may ask: nothing anywhere is changed by it, so it needs no write access and leaves no audit line. No I/O, no clock.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from backends.agent import Basis, HeapEvent, HeapPoint, LogLine, PauseBucket
from backends.broker import Job
from backends.messages import Messages
from backends.snapshots import ConsumerPartition, Data, RecordTime

MAX_RECORDS: Final = 500  # of one answer; more are asked for with `before`
VALUE_BYTES: Final = 64 << 10  # of each value and key in a list of records
WHOLE_BYTES: Final = 8 << 20  # of a single record that is asked for whole: half of a frame of the link
ANSWER_BYTES: Final = 8 << 20  # of all records of one answer
MAX_POINTS: Final = 240  # of one partition's history
MAX_MESSAGES: Final = 500  # of one answer; more are asked for with `skip`
CHANGED: Final = "counts changed"  # how a refusal begins that is counted and asked anew; it says what was done until then
MAX_HEAP_POINTS: Final = 2000  # of one agent's past
MAX_HEAP_EVENTS: Final = 500
MAX_LOG_LINES: Final = 1000
BODY_BYTES: Final = 64 << 10  # of each body in a list of messages


class WholeOf(Struct, frozen=True, tag="whole", tag_field="kind"):
    """What a source knows with all its details, which snapshots on their way to consoles leave out; all rows, or those of one name.

    Answered by the monitor from the last reading: the source itself is not asked.
    """

    name: str | None = None


class RecordsOf(Struct, frozen=True, tag="records", tag_field="kind"):
    """The newest records of a topic, or of one of its partitions. With `before` (a partition is needed) those below that offset."""

    topic: str
    partition: int | None = None
    before: int | None = None
    limit: int = 50  # 1 to MAX_RECORDS
    whole: bool = False  # values up to WHOLE_BYTES, for a limit of 1


class HistoryOf(Struct, frozen=True, tag="history", tag_field="kind"):
    """How a consumer's offsets and log ends moved while they were watched; all partitions, or one."""

    consumer: str
    topic: str | None = None
    partition: int | None = None
    points: int = 32  # at most, of each partition; up to MAX_POINTS


class MessagesOf(Struct, frozen=True, tag="messages", tag_field="kind"):
    """Messages of a queue from its head, without taking them. `selector` is the broker's (SQL 92); `text` is looked for, by us, in headers,
    properties and body, whatever its case."""

    queue: str
    selector: str | None = None
    text: str | None = None
    skip: int = 0  # matching messages before the first
    limit: int = 50  # 1 to MAX_MESSAGES
    id: str | None = None  # this message alone
    whole: bool = False  # bodies up to WHOLE_BYTES, and the types of properties where the broker tells them
    translated: bool = False  # maps and objects with all they hold; the broker marks every message for that, so it needs write access


class PreviewOf(Struct, frozen=True, tag="preview", tag_field="kind"):
    """What an action would do, counted now, without doing it. `arguments` are those of the command, as a JSON object."""

    verb: str
    arguments: str


class JobsOf(Struct, frozen=True, tag="jobs", tag_field="kind"):
    """What is being done now, and was done lately."""


class HeapOf(Struct, frozen=True, tag="heap", tag_field="kind"):
    """The past of one agent as its log tells it, rotated files included, as far back as is quickly read."""

    name: str  # of its row
    points: int = 240  # at most, up to MAX_HEAP_POINTS
    events: int = 100  # the newest, up to MAX_HEAP_EVENTS


class LogLinesOf(Struct, frozen=True, tag="log_lines", tag_field="kind"):
    """The lines of the log around one event."""

    name: str  # of the agent's row
    file: str | None = None  # HeapEvent.file; None: the file that is followed now
    place: int | None = None  # HeapEvent.place; None: its end
    before: int = 40  # lines; together up to MAX_LOG_LINES
    after: int = 20


Question = WholeOf | RecordsOf | HistoryOf | MessagesOf | PreviewOf | JobsOf | HeapOf | LogLinesOf


class Whole(Struct, frozen=True, tag="whole", tag_field="kind"):
    observed_at: float | None
    data: Data | None


class Record(Struct, frozen=True):
    """One Kafka record as it was read. Bytes are cut where the sizes say that there are more."""

    partition: int
    offset: int
    at: float | None  # epoch seconds; None where the log format carries no time
    time_kind: RecordTime | None
    key: bytes | None
    value: bytes | None  # None: a tombstone
    key_size: int
    value_size: int
    headers: tuple[tuple[str, bytes | None], ...] = ()
    aborted: bool | None = None  # of a transaction that was aborted, or is not ended; None: not known


class Records(Struct, frozen=True, tag="records", tag_field="kind"):
    """Newest first: by time across partitions, by offset within one."""

    topic: str
    records: tuple[Record, ...]
    of: int  # offsets between start and end of what was asked: at least as many as there are records
    note: str = ""  # why these are not all, in plain words


class Point(Struct, frozen=True, array_like=True):
    """One reading. `end` is None where the log end was not known."""

    at: float
    offset: int
    end: int | None


class PartitionHistory(Struct, frozen=True):
    """Oldest first; readings between the points were left out, none was made up."""

    partition: int
    points: tuple[Point, ...]


class History(Struct, frozen=True, tag="history", tag_field="kind"):
    consumer: str
    topic: str | None
    partitions: tuple[PartitionHistory, ...]
    detail: tuple[ConsumerPartition, ...] = ()  # the consumer's, which snapshots leave out on their way; the monitor puts them in


class Preview(Struct, frozen=True, tag="preview", tag_field="kind"):
    """`expect` goes with the command as it is: the action is refused if it no longer holds, and is previewed anew."""

    verb: str
    lines: tuple[str, ...]  # what will happen, with exact counts
    warnings: tuple[str, ...] = ()  # what may be lost or go wrong
    refused: str | None = None  # why it cannot be done; then there is nothing to confirm
    expect: dict[str, str | int | float | bool | None] = {}
    typed: str | None = None  # what the operator must type to confirm; None: a yes is enough


class Jobs(Struct, frozen=True, tag="jobs", tag_field="kind"):
    """Newest first."""

    jobs: tuple[Job, ...]


class HeapPast(Struct, frozen=True, tag="heap", tag_field="kind"):
    """Points oldest first, events newest first."""

    name: str
    points: tuple[HeapPoint, ...]
    basis: Basis | None  # of the points
    capacity_kib: int | None  # what bounds them, the newest
    pauses: tuple[PauseBucket, ...]
    events: tuple[HeapEvent, ...]
    of: int  # events that were read, of which these are the newest
    is_clock: bool  # the times of the points are epoch seconds, and not the log's own clock
    note: str = ""  # what of the log this is, in plain words; empty: all of it


class LogLines(Struct, frozen=True, tag="log_lines", tag_field="kind"):
    """In the order of the file."""

    name: str
    path: str  # where the file is now; a rotation may have renamed it
    lines: tuple[LogLine, ...]
    marked: int | None  # index of the line that completed the event
    note: str = ""  # why these are not what was asked for


Found = Whole | Records | History | Messages | Preview | Jobs | HeapPast | LogLines

VERBS: Final = frozenset(kind.__struct_config__.tag for kind in Question.__args__)


def leaves_a_mark(verb: str, arguments: Mapping[str, Any]) -> bool:
    """The one question that does not only look (MessagesOf.translated): it needs what an action needs."""
    return verb in VERBS and bool(arguments.get("translated"))


def arguments_of(question: Question) -> tuple[str, dict[str, str | int | float | bool | None]]:
    """Verb and arguments of the command that carries it."""
    fields: dict[str, Any] = msgspec.to_builtins(question)
    return str(fields.pop("kind")), fields


def question_of(verb: str, arguments: Mapping[str, Any]) -> Question:
    """Raises ValueError with a sentence."""
    try:
        question: Question = msgspec.convert({**arguments, "kind": verb}, type=Question)
    except msgspec.ValidationError as error:
        raise ValueError(f"{verb}: {error}") from None
    return question


def found_in(data: bytes) -> Found:
    """What the data of a reply tells. Raises ValueError with a sentence."""
    try:
        found: Found = msgspec.msgpack.decode(data, type=Found)
    except msgspec.DecodeError as error:
        raise ValueError(f"the answer is not understood ({error}); is the daemon of another version?") from None
    return found
