"""One receiver: its listener, its connections, its batches and what it keeps of refused lines. Wiring; the rules are in the parts.

Every write to a peer is guarded: one dead connection must not cost the others their answers.
"""

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from relay.config import Receiver as ReceiverConfig
from relay.counters import Counters, wall
from relay.receiving.admission import Admission, Verdict
from relay.receiving.batches import Batches
from relay.receiving.connection import Connection, Refusal
from relay.receiving.gate import Gate
from relay.receiving.haste import Haste
from relay.receiving.health import Health
from relay.receiving.intake import Intake
from relay.receiving.kept import Kept, Places
from relay.receiving.listener import Listener
from relay.receiving.session import LINGER
from relay.record import Layout
from relay.sinks.forward import Forwarder
from relay.sinks.outlet import Spool
from relay.status import ReceiverStatus
from relay.storage.seen import Seen
from relay.storage.steady import steady
from relay.tls import ServerTls

log = logging.getLogger(__name__)

MAX_REFUSED_LINGERING: Final = 256  # connections over a limit that may read their 429; more of them are cut at once
RATE_SPAN: Final = 60  # seconds of `records_per_min` and `commit_records`
SWEPT_AT_ONCE: Final = 500  # connections; half a millisecond
QUIET_LOOKS: Final = 0.05  # seconds between two looks whether everybody has gone


