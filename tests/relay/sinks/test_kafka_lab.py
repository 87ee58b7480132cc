"""A relay before a real broker that works, refuses, hangs, dies and comes back."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.config import Broker, KafkaSink, Receiver, Relay, Sink
from relay.status import ForwardStatus, RelayStatus
from tests.lab.kafka import Kafka4
from tests.relay.process import Process
from tests.relay.records import request, response
from tests.relay.running import Partner, partner, running
from tests.relay.sinks.load import Load, first_of_each, stored, topic

TIMEOUT = 1.0  # of the sink
MAX_GROWTH = 128 << 20  # bytes; librdkafka's threads and buffers, the batches of 8 MiB on their way, and what the allocator keeps


@pytest.fixture
def kafka(kafka4: Kafka4) -> Iterator[Kafka4]:
    yield kafka4
    if kafka4.is_running:
        kafka4.resume()
    kafka4.start()


def config(directory: Path, **sinks: Sink) -> Relay:
    receivers = [Receiver(name=name, listen="127.0.0.1:0", sink=sink) for name, sink in sinks.items()]
    return Relay(directory=str(directory), receivers=receivers)


def direct(kafka: Kafka4, name: str, timeout: float = 5.0) -> Sink:
    return Sink(kafka=KafkaSink(kafka.address(), name, timeout=timeout))


def forward(kafka: Kafka4, name: str) -> Sink:
    """All records have one key, so they must stand in one partition and in order."""
    return Sink(forward=Broker(kafka=KafkaSink(kafka.address(), name, key="source", timeout=TIMEOUT)))


def address(status: RelayStatus, receiver: int = 0) -> tuple[str, int]:
    host, _, port = status.receivers[receiver].listen.rpartition(":")
    return host, int(port)


def resident(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) << 10


async def ask(found: Partner, *lines: bytes) -> list[bytes]:
    await found.send(b"".join(lines))
    return [await found.answer() for _ in lines]


async def test_what_is_acknowledged_is_in_the_topic_once_and_nothing_else_is(tmp_path: Path, kafka: Kafka4) -> None:
    name, load = topic(kafka.address()), Load()
    async with running(config(tmp_path / "r", a=direct(kafka, name))) as relay:
        async with load.pressing(address(relay.status())):
            await load.until(lambda: len(load.acked) > 2000)
        async with partner(relay.status()) as found:
            assert await ask(found, request(1), request(1, "other"), request("000000002")) == [
                response(1, 200),
                response(1, 409),
                response(2, 200),
            ]
            assert await ask(found, request(900_000_001, kind="XXX")) == [response(900_000_001, 400)]
        status = relay.status().receivers[0]
        assert status.sink == f"kafka topic {name} at {kafka.address()}"
        assert (status.inbox, status.forward, status.duplicates) == ("", None, 2)
    assert not (tmp_path / "r/inbox/a").exists()
    assert load.codes.keys() == {"200"}
    assert Counter(itertools.chain(*stored(kafka.address(), name))) == Counter(load.acked)


async def test_what_is_too_large_for_the_topic_is_413_and_only_that(tmp_path: Path, kafka: Kafka4) -> None:
    """The limit of the topic is one of batches, too: many small records together are larger than it."""
    name = topic(kafka.address(), partitions=1, max_message_bytes="2000")
    lines = [request(number, "x" * 100) for number in range(1, 51)]
    lines[25] = request(26, "x" * 3000)
    async with running(config(tmp_path / "r", a=direct(kafka, name))) as relay, partner(relay.status()) as found:
        assert await ask(found, *lines) == [response(number, 413 if number == 26 else 200) for number in range(1, 51)]
        assert await ask(found, request(51), lines[25]) == [response(51, 200), response(26, 413)]
        assert relay.status().receivers[0].refused == {"413": 2}
        assert relay.status().receivers[0].quarantined == 2
    assert sorted(stored(kafka.address(), name)[0]) == [number for number in range(1, 52) if number != 26]


async def test_a_topic_that_is_not_there_is_503_with_a_reason_and_the_relay_starts_all_the_same(tmp_path: Path, kafka: Kafka4) -> None:
    async with running(config(tmp_path / "r", a=direct(kafka, "nowhere", TIMEOUT))) as relay, partner(relay.status()) as found:
        assert await ask(found, request(1)) == [response(1, 503)]
        status = relay.status().receivers[0]
        assert status.state == "failed"
        assert status.last_error is not None and status.last_error.startswith(f"kafka topic nowhere at {kafka.address()}: ")


async def test_a_broker_that_dies_under_load_costs_one_sink_refusals_the_other_nothing_and_both_no_record(
    tmp_path: Path, kafka: Kafka4
) -> None:
    names = topic(kafka.address()), topic(kafka.address())
    straight, later = Load(), Load()

    async with running(config(tmp_path / "r", a=direct(kafka, names[0], TIMEOUT), b=forward(kafka, names[1]))) as relay:

        def backlog() -> ForwardStatus:
            found = relay.status().receivers[1].forward
            assert found is not None
            return found

        addresses = address(relay.status(), 0), address(relay.status(), 1)
        async with straight.pressing(addresses[0]), later.pressing(addresses[1], 2):
            await straight.until(lambda: len(straight.acked) > 500 and len(later.acked) > 500 and backlog().forwarded > 0)
            await asyncio.to_thread(kafka.kill)
            await straight.until(lambda: straight.codes["503"] > 100)
            before = backlog().records or 0
            await later.until(lambda: backlog().state == "backing_off" and (backlog().records or 0) > before + 500)
            failed = backlog()
            assert failed.last_error is not None and "Connection refused" in failed.last_error
            assert failed.bytes > 0 and failed.oldest_waiting_s is not None and failed.next_try_at is not None
            acked = len(straight.acked)
            await asyncio.to_thread(kafka.start)
            await straight.until(lambda: len(straight.acked) > acked + 100)
        await straight.resend(addresses[0])
        await later.until(lambda: backlog().state == "idle")
        assert backlog().records == 0
    assert later.codes.keys() == {"200"}
    there = Counter(itertools.chain(*await asyncio.to_thread(stored, kafka.address(), names[0])))
    assert straight.acked - there.keys() == set(), "acknowledged and lost"
    partitions = [found for found in await asyncio.to_thread(stored, kafka.address(), names[1]) if found]
    assert len(partitions) == 1
    assert set(partitions[0]) == later.acked
    lines = b"".join(path.read_bytes() for path in sorted((tmp_path / "r").rglob("*_request*.txt"))).splitlines()
    assert first_of_each(partitions[0]) == [int(line.split(b"|")[2]) for line in lines], "not in the order of the inbox"


async def test_a_broker_that_hangs_is_503_in_time_and_costs_no_memory(tmp_path: Path, kafka: Kafka4) -> None:
    name, load = topic(kafka.address()), Load("x" * 3900)
    with await asyncio.to_thread(Process, config(tmp_path / "r", a=direct(kafka, name, TIMEOUT))) as relay:
        async with load.pressing(relay.address(), 16):
            await load.until(lambda: len(load.acked) > 1000)
            before = resident(relay.child.pid)
            kafka.hang()
            await load.until(lambda: load.codes["503"] > 5000)
            grown = resident(relay.child.pid) - before
            acked = len(load.acked)
            kafka.resume()
            await load.until(lambda: len(load.acked) > acked + 100)
        assert await asyncio.to_thread(relay.stop) == 0
    assert grown < MAX_GROWTH, f"{grown >> 20} MiB"
    assert load.codes.keys() == {"200", "503"}
    assert load.acked - set(itertools.chain(*stored(kafka.address(), name))) == set(), "acknowledged and lost"


async def test_a_relay_that_is_killed_while_it_forwards_leaves_nothing_out(tmp_path: Path, kafka: Kafka4) -> None:
    name, load = topic(kafka.address()), Load()
    relay_config = config(tmp_path / "r", a=forward(kafka, name))
    for wanted in (1500, 3000):
        with await asyncio.to_thread(Process, relay_config) as relay:
            async with load.pressing(relay.address()):
                await load.until(lambda wanted=wanted: len(load.acked) > wanted)  # type: ignore[misc]
                await asyncio.to_thread(relay.kill)
    async with running(relay_config) as last:
        await load.resend(address(last.status()))

        def is_done() -> bool:
            found = last.status().receivers[0].forward
            return found is not None and found.state == "idle" and not found.files

        await load.until(is_done)
    (there,) = [found for found in await asyncio.to_thread(stored, kafka.address(), name) if found]
    assert load.acked - set(there) == set(), "acknowledged and lost"
    lines = b"".join(path.read_bytes() for path in sorted((tmp_path / "r").rglob("*_request*.txt"))).splitlines()
    assert len(lines) == len(set(lines)) == len(set(there))


async def test_an_acknowledged_number_is_remembered_when_the_relay_is_killed(tmp_path: Path, kafka: Kafka4) -> None:
    name, load = topic(kafka.address()), Load()
    relay_config = config(tmp_path / "r", a=direct(kafka, name))
    with await asyncio.to_thread(Process, relay_config) as relay:
        async with load.pressing(relay.address()):
            await load.until(lambda: len(load.acked) > 500)
            await asyncio.to_thread(relay.kill)
    again = sorted(load.acked)[:200]
    async with running(relay_config) as last, partner(last.status()) as found:
        assert await ask(found, *map(request, again)) == [response(number, 200) for number in again]
        assert last.status().receivers[0].duplicates == len(again)
    there = Counter(itertools.chain(*await asyncio.to_thread(stored, kafka.address(), name)))
    assert [number for number in load.acked if there[number] != 1] == []
