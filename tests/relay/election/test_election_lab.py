"""Elections by a real ZooKeeper: candidates in this process, then whole relays that share an outbox and are killed and stopped."""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from relay.config import Election as ElectionConfig
from relay.election.candidate import Candidate
from relay.election.zookeeper import Election
from tests.lab.server import free_port
from tests.lab.zookeeper import ZooKeeper

TIMEOUT = 1.2  # of a session, seconds; the lab's server grants one second and more
DEADLINE = 8.0


class Host:
    """One relay's session, with one candidate."""

    def __init__(self, zookeeper: str, root: str, place: Path, timeout: float = TIMEOUT) -> None:
        self.told: list[tuple[str, str, str]] = []
        outbox = place / "shared"
        outbox.mkdir(parents=True, exist_ok=True)
        config = ElectionConfig(zookeeper=zookeeper, path=root, session_timeout=timeout)
        self.election = Election(config, lambda *words: self.told.append(words))
        self.candidate = Candidate(self.election, "s", outbox, lambda *words: self.told.append(words))

    @property
    def kazoo(self) -> Any:
        return self.election._kazoo


@pytest.fixture
def root() -> str:
    return f"/election-{uuid.uuid4().hex}"


@contextlib.asynccontextmanager
async def hosts(number: int, zookeeper: str, root: str, place: Path, timeout: float = TIMEOUT) -> AsyncIterator[list[Host]]:
    found = [Host(zookeeper, root, place, timeout) for _ in range(number)]
    try:
        for host in found:
            await host.candidate.start()
        yield found
    finally:
        await asyncio.gather(*(host.candidate.close() for host in found))


async def until(found: Callable[[], bool], what: str, hosts: list[Host]) -> None:
    """Never two that may send, whatever else is waited for."""
    async with asyncio.timeout(DEADLINE):
        while not found():
            assert sum(host.candidate.may_send() for host in hosts) <= 1, what
            await asyncio.sleep(0.005)


def leaders(hosts: list[Host]) -> list[Host]:
    return [host for host in hosts if host.candidate.may_send()]


async def test_one_leads_and_when_it_leaves_the_next_leads_at_once_with_a_greater_number(
    zookeeper: ZooKeeper, root: str, tmp_path: Path
) -> None:
    async with hosts(3, zookeeper.address(), root, tmp_path, timeout=8.0) as three:
        left, numbers = list(three), []
        while left:
            await until(lambda: len(leaders(left)) == 1, "one leads", three)
            (first,) = leaders(left)
            await until(lambda: all(each.candidate.state in ("leader", "standby") for each in left), "all have joined", three)
            assert first.candidate.state == "leader" and first.candidate.fence is not None
            assert [first.candidate.changed(), first.candidate.changed()] == [True, False]
            assert not any(other.candidate.changed() for other in left if other is not first)
            assert all((other.candidate.why is None) is (other is first) for other in left)
            numbers.append(first.candidate.fence)
            await first.candidate.close()
            assert not first.candidate.may_send()
            left.remove(first)
    assert numbers == sorted(set(numbers)) and len(numbers) == 3


async def test_a_session_that_is_lost_stops_the_sending_at_once_and_a_new_one_is_a_new_term(
    zookeeper: ZooKeeper, root: str, tmp_path: Path
) -> None:
    async with hosts(1, zookeeper.address(), root, tmp_path) as alone:
        (host,) = alone
        await until(host.candidate.may_send, "it leads", alone)
        before = host.candidate.fence
        assert host.candidate.changed() and before
        await asyncio.to_thread(_expire, zookeeper.address(), host.kazoo.client_id)
        await until(lambda: not host.candidate.may_send(), "it stops", alone)
        await until(host.candidate.may_send, "it leads again", alone)
        assert host.candidate.changed()
        assert (host.candidate.fence or 0) > before


def _expire(zookeeper: str, session: tuple[int, bytes]) -> None:
    """Ends the session from outside: another client takes it and closes it."""
    thief = KazooClient(hosts=zookeeper, client_id=session)
    thief.start(5)
    thief.stop()
    thief.close()


