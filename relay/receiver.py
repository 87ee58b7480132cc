"""Sockets of one receiver: who may connect, how many, and what the sessions ask for. The decisions about records are in session.py.

All connections feed one collecting batch; while the writer thread makes one batch durable the next one collects, so batches size
themselves by the disk. Every write to a peer is guarded: one dead connection must not cost the others their answers.
"""

import asyncio
import contextlib
import ipaddress
import logging
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final

from relay.commit import StorageFailed, Writer
from relay.config import Receiver as ReceiverConfig
from relay.connection import Connection, Refusal, wall
from relay.inbox import Inbox
from relay.quarantine import Quarantine, Refused
from relay.record import Layout
from relay.seen import Seen
from relay.session import LINGER, Counters, Run
from relay.status import ConnectionStatus, ReceiverStatus
from settings.forms import split_address

log = logging.getLogger(__name__)

BACKLOG: Final = 4096  # the kernel cuts it to net.core.somaxconn
MAX_COLLECTING: Final = 8 << 20  # bytes of records that wait for the disk; above it nobody is read from
KERNEL_UNSENT: Final = 64 << 10  # bytes of answers that the kernel takes; else 4 MiB a socket before we notice that its peer does not read
MAX_REFUSED_LINGERING: Final = 256  # connections over a limit that may read their 429; more of them are cut at once
MAX_UNKEPT: Final = 4 << 20  # bytes of refused lines on their way to the quarantine; a flood of garbage loses the rest of itself
HANGS_AFTER: Final = 5.0  # seconds of one commit after which the disk is said to hang; a slow one takes 50 ms
UNKEPT_OVERHEAD: Final = 300  # bytes that an entry costs besides its line: a flood of empty lines is bounded too
RATE_SPAN: Final = 60  # seconds of `records_per_min`


