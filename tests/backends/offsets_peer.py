"""How tests look at an offsets source: made from its configuration, closed at the end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backends.kafka.config import Cluster
from backends.offsets import Watched, sources
from backends.snapshots import Consumer, Offsets
from backends.source import Context, Source, Tell, Unavailable

PATIENCE_S = 30.0


def ignore(at: float, severity: str, source: str, text: str) -> None:
    """Most tests look at what is there, not at what happened."""


@asynccontextmanager
async def watching(watched: Watched, *clusters: Cluster, tell: Tell = ignore) -> AsyncIterator[Source]:
    [source] = sources([watched], Context({"kafka": [*clusters]}, "", "", tell))
    try:
        yield source
    finally:
        await source.close()


async def look(source: Source) -> dict[tuple[str, str | None], Consumer]:
    seen = await source.observe(time.time())
    assert isinstance(seen, Offsets)
    return {(consumer.name, consumer.topic): consumer for consumer in seen.consumers}


async def patiently(source: Source) -> dict[tuple[str, str | None], Consumer]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await look(source)
            except Unavailable:
                await asyncio.sleep(0.05)


def into(told: list[tuple[str, str]]) -> Tell:
    """Events as severity and text."""
    return lambda at, severity, source, text: told.append((severity, text))
