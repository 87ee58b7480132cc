"""Asks the sources themselves, once or twice, when no daemon runs. Rates need two readings."""

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from backends.snapshots import Kind, Snapshot
from backends.source import Context, Source, Unavailable, Unconfigured
from monitor.sources import build_sources
from relay_console import VERSION, paths
from relay_console.config import Configuration

log = logging.getLogger(__name__)

CLOSE_DEADLINE: Final = 2.0  # seconds; a source promises to be gone within one


def observe(configuration: Configuration, kind: Kind | None, wait: float | None) -> list[Snapshot]:
    """Blocks for as long as the slowest source may take, and for `wait` seconds more when a second reading is wanted."""
    context = Context(configuration.sections, str(paths.relay_socket(configuration.directory)), VERSION)
    found = [source for source in build_sources(configuration.sections, context) if kind in (None, source.kind)]
    sources = [source for source in found if not isinstance(source, Unconfigured)]
    hints = [Snapshot(each.kind, each.kind, "unconfigured", error=each.hint) for each in found if isinstance(each, Unconfigured)]
    return [*asyncio.run(_observe_all(sources, wait)), *hints]


async def _observe_all(sources: Sequence[Source], wait: float | None) -> list[Snapshot]:
    try:
        snapshots = await asyncio.gather(*(_observe(source) for source in sources))
        if wait is not None:
            await asyncio.sleep(wait)
            snapshots = await asyncio.gather(*(_observe(source) for source in sources))
        return snapshots
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_DEADLINE):
                await asyncio.gather(*(source.close() for source in sources), return_exceptions=True)


async def _observe(source: Source) -> Snapshot:
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
