"""Topics, subscribers, connections, networks and the age of first messages, as real brokers tell them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from backends.activemq import figures
from backends.activemq.config import BrokerSection
from backends.activemq.jolokia import Client
from backends.activemq.station import Station
from backends.activemq.stomp.client import StompClient
from backends.activemq.watching.lookout import Lookout
from backends.activemq.watching.memory import Memory, advance
from backends.activemq.watching.oldest import Ages
from backends.activemq.watching.surroundings import Around, Surroundings
from backends.queues import QueuesSource
from settings.secret import Secret
from tests.lab import jars
from tests.lab.activemq import HARDENED, OLD, PASSWORD, USER, ActiveMQ, Kind, ask_jolokia
from tests.lab.server import free_port
from tests.lab.stomp_client import Stomp

BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"
NETWORK = [(OLD, "activemq-old"), (HARDENED, "activemq-hardened")]


@pytest.fixture(params=["activemq_old", "activemq_hardened"])
def broker(request: pytest.FixtureRequest) -> ActiveMQ:
    found: ActiveMQ = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)


class Client12(Stomp):
    """With a client id, as durable subscribers have, and whatever headers a SUBSCRIBE may have."""

    def __init__(self, address: str, client_id: str) -> None:
        self._client_id = client_id
        super().__init__(address)

    def _write(self, command: str, headers: dict[str, str], body: bytes = b"") -> None:
        super()._write(command, headers | ({"client-id": self._client_id} if command == "CONNECT" else {}), body)

    def listen(self, destination: str, number: int, **headers: str) -> None:
        named = {name.replace("_", "."): value for name, value in headers.items()}
        self._write("SUBSCRIBE", {"id": str(number), "destination": destination, "ack": "client", **named, "receipt": f"s{number}"})
        self._expect("RECEIPT")

    def unsubscribe(self, durable: str) -> None:
        self._write("UNSUBSCRIBE", {"id": "1", "activemq.subscriptionName": durable, "receipt": "u"})
        self._expect("RECEIPT")


@asynccontextmanager
async def watching(broker: ActiveMQ, *, statistics: bool = False, user: str = USER) -> AsyncIterator[Station]:
    section = BrokerSection(
        "b", broker.jolokia, stomp=broker.stomp, user=user, password=Secret(env="BROKER_PASSWORD"), statistics_plugin=statistics
    )
    source = QueuesSource(section, "activemq[0]")  # for its Authorization
    client = Client(section.jolokia, source._authorization, section.timeout)
    stomp = StompClient(broker.stomp, None, lambda: (user, PASSWORD), 5.0)
    try:
        yield Station(section, "activemq[0]", client, stomp, time.time)
    finally:
        await stomp.close()
        await client.close()
        await source.close()


async def read(station: Station) -> figures.Reading:
    station.reading = figures.reading(await station.read(*figures.READS))
    return station.reading


async def around(station: Station) -> Surroundings:
    await read(station)
    parts = Around(station, lambda name: not name.startswith("ActiveMQ."))
    assert parts.due(0.0)
    await parts.read()
    assert not parts.due(asyncio.get_running_loop().time())
    return parts.seen


async def test_topics_subscribers_and_connections_are_those_of_the_broker(broker: ActiveMQ) -> None:
    listener, gone = Client12(broker.stomp, "wa.listener"), Client12(broker.stomp, "wa.gone")
    try:
        listener.listen("/queue/wa.orders", 1, selector="x = 'y'")
        listener.listen("/topic/wa.news", 2)
        listener.listen("/temp-queue/wa", 3)
        gone.listen("/topic/wa.news", 1, activemq_subscriptionName="wa:durable", selector="n > 5")
        gone.close()
        listener.send("wa.orders", "waits", confirm=True)
        listener._write("SEND", {"destination": "/topic/wa.news", "receipt": "t"}, b"read all about it")
        listener._expect("RECEIPT")
        async with watching(broker) as station:
            seen = await around(station)
    finally:
        back = Client12(broker.stomp, "wa.gone")
        back.unsubscribe("wa:durable")
        back.close()
        listener.close()
        ask_jolokia(broker.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeQueue", "arguments": ["wa.orders"]})
        ask_jolokia(broker.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeTopic", "arguments": ["wa.news"]})
    assert (seen.why_not, seen.agent) == ({}, {"activemq_old": "1.7.1", "activemq_hardened": "2.6.0"}[broker.name])
    news = next(topic for topic in seen.topics if topic.name == "wa.news")
    assert (news.consumers, news.enqueued) == (2, 1)
    ours = {(each.destination, each.client_id): each for each in seen.subscribers if each.client_id.startswith("wa.")}
    assert ours.keys() == {("wa.orders", "wa.listener"), ("wa.news", "wa.listener"), ("wa.news", "wa.gone")}
    orders, durable = ours["wa.orders", "wa.listener"], ours["wa.news", "wa.gone"]
    assert (orders.kind, orders.active, orders.selector, orders.prefetch, orders.pending) == ("queue", True, "x = 'y'", 1000, None)
    assert (durable.kind, durable.active, durable.subscription, durable.selector) == ("topic", False, "wa:durable", "n > 5")
    assert durable.connection_id is None
    connection = next(each for each in seen.connections if each.client_id == "wa.listener")
    assert (connection.connector, connection.address.split(":")[0], connection.active) == ("stomp", "127.0.0.1", True)
    assert connection.since is not None and 0 <= time.time() - connection.since < 60
    assert not any(topic.name.startswith("ActiveMQ.") for topic in seen.topics)


async def test_the_age_of_a_first_message_is_found_by_looking_at_it_and_the_message_stays(broker: ActiveMQ) -> None:
    stomp = Stomp(broker.stomp)
    sent_at = time.time()
    stomp.send("wa.aged", "first", confirm=True)
    stomp.send("wa.aged", "second", confirm=True)
    stomp.close()
    try:
        async with watching(broker) as station:
            reading = await read(station)
            ages = Ages(station, lambda name: name.startswith("wa."))
            await ages.look()
            known = ages.of(reading.queues, time.time() + 100)["wa.aged"]
            async with asyncio.timeout(10):  # while somebody browses he counts as a consumer, and what he was sent as in flight
                while (after := (await read(station)).queues["wa.aged"]).consumer_count or after.in_flight_count:  # noqa: ASYNC110, it is another process
                    await asyncio.sleep(0.05)
            assert ages.capabilities() == {"oldest_age": True}
    finally:
        ask_jolokia(broker.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeQueue", "arguments": ["wa.aged"]})
    assert known.basis == "browse" and 99 < known.age_s < 100 + time.time() - sent_at + 1
    assert (after.queue_size, after.dequeue_count) == (2, 0)


async def test_the_statistics_plugin_tells_the_age_of_all_queues_at_once(activemq_old: ActiveMQ) -> None:
    stomp = Stomp(activemq_old.stomp)
    names = [f"wa.many.{number}" for number in range(20)]
    for name in names:
        stomp.send(name, "first", confirm=True)
    stomp.close()
    try:
        async with watching(activemq_old, statistics=True) as station:
            reading = await read(station)
            ages = Ages(station, lambda name: name.startswith("wa."))
            await ages.look()
            known = ages.of(reading.queues, time.time())
            assert ages.capabilities() == {"oldest_age": True, "statistics_plugin": True}
    finally:
        for name in names:
            ask_jolokia(activemq_old.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeQueue", "arguments": [name]})
    assert {name for name, each in known.items() if each.basis == "statistics" and -1 < each.age_s < 30} >= set(names)


async def test_a_stomp_login_that_is_refused_is_told_with_the_broker_s_words(activemq_hardened: ActiveMQ) -> None:
    stomp = Stomp(activemq_hardened.stomp)
    stomp.send("wa.refused", "first", confirm=True)
    stomp.close()
    try:
        async with watching(activemq_hardened) as station:
            station.stomp = StompClient(activemq_hardened.stomp, None, lambda: (USER, "wrong"), 5.0)
            await read(station)
            ages = Ages(station, lambda name: name.startswith("wa."))
            await ages.look()
            told = ages.capabilities()["oldest_age"]
            await station.stomp.close()
    finally:
        ask_jolokia(activemq_hardened.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeQueue", "arguments": ["wa.refused"]})
    assert isinstance(told, str) and "refused" in told


async def test_statistics_that_are_reset_are_news_and_never_a_negative_rate(broker: ActiveMQ) -> None:
    mbean = f"{BROKER},destinationType=Queue,destinationName=wa.reset"
    stomp = Stomp(broker.stomp)
    for number in range(5):
        stomp.send("wa.reset", str(number), confirm=True)
    stomp.close()
    memory: Memory | None = None
    try:
        async with watching(broker) as station:
            memory = advance(None, await read(station), 0.0, 5.0)
            assert ask_jolokia(broker.jolokia, {"type": "exec", "mbean": mbean, "operation": "resetStatistics()"})["status"] == 200
            memory = advance(memory, await read(station), 5.0, 5.0)
    finally:
        ask_jolokia(broker.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeQueue", "arguments": ["wa.reset"]})
    watch = memory.watches["wa.reset"]
    assert (watch.figures.queue_size, watch.figures.enqueue_count, watch.enqueue_per_s) == (5, 0, None)
    assert [each.text for each in memory.news if "wa.reset" in each.text and "enqueued 5 -> 0" in each.text]


def lookout(station: Station, told: list[tuple[str, str]]) -> Lookout:
    def tell(at: float, severity: str, source: str, text: str) -> None:
        told.append((severity, text))

    return Lookout(station, lambda name: not name.startswith("ActiveMQ."), lambda name: False, tell)


async def test_the_first_cycle_has_everything_for_who_asks_only_once(broker: ActiveMQ) -> None:
    stomp = Stomp(broker.stomp)
    stomp.send("wa.once", "first", confirm=True)
    stomp.subscribe("wa.once", "client", 1)
    try:
        async with watching(broker) as station:
            watched = lookout(station, [])
            seen = await watched.look(time.time(), lambda: {"purge": True})
            await watched.close()
    finally:
        stomp.close()
        ask_jolokia(broker.jolokia, {"type": "exec", "mbean": BROKER, "operation": "removeQueue", "arguments": ["wa.once"]})
    row = next(queue for queue in seen.queues if queue.name == "wa.once")
    assert (row.pending, row.oldest_basis, row.cached) == (1, "browse", True)
    assert row.oldest_age_s is not None and -1 < row.oldest_age_s < 60
    assert "wa.once" in {each.destination for each in seen.subscribers} and seen.around_at is not None
    assert (seen.broker.capabilities, seen.broker.standby) == ({"purge": True, "oldest_age": True}, False)
    assert seen.broker.agent in ("1.7.1", "2.6.0") and seen.broker.memory_limit_bytes


async def test_a_broker_that_was_restarted_is_an_event_with_both_its_ids(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    with running(OLD, "activemq-old", tmp_path, "-Dlab.statistics=false") as broker:
        async with watching(broker) as station:
            watched = lookout(station, told)
            before = await watched.look(time.time(), dict)
            broker.kill()
            broker.start()
            after = await watched.look(time.time(), dict)
            await watched.close()
    assert [severity for severity, _ in told] == ["warning"]
    assert f"the broker was restarted: {before.broker.id} -> {after.broker.id}, up " in told[0][1]


@contextmanager
def running(kind: Kind, jar_set: str, directory: Path, *options: str) -> Iterator[ActiveMQ]:
    broker = ActiveMQ(jar_set, directory, jars.class_paths([jar_set])[jar_set], kind, options=options)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


async def eventually(station: Station, holds: Callable[[Surroundings], bool]) -> Surroundings:
    async with asyncio.timeout(20):
        while not holds(seen := await around(station)):  # noqa: ASYNC110, it is another process
            await asyncio.sleep(0.1)
        return seen


@pytest.mark.parametrize(("kind", "jar_set"), NETWORK, ids=["old", "hardened"])
async def test_a_network_of_brokers_has_a_bridge_at_both_ends_while_the_other_broker_is_there(
    kind: Kind, jar_set: str, tmp_path: Path
) -> None:
    port = free_port()
    with running(kind, jar_set, tmp_path / "far", f"-Dlab.openwire={port}", "-Dlab.store=false") as far:
        network = (f"-Dlab.network=127.0.0.1:{port}", "-Dlab.duplex=true", "-Dlab.scheduler=true", "-Dlab.store=false")
        with running(kind, jar_set, tmp_path / "near", *network) as near:
            async with watching(near) as station, watching(far) as other:
                seen = await eventually(station, lambda seen: any(each.active for each in seen.networks))
                theirs = await eventually(other, lambda seen: any(each.active for each in seen.networks))
                schedules = [(await read(each)).broker.has_scheduler for each in (station, other)]
                far.kill()
                alone = await eventually(station, lambda seen: not any(each.active for each in seen.networks))
    assert [(each.name, each.remote_broker, each.remote_address, each.duplex) for each in seen.networks] == [
        ("lab", "localhost", f"tcp://127.0.0.1:{port}", True)
    ]
    assert [(each.duplex, each.active) for each in theirs.networks] == [(True, True)]
    assert [(each.name, each.remote_address, each.active) for each in alone.networks] == [("lab", None, False)]
    assert schedules == [True, False]
