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
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from link.errors import LinkError
from link.start import hold_lock
from relay import config as relay_config
from relay.assembly import UNAVAILABLE, Assembly, CannotStart, locked, or_cannot_start
from relay.commit import Disk
from relay.operations import Operations
from relay.options import Options
from relay.publisher import STATUS_INTERVAL, Publisher
from relay.receiver import Receiver
from relay.report import window
from relay.sender import Sender
from relay.status import RelayStatus
from relay.systemd import Notifier, listening

log = logging.getLogger("relay")

DRAIN_DEADLINE: Final = 5.0  # seconds for partners to read their last answers; a unit that is stopped waits for us
ARRIVAL: Final = 0.05  # seconds in which the loop makes connections of the sockets that it accepted before we stopped it
WRITE_DEADLINE: Final = 20.0  # seconds that a slow disk has for the last batch and the last rename
HURRIED_DEADLINE: Final = 0.5  # the same after a second SIGTERM
RECORDS_UMASK: Final = 0o027  # partners' records are for us and for the group of the next workflow, not for everybody
CERTIFICATES_EVERY: Final = 30.0  # seconds between two looks at the files of certificates; SIGHUP looks at once
FILES_RESERVED: Final = 128  # descriptors for minute files, the link and outgoing connections


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
        self._started_at = time.time()
        self._stop = asyncio.Event()
        self._now = asyncio.Event()
        self._reload = asyncio.Event()
        operations = Operations(config, self.receivers, self.senders, self._stop.set)
        self._publisher = Publisher(options, self._started_at, self.status, operations)
        self._systemd = Notifier(os.environ)
        self._state = "running"
        self._most_sockets = 0

    # The start.

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Raises CannotStart."""
        self._assembly = assembly = Assembly(
            self._config,
            self._home,
            self._disk,
            stack,
            trouble=self._publisher.trouble,
            trouble_from_thread=self._publisher.trouble_from_thread,
            is_full=self._is_full,
            inherited=listening(os.environ),
        )
        self._take_directory(stack)
        self._most_sockets = _raise_file_limit()
        self._watch_signals(stack)
        for receiver in self._config.receivers:
            self.receivers.append(assembly.receiver(receiver))
        for sender in self._config.senders:
            self.senders.append(await assembly.sender(sender))
        await self._publisher.open(stack)
        assembly.warn_of_left_sockets()
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
        self._reload.set()

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
        self._systemd.ready()
        turning = [asyncio.create_task(each) for each in (self._tick(), self._watch_certificates())]
        await self._stop.wait()
        self._systemd.stopping()
        for task in turning:
            task.cancel()
        await asyncio.gather(*turning, return_exceptions=True)
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
            self._publisher.publish()
            self._tell_systemd()
            await asyncio.sleep(STATUS_INTERVAL)

    def _tell_systemd(self) -> None:
        """A sign of life only while every writer's thread lives. One that waits for a disk does: ended by systemd we could not even answer
        503, and the next relay would hang on the same disk."""
        parts: list[Receiver | Sender] = [*self.receivers, *self.senders]
        self._systemd.status(", ".join(f"{each.config.name} {each.status().state}" for each in parts))
        if all(each.writer.is_alive for each in self.receivers):
            self._systemd.alive(self._loop.time())

    async def _watch_certificates(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CERTIFICATES_EVERY):
                    await self._reload.wait()
            self._reload.clear()
            await self.look_at_certificates()

    async def look_at_certificates(self) -> None:
        """Reads again those whose files changed."""
        for name, files in self._assembly.certificates:
            for severity, text in await self._loop.run_in_executor(None, files.renew, time.time()):
                self._publisher.trouble(severity, name, text)

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
        self._publisher.publish()
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
        await asyncio.sleep(ARRIVAL)
        while not all(receiver.is_quiet for receiver in self.receivers):
            now = self._loop.time()
            for receiver in self.receivers:
                for connection in list(receiver.connections.values()):
                    connection.tick(now)
            await asyncio.sleep(0.05)
        await asyncio.gather(*self._tasks)

    # Being watched.

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


def _raise_file_limit() -> int:
    """As many files as we may open. Returns how many of them partners may have: minute files must never fail for want of one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - FILES_RESERVED, soft // 4)
