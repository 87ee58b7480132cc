"""The two ways to the messages of a queue, STOMP and Jolokia, each bounded. Nothing is taken from the queue.

What is asked changes nothing, unless maps and objects are to be translated for STOMP: the broker marks every message of the queue for that.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from msgspec import Raw

from backends.activemq.counts import Counts
from backends.activemq.figures import typed
from backends.activemq.jolokia import Exec, JolokiaError, Reply, failure, shown
from backends.activemq.messages import composite, frames
from backends.activemq.messages.pages import Look
from backends.activemq.operations import selected
from backends.activemq.station import Station
from backends.activemq.stomp.client import StompClient, StompTrouble
from backends.activemq.troubles import unavailable
from backends.messages import Message
from backends.source import Unavailable
from settings.secret import SecretUnavailable

LOOK_S: Final = 12.0  # that messages are looked through for one answer: somebody sits before it
BREATH: Final = 200  # frames after which others may run
AT_ONCE: Final = 50  # messages that are asked for in one POST

BROWSE: Final = "browse()"
BROWSE_SELECTED: Final = "browse(java.lang.String)"
GET: Final = "getMessage(java.lang.String)"
INVALID: Final = "InvalidSelectorException"


async def by_stomp(stomp: StompClient, look: Look, queue: str, selector: str | None, *, translated: bool = False) -> bool:
    """Whether the broker had no more to show. Raises StompTrouble; Unavailable for a selector that is none."""
    now = asyncio.get_running_loop().time
    until = now() + LOOK_S
    try:
        async with stomp.browse(queue, selector, transform=translated) as browse:
            async for frame in browse:
                if not look.take(len(frame.body), partial(frames.message_of, frame)):
                    break
                if now() > until:
                    look.stop = "time"
                    break
                if look.looked % BREATH == 0:
                    await asyncio.sleep(0)
            return browse.is_end
    except StompTrouble as trouble:
        if selector is not None and INVALID in str(trouble):
            raise bad_selector(selector, str(trouble)) from None
        raise


async def by_jolokia(station: Station, look: Look, queue: Counts, selector: str | None) -> bool:
    """Whether the broker had no more to show. Raises Unavailable."""
    if (why := station.may.why_not("browse")) is not None:
        raise Unavailable(f"'{queue.name}' cannot be browsed through Jolokia: {why}; set {station.key}.stomp", "denied")
    call = Exec(queue.mbean, BROWSE) if selector is None else Exec(queue.mbean, BROWSE_SELECTED, (selected(selector),))
    try:
        (reply,) = await asked(station, call)
    except JolokiaError as error:
        if error.trouble == "large":
            more = f"{station.key}.stomp reads messages one by one"
            raise Unavailable(f"'{queue.name}' has too much for one answer of Jolokia ({error.detail}); {more}") from None
        raise unavailable(error, station.section, station.key) from None
    if reply.status != 200:
        raise _refused(station, reply, selector)
    messages = await asyncio.to_thread(_listed, reply.value)
    return all(look.take(len(message.body or b""), partial(_same, message)) for message in messages)


async def one(station: Station, queue: Counts, its: str) -> Message | None:
    """The message of that id as Jolokia tells it. Raises Unavailable."""
    try:
        (reply,) = await asked(station, Exec(queue.mbean, GET, (its,)))
    except JolokiaError as error:
        raise unavailable(error, station.section, station.key) from None
    if reply.status == 403:
        raise unavailable(failure(reply), station.section, station.key)
    return await asyncio.to_thread(_told, reply)


async def some(station: Station, queue: Counts, ids: Sequence[str]) -> tuple[dict[str, Message], str, bool]:
    """Those messages as Jolokia tells them, by id; why not all, in its own words; and whether that is final. Raises nothing."""
    found: dict[str, Message] = {}
    for batch in (ids[at : at + AT_ONCE] for at in range(0, len(ids), AT_ONCE)):
        try:
            replies = await asked(station, *(Exec(queue.mbean, GET, (each,)) for each in batch))
        except JolokiaError as error:
            return found, error.detail or error.trouble, False
        except Unavailable as error:
            return found, error.error, False
        found |= {each.id: each for each in await asyncio.to_thread(lambda those: list(map(_told, those)), replies) if each is not None}
        if denied := next((reply for reply in replies if reply.status == 403), None):
            return found, shown(denied.error or "denied"), True
    return found, "", False


async def asked(station: Station, *calls: Exec) -> list[Reply]:
    """Raises JolokiaError; Unavailable where the password cannot be read."""
    try:
        return await station.look(*calls)
    except SecretUnavailable as error:
        raise Unavailable(station.no_password(error), "denied") from None


def by_id(its: str) -> str:
    """A selector for that message."""
    quoted = its.replace("'", "''")
    return f"JMSMessageID = '{quoted}'"


def bad_selector(selector: str, why: str) -> Unavailable:
    more = "write SQL 92, as in n > 5 AND a = 'b'"
    return Unavailable(f"the broker does not understand the selector {selector!r}: {shown(why)}; {more}")


def _refused(station: Station, reply: Reply, selector: str | None) -> Unavailable:
    reason = shown(reply.error or f"status {reply.status}")
    if reply.status == 403:
        station.may.deny("browse", reason)
    if selector is not None and reply.status in (400, 500):
        return bad_selector(selector, reason)
    return unavailable(failure(reply), station.section, station.key)


def _same(message: Message) -> Message:
    return message


def _listed(value: Raw) -> list[Message]:
    return [message for each in typed(value, list[Any]) or () if (message := _made(each)) is not None]


def _told(reply: Reply) -> Message | None:
    return _made(typed(reply.value, Any)) if reply.status == 200 else None


def _made(value: Any) -> Message | None:
    try:
        return composite.message_of(value)
    except ValueError:
        return None
