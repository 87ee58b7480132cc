"""A message as Jolokia tells it, and what Jolokia can send. Pure.

The broker gives a message as CompositeData, in 1.x and 2.x alike but for the spelling of the time. It tells the types of properties, a text
whole, the first 255 bytes of other bytes, a map as Java's own text, and of an object or a stream nothing.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from backends.activemq.messages import frames
from backends.activemq.messages.maps import RANGES, fraction
from backends.messages import Kind, Message, Outgoing, Property, PropertyType
from backends.wording import listed

TABLES: Final[Mapping[PropertyType, str]] = {
    "String": "StringProperties",
    "Boolean": "BooleanProperties",
    "Byte": "ByteProperties",
    "Short": "ShortProperties",
    "Int": "IntProperties",
    "Long": "LongProperties",
    "Float": "FloatProperties",
    "Double": "DoubleProperties",
}
# Among the properties of a message that is sent these are its headers; `timeToLive` is one even where it came as a property.
_HEADERS = """
JMSCorrelationID JMSDeliveryMode JMSExpiration JMSMessageID JMSPriority JMSRedelivered JMSReplyTo JMSTimestamp JMSType JMSXDeliveryCount
JMSXGroupID JMSXGroupSeq JMSXUserID timeToLive
"""
HEADERS: Final = frozenset(_HEADERS.split())


def message_of(value: Any) -> Message:
    """Of the decoded CompositeData. Raises ValueError, and nothing else."""
    if not isinstance(value, dict) or not isinstance(its := value.get("JMSMessageID"), str):
        raise ValueError("no message, or one without a JMSMessageID")
    kind, body, size = _body(value)
    group = _text(value.get("JMSXGroupID"))
    mode = value.get("JMSDeliveryMode")
    return Message(
        id=its,
        at=_time(value.get("JMSTimestamp")),
        kind=kind,
        body=body,
        body_size=size,
        persistent={"PERSISTENT": True, "NON-PERSISTENT": False}.get(mode) if isinstance(mode, str) else None,
        priority=_whole(value.get("JMSPriority")),
        expires_at=_time(value.get("JMSExpiration")),
        correlation_id=_text(value.get("JMSCorrelationID")),
        type=_text(value.get("JMSType")),
        reply_to=_text(value.get("JMSReplyTo")),
        group_id=group,
        group_sequence=None if group is None else _whole(value.get("JMSXGroupSeq")),
        redelivered=it if isinstance(it := value.get("JMSRedelivered"), bool) else None,
        original_destination=_text(value.get("OriginalDestination")),
        properties=_properties(value),
        is_typed=any(isinstance(value.get(table), dict) for table in TABLES.values()),
    )


class Sending(Struct, frozen=True):
    """The arguments of sendTextMessage(java.util.Map,java.lang.String), and what does not survive, one sentence each."""

    headers: Mapping[str, str | bool | int | float]
    body: str
    lost: tuple[str, ...] = ()


def sending_of(outgoing: Outgoing, now: float, *, takes_fractions: bool = False) -> Sending:
    """`now`: epoch seconds, from which a time to live counts. `takes_fractions`: Jolokia 1.x makes a Double of one, 2.x fails.

    The time to live goes as JMSExpiration: as `timeToLive` it would stay with the message as a property. Raises ValueError with a sentence.
    """
    if outgoing.kind != "text":
        raise ValueError(f"Jolokia sends text only, and this is {outgoing.kind}; set activemq[].stomp, which sends every kind")
    try:
        body = outgoing.body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is no text in UTF-8 (byte {error.start})") from None
    headers: dict[str, str | bool | int | float] = {
        "JMSDeliveryMode": "PERSISTENT" if outgoing.persistent else "NON_PERSISTENT",
        "JMSPriority": str(outgoing.priority),
    }
    headers |= {name: value for name, value in _optional(outgoing, now).items() if value is not None}
    if outgoing.delay_s is not None:
        headers["AMQ_SCHEDULED_DELAY"] = frames.milliseconds(outgoing.delay_s)
    left_out = [each.name for each in outgoing.properties if each.name in HEADERS]
    sent = [each for each in outgoing.properties if each.name not in HEADERS]
    headers |= {each.name: _argument(each, takes_fractions) for each in sent}
    return Sending(headers, body, (*_changed(sent, takes_fractions), *_not_sent(left_out)))


def _optional(outgoing: Outgoing, now: float) -> Mapping[str, str | None]:
    reply_to = outgoing.reply_to
    return {
        "JMSExpiration": None if outgoing.ttl_s is None else str(frames.milliseconds(now + outgoing.ttl_s)),
        "JMSCorrelationID": outgoing.correlation_id,
        "JMSReplyTo": reply_to if reply_to is None or "://" in reply_to else f"queue://{reply_to}",
        "JMSType": outgoing.type,
        "JMSXGroupID": outgoing.group_id,
    }


def _argument(property: Property, takes_fractions: bool) -> str | bool | int | float:
    value = property.value
    return frames.written(property) if isinstance(value, float) and not (takes_fractions and math.isfinite(value)) else value


def _changed(properties: list[Property], takes_fractions: bool) -> list[str]:
    longs = [f"{each.name} ({each.type})" for each in properties if each.type in RANGES and each.type != "Long"]
    fractions = [each for each in properties if each.type in ("Float", "Double")]
    doubles = [f"{each.name} (Float)" for each in fractions if each.type == "Float" and takes_fractions]
    texts = [f"{each.name} ({each.type})" for each in fractions if not takes_fractions]
    whats = ((longs, "a Long"), (doubles, "a Double"), (texts, "a text"))
    return [f"Jolokia makes {kind} of {listed(names)}" for names, kind in whats if names]


def _not_sent(names: list[str]) -> list[str]:
    return [f"left out, as Jolokia would take it for a header: property {listed(names)}"] if names else []


def _body(value: Mapping[str, Any]) -> tuple[Kind, bytes | None, int | None]:
    """And its true size."""
    if isinstance(text := value.get("Text"), str):
        body = text.encode(errors="surrogatepass")
        return "text", body, len(body)
    if "BodyLength" in value or "BodyPreview" in value:
        preview, size = _signed(value.get("BodyPreview")), _whole(value.get("BodyLength"))
        return "bytes", preview, size if preview is None or size is None else max(size, len(preview))
    if "ContentMap" in value:
        shown = value["ContentMap"]
        return "map", shown.encode(errors="surrogatepass") if isinstance(shown, str) else None, None
    return ("text" if "Text" in value else "unknown"), None, None


def _signed(preview: Any) -> bytes | None:
    if not isinstance(preview, list) or not all(isinstance(each, int) and -128 <= each <= 255 for each in preview):
        return None
    return bytes(each & 0xFF for each in preview)


def _properties(value: Mapping[str, Any]) -> tuple[Property, ...]:
    found = [
        Property(name, kind, known)
        for kind, table in TABLES.items()
        if isinstance(its := value.get(table), dict)
        for name, told in its.items()
        if name != "transformation" and (known := VALUES[kind](kind, told)) is not None  # STOMP's wish, which the broker kept
    ]
    return tuple(sorted(found, key=lambda each: each.name))


def _of_range(kind: str, told: Any) -> int | None:
    low, high = RANGES[kind]
    return told if (known := _whole(told)) is not None and low <= known <= high else None


def _of_fraction(kind: str, told: Any) -> float | None:
    """What is not finite may come as a text."""
    try:
        return None if isinstance(told, bool) else fraction(told)
    except (TypeError, ValueError, OverflowError):
        return None


VALUES: Final[Mapping[str, Callable[[str, Any], str | bool | int | float | None]]] = {
    "String": lambda _, told: told if isinstance(told, str) else None,
    "Boolean": lambda _, told: told if isinstance(told, bool) else None,
    **dict.fromkeys(RANGES, _of_range),
    **dict.fromkeys(("Float", "Double"), _of_fraction),
}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    low, high = RANGES["Long"]
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def _time(value: Any) -> float | None:
    """ISO text of whole seconds (Jolokia 1.x) or milliseconds (2.x), or a number of milliseconds; 0 is never."""
    if (number := _whole(value)) is not None:
        return number / 1000 if number else None
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at.replace(tzinfo=at.tzinfo or UTC).timestamp()
