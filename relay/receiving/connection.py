"""One socket of a receiver: carries out what its session asks for. Guarded: one dead peer must not cost the others their answers."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from relay.counters import next_id, wall
from relay.receiving.session import Action, Do, Keep, Run, Send, Session, Store
from relay.status import ConnectionStatus
from relay.storage.commit import Refusals
from settings.forms import join_address

if TYPE_CHECKING:
    from relay.receiving.receiver import Receiver

log = logging.getLogger(__name__)

READ_SIZE: Final = 64 << 10  # bytes of one read: 256 records of 120 bytes twice over, and all that an unread connection holds
MAX_UNSENT: Final = 64 << 10  # bytes of answers in our side of a socket; above it its peer is not read from


class Connection(asyncio.BufferedProtocol):
    """One socket: carries out what its session asks for."""

    __slots__ = (
        "_address",
        "_is_in",
        "_is_throttled",
        "_port",
        "_receiver",
        "_wants_reading",
        "id",
        "loop",
        "session",
        "since",
        "tls",
        "transport",
    )

    _read = memoryview(bytearray(READ_SIZE))  # one for all: its bytes are copied out before the loop goes on

    def __init__(self, receiver: "Receiver", tls: str | None = None) -> None:
        self.id = next_id()
        self.tls = tls  # version and name of the partner's certificate; its transport encrypts
        self._receiver = receiver
        self.loop = receiver.loop
        self._address = "?"
        self._port = 0
        self.since = 0.0
        self._is_in = False
        self._is_throttled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.since = time.time()
        found = transport.get_extra_info("peername")
        if not found:  # it is gone already
            self.transport.abort()
            return
        self._address, self._port = found[:2]
        receiver = self._receiver
        self.session = Session(receiver.intake, receiver.config.timeouts, self.loop.time(), receiver.total)
        self.transport.set_write_buffer_limits(high=MAX_UNSENT)
        self._is_in = receiver.admit(self, self._address)

    @property
    def peer(self) -> str:
        return join_address(self._address, self._port)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._read

    def buffer_updated(self, size: int) -> None:
        if self._is_in:
            self._do(self.session.received(bytes(self._read[:size]), self.loop.time()))

    def eof_received(self) -> bool:
        if not self._is_in:
            return False
        self._do(self.session.ended(self.loop.time()))
        return True  # our side stays open until everything is answered

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_in:
            self._is_in = False
            self._receiver.leave(self, self._address)

    def pause_writing(self) -> None:
        self._do(self.session.blocked())

    def resume_writing(self) -> None:
        self._do(self.session.unblocked(self.loop.time()))

    def settled(self, run: Run, is_stored: bool, refusals: Refusals, now: float) -> None:
        if self._is_in:
            self._do(self.session.settled(run, is_stored, now, refusals))

    def tick(self, now: float) -> None:
        if self._is_in:
            self._do(self.session.tick(now, self.transport.get_write_buffer_size()))

    def drain(self, now: float) -> None:
        self._do(self.session.drain(now))

    def abort(self) -> None:
        self.transport.abort()

    def throttle(self) -> None:
        """Too much waits for the disk."""
        if not self._is_throttled:
            self._is_throttled = True
            self._set_reading()

    def unthrottle(self) -> None:
        self._is_throttled = False
        self._set_reading()

    def _set_reading(self) -> None:
        with contextlib.suppress(RuntimeError):  # closing, or already so
            if self.session.is_reading and not self._is_throttled:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if type(action) is Store:
                self._receiver.store(self, action.run)
                continue
            try:
                self._carry_out(action)
            except Exception as error:  # uvloop raises on a transport that has just died; what is to be stored behind it must not suffer
                if not self.transport.is_closing():
                    log.warning("%s: %s: %s", self.peer, type(error).__name__, error)
                    self.transport.abort()

    def _carry_out(self, action: Action) -> None:
        if type(action) is Send:
            if not self.transport.is_closing():
                self.transport.write(action.data)
        elif type(action) is Keep:
            self._receiver.keep(self.peer, action.code, action.line)
        elif action is Do.PAUSE or action is Do.RESUME:
            self._set_reading()  # as the session says now: writing an answer may have told it meanwhile that its peer does not read
        elif action is Do.FINISH:
            self.transport.write_eof()
        elif action is Do.CLOSE:
            self.transport.close()
        else:
            self.transport.abort()

    def status(self, name: str, now: float) -> ConnectionStatus:
        counters = self.session.counters
        return ConnectionStatus(
            id=self.id,
            name=name,
            direction="in",
            peer=self.peer,
            since=self.since,
            state=self.session.state,
            records=counters.records,
            bytes=counters.bytes,
            acks=counters.acks,
            naks={str(code): count for code, count in sorted(counters.naks.items())},
            last_record_at=wall(counters.last_record_at, now),
            last_error=self.session.ended_by,
            tls=self.tls,
        )


class Refusal(asyncio.Protocol):
    """A connection over a limit: it is told so, heard out so that the answer arrives, and ended within LINGER."""

    def __init__(self, transport: asyncio.Transport, among: "set[Refusal]") -> None:
        self._transport = transport
        self._among = among

    def begin(self, answer: bytes) -> None:
        self._among.add(self)
        self._transport.set_protocol(self)
        with contextlib.suppress(RuntimeError, OSError):
            self._transport.write(answer)
            self._transport.write_eof()

    def abort(self) -> None:
        self._transport.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._among.discard(self)
