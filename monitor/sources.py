"""From the configuration to the sources: each with a name of its own, and a hint for each kind that has none. Connects to nothing."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from backends.questions import Found, Question
from backends.snapshots import KINDS, Data, Kind
from backends.source import Answer, Context, Source, Unconfigured, modules

HINTS: Final[Mapping[Kind, str]] = {
    "relay": "no relay is configured; add `relay:` with receivers and senders to config.yaml",
    "topics": "no Kafka cluster is configured; add `kafka: [{name: main, bootstrap: HOST:9092}]` to config.yaml",
    "offsets": "no offsets are configured; add `offsets: [{name: NAME, zookeeper: HOST:2181, path: /PATH}]` to config.yaml",
    "heap": "no GC log is configured; add `heap: [{name: NAME, path: /PATH/gc.log}]` to config.yaml",
    "queues": "no ActiveMQ broker is configured; add `activemq: [{name: NAME, jolokia: URL, user: USER, password: {env: VAR}}]`",
}


def build_sources(sections: Mapping[str, Any], context: Context) -> list[Source | Unconfigured]:
    """In the order of KINDS. Sources that would have the same name get their kind in front of it, and a number when that is not enough."""
    made: list[Source | Unconfigured] = []
    for module in modules():
        if module.SECTION in sections:
            made += module.sources(sections[module.SECTION], context)
    found = _named_apart([source for source in made if not isinstance(source, Unconfigured)])
    hints = {each.kind: each for each in made if isinstance(each, Unconfigured)}
    kinds = {source.kind for source in found}
    missing = [hints.get(kind, Unconfigured(kind, HINTS[kind])) for kind in KINDS if kind not in kinds]
    return sorted([*found, *missing], key=lambda each: KINDS.index(each.kind))


def remake(sections: Mapping[str, Any], context: Context, name: str) -> Source:
    """The source of that name, new. Raises LookupError."""
    for source in build_sources(sections, context):
        if not isinstance(source, Unconfigured) and source.name == name:
            return source
    raise LookupError(name)


def _named_apart(sources: list[Source]) -> list[Source]:
    names = Counter(source.name for source in sources)
    kinds = Counter((source.kind, source.name) for source in sources)
    seen: Counter[tuple[Kind, str]] = Counter()
    apart: list[Source] = []
    for source in sources:
        key = (source.kind, source.name)
        seen[key] += 1
        if names[source.name] == 1:
            apart.append(source)
        elif kinds[key] == 1:
            apart.append(Renamed(source, f"{source.kind}-{source.name}"))
        else:
            apart.append(Renamed(source, f"{source.kind}-{source.name}-{seen[key]}"))
    return apart


class Renamed:
    """The same source under another name."""

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self.name = name
        self.kind = source.kind

    @property
    def interval(self) -> float:
        return self._source.interval

    @property
    def deadline(self) -> float:
        return self._source.deadline

    @property
    def act_deadline(self) -> float:
        return self._source.act_deadline

    async def observe(self, now: float) -> Data:
        return await self._source.observe(now)

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return await self._source.act(verb, arguments, expect)

    async def ask(self, question: Question) -> Found:
        return await self._source.ask(question)

    async def close(self) -> None:
        await self._source.close()
