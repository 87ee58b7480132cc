"""Receivers and senders out of their configuration: ports taken, directories made and locked, the spool recovered. Nothing runs yet."""

import contextlib
import copy
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from relay import config as relay_config
from relay.election.leadership import ALONE, Leadership
from relay.receiving.haste import Haste
from relay.receiving.kept import Places
from relay.receiving.receiver import Receiver
from relay.record import Layout, LayoutFault
from relay.sending.outbox import Outbox
from relay.sending.sender import Sender
from relay.sinks.choice import faults as sink_faults
from relay.sinks.choice import outlet
from relay.sinks.choice import timeout as sink_timeout
from relay.sinks.direct import Direct
from relay.sinks.filed import FileThenForward
from relay.sinks.forward import Forwarder
from relay.sinks.outlet import Spool
from relay.storage.commit import Disk
from relay.storage.inbox import Inbox
from relay.storage.ledger import Ledger
from relay.storage.names import Names
from relay.storage.quarantine import LIMITS, STEMS, Quarantine
from relay.storage.recovery import recover
from relay.storage.seen import Seen
from relay.systemd import Sockets
from relay.tls import ClientTls, Renewed, ServerTls, TlsFault

if TYPE_CHECKING:
    from relay.election.zookeeper import Election

log = logging.getLogger("relay")

UNAVAILABLE: Final = 69
BAD_CONFIGURATION: Final = 78


