"""One receiver: its listener, its connections, its batches and what it keeps of refused lines. Wiring; the rules are in the parts.

Every write to a peer is guarded: one dead connection must not cost the others their answers.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from relay.admission import Admission, Verdict
from relay.batches import Batches
from relay.commit import StorageFailed
from relay.config import Receiver as ReceiverConfig
from relay.connection import Connection, Refusal, wall
from relay.gate import Gate
from relay.inbox import Inbox
from relay.listener import Listener
from relay.quarantine import Quarantine, Refused
from relay.record import Layout
from relay.seen import Seen
from relay.session import LINGER, Counters
from relay.status import ConnectionStatus, ReceiverStatus
from relay.steady import steady
from relay.tls import ServerTls

log = logging.getLogger(__name__)

MAX_REFUSED_LINGERING: Final = 256  # connections over a limit that may read their 429; more of them are cut at once
MAX_UNKEPT: Final = 4 << 20  # bytes of refused lines on their way to the quarantine; a flood of garbage loses the rest of itself
HANGS_AFTER: Final = 5.0  # seconds of one commit after which the disk is said to hang; a slow one takes 50 ms
UNKEPT_OVERHEAD: Final = 300  # bytes that an entry costs besides its line: a flood of empty lines is bounded too
RATE_SPAN: Final = 60  # seconds of `records_per_min`


class Receiver:
    """One listener with its inbox. `trouble(severity, text)` reaches the operator."""

    def __init__(
        self,
        config: ReceiverConfig,
        layout: Layout,
        seen: Seen,
        inbox: Inbox,
        kept: tuple[Quarantine, Quarantine],
        trouble: Callable[[str, str, str], None],
        is_full: Callable[[], bool],
        tls: ServerTls | None = None,
    ) -> None:
        self.config = config
        self.layout = layout
        self.seen = seen
        self._inbox = inbox
        self._quarantine, self._conflicts = kept
        self._trouble = trouble
        self.loop = asyncio.get_running_loop()
        self._admission = Admission(config, is_full)
        self._gate = None if tls is None else Gate(tls, self._admission, partial(Connection, self), self._say)
        self._listener = Listener(config.listen, self._gate.accept if self._gate else partial(Connection, self))
        self._batches = Batches(config.name, seen, inbox, self._note)
        self.writer = self._batches.writer
        self.store = self._batches.store
        self.connections: dict[int, Connection] = {}
        self._lingering: set[Refusal] = set()
        self._unkept: list[tuple[Quarantine, Refused]] = []
        self._unkept_bytes = 0
        self.is_paused = False
        self._is_draining = False
        self._failure: StorageFailed | None = None
        self._last_error: str | None = None
        self.total = Counters()  # of all connections that there ever were
        self._marks: deque[tuple[float, int]] = deque(maxlen=RATE_SPAN + 1)

    # Start and end.

    @property
    def address(self) -> str:
        return self._listener.address

    def bind(self, inherited: socket.socket | None = None) -> None:
        """Takes the port, unless it is given one that listens already, without accepting yet. Raises OSError."""
        self._listener.bind(inherited)

    async def start(self) -> None:
        """Accepts. Raises OSError when another process took the port meanwhile."""
        self.writer.start()
        await self._listener.start()

    def relisten(self) -> None:
        self._listener.relisten()

    def close_listener(self) -> None:
        self._listener.close()

    def drain(self) -> None:
        """No new connections; those there, and those on their way to us, are answered and ended."""
        self._is_draining = True
        self._listener.drain()
        now = self.loop.time()
        for connection in list(self.connections.values()):
            connection.drain(now)

    @property
    def sockets(self) -> int:
        return len(self.connections) + len(self._lingering) + self._handshakes

    @property
    def _handshakes(self) -> int:
        return 0 if self._gate is None else self._gate.waiting

    @property
    def is_quiet(self) -> bool:
        return self._listener.is_quiet and not self.connections and not self._handshakes and self._batches.is_empty

    def cut(self) -> None:
        """Ends what is still connected."""
        for connection in list(self.connections.values()):
            connection.abort()
        for refusal in list(self._lingering):
            refusal.abort()
        if self._gate is not None:
            self._gate.cut()

    def finish(self, seconds: float) -> bool:
        """Publishes. Blocks; call it in a thread. False when the disk did not let the writer finish in time."""
        self.writer.close()
        return self.writer.join(seconds)

    def pause(self) -> None:
        """Partners are told that we are busy; those connected are answered and ended."""
        self.is_paused = True
        self._admission.is_open = False
        now = self.loop.time()
        for connection in list(self.connections.values()):
            connection.drain(now)

    def resume(self) -> None:
        self.is_paused = False
        self._admission.is_open = True

    def disconnect(self, number: int) -> bool:
        connection = self.connections.get(number)
        if connection is None:
            return False
        connection.drain(self.loop.time())
        return True

    # Admission.

    def admit(self, connection: Connection, address: str) -> bool:
        """Registers it. False: it was refused and must be forgotten. One by TLS was judged before its handshake."""
        match Verdict.WELCOME if connection.tls else self._admission.judge(address):
            case Verdict.WELCOME:
                self._admission.enter(address)
                self.connections[connection.id] = connection
                if self._is_draining:
                    self.loop.call_soon(connection.drain, self.loop.time())  # the loop had accepted it, or its handshake ended just now
                return True
            case Verdict.BUSY:
                self._refuse(connection)
            case Verdict.FOREIGN:
                connection.abort()
        return False

    def _refuse(self, connection: Connection) -> None:
        if len(self._lingering) >= MAX_REFUSED_LINGERING:
            connection.abort()
            return
        refusal = Refusal(connection.transport, self._lingering)
        self.loop.call_later(LINGER, refusal.abort)
        refusal.begin(self.layout.answer(b"", self.layout.codes.busy))

    def leave(self, connection: Connection, address: str) -> None:
        if self.connections.pop(connection.id, None) is None:
            return
        self._admission.leave(address)
        self._batches.forget(connection)

    # Storing.

    def _say(self, severity: str, text: str) -> None:
        self._trouble(severity, self.config.name, text)

    def _note(self, failure: StorageFailed | None) -> None:
        before, self._failure = self._failure, failure
        if failure is not None:
            self._last_error = str(failure)
            if before is None or before.is_space != failure.is_space:
                self._trouble("critical", self.config.name, f"records are refused with {self.layout.codes.storage}: {failure}")
        elif before is not None:
            self._trouble("info", self.config.name, "records are stored again")

    def keep(self, peer: str, code: int, line: bytes) -> None:
        """A refused line; the writer thread writes it down."""
        if self._unkept_bytes > MAX_UNKEPT:
            return
        is_conflict = code == self.layout.codes.conflict
        reason = "this process number was stored with other content" if is_conflict else self.layout.reason(line, code)
        self._unkept.append((self._conflicts if is_conflict else self._quarantine, Refused(time.time(), peer, code, reason, line)))
        self._unkept_bytes += len(line) + UNKEPT_OVERHEAD
        if len(self._unkept) == 1:
            self.loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        entries, self._unkept = self._unkept, []

        def write() -> None:
            for place in (self._quarantine, self._conflicts):
                if found := [refused for where, refused in entries if where is place]:
                    place.keep(found)
            self.loop.call_soon_threadsafe(self._forget, sum(len(refused.line) + UNKEPT_OVERHEAD for _, refused in entries))

        self.writer.do(write)

    def _forget(self, size: int) -> None:
        self._unkept_bytes -= size

    # Once a second.

    async def tick(self) -> None:
        self.writer.tick()
        self.seen.expire(steady())
        now = self.loop.time()
        for connection in list(self.connections.values()):
            connection.tick(now)
        self._marks.append((now, self._batches.stored))
        if self._failure is not None and self._failure.is_space and self._batches.is_idle:
            with contextlib.suppress(OSError):
                if self._inbox.has_room():
                    self._note(None)
        await self._listener.tick()

    def status(self) -> ReceiverStatus:
        total = self.total
        naks = {str(code): count for code, count in sorted(total.naks.items())}
        if busy := self._admission.busy:
            naks[str(self.layout.codes.busy)] = naks.get(str(self.layout.codes.busy), 0) + busy
        if self._admission.foreign:
            naks["not_allowed"] = self._admission.foreign
        if self._gate is not None:
            naks |= self._gate.failed
        return ReceiverStatus(
            name=self.config.name,
            listen=self.address,
            state=self._state(),
            connections=len(self.connections),
            stored=self._batches.stored,
            duplicates=total.duplicates,
            refused=naks,
            bytes=total.bytes,
            records_per_min=self._rate(),
            last_record_at=wall(total.last_record_at, self.loop.time()),
            last_error=f"the disk has not answered for {self._hangs_for():.0f} s" if self._hangs_for() else self._fault,
            quarantined=self._quarantine.total + self._conflicts.total,
            inbox=str(self._inbox.place),
        )

    @property
    def _fault(self) -> str | None:
        return self._last_error or (None if self._gate is None else self._gate.last_error)

    def _hangs_for(self) -> float:
        """Seconds that the writer has waited for the disk, when that is too long."""
        since = self.writer.busy_since
        found = 0.0 if since is None else time.perf_counter() - since
        return found if found >= HANGS_AFTER else 0.0

    def _state(self) -> str:
        if self._hangs_for():
            return "failed"
        if self._failure is not None:
            return "disk_full" if self._failure.is_space else "failed"
        if self._is_draining:
            return "draining"
        return "paused" if self.is_paused else "listening"

    def _rate(self) -> float | None:
        if len(self._marks) < 2:
            return None
        (began, before), (ended, after) = self._marks[0], self._marks[-1]
        return (after - before) / (ended - began) * 60 if ended > began else None

    def p99_ms(self) -> float | None:
        return self.writer.p99_ms()

    def connection_statuses(self) -> Iterable[ConnectionStatus]:
        now = self.loop.time()
        for connection in self.connections.values():
            yield connection.status(self.config.name, now)
