"""What one record's value says: its two times and a sample for the eye. Pure: bytes in, `Payload` out; any bytes are fine."""

from collections.abc import Callable
from datetime import tzinfo
from typing import Final, Literal

from msgspec import Struct

from backends.kafka.timestamps import Format, parse_time
from backends.kafka.values import (
    MAX_READ,
    NoDocument,
    Pointer,
    document_of,
    found_at,
    not_text,
    row_of,
    spell_pointer,
    text_of,
    time_text,
)

SAMPLE_LENGTH = 200  # characters of a value that are kept and shown
EXCERPT_LENGTH = 40  # characters quoted in a sentence

State = Literal["ok", "tombstone", "unparsable", "not text"]
Place = int | Pointer  # a column from 1, or the steps of a JSON pointer
Read = Callable[[Place], str]  # the text at a place; raises NoTime


class Layout(Struct, frozen=True):
    """Where the times stand; None: not there. `delimiter` is for csv."""

    format: Literal["csv", "json"]
    delimiter: str
    loaded: Place | None
    sent: Place | None
    time: Format
    zone: tzinfo


class Payload(Struct, frozen=True):
    state: State
    loaded_at: float | None = None
    sent_at: float | None = None
    sample: str | None = None
    reason: str | None = None  # what could not be read, in plain words
    is_missed: bool = False  # times were expected, and there is none


TOMBSTONE: Final = Payload("tombstone", reason="the newest record is a tombstone (null value)")


class NoTime(ValueError):
    """The sentence about a place that holds no time."""


def read_payload(value: bytes | None, layout: Layout | None, now: float) -> Payload:
    """One time that can be read is enough to be "ok"; `reason` then names the other. A null value is a tombstone, an empty one is not.
    Without a layout a value has no times, and nobody misses them."""
    if value is None:
        return TOMBSTONE
    sample = sample_of(value)
    if layout is None:
        return Payload("ok", sample=sample)
    read = _columns(value, layout) if layout.format == "csv" else _pointers(value)
    times: dict[str, float] = {}
    faults = []
    for name, place in (("loaded", layout.loaded), ("sent", layout.sent)):
        try:
            if place is not None:
                times[name] = _time(read, place, layout, now)
        except NoTime as fault:
            faults.append(f"{name}: {fault}")
    if not times and (other := not_text(value)):
        return Payload("not text", sample=sample, reason=f"not text: {other}", is_missed=True)
    reason = f"{'; '.join(dict.fromkeys(faults))}; the record begins {excerpt(value)}" if faults else None
    return Payload("ok" if times else "unparsable", times.get("loaded"), times.get("sent"), sample, reason, not times)


def sample_of(value: bytes) -> str:
    return value[: SAMPLE_LENGTH * 4].decode("utf-8", "replace")[:SAMPLE_LENGTH]


def excerpt(value: bytes) -> str:
    """Quoted, with escapes for what is not printable."""
    return repr(value[: EXCERPT_LENGTH * 4].decode("utf-8", "replace")[:EXCERPT_LENGTH])


def _time(read: Read, place: Place, layout: Layout, now: float) -> float:
    text = read(place)
    at = parse_time(text, layout.time, layout.zone, now)
    if at is None:
        raise NoTime(f"{spell_place(place)} is no time: {text[:EXCERPT_LENGTH]!r}")
    return at


def spell_place(place: Place) -> str:
    return f"column {place}" if isinstance(place, int) else spell_pointer(place)


def _columns(value: bytes, layout: Layout) -> Read:
    needed = max(place for place in (layout.loaded, layout.sent) if isinstance(place, int))
    row = row_of(text_of(value), layout.delimiter, needed, cut=len(value) > MAX_READ)

    def read(place: Place) -> str:
        if not isinstance(place, int) or len(row) < place:
            raise NoTime(f"there is no column {place}" + (f" ({len(row)} in all)" if row else ""))
        return row[place - 1]

    return read


def _pointers(value: bytes) -> Read:
    try:
        document, fault = document_of(value), ""
    except NoDocument as error:
        document, fault = None, str(error)

    def read(place: Place) -> str:
        if fault or isinstance(place, int):
            raise NoTime(fault)
        try:
            found = found_at(document, place)
        except LookupError:
            raise NoTime(f"there is no {spell_pointer(place)}") from None
        if (text := time_text(found)) is None:
            raise NoTime(f"{spell_pointer(place)} is no time: {str(found)[:EXCERPT_LENGTH]!r}")
        return text

    return read
