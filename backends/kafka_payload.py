"""What one record's value says: its two times and a sample for the eye. Pure: bytes in, `Payload` out; any bytes are fine."""

import csv
from datetime import tzinfo
from io import StringIO
from typing import Literal

from msgspec import Struct

from backends.timestamps import Format, parse_time

MAX_READ = 64 << 10  # bytes of a value that are looked at: the times stand in the first columns, and values of 20 MB exist
SAMPLE_LENGTH = 200  # characters of a value that are kept and shown
EXCERPT_LENGTH = 40  # characters quoted in a sentence

State = Literal["ok", "tombstone", "unparsable"]


class Layout(Struct, frozen=True):
    """Where the times stand. Columns count from 1."""

    delimiter: str
    loaded: int
    sent: int
    time: Format
    zone: tzinfo


class Payload(Struct, frozen=True):
    state: State
    loaded_at: float | None = None
    sent_at: float | None = None
    sample: str | None = None
    reason: str | None = None  # what could not be read, in plain words


def read_payload(value: bytes | None, layout: Layout, now: float) -> Payload:
    """One time that can be read is enough to be "ok"; `reason` then names the other. A null value is a tombstone, an empty one is not."""
    if value is None:
        return Payload("tombstone", reason="the newest record is a tombstone (null value)")
    text = value[:MAX_READ].decode("utf-8", "replace")
    row = _row(text, layout, cut=len(value) > MAX_READ)
    times, faults = {}, []
    for name, column in (("loaded", layout.loaded), ("sent", layout.sent)):
        times[name], fault = _time(row, column, layout, now)
        if fault:
            faults.append(f"{name}: {fault}")
    reason = f"{'; '.join(faults)}; the record begins {text[:EXCERPT_LENGTH]!r}" if faults else None
    return Payload("unparsable" if len(faults) == len(times) else "ok", times["loaded"], times["sent"], text[:SAMPLE_LENGTH], reason)


def _row(text: str, layout: Layout, cut: bool) -> list[str]:
    """The columns of the first line. A stray quote may swallow the rest of a line: then it is split without regard to quotes."""
    needed = max(layout.loaded, layout.sent)
    row = _first(text, layout.delimiter, csv.QUOTE_MINIMAL)
    if len(row) < needed:
        plain = _first(text, layout.delimiter, csv.QUOTE_NONE)
        row = plain if len(plain) > len(row) else row
    return row[:-1] if cut and len(row) <= needed else row  # the last column may go on behind the cut


def _first(text: str, delimiter: str, quoting: Literal[0, 3]) -> list[str]:
    try:
        return next(csv.reader(StringIO(text, newline=""), delimiter=delimiter, quoting=quoting), [])
    except csv.Error:
        return []


def _time(row: list[str], column: int, layout: Layout, now: float) -> tuple[float | None, str | None]:
    if len(row) < column:
        return None, f"there is no column {column}" + (f" ({len(row)} in all)" if row else "")
    at = parse_time(row[column - 1], layout.time, layout.zone, now)
    return at, None if at is not None else f"column {column} is no time: {row[column - 1][:EXCERPT_LENGTH]!r}"
