"""The sources of topics and offsets as the engine drives them: made from a configuration, asked again and again; their events are kept."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from backends import offsets, topics
from backends.kafka.config import Cluster
from backends.offsets import Watched
from backends.snapshots import Consumer, Offsets, Topic, TopicPartition, Topics
from backends.source import Context, Source, Unavailable

PATIENCE_S = 30.0
PULSE_S = 0.05


class Watch:
    """One source, and what it told. `cycles` counts every observation, the failed ones as well."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.cycles = 0
        self.source: Source

    def tell(self, at: float, severity: str, source: str, text: str) -> None:
        self.events.append(text)

    async def observe(self) -> Any:
        self.cycles += 1
        return await self.source.observe(time.time())

    async def topics(self) -> dict[str, Topic]:
        seen = await self.observe()
        assert isinstance(seen, Topics)
        return {topic.name: topic for topic in seen.topics}

    async def consumers(self) -> dict[str, Consumer]:
        """By name; with groups that read one topic each, that is one to one."""
        seen = await self.observe()
        assert isinstance(seen, Offsets)
        return {consumer.name: consumer for consumer in seen.consumers}

    async def trouble(self) -> Unavailable:
        with pytest.raises(Unavailable) as caught:
            await self.observe()
        return caught.value

    async def until(self, holds: Callable[[Any], object], patience_s: float = PATIENCE_S) -> Any:
        """The first data that it holds for; whatever trouble there is meanwhile is lived through."""
        async with asyncio.timeout(patience_s):
            while True:
                try:
                    if holds(seen := await self.observe()):
                        return seen
                except Unavailable:
                    pass
                await asyncio.sleep(PULSE_S)

    async def topic_within(self, cycles: int, name: str, holds: Callable[[Topic], object]) -> Topic:
        """Some trouble may be in these cycles, more cycles may not."""
        seen: object = None
        for _ in range(cycles):
            try:
                topic = (await self.topics()).get(name)
                if topic is not None and holds(topic):
                    return topic
                seen = topic
            except Unavailable as trouble:
                seen = trouble
        raise AssertionError(f"not within {cycles} cycles; the last one had {seen}")

    def told(self, *words: str) -> list[str]:
        """Events that hold one of the words."""
        return [text for text in self.events if any(word in text.lower() for word in words)]


@asynccontextmanager
async def watching_topics(cluster: Cluster) -> AsyncIterator[Watch]:
    watch = Watch()
    [watch.source] = topics.sources([cluster], Context({"kafka": [cluster]}, "", "", watch.tell))
    try:
        yield watch
    finally:
        await watch.source.close()


@asynccontextmanager
async def watching_offsets(watched: Watched, *clusters: Cluster) -> AsyncIterator[Watch]:
    watch = Watch()
    [watch.source] = offsets.sources([watched], Context({"kafka": [*clusters]}, "", "", watch.tell))
    try:
        yield watch
    finally:
        await watch.source.close()


def part(topic: Topic, number: int) -> TopicPartition:
    return next(each for each in topic.detail if each.partition == number)


def ambush(monkeypatch: pytest.MonkeyPatch, method: str, strike: Callable[[], object]) -> None:
    """`strike` happens once, just before librdkafka is asked that: between a cycle's metadata and the question itself."""
    real = getattr(AdminClient, method)
    struck: list[bool] = []

    def ambushed(self: AdminClient, *words: Any, **named: Any) -> Any:
        if not struck:
            struck.append(True)
            strike()
        return real(self, *words, **named)

    monkeypatch.setattr(AdminClient, method, ambushed)