class Receiver:
    """One listener with its inbox. `trouble(severity, text)` reaches the operator."""

    def __init__(
        self,
        config: ReceiverConfig,
        layout: Layout,
        seen: Seen,
        spool: Spool,
        kept: Places,
        trouble: Callable[[str, str, str], None],
        is_full: Callable[[], bool],
        tls: ServerTls | None = None,
        sink: str = "",
        forwarder: Forwarder | None = None,
        haste: Haste | None = None,
    ) -> None:
        """`sink`: the name of the broker that records go to, with `forwarder` by way of the inbox."""
        self.config = config
        self.layout = layout
        self.seen = seen
        self.intake = Intake(layout, seen)
        self._spool = spool
        self._sink = sink
        self._forwarder = forwarder
        self._trouble = trouble
        self.loop = asyncio.get_running_loop()
        self._admission = Admission(config, is_full)
        self._gate = None if tls is None else Gate(tls, self._admission, partial(Connection, self), self._say)
        self._listener = Listener(config.listen, self._gate.accept if self._gate else partial(Connection, self))
        self._batches = Batches(config.name, seen, spool, lambda failure: self._health.note(failure), haste)
        self.writer = self._batches.writer
        self._health = Health(self.writer, spool.place, spool.disk, spool.has_room, layout.codes.storage, self._say)
        self._kept = Kept(layout, kept, self.writer.do)
        self.keep = self._kept.keep
        self.store = self._batches.store
        self.connections: dict[int, Connection] = {}
        self._lingering: set[Refusal] = set()
        self.is_paused = False
        self._is_draining = False
        self.total = Counters()  # of all connections that there ever were
        self._marks: deque[tuple[float, int, int]] = deque(maxlen=RATE_SPAN + 1)

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
        if self._forwarder is not None:
            self._forwarder.start()

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
        return not self.connections and not self._handshakes and self._batches.is_empty

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
        ends_at = time.monotonic() + seconds
        is_done = self.writer.join(seconds)
        if self._forwarder is not None:
            self._forwarder.stop(max(0.0, ends_at - time.monotonic()))  # what it has not forwarded waits in the inbox
        return is_done

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

    async def empty(self, seconds: float) -> tuple[int, int]:
        """Pauses, waits until everybody is answered and gone, and publishes what there is. How many connections ended by themselves, and
        how many were cut because they had not after that time. Raises TimeoutError when the disk does not take what is left."""
        there = self.sockets
        self.pause()
        ends_at = self.loop.time() + seconds
        while (self.sockets or not self._batches.is_empty) and (now := self.loop.time()) < ends_at:
            for connection in list(self.connections.values()):
                connection.tick(now)
            await asyncio.sleep(QUIET_LOOKS)
        left = list(self.connections.values())
        for connection in left:
            connection.abort()
        async with asyncio.timeout(seconds):
            await self._published()
        return there - len(left), len(left)

    async def _published(self) -> None:
        done = self.loop.create_future()

        def publish() -> None:
            try:
                self._spool.flush(time.time())
            finally:
                self.loop.call_soon_threadsafe(lambda: None if done.done() else done.set_result(None))

        self.writer.do(publish)
        await done

    def change(self, config: ReceiverConfig, tls: ServerTls | None) -> None:
        """What differs of it is for whoever comes from now on; connections stay."""
        self.config = config
        self._admission.change(config)
        if self._gate is not None and tls is not None:
            self._gate.tls = tls

    def disconnect(self, number: int) -> bool:
        """Its partner is answered first. False when there is no such connection."""
        connection = self.connections.get(number)
        if connection is None:
            return False
        connection.drain(self.loop.time())
        return True

    def peer_of(self, number: int) -> str | None:
        connection = self.connections.get(number)
        return None if connection is None else connection.peer

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

    def _say(self, severity: str, text: str) -> None:
        self._trouble(severity, self.config.name, text)

    # Once a second.

    async def tick(self) -> None:
        self.writer.tick()
        self.seen.expire(steady())
        now = self.loop.time()
        for place, connection in enumerate(list(self.connections.values()), 1):
            connection.tick(now)
            if place % SWEPT_AT_ONCE == 0:
                await asyncio.sleep(0)  # a partner's record must not wait for 10,000 deadlines to be looked at
        self._marks.append((now, self._batches.stored, self._health.commits))
        self._health.tick()
        self._kept.tick(time.time())

    def status(self) -> ReceiverStatus:
        total = self.total
        naks = {str(code): count for code, count in sorted(total.naks.items())}
        if busy := self._admission.busy:
            naks[str(self.layout.codes.busy)] = naks.get(str(self.layout.codes.busy), 0) + busy
        if self._admission.foreign:
            naks["not_allowed"] = self._admission.foreign
        if self._gate is not None:
            naks |= self._gate.failed
        rate, batch = self._rates()
        p50, p99 = self.writer.commit_ms()
        quarantine, conflicts = self._kept.places
        return ReceiverStatus(
            name=self.config.name,
            listen=self.address,
            state=self._state(),
            connections=len(self.connections),
            stored=self._batches.stored,
            duplicates=total.duplicates,
            refused=naks,
            bytes=total.bytes,
            records_per_min=rate,
            last_record_at=wall(total.last_record_at, self.loop.time()),
            last_error=self._health.error or (None if self._gate is None else self._gate.last_error),
            quarantined=quarantine.total + conflicts.total,
            inbox="" if self._sink and self._forwarder is None else str(self._spool.place),
            conflicts=conflicts.total,
            newest_refused=quarantine.newest,
            newest_conflicts=conflicts.newest,
            commit_p50_ms=p50,
            commit_p99_ms=p99,
            commit_records=batch,
            last_commit_at=self._health.last_commit_at,
            sink=self._sink,
            forward=None if self._forwarder is None else self._forwarder.status(time.time()),
        )

    def _state(self) -> str:
        if (trouble := self._health.state) is not None:
            return trouble
        if self._is_draining:
            return "draining"
        return "paused" if self.is_paused else "listening"

    def _rates(self) -> tuple[float | None, float | None]:
        """Records a minute, and records a commit; None while they are not known."""
        if len(self._marks) < 2:
            return None, None
        (began, before, commits_before), (ended, after, commits) = self._marks[0], self._marks[-1]
        rate = (after - before) / (ended - began) * 60 if ended > began else None
        return rate, (after - before) / (commits - commits_before) if commits > commits_before else None
