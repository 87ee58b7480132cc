"""What an action would do, counted now: the sentences of a preview. Nothing is changed, nothing is promised that a broker does not keep."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from backends.activemq import counts, looking
from backends.activemq.acting import sending
from backends.activemq.acting.arguments import ImportAsked, Send, Some, SomeTo
from backends.activemq.acting.moving import DEEDS
from backends.activemq.counts import Counts
from backends.activemq.looking import Refused
from backends.activemq.messages.browse import Desk
from backends.activemq.station import Station
from backends.activemq.watching.memory import is_dead_letters
from backends.questions import MessagesOf, Preview
from backends.wording import count

RATE_S: Final = 0.5  # that a queue is watched where nobody knows yet how fast messages come
MATCHES: Final = 10_000  # messages that a preview counts
SAMPLE: Final = 20  # messages that are looked at for where they came from


class Asked(Struct, frozen=True):
    """What a preview is made from."""

    station: Station
    desk: Desk
    verb: str
    form: Any  # of backends.activemq.acting.arguments
    per_s: float | None  # at which messages come, 0 where none do; None: it is not known yet


async def of(asked: Asked) -> Preview:
    """Raises Unavailable, and Refused with a sentence."""
    return await _PREVIEWS[asked.verb](asked)


async def _purge(asked: Asked) -> Preview:
    now, per_s = await _watched(asked)
    lines = (f"purge '{now.name}': {count(now.pending, 'pending message')} will be gone for good", *_clients(now))
    return _counted(asked.verb, now, per_s, lines, _warnings_of_use(now, per_s), typed=now.name)


async def _delete(asked: Asked) -> Preview:
    now, per_s = await _watched(asked)
    lines = (f"delete '{now.name}': its {count(now.pending, 'pending message')} are purged first, then the queue itself", *_clients(now))
    warnings = _warnings_of_use(now, per_s)
    if now.consumers or now.producers:
        warnings = (*warnings, "a connected client creates it again as soon as it uses it")
    return _counted(asked.verb, now, per_s, lines, warnings, typed=now.name)


async def _create(asked: Asked) -> Preview:
    if await looking.find(asked.station, asked.form.queue) is not None:
        raise Refused(f"'{asked.form.queue}' is there already")
    return Preview(asked.verb, (f"create the queue '{asked.form.queue}'",))


async def _switch(asked: Asked) -> Preview:
    now = await looking.source(asked.station, asked.form.queue)
    words = {"pause": "consumers get nothing more, producers go on", "resume": "consumers get messages again"}[asked.verb]
    is_so = {"pause": now.paused is True, "resume": now.paused is False}[asked.verb]
    so = ("it is so already",) if is_so else ()
    return Preview(asked.verb, (f"{asked.verb} '{now.name}' ({now.pending:,} pending): {words}", *_clients(now)), so)


async def _some(asked: Asked) -> Preview:
    """Move, copy, remove."""
    some: Some = asked.form
    now, per_s = await _watched(asked)
    which, warnings = await _which(asked, now)
    lines = [f"{asked.verb} {which} of '{now.name}' ({now.pending:,} pending)", *_clients(now)]
    warnings = (*warnings, *_warnings_in_flight(now, asked.verb))
    if isinstance(some, SomeTo):
        there = await looking.target(asked.station, some.to)
        lines.append(
            f"to '{some.to}', " + ("which does not exist: it is created" if there is None else f"which has {there.pending:,} pending")
        )
        lines += () if there is None else _clients(there)
        if asked.verb == "copy":
            warnings = (*warnings, *_warnings_of_copy(some, now))
        elif there is not None:
            warnings = (*warnings, f"what was copied to '{some.to}' before is dropped there as a duplicate, and is gone from here")
    return _counted(asked.verb, now, per_s, tuple(lines), warnings)


def _warnings_in_flight(now: Counts, verb: str) -> tuple[str, ...]:
    """Brokers move what a consumer has and has not acknowledged; its acknowledgement then does nothing."""
    if not now.in_flight or verb == "copy":
        return ()
    twice = "" if verb == "remove" else ", and again where they go"
    return (f"in flight: {now.in_flight:,}, which a consumer may still process though they are {DEEDS[verb].done}{twice}",)


async def _retry(asked: Asked) -> Preview:
    now, per_s = await _watched(asked)
    if now.pending and not is_dead_letters(now.name, now.dlq) and not await _has_origins(asked, now.name):
        raise Refused(f"'{now.name}' is no queue of dead letters, and its messages do not say where they came from: use move")
    which, warnings = await _which(asked, now)
    lines = (f"retry {which} of '{now.name}' ({now.pending:,} pending): each goes back to where it came from", *_clients(now))
    again = "what fails again comes back here; what came from a topic reaches only those who subscribe now"
    return _counted(asked.verb, now, per_s, lines, (*warnings, *_warnings_in_flight(now, asked.verb), again))


async def _has_origins(asked: Asked, queue: str) -> bool:
    found = await asked.desk.messages(MessagesOf(queue, limit=SAMPLE))
    return any(message.original_destination for message in found.messages)


async def _send(asked: Asked) -> Preview:
    send: Send = asked.form
    try:
        items = sending.sent_items(asked.station, send)
    except ValueError as error:
        raise Refused(str(error)) from None
    now = await looking.source(asked.station, send.queue)
    await sending.check_delay(asked.station, items)
    first = items[0]
    kept = "persistent" if send.persistent else "not persistent"
    what = f"{count(send.count, f'{first.outgoing.kind} message')} of {count(len(first.outgoing.body), 'byte')}"
    lines = (f"send {what} to '{now.name}' ({now.pending:,} pending), {kept}, {sending.OVER[first.way]}", *_clients(now))
    warnings = first.changed if send.persistent else (*first.changed, "a message that is not persistent is lost when the broker restarts")
    return Preview(asked.verb, lines, warnings)


async def _import(asked: Asked) -> Preview:
    wanted: ImportAsked = asked.form
    now = await looking.source(asked.station, wanted.queue)
    lines = (f"import {count(wanted.count, 'message')}, {count(wanted.bytes, 'byte')}, into '{now.name}' ({now.pending:,} pending)",)
    return Preview(asked.verb, (*lines, *_clients(now)), ("each becomes a new message: what was imported before is not recognised",))


_PREVIEWS: Final[Mapping[str, Callable[[Asked], Awaitable[Preview]]]] = {
    "purge": _purge,
    "delete": _delete,
    "create": _create,
    "pause": _switch,
    "resume": _switch,
    "move": _some,
    "copy": _some,
    "remove": _some,
    "retry": _retry,
    "send": _send,
    "import": _import,
}


async def _watched(asked: Asked) -> tuple[Counts, float]:
    """The queue, and how many messages come a second. Raises Unavailable and Refused."""
    now = await looking.source(asked.station, asked.form.queue)
    if asked.per_s is not None:
        return now, asked.per_s
    await asyncio.sleep(RATE_S)
    later = await looking.source(asked.station, asked.form.queue)
    return later, max(0, later.enqueued - now.enqueued) / RATE_S


def _counted(verb: str, now: Counts, per_s: float, lines: tuple[str, ...], warnings: tuple[str, ...], typed: str | None = None) -> Preview:
    return Preview(verb, lines, warnings, expect=counts.expect(now, per_s), typed=typed)


def _clients(now: Counts) -> tuple[str, ...]:
    if not (now.consumers or now.producers):
        return (f"'{now.name}' has no consumer and no producer now",)
    return (f"'{now.name}' has {count(now.consumers, 'consumer')}, {count(now.producers, 'producer')}, {now.in_flight:,} in flight",)


def _warnings_of_use(now: Counts, per_s: float) -> tuple[str, ...]:
    found = []
    if now.consumers:
        found.append(f"{count(now.consumers, 'consumer')} may still process what they have ({now.in_flight:,} in flight)")
    if per_s > 0:
        most = counts.expect(now, per_s)["most"]
        found.append(f"messages keep coming ({per_s:,.1f}/s): up to {most:,} go with it, above that you are asked again")
    return tuple(found)


async def _which(asked: Asked, now: Counts) -> tuple[str, tuple[str, ...]]:
    """Which messages, in words with their number, and what to be warned of."""
    some: Some = asked.form
    if some.each:
        return count(len(some.each), "named message"), _warnings_of_window(now)
    if not some.selector:
        number = now.pending if some.first is None else min(some.first, now.pending)
        return (f"all {count(number, 'message')}" if some.first is None else f"the first {count(number, 'message')}"), ()
    wanted = MATCHES if some.first is None else min(some.first, MATCHES)
    found = await asked.desk.ids(now.name, some.selector, wanted)
    more = "" if found.is_all and len(found.ids) < MATCHES else "at least "
    which = f"{more}{count(len(found.ids), 'message')} that {'matches' if len(found.ids) == 1 else 'match'} {some.selector}"
    notes = (found.note,) if found.note else ()
    return which, (*notes, *_warnings_of_window(now))


def _warnings_of_window(now: Counts) -> tuple[str, ...]:
    if not now.is_seen_in_part:
        return ()
    return (
        f"the broker has not all of '{now.name}' in memory (CacheEnabled is false): by selector or id it looks only at the head, at least "
        f"{now.page:,} of {now.pending:,}",
    )


def _warnings_of_copy(some: Some, now: Counts) -> tuple[str, ...]:
    to = some.to if isinstance(some, SomeTo) else ""
    twice = f"what was copied from '{some.queue}' to '{to}' before is not copied again, even where the broker says so"
    if not now.is_seen_in_part or some.each:
        return (twice,)
    head = f"the broker has not all of '{now.name}' in memory (CacheEnabled is false)"
    return (f"{head}: it may copy as few as {now.page:,} of {now.pending:,} and answer more; what arrives is counted", twice)


def refused(verb: str, why: str) -> Preview:
    return Preview(verb, (), refused=why)
