"""What every source promises (backends/source.py) and every snapshot: one suite over all kinds, at peers that are dead or say nothing."""

import asyncio
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backends.demo import demo_sources
from backends.snapshots import KINDS, Heap, Snapshot
from backends.source import Answer, Context, Source, Unavailable, modules

CLIENTS = ("confluent_kafka", "kazoo", "stomp", "aiohttp", "textual", "yaml", "click")
CANCELLED_WITHIN = 1.0
NOW = 1_795_000_000.0
Sections = dict[str, Any]


def at(address: str, folder: Path) -> Sections:
    """Every way in which a source may be configured, all pointing at one address."""
    return {
        "kafka": [{"name": "by-bootstrap", "bootstrap": address}, {"name": "by-zookeeper", "zookeeper": address}],
        "offsets": [
            {"name": "csv", "zookeeper": address, "path": "/lean/app/offsets", "layout": "csv"},
            {"name": "classic", "zookeeper": address, "path": "/consumers", "layout": "consumers"},
            {"name": "groups", "kafka": "by-bootstrap", "groups": ["*"]},
        ],
        "heap": [{"name": "agent", "path": str(folder / "gc.log")}],
        "activemq": [{"name": "broker", "jolokia": f"http://{address}/api/jolokia/", "user": "admin", "password": {"env": "CONTRACT"}}],
        "relay": {"directory": str(folder / "relay")},
    }


def made(sections: Sections, folder: Path) -> list[Source]:
    typed: Sections = {module.SECTION: msgspec.convert(sections[module.SECTION], type=module.Section) for module in modules()}
    context = Context(typed, str(folder / "relay.sock"), "0")
    return [source for module in modules() for source in module.sources(typed[module.SECTION], context)]


@contextmanager
def dead_port() -> Iterator[str]:
    """Bound and not listening: whoever connects is refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def silent_port() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@asynccontextmanager
async def all_sources(address: str, folder: Path) -> AsyncIterator[list[Source]]:
    sources = made(at(address, folder), folder)
    try:
        yield sources
    finally:
        await asyncio.gather(*(source.close() for source in sources))


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTRACT", "not-told")


async def test_every_kind_is_made_and_names_itself(tmp_path: Path) -> None:
    async with all_sources("127.0.0.1:1", tmp_path) as sources:
        assert {source.kind for source in sources} == set(KINDS)
        assert len({source.name for source in sources}) == len(sources)
        assert all(source.interval > 0 and source.deadline > 0 for source in sources)


def test_making_every_source_imports_no_client_library(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from tests.backends.test_contract import at, made
before = set(sys.modules)
sources = made(at("127.0.0.1:1", Path({str(tmp_path)!r})), Path({str(tmp_path)!r}))
assert len(sources) >= 7, sources
import importlib
print([name for name in {CLIENTS!r} if name in set(sys.modules) - before])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("port", [dead_port, silent_port])
async def test_a_peer_that_is_dead_or_silent_is_said_in_words_within_the_deadline(port: Callable[[], Any], tmp_path: Path) -> None:
    with port() as address:
        async with all_sources(address, tmp_path) as sources:
            outcomes = await asyncio.gather(*(outcome(source) for source in sources))
    for source, (said, took) in zip(sources, outcomes, strict=True):
        assert took < source.deadline, f"{source.name} took {took:.1f} s"
        assert len(said) > 20 and "\n" not in said and "Traceback" not in said and "not-told" not in said, f"{source.name}: {said!r}"


async def outcome(source: Source) -> tuple[str, float]:
    began = time.monotonic()
    try:
        async with asyncio.timeout(source.deadline + 1):
            data = await source.observe(NOW)
    except Unavailable as trouble:
        assert trouble.state in ("down", "denied", "stale")
        return trouble.error, time.monotonic() - began
    assert isinstance(data, Heap), f"{source.name} found something where nothing is"
    assert data.files[0].state == "down"
    return data.files[0].error or "", time.monotonic() - began


async def test_a_reading_can_be_cancelled_at_once_and_the_source_closed_twice(tmp_path: Path) -> None:
    with silent_port() as address:
        async with all_sources(address, tmp_path) as sources:
            for source in sources:
                task = asyncio.create_task(source.observe(NOW))
                await asyncio.sleep(0.05)  # it is on its way
                began = time.monotonic()
                task.cancel()
                await asyncio.wait([task], timeout=CANCELLED_WITHIN)
                assert task.done(), f"{source.name} goes on after {time.monotonic() - began:.1f} s"
                if not task.cancelled():
                    task.exception()
                await source.close()


async def test_an_action_that_a_source_does_not_know_is_refused_in_words(tmp_path: Path) -> None:
    with dead_port() as address:
        async with all_sources(address, tmp_path) as sources:
            for source in sources:
                answer = await source.act("fly", {}, {})
                assert isinstance(answer, Answer) and not answer.ok and len(answer.text) > 10, source.name


@pytest.mark.parametrize("minute", range(6))
async def test_every_snapshot_survives_the_wire_and_gives_finite_series(minute: int) -> None:
    kinds = set()
    for source in demo_sources():
        try:
            data = await source.observe(NOW + 60 * minute)
        except Unavailable:
            continue
        snapshot = Snapshot(source.name, source.kind, "ok", NOW, data=data, interval_s=source.interval)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot), type=Snapshot) == snapshot
        assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot
        series = list(data.series())
        assert all(math.isfinite(value) for _, _, value in series) and len({(name, labels) for name, labels, _ in series}) == len(series)
        kinds.add(source.kind)
    assert len(kinds) >= 4
