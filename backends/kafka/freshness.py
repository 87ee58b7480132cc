"""How old a topic is, from what is known of its partitions. Pure; every figure is a true reading, however old, and ages may be negative."""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from backends.kafka.config import Limit
from backends.kafka.faults import Fault
from backends.snapshots import PayloadForm, RecordTime, Topic, TopicPartition, TopicState
from backends.wording import count, listed, span

CLOCK_TOLERANCE = 1.0  # seconds that two good clocks may differ
LARGE = 1 << 20  # bytes of a value from which its size is told
OPEN_S = 60.0  # seconds: transaction.timeout.ms of a producer, unless told; the broker ends a transaction that is older
GAP = 2  # offsets between the newest record and the log end from which that is told; one is a transaction's marker


class Reading(Struct, frozen=True):
    """The newest record of one partition as it was read; it holds while the log end is still `end`."""

    end: int
    read_at: float
    state: str  # ok, tombstone, unparsable, not text, markers
    offset: int | None = None
    record_at: float | None = None
    loaded_at: float | None = None
    sent_at: float | None = None
    sample: str | None = None
    reason: str | None = None
    record_time: RecordTime | None = None
    value_bytes: int | None = None
    taken: int = 0  # bytes of key and value: what reading it costs
    is_missed: bool = False  # times were expected in it, and there are none
    fate: Literal["open", "aborted"] | None = None  # of its transaction, where it does not count

    @property
    def at(self) -> float | None:
        return self.loaded_at if self.loaded_at is not None else self.record_at


class Part(Struct, frozen=True):
    """One partition in this cycle. `fault` says what could not be learnt now; `reading` may be older than this cycle."""

    partition: int
    leader: int | None
    start: int | None = None
    end: int | None = None
    reading: Reading | None = None
    fault: Fault | None = None
    is_waiting: bool = False  # its log end moved, and others were read before it

    @property
    def is_empty(self) -> bool:
        return self.start is not None and self.end is not None and self.end <= self.start

    def state(self, now: float) -> str:
        """Its own word for each: what is wrong now, then what its newest record is."""
        if self.fault is not None:
            return self.fault.kind
        if self.is_empty:
            return "emptied" if self.end else "empty"
        if self.reading is None:
            return "waiting"
        return "aborted" if is_lost(self.reading, now) else self.reading.state


def is_lost(reading: Reading, now: float) -> bool:
    """Its transaction was aborted, or has been open for longer than any that ends well."""
    began = reading.record_at if reading.record_at is not None else reading.read_at
    return reading.fate == "aborted" or (reading.fate == "open" and now - began > OPEN_S)


class Known(Struct, frozen=True):
    """What is known of a topic besides its partitions."""

    rate: float | None = None  # records a second
    limit: Limit | None = None
    payload: PayloadForm | None = None
    topic_id: str | None = None
    note: str | None = None  # what its payloads leave open


def assess(name: str, parts: Sequence[Part], fault: Fault | None, known: Known, now: float) -> Topic:
    """The topic as a whole. `now` is the moment that ages are counted from."""
    readings = [part.reading for part in parts if part.reading is not None]
    loaded, sent = _newest(r.loaded_at for r in readings), _newest(r.sent_at for r in readings)
    record = _newest(r.record_at for r in readings)
    basis = ("loaded", loaded) if loaded is not None else ("written", record)
    state, reasons = _judge(parts, fault, basis[0], _age(basis[1], now), known.limit, now)
    return Topic(
        name=name,
        partitions=len(parts),
        state=state,
        records_per_s=known.rate,
        loaded_age_s=_age(loaded, now),
        sent_age_s=_age(sent, now),
        record_age_s=_age(record, now),
        load_delay_s=_delay(readings),
        worst_partition=_worst(parts),
        reason="; ".join([*reasons, *_ahead(readings, now), *([known.note] if known.note else ())]) or None,
        detail=tuple(_detail(part, now) for part in parts),
        payload=known.payload,
        topic_id=known.topic_id,
    )


def _judge(
    parts: Sequence[Part], fault: Fault | None, basis: str, age: float | None, limit: Limit | None, now: float
) -> tuple[TopicState, list[str]]:
    """The first of: no access, no leader, nothing known, nothing there, too old, not understood, fine."""
    if fault is not None and not parts:
        return fault.kind if fault.kind in ("denied", "leaderless") else "unknown", [fault.text]
    notes = _notes(parts, now)
    faults = {part.fault.kind for part in parts if part.fault is not None}
    for state in ("denied", "leaderless"):
        if state in faults:
            return state, notes
    if all(part.is_empty and part.fault is None for part in parts):
        return "empty", ["no records left: all are past their retention" if any(part.end for part in parts) else "no records"]
    if age is not None and (over := _over(basis, age, limit)):
        return over[0], [over[1], *notes]
    if (newest := _newest_reading(parts)) is None:
        return "unknown", notes
    reason = [text for text in (newest.reason, _size(newest)) if text]
    return "unparsable" if newest.is_missed else "ok", [*reason, *notes]