async def test_a_break_within_the_session_goes_on_in_the_same_term(zookeeper: ZooKeeper, root: str, tmp_path: Path) -> None:
    async with hosts(2, zookeeper.address(), root, tmp_path, timeout=8.0) as two:
        await until(lambda: len(leaders(two)) == 1, "one leads", two)
        (first,) = leaders(two)
        number = first.candidate.fence
        assert first.candidate.changed()
        first.kazoo._connection._socket.shutdown(2)
        await until(lambda: not first.candidate.may_send(), "it stops at once", two)
        await until(first.candidate.may_send, "it goes on", two)
        assert first.candidate.fence == number and not first.candidate.changed()


async def test_a_place_that_somebody_removed_ends_the_term(zookeeper: ZooKeeper, root: str, tmp_path: Path) -> None:
    admin = KazooClient(hosts=zookeeper.address())
    await asyncio.to_thread(admin.start, 5)
    async with hosts(1, zookeeper.address(), root, tmp_path) as alone:
        (host,) = alone
        await until(host.candidate.may_send, "it leads", alone)
        number = host.candidate.fence or 0
        await asyncio.to_thread(admin.delete, f"{root}/s", recursive=True)  # the row too: its counter starts again
        await until(lambda: (host.candidate.fence or 0) > number and host.candidate.may_send(), "it leads in a later term", alone)
    await asyncio.to_thread(admin.stop)
    await asyncio.to_thread(admin.close)


async def test_a_fence_that_is_later_than_zookeeper_is_trouble_and_nothing_is_sent(zookeeper: ZooKeeper, root: str, tmp_path: Path) -> None:
    fence = tmp_path / ".shared.fence"
    fence.write_text(f"{1 << 62} elsewhere:1\n")
    async with hosts(1, zookeeper.address(), root, tmp_path) as alone:
        (host,) = alone
        await until(lambda: any(severity == "critical" for severity, _, _ in host.told), "it says so", alone)
        assert not host.candidate.may_send()
        assert host.candidate.state == "standby" and "elsewhere:1" in (host.candidate.why or "")
        fence.unlink()
        await until(host.candidate.may_send, "it leads when the fence is gone", alone)
        fence.write_text(f"{1 << 62} elsewhere:1\n")
        assert not host.candidate.may_send()


async def test_a_hung_zookeeper_stops_the_sending_within_the_session(zookeeper: ZooKeeper, root: str, tmp_path: Path) -> None:
    async with hosts(1, zookeeper.address(), root, tmp_path) as alone:
        (host,) = alone
        await until(host.candidate.may_send, "it leads", alone)
        zookeeper.hang()
        try:
            await until(lambda: not host.candidate.may_send(), "it stops", alone)
            assert host.candidate.state == "lost" and host.candidate.why
        finally:
            zookeeper.resume()
        await until(host.candidate.may_send, "it goes on", alone)


async def test_what_the_server_grants_counts_when_it_is_less(zookeeper: ZooKeeper, root: str, tmp_path: Path) -> None:
    async with hosts(1, zookeeper.address(), root, tmp_path, timeout=60.0) as alone:
        await until(alone[0].candidate.may_send, "it leads", alone)
        assert alone[0].election.timeout == 10.0  # twenty ticks of the lab's


async def test_no_zookeeper_at_the_start_is_waited_for_without_an_end(root: str, tmp_path: Path) -> None:
    async with hosts(1, f"127.0.0.1:{free_port()}", root, tmp_path) as alone:
        (host,) = alone
        await asyncio.sleep(0.3)
        assert (host.candidate.state, host.candidate.may_send()) == ("lost", False)
        assert "no ZooKeeper answers at 127.0.0.1" in (host.candidate.why or "")


async def test_a_thread_of_kazoo_that_died_is_started_again(
    zookeeper: ZooKeeper, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.election.zookeeper.RENEW_S", 0.05)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    async with hosts(1, zookeeper.address(), root, tmp_path) as alone:
        (host,) = alone
        await until(host.candidate.may_send, "it leads", alone)
        broken = host.kazoo

        def bug(*_: object) -> None:
            raise ValueError("no rule for this")

        broken._connection._connect = bug
        broken._connection._socket.shutdown(2)
        await until(lambda: host.kazoo not in (None, broken), "there is a new one", alone)
        await until(host.candidate.may_send, "it leads again", alone)
