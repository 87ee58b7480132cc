"""The counts of one queue before and after something is done to it, and what may be said from them. Pure.

An answer of the broker is a claim; the counts are what happened. Messages that other clients send and take meanwhile stand in them too:
EnqueueCount and DequeueCount tell those apart.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from backends.activemq.figures import Counters, typed
from backends.activemq.jolokia import Read, Reply, failure
from backends.broker import BROWSE_PAGE
from backends.wording import count

SLACK: Final = 10  # messages, or
SLACK_SHARE: Final = 0.1  # of what is pending, or
SLACK_S: Final = 30.0  # of the rate at which they come: how long an operator looks at a question before it is answered

Value = str | int | float | bool | None


class Counts(Struct, frozen=True):
    """A queue's attributes at one moment. What an older broker lacks is None."""

    mbean: str  # as the broker returned it
    name: str
    pending: int
    in_flight: int
    consumers: int
    producers: int
    enqueued: int
    dequeued: int
    paused: bool | None = None
    dlq: bool | None = None
    cached: bool | None = None
    browse_page: int | None = None

    @property
    def page(self) -> int:
        return self.browse_page or BROWSE_PAGE

    @property
    def is_seen_in_part(self) -> bool:
        """The broker has not all of it in memory: a selector, an id and a browse see its head alone, a page at least."""
        return self.cached is False and self.pending > self.page


class Missing(Struct, frozen=True):
    """There are no counts of the queue: it is gone, or they could not be read."""

    is_gone: bool
    why: str = ""


Sight = Counts | Missing
GONE: Final = Missing(True)


class _Always(Counters, frozen=True, rename="pascal", kw_only=True):
    name: str


_OPTIONAL: Final[Mapping[str, tuple[str, type]]] = {
    "Paused": ("paused", bool),
    "DLQ": ("dlq", bool),
    "CacheEnabled": ("cached", bool),
    "MaxBrowsePageSize": ("browse_page", int),
}


def reads(mbean: str) -> tuple[Read, ...]:
    """Of exactly this MBean. An attribute that it lacks fails its whole read, so those of newer brokers have one each."""
    return Read(mbean, _Always.__struct_encode_fields__), *(Read(mbean, (attribute,)) for attribute in _OPTIONAL)


def counted(mbean: str, replies: Sequence[Reply]) -> Sight:
    """The counts in the replies to `reads`. Raises JolokiaError."""
    first, *others = replies
    if first.status == 404:
        return GONE
    if first.status != 200:
        raise failure(first)
    found: _Always | None = typed(first.value, _Always)
    if found is None:
        return Missing(False, "its counts are not what JMX promises")
    more = {field: _one(reply, attribute, kind) for (attribute, (field, kind)), reply in zip(_OPTIONAL.items(), others, strict=True)}
    return Counts(
        mbean,
        found.name,
        max(0, found.queue_size),  # a broker's own count may dip below zero for a moment
        max(0, found.in_flight_count),
        found.consumer_count,
        found.producer_count,
        found.enqueue_count,
        found.dequeue_count,
        **more,
    )


def _one(reply: Reply, attribute: str, kind: type) -> Any:
    if reply.status != 200:
        return None
    attributes: dict[str, Raw] = typed(reply.value, dict[str, Raw]) or {}  # a list of one attribute is answered as a table of one
    return typed(attributes.get(attribute, Raw(b"null")), kind)


class Seen(Struct, frozen=True):
    """What the operator saw, and so agreed to: `expect` of a command."""

    name: str
    pending: int
    most: int  # pending messages that may be there by now
    consumers: int
    in_flight: int = 0


def expect(now: Counts, per_s: float) -> dict[str, Value]:
    """What goes with the command. `per_s`: messages that come, 0 where none do; then nothing but what is pending is agreed to."""
    slack = max(SLACK, math.ceil(SLACK_SHARE * now.pending), math.ceil(SLACK_S * per_s)) if per_s > 0 else 0
    return msgspec.to_builtins(Seen(now.name, now.pending, now.pending + slack, now.consumers, now.in_flight))  # type: ignore[no-any-return]


def seen(verb: str, told: Mapping[str, Any]) -> Seen:
    """Raises ValueError with a sentence."""
    try:
        return msgspec.convert(dict(told), type=Seen)
    except msgspec.ValidationError as error:
        wanted = "say what you saw: name, pending, most and consumers as the preview gave them"
        raise ValueError(f"{verb}: {wanted} ({error}); nothing was done") from None


def why_changed(before: Seen, now: Counts) -> str | None:
    """Why what was agreed to is not what would be done."""
    if before.name != now.name:
        return f"what was seen is '{before.name}', this is '{now.name}'"
    if now.pending > before.most:
        return f"'{now.name}' has {now.pending:,} pending now, {before.pending:,} were seen"
    if now.consumers > 0 and before.consumers == 0:
        return f"'{now.name}' has {count(now.consumers, 'consumer')} now, none was seen"
    return None


def arrow(name: str, before: Counts | None, after: Sight) -> str:
    """``orders 1,204 -> 0``. A queue that was not there before had none."""
    was = 0 if before is None else before.pending
    if isinstance(after, Counts):
        return f"{name} {was:,} -> {after.pending:,}"
    return f"{name} {was:,} -> " + ("gone" if after.is_gone else "not known")


def now_and_before(before: Counts | None, after: Sight) -> str:
    """``has 0 pending now, 1,204 before``: what an operator is told when an answer was lost."""
    was = "was not there before" if before is None else f"had {before.pending:,} pending before"
    if isinstance(after, Counts):
        return f"has {after.pending:,} pending now, " + (was if before is None else f"{before.pending:,} before")
    if after.is_gone:
        return "is not there now" if before is None else f"is gone now, {was}"
    return f"cannot be read now ({after.why}), {was}"


class Change(Struct, frozen=True):
    """What went in and out of a queue between two readings."""

    came: int
    went: int
    shrunk: int  # pending before minus pending after


def change(before: Counts | None, after: Sight) -> Change | None:
    """None: nothing can be told, for the queue or its statistics began anew in between."""
    if not isinstance(after, Counts):
        return None
    enqueued, dequeued, pending = (0, 0, 0) if before is None else (before.enqueued, before.dequeued, before.pending)
    came, went = after.enqueued - enqueued, after.dequeued - dequeued
    return None if came < 0 or went < 0 else Change(came, went, pending - after.pending)


def in_use(name: str, seen: Change | None, came: int, went: int) -> str:
    """Who else used the queue, when `came` and `went` are ours: the end of a sentence, or nothing."""
    if seen is None:
        return ""
    others = [f"{number:,} {word}" for number, word in ((seen.came - came, "came"), (seen.went - went, "were taken")) if number > 0]
    if others:
        return f"; {name} was in use meanwhile ({', '.join(others)})"
    return f"; {name} was in use meanwhile" if seen.shrunk != went - came else ""
