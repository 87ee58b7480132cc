"""The monitor as a process: sources, relay and consoles wired together, from the lock to the last word. No decisions of its own."""

import asyncio
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from backends.details import brief
from backends.snapshots import Snapshot
from backends.source import Context
from link.errors import LinkError
from link.protocol import PROTOCOL, ProtocolError, Welcome
from link.server import Server
from link.start import Started, connect_or_start, hold_lock
from monitor.audit import Audit
from monitor.commands import Commands
from monitor.engine import TICK, Engine
from monitor.keeper import Keeper
from monitor.severity import News
from monitor.sources import build_sources, remake
from monitor.store import MONITOR_TOPIC, SOURCE_TOPIC, MonitorStatus

__all__ = ["ServiceOptions", "build_sources", "serve"]

log = logging.getLogger(__name__)

UNAVAILABLE: Final = 69  # EX_UNAVAILABLE of sysexits.h: it runs already, or the socket is of no use
BUG: Final = 1
START_DEADLINE: Final = 15.0  # seconds that a relay may take to recover its spool and listen
GARBAGE: Final = 20_000  # objects between two looks of the collector: a cycle makes tens of thousands, of which next to none are cycles
IMPATIENT: Final = 1.0  # seconds after the first signal from which a second one means "now"; timeout(1) and terminals send two at once
_LEVELS: Final = {"critical": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}


class ServiceOptions(Struct, frozen=True):
    """Paths are absolute. A socket's lock is beside it, with the ending .lock."""

    sections: Mapping[str, Any]  # every section of the configuration, by key
    socket: Path  # where consoles attach
    relay_socket: Path
    audit: Path
    version: str
    config: str = ""  # path of the configuration file, for the eye
    relay_argv: Sequence[str] | None = None  # how to start the relay; None: one that runs is watched, none is started
    relay_log: Path = Path(os.devnull)  # what that relay writes on its standard output and error
    drains_relay: bool = True  # an embedded one, at the end
    embedded: bool = False  # a console started us
    write: bool = False  # actions that change something are allowed


async def serve(options: ServiceOptions) -> int:
    """Until SIGTERM, SIGINT or the command `stop`. Returns the exit code."""
    gc.set_threshold(GARBAGE)
    try:
        with hold_lock(options.socket.with_suffix(".lock")):
            return await Service(options).run()
    except LinkError as error:
        log.error("%s", error)
        return UNAVAILABLE


