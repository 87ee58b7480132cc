"""Messages sent: over STOMP where it is there, which takes every kind of body and a hundred in one transaction; through Jolokia where more
of the message survives, for Jolokia keeps the types of texts, truths and whole numbers and STOMP none.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

from msgspec import Struct

from backends.activemq import counts, looking
from backends.activemq import operations as op
from backends.activemq.acting.arguments import Import, Send, outgoing
from backends.activemq.acting.jobs import Task
from backends.activemq.acting.outcome import Outcome, lost, stopped
from backends.activemq.capabilities import NO_SCHEDULER
from backends.activemq.counts import Change, Counts, Sight
from backends.activemq.jolokia import Exec
from backends.activemq.messages import composite, frames, lines
from backends.activemq.operations import Pace, Stopped, do
from backends.activemq.station import Station
from backends.activemq.stomp.client import StompTrouble
from backends.activemq.stomp.frames import unsendable
from backends.activemq.targets import why_unusable
from backends.messages import Outgoing, Way
from backends.wording import count, span
from settings.secret import SecretUnavailable

BATCH: Final = 100  # messages of one transaction
BATCH_BYTES: Final = 1 << 20
JOLOKIA_BODY: Final = 1 << 20  # bytes; a larger text costs the broker its size several times over there
BY_JOLOKIA: Final = "send by Jolokia"  # what is denied where STOMP still does it
OVER: Final = {"stomp": "over STOMP", "jolokia": "through Jolokia"}


class Item(Struct, frozen=True):
    """A message, how it goes, and what does not survive that, one sentence each."""

    outgoing: Outgoing
    way: Way
    changed: tuple[str, ...] = ()


def item(station: Station, queue: str, message: Outgoing) -> Item:
    """By the way on which the most survives. Raises ValueError with a sentence."""
    if (said := why_unusable(queue)) is not None:
        raise ValueError(f"nothing can be sent to this queue: {said}")
    ways, why = _ways(station, queue, message)
    if not ways:
        raise ValueError("; ".join(why))
    return min(ways, key=_loss)


def _loss(its: Item) -> int:
    """A number that Jolokia widens is a number still, and a text over STOMP."""
    return 0 if not its.changed else 1 if its.way == "jolokia" else 2


def _ways(station: Station, queue: str, message: Outgoing) -> tuple[list[Item], list[str]]:
    ways, why = [], []
    for way in (_by_stomp, _by_jolokia):
        try:
            ways.append(way(station, queue, message))
        except ValueError as error:
            why.append(str(error))
    if len(ways) == 2 and len(message.body) > JOLOKIA_BODY:
        ways.pop()
    return ways, why


def _by_stomp(station: Station, queue: str, message: Outgoing) -> Item:
    if station.stomp is None:
        raise ValueError(f"{station.key}.stomp is not set")
    out = frames.out_of(queue, message, station.clock())
    if (said := unsendable(out.headers, out.body, out.is_bytes)) is not None:
        raise ValueError(said)
    return Item(message, "stomp", frames.lost(message, _version(station)))


def _by_jolokia(station: Station, queue: str, message: Outgoing) -> Item:
    if (denied := station.may.why_not(BY_JOLOKIA)) is not None:
        raise ValueError(denied)
    return Item(message, "jolokia", _sending(station, message).lost)


def _sending(station: Station, message: Outgoing) -> composite.Sending:
    is_old = (_version(station) or "").startswith("5.")  # these have Jolokia 1.x
    return composite.sending_of(message, station.clock(), takes_fractions=is_old)


def _version(station: Station) -> str | None:
    return None if station.reading is None else station.reading.broker.broker_version


def sent_items(station: Station, send: Send) -> list[Item]:
    """Raises ValueError with a sentence."""
    return [item(station, send.queue, outgoing(send))] * send.count


def imported_items(station: Station, wanted: Import) -> list[Item]:
    """All are read before any is sent. Raises ValueError with a sentence that names the line."""
    items = []
    for number, line in enumerate(wanted.lines.split("\n"), 1):
        if not line.strip():
            continue
        try:
            items.append(item(station, wanted.queue, lines.from_line(line.encode(), station.clock())))
        except ValueError as error:
            raise ValueError(f"import: line {number}: {error}") from None
    if not items:
        raise ValueError("import: there is no message in these lines")
    return items


async def check_delay(station: Station, items: Sequence[Item]) -> None:
    """Raises Unavailable, and Refused where a broker would not keep back what is to be delayed."""
    if any(each.outgoing.delay_s for each in items) and not await looking.has_scheduler(station):
        raise looking.Refused(f"{NO_SCHEDULER}, so it would not keep the message back; send it without delay_s")


async def handle(station: Station, task: Task, items: Sequence[Item], before: Counts) -> Outcome:
    """Raises nothing."""
    task.of = len(items)
    stop: Stopped | None = None
    try:
        for way, batch in _batches(items):
            if task.is_cancelled:
                break
            await (_stomp if way == "stomp" else _jolokia)(station, task, batch, before)
    except Stopped as stopping:
        stop = stopping
    if stop is not None and stop.is_void and not task.done:
        return stopped(stop)
    after, seen = await _settled(station, task, before)
    return _told(task, items, stop, before, after, seen)


def _batches(items: Sequence[Item]) -> Iterator[tuple[Way, list[Outgoing]]]:
    """In their order: neighbours that go the same way go together."""
    for way, group in groupby(items, key=lambda each: each.way):
        batch: list[Outgoing] = []
        size = 0
        for each in group:
            if batch and (len(batch) == BATCH or size + len(each.outgoing.body) > BATCH_BYTES):
                yield way, batch
                batch, size = [], 0
            batch.append(each.outgoing)
            size += len(each.outgoing.body)
        yield way, batch


async def _stomp(station: Station, task: Task, batch: Sequence[Outgoing], before: Counts) -> None:
    """All or none of them. Raises Stopped."""
    now = station.clock()
    assert station.stomp is not None  # or they would not go this way
    try:
        await station.stomp.send([frames.out_of(before.name, each, now) for each in batch])
    except StompTrouble as trouble:
        raise Stopped(str(trouble), is_lost=trouble.is_lost, is_void=not trouble.is_lost) from None
    except ValueError as error:
        raise Stopped(str(error), is_void=True) from None
    except SecretUnavailable as error:
        raise Stopped(station.no_password(error), is_void=True) from None
    task.done += len(batch)


async def _jolokia(station: Station, task: Task, batch: Sequence[Outgoing], before: Counts) -> None:
    """Raises Stopped. What the broker replies holds the password, so it is not looked at."""
    pace, verb = Pace(), "send" if station.stomp is None else BY_JOLOKIA
    for each in batch:
        if task.is_cancelled:
            return
        await pace.wait()
        try:
            sending = _sending(station, each)
            call = Exec(before.mbean, op.SEND, (sending.headers, sending.body))
            if station.section.user:
                password = station.section.password
                login = (station.section.user, "" if password is None else password.read())
                call = Exec(before.mbean, op.SEND_WITH_LOGIN, (*call.arguments, *login))
        except ValueError as error:
            raise Stopped(str(error), is_void=True) from None
        except SecretUnavailable as error:
            raise Stopped(station.no_password(error), is_void=True) from None
        try:
            await do(station, verb, call)
        except Stopped as stop:  # a proxy's page may quote what it was sent
            raise stop if len(call.arguments) == 2 else stop.without(str(call.arguments[-1])) from None
        task.done += 1


async def _settled(station: Station, task: Task, before: Counts) -> tuple[Sight, Change | None]:
    """The counts once they hold what was sent: a broker may confirm a message a moment before it counts it."""
    for _ in range(3):
        after = await looking.again(station, before.name, before.mbean)
        seen = counts.change(before, after)
        if seen is None or seen.came >= task.done:
            break
        await looking.moment()
    return after, seen


def _told(task: Task, items: Sequence[Item], stop: Stopped | None, before: Counts, after: Sight, seen: Change | None) -> Outcome:
    queue, sent = before.name, task.done
    if stop is not None and stop.is_lost:
        known = f"{count(sent, 'message')} went before that" if sent else ""
        return lost(task.verb, queue, stop, f"it {counts.now_and_before(before, after)}", known)
    head = f"sent {_of(task)} to {queue} {_over(items)}: {counts.arrow(queue, before, after)}"
    later = max((each.outgoing.delay_s or 0.0 for each in items[:sent]), default=0.0)
    arrived = sent if seen is None else min(sent, seen.came)
    text = head + counts.in_use(queue, seen, arrived, 0) + _short(sent - arrived, later) + _changed(items[:sent])
    if stop is not None:
        return Outcome("failed", f"{stop.text}; before that: {text}", False)
    if sent < len(items):
        return Outcome("cancelled", f"cancelled: {text}", False)
    return Outcome("done", text, arrived == sent or later > 0)


def _of(task: Task) -> str:
    return count(task.done, "message") if task.done == task.of else f"{task.done:,} of {count(task.of or 0, 'message')}"


def _over(items: Sequence[Item]) -> str:
    return " and ".join(OVER[way] for way in ("stomp", "jolokia") if any(each.way == way for each in items))


def _short(missing: int, later_s: float) -> str:
    if missing <= 0:
        return ""
    if later_s > 0:
        return f"; {missing:,} will be there later: the broker keeps them back for up to {span(later_s)}"
    return f"; {missing:,} have not arrived in it, though the broker took them"


def _changed(items: Sequence[Item]) -> str:
    changed = [each for each in items if each.changed]
    if not changed:
        return ""
    first = "; ".join(changed[0].changed)
    return f"; {first}" if len(items) == 1 else f"; {count(len(changed), 'message')} changed on the way ({first})"