class CannotStart(Exception):
    def __init__(self, code: int, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.code = code
        self.lines = lines


def misfits(config: relay_config.Relay) -> list[str]:
    """What does not go together in a configuration, or is not known, each with its key. Never ignored."""
    faults = []
    for index, receiver in enumerate(config.receivers):
        where = f"relay.receivers[{index}]"
        faults += [f"{where}.{'.'.join(keys)}: {text}" for keys, text in sink_faults(receiver, config.records.request.columns)]
        if receiver.record != "request":
            faults.append(f"{where}.record: only 'request' is known")
    for index, sender in enumerate(config.senders):
        if sender.record != "request":
            faults.append(f"relay.senders[{index}].record: only 'request' is known")
    return faults


class Assembly:
    """What all parts of one relay share. `trouble(severity, source, text)` reaches the operator, from the loop or, as
    `trouble_from_thread`, from any thread. What is to be undone at the end of a part goes to the stack that is given with it."""

    def __init__(
        self,
        config: relay_config.Relay,
        home: Path,
        disk: Disk,
        *,
        trouble: Callable[[str, str, str], None],
        trouble_from_thread: Callable[[str, str, str], None],
        is_full: Callable[[], bool],
        inherited: Sockets | None = None,
    ) -> None:
        """Raises CannotStart."""
        if faults := misfits(config):
            raise CannotStart(BAD_CONFIGURATION, *faults)
        try:
            self._layout = Layout(config.records, config.codes)
        except LayoutFault as error:
            raise CannotStart(BAD_CONFIGURATION, str(error)) from None
        self.config = config
        self._home = home
        self._disk = disk
        self._trouble = trouble
        self._trouble_from_thread = trouble_from_thread
        self._is_full = is_full
        self._inherited = inherited or Sockets([])
        self._haste = Haste()
        self._election: Election | None = None
        self._certificates: dict[tuple[str, str], Renewed] = {}  # by kind and name of who uses them

    def successor(self, config: relay_config.Relay) -> "Assembly":
        """The same for the next configuration, of the same layout, directory and election. Raises CannotStart."""
        if faults := misfits(config):
            raise CannotStart(BAD_CONFIGURATION, *faults)
        found = copy.copy(self)
        found.config = config
        found._certificates = dict(self._certificates)
        return found

    def give_up(self, sender: relay_config.Sender) -> None:
        """It is as if the configuration did not have it."""
        self.config = msgspec.structs.replace(self.config, senders=[each for each in self.config.senders if each != sender])

    @property
    def certificates(self) -> list[tuple[str, Renewed]]:
        """Each with the name of the receiver or sender that uses it."""
        used = {("receivers", each.name) for each in self.config.receivers if each.tls}
        used |= {("senders", each.name) for each in self.config.senders if each.tls}
        return [(key[1], files) for key, files in self._certificates.items() if key in used]

    def receiver(self, config: relay_config.Receiver, stack: contextlib.AsyncExitStack) -> Receiver:
        """Raises CannotStart."""
        name, home = config.name, self._home
        place = home / (config.inbox or f"inbox/{name}")
        is_eager = config.publish == "in_place"  # nothing holds the consumer back until they are written
        ledger = Ledger(home / "seen" / name, config.duplicates.keep, config.duplicates.max, self._disk, is_eager=is_eager)
        inbox = self._inbox(config, place, ledger)
        seen = Seen(config.duplicates.keep, config.duplicates.max)
        kept = Places(**{place: Quarantine(home / place / name, stem, LIMITS[place]) for place, stem in STEMS.items()})
        spool, sink, forwarder = self._spool(config, inbox, kept)
        self._haste.enter()
        stack.callback(self._haste.leave)
        haste = self._haste if config.sink == "file" else None
        receiver = Receiver(
            config, self._layout, seen, spool, kept, self._trouble, self._is_full, self.server_tls(config), sink, forwarder, haste
        )
        stack.callback(receiver.close_listener)
        with or_cannot_start(f"receiver {name} cannot take {config.listen}"):
            receiver.bind(self._inherited.take(name, config.listen))
        with or_cannot_start(f"the inbox {place}"):
            if isinstance(spool, Direct) and not place.is_dir():
                ledger.load(seen, time.time())
            else:  # an inbox, or what is left of one that a sink had before
                self._recover(inbox, seen, kept, config, stack)
            if forwarder is not None:
                forwarder.load()
        log.info("%s: %d process numbers are remembered", name, len(seen))
        return receiver

    def _recover(self, inbox: Inbox, seen: Seen, kept: Places, config: relay_config.Receiver, stack: contextlib.AsyncExitStack) -> None:
        """Raises OSError."""
        self._disk.make_directory(self._home / "seen" / config.name)
        self._disk.make_directory(inbox.place)
        stack.enter_context(locked(inbox.place))
        inbox.names.load()
        found = recover(inbox, self._layout, seen, kept.quarantine, time.time(), in_place=config.publish == "in_place")
        if found.files:
            log.warning("%s: recovered %d records of %d files; %d torn tails", config.name, found.records, found.files, found.torn)

    def _inbox(self, config: relay_config.Receiver, place: Path, ledger: Ledger) -> Inbox:
        return Inbox(
            place,
            Names(self._home / "seen" / config.name / "names", self._disk),
            ledger,
            self._disk,
            min_free=self.config.min_free,
            in_place=config.publish == "in_place",
            trouble=lambda text: self._trouble_from_thread("critical", config.name, text),
        )

    def _spool(self, config: relay_config.Receiver, inbox: Inbox, kept: Places) -> tuple[Spool, str, Forwarder | None]:
        """And the name of the broker behind it."""
        sink, home, name = config.sink, self._home, config.name
        if sink == "file":
            return inbox, "", None
        memory = home / "seen" / name
        broker = outlet(sink.forward or sink, self.config.records.request.columns, self.config.codes)
        if sink.forward is None:
            direct = Direct(broker, inbox.ledger, memory, self._disk, kept.quarantine, self.config.codes.storage, sink_timeout(sink) / 2)
            return direct, broker.name, None
        forwarder = Forwarder(
            inbox.place,
            memory,
            home / "quarantine" / name,
            home / "archive" / name if sink.forward.after_forward == "archive" else None,
            broker,
            self._layout,
            self._disk,
            lambda severity, text: self._trouble_from_thread(severity, name, text),
        )
        return FileThenForward(inbox, forwarder), broker.name, forwarder

    def warn_of_left_sockets(self) -> None:
        for name, found in self._inherited.left:
            log.warning("nobody takes the socket %s of systemd: no receiver has that name or that address", name)
            found.close()
        self._inherited.left = []

    def server_tls(self, config: relay_config.Receiver) -> ServerTls | None:
        if config.tls is None:
            return None
        with _or_bad_configuration():
            found = ServerTls(config.tls, f"relay.receivers[{self.config.receivers.index(config)}].tls", self._home)
        self._certificates["receivers", config.name] = found.files
        return found

    def client_tls(self, config: relay_config.Sender) -> ClientTls | None:
        if config.tls is None:
            return None
        with _or_bad_configuration():
            found = ClientTls(config.tls, config.connect, f"relay.senders[{self.config.senders.index(config)}].tls", self._home)
        self._certificates["senders", config.name] = found.files
        return found

    async def sender(self, config: relay_config.Sender, stack: contextlib.AsyncExitStack) -> Sender:
        """Raises CannotStart."""
        outbox = self._home / (config.outbox or f"outbox/{config.name}")
        files = Outbox(config.name, outbox, self._home, self._layout, settle=config.settle)
        leadership = self._leadership(config.name, outbox)
        found = Sender(config, self._layout, files, self._trouble, leadership=leadership, tls=self.client_tls(config))
        stack.push_async_callback(found.close)
        with or_cannot_start(f"the outbox {outbox}"):
            await found.open()
        return found

    def _leadership(self, name: str, outbox: Path) -> Leadership:
        """In one session with ZooKeeper for all senders, also those of later configurations."""
        if self.config.election is None:
            return ALONE
        from relay.election.candidate import Candidate
        from relay.election.zookeeper import Election

        self._election = self._election or Election(self.config.election, self._trouble)
        return Candidate(self._election, name, outbox, self._trouble)


@contextlib.contextmanager
def _or_bad_configuration() -> Iterator[None]:
    try:
        yield
    except TlsFault as fault:
        raise CannotStart(BAD_CONFIGURATION, str(fault)) from None


@contextlib.contextmanager
def or_cannot_start(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotStart(UNAVAILABLE, f"{what}: {error.strerror or error}") from None


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
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
