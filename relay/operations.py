"""What an operator may tell the relay: one command path for the console, the command line and other programs.

Who asked, whether he may, and the audit line are the monitor's; here a verb and its arguments become calls of receivers and senders.
`expect` is what the operator saw when he decided. What no longer holds is refused in words, and nothing was done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from relay.config import Relay
from relay.receiving.receiver import Receiver
from relay.record import Layout
from relay.sending.outbox import UNFINISHED, is_left_alone
from relay.sending.sender import Sender

EMPTY_DEADLINE: Final = 5.0  # seconds for partners to read their last answers, and again for what is in flight or on its way to the disk
LOOKS: Final = 0.05  # seconds between two looks whether a sender has nothing in flight

Part = Receiver | Sender
Values = Mapping[str, Any]


class Refused(Exception):
    """Why it was not done, in words for the operator."""


class Operations:
    """`stop` drains the relay and ends it."""

    def __init__(self, config: Relay, receivers: Sequence[Receiver], senders: Sequence[Sender], stop: Callable[[], None]) -> None:
        self._config = config
        self._receivers = receivers
        self._senders = senders
        self._stop = stop
        self._verbs: Mapping[str, Callable[[Values, Values], Awaitable[str]]] = {
            "pause": self._pause,
            "resume": self._resume,
            "drain": self._drain,
            "disconnect": self._disconnect,
            "resend": self._resend,
            "send": self._send,
            "refresh": self._refresh,
        }

    async def obey(self, verb: str, arguments: Values, expect: Values) -> tuple[bool, str]:
        """Whether it was done, and one line."""
        do = self._verbs.get(verb)
        if do is None:
            return False, f"no such command: {verb!r}; there are {_listed(list(self._verbs))}"
        try:
            return True, await do(arguments, expect)
        except Refused as refused:
            return False, str(refused)
        except TimeoutError:
            return False, f"{verb}: the disk has not finished within {EMPTY_DEADLINE:g} s; it goes on when the disk does"
        except OSError as error:
            return False, f"{verb}: {error.filename or ''}: {error.strerror or error}".replace(": : ", ": ")

    # Receivers and senders, by name.

    def _parts(self, arguments: Values) -> list[Part]:
        """Those of that name; `only` leaves out receivers or senders, which may share one. Raises Refused."""
        name, only = arguments.get("name"), arguments.get("only")
        if only not in (None, "receiver", "sender"):
            raise Refused(f"only {only!r}: it is 'receiver' or 'sender'")
        known: list[Part] = [*self._receivers, *self._senders]
        found = [part for part in known if part.config.name == name and only in (None, _kind(part))]
        if not found:
            names = [f"{_kind(part)} {part.config.name}" for part in known]
            raise Refused(f"no {only or 'receiver or sender'} has the name {name!r}; there {_are(names)}")
        return found

    def _sender(self, arguments: Values) -> Sender:
        name = arguments.get("sender")
        for sender in self._senders:
            if sender.config.name == name:
                return sender
        raise Refused(f"no sender has the name {name!r}; there {_are([sender.config.name for sender in self._senders])}")

    async def _pause(self, arguments: Values, expect: Values) -> str:
        parts = self._parts(arguments)
        for part in parts:
            part.pause()
        return f"paused: {_named(parts)}"

    async def _resume(self, arguments: Values, expect: Values) -> str:
        parts = self._parts(arguments)
        for part in parts:
            part.resume()
        return f"resumed: {_named(parts)}"

    async def _drain(self, arguments: Values, expect: Values) -> str:
        if arguments.get("name") is None:
            self._stop()
            return "draining"
        parts = self._parts(arguments)
        done = [await (_drain_receiver(part) if isinstance(part, Receiver) else _drain_sender(part)) for part in parts]
        return "; ".join(done)

    # Connections.

    async def _disconnect(self, arguments: Values, expect: Values) -> str:
        number = arguments.get("id")
        if not isinstance(number, int) or (peer := self._peer_of(number)) is None:
            raise Refused(f"no connection {number}")
        if expect.get("peer", peer) != peer:
            raise Refused(f"connection {number} is that of {peer}, not of {expect['peer']}; nothing was done")
        parts: list[Part] = [*self._receivers, *self._senders]
        for part in parts:
            part.disconnect(number)
        return f"connection {number} of {peer} is being ended"

    def _peer_of(self, number: int) -> str | None:
        for receiver in self._receivers:
            if (peer := receiver.peer_of(number)) is not None:
                return peer
        known = (found for sender in self._senders for found in sender.connection_statuses())
        return next((found.peer for found in known if found.id == number), None)

    # Files.

    async def _resend(self, arguments: Values, expect: Values) -> str:
        """One file, or all of failed/."""
        sender, file = self._sender(arguments), arguments.get("file")
        name = sender.config.name
        if file is None:
            failed = sender.status().failed
            if expect.get("failed", failed) != failed:
                raise Refused(f"failed/{name} has {failed} files now, not {expect['failed']}; nothing was done, look again")
        else:
            self._expect_tries(sender, str(file), expect)
        sent = await sender.resend(None if file is None else [str(file)])
        if not sent and file is not None:
            raise Refused(f"no file {file!r} in failed/{name}")
        return f"{len(sent)} {'file is' if len(sent) == 1 else 'files are'} sent again"

    def _expect_tries(self, sender: Sender, file: str, expect: Values) -> None:
        """A file that was resent and failed once more since the operator looked is another matter."""
        seen = expect.get("tries")
        now = next((found.tries for found in sender.failed_files if found.file == file), seen)
        if seen is not None and now != seen:
            raise Refused(f"{file} was tried again meanwhile ({now} tries, not {seen}); nothing was done, look again")

    async def _send(self, arguments: Values, expect: Values) -> str:
        """One line becomes a file of the outbox. What the partner would refuse for its form is refused here."""
        sender, file, line = self._sender(arguments), arguments.get("file"), arguments.get("line")
        if not isinstance(file, str) or not isinstance(line, str):
            raise Refused("a name and a line are wanted")
        if is_left_alone(file):
            raise Refused(f"{file}: no sender takes a name that begins with . or ends in {', '.join(UNFINISHED)}; rename it")
        layout = Layout(self._config.records, self._config.codes)
        data = line.removesuffix("\n").encode()
        if b"\n" in data:
            raise Refused(f"{file}: one line is wanted")
        code = layout.check(data).code
        if code != layout.codes.accepted:
            raise Refused(f"{file}: does not fit the layout ({code}): {layout.reason(data, code)}")
        name = await sender.put(file, data + b"\n")
        return f"{name} is in the outbox of {sender.config.name}"

    async def _refresh(self, arguments: Values, expect: Values) -> str:
        return "the status is published"


async def _drain_receiver(receiver: Receiver) -> str:
    ended, cut = await receiver.empty(EMPTY_DEADLINE)
    parts = [f"{_connections(ended)} answered and ended"] if ended else []
    parts += [f"{cut} did not read their answers and were cut"] if cut else []
    told = f" ({', '.join(parts)})" if parts else ""
    return f"drained and paused: receiver {receiver.config.name}{told}; what it stored is published"


async def _drain_sender(sender: Sender) -> str:
    sender.pause()
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + EMPTY_DEADLINE
    while sender.in_flight and loop.time() < ends_at:  # noqa: ASYNC110, a look every now and then for something that is rare
        await asyncio.sleep(LOOKS)
    still = f"; {sender.in_flight} are in flight still and are not waited for" if sender.in_flight else ""
    return f"drained and paused: sender {sender.config.name}{still}"


def _kind(part: Part) -> str:
    return "receiver" if isinstance(part, Receiver) else "sender"


def _connections(count: int) -> str:
    return "1 connection was" if count == 1 else f"{count} connections were"


def _named(parts: Sequence[Part]) -> str:
    return " and ".join(f"{_kind(part)} {part.config.name}" for part in parts)


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def _are(names: Sequence[str]) -> str:
    return f"{'are' if len(names) > 1 else 'is'} {_listed(names)}" if names else "are none"
