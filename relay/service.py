"""The relay as a process: one exclusive directory, the receivers and senders of the configuration, a socket for those who watch.

Order of the start: what the configuration asks for is checked, the directory is locked, every port is taken, the spool is recovered;
only then the first partner is let in. A fault in any of these ends the start with one line and an exit code (78 configuration, 69 else).
"""

import asyncio
import contextlib
import gc
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
from relay.changes import CannotChange, summary
from relay.operations import Operations
from relay.options import CannotReread, Options
from relay.parts import Parts
from relay.publisher import STATUS_INTERVAL, Publisher
from relay.receiving.receiver import Receiver
from relay.report import window
from relay.sending.sender import Sender
from relay.status import RelayStatus
from relay.storage.commit import Disk
from relay.systemd import Notifier, listening

log = logging.getLogger("relay")

RECORDS_UMASK: Final = 0o027  # partners' records are for us and for the group of the next workflow, not for everybody
CERTIFICATES_EVERY: Final = 30.0  # seconds between two looks at the files of certificates; SIGHUP looks at once
GARBAGE: Final = 20_000  # objects between two looks of the collector; few cycles arise here, and a look at every 700 costs 8 % CPU
FILES_RESERVED: Final = 128  # descriptors for minute files, the link and outgoing connections


def run(config: relay_config.Relay, options: Options, disk: Disk | None = None) -> int:
    """`serve` on the quickest event loop there is; `disk` is another one for tests of faults. Returns the exit code."""
    os.umask(os.umask(0o777) | RECORDS_UMASK)
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    gc.set_threshold(GARBAGE)
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
        self._started_at = time.time()
        self._stop = asyncio.Event()
        self._now = asyncio.Event()
        self._reload = asyncio.Event()
        self._changing = asyncio.Lock()
        self._parts = Parts(self._trouble)
        self.receivers, self.senders = self._parts.receivers, self._parts.senders
        operations = Operations(config, self.receivers, self.senders, self._stop.set)
        self._publisher = Publisher(options, self._started_at, self.status, operations)
        self._systemd = Notifier(os.environ)
        self._state = "running"
        self._most_sockets = 0

    # The start.

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Raises CannotStart."""
        assembly = Assembly(
            self._config,
            self._home,
            self._disk,
            trouble=self._trouble,
            trouble_from_thread=self._publisher.trouble_from_thread,
            is_full=self._is_full,
            inherited=listening(os.environ),
        )
        self._take_directory(stack)
        self._most_sockets = _raise_file_limit()
        self._watch_signals(stack)
        stack.push_async_callback(self._parts.close)
        await self._parts.build(assembly)
        await self._publisher.open(stack)
        await self._parts.begin()

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
        log.info("SIGHUP: the configuration and the certificates are read again")
        self._reload.set()

    def _surprise(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        log.error("%s: %s", context.get("message"), error, exc_info=error)

    # Running.

    @property
    def is_stopping(self) -> bool:
        return self._stop.is_set()

    async def run(self) -> int:
        """Until somebody asks us to stop. Returns the exit code."""
        log.info("relay ready, pid %d, directory %s", os.getpid(), self._home)
        self._systemd.ready()
        turning = [asyncio.create_task(each) for each in (self._tick(), self._watch_files())]
        await self._stop.wait()
        self._systemd.stopping()
        async with self._changing:  # half a change would be worse than a late end; it has a deadline of its own
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

    async def _watch_files(self) -> None:
        """Certificates at once and now and then; the configuration when asked to."""
        while True:
            async with self._changing:
                if self._reload.is_set():
                    self._reload.clear()
                    await self.reload()
                await self._parts.look_at_certificates()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CERTIFICATES_EVERY):
                    await self._reload.wait()

    async def reload(self) -> None:
        """Reads the configuration again: all of it is applied, or nothing, and the operator hears which."""
        if self._options.reread is None:
            return
        self._systemd.reloading()
        try:
            new = await self._loop.run_in_executor(None, self._options.reread)
            self._publisher.trouble("info", "relay", f"the configuration was read again: {summary(await self._parts.change(new))}")
        except (CannotReread, CannotChange, CannotStart) as error:
            for line in error.lines:
                self._publisher.trouble("critical", "relay", f"the new configuration is not used, the old one stays: {line}")
        except Exception as error:
            log.exception("reading the configuration again failed in a way that has no rule")
            self._publisher.trouble("critical", "relay", f"reading the configuration again failed: {type(error).__name__}: {error}")
        self._systemd.ready()

    async def _drain(self) -> int:
        """Answers what was received, publishes, and ends; a second signal ends at once."""
        self._state = "draining"
        log.info("draining: no new connections, what was received is answered and published")
        self._publisher.publish()
        is_stored = await self._parts.drain(self.receivers, self.senders, self._now)
        code = 128 + signal.SIGTERM if self._now.is_set() else 0 if is_stored else 1
        log.info("relay ends with code %d", code)
        return code

    # Being watched.

    def _trouble(self, severity: str, source: str, text: str) -> None:
        self._publisher.trouble(severity, source, text)

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
