"""Groups are read by a process that may die: it is started again in the same reading, says so, and dies with whoever started it."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from backends.consumers.process import GroupProcess
from backends.kafka.client import Settings
from backends.source import Unavailable
from tests.backends.kafka_peer import KafkaPeer
from tests.lab.kafka import Kafka4
from tests.waiting import until


def process_of(address: str, *groups: str) -> GroupProcess:
    return GroupProcess(Settings("kafka main", "kafka[0]", address, {"client.id": "told-by-the-pipe-alone"}), groups, "main")


def pid_of(groups: GroupProcess) -> int:
    assert groups._child is not None
    return groups._child.pid


@pytest.fixture(scope="module")
def address(kafka4: Kafka4) -> str:
    peer = KafkaPeer(kafka4.address())
    peer.create({"apart": 2})
    peer.write("apart", b"x", b"y", b"z")
    peer.commit("apart-sink", "apart", {0: 1})
    return kafka4.address()


async def test_a_reader_that_dies_is_followed_by_another_within_the_same_reading(address: str) -> None:
    groups = process_of(address, "apart-*")
    try:
        before = await groups.read()
        os.kill(pid := pid_of(groups), signal.SIGSEGV)
        after = await groups.read()
        assert pid_of(groups) != pid
    finally:
        await groups.close()
    assert [(seen.name, dict(seen.offsets), dict(seen.ends)) for seen in after] == [("apart-sink", {0: 1}, {0: 3, 1: 0})]
    assert [seen.name for seen in before] == ["apart-sink"]
    assert [death.split(" (")[0] for death in groups.deaths] == ["the process that reads groups died of signal 11"]


async def test_a_group_that_is_named_outright_has_a_row_also_where_there_is_none(address: str) -> None:
    groups = process_of(address, "apart-sink", "no-such-sink")
    try:
        seen = {each.name: each.note for each in await groups.read()}
    finally:
        await groups.close()
    assert seen == {"apart-sink": "the group has no members", "no-such-sink": "there is no such group"}


async def test_no_argument_and_no_environment_of_it_tells_the_settings(address: str) -> None:
    groups = process_of(address, "*")
    try:
        await groups.read()
        place = Path(f"/proc/{pid_of(groups)}")
        assert b"told-by-the-pipe" not in place.joinpath("cmdline").read_bytes() + place.joinpath("environ").read_bytes()
    finally:
        await groups.close()


async def test_a_cluster_that_is_away_is_told_by_the_same_process_again_and_again() -> None:
    groups = process_of("127.0.0.1:1", "*")
    try:
        pids = set()
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"no broker answers at 127.0.0.1:1 \(connection refused\)"):
                await groups.read()
            pids.add(pid_of(groups))
        assert len(pids) == 1 and groups.deaths == []
    finally:
        await groups.close()


async def test_a_reading_that_is_given_up_leaves_no_process_behind() -> None:
    groups = process_of("10.255.255.1:9092", "*")
    task = asyncio.ensure_future(groups.read())
    await until(lambda: groups._child is not None)
    pid = pid_of(groups)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    assert task.cancelled() and not Path(f"/proc/{pid}").exists()


async def test_a_reader_that_cannot_live_is_unavailable_and_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    groups = process_of("127.0.0.1:1", "*")
    with pytest.raises(Unavailable, match=r"kafka main: the process that reads groups ended with code 1 .*; it is started again"):
        await groups.read()
    assert len(groups.deaths) == 2
