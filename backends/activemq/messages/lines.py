"""Messages as lines of a file: one JSON object each, which keeps what a message is exactly. Pure.

    {"queue": "orders", "id": "ID:...", "timestamp": "2026-11-22T17:12:53.608Z", "kind": "text", "body": "...", "body_size": 3,
     "cut": false, "persistent": true, "priority": 4, "expires_at": null, "correlation_id": null, "type": null, "reply_to": null,
     "group_id": null, "group_sequence": null, "redelivered": false, "redeliveries": null, "original_destination": null,
     "properties": [{"name": "n", "type": "Int", "value": 5}], "typed": true}

A body of bytes is {"base64": "..."}, a map's the JSON of `maps` as a text. What is not known, or not there, is null. A line made by
hand needs nothing but a body; its properties may be an object of names and values.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from backends.activemq.messages.composite import TABLES, VALUES
from backends.activemq.messages.maps import NOT_FINITE, java_fraction, plain_type, xml
from backends.messages import Message, Outgoing, Property

MAX_LINE: Final = 64 << 20  # bytes: a body of WHOLE_BYTES may be eight times as long in JSON
MAX_TEXT: Final = 4096  # characters of a header
_FIELDS = """
queue id timestamp kind body body_size cut persistent priority expires_at correlation_id type reply_to group_id group_sequence redelivered
redeliveries original_destination properties typed
"""
FIELDS: Final = frozenset(_FIELDS.split())


def to_line(queue: str, message: Message) -> bytes:
    """With its line end."""
    known = None if message.body is None else len(message.body)
    fields = {
        "queue": queue,
        "id": message.id,
        "timestamp": moment(message.at),
        "kind": message.kind,
        "body": _body_out(message),
        "body_size": message.body_size,
        "cut": known is not None and (message.body_size is None or message.body_size > known),
        "persistent": message.persistent,
        "priority": message.priority,
        "expires_at": moment(message.expires_at),
        "correlation_id": message.correlation_id,
        "type": message.type,
        "reply_to": message.reply_to,
        "group_id": message.group_id,
        "group_sequence": message.group_sequence,
        "redelivered": message.redelivered,
        "redeliveries": message.redeliveries,
        "original_destination": message.original_destination,
        "properties": [{"name": each.name, "type": each.type, "value": _value_out(each.value)} for each in message.properties],
        "typed": message.is_typed,
    }
    return msgspec.json.encode(fields) + b"\n"


def from_line(line: bytes, now: float, *, keep_expired: bool = False) -> Outgoing:
    """`now`: epoch seconds. What has expired is refused, or else sent as one that never does. Raises ValueError with a sentence, the field
    first."""
    fields = _fields(line)
    kind, body = _body_in(fields)
    persistent = _of(fields, "persistent", bool, True)
    priority = _of(fields, "priority", int, 4)
    if not 0 <= priority <= 9:
        raise ValueError(f"priority: {priority} is not 0 to 9")
    return Outgoing(
        kind=kind,  # type: ignore[arg-type]
        body=body,
        persistent=persistent,
        priority=priority,
        ttl_s=_ttl(fields, now, keep_expired),
        correlation_id=_header(fields, "correlation_id"),
        type=_header(fields, "type"),
        reply_to=_header(fields, "reply_to"),
        group_id=_header(fields, "group_id"),
        properties=properties_of(fields.get("properties")),
    )


def properties_of(value: Any) -> tuple[Property, ...]:
    """Of a list of {"name", "type", "value"}, or of an object whose values are plain or {"type", "value"}. Raises ValueError."""
    if value is None:
        return ()
    if isinstance(value, dict):
        pairs = value.items()
        value = [{"name": name, **each} if isinstance(each, dict) else {"name": name, "value": each} for name, each in pairs]
    if not isinstance(value, list):
        raise ValueError("properties: neither a list nor an object")
    found = tuple(map(_property, value))
    names = [each.name for each in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"properties: {twice!r} stands there twice")
    return found


def moment(at: float | None) -> str | float | None:
    """ISO 8601, UTC, with milliseconds; beyond the calendar the seconds as a number."""
    if at is None:
        return None
    try:
        return datetime.fromtimestamp(round(at, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return at


def _body_out(message: Message) -> str | dict[str, str] | None:
    if message.body is None:
        return None
    if message.kind != "bytes":
        try:
            return message.body.decode()
        except UnicodeDecodeError:
            pass
    return {"base64": base64.b64encode(message.body).decode()}


def _value_out(value: str | bool | int | float) -> str | bool | int | float:
    return java_fraction(value) if isinstance(value, float) else value


def _fields(line: bytes) -> Mapping[str, Any]:
    if len(line) > MAX_LINE:
        raise ValueError(f"a line of {len(line):,} bytes; {MAX_LINE >> 20} MiB is the most")
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError("no JSON object")
    if odd := sorted(fields.keys() - FIELDS):
        raise ValueError(f"{odd[0]}: there is no such field")
    return fields


def _body_in(fields: Mapping[str, Any]) -> tuple[str, bytes]:
    told = fields.get("body")
    kind = fields.get("kind") or ("bytes" if isinstance(told, dict) else "text")
    if kind == "empty":
        kind, told = "text", "" if told is None else told
    if kind not in ("text", "bytes", "map"):
        raise ValueError(f"kind: a message of kind {kind!r} cannot be sent, only text, bytes or map")
    if told is None:
        raise ValueError("body: there is none")
    body = _bytes_of(told)
    if fields.get("cut"):
        raise ValueError(f"body: it was cut when it was written: {len(body):,} of {fields.get('body_size') or 'more'} bytes")
    if kind == "map":
        xml(body)
    if kind == "text":
        _checked(body)
    return kind, body


def _bytes_of(told: Any) -> bytes:
    if isinstance(told, str):
        return _encoded("body", told)
    if not isinstance(told, dict) or told.keys() != {"base64"}:
        raise ValueError('body: neither a text nor {"base64": "..."}')
    try:
        return base64.b64decode(told["base64"], validate=True)
    except (TypeError, ValueError):
        raise ValueError("body: its base64 is none") from None


def _checked(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"body: no text in UTF-8 (byte {error.start})") from None


def _encoded(field: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{field}: half a character (a lone surrogate) is no text") from None


def _of(fields: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
    value = fields.get(name)
    if value is None:
        return default
    if type(value) is not kind:
        raise ValueError(f"{name}: {value!r} is no {'true or false' if kind is bool else 'whole number'}")
    return value


def _header(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{name}: {value!r} is no text")
    if len(value) > MAX_TEXT:
        raise ValueError(f"{name}: {len(value):,} characters; {MAX_TEXT:,} are the most")
    _encoded(name, value)
    return value


def _ttl(fields: Mapping[str, Any], now: float, keep_expired: bool) -> float | None:
    told = fields.get("expires_at")
    if told is None:
        return None
    at = _seconds(told)
    if at > now:
        return at - now
    if keep_expired:
        return None
    raise ValueError(f"expires_at: it has expired at {moment(at)}")


def _seconds(told: Any) -> float:
    try:
        if isinstance(told, str):
            at = datetime.fromisoformat(told)
            return at.replace(tzinfo=at.tzinfo or UTC).timestamp()
        if isinstance(told, int | float) and not isinstance(told, bool) and told - told == 0:
            return float(told)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"expires_at: {told!r} is no time, such as 2026-11-22T17:12:53.608Z")


def _property(told: Any) -> Property:
    if not isinstance(told, dict) or not told.keys() <= {"name", "type", "value"} or "value" not in told:
        raise ValueError('properties: one of them is not {"name", "type", "value"}')
    name, value = told.get("name"), told["value"]
    if not isinstance(name, str) or not name:
        raise ValueError("properties: one of them has no name")
    _encoded("properties", name)
    kind = told.get("type") or plain_type(value)
    if kind not in TABLES:
        raise ValueError(f"properties: {name!r} is of no type that a property has: {', '.join(TABLES)}")
    known = _known(kind, value)
    if known is None:
        raise ValueError(f"properties: {name!r}: {value!r} is no {kind}")
    if isinstance(known, str):
        _encoded(f"properties: {name!r}", known)
    return Property(name, kind, known)  # type: ignore[arg-type]


def _known(kind: str, value: Any) -> str | bool | int | float | None:
    if kind in ("Float", "Double") and isinstance(value, str) and value not in NOT_FINITE:
        return None
    check: Callable[[str, Any], str | bool | int | float | None] = VALUES[kind]
    return check(kind, value)