class Service:
    def __init__(self, options: ServiceOptions) -> None:
        self._options = options
        self._stopping = asyncio.Event()
        self._told_to_stop_at = 0.0
        self._is_hurried = asyncio.Event()  # a second signal: nothing is waited for
        self._started_at = time.time()
        self._news = News()
        self._status: MonitorStatus | None = None
        context = Context(options.sections, str(options.relay_socket), options.version, self._pass_on)
        sources = build_sources(options.sections, context)
        self._engine = Engine(sources, self._publish, remake=lambda name: remake(options.sections, context, name))
        start = self._start_relay if options.relay_argv is not None else None
        self._keeper = Keeper(options.relay_socket, options.version, start, self._tell_of_relay, self._relay_came)
        self._commands = Commands(self._engine, Audit(options.audit), write=options.write, stop=self._stopping.set, acted=self._acted)
        self._server = Server(options.socket, self._welcome(), self._commands)

    async def run(self) -> int:
        """Raises LinkError when the socket is of no use."""
        self._heed_signals()
        await self._server.start()
        log.info("monitor: pid %d serves consoles on %s", os.getpid(), self._options.socket)
        engine = asyncio.create_task(self._engine.run(), name="engine")
        others = [asyncio.create_task(self._keeper.run(), name="keeper"), asyncio.create_task(self._report(), name="report")]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([stopping, engine, *others], return_when=asyncio.FIRST_COMPLETED)
            code = _code([engine, *others])
            await _end([engine])
            if code == 0 and self._options.drains_relay:
                await self._drain()
        finally:
            await _end([engine, stopping, *others])
            if self._stopping.is_set():
                self._server.withdraw(MONITOR_TOPIC)  # goodbye: a console does not bring back what was stopped on purpose
            await self._server.close()
        log.info("monitor: ended")
        return code

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, signal.Signals(number).name)
        loop.add_signal_handler(
            signal.SIGHUP, log.warning, "SIGHUP: reading the configuration anew comes later; restart the monitor instead"
        )

    def _stop(self, why: str) -> None:
        log.info("monitor: %s", why)
        if not self._stopping.is_set():
            self._stopping.set()
            self._told_to_stop_at = time.monotonic()
        elif time.monotonic() - self._told_to_stop_at > IMPATIENT:
            self._is_hurried.set()

    async def _drain(self) -> None:
        drained = asyncio.create_task(self._keeper.drain())
        hurried = asyncio.create_task(self._is_hurried.wait())
        await asyncio.wait([drained, hurried], return_when=asyncio.FIRST_COMPLETED)
        if drained.done():
            log.info("monitor: %s", drained.result())
        await _end([drained, hurried])

    def _start_relay(self) -> Started:
        options = self._options
        lock = options.relay_socket.with_suffix(".lock")
        return connect_or_start(options.relay_socket, lock, options.relay_argv or (), options.relay_log, START_DEADLINE)

    def _publish(self, snapshot: Snapshot) -> None:
        if snapshot.kind == "relay" and snapshot.state == "down":
            snapshot = self._explained(snapshot)
        topic = SOURCE_TOPIC + snapshot.source
        try:
            self._server.publish(topic, msgspec.msgpack.encode(brief(snapshot)))
        except ProtocolError as error:
            snapshot = replace(snapshot, state="down", data=None, error=f"{snapshot.source}: what it says cannot be shown: {error}")
            self._server.publish(topic, msgspec.msgpack.encode(snapshot))
        for change in self._news.of(snapshot):
            self._tell(change.severity, change.source, change.text)

    def _explained(self, relay: Snapshot) -> Snapshot:
        """We know more about a relay that is down than its socket tells: it is only coming up, or why it does not."""
        if self._keeper.error is not None:
            return replace(relay, error=f"the relay could not be started: {self._keeper.error}")
        is_early = relay.observed_at is None and time.time() - self._started_at < START_DEADLINE
        if self._options.relay_argv is not None and is_early:
            return replace(relay, state="stale", error="the relay is being started")
        return relay

    def _tell(self, severity: str, source: str, text: str) -> None:
        self._server.emit(time.time(), severity, source, text)
        log.log(_LEVELS[severity], "%s: %s", source, text)

    def _pass_on(self, at: float, severity: str, source: str, text: str) -> None:
        """What a source was told of. What the relay says of itself stands in the relay's log already."""
        self._server.emit(at, severity, source, text)
        if self._engine.kind(source) != "relay":
            log.log(_LEVELS[severity], "%s: %s", source, text)

    def _tell_of_relay(self, severity: str, text: str) -> None:
        self._tell(severity, "relay", text)

    def _relay_came(self) -> None:
        """It is shown now, not when its source would have tried again."""
        for name in self._engine.names:
            if self._engine.kind(name) == "relay":
                self._engine.refresh(name)

    def _acted(self, target: str, verb: str, text: str) -> None:
        if self._engine.kind(target) == "relay" and verb == "drain":
            self._keeper.let_go()
        self._tell("info", target, text)

    async def _report(self) -> None:
        while True:
            status = self._now()
            if status != self._status:
                self._status = status
                self._server.publish(MONITOR_TOPIC, msgspec.msgpack.encode(status))
            await asyncio.sleep(TICK)

    def _now(self) -> MonitorStatus:
        relay = self._keeper.relay
        return MonitorStatus(
            version=self._options.version,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at=self._started_at,
            config=self._options.config,
            consoles=sum(peer.program == "console" for peer in self._server.peers),
            relay_pid=relay.pid if relay else None,
            relay_embedded=relay.embedded if relay else False,
            write=self._commands.may_write,
            write_until=self._commands.write_until,
        )

    def _welcome(self) -> Welcome:
        options = self._options
        host, pid = socket.gethostname(), os.getpid()
        return Welcome(PROTOCOL, "monitor", options.version, pid, host, self._started_at, options.config, options.embedded)


def _code(tasks: Sequence[asyncio.Task[Any]]) -> int:
    """Of the tasks that should never end by themselves."""
    ended = [task for task in tasks if task.done()]
    for task in ended:
        log.critical("%s: internal error", task.get_name(), exc_info=task.exception() if not task.cancelled() else None)
    return BUG if ended else 0


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
