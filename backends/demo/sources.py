"""The sources of the demonstration: each asks its scene what there is at this moment."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from backends.demo.agents import heap
from backends.demo.brokers import broker_a, broker_b
from backends.demo.browse import browse
from backends.demo.consumption import groups, history, nodes
from backends.demo.freshness import topics
from backends.demo.gc_lines import log_lines
from backends.demo.hands import Hands
from backends.demo.partners import Deeds, relay
from backends.demo.past import past
from backends.demo.previews import preview
from backends.demo.records import records
from backends.demo.stock import Stock
from backends.questions import Found, HeapOf, HistoryOf, Jobs, JobsOf, LogLinesOf, MessagesOf, PreviewOf, Question, RecordsOf
from backends.snapshots import Data, Kind, Queues
from backends.source import ACT_DEADLINE_S, Answer, Source, Unavailable

NOTHING_TO_ASK = "there is nothing to ask of this source besides what it shows"


class DemoSource:
    """One source of the demonstration. `look` gets the seconds since the start and the time of day."""

    def __init__(self, name: str, kind: Kind, interval: float, look: Callable[[float, float], Data], deeds: Deeds, offset: float) -> None:
        self.name: str = name
        self.kind: Kind = kind
        self.interval = interval
        self.deadline = 5.0
        self.act_deadline = ACT_DEADLINE_S
        self._look = look
        self._deeds = deeds
        self._offset = offset
        self._began: float | None = None
        self._now = 0.0

    async def observe(self, now: float) -> Data:
        self._now = now
        if self._began is None:
            self._began = now - self._offset
        return self._look(now - self._began, now)

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return self._deeds.act(verb, arguments)

    async def ask(self, question: Question) -> Found:
        """As of the last look: what a snapshot shows and what is asked about it fit each other."""
        at = self._at()
        match self.kind, question:
            case "topics", RecordsOf():
                return records(question, at, self._now)
            case "offsets", HistoryOf():
                return history(question, at, self._now)
            case "heap", HeapOf():
                return past(question, at, self._now)
            case "heap", LogLinesOf():
                return log_lines(question, at, self._now)
        raise Unavailable(NOTHING_TO_ASK)

    async def close(self) -> None:
        pass

    def _at(self) -> float:
        if self._began is None:
            raise Unavailable("nothing was looked at yet")
        return self._now - self._began


class DemoBroker(DemoSource):
    """A broker, whose queues remember what was done to them."""

    def __init__(self, stock: Stock, look: Callable[[float, float, Stock], Queues], deeds: Deeds, offset: float) -> None:
        super().__init__(stock.broker, "queues", 5.0, lambda at, now: look(at, now, stock), deeds, offset)
        self._stock = stock
        self._hands = Hands(stock, self._moment)
        self._looked_at = 0.0  # by the clock of the loop

    async def observe(self, now: float) -> Data:
        self._looked_at = asyncio.get_running_loop().time()
        return await super().observe(now)

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        self._look(self._at(), self._now)  # a broker that is away does nothing
        return await self._hands.act(verb, arguments, expect)

    async def ask(self, question: Question) -> Found:
        at = self._at()
        self._look(at, self._now)
        began = self._now - at
        match question:
            case MessagesOf():
                return await asyncio.to_thread(browse, question, self._stock, at, began)
            case PreviewOf():
                return preview(question, self._stock, at, began)
            case JobsOf():
                return Jobs(self._stock.jobs())
        raise Unavailable(NOTHING_TO_ASK)

    def _moment(self) -> tuple[float, float]:
        """A job takes longer than there is between two looks."""
        passed = asyncio.get_running_loop().time() - self._looked_at
        return self._at() + passed, self._now + passed


def demo_sources(offset: float = 0.0) -> list[Source]:
    """One or two sources of each kind, all at the same moment of the incident; `offset` seconds of it have passed already."""
    deeds = Deeds()

    def source(name: str, kind: Kind, interval: float, look: Callable[[float, float], Data]) -> Source:
        return DemoSource(name, kind, interval, look, deeds, offset)

    return [
        source("relay", "relay", 1.0, lambda at, now: relay(at, now, deeds)),
        source("main", "topics", 5.0, topics),
        source("leanstream", "offsets", 5.0, nodes),
        source("groups", "offsets", 5.0, groups),
        source("heap", "heap", 2.0, heap),
        DemoBroker(Stock("broker-a"), broker_a, deeds, offset),
        DemoBroker(Stock("broker-b"), broker_b, deeds, offset),
    ]
