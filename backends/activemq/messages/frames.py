"""A message as STOMP carries it, and back. Pure.

STOMP has the whole body of texts and bytes, and every property as text among the broker's own headers. A property of a header's name has
taken that header's place, groups are not told at all, and maps, objects and streams have no body unless the broker is asked to translate
it: where that matters Jolokia is asked as well.
"""

import math
from collections.abc import Mapping
from typing import Final

from backends.activemq.messages import maps
from backends.activemq.stomp.vocabulary import Frame, Out
from backends.messages import Kind, Message, Outgoing, Property
from backends.wording import listed

# What the broker puts into a MESSAGE by itself; all else is a property. `transformation` is a wish, of who browses or of who sent.
_HEADERS = """
destination message-id subscription ack browser content-length transformation timestamp priority expires persistent correlation-id reply-to
type redelivered original-destination JMSXUserID JMSXGroupID JMSXGroupSeq
"""
HEADERS: Final = frozenset(_HEADERS.split())
# What it would take for a header of its own, or drop, among the properties of a SEND.
TAKEN: Final = HEADERS | {"amq-msg-type", "receipt", "transaction"}
PLACES: Final[Mapping[str, str]] = {  # of a reply: as STOMP writes it, as JMX does
    "/queue/": "queue://",
    "/topic/": "topic://",
    "/remote-temp-queue/": "temp-queue://",
    "/remote-temp-topic/": "temp-topic://",
    "/temp-queue/": "temp-queue://",
    "/temp-topic/": "temp-topic://",
}
MAX_NUMBER: Final = (1 << 63) - 1


def message_of(frame: Frame) -> Message:
    """Takes anything."""
    headers = frame.headers
    kind, body = _body(frame)
    return Message(
        id=headers.get("message-id", ""),
        at=_seconds(headers.get("timestamp")),
        kind=kind,
        body=body,
        body_size=None if body is None else len(body),
        persistent=headers.get("persistent") == "true",
        priority=_number(headers.get("priority")),
        expires_at=_seconds(headers.get("expires")),
        correlation_id=headers.get("correlation-id"),
        type=headers.get("type"),
        reply_to=place(headers.get("reply-to")),
        group_id=headers.get("JMSXGroupID"),
        group_sequence=_number(headers.get("JMSXGroupSeq")),
        redelivered=headers.get("redelivered") == "true",
        original_destination=place(headers.get("original-destination")),
        properties=tuple(Property(name, "String", value) for name, value in sorted(headers.items()) if name not in HEADERS),
    )


def out_of(queue: str, outgoing: Outgoing, now: float) -> Out:
    """`now`: epoch seconds, from which a time to live counts. Raises ValueError with a sentence."""
    if taken := sorted({each.name for each in outgoing.properties} & TAKEN):
        raise ValueError(f"STOMP has no room for a property {listed(taken)}: that is the name of a header there")
    headers = {
        "destination": f"/queue/{queue}",
        "persistent": "true" if outgoing.persistent else "false",
        "priority": str(outgoing.priority),
        **{name: value for name, value in _optional(outgoing, now).items() if value is not None},
        **{each.name: written(each) for each in outgoing.properties},
    }
    if outgoing.kind == "bytes":
        return Out(headers, outgoing.body, is_bytes=True)
    if outgoing.kind == "map":
        return Out({**headers, "transformation": "jms-map-xml"}, maps.xml(outgoing.body))
    return Out(headers, sendable(outgoing.body))


def lost(outgoing: Outgoing, version: str | None) -> tuple[str, ...]:
    """What becomes of the message on its way over STOMP, one sentence each. `version` is the broker's."""
    typed = [f"{each.name} ({each.type})" for each in outgoing.properties if each.type != "String"]
    sentences = [f"STOMP sends every property as text: {listed(typed)}"] if typed else []
    if outgoing.kind == "map" and "Bytes" in maps.types(outgoing.body) and (version or "").startswith("5."):
        sentences.append(f"ActiveMQ {version} takes no bytes in a map: the message would become a text")
    return tuple(sentences)


def sendable(body: bytes) -> bytes:
    """A text that goes out without its length. Raises ValueError with a sentence."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is no text in UTF-8 (byte {error.start}); send it as bytes") from None
    if b"\0" in body:
        raise ValueError("STOMP ends a text at a NUL, and this one has it inside; send it as bytes, or without STOMP")
    return body


def place(name: str | None) -> str | None:
    """Where a reply goes, or a dead letter was: `/queue/a` as `queue://a`."""
    for prefix, scheme in PLACES.items():
        if name is not None and name.startswith(prefix):
            return scheme + name.removeprefix(prefix)
    return name


def written(property: Property) -> str:
    """Its value as Java writes it."""
    value = property.value
    if isinstance(value, bool):
        return str(value).lower()
    return str(maps.java_fraction(value)) if isinstance(value, float) else str(value)


def _optional(outgoing: Outgoing, now: float) -> Mapping[str, str | None]:
    return {
        "expires": None if outgoing.ttl_s is None else str(milliseconds(now + outgoing.ttl_s)),
        "AMQ_SCHEDULED_DELAY": None if outgoing.delay_s is None else str(milliseconds(outgoing.delay_s)),
        "correlation-id": outgoing.correlation_id,
        "reply-to": None if outgoing.reply_to is None else _address(outgoing.reply_to),
        "type": outgoing.type,
        "JMSXGroupID": outgoing.group_id,
    }


def milliseconds(seconds: float) -> int:
    """Raises ValueError with a sentence."""
    if not math.isfinite(seconds) or not 0 <= seconds * 1000 < MAX_NUMBER:
        raise ValueError(f"{seconds:g} s is no time that a broker can keep")
    return round(seconds * 1000)


def _address(name: str) -> str:
    """The name of a queue alone will do."""
    for scheme, prefix in (
        ("queue://", "/queue/"),
        ("topic://", "/topic/"),
        *((f"temp-{kind}://", f"/remote-temp-{kind}/") for kind in ("queue", "topic")),
    ):
        if name.startswith(scheme):
            return prefix + name.removeprefix(scheme)
    return f"/queue/{name}"


def _body(frame: Frame) -> tuple[Kind, bytes | None]:
    """Without a length it is a text, or what the broker translated. Nothing at all: an empty text, or what STOMP has no body for."""
    transformation = "" if "transformation-error" in frame.headers else frame.headers.get("transformation", "")
    if "content-length" in frame.headers:
        return "bytes", frame.body
    if not frame.body:
        return "empty", None
    if transformation.startswith("jms-map"):
        return "map", maps.shown(frame.body)
    return "object" if transformation.startswith("jms-object") else "text", _text(frame.body)


def _text(body: bytes) -> bytes:
    """As UTF-8. What a Java program sent may come in Java's own way: NUL as two bytes, surrogates for what UTF-8 has four bytes for."""
    try:
        body.decode()
        return body
    except UnicodeDecodeError:
        pass
    try:
        units = body.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass").encode("utf-16-le", "surrogatepass")
        return units.decode("utf-16-le").encode()
    except UnicodeDecodeError:
        return body


def _number(text: str | None) -> int | None:
    try:
        number = int(text or "")
    except ValueError:
        return None
    return number if -MAX_NUMBER <= number <= MAX_NUMBER else None


def _seconds(text: str | None) -> float | None:
    """Of milliseconds; 0 is never."""
    number = _number(text)
    return number / 1000 if number else None
