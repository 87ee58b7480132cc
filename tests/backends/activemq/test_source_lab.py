"""The source on real brokers: 5.18 with Jolokia 1.7 and 6.3, hardened, with Jolokia 2.6. What breaks a broker is done to one of our own."""

import asyncio
import base64
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.activemq.config import BrokerSection, QueueFilter
from backends.activemq.jolokia import origin
from backends.activemq.watching import memory
from backends.broker import Queue
from backends.queues import QueuesSource as Source
from backends.snapshots import Queues
from backends.source import Unavailable
from settings.secret import Secret
from tests.lab import jars
from tests.lab.activemq import HARDENED, OLD, PASSWORD, USER, ActiveMQ, Kind, ask_jolokia
from tests.lab.stomp_client import Stomp

BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"
LOGIN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ODD = [
    "rc.[red]odd[/]",
    "rc.ctl \x01\x0b\x0e\x0f\x1a\x1b[31m\x1c\x1d\x1e\x1f\x7f\x9f end",
    "rc.한글",
    "rc.a/b\\c%25#&<i>",
    "rc.emoji 🐰",
    "rc." + "x" * 300,
]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)
    monkeypatch.setenv("WRONG_PASSWORD", "not-it")
    monkeypatch.setenv("USER_PASSWORD", "user")
    monkeypatch.setattr(memory, "MIN_RATE_S", 0.0)  # nobody wants to wait for a second reading


@pytest.fixture(params=["activemq_old", "activemq_hardened"])
def broker(request: pytest.FixtureRequest) -> ActiveMQ:
    found: ActiveMQ = request.getfixturevalue(request.param)
    return found


def own(kind: Kind, jar_set: str, directory: Path, *options: str) -> Iterator[ActiveMQ]:
    broker = ActiveMQ(jar_set, directory, jars.class_paths([jar_set])[jar_set], kind, options=options)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    """An old broker that a test may kill; it keeps its messages."""
    yield from own(OLD, "activemq-old", tmp_path_factory.mktemp("doomed"))


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    """A hardened broker with no queue, which takes five requests a second."""
    yield from own(HARDENED, "activemq-hardened", tmp_path_factory.mktemp("strict"), "-Dlab.requests_per_second=5")


@asynccontextmanager
async def watching(broker: ActiveMQ, **more: Any) -> AsyncIterator[Source]:
    known: dict[str, Any] = {"name": "b", "jolokia": broker.jolokia, "user": USER, "password": Secret(env="BROKER_PASSWORD")}
    source = Source(BrokerSection(**(known | {"queues": QueueFilter(exclude=[])} | more)), "activemq[0]")
    try:
        yield source
    finally:
        await source.close()


async def seen(source: Source) -> Queues:
    return await source.observe(time.time())


async def trouble(source: Source) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        await source.observe(time.time())
    return caught.value


def by_name(data: Queues, prefix: str = "rc.") -> dict[str, Queue]:
    return {queue.name: queue for queue in data.queues if queue.name.startswith(prefix)}


def mbean_of(queue: str) -> str:
    return f"{BROKER},destinationType=Queue,destinationName={queue}"


def on_broker(broker: ActiveMQ, operation: str, arguments: list[str], mbean: str = BROKER) -> None:
    """Once for each argument. Jolokia 2.6 echoes some names as the invalid JSON that this is about, so the reply is only searched."""
    for argument in arguments:
        request = {"type": "exec", "mbean": mbean, "operation": operation, "arguments": [argument]}
        headers = {"Authorization": f"Basic {LOGIN}", "Content-Type": "application/json", "Origin": origin(broker.jolokia)}
        with urllib.request.urlopen(urllib.request.Request(broker.jolokia, json.dumps(request).encode(), headers), timeout=10) as reply:
            assert b'"status":200' in reply.read()


async def test_a_broker_says_who_it_is(broker: ActiveMQ) -> None:
    async with watching(broker) as source:
        data = await seen(source)
    versions = {"activemq_old": "5.18.", "activemq_hardened": "6.3."}
    assert (data.broker.version or "").startswith(versions[broker.name])
    assert (data.broker.id or "").startswith("ID:")
    assert data.broker.uptime_s is not None and data.broker.uptime_s > 0
    for percent in (data.broker.store_pct, data.broker.memory_pct, data.broker.temp_pct):
        assert percent is not None and 0 <= percent <= 100
    assert (data.hidden is None) == (broker.name == "activemq_old")


async def test_odd_names_are_shown_as_they_are_and_hidden_ones_counted(broker: ActiveMQ) -> None:
    async with watching(broker) as source:
        before = (await seen(source)).hidden
        on_broker(broker, "addQueue", [*ODD, "rc.a,b", "rc.a_b"])
        try:
            data = await seen(source)
        finally:
            on_broker(broker, "removeQueue", [*ODD, "rc.a,b", "rc.a_b"])
        assert by_name(data).keys() == {*ODD, "rc.a,b"}  # the MBean of rc.a_b has the same name, and came second
        if before is None:
            assert data.hidden is None
        else:
            assert data.hidden == before + 1


