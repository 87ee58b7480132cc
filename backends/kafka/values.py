"""What the bytes of a record are: columns, a JSON document, or no text. Pure; any bytes are fine, and a bounded part is looked at."""

import csv
from io import StringIO
from typing import Any, Literal

import msgspec

MAX_READ = 64 << 10  # bytes of a line that are looked at: the times stand in the first columns, and values of 20 MB exist
MAX_JSON = 1 << 20  # bytes of a document, which can only be read whole; a longer one takes more than 10 ms
LOOKED_AT = 4 << 10  # bytes by which text is told from other things
MAX_ODD = 0.15  # of those bytes, controls, or of their letters, none of UTF-8: a few stray ones leave a text a text

Pointer = tuple[str, ...]  # the steps of RFC 6901, unescaped
Row = list[str]

_CONFLUENT_HEAD = 5  # bytes: a zero and the number of the schema in the registry
_MOST_SCHEMAS = 1 << 24  # a registry counts them from 1
_MAGIC = (
    (b"Obj\x01", "an Avro file"),
    (b"\xc3\x01", "Avro with its schema's fingerprint"),
    (b"\x1f\x8b", "gzip"),
    (b"\xac\xed\x00\x05", "serialised Java"),
    (b"PAR1", "Parquet"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
)
_CONTROLS = bytes(each for each in range(32) if each not in b"\t\n\r") + b"\x7f"


def not_text(value: bytes) -> str | None:
    """Why these bytes are no text, or None. Confluent's wire format: docs.confluent.io, "Formats, Serializers, and Deserializers"."""
    if value[:1] == b"\0" and len(value) > _CONFLUENT_HEAD and (schema := int.from_bytes(value[1:_CONFLUENT_HEAD])) < _MOST_SCHEMAS:
        return f"Confluent wire format, schema id {schema}"
    for magic, name in _MAGIC:
        if value.startswith(magic):
            return name
    head = value[:LOOKED_AT]
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return f"{controls} control bytes in {len(head)}" if controls > len(head) * MAX_ODD else None


def is_utf8(value: bytes) -> bool:
    """But for a few letters: the cut may go through one, too."""
    head = value[:LOOKED_AT].decode("utf-8", "replace")
    return head.count("\ufffd") <= len(head) * MAX_ODD


def text_of(value: bytes) -> str:
    """What is not UTF-8 becomes U+FFFD: the digits of a time are ASCII in every encoding that producers use."""
    return value[:MAX_READ].decode("utf-8", "replace")


def row_of(text: str, delimiter: str, needed: int, cut: bool) -> Row:
    """The columns of the first line. A stray quote may swallow the rest of a line: then it is split without regard to quotes.
    `cut`: the text goes on, so its last column may be only half of itself."""
    row = _first(text, delimiter, csv.QUOTE_MINIMAL)
    if len(row) < needed:
        plain = _first(text, delimiter, csv.QUOTE_NONE)
        row = plain if len(plain) > len(row) else row
    return row[:-1] if cut and len(row) <= needed else row


def _first(text: str, delimiter: str, quoting: Literal[0, 3]) -> Row:
    if '"' not in text:  # most lines: a hundred times quicker than the parser is when it is made for one line
        line = text.partition("\n")[0].partition("\r")[0]
        return line.split(delimiter) if line else []
    try:
        return next(csv.reader(StringIO(text, newline=""), delimiter=delimiter, quoting=quoting), [])
    except csv.Error:
        return []


class NoDocument(ValueError):
    """Not JSON, or more than is read; the text says which."""


def document_of(value: bytes) -> Any:
    """Raises NoDocument."""
    if len(value) > MAX_JSON:
        raise NoDocument(f"longer than {MAX_JSON >> 20} MiB, which is not read")
    try:
        return msgspec.json.decode(value)
    except (ValueError, RecursionError) as error:  # numbers of many thousand digits, documents of many thousand levels
        raise NoDocument(f"no JSON ({error})") from None


def looks_like_document(value: bytes) -> bool:
    return value[:64].lstrip()[:1] in (b"{", b"[")


def steps_of(pointer: str) -> Pointer:
    """``/meta/loaded~1at`` (RFC 6901) is meta, then loaded/at."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def spell_pointer(steps: Pointer) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def found_at(document: Any, steps: Pointer) -> Any:
    """What stands there. Raises LookupError."""
    for step in steps:
        if isinstance(document, dict):
            document = document[step]
        elif isinstance(document, list) and step.isascii() and step.isdigit() and (step == "0" or step[0] != "0") and len(step) < 10:
            document = document[int(step)]
        else:
            raise LookupError(step)
    return document


def time_text(value: Any) -> str | None:
    """How a JSON value would be written as a time, if it can be one."""
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e20 else None
