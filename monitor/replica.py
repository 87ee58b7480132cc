"""What a console talks to. It does not know whether the far side is a live monitor, a demonstration in its own process or a test script."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
from msgspec import Struct

from backends.details import brief
from backends.questions import VERBS, Found, Question, arguments_of, found_in
from backends.snapshots import Snapshot
from backends.source import Source, Unavailable, Unconfigured
from link.ask import actor
from link.client import Client, ClientState
from link.errors import GONE, LinkError
from link.protocol import PROTOCOL, Beat, Command, Event, Hello, Publish, Reply, Welcome, Withdraw
from link.start import Started
from monitor.commands import answer_question
from monitor.engine import Engine
from monitor.revive import Reviver, Start
from monitor.severity import News
from monitor.store import MONITOR_TOPIC, SOURCE_TOPIC, MonitorStatus, Store

log = logging.getLogger(__name__)

COMMAND_DEADLINE: Final = 30.0  # seconds for an answer, unless it is known to take longer
MONITOR: Final = "monitor"  # target of commands to the monitor itself


class LinkState(Struct, frozen=True):
    """How the link is doing. `error` is plain words: what, why, what next."""

    connected: bool
    error: str | None = None
    welcome: Welcome | None = None
    last_heard_at: float | None = None  # epoch seconds of the far side's last word
    started_by_us: bool = False  # this console started the daemon: it asks on quit what to do with it


class Link(Protocol):
    """A store that keeps itself up to date, and a way to send commands."""

    store: Store
    state: LinkState

    async def run(self, changed: Callable[[], None]) -> None:
        """Keeps the store current until cancelled; reconnects by itself. `changed` is called in the same loop, once a turn at most."""
        ...

    async def command(
        self,
        target: str,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
        deadline: float = COMMAND_DEADLINE,
    ) -> Reply:
        """Raises nothing: a link that is down is a Reply with ok=False."""
        ...


async def ask(link: Link, target: str, question: Question) -> Found | str:
    """What the source tells, or why not, in words. Raises nothing."""
    reply = await link.command(target, *arguments_of(question))
    if not reply.ok:
        return reply.text
    try:
        return found_in(reply.data)
    except ValueError as error:
        return str(error)


class Bell:
    """Rings once a turn of the loop, however often it is pulled."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] | None = None
        self._is_pulled = False

    def pull(self) -> None:
        if self.changed is not None and not self._is_pulled:
            self._is_pulled = True
            asyncio.get_running_loop().call_soon(self._ring)

    def _ring(self) -> None:
        self._is_pulled = False
        if self.changed is not None:
            self.changed()