async def test_counts_rates_and_dead_letters_are_those_of_the_broker(broker: ActiveMQ) -> None:
    stomp = Stomp(broker.stomp)
    consumer = Stomp(broker.stomp)
    try:
        async with watching(broker) as source:
            stomp.send("rc.orders", "first", confirm=True, origin="rc")
            first = by_name(await seen(source))["rc.orders"]
            consumer.subscribe("rc.orders", "client-individual", 1)
            stomp.send("rc.orders", "second", confirm=True, origin="rc")
            message = consumer.receive()
            assert message is not None
            second = by_name(await seen(source))["rc.orders"]
            consumer.nack(message)
            data = await seen(source)
    finally:
        consumer.close()
        stomp.close()
    assert (first.pending, first.consumers, first.enqueued, first.enqueue_per_s, first.verdict) == (1, 0, 1, None, "NO_CONSUMER")
    assert (second.pending, second.consumers, second.in_flight, second.enqueued) == (2, 1, 1, 2)
    assert second.enqueue_per_s is not None and second.enqueue_per_s > 0
    dead = by_name(data, "ActiveMQ.DLQ")["ActiveMQ.DLQ"]
    assert (dead.dlq, dead.verdict) == (True, "DLQ") and dead.pending >= 1
    on_broker(broker, "removeMatchingMessages(java.lang.String)", ["origin = 'rc'"], mbean_of("ActiveMQ.DLQ"))
    on_broker(broker, "removeQueue", ["rc.orders"])


async def test_a_paused_queue_is_seen(broker: ActiveMQ) -> None:
    on_broker(broker, "addQueue", ["rc.paused"])
    assert ask_jolokia(broker.jolokia, {"type": "exec", "mbean": mbean_of("rc.paused"), "operation": "pause()"})["status"] == 200
    async with watching(broker) as source:
        row = by_name(await seen(source))["rc.paused"]
    on_broker(broker, "removeQueue", ["rc.paused"])
    assert (row.paused, row.verdict) == (True, "PAUSED")


async def test_a_wrong_password_and_a_missing_login_are_denied(broker: ActiveMQ) -> None:
    async with watching(broker, password=Secret(env="WRONG_PASSWORD")) as source:
        wrong = await trouble(source)
    async with watching(broker, user="", password=None) as source:
        missing = await trouble(source)
    assert (wrong.state, missing.state) == ("denied", "denied")
    assert "user 'admin' was refused; set activemq[0].user and activemq[0].password" in wrong.error
    assert "a request without a login was refused" in missing.error


async def test_a_user_without_the_role_is_denied(activemq_hardened: ActiveMQ) -> None:
    async with watching(activemq_hardened, user="user", password=Secret(env="USER_PASSWORD")) as source:
        error = await trouble(source)
    assert (error.state, "user 'user' lacks the role" in error.error) == ("denied", True)


async def test_other_ports_and_paths_of_the_broker_are_no_jolokia(broker: ActiveMQ) -> None:
    for url in (f"http://{broker.stomp}/", broker.jolokia.replace("/api/jolokia", "/nothing"), broker.jolokia.replace("http:", "https:")):
        async with watching(broker, jolokia=url, timeout=2.0) as source:
            error = await trouble(source)
        assert (error.state, "activemq[0].jolokia" in error.error or "TLS" in error.error or "hung" in error.error) == ("down", True), error


async def test_a_broker_without_queues_is_an_empty_table_and_too_many_requests_are_stale(strict: ActiveMQ) -> None:
    async with watching(strict) as source, asyncio.timeout(20):
        while True:  # the start of the broker used up its allowance
            try:
                assert (await seen(source)).queues == ()
                break
            except Unavailable as error:
                assert error.state == "stale"
                await asyncio.sleep(0.2)
        for _ in range(50):
            try:
                await seen(source)
            except Unavailable as error:
                assert (error.state, "429" in error.error) == ("stale", True)
                return
    pytest.fail("fifty requests at once passed a limit of five a second")


async def test_a_killed_broker_is_down_and_comes_back_to_the_same_source_with_counters_started_over(doomed: ActiveMQ) -> None:
    stomp = Stomp(doomed.stomp)
    for number in range(20):
        stomp.send("rc.kept", str(number), confirm=number == 19)
    async with watching(doomed) as source:
        before = await seen(source)
        doomed.kill()
        began = time.monotonic()
        error = await trouble(source)
        assert (error.state, "Connection refused" in error.error) == ("down", True)
        assert time.monotonic() - began < 3
        doomed.start()
        after = await seen(source)
        settled = await seen(source)
    stomp.close()
    assert by_name(before)["rc.kept"].enqueued == 20
    kept = by_name(after)["rc.kept"]
    assert (kept.pending, kept.enqueued, kept.enqueue_per_s) == (20, 0, None)
    assert after.broker.id != before.broker.id
    assert by_name(settled)["rc.kept"].enqueue_per_s == 0


async def test_a_hung_broker_costs_the_deadline_and_answers_again_when_it_wakes(doomed: ActiveMQ) -> None:
    async with watching(doomed, timeout=1.0) as source:
        await seen(source)
        doomed.hang()
        try:
            began = time.monotonic()
            error = await trouble(source)
            assert time.monotonic() - began < 2
        finally:
            doomed.resume()
        assert (error.state, "does not answer (no whole reply in 1 s)" in error.error) == ("down", True)
        async with asyncio.timeout(10):
            while True:
                try:
                    assert (await seen(source)).broker.version
                    break
                except Unavailable:
                    await asyncio.sleep(0.2)
