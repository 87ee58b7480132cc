"""The relay that is kept: adopted, started, and drained only when it is embedded. Over a real socket, the relay is a stand-in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import monitor.keeper
from link.errors import StartFailed
from link.start import Started
from monitor.keeper import Keeper
from monitor.revive import Start
from tests.monitor.relays import relaying
from tests.waiting import until


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "run" / "relay.sock"


class Kept:
    def __init__(self, socket: Path, start: Start | None) -> None:
        self.told: list[tuple[str, str]] = []
        self.keeper = Keeper(socket, "1", start, lambda severity, text: self.told.append((severity, text)))


@asynccontextmanager
async def keeping(socket: Path, start: Start | None = None) -> AsyncIterator[Kept]:
    kept = Kept(socket, start)
    task = asyncio.create_task(kept.keeper.run())
    try:
        yield kept
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def never() -> Started:
    raise AssertionError("a relay runs already")


async def test_a_relay_that_runs_is_adopted(socket: Path) -> None:
    async with relaying(socket, embedded=False), keeping(socket, never) as kept:
        await until(lambda: kept.keeper.relay)
        assert kept.told == []


async def test_an_embedded_relay_is_drained_and_gone_before_we_go(socket: Path) -> None:
    async with relaying(socket) as relay, keeping(socket, never) as kept:
        await until(lambda: kept.keeper.relay)
        assert await kept.keeper.drain() == "the relay is drained"
        assert relay.verbs == ["drain"]
        assert not socket.exists()


async def test_the_relay_of_a_person_or_of_systemd_goes_on(socket: Path) -> None:
    async with relaying(socket, embedded=False) as relay, keeping(socket, never) as kept:
        await until(lambda: kept.keeper.relay)
        assert await kept.keeper.drain() == "the relay goes on: it was not started by a monitor"
        assert relay.verbs == []


async def test_a_drain_that_does_not_end_is_not_waited_for_for_ever(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor.keeper, "DRAIN_DEADLINE", 0.05)
    async with relaying(socket, drains=False), keeping(socket) as kept:
        await until(lambda: kept.keeper.relay)
        assert await kept.keeper.drain() == "the relay is still draining after 0.05 s; it ends by itself"


async def test_no_relay_is_drained_at_once(socket: Path) -> None:
    async with keeping(socket) as kept:
        assert await kept.keeper.drain() == "there is no relay to drain"


async def test_why_it_cannot_be_started_is_told_once(socket: Path) -> None:
    tries: list[int] = []

    def start() -> Started:
        tries.append(1)
        raise StartFailed("it ended at once: port taken")

    async with keeping(socket, start) as kept:
        await until(lambda: len(tries) == 2)
        assert kept.keeper.error == "it ended at once: port taken"
        assert kept.told == [("critical", "the relay could not be started: it ended at once: port taken")]


async def test_one_that_was_started_is_told_and_clears_the_error(socket: Path) -> None:
    tries: list[int] = []
    loop = asyncio.get_running_loop()

    async with asyncio.timeout(10), keeping_with_relay(socket, tries, loop) as kept:
        await until(lambda: kept.keeper.relay)
        assert kept.keeper.error is None
        assert kept.told[-1] == ("info", "the relay was started (pid 99)")


@asynccontextmanager
async def keeping_with_relay(socket: Path, tries: list[int], loop: asyncio.AbstractEventLoop) -> AsyncIterator[Kept]:
    """The first start fails, the second one brings up a stand-in in this process."""
    running = asyncio.Event()
    ended = asyncio.Event()

    async def relay() -> None:
        async with relaying(socket):
            running.set()
            await ended.wait()

    tasks: list[asyncio.Task[None]] = []

    def start() -> Started:
        tries.append(1)
        if len(tries) == 1:
            raise StartFailed("disk full")

        async def bring_up() -> None:
            tasks.append(asyncio.create_task(relay()))
            await running.wait()

        asyncio.run_coroutine_threadsafe(bring_up(), loop).result(10)
        return Started(True, 99)

    async with keeping(socket, start) as kept:
        yield kept
    ended.set()
    await asyncio.gather(*tasks)
