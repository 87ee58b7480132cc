"""The relay as a process: one exclusive directory, the receivers and senders of the configuration, a socket for those who watch.

Order of the start: what the configuration asks for is checked, the directory is locked, every port is taken, the spool is recovered;
only then the first partner is let in. A fault in any of these ends the start with one line and an exit code (78 configuration, 69 else).
"""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from link.errors import LinkError
from link.protocol import PROTOCOL, Command, ProtocolError, Reply, Welcome
from link.server import Peer, Server
from link.start import hold_lock
from relay import config as relay_config
from relay.assembly import UNAVAILABLE, Assembly, CannotStart, locked, or_cannot_start
from relay.commit import Disk
from relay.operations import Operations
from relay.receiver import Receiver
from relay.report import window
from relay.sender import Sender
from relay.status import STATUS_TOPIC, RelayStatus

log = logging.getLogger("relay")

STATUS_INTERVAL: Final = 1.0
DRAIN_DEADLINE: Final = 5.0  # seconds for partners to read their last answers; a unit that is stopped waits for us
WRITE_DEADLINE: Final = 20.0  # seconds that a slow disk has for the last batch and the last rename
HURRIED_DEADLINE: Final = 0.5  # the same after a second SIGTERM
RECORDS_UMASK: Final = 0o027  # partners' records are for us and for the group of the next workflow, not for everybody
FILES_RESERVED: Final = 128  # descriptors for minute files, the link and outgoing connections


class Options(Struct, frozen=True):
    socket: Path
    lock: Path
    embedded: bool = False  # started by a monitor, not by a person or systemd
    version: str = ""
    config: str = ""  # path of the configuration file


def run(config: relay_config.Relay, options: Options, disk: Disk | None = None) -> int:
    """`serve` on the quickest event loop there is; `disk` is another one for tests of faults. Returns the exit code."""
    os.umask(os.umask(0o777) | RECORDS_UMASK)
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(serve(config, options, disk))


async def serve(config: relay_config.Relay, options: Options, disk: Disk | None = None) -> int:
    """Runs until SIGTERM, SIGINT or the command `drain`. Returns the exit code."""
    try:
        async with contextlib.AsyncExitStack() as stack:
            relay = Service(config, options, disk)
            await relay.start(stack)
            return await relay.run()
    except CannotStart as error:
        for line in error.lines:
            print(f"relay-console: {line}", file=sys.stderr, flush=True)
        return error.code