class Batch:
    """What one write and one sync will make durable. Made by the loop, read by the writer thread once it is closed."""

    __slots__ = ("chunks", "digests", "keys", "number", "runs", "size")

    def __init__(self, number: int) -> None:
        self.number = number
        self.chunks: list[bytes] = []
        self.size = 0
        self.keys: list[bytes] = []
        self.digests: list[int] = []
        self.runs: list[tuple[Connection, Run]] = []

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)

    def add(self, connection: Connection, run: Run) -> None:
        if run.data:
            self.chunks.append(run.data)
            self.size += len(run.data)
            self.keys += run.keys
            self.digests += run.digests
        self.runs.append((connection, run))


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
    ) -> None:
        self.config = config
        self._is_full = is_full  # the whole process has as many connections as it has file descriptors to spare
        self.layout = layout
        self.seen = seen
        self._inbox = inbox
        self._quarantine, self._conflicts = kept
        self._trouble = trouble
        self.loop = asyncio.get_running_loop()
        self.writer = Writer(config.name, inbox, self._settle_from_thread, time.time)
        self._allowed = [ipaddress.ip_network(network) for network in config.allow]
        self._listener: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self.address = config.listen
        self.connections: dict[int, Connection] = {}
        self._by_address: Counter[str] = Counter()
        self._lingering: set[Refusal] = set()
        self._collecting = Batch(seen.collecting)
        self._storing: Batch | None = None
        self._is_kicked = False
        self._throttled: set[Connection] = set()
        self._unkept: list[tuple[Quarantine, Refused]] = []
        self._unkept_bytes = 0
        self.is_paused = False
        self._is_draining = False
        self._failure: StorageFailed | None = None
        self._last_error: str | None = None
        self._stored = 0
        self._past = Counters()  # of connections that are gone
        self._not_allowed = 0
        self._busy = 0
        self._marks: deque[tuple[float, int]] = deque(maxlen=RATE_SPAN + 1)
        self._must_relisten = False

    # Start and end.

    def bind(self) -> None:
        """Takes the port without accepting yet. Raises OSError."""
        listen = self.config.listen
        host, port = (listen[:-2].strip("[]"), 0) if listen.endswith(":0") else split_address(listen)  # 0: any, for tests
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_UNSENT)  # inherited by what is accepted
            listener.bind(address)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        self._listener = listener
        host, port = listener.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def start(self) -> None:
        """Accepts. Raises OSError when another process took the port meanwhile."""
        assert self._listener is not None
        self._listener.listen(BACKLOG)
        self.writer.start()
        await self._listen()

    async def _listen(self) -> None:
        assert self._listener is not None
        self._server = await self.loop.create_server(lambda: self._accept(), sock=self._listener.dup(), backlog=BACKLOG)

    def relisten(self) -> None:
        """The event loop gave up accepting (it was out of file descriptors): the next tick begins again."""
        self._must_relisten = True

    def close_listener(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def drain(self) -> None:
        """No new connections; those there are answered and ended."""
        self._is_draining = True
        self.close_listener()
        now = self.loop.time()
        for connection in list(self.connections.values()):
            connection.drain(now)

    @property
    def sockets(self) -> int:
        return len(self.connections) + len(self._lingering)

    @property
    def is_quiet(self) -> bool:
        return not self.connections and self._storing is None and not self._collecting.runs

    def cut(self) -> None:
        """Ends what is still connected."""
        for connection in list(self.connections.values()):
            connection.abort()
        for refusal in list(self._lingering):
            refusal.abort()

    def finish(self, seconds: float) -> bool:
        """Publishes. Blocks; call it in a thread. False when the disk did not let the writer finish in time."""
        self.writer.close()
        return self.writer.join(seconds)

    def pause(self) -> None:
        """Partners are told that we are busy; those connected are answered and ended."""
        self.is_paused = True
        now = self.loop.time()
        for connection in list(self.connections.values()):
            connection.drain(now)

    def resume(self) -> None:
        self.is_paused = False

    def disconnect(self, number: int) -> bool:
        connection = self.connections.get(number)
        if connection is None:
            return False
        connection.drain(self.loop.time())
        return True

    # Admission.

    def _accept(self) -> asyncio.BaseProtocol:
        return Connection(self)

    def admit(self, connection: Connection, address: str) -> bool:
        """Registers it. False: it was refused and must be forgotten."""
        if not self._is_allowed(address):
            self._not_allowed += 1
            connection.abort()
            return False
        limits = self.config
        if (
            self.is_paused
            or self._is_draining
            or self._is_full()
            or len(self.connections) >= limits.max_connections
            or self._by_address[address] >= limits.max_connections_per_address
        ):
            self._busy += 1
            self._refuse(connection)
            return False
        self._by_address[address] += 1
        self.connections[connection.id] = connection
        return True

    def _refuse(self, connection: Connection) -> None:
        if len(self._lingering) >= MAX_REFUSED_LINGERING:
            connection.abort()
            return
        refusal = Refusal(connection.transport, self._lingering)
        self.loop.call_later(LINGER, refusal.abort)
        refusal.begin(self.layout.answer(b"", self.layout.codes.busy))

    def _is_allowed(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self._allowed)

    def leave(self, connection: Connection, address: str) -> None:
        if self.connections.pop(connection.id, None) is None:
            return
        self._by_address[address] -= 1
        if self._by_address[address] <= 0:
            del self._by_address[address]
        self._throttled.discard(connection)
        _add(self._past, connection.session.counters)

    # Storing.

    def store(self, connection: Connection, run: Run) -> None:
        collecting = self._collecting
        if run.batch != collecting.number:
            assert self._storing is not None and self._storing.number == run.batch
            self._storing.add(connection, run)
            return
        collecting.add(connection, run)
        if collecting.size > MAX_COLLECTING:
            connection.throttle()
            self._throttled.add(connection)
        if self._storing is None and not self._is_kicked:
            self._is_kicked = True
            self.loop.call_soon(self._kick)  # at the end of this turn of the loop: with what the other sockets brought

    def _kick(self) -> None:
        self._is_kicked = False
        batch = self._storing = self._collecting
        self._collecting = Batch(self.seen.begin())
        self.writer.submit(batch)
        for connection in self._throttled:
            connection.unthrottle()
        self._throttled.clear()

    def _settle_from_thread(self, batch: Batch, failure: StorageFailed | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: we are being ended at once
            self.loop.call_soon_threadsafe(self._settle, batch, failure)

    def _settle(self, batch: Batch, failure: StorageFailed | None) -> None:
        self._storing = None
        self.seen.audit(batch.keys, self._collecting.keys)
        if failure is None:
            self.seen.stored(batch.number, batch.keys, time.time())
            self._stored += len(batch.keys)
        else:
            self.seen.lost(batch.number, batch.keys)
        self._note(failure)
        if self._collecting.runs:
            self._kick()
        now = self.loop.time()
        for connection, run in batch.runs:
            connection.settled(run, failure is None, now)

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
        self.seen.expire(time.time())
        now = self.loop.time()
        for connection in list(self.connections.values()):
            connection.tick(now)
        self._marks.append((now, self._stored))
        if self._failure is not None and self._failure.is_space and self._storing is None:
            with contextlib.suppress(OSError):
                if self._inbox.has_room():
                    self._note(None)
        if self._must_relisten and self._listener is not None:
            self._must_relisten = False
            if self._server is not None:
                self._server.close()
            await self._listen()

    def status(self) -> ReceiverStatus:
        total = Counters()
        _add(total, self._past)
        for connection in self.connections.values():
            _add(total, connection.session.counters)
        naks = {str(code): count for code, count in sorted(total.naks.items())}
        if self._busy:
            naks[str(self.layout.codes.busy)] = naks.get(str(self.layout.codes.busy), 0) + self._busy
        if self._not_allowed:
            naks["not_allowed"] = self._not_allowed
        return ReceiverStatus(
            name=self.config.name,
            listen=self.address,
            state=self._state(),
            connections=len(self.connections),
            stored=self._stored,
            duplicates=total.duplicates,
            refused=naks,
            bytes=total.bytes,
            records_per_min=self._rate(),
            last_record_at=wall(total.last_record_at, self.loop.time()),
            last_error=f"the disk has not answered for {self._hangs_for():.0f} s" if self._hangs_for() else self._last_error,
            quarantined=self._quarantine.total + self._conflicts.total,
            inbox=str(self._inbox.place),
        )

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


def _add(total: Counters, other: Counters) -> None:
    total.records += other.records
    total.bytes += other.bytes
    total.acks += other.acks
    total.duplicates += other.duplicates
    for code, count in other.naks.items():
        total.refuse(code, count)
    if other.last_record_at is not None:
        total.last_record_at = max(total.last_record_at or other.last_record_at, other.last_record_at)
