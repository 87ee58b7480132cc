"""One STOMP connection: asyncio carries the bytes, stomp.py speaks the protocol. Imported with the first connection, not before.

Over 300 lines: what is said, what is heard and how it ends share every field of the connection.
"""

import asyncio
import contextlib
import itertools
import secrets
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from backends.activemq.stomp.frames import TOO_LARGE, Cutter, NotStomp, encode
from backends.activemq.stomp.speaker import HEART_BEAT_MS, Speaker, Transport
from backends.activemq.stomp.subscription import Subscription
from backends.activemq.stomp.vocabulary import Frame, Out, StompTrouble

HELD: Final = 32 << 20  # bytes of messages that nobody has taken yet; with more no more is read, and one frame may go beyond it
STALL_S: Final = 2.0  # so long nothing is read, because of a browse that nobody reads; less than half a heart-beat's grace
SLOWEST: Final = 1 << 20  # bytes a second that a write gets beyond its deadline
POLITE_S: Final = 0.3  # for the broker to confirm that we leave
JOIN_TRIES: Final = 150  # of 2 ms; its threads end as soon as they are told
ANSWERS: Final = "/temp-queue/answers"
QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
LONGEST_TEXT: Final = 200  # characters of what the broker says; a stack trace follows it


class Connection(asyncio.Protocol):
    """Opened once, closed once. A user is counted in `users` by whoever hands the connection out."""

    def __init__(self, address: str, place: tuple[str, int], timeout: float) -> None:
        self.users = 0
        self.is_reached = False  # there is a TCP connection, and TLS where it is wanted
        self.gone: str | None = None  # why it is of no more use
        self._address, self._place, self._timeout = address, place, timeout
        self._loop = asyncio.get_running_loop()
        self._cutter = Cutter()
        self._wire: asyncio.Transport | None = None
        self._user, self._password = "", ""
        self._connected: asyncio.Future[None] = self._loop.create_future()
        self._connected.add_done_callback(_retrieved)
        self._is_welcome = False
        self._loss: Exception | None = None
        self._receipts: dict[str, asyncio.Future[None]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._answers = asyncio.Lock()
        self._complaints = 0  # ERRORs about nothing that we asked to be confirmed
        self._complaint = ""  # the last one
        self._held, self._is_paused = 0, False
        self._ids = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count(1))  # a message cannot play a receipt
        self.subscribed = 0
        self._line = Transport(place, lambda data: self._hand(self._write, data), lambda: self._hand(self._time_out))
        self._speaker = Speaker(self._line, self._hand, self)

    @property
    def is_fit(self) -> bool:
        """Whether it may be given to another user; what goes on with it may end well all the same."""
        return self.gone is None and not self._complaints

    async def open(self, context: ssl.SSLContext | None, user: str, password: str | None) -> None:
        """Raises StompTrouble for what the peer says, else what the attempt raises. It has no deadline of its own."""
        self._user, self._password = user, password or ""
        await self._loop.create_connection(lambda: self, *self._place, ssl=context)
        self._speaker.begin(user, password or "")
        await self._connected

    async def close(self) -> None:
        """Politely as far as the peer allows; within a second in any case."""
        self._fail("the connection was closed")
        if self._is_welcome:
            with contextlib.suppress(StompTrouble, TimeoutError):
                goodbye = next(self._ids)
                await self._confirmed(encode("DISCONNECT", {"receipt": goodbye}), goodbye, POLITE_S)
        await self.cut()

    async def cut(self) -> None:
        """At once; returns when its threads have ended."""
        self._end("the connection was closed")
        for _ in range(JOIN_TRIES):
            if not any(thread.is_alive() for thread in self._line.threads):
                break
            await asyncio.sleep(0.002)

    # What is said.

    async def send(self, frames: Sequence[Out]) -> None:
        """All or none of them; one call at a time. A part that was refused does not make COMMIT fail, so that waits for all the others."""
        if len(frames) == 1:
            await self._ask("SEND", frames[0].headers, frames[0], may_be_done=True)
            return
        inside = {"transaction": next(self._ids)}
        *first, last = frames
        begun = encode("BEGIN", inside)
        begun += b"".join(encode("SEND", {**each.headers, **inside}, each.body, is_bytes=each.is_bytes) for each in first)
        complaints = self._complaints
        try:
            await self._ask("SEND", {**last.headers, **inside}, last, before=begun)
            if self._complaints > complaints:
                raise StompTrouble(f"{self._address} refused one of {len(frames):,} messages, none was sent: {self._complaint}")
        except BaseException:
            self._say("ABORT", inside)
            raise
        await self._ask("COMMIT", inside, may_be_done=True)

    async def subscribe(self, headers: Mapping[str, str]) -> Subscription:
        subscription = Subscription(next(self._ids), self._free)
        self._subscriptions[subscription.id] = subscription
        self.subscribed += 1
        try:
            await self._ask("SUBSCRIBE", {"id": subscription.id, **headers})
        except StompTrouble:
            self.forget(subscription)
            raise
        except BaseException:
            self.unsubscribe(subscription)
            raise
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """What comes later is dropped. What was not acknowledged the broker would keep in its memory for as long as we are connected."""
        if subscription.id in self._subscriptions:
            self.forget(subscription)
            if subscription.newest:
                self.acknowledge(subscription.newest)
            self._say("UNSUBSCRIBE", {"id": subscription.id})

    def acknowledge(self, name: str) -> None:
        """All up to that one. To a browser it only means that more may come."""
        self._say("ACK", {"id": name})

    async def ask_plugin(self, headers: Mapping[str, str]) -> Subscription:
        """What is sent in answer to this; `forget` it."""
        async with self._answers:
            if "answers" not in self._subscriptions:
                await self._ask("SUBSCRIBE", {"id": "answers", "destination": ANSWERS, "ack": "auto", "transformation": "jms-json"})
                self._subscriptions["answers"] = Subscription("answers", self._free)
        answers = Subscription(next(self._ids), self._free)
        self._subscriptions[answers.id] = answers
        self._write(encode("SEND", {**headers, "reply-to": ANSWERS, "correlation-id": answers.id}))
        return answers

    def forget(self, subscription: Subscription) -> None:
        """What comes for it is dropped."""
        self._subscriptions.pop(subscription.id, None)
        subscription.drop()

    async def _ask(
        self, command: str, headers: Mapping[str, str], out: Out | None = None, *, before: bytes = b"", may_be_done: bool = False
    ) -> None:
        """Returns when the broker has confirmed it. Raises StompTrouble, which says `is_lost` only if it `may_be_done`."""
        receipt = next(self._ids)
        body, is_bytes = (b"", False) if out is None else (out.body, out.is_bytes)
        data = before + encode(command, {**headers, "receipt": receipt}, body, is_bytes=is_bytes)
        within = self._timeout + len(data) / SLOWEST
        try:
            await self._confirmed(data, receipt, within)
        except TimeoutError:
            text = f"{self._address} did not confirm a {command} within {within:.3g} s; is it stopped, overloaded or out of space?"
            self._end(text)
            raise StompTrouble(text, is_lost=may_be_done) from None
        except StompTrouble as trouble:
            if TOO_LARGE.search(str(trouble)):
                raise StompTrouble(f"{trouble}; {_limits(len(data))}") from None
            hint = f" while {len(data):,} bytes were sent; {_limits(len(data))}" if trouble.is_lost and len(data) > 1 << 20 else ""
            raise StompTrouble(f"{trouble}{hint}", is_lost=trouble.is_lost and may_be_done) from None

    async def _confirmed(self, data: bytes, receipt: str, within: float) -> None:
        """Raises TimeoutError, and StompTrouble: lost where the connection broke, else refused."""
        answer: asyncio.Future[None] = self._loop.create_future()
        answer.add_done_callback(_retrieved)
        self._receipts[receipt] = answer
        try:
            if self._wire is None or self._wire.is_closing():
                raise StompTrouble(self.gone or f"the connection to {self._address} broke")
            self._write(data)
            async with asyncio.timeout(within):
                await answer
        finally:
            self._receipts.pop(receipt, None)

    def _say(self, command: str, headers: Mapping[str, str]) -> None:
        """Nobody waits for the answer; with a receipt a complaint about it can be told from others."""
        self._write(encode(command, {**headers, "receipt": next(self._ids)}))

    def _write(self, data: bytes) -> None:
        if self._wire is not None and not self._wire.is_closing():
            self._wire.write(data)

    # What is heard, in the loop.

    def on_connected(self, headers: Mapping[str, str], size: int) -> None:
        self._free(size)
        version = headers.get("version", "1.0")
        if version != "1.2":
            self._end(f"{self._address} speaks STOMP {_shown(version)}, and we 1.2")
        elif not self._connected.done():
            self._is_welcome = True
            self._connected.set_result(None)

    def on_receipt(self, headers: Mapping[str, str], size: int) -> None:
        self._free(size)
        answer = self._receipts.get(headers.get("receipt-id", ""))
        if answer is not None and not answer.done():
            answer.set_result(None)

    def on_error(self, headers: Mapping[str, str], body: bytes, size: int) -> None:
        self._free(size)
        line = self._plain(headers.get("message") or body.decode(errors="replace") or "ERROR")
        receipt = headers.get("receipt-id")
        if not self._is_welcome:
            who = f"user '{self._user}'" if self._user else "a connection without a login"
            self._end(f"{self._address} refused {who}: {line}; see user and password")
        elif receipt is None:
            self._complaints, self._complaint = self._complaints + 1, line
        elif (answer := self._receipts.get(receipt)) is not None and not answer.done():
            answer.set_exception(StompTrouble(f"{self._address} refused it: {line}"))

    def on_message(self, frame: Frame, size: int) -> None:
        name = frame.headers.get("subscription", "")
        subscription = self._subscriptions.get(frame.headers.get("correlation-id", "") if name == "answers" else name)
        if subscription is None:
            self._free(size)
        else:
            subscription.put(frame, size)

    def _relieve(self) -> None:
        """Others are waiting for what stands behind the messages of a browse that nobody reads: it ends."""
        if not self._is_paused:
            return
        fullest = max(self._subscriptions.values(), key=lambda each: each.held, default=None)
        if fullest is not None and fullest.held and self._loop.time() - fullest.taken_at >= STALL_S:
            self.unsubscribe(fullest)
            fullest.fail(f"nobody has read this for {STALL_S:g} s, and more waits than is kept ({HELD >> 20} MiB); begin again")
        if self._is_paused:
            self._loop.call_later(STALL_S, self._relieve)

    def _free(self, size: int) -> None:
        self._held -= size
        if self._is_paused and self._held <= HELD // 2:
            self._is_paused = False
            if self._wire is not None and not self._wire.is_closing():
                self._wire.resume_reading()

    # The wire, and its end.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._wire = cast(asyncio.Transport, transport)  # uvloop's are none, and have all of its methods
        self.is_reached = True
        self._acknowledge_soon()

    def data_received(self, data: bytes) -> None:
        self._acknowledge_soon()
        try:
            frames = self._cutter.feed(data)
        except NotStomp as error:
            self._end(f"what answers at {self._address} does not speak STOMP as ActiveMQ does: {self._plain(str(error))}")
            return
        self._held += sum(map(len, frames))
        for frame in frames or (b"\n",):
            self._line.feed(frame)
        if self._held > HELD and not self._is_paused and self._wire is not None and not self._wire.is_closing():
            self._is_paused = True
            self._wire.pause_reading()
            self._loop.call_later(STALL_S, self._relieve)

    def _acknowledge_soon(self) -> None:
        """The broker holds small frames back until TCP has acknowledged the one before; Linux would take 40 ms for that, and forgets the
        option by itself."""
        if QUICKACK is not None and self._wire is not None:
            with contextlib.suppress(OSError):
                self._wire.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        """What came before it is still to be told; then stomp.py says `on_gone`."""
        self._loss = exc
        self._line.feed(b"")

    def on_gone(self) -> None:
        reason = f"the connection to {self._address} broke"
        if isinstance(self._loss, OSError) and self._loss.strerror:
            reason += f" ({self._loss.strerror})"
        self._end(f"{reason}; it had said: {self._complaint}" if self._complaint else reason)

    def _time_out(self) -> None:
        self._end(f"{self._address} gave no sign of life for {HEART_BEAT_MS * 1.5 / 1000:g} s; is the broker hung?")

    def _end(self, why: str) -> None:
        """Nothing is read or written after this."""
        self._fail(why)
        self._is_welcome = False
        self._line.end()
        if self._wire is not None:
            self._wire.abort()

    def _fail(self, why: str) -> None:
        """Whoever waits is told. The first reason is the reason."""
        self.gone = self.gone or why
        for answer in (self._connected, *self._receipts.values()):
            if not answer.done():
                answer.set_exception(StompTrouble(self.gone, is_lost=True))
        for subscription in self._subscriptions.values():
            subscription.fail(self.gone)

    def _hand(self, call: Callable[..., None], *arguments: Any) -> None:
        """From any thread; of a loop that has ended nobody listens."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)

    def _plain(self, text: str) -> str:
        """Its first line, without the password, should it ever stand there."""
        return _shown(text.replace(self._password, "***") if self._password else text)


def _shown(text: str) -> str:
    line = text.strip().partition("\n")[0][:LONGEST_TEXT]
    return "".join(sign if sign.isprintable() else "·" for sign in line)


def _limits(size: int) -> str:
    return f"{size:,} bytes may be more than it takes (wireFormat.maxFrameSize): older brokers take 100 MB, newer ones 10 MB"


def _retrieved(future: asyncio.Future[None]) -> None:
    """Its exception is no news, even if nobody waits any more."""
    if not future.cancelled():
        future.exception()
