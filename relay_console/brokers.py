"""The brokers of the configuration, reached through the daemon that watches them, or directly when none runs; and which one is meant."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from backends.messages import Messages
from backends.questions import VERBS, Found, MessagesOf, Preview, PreviewOf, Question, arguments_of, found_in
from backends.snapshots import Queues, Snapshot
from link.ask import actor, ask_command
from link.errors import GONE, Unreachable
from link.protocol import MAX_COMMAND, Command, ProtocolError, Reply, encode
from relay_console import asking, paths, quick
from relay_console.asking import HELLO, Value
from relay_console.errors import ActionFailed, ServiceUnavailable, TryAgain
from relay_console.options import Shared
from settings.wording import nearest, suggestion

ASK_DEADLINE: Final = 30.0  # seconds for an answer to a question; a source is given 20
ACT_DEADLINE: Final = 3660.0  # seconds for an action; moving a million messages takes a while, and the daemon ends it after an hour
TOO_LARGE: Final = f"a message goes to the daemon in one piece of at most {MAX_COMMAND >> 20} MiB, bytes as base64; this one is larger"
READ_ONLY_DAEMON: Final = (
    "refused: the daemon is read-only; :write 10m in the console allows actions for a while, console.write: true or --write always"
)
READ_ONLY_HERE: Final = "refused: read-only; set console.write: true in config.yaml, or say --write before the word"
NO_BROKER: Final = "no ActiveMQ broker is configured; add `activemq: [{name: NAME, jolokia: URL}]` to config.yaml"

Carry = Callable[[Command, float], Reply]  # within so many seconds; raises Trouble. Of questions and of actions, from any thread
Kind = TypeVar("Kind")


class Brokers:
    """`snapshots` are those of the brokers; `read_only` is why nothing may be changed, None: it may, as far as we know."""

    def __init__(self, snapshots: Sequence[Snapshot], read_only: str | None, carry: Carry) -> None:
        self.snapshots = [snapshot for snapshot in snapshots if snapshot.kind == "queues" and snapshot.state != "unconfigured"]
        self.read_only = read_only
        self._carry = carry

    def choose(self, broker: str | None, queue: str) -> str:
        """The name of the one that is meant. Raises ServiceUnavailable."""
        names = [snapshot.source for snapshot in self.snapshots]
        require(names, broker)
        having = [snapshot.source for snapshot in self.snapshots if queue in _queues(snapshot)]
        candidates = [broker] if broker is not None else having or names
        if len(candidates) == 1:
            return self._reachable(candidates[0])
        listed = ", ".join(candidates)
        if having:
            raise ServiceUnavailable(f"several brokers have a queue {queue!r}: {listed}; say which with --broker NAME")
        away = [snapshot.error for snapshot in self.snapshots if snapshot.error]
        near = self._near(names, queue)
        raise ServiceUnavailable(f"no broker has a queue {queue!r}{near}; say which of {listed} is meant with --broker NAME", *away)

    def _reachable(self, name: str) -> str:
        """One that never told anything cannot be asked, and its own sentence is the best there is."""
        for snapshot in self.snapshots:
            if snapshot.source == name and snapshot.data is None and snapshot.state in ("down", "denied"):
                raise ServiceUnavailable(snapshot.error or f"{name} is {snapshot.state}")
        return name

    def _near(self, names: Sequence[str], queue: str) -> str:
        known = sorted({known for snapshot in self.snapshots if snapshot.source in names for known in _queues(snapshot)})
        near = nearest(queue, known) if queue not in known else []
        return f"; did you mean {near[0]!r}?" if near else ""

    def messages(self, broker: str, question: MessagesOf) -> Messages:
        """Raises Trouble."""
        return self._ask(broker, question, question.queue, Messages)

    def preview(self, broker: str, verb: str, arguments: Mapping[str, Value]) -> Preview:
        """Raises Trouble."""
        queue = str(arguments["queue"])
        found = self._ask(broker, PreviewOf(verb, msgspec.json.encode(arguments).decode()), queue, Preview)
        if found.refused is None:
            return found
        return msgspec.structs.replace(found, refused=self._helped(found.refused, broker, queue))

    def _ask(self, broker: str, question: Question, queue: str, kind: type[Kind]) -> Kind:
        found = self.tell(broker, question, lambda text: self._helped(text, broker, queue))
        if not isinstance(found, kind):
            raise ServiceUnavailable(f"{broker}: it told something else than was asked; is the daemon of another version?")
        return found

    def _helped(self, text: str, broker: str, queue: str) -> str:
        """A refusal with a name that is nearly that of the queue, unless whoever refused knew one."""
        return text if "did you mean" in text else text + self._near([broker], queue)

    def tell(self, broker: str, question: Question, worded: Callable[[str], str] = str, deadline: float = ASK_DEADLINE) -> Found:
        """Raises Trouble."""
        reply = self._carry(_command(broker, *arguments_of(question)), deadline)
        if not reply.ok:
            raise ServiceUnavailable(worded(reply.text))
        try:
            return found_in(reply.data)
        except ValueError as error:
            raise ServiceUnavailable(str(error)) from None

    def require_write(self) -> None:
        """Before anything is asked: a yes does not help where nothing may be done. Raises ActionFailed."""
        if self.read_only is not None:
            raise ActionFailed(self.read_only)

    def act(self, broker: str, verb: str, arguments: Mapping[str, Value], expect: Mapping[str, Value]) -> Reply:
        """Once. Raises Trouble, also where its answer was lost."""
        return self._carry(_command(broker, verb, arguments, expect), ACT_DEADLINE)


def _queues(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(queue.name for queue in snapshot.data.queues) if isinstance(snapshot.data, Queues) else frozenset()


def require(names: Sequence[str], broker: str | None) -> None:
    """Raises ServiceUnavailable."""
    if not names:
        raise ServiceUnavailable(NO_BROKER)
    if broker is not None and broker not in names:
        raise ServiceUnavailable(f"there is no broker {broker!r}{suggestion(broker, list(names))}")


def _command(broker: str, verb: str, arguments: Mapping[str, Value], expect: Mapping[str, Value] | None = None) -> Command:
    return Command(1, broker, verb, dict(arguments), dict(expect or {}), actor())


@contextlib.contextmanager
def reach(shared: Shared, broker: str | None) -> Iterator[Brokers]:
    """`broker`: without a daemon this one alone is asked. Raises Trouble."""
    path = shared.path
    known = asking.gather_from_daemon(path)
    if known is not None:
        yield Brokers(known.snapshots, READ_ONLY_DAEMON if known.write is False else None, _through(path))
        return
    from relay_console.config import load
    from relay_console.direct_brokers import Direct

    configuration = load(path)
    may_write = configuration.console.write if shared.write is None else shared.write
    with Direct(configuration, broker, may_write) as direct:
        yield Brokers(direct.snapshots, None if may_write else READ_ONLY_HERE, direct.carry)


def _through(path: Path) -> Carry:
    """The daemon, which alone knows whether actions are allowed, and writes the audit line."""
    socket = paths.monitor_socket(quick.directory(path))

    def carry(command: Command, deadline: float) -> Reply:
        try:
            if len(encode(command)) > MAX_COMMAND:
                raise ActionFailed(TOO_LARGE)
            return ask_command(socket, HELLO, command, deadline)
        except Unreachable as error:
            raise _lost(error, command) from None
        except ProtocolError:  # larger even than a frame
            raise ActionFailed(TOO_LARGE) from None

    return carry


def _lost(error: Unreachable, command: Command) -> ActionFailed | ServiceUnavailable | TryAgain:
    """An action may have happened once the daemon had it."""
    if error.trouble in GONE:
        return TryAgain("the daemon went away; nothing was done")
    if command.verb not in VERBS and error.trouble in ("closed", "silent", "garbled"):
        return ActionFailed(f"unknown: whether '{command.verb}' happened is not known ({error}); look with relay-console queues")
    return asking.trouble(error, "monitor")