def _notes(parts: Sequence[Part], now: float) -> list[str]:
    """What is wrong with how many partitions, and which."""
    kinds: dict[str, list[int]] = {}
    for part in parts:
        if text := _note(part, now):
            kinds.setdefault(text, []).append(part.partition)
    notes = [f"partition {listed(found)} of {len(parts)}: {text}" if len(found) < len(parts) else text for text, found in kinds.items()]
    waiting = sum(part.is_waiting for part in parts)
    wait = "waits for its turn" if waiting == 1 else "wait for their turn"
    return [*notes, f"{count(waiting, 'partition')} {wait}"] if waiting else notes


def _note(part: Part, now: float) -> str | None:
    if part.fault is not None:
        return "no leader" if part.fault.kind == "leaderless" else part.fault.text
    if part.is_empty:
        return None
    if part.reading is None:
        return None if part.is_waiting else "not read yet"
    return _fate(part.reading, now) if is_lost(part.reading, now) else None


def _fate(reading: Reading, now: float) -> str | None:
    """Of a record that may not count."""
    if reading.fate == "aborted":
        return "the newest record was aborted: its producer lives, its transactions do not succeed"
    if reading.fate == "open" and is_lost(reading, now):
        began = reading.record_at if reading.record_at is not None else reading.read_at
        return f"the newest record is in a transaction that has not ended for {span(now - began)}: those who read committed records wait"
    return "the newest record is in a transaction that has not ended yet" if reading.fate == "open" else None


def _size(reading: Reading) -> str | None:
    size = reading.value_bytes
    return f"the newest record is large: {size / (1 << 20):.1f} MiB" if size is not None and size >= LARGE else None


def _gap(reading: Reading) -> str | None:
    gap = 0 if reading.offset is None else reading.end - 1 - reading.offset
    return f"the newest record is {gap} offsets before the log end: transaction markers, or compaction" if gap >= GAP else None


def _over(basis: str, age: float, limit: Limit | None) -> tuple[TopicState, str] | None:
    if limit is None:
        return None
    states: tuple[tuple[TopicState, float | None], ...] = (("crit", limit.crit), ("warn", limit.warn))
    for state, most in states:
        if most is not None and age > most:
            return state, f"newest record was {basis} {span(age)} ago; limit {span(most)}"
    return None


def _newest_reading(parts: Iterable[Part]) -> Reading | None:
    readings = (part.reading for part in parts if part.reading is not None)
    return max(readings, key=lambda r: (r.record_at or 0.0, r.read_at), default=None)


def _newest(times: Iterable[float | None]) -> float | None:
    return max((at for at in times if at is not None), default=None)


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else now - at


def _delay(readings: Iterable[Reading]) -> float | None:
    """Loaded minus sent of the record that was loaded last; both times of one and the same record."""
    both = [(r.loaded_at, r.sent_at) for r in readings if r.loaded_at is not None and r.sent_at is not None]
    loaded, sent = max(both, default=(None, None))
    return None if loaded is None or sent is None else loaded - sent


def _worst(parts: Iterable[Part]) -> int | None:
    """The partition whose newest record is the oldest. Empty ones have none."""
    dated = [(part.reading.at, part.partition) for part in parts if part.reading is not None and part.reading.at is not None]
    return min(dated)[1] if dated else None


def _ahead(readings: Iterable[Reading], now: float) -> list[str]:
    """A time later than the moment at which it was read comes from a clock, or a time zone, that is not ours."""
    names = (("loaded", "loaded_at"), ("sent", "sent_at"), ("record", "record_at"))
    faults = []
    for name, attribute in names:
        at, read_at = max(((getattr(r, attribute) or 0.0, r.read_at) for r in readings), default=(0.0, 0.0))
        if at > max(now, read_at + CLOCK_TOLERANCE):
            faults.append(f"{name} time is {span(at - now)} ahead of our clock")
    return faults


def _detail(part: Part, now: float) -> TopicPartition:
    reading = part.reading if part.reading is not None else NOTHING_READ
    return TopicPartition(
        partition=part.partition,
        start=part.start,
        end=part.end,
        leader=part.leader,
        loaded_at=reading.loaded_at,
        sent_at=reading.sent_at,
        record_at=reading.record_at,
        state=part.state(now),
        sample=reading.sample,
        read_at=reading.read_at or None,
        offset=reading.offset,
        record_time=reading.record_time,
        value_bytes=reading.value_bytes,
        reason="; ".join(_reasons(part, now)) or None,
    )


NOTHING_READ = Reading(end=0, read_at=0.0, state="waiting")


def _reasons(part: Part, now: float) -> list[str]:
    """All that is to be said of one partition."""
    found = [part.fault.text] if part.fault is not None else []
    if part.is_waiting:
        found.append("waits for its turn")
    if (reading := part.reading) is None:
        return found
    said = (reading.reason, _fate(reading, now), _size(reading), _gap(reading))
    return [*found, *(text for text in said if text), *_ahead([reading], now)]
