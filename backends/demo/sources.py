"""The sources of the demonstration: each asks its scene what there is at this moment."""

from collections.abc import Callable, Mapping
from typing import Any

from backends.demo.agents import heap
from backends.demo.brokers import broker_a, broker_b
from backends.demo.consumption import groups, history, nodes
from backends.demo.freshness import topics
from backends.demo.partners import Deeds, relay
from backends.demo.records import records
from backends.questions import Found, HistoryOf, Question, RecordsOf
from backends.snapshots import Data, Kind
from backends.source import Answer, Source, Unavailable


class DemoSource:
    """One source of the demonstration. `look` gets the seconds since the start and the time of day."""

    def __init__(self, name: str, kind: Kind, interval: float, look: Callable[[float, float], Data], deeds: Deeds, offset: float) -> None:
        self.name: str = name
        self.kind: Kind = kind
        self.interval = interval
        self.deadline = 5.0
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
        if self._began is None:
            raise Unavailable("nothing was looked at yet")
        at = self._now - self._began
        if isinstance(question, RecordsOf) and self.kind == "topics":
            return records(question, at, self._now)
        if isinstance(question, HistoryOf) and self.kind == "offsets":
            return history(question, at, self._now)
        raise Unavailable("there is nothing to ask of this source besides what it shows")

    async def close(self) -> None:
        pass


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
        source("broker-a", "queues", 5.0, broker_a),
        source("broker-b", "queues", 5.0, broker_b),
    ]
