"""The vocabulary of messages in a queue, as they are browsed: read-only, never kept in a snapshot. No I/O, no clock.

What a way of reading cannot tell is None: STOMP has the whole body but every property as text, Jolokia has the types of properties but only
the first 255 bytes of a body that is no text.
"""

from typing import Literal

from msgspec import Struct

Kind = Literal["text", "bytes", "map", "object", "stream", "empty", "unknown"]
PropertyType = Literal["String", "Boolean", "Byte", "Short", "Int", "Long", "Float", "Double"]
Way = Literal["stomp", "jolokia"]


class Property(Struct, frozen=True):
    """An application's property. `value` of a Byte to Long is an int, of a Float or Double a float."""

    name: str
    type: PropertyType
    value: str | bool | int | float


class Message(Struct, frozen=True):
    id: str  # JMSMessageID
    at: float | None  # JMSTimestamp, epoch seconds: the producer's clock
    kind: Kind
    body: bytes | None  # text as UTF-8, a map as JSON, an object or stream as the broker shows it; None: it is not told, or there is none
    body_size: int | None  # bytes; more than len(body): it was cut; None: how much there is is not told
    persistent: bool | None
    priority: int | None
    expires_at: float | None = None  # epoch seconds; None: never
    correlation_id: str | None = None
    type: str | None = None  # JMSType
    reply_to: str | None = None  # "queue://name"
    group_id: str | None = None
    group_sequence: int | None = None
    redelivered: bool | None = None
    redeliveries: int | None = None
    original_destination: str | None = None  # of a dead letter: where it was before, "queue://name"
    properties: tuple[Property, ...] = ()
    is_typed: bool = False  # whether the types of the properties are those of the broker; else all came as text


class Messages(Struct, frozen=True, tag="messages", tag_field="kind"):
    """In the order of the queue, oldest first."""

    queue: str
    messages: tuple[Message, ...]
    pending: int  # in the queue when it was read: what "K of N" counts against
    looked: int  # messages that were looked through to find these
    skipped: int  # matching ones before the first of these
    is_end: bool  # the broker had no more to show; with looked < pending it does not show them all
    way: Way
    note: str = ""  # why these are not all, in plain words


class Outgoing(Struct, frozen=True):
    """A message that is to be sent. `body` of a map is its JSON, as in Message."""

    kind: Literal["text", "bytes", "map"]
    body: bytes
    persistent: bool = True
    priority: int = 4  # 0 to 9
    ttl_s: float | None = None  # from the moment it is sent; None: it never expires
    delay_s: float | None = None  # the broker keeps it back for so long, where it schedules
    correlation_id: str | None = None
    type: str | None = None
    reply_to: str | None = None  # "queue://name"
    group_id: str | None = None
    properties: tuple[Property, ...] = ()
