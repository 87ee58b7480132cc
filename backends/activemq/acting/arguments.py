"""What each verb may be told: the arguments of a command as structs. They come from outside, so types and sizes are checked with sentences.
Pure.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from backends.activemq.messages import lines
from backends.messages import Outgoing, Property
from backends.questions import WHOLE_BYTES

MAX_IDS: Final = 10_000  # of one command; more are moved by selector, or all
MAX_SELECTOR: Final = 4096  # characters
MAX_BODY: Final = WHOLE_BYTES  # what can be read back whole
MAX_COUNT: Final = 100_000
MAX_PROPERTIES: Final = 200

Name = Annotated[str, Meta(min_length=1, max_length=1024)]
Text = Annotated[str, Meta(max_length=4096)]


class OnQueue(Struct, frozen=True, forbid_unknown_fields=True):
    queue: Name


class Some(OnQueue, frozen=True, forbid_unknown_fields=True):
    """Which messages: those of `ids`, one a line, or those that match, or the first ones, or all."""

    ids: str | None = None
    selector: Annotated[str, Meta(max_length=MAX_SELECTOR)] | None = None
    first: Annotated[int, Meta(ge=1)] | None = None

    @property
    def each(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(its for line in (self.ids or "").split("\n") if (its := line.strip())))

    @property
    def is_all(self) -> bool:
        return not self.each and not self.selector and self.first is None


class SomeTo(Some, frozen=True, kw_only=True, forbid_unknown_fields=True):
    to: Name


class Send(OnQueue, frozen=True, kw_only=True, forbid_unknown_fields=True):
    body: str | None = None
    body_base64: str | None = None
    kind: Literal["text", "bytes", "map"] | None = None
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 1
    persistent: bool = True
    priority: Annotated[int, Meta(ge=0, le=9)] = 4
    ttl_s: Annotated[float, Meta(gt=0, le=10**9)] | None = None
    delay_s: Annotated[float, Meta(gt=0, le=10**9)] | None = None
    correlation_id: Text | None = None
    reply_to: Text | None = None
    type: Text | None = None
    group_id: Text | None = None
    properties: str | None = None  # a JSON object


class Import(OnQueue, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lines: str


class ImportAsked(OnQueue, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a preview of an import is told."""

    count: Annotated[int, Meta(ge=0)]
    bytes: Annotated[int, Meta(ge=0)]


class Cancel(Struct, frozen=True, forbid_unknown_fields=True):
    job: int


def told(verb: str, form: type[Any], arguments: Mapping[str, Any]) -> Any:
    """The arguments as that form. Raises ValueError with a sentence that names what is wrong."""
    try:
        found = msgspec.convert(dict(arguments), type=form)
    except msgspec.ValidationError as error:
        raise ValueError(f"{verb}: {_plain(str(error))}") from None
    if isinstance(found, Some):
        _check_some(verb, found)
    return found


def _plain(text: str) -> str:
    """msgspec's sentence in the words of a command."""
    text = text.replace("Object contains unknown field", "there is no argument").replace("Object missing required field", "there must be")
    said, _, place = text.partition(" - at `$.")
    said = said[:1].lower() + said[1:]
    return f"{place.rstrip('`')}: {said}" if place else said


def _check_some(verb: str, some: Some) -> None:
    if some.ids is not None and not some.each:
        raise ValueError(f"{verb}: ids names no message")
    if some.each and (some.selector or some.first is not None):
        raise ValueError(f"{verb}: ids are named one by one; selector and first go without them")
    if len(some.each) > MAX_IDS:
        raise ValueError(f"{verb}: {len(some.each):,} ids; {MAX_IDS:,} are the most, use a selector")
    if verb == "remove" and some.is_all:
        raise ValueError("remove: say which messages (ids, selector or first); all of a queue is purge")


def outgoing(send: Send) -> Outgoing:
    """Raises ValueError with a sentence."""
    kind, body = _content(send)
    if len(body) > MAX_BODY:
        raise ValueError(f"send: the body has {len(body):,} bytes; {MAX_BODY:,} are the most")
    return Outgoing(
        kind,
        body,
        persistent=send.persistent,
        priority=send.priority,
        ttl_s=send.ttl_s,
        delay_s=send.delay_s,
        correlation_id=send.correlation_id or None,
        type=send.type or None,
        reply_to=reply_to(send.reply_to),
        group_id=send.group_id or None,
        properties=properties(send.properties),
    )


def _content(send: Send) -> tuple[Literal["text", "bytes", "map"], bytes]:
    if (send.body is None) == (send.body_base64 is None):
        raise ValueError("send: give either body (text) or body_base64 (bytes)")
    if send.body is not None:
        kind, body = send.kind or "text", send.body.encode("utf-8", "strict")
    else:
        kind, body = send.kind or "bytes", _decoded(send.body_base64 or "")
    if kind == "text":
        _check_text(body)
    if kind == "map":
        _check_map(body)
    return kind, body


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("send: body_base64 is not base64") from None


def _check_text(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"send: kind is text, but the body is no UTF-8 at byte {error.start}; send it as bytes") from None


def _check_map(body: bytes) -> None:
    try:
        is_map = isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        is_map = False
    if not is_map:
        raise ValueError('send: kind is map, so the body must be a JSON object, such as {"a": 1}')


def reply_to(text: str | None) -> str | None:
    """A plain name is a queue's. Raises ValueError with a sentence."""
    if not text:
        return None
    kind, found, name = text.partition("://")
    if not found:
        return f"queue://{text}"
    if kind not in ("queue", "topic") or not name:
        raise ValueError(f"send: reply_to is '{text}'; it is the name of a queue, or queue://name, or topic://name")
    return text


def properties(text: str | None) -> tuple[Property, ...]:
    """Those of a JSON object: name -> value, or name -> {"type": "Int", "value": 5}. Raises ValueError with a sentence."""
    if not text or not text.strip():
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"send: properties is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError('send: properties must be a JSON object, such as {"colour": "red"}')
    if len(found) > MAX_PROPERTIES:
        raise ValueError(f"send: {len(found):,} properties; {MAX_PROPERTIES} are the most")
    try:
        return lines.properties_of(found)
    except ValueError as error:
        raise ValueError(f"send: {error}") from None
