"""The relay as a process: one exclusive directory, the receivers and senders of the configuration, a socket for those who watch.

Order of the start: what the configuration asks for is checked, the directory is locked, every port is taken, the spool is recovered;
only then the first partner is let in. A fault in any of these ends the start with one line and an exit code (78 configuration, 69 else).
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from link.errors import LinkError
from link.protocol import PROTOCOL, Command, ProtocolError, Reply, Welcome
from link.server import Peer, Server
from link.start import hold_lock
from relay import config as relay_config
from relay.commit import Disk
from relay.inbox import Inbox, Names
from relay.ledger import Ledger
from relay.outbox import Outbox
from relay.quarantine import CONFLICTS_LIMIT, QUARANTINE_LIMIT, Quarantine
from relay.receiver import Receiver
from relay.record import Layout, LayoutFault
from relay.recovery import recover
from relay.seen import Seen
from relay.sender import Sender
from relay.status import STATUS_TOPIC, RelayStatus

log = logging.getLogger("relay")

UNAVAILABLE: Final = 69
BAD_CONFIGURATION: Final = 78
STATUS_INTERVAL: Final = 1.0
DRAIN_DEADLINE: Final = 5.0  # seconds for partners to read their last answers; a unit that is stopped waits for us
WRITE_DEADLINE: Final = 20.0  # seconds that a slow disk has for the last batch and the last rename
HURRIED_DEADLINE: Final = 0.5  # the same after a second SIGTERM
MAX_CONNECTIONS_SHOWN: Final = 1000  # newest first; a snapshot of them is 0.2 MiB
RECORDS_UMASK: Final = 0o027  # partners' records are for us and for the group of the next workflow, not for everybody
FILES_RESERVED: Final = 128  # descriptors for minute files, the link and outgoing connections


class Options(Struct, frozen=True):
    socket: Path
    lock: Path
    embedded: bool = False  # started by a monitor, not by a person or systemd
    version: str = ""
    config: str = ""  # path of the configuration file


class CannotStart(Exception):
    def __init__(self, code: int, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines


def run(config: relay_config.Relay, options: Options) -> int:
    """`serve` on the quickest event loop there is. Returns the exit code."""
    os.umask(os.umask(0o777) | RECORDS_UMASK)
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(serve(config, options))


async def serve(config: relay_config.Relay, options: Options) -> int:
    """Runs until SIGTERM, SIGINT or the command `drain`. Returns the exit code."""
    try:
        async with contextlib.AsyncExitStack() as stack:
            relay = Service(config, options)
            await relay.start(stack)
            return await relay.run()
    except CannotStart as error:
        for line in error.lines:
            print(f"relay-console: {line}", file=sys.stderr, flush=True)
        return error.code


def not_built_yet(config: relay_config.Relay) -> list[str]:
    """What the configuration asks for and this version cannot do. Never ignored: a partner who counts on TLS must not get plain TCP."""
    faults = []
    for index, receiver in enumerate(config.receivers):
        where = f"relay.receivers[{index}]"
        if receiver.sink != "file":
            faults.append(f"{where}.sink: only 'file' works in this version")
        if receiver.tls is not None:
            faults.append(f"{where}.tls: TLS does not work in this version; remove it, or keep the receiver behind a VPN")
        if receiver.record != "request":
            faults.append(f"{where}.record: only 'request' is known")
    for index, sender in enumerate(config.senders):
        if sender.record != "request":
            faults.append(f"relay.senders[{index}].record: only 'request' is known")
    return faults


class Service:
    """Everything of one relay process."""

    def __init__(self, config: relay_config.Relay, options: Options) -> None:
        self._config = config
        self._options = options
        self._home = Path(config.directory).expanduser().absolute()
        self._loop = asyncio.get_running_loop()
        self._disk = Disk()
        self.receivers: list[Receiver] = []
        self.senders: list[Sender] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._link: Server | None = None
        self._started_at = time.time()
        self._stop = asyncio.Event()
        self._now = asyncio.Event()
        self._state = "running"
        self._most_sockets = 0
        self._published = b""
        self._published_at = 0.0

    # The start.

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        """Raises CannotStart."""
        if faults := not_built_yet(self._config):
            raise CannotStart(BAD_CONFIGURATION, *faults)
        try:
            layout = Layout(self._config.records, self._config.codes)
        except LayoutFault as error:
            raise CannotStart(BAD_CONFIGURATION, str(error)) from None
        self._take_directory(stack)
        self._most_sockets = _raise_file_limit()
        self._watch_signals(stack)
        for receiver in self._config.receivers:
            self.receivers.append(self._receiver(receiver, layout, stack))
        for sender in self._config.senders:
            outbox = self._home / (sender.outbox or f"outbox/{sender.name}")
            found = Sender(sender, layout, Outbox(sender.name, outbox, self._home, layout, settle=sender.settle), self._trouble)
            stack.push_async_callback(found.close)
            with _or_cannot_start(f"the outbox {outbox}"):
                await found.open()
            self.senders.append(found)
        await self._open_link(stack)
        for each in self.receivers:
            with _or_cannot_start(f"listening on {each.config.listen} for receiver {each.config.name}"):
                await each.start()
            log.info("%s: listening on %s, inbox %s", each.config.name, each.address, each.status().inbox)
        for each_sender in self.senders:
            self._tasks.append(asyncio.create_task(self._keep_running(each_sender)))

    def _take_directory(self, stack: contextlib.AsyncExitStack) -> None:
        with _or_cannot_start(f"the directory {self._home}"):
            self._disk.make_directory(self._home)
        try:
            stack.enter_context(hold_lock(self._options.lock))  # says who holds it
        except LinkError as error:
            raise CannotStart(UNAVAILABLE, str(error)) from None
        except OSError as error:
            raise CannotStart(UNAVAILABLE, f"{self._options.lock}: {error.strerror or error}") from None
        with _or_cannot_start(f"the directory {self._home}"):
            stack.enter_context(_locked(self._home))  # and this one holds although somebody removes the file

    def _receiver(self, config: relay_config.Receiver, layout: Layout, stack: contextlib.AsyncExitStack) -> Receiver:
        name, home = config.name, self._home
        place = home / (config.inbox or f"inbox/{name}")
        memory = home / "seen" / name
        in_place = config.publish == "in_place"
        ledger = Ledger(memory, config.duplicates.keep, config.duplicates.max, self._disk, is_eager=in_place)
        names = Names(memory / "names", self._disk)
        inbox = Inbox(
            place,
            names,
            ledger,
            self._disk,
            min_free=self._config.min_free,
            in_place=in_place,
            trouble=lambda text: self._trouble_from_thread("critical", name, text),
        )
        seen = Seen(config.duplicates.keep, config.duplicates.max)
        kept = (
            Quarantine(home / "quarantine" / name, "refused", QUARANTINE_LIMIT),
            Quarantine(home / "conflicts" / name, "conflicts", CONFLICTS_LIMIT),
        )
        receiver = Receiver(config, layout, seen, inbox, kept, self._trouble, self._is_full)
        stack.callback(receiver.close_listener)
        with _or_cannot_start(f"receiver {name} cannot take {config.listen}"):
            receiver.bind()
        with _or_cannot_start(f"the inbox {place}"):
            self._disk.make_directory(memory)
            self._disk.make_directory(place)
            stack.enter_context(_locked(place))
            now = time.time()
            names.load(now)
            found = recover(inbox, layout, seen, kept[0], now, in_place=in_place)
        if found.files:
            log.warning("%s: recovered %d records of %d files; %d torn tails", name, found.records, found.files, found.torn)
        log.info("%s: %d process numbers are remembered", name, len(seen))
        return receiver

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

    @property
    def _parts(self) -> "list[Receiver | Sender]":
        return [*self.receivers, *self.senders]

    def status(self) -> RelayStatus:
        connections = [found for each in self._parts for found in each.connection_statuses()]
        newest = sorted(connections, key=lambda found: found.id, reverse=True)
        p99s = [p99 for receiver in self.receivers if (p99 := receiver.p99_ms()) is not None]
        return RelayStatus(
            receivers=tuple(receiver.status() for receiver in self.receivers),
            senders=tuple(sender.status() for sender in self.senders),
            connections=tuple(newest[:MAX_CONNECTIONS_SHOWN]),
            connections_total=len(connections),
            commit_p99_ms=max(p99s, default=None),
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
        """When something changed, and else every other time, so that a reader knows that we live."""
        body, now = msgspec.msgpack.encode(self.status()), self._loop.time()
        if self._link is not None and (body != self._published or now - self._published_at > STATUS_INTERVAL * 1.5):
            self._link.publish(STATUS_TOPIC, body)
            self._published, self._published_at = body, now

    async def _command(self, command: Command, peer: Peer) -> Reply:
        is_done, text = await self._obey(command)
        self._publish()
        log.info("%s %s by %s (%s): %s", command.verb, command.arguments, command.actor or peer.program, peer.pid, text)
        return Reply(command.id, is_done, text)

    async def _obey(self, command: Command) -> tuple[bool, str]:
        """Whether it was done, and one line."""
        arguments = command.arguments
        match command.verb:
            case "pause" | "resume":
                return self._pause_or_resume(command.verb, str(arguments.get("name")))
            case "resend":
                return await self._resend(str(arguments.get("sender")), arguments.get("file"))
            case "disconnect":
                number = arguments.get("id")
                hits = [each for each in self._parts if isinstance(number, int) and each.disconnect(number)]
                return (True, f"connection {number} is being ended") if hits else (False, f"no connection {number}")
            case "drain":
                self._stop.set()
                return True, "draining"
            case "refresh":
                return True, "the status is published"
        return False, f"no such command: {command.verb!r}; there are pause, resume, resend, disconnect, drain and refresh"

    def _pause_or_resume(self, verb: str, name: str) -> tuple[bool, str]:
        found = [each for each in self._parts if each.config.name == name]
        for each in found:
            (each.pause if verb == "pause" else each.resume)()
        kinds = " and ".join("receiver" if isinstance(each, Receiver) else "sender" for each in found)
        return (True, f"{verb}d: {kinds} {name}") if found else (False, f"no receiver or sender has the name {name!r}")

    async def _resend(self, name: str, file: Any) -> tuple[bool, str]:
        for sender in self.senders:
            if sender.config.name == name:
                try:
                    names = await sender.resend(None if file is None else str(file))
                except OSError as error:
                    return False, f"{name}: {error.strerror or error}"
                if not names and file is not None:
                    return False, f"no file {file!r} in failed/{name}"
                return True, f"{len(names)} {'file is' if len(names) == 1 else 'files are'} sent again"
        return False, f"no sender has the name {name!r}"


@contextlib.contextmanager
def _or_cannot_start(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(UNAVAILABLE, f"{what}: {error.strerror or error}") from None


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """The directory is ours alone; the kernel lets go of it however we end. Raises OSError."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(11, "another relay is running on it") from None
        yield
    finally:
        os.close(fd)


def _raise_file_limit() -> int:
    """As many files as we may open. Returns how many of them partners may have: minute files must never fail for want of one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(soft - FILES_RESERVED, soft // 4)
