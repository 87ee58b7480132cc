"""A broker over STOMP 1.2, for coroutines: one connection at a time, made when it is needed, left when nobody has needed it for a while.

A connection that broke, or over which the broker complained without saying about what, is not used again; the next question makes a new
one. After a failed attempt questions fail with its reason for BACK_OFF_S, then there is another. Every wait has a deadline. Cancelled, a
browse unsubscribes and a batch is aborted; the connection stays.

What is browsed stays bounded: the broker sends WINDOW messages ahead of the reader and waits, so a reader who pauses costs nobody anything.
Beyond 32 MiB nothing more is read from the broker, for anyone; if nobody takes them for 2 s that browse ends, with a reason.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from backends.activemq.config import StompTls
from backends.activemq.stomp import opening, statistics
from backends.activemq.stomp.frames import addressable, unsayable, unsendable
from backends.activemq.stomp.statistics import Statistics
from backends.activemq.stomp.vocabulary import Frame, Login, Out, StompTrouble

if TYPE_CHECKING:
    from backends.activemq.stomp.connection import Connection
    from backends.activemq.stomp.subscription import Subscription

__all__ = ["Browse", "Frame", "Login", "Out", "StompClient", "StompTrouble", "addressable"]

IDLE_S: Final = 30.0
BACK_OFF_S: Final = 3.0  # a closed port is not knocked at by every question of a screen
AT_ONCE_S: Final = 0.5  # what fails as quickly was lost before; what took longer is in trouble now
WINDOW: Final = 100  # messages ahead of the reader; 1,500 small ones are as quick with 500
MOST_SUBSCRIPTIONS: Final = 2000  # a connection; the broker keeps a little of each until we leave
PROBE_MS: Final = 5000  # how long a question to the plugin is worth an answer


class Browse:
    """An async iterator over the frames of a queue, from its head. Leaving its context ends the subscription."""

    is_end = False  # the broker said that there is no more

    def __init__(self, connection: "Connection", subscription: "Subscription", window: int, timeout: float) -> None:
        self._connection, self._subscription = connection, subscription
        self._window, self._timeout = window, timeout
        self._taken = 0

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    async def __anext__(self) -> Frame:
        if self.is_end:
            raise StopAsyncIteration
        try:
            frame = await self._subscription.take(self._timeout)
        except TimeoutError:
            raise StompTrouble(f"the broker sent neither a message nor the end of the queue within {self._timeout:g} s") from None
        if frame.headers.get("browser") == "end" and "priority" not in frame.headers:  # a message may have a property of that name
            self.is_end = True
            raise StopAsyncIteration
        self._taken += 1
        if self._window > 1 and self._taken % (self._window // 2) == 0 and (name := frame.headers.get("ack")):
            self._connection.acknowledge(name)
        return frame


class StompClient:
    """One connection at a time, made when it is needed, kept for a while, made anew after it was lost. Made without I/O."""

    def __init__(self, address: str, tls: StompTls | None, login: Login, timeout: float) -> None:
        self._address, self._tls, self._login, self._timeout = address, tls, login, timeout
        self._current: Connection | None = None
        self._all: set[Connection] = set()
        self._opening: asyncio.Task[Connection] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._sending = asyncio.Lock()  # an ERROR does not always say which of two it is about
        self._failed: tuple[float, str] | None = None  # loop time after which there may be another attempt, and why the last one failed
        self._is_closed = False

    @asynccontextmanager
    async def browse(
        self, queue: str, selector: str | None = None, *, transform: bool = False, window: int = WINDOW
    ) -> AsyncIterator[Browse]:
        """Raises StompTrouble, also while iterating. A queue that is not there is created by this: the caller knows that it is.

        `transform`: map and object messages have a body, which they have not else; as XML, for JSON would turn a text "5.0" into 5. That
        has consequences: the broker writes the property `transformation` into every message of the queue that is not bytes, its consumers
        see it, and a move keeps it for good.
        """
        headers = {"destination": f"/queue/{queue}", "browser": "true", "ack": "client", "activemq.prefetchSize": str(window)}
        if selector:
            headers["selector"] = selector
        if (why := addressable(queue) or unsayable(headers)) is not None:
            raise StompTrouble(why)
        if transform:
            headers["transformation"] = "jms-xml"
        async with self._using_again(headers) as (connection, subscription):
            try:
                yield Browse(connection, subscription, window, self._timeout)
            finally:
                connection.unsubscribe(subscription)

    async def head(self, queue: str) -> Frame | None:
        """The first message of the queue, which stays; None when it is empty. Creates a queue that is not there. Raises StompTrouble."""
        async with self.browse(queue, window=1) as browse:
            async for frame in browse:
                return frame
        return None

    async def send(self, frames: Sequence[Out]) -> None:
        """All or none of them, confirmed by the broker. Raises StompTrouble."""
        for number, each in enumerate(frames, 1):
            if (why := unsendable(each.headers, each.body, each.is_bytes)) is not None:
                raise StompTrouble(why if len(frames) == 1 else f"message {number:,} of {len(frames):,}: {why}")
        if frames:
            async with self._sending, self._using() as connection:
                await connection.send(frames)

    async def statistics(self, destination: str) -> list[Statistics]:
        """What the statistics plugin tells of `ActiveMQ.Statistics.<destination>`. Only where the broker is known to have it."""
        if any(sign in destination for sign in ",?\0\n\r"):
            raise StompTrouble(f"{destination!r} cannot be asked for: , and ? have a meaning of their own there")
        headers = {
            "destination": f"/queue/ActiveMQ.Statistics.{destination}",
            "expires": str(int(time.time() * 1000) + PROBE_MS),
            "ActiveMQ.Statistics.Destination.List.End.With.Null": "true",
            "ActiveMQ.Statistics.Destination.Include.First.Message.Timestamp": "true",
        }
        async with self._using() as connection:
            answers = await connection.ask_plugin(headers)
            try:
                return await self._collected(answers, is_list=destination.startswith("Destination"))
            finally:
                connection.forget(answers)

    async def close(self) -> None:
        """Within a second, whatever the peer does. Raises nothing; what is asked after it, or waits, gets StompTrouble."""
        self._is_closed = True
        if self._idle is not None:
            self._idle.cancel()
        if self._opening is not None:
            self._opening.cancel()
        await asyncio.gather(*(each.close() for each in self._all), *self._leaving, return_exceptions=True)
        if self._opening is not None:
            await asyncio.wait([self._opening])

    async def _collected(self, answers: "Subscription", *, is_list: bool) -> list[Statistics]:
        found: list[Statistics] = []
        try:
            while told := statistics.parse((await answers.take(self._timeout)).body):
                found.append(told)
                if not is_list:
                    break
        except TimeoutError:
            why = f"no answer of the statistics plugin within {self._timeout:g} s; does the broker have it, with xstream and jettison?"
            raise StompTrouble(why) from None
        except ValueError as error:
            raise StompTrouble(f"the answer of the statistics plugin cannot be read: {error}") from None
        return found

    @property
    def trouble(self) -> str | None:
        """Why there is no connection, after the last attempt to make one; None: there was none, or it went well."""
        return None if self._failed is None else self._failed[1]

    @asynccontextmanager
    async def _using_again(self, headers: dict[str, str]) -> "AsyncIterator[tuple[Connection, Subscription]]":
        """Subscribed. A connection that was lost while nobody used it shows that with its first word; to look may be said once more."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for is_last in (False, True):
            async with self._using() as connection:
                try:
                    subscription = await connection.subscribe(headers)
                except StompTrouble:
                    if is_last or connection.is_fit or clock() - began > AT_ONCE_S:
                        raise
                    continue
                yield connection, subscription
                return

    @asynccontextmanager
    async def _using(self) -> "AsyncIterator[Connection]":
        connection = await self._connected()
        connection.users += 1
        try:
            yield connection
        finally:
            connection.users -= 1
            if not connection.users:
                self._rest(connection)

    def _rest(self, connection: "Connection") -> None:
        if connection is not self._current or not _is_usable(connection):
            self._leave(connection)
        else:
            self._wait_idle(connection)

    def _wait_idle(self, connection: "Connection") -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle, connection)

    def _end_idle(self, connection: "Connection") -> None:
        if not connection.users:
            self._leave(connection)

    def _leave(self, connection: "Connection") -> None:
        """In a task of its own: whoever asked last need not wait for it."""
        if connection is self._current:
            self._current = None
        if connection in self._all:
            self._all.discard(connection)
            task = asyncio.get_running_loop().create_task(connection.close())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _connected(self) -> "Connection":
        """One that may be used. Raises StompTrouble."""
        if self._is_closed:
            raise StompTrouble("the connection was closed")
        if (current := self._current) is not None:
            if _is_usable(current):
                return current
            self._current = None
            if not current.users:
                self._leave(current)
        if self._failed is not None and asyncio.get_running_loop().time() < self._failed[0]:
            raise StompTrouble(self._failed[1])
        if self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open())
            self._opening.add_done_callback(self._opened)
        return await asyncio.shield(self._opening)

    def _opened(self, task: "asyncio.Task[Connection]") -> None:
        self._opening = None
        if task.cancelled() or task.exception() is not None:
            return
        self._current = task.result()
        self._wait_idle(self._current)

    async def _open(self) -> "Connection":
        """Raises StompTrouble."""
        connection: Connection | None = None
        try:
            user, password = self._login()
            context = None if self._tls is None else opening.context(self._tls)
            connection = opening.made(self._address, self._timeout)
            self._all.add(connection)
            async with asyncio.timeout(self._timeout):
                await connection.open(context, user, password)
        except BaseException as error:
            is_reached = connection is not None and connection.is_reached
            if connection is not None:
                self._all.discard(connection)
                await connection.cut()
            trouble = opening.told(error, self._address, self._tls, self._timeout, is_reached)
            if trouble is None:
                raise
            self._failed = (asyncio.get_running_loop().time() + BACK_OFF_S, str(trouble))
            raise trouble from None
        self._failed = None
        return connection


def _is_usable(connection: "Connection") -> bool:
    return connection.is_fit and connection.subscribed < MOST_SUBSCRIPTIONS
