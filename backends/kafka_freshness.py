"""How old a topic is, from what is known of its partitions. Pure; every figure is a true reading, however old, and ages may be negative."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from backends.kafka_client import Fault
from backends.kafka_config import Limit
from backends.snapshots import Topic, TopicPartition, TopicState
from backends.wording import span

CLOCK_TOLERANCE = 1.0  # seconds that two good clocks may differ
MAX_NUMBERS = 8  # partition numbers listed in a reason


class Reading(Struct, frozen=True):
    """The newest record of one partition as it was read; it holds while the log end is still `end`."""

    end: int
    read_at: float
    state: str  # ok, tombstone, unparsable, no record
    offset: int | None = None
    record_at: float | None = None
    loaded_at: float | None = None
    sent_at: float | None = None
    sample: str | None = None
    reason: str | None = None

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

    @property
    def is_empty(self) -> bool:
        return self.start is not None and self.end is not None and self.end <= self.start

    @property
    def state(self) -> str:
        if self.fault is not None:
            return self.fault.kind
        if self.is_empty:
            return "empty"
        return self.reading.state if self.reading is not None else "waiting"


def assess(name: str, parts: Sequence[Part], fault: Fault | None, rate: float | None, limit: Limit | None, now: float) -> Topic:
    """The topic as a whole. `now` is the moment that ages are counted from."""
    readings = [part.reading for part in parts if part.reading is not None]
    loaded, sent = _newest(r.loaded_at for r in readings), _newest(r.sent_at for r in readings)
    record = _newest(r.record_at for r in readings)
    basis = ("loaded", loaded) if loaded is not None else ("written", record)
    state, reasons = _judge(parts, fault, basis[0], _age(basis[1], now), limit)
    return Topic(
        name=name,
        partitions=len(parts),
        state=state,
        records_per_s=rate,
        loaded_age_s=_age(loaded, now),
        sent_age_s=_age(sent, now),
        record_age_s=_age(record, now),
        load_delay_s=_delay(readings),
        worst_partition=_worst(parts),
        reason="; ".join([*reasons, *_ahead(readings, now)]) or None,
        detail=tuple(_detail(part) for part in parts),
    )


def _judge(parts: Sequence[Part], fault: Fault | None, basis: str, age: float | None, limit: Limit | None) -> tuple[TopicState, list[str]]:
    """The first of: no access, no leader, nothing known, nothing there, too old, not understood, fine."""
    if fault is not None and not parts:
        return fault.kind if fault.kind in ("denied", "leaderless") else "unknown", [fault.text]
    notes = _notes(parts)
    states = {part.state for part in parts}
    for state in ("denied", "leaderless"):
        if state in states:
            return state, notes
    if states == {"empty"}:
        return "empty", ["no records" if not any(part.end for part in parts) else "no records left: all are past their retention"]
    if age is not None and (over := _over(basis, age, limit)):
        return over[0], [over[1], *notes]
    if (newest := _newest_reading(parts)) is None:
        return "unknown", notes
    if newest.state == "unparsable":
        return "unparsable", [f"{newest.reason}", *notes]
    return "ok", [newest.reason, *notes] if newest.reason else notes


def _notes(parts: Sequence[Part]) -> list[str]:
    """What is wrong with how many partitions, and which."""
    kinds: dict[str, list[int]] = {}
    for part in parts:
        if part.fault is not None:
            kinds.setdefault("no leader" if part.fault.kind == "leaderless" else part.fault.text, []).append(part.partition)
        elif part.state == "waiting":
            kinds.setdefault("not read yet", []).append(part.partition)
    return [f"partition {_numbers(found)} of {len(parts)}: {text}" if len(found) < len(parts) else text for text, found in kinds.items()]


def _numbers(found: Sequence[int]) -> str:
    return ", ".join(map(str, found[:MAX_NUMBERS])) + (f" and {len(found) - MAX_NUMBERS} more" if len(found) > MAX_NUMBERS else "")


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


def _detail(part: Part) -> TopicPartition:
    reading = part.reading
    return TopicPartition(
        partition=part.partition,
        start=part.start,
        end=part.end,
        leader=part.leader,
        loaded_at=reading.loaded_at if reading else None,
        sent_at=reading.sent_at if reading else None,
        record_at=reading.record_at if reading else None,
        state=part.state,
        sample=reading.sample if reading else None,
        read_at=reading.read_at if reading else None,
    )