class Service:
    """Everything of one relay process."""

    def __init__(self, config: relay_config.Relay, options: Options, disk: Disk | None = None) -> None:
        self._config = config
        self._options = options
        self._home = Path(config.directory).expanduser().absolute()
        self._loop = asyncio.get_running_loop()
        self._disk = disk or Disk()
        self.receivers: list[Receiver] = []
        self.senders: list[Sender] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._link: Server | None = None
        self._started_at = time.time()
        self._stop = asyncio.Event()
        self._now = asyncio.Event()
        self._operations = Operations(self.receivers, self.senders, self._stop.set)
        self._state = "running"
        self._most_sockets = 0
        self._published = b""
        self._published_at = 0.0

    # The start.

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Raises CannotStart."""
        assembly = Assembly(
            self._config,
            self._home,
            self._disk,
            stack,
            trouble=self._trouble,
            trouble_from_thread=self._trouble_from_thread,
            is_full=self._is_full,
        )
        self._take_directory(stack)
        self._most_sockets = _raise_file_limit()
        self._watch_signals(stack)
        for receiver in self._config.receivers:
            self.receivers.append(assembly.receiver(receiver))
        for sender in self._config.senders:
            self.senders.append(await assembly.sender(sender))
        await self._open_link(stack)
        for each in self.receivers:
            with or_cannot_start(f"listening on {each.config.listen} for receiver {each.config.name}"):
                await each.start()
            log.info("%s: listening on %s, inbox %s", each.config.name, each.address, each.status().inbox)
        for each_sender in self.senders:
            self._tasks.append(asyncio.create_task(self._keep_running(each_sender)))

    def _take_directory(self, stack: contextlib.AsyncExitStack) -> None:
        with or_cannot_start(f"the directory {self._home}"):
            self._disk.make_directory(self._home)
        try:
            stack.enter_context(hold_lock(self._options.lock))  # says who holds it
        except LinkError as error:
            raise CannotStart(UNAVAILABLE, str(error)) from None
        except OSError as error:
            raise CannotStart(UNAVAILABLE, f"{self._options.lock}: {error.strerror or error}") from None
        with or_cannot_start(f"the directory {self._home}"):
            stack.enter_context(locked(self._home))  # and this one holds although somebody removes the file

    async def _open_link(self, stack: contextlib.AsyncExitStack) -> None:
        options = self._options
        welcome = Welcome(
            PROTOCOL,
            "relay",
            options.version,
            os.getpid(),
            socket.gethostname(),
            self._started_at,
            config=options.config,
            embedded=options.embedded,
        )
        link = Server(options.socket, welcome, self._command)
        try:
            await link.start()
        except LinkError as error:
            raise CannotStart(UNAVAILABLE, str(error)) from None
        self._link = link
        stack.push_async_callback(link.close)
        self._publish()

    def _watch_signals(self, stack: contextlib.AsyncExitStack) -> None:
        loop = self._loop
        loop.set_exception_handler(self._surprise)
        handlers = {signal.SIGTERM: self.stop, signal.SIGINT: self.stop, signal.SIGHUP: self._asked_to_reload}
        for number, handler in handlers.items():
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):  # not the main thread: somebody else's signals
                loop.add_signal_handler(number, handler)
                stack.callback(loop.remove_signal_handler, number)

    def stop(self) -> None:
        """As SIGTERM: drains; asked a second time, ends at once."""
        (self._now if self._stop.is_set() else self._stop).set()

    def _asked_to_reload(self) -> None:
        log.warning("SIGHUP: this version reads its configuration at the start only; restart the relay to change it")

    def _surprise(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        log.error("%s: %s", context.get("message"), error, exc_info=error)
        if isinstance(error, OSError) and "listen" in str(context.get("message")):
            for receiver in self.receivers:
                receiver.relisten()

    # Running.

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    async def run(self) -> int:
        """Until somebody asks us to stop. Returns the exit code."""
        log.info("relay ready, pid %d, directory %s", os.getpid(), self._home)
        ticker = asyncio.create_task(self._tick())
        await self._stop.wait()
        ticker.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticker
        return await self._drain()

    async def _tick(self) -> None:
        while True:
            for receiver in self.receivers:
                try:
                    await receiver.tick()
                except Exception:
                    log.exception("%s: the tick failed; it goes on", receiver.config.name)
            for sender in self.senders:
                sender.tick()
            try:
                self._publish()
            except ProtocolError as error:
                log.error("the status is not published: %s", error)
            await asyncio.sleep(STATUS_INTERVAL)

    async def _keep_running(self, sender: Sender) -> None:
        while True:
            try:
                await sender.run()
            except Exception:
                log.exception("%s: a bug in the sender; it starts again in a second", sender.config.name)
                await asyncio.sleep(1.0)
            else:
                return

    async def _drain(self) -> int:
        """Answers what was received, publishes, and ends; a second signal ends at once."""
        self._state = "draining"
        log.info("draining: no new connections, what was received is answered and published")
        for receiver in self.receivers:
            receiver.drain()
        for sender in self.senders:
            sender.drain()
        self._publish()
        drained = asyncio.create_task(self._drained())
        hurried = asyncio.create_task(self._now.wait())
        await asyncio.wait([drained, hurried], timeout=DRAIN_DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        for task in (drained, hurried, *self._tasks):
            task.cancel()
        await asyncio.gather(drained, hurried, *self._tasks, return_exceptions=True)
        for receiver in self.receivers:
            receiver.cut()
        for sender in self.senders:
            await sender.cut()
        code = 128 + signal.SIGTERM if self._now.is_set() else 0
        deadline = HURRIED_DEADLINE if self._now.is_set() else WRITE_DEADLINE
        done = await asyncio.gather(*(self._loop.run_in_executor(None, each.finish, deadline) for each in self.receivers))
        if not all(done):
            log.error("the disk did not take the last records in %g s; what is not published is at the next start", deadline)
            code = code or 1
        log.info("relay ends with code %d", code)
        return code

    async def _drained(self) -> None:
        while not all(receiver.is_quiet for receiver in self.receivers):
            now = self._loop.time()
            for receiver in self.receivers:
                for connection in list(receiver.connections.values()):
                    connection.tick(now)
            await asyncio.sleep(0.05)
        await asyncio.gather(*self._tasks)

    # Being watched.

    def _trouble(self, severity: str, source: str, text: str) -> None:
        log.log({"critical": logging.ERROR, "warning": logging.WARNING}.get(severity, logging.INFO), "%s: %s", source, text)
        if self._link is not None:
            self._link.emit(time.time(), severity, source, text)

    def _trouble_from_thread(self, severity: str, source: str, text: str) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._trouble, severity, source, text)

    def _is_full(self) -> bool:
        return sum(receiver.sockets for receiver in self.receivers) >= self._most_sockets

    def status(self) -> RelayStatus:
        connections_total, connections = window(self.receivers, self.senders, self._loop.time())
        receivers = tuple(receiver.status() for receiver in self.receivers)
        return RelayStatus(
            receivers=receivers,
            senders=tuple(sender.status() for sender in self.senders),
            connections=connections,
            connections_total=connections_total,
            commit_p99_ms=max((p99 for each in receivers if (p99 := each.commit_p99_ms) is not None), default=None),
            disk_free_bytes=self._free(),
            failed_files=tuple(found for sender in self.senders for found in sender.failed_files),
            directory=str(self._home),
            pid=os.getpid(),
            started_at=self._started_at,
            embedded=self._options.embedded,
            state=self._state,
        )

    def _free(self) -> int | None:
        try:
            return self._disk.free(self._home)[0]
        except OSError:
            return None

    def _publish(self) -> None:
        """When something changed, and else every other time, so that a reader knows that we live. Not even made while nobody reads."""
        if self._link is not None and not self._link.has_readers:
            self._link.offer(STATUS_TOPIC, lambda: msgspec.msgpack.encode(self.status()))
            self._published = b""
            return
        body, now = msgspec.msgpack.encode(self.status()), self._loop.time()
        if self._link is not None and (body != self._published or now - self._published_at > STATUS_INTERVAL * 1.5):
            self._link.publish(STATUS_TOPIC, body)
            self._published, self._published_at = body, now

    async def _command(self, command: Command, peer: Peer) -> Reply:
        is_done, text = await self._operations.obey(command.verb, command.arguments)
        self._publish()
        log.info("%s %s by %s (%s): %s", command.verb, command.arguments, command.actor or peer.program, peer.pid, text)
        return Reply(command.id, is_done, text)


def _raise_file_limit() -> int:
    """As many files as we may open. Returns how many of them partners may have: minute files must never fail for want of one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - FILES_RESERVED, soft // 4)