class SocketLink:
    """A monitor behind a socket. With `start` (it blocks and raises LinkError) one that is not there is started, and one that died is
    brought back; one that was stopped on purpose is not: it withdraws its own topic before it goes.
    """

    def __init__(self, path: Path, hello: Hello, start: Start | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.store = Store()
        self.state = LinkState(connected=False, error="connecting")
        self._client = Client(path, hello, self._heard, self._became)
        self._reviver = Reviver(self._client, start, self._tried)
        self._clock = clock
        self._actor = actor()
        self._bell = Bell()
        self._start_error: str | None = None
        self._is_stopped = False  # on purpose, by us or by another console
        self._monitor: tuple[int, float] | None = None  # pid and start of the one whose events we have
        self._sequence = 0  # of its newest event
        self._unheard: set[str] = set()  # sources we knew and have not heard of since the last Welcome

    async def run(self, changed: Callable[[], None]) -> None:
        self._bell.changed = changed
        async with asyncio.TaskGroup() as group:
            group.create_task(self._client.run(), name="link")
            group.create_task(self._reviver.run(), name="reviver")

    async def command(
        self,
        target: str,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
        deadline: float = COMMAND_DEADLINE,
    ) -> Reply:
        return await self._client.command(target, verb, arguments, expect, actor=self._actor, deadline=deadline)

    def _became(self, state: ClientState) -> None:
        welcome = state.welcome
        if state.connected and welcome is not None:
            self._start_error, self._is_stopped = None, False
            self._reviver.take_up()
            self._unheard = set(self.store.snapshots)
            if self._monitor != (welcome.pid, welcome.started_at):
                self._monitor, self._sequence = (welcome.pid, welcome.started_at), 0
        error = self._gone() if state.trouble in GONE else None
        self._set(connected=state.connected, error=error or (state.error and f"monitor: {state.error}"), welcome=welcome)
        self._reviver.look()

    def _gone(self) -> str | None:
        """What we know of a monitor that is not there besides that."""
        if self._is_stopped:
            return "the monitor was stopped"
        return self._start_error or ("the monitor is being started" if self._reviver.is_wanted else None)

    def _tried(self, outcome: Started | LinkError) -> None:
        if isinstance(outcome, Started):
            self._start_error = None
            self._set(started_by_us=self.state.started_by_us or outcome.started)
        else:
            self._start_error = f"the monitor could not be started: {outcome}"
            self._set(error=self._start_error)

    def _heard(self, message: Publish | Withdraw | Event | Beat) -> None:
        match message:
            case Publish():
                self._published(message)
            case Withdraw(topic) if topic == MONITOR_TOPIC:
                self._is_stopped = True
                self._reviver.let_go()
            case Withdraw(topic):
                self.store.forget(topic.removeprefix(SOURCE_TOPIC))
            case Event() if message.sequence > self._sequence:
                self._sequence = message.sequence
                self.store.happened(message)
            case Beat():
                for source in self._unheard:
                    self.store.forget(source)
                self._unheard = set()
        self._set(last_heard_at=self._clock())

    def _published(self, message: Publish) -> None:
        """What a monitor of another version says that we do not understand is left out; the rest of the screen lives on."""
        try:
            if message.topic == MONITOR_TOPIC:
                self.store.monitor = msgspec.msgpack.decode(message.body, type=MonitorStatus)
                self.store.version += 1
            elif message.topic.startswith(SOURCE_TOPIC):
                snapshot = msgspec.msgpack.decode(message.body, type=Snapshot)
                self.store.apply(snapshot)
                self._unheard.discard(snapshot.source)
        except msgspec.DecodeError as error:
            log.warning("topic %s is not understood: %s", message.topic, error)

    def _set(self, **fields: Any) -> None:
        self.state = msgspec.structs.replace(self.state, **fields)
        self._bell.pull()


class LocalLink:
    """The engine in this very process, for a demonstration and for tests: no socket, no audit, every action allowed."""

    def __init__(
        self, sources: Iterable[Source | Unconfigured], version: str = "", *, is_demo: bool = True, clock: Callable[[], float] = time.time
    ) -> None:
        now = clock()
        self.store = Store()
        self.store.monitor = MonitorStatus(version, os.getpid(), "", now, "", 1, write=True, demo=is_demo)
        self.state = LinkState(True, welcome=Welcome(PROTOCOL, MONITOR, version, os.getpid(), "", now), last_heard_at=now)
        self._clock = clock
        self._bell = Bell()
        self._news = News()
        self._sequence = 0
        self._engine = Engine(sources, self._publish, clock=clock)

    async def run(self, changed: Callable[[], None]) -> None:
        self._bell.changed = changed
        await self._engine.run()

    async def command(
        self,
        target: str,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
        deadline: float = COMMAND_DEADLINE,
    ) -> Reply:
        if verb in VERBS:
            return await answer_question(self._engine, Command(0, target, verb, dict(arguments or {})))
        if target == MONITOR and verb == "write":
            return Reply(0, False, "actions are always allowed here")
        if verb == "refresh" or target == MONITOR:
            is_known = self._engine.refresh(None if target == MONITOR else target)
            return Reply(0, is_known, "asking now" if is_known else f"there is no source {target!r}")
        try:
            answer = await self._engine.act(target, verb, arguments or {}, expect or {})
        except KeyError:
            return Reply(0, False, f"there is no source {target!r}")
        except Unavailable as trouble:
            return Reply(0, False, trouble.error)
        except Exception as bug:
            log.exception("command %r to %s", verb, target)
            return Reply(0, False, f"internal error in {verb!r} ({type(bug).__name__}); see the log")
        self._tell("info", target, f"{verb}: {answer.text}")
        return Reply(0, answer.ok, answer.text)

    def _publish(self, snapshot: Snapshot) -> None:
        self.store.apply(brief(snapshot))
        for change in self._news.of(snapshot):
            self._tell(change.severity, change.source, change.text)
        self.state = msgspec.structs.replace(self.state, last_heard_at=self._clock())
        self._bell.pull()

    def _tell(self, severity: str, source: str, text: str) -> None:
        self._sequence += 1
        self.store.happened(Event(self._sequence, self._clock(), severity, source, text))
        self._bell.pull()
