"""Kafka records as lines: a table for people, one JSON object a record for programs. Pure.

Bytes are shown as text where they are UTF-8, and never lost: of what is not, JSON has base64, and the table replacements or hex.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from backends.questions import Record
from relay_console import tables
from relay_console.tables import Title, Word
from tui.format import moment, visible

SHOWN: Final = 200  # characters of a value in a table of several; --json, or a single record, has all that was read
KEY_SHOWN: Final = 40
_TITLES: Final = (
    Title("TIME"),
    Title("PART", "right"),
    Title("OFFSET", "right"),
    Title("KEY"),
    Title("VALUE"),
)


def table(records: Sequence[Record], *, is_hex: bool, is_coloured: bool) -> Iterator[str]:
    """Newest first, as they came."""
    shown = None if len(records) == 1 else SHOWN
    rows = [
        (
            Word(moment(record.at)),
            Word(str(record.partition)),
            Word(str(record.offset)),
            _cell(record.key, record.key_size, "", KEY_SHOWN, is_hex),
            _cell(record.value, record.value_size, "aborted: " if record.aborted else "", shown, is_hex),
        )
        for record in records
    ]
    return tables.table(_TITLES, rows, is_coloured) if rows else iter(())


def _cell(data: bytes | None, size: int, note: str, shown: int | None, is_hex: bool) -> Word:
    if data is None:
        return Word(f"{note}(null)", "dim")
    text = data.hex(" ") if is_hex else visible(data.decode(errors="replace"))
    is_cut = len(data) < size or (shown is not None and len(text) > shown)
    if is_cut:
        text = f"{text[:shown]}… ({size:,} bytes)"
    return Word(note + text)


def json_line(record: Record, topic: str, cluster: str) -> bytes:
    """`value` is text, `value_base64` what is no UTF-8; both null: a tombstone. `value_size` may be more than is shown."""
    shown: dict[str, Any] = {
        "cluster": cluster,
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "at": record.at,
        "time_kind": record.time_kind,
        **_field("key", record.key, record.key_size),
        "key_size": record.key_size,
        **_field("value", record.value, record.value_size),
        "value_size": record.value_size,
        "headers": [{"name": name, **_field("value", value, len(value or b""))} for name, value in record.headers],
        "aborted": record.aborted,
    }
    return msgspec.json.encode(shown) + b"\n"


def _field(name: str, data: bytes | None, size: int) -> dict[str, str | None]:
    if data is None:
        return {name: None, f"{name}_base64": None}
    try:
        return {name: _text(data, len(data) < size), f"{name}_base64": None}
    except UnicodeDecodeError:
        return {name: None, f"{name}_base64": base64.b64encode(data).decode()}


def _text(data: bytes, is_cut: bool) -> str:
    """Where it was cut, a letter may have been cut, too. Raises UnicodeDecodeError."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if is_cut and error.reason == "unexpected end of data":
            return data[: error.start].decode()
        raise
