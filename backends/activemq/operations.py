"""One operation on a broker, sent once: its value, or `Stopped` with a sentence. Never a second try, never another spelling.

Operations have their signatures, for newer brokers have overloads where older ones have none.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Raw

from backends.activemq.figures import typed
from backends.activemq.jolokia import LOST, Exec, JolokiaError, Reply, shown
from backends.activemq.station import Station
from backends.activemq.troubles import unavailable
from settings.secret import SecretUnavailable

PURGE: Final = "purge()"
PAUSE: Final = "pause()"
RESUME: Final = "resume()"
ADD: Final = "addQueue(java.lang.String)"
REMOVE_QUEUE: Final = "removeQueue(java.lang.String)"
MOVE_ONE: Final = "moveMessageTo(java.lang.String,java.lang.String)"
MOVE_MATCHING: Final = "moveMatchingMessagesTo(java.lang.String,java.lang.String,int)"
COPY_ONE: Final = "copyMessageTo(java.lang.String,java.lang.String)"
COPY_MATCHING: Final = "copyMatchingMessagesTo(java.lang.String,java.lang.String)"
COPY_FIRST: Final = "copyMatchingMessagesTo(java.lang.String,java.lang.String,int)"
REMOVE_ONE: Final = "removeMessage(java.lang.String)"
REMOVE_MATCHING: Final = "removeMatchingMessages(java.lang.String,int)"
RETRY_ONE: Final = "retryMessage(java.lang.String)"
RETRY_ALL: Final = "retryMessages()"
SEND: Final = "sendTextMessage(java.util.Map,java.lang.String)"
SEND_WITH_LOGIN: Final = "sendTextMessage(java.util.Map,java.lang.String,java.lang.String,java.lang.String)"

_ALSO: Final[Mapping[str, tuple[str, ...]]] = {PURGE: ("purge", "delete")}  # verbs that a denied operation takes with it
PER_S: Final = 500.0  # messages that even a slow disk moves in a second: how long an answer is waited for
GAP_S: Final = 0.02  # between single requests: newer brokers answer 429 above 100 a second, and others ask, too


def selected(selector: str | None) -> str:
    """A selector for JMX that compares texts with numbers as one over STOMP does, whose properties are all text: `n > 6` where n is "7".
    Without that what is browsed over STOMP and what is moved by JMX are not the same messages."""
    return f"convert_string_expressions:{selector}" if selector else ""


class Stopped(Exception):
    """An operation that was not done, or of which nobody knows whether it was. `is_void`: surely nothing was done by it. `reason`: the
    broker's own words, where it gave any."""

    def __init__(self, text: str, *, is_lost: bool = False, is_void: bool = False, reason: str = "") -> None:
        super().__init__(text)
        self.text, self.is_lost, self.is_void, self.reason = text, is_lost, is_void, reason

    def without(self, secret: str) -> "Stopped":
        text, reason = (each.replace(secret, "***") if secret else each for each in (self.text, self.reason))
        return Stopped(text, is_lost=self.is_lost, is_void=self.is_void, reason=reason)


async def do(station: Station, verb: str, call: Exec, messages: int = 0) -> Raw:
    """`messages`: how many it may have to touch, for the deadline. Raises Stopped."""
    try:
        reply = await station.run(call, station.section.timeout + messages / PER_S)
    except JolokiaError as error:
        if error.trouble in LOST:
            raise Stopped(error.detail or error.trouble, is_lost=True) from None
        raise Stopped(unavailable(error, station.section, station.key).error, is_void=True) from None
    except SecretUnavailable as error:
        raise Stopped(station.no_password(error), is_void=True) from None
    if reply.status != 200:
        raise _refused(station, verb, call.operation, reply)
    return reply.value


def _refused(station: Station, verb: str, operation: str, reply: Reply) -> Stopped:
    reason = shown(reply.error or f"status {reply.status}")
    if reply.status == 403:
        for each in _ALSO.get(operation, (verb,)):
            station.may.deny(each, reason)
        return Stopped(f"denied by the broker: {reason}", is_void=True)
    if reply.status == 404:
        return Stopped("the broker has no such queue any more", is_void=True)
    return Stopped(f"the broker could not do it: {reason}", reason=reason)


def number(value: Raw) -> int:
    """How many messages the broker says it was."""
    found: int | None = typed(value, int)
    return 0 if found is None else found


def is_true(value: Raw) -> bool:
    return bool(typed(value, bool))


class Pace:
    """Keeps single requests apart. One for each run of them."""

    def __init__(self) -> None:
        self._is_first = True

    async def wait(self) -> None:
        if not self._is_first:
            await asyncio.sleep(GAP_S)
        self._is_first = False


async def watched(station: Station, verb: str, call: Exec, messages: int, tell: Callable[[], Any]) -> Raw:
    """As `do`, for one long request: `tell` is awaited each second while it lasts, and looks how far it is."""
    ticking = asyncio.ensure_future(_tick(tell))
    try:
        return await do(station, verb, call, messages)
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


async def _tick(tell: Callable[[], Any]) -> None:
    while True:
        await asyncio.sleep(1.0)
        await tell()
