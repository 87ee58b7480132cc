"""A console whose far side is a script: the store is fed by hand, commands are kept, and the screen is read as text."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from textual.pilot import Pilot

from backends import demo
from backends.details import of_name
from backends.questions import VERBS, Found, HeapOf, HistoryOf, LogLinesOf, Question, RecordsOf, Whole, WholeOf, question_of
from backends.snapshots import Data, Kind, Snapshot
from backends.source import Unavailable
from link.protocol import Event, Reply
from monitor.replica import LinkState
from monitor.store import MonitorStatus, Store
from tests.waiting import until
from tui.app import Console
from tui.options import ConsoleOptions

NOW = 1_763_800_000.0
CALM, TROUBLE = 0.0, 175.0  # seconds into the scripted incident


def snapshot(name: str, kind: Kind, data: Data | None = None, **fields: Any) -> Snapshot:
    whole: dict[str, Any] = {"state": "ok", "observed_at": None if data is None else NOW, "interval_s": 5.0, **fields}
    return Snapshot(name, kind, data=data, **whole)


def incident(at: float = TROUBLE) -> list[Snapshot]:
    """All five kinds at one moment of the incident; broker-b is away."""
    return [
        snapshot("relay", "relay", demo.relay(at, NOW, demo.Deeds())),
        snapshot("main", "topics", demo.topics(at, NOW)),
        snapshot("leanstream", "offsets", demo.nodes(at, NOW)),
        snapshot("groups", "offsets", demo.groups(at, NOW)),
        snapshot("heap", "heap", demo.heap(at, NOW)),
        snapshot("broker-a", "queues", demo.broker_a(at, NOW)),
        snapshot("broker-b", "queues", demo.broker_b(0.0, NOW), state="down", error="connection refused", next_try_at=NOW + 8),
    ]


def store_of(*snapshots: Snapshot) -> Store:
    store = Store()
    for each in snapshots:
        store.apply(each)
    return store


def told_by_the_demonstration(question: Question) -> Found | str:
    try:
        if isinstance(question, WholeOf):
            return Whole(NOW, of_name(demo.topics(TROUBLE, NOW), question.name or ""))
        if isinstance(question, RecordsOf):
            return demo.records(question, TROUBLE, NOW)
        if isinstance(question, HeapOf):
            return demo.past(question, TROUBLE, NOW)
        if isinstance(question, LogLinesOf):
            return demo.log_lines(question, TROUBLE, NOW)
        return demo.history(question, TROUBLE, NOW) if isinstance(question, HistoryOf) else "nothing is scripted for it"
    except Unavailable as trouble:
        return trouble.error


class ScriptedLink:
    def __init__(self, *snapshots: Snapshot, write: bool = True, started_by_us: bool = False) -> None:
        self.store = store_of(*snapshots)
        self.store.monitor = MonitorStatus("1.0", 7, "bastion-1", NOW, "config.yaml", 1, write=write)
        self.state = LinkState(connected=True, started_by_us=started_by_us)
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.answer = Reply(0, True, "done")
        self.asked: list[tuple[str, Question]] = []
        self.tells: Callable[[Question], Found | str] = told_by_the_demonstration
        self.is_listening = asyncio.Event()  # cleared: answers to questions are on their way until it is set
        self.is_listening.set()
        self.changed: Callable[[], None] | None = None

    async def run(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    async def command(
        self,
        target: str,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
        deadline: float = 30.0,
    ) -> Reply:
        if verb in VERBS:
            question = question_of(verb, arguments or {})
            self.asked.append((target, question))
            await self.is_listening.wait()
            found = self.tells(question)
            return Reply(0, False, found) if isinstance(found, str) else Reply(0, True, "", msgspec.Raw(msgspec.msgpack.encode(found)))
        self.sent.append((target, verb, dict(arguments or {})))
        return self.answer

    def happens(self, text: str, severity: str = "critical", source: str = "relay") -> None:
        self.store.happened(Event(len(self.store.events) + 1, NOW, severity, source, text))

    def loses(self, error: str) -> None:
        self.state = msgspec.structs.replace(self.state, connected=False, error=error)


class ScriptedConsole(Console):
    """Its clock stands still until the script moves it."""

    def __init__(self, link: ScriptedLink, options: ConsoleOptions) -> None:
        self.now = NOW
        super().__init__(link, options)

    def clock(self) -> float:
        return self.now


class Story:
    """Press keys, read the screen."""

    def __init__(self, console: ScriptedConsole, pilot: Pilot[None], link: ScriptedLink) -> None:
        self.console = console
        self.pilot = pilot
        self.link = link

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def types(self, text: str) -> None:
        await self.press(*(NAMES.get(char, char) for char in text))

    async def resizes(self, columns: int, rows: int) -> None:
        """A slow machine takes its time to tell the screen."""
        await self.pilot.resize_terminal(columns, rows)
        await until(lambda: self.console.screen.size == (columns, rows))
        self.console.deck.draw()
        await self.pilot.pause()

    async def passes(self, seconds: float) -> None:
        """Lets the console's clock move and its tick come."""
        self.console.now += seconds
        self.console.deck.tick()
        await self.pilot.pause()

    def text(self) -> str:
        strips = self.console.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    def sees(self, *words: str) -> None:
        text = self.text()
        for word in words:
            assert word in text, f"{word!r} is not on the screen:\n{text}"

    def sees_no(self, *words: str) -> None:
        text = self.text()
        for word in words:
            assert word not in text, f"{word!r} is on the screen:\n{text}"


NAMES = {" ": "space", "/": "slash", ":": "colon", "!": "exclamation_mark", "~": "tilde", "*": "asterisk", "?": "question_mark"}


@asynccontextmanager
async def story(
    *snapshots: Snapshot, size: tuple[int, int] = (120, 40), link: ScriptedLink | None = None, **options: Any
) -> AsyncIterator[Story]:
    link = link or ScriptedLink(*snapshots)
    console = ScriptedConsole(link, ConsoleOptions(**options))
    async with console.run_test(size=size) as pilot:
        await pilot.pause()
        console.deck.draw()
        await pilot.pause()
        yield Story(console, pilot, link)
