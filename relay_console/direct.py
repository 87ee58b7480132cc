"""Asks the sources themselves when no daemon runs: for a reading, or two (rates need two), or a question to the topics or the GC logs.

What is asked of brokers, and done to their queues, is direct_brokers.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from backends.questions import Found, HeapOf, HeapPast, Question, Records, RecordsOf
from backends.snapshots import Kind, Snapshot
from backends.source import Context, Source, Unavailable, Unconfigured
from monitor.sources import build_sources
from relay_console import VERSION, paths
from relay_console.config import Configuration

log = logging.getLogger(__name__)

ASK_DEADLINE: Final = 20.0  # seconds for an answer to a question, as the monitor gives
CLOSE_DEADLINE: Final = 2.0  # seconds; a source promises to be gone within one


Told = Records | str  # why not


def clusters(configuration: Configuration) -> list[str]:
    """What the sources of topics are called."""
    return [source.name for source in sources_of(configuration, "topics")[0]]


def ask_topics(configuration: Configuration, cluster: str | None, question: RecordsOf) -> dict[str, Told]:
    """What the clusters answer that were meant, by name; none of them is observed. Blocks."""
    return asyncio.run(_ask_all([source for source in sources_of(configuration, "topics")[0] if cluster in (None, source.name)], question))


async def _ask_all(sources: Sequence[Source], question: RecordsOf) -> dict[str, Told]:
    try:
        told = await asyncio.gather(*(_ask(source, question) for source in sources))
        found = {source.name: answer for source, answer in zip(sources, told, strict=True)}
        return {
            name: answer if isinstance(answer, Records | str) else f"{name}: it told something else than records"
            for name, answer in found.items()
        }
    finally:
        await close_all(sources)


def ask_heap(configuration: Configuration, questions: Sequence[HeapOf]) -> list[HeapPast | str]:
    """The past of each, or why not; the logs are not observed. Blocks."""
    return asyncio.run(_ask_heap(sources_of(configuration, "heap")[0], questions))


async def _ask_heap(sources: Sequence[Source], questions: Sequence[HeapOf]) -> list[HeapPast | str]:
    try:
        told = [await _ask(sources[0], question) for question in questions] if sources else []
        return [answer if isinstance(answer, HeapPast | str) else "it told something else than a past" for answer in told]
    finally:
        await close_all(sources)


async def _ask(source: Source, question: Question) -> Found | str:
    try:
        async with asyncio.timeout(ASK_DEADLINE):
            return await source.ask(question)
    except TimeoutError:
        return f"{source.name}: no answer within {ASK_DEADLINE:g} s"
    except Unavailable as trouble:
        return trouble.error
    except Exception as bug:
        log.exception("source %s", source.name)
        return f"{source.name}: internal error ({type(bug).__name__}); please report it"


def observe(configuration: Configuration, kind: Kind | None, wait: float | None) -> list[Snapshot]:
    """Blocks for as long as the slowest source may take, and for `wait` seconds more when a second reading is wanted."""
    sources, missing = sources_of(configuration, kind)
    hints = [Snapshot(each.kind, each.kind, "unconfigured", error=each.hint) for each in missing]
    return [*asyncio.run(_observe_all(sources, wait)), *hints]


def sources_of(configuration: Configuration, kind: Kind | None) -> tuple[list[Source], list[Unconfigured]]:
    context = Context(configuration.sections, str(paths.relay_socket(configuration.directory)), VERSION)
    found = [source for source in build_sources(configuration.sections, context) if kind in (None, source.kind)]
    return (
        [source for source in found if not isinstance(source, Unconfigured)],
        [source for source in found if isinstance(source, Unconfigured)],
    )


async def _observe_all(sources: Sequence[Source], wait: float | None) -> list[Snapshot]:
    try:
        snapshots = await asyncio.gather(*(observe_one(source) for source in sources))
        if wait is not None:
            await asyncio.sleep(wait)
            snapshots = await asyncio.gather(*(observe_one(source) for source in sources))
        return snapshots
    finally:
        await close_all(sources)


async def close_all(sources: Sequence[Source]) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_DEADLINE):
            await asyncio.gather(*(source.close() for source in sources), return_exceptions=True)


async def observe_one(source: Source) -> Snapshot:
    """A bug in one source is no reason to say nothing of the others."""
    now = time.time()
    empty = Snapshot(source.name, source.kind, "down", interval_s=source.interval)
    try:
        async with asyncio.timeout(source.deadline):
            data = await source.observe(now)
        return msgspec.structs.replace(empty, state="ok", observed_at=now, data=data)
    except TimeoutError:
        return msgspec.structs.replace(empty, error=f"no answer within {source.deadline:g} s")
    except Unavailable as trouble:
        return msgspec.structs.replace(empty, state=trouble.state, error=trouble.error)
    except Exception as bug:
        log.exception("source %s", source.name)
        return msgspec.structs.replace(empty, error=f"internal error ({type(bug).__name__}); please report it")
