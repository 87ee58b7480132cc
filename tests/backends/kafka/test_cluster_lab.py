"""Several brokers and clusters, some hung, killed or restarted: what works is not held up, what does not work is told as it is."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from statistics import median

import pytest

from backends.kafka.config import Cluster, TopicFilter
from backends.offsets import Watched
from backends.snapshots import Topic
from backends.source import Unavailable
from tests.backends.cluster_peer import ClusterPeer
from tests.backends.group_thread import GroupThread
from tests.backends.group_watcher import group_watched
from tests.backends.watching import Watch, ambush, part, watching_offsets, watching_topics
from tests.lab.kafka import Kafka4
from tests.lab.server import free_port
from tests.lab.trio import Trio
from tests.waiting import until

SLOWEST_CYCLE_S = 8.0
FIRST_S = 20.0  # until a process of its own has begun to watch
SETTLE_S = 1.0  # cycles of the watcher after the coordinator is back where it was
FALSE_ALARMS = ("deleted", "recreated", "rewound", "went back", "gone")


def line(loaded_age: float = 1, number: int = 0) -> bytes:
    at = datetime.fromtimestamp(time.time() - loaded_age, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"{number},a,b,c,{at},{at},x".encode()


@pytest.fixture(scope="module")
def peer(kafka_trio: Trio) -> ClusterPeer:
    return ClusterPeer(kafka_trio.address())


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """librdkafka writes where it likes; one line would tear a screen."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def whole(kafka_trio: Trio) -> Iterator[Trio]:
    """Whatever the test did to the brokers, the next one finds three."""
    yield kafka_trio
    for node in kafka_trio.nodes:
        if node.is_running:
            node.resume()
    kafka_trio.start()


def cluster_of(trio: Trio, *include: str) -> Cluster:
    return Cluster("trio", bootstrap=trio.address(), topics=TopicFilter([*include]))


async def timed(awaitable: Awaitable[object]) -> float:
    began = time.monotonic()
    await awaitable
    return time.monotonic() - began


async def test_a_hung_broker_keeps_its_partitions_at_their_old_reading_and_the_others_fresh_in_the_same_cycle(
    whole: Trio, peer: ClusterPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs after the metadata: its log ends time out, which librdkafka calls success with an offset of -1001."""
    peer.place("hung.spread", [1], [2], [3])
    for number in range(3):
        peer.write("hung.spread", line(), partition=number)
    async with watching_topics(cluster_of(whole, "hung.spread")) as watch:
        before = (await watch.until(lambda seen: len(seen.topics) == 1 and seen.topics[0].state == "ok")).topics[0]
        for number in range(3):
            peer.write("hung.spread", line(), partition=number)
        ambush(monkeypatch, "list_offsets", whole.nodes[0].hang)
        began = time.monotonic()
        after = (await watch.topics())["hung.spread"]
        assert time.monotonic() - began < SLOWEST_CYCLE_S
        silent = part(after, 0)
        assert (silent.state, silent.end, silent.read_at) == ("silent", None, part(before, 0).read_at)
        assert silent.loaded_at == part(before, 0).loaded_at
        assert "partition 0 of 3: the broker does not answer" in (after.reason or "")
        for number in (1, 2):
            fresh, old = part(after, number), part(before, number)
            assert (fresh.state, fresh.end) == ("ok", 2) and (fresh.loaded_at or 0) > (old.loaded_at or 0)
        assert after.records_per_s is None  # of three partitions, two are known: that is no rate
        whole.nodes[0].resume()
        back = await watch.until(lambda seen: part(seen.topics[0], 0).end == 2)
        assert part(back.topics[0], 0).state == "ok"
    assert watch.told(*FALSE_ALARMS) == []


async def test_a_hung_broker_costs_no_cycle_more_than_its_time_however_long_it_hangs(whole: Trio, peer: ClusterPeer) -> None:
    """First it is still the leader and silent, then the cluster gives up on it and the partition has none."""
    peer.place("hung.long", [1], [2], [3])
    for number in range(3):
        peer.write("hung.long", line(), partition=number)
    async with watching_topics(cluster_of(whole, "hung.long")) as watch:
        before = (await watch.until(lambda seen: seen.topics and seen.topics[0].state == "ok")).topics[0]
        whole.nodes[2].hang()
        states = []
        for _ in range(3):
            began = time.monotonic()
            topic = (await watch.topics())["hung.long"]
            assert time.monotonic() - began < SLOWEST_CYCLE_S
            assert part(topic, 0).state == part(topic, 1).state == "ok"
            assert part(topic, 2).read_at == part(before, 2).read_at
            states.append(part(topic, 2).state)
        assert states[-1] == "leaderless" and topic.state == "leaderless" and "partition 2 of 3: no leader" in (topic.reason or "")
        whole.nodes[2].resume()
        await watch.until(lambda seen: seen.topics[0].state == "ok")
    assert watch.told(*FALSE_ALARMS) == []


async def test_a_killed_broker_takes_no_topic_with_it(whole: Trio, peer: ClusterPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    """librdkafka answers "no entry" at once for what a dead broker led: that is not a deleted topic, before it has no leader and after."""
    peer.place("killed.spread", [1], [2])
    peer.place("killed.alone", [2])
    for name, number in (("killed.spread", 0), ("killed.spread", 1), ("killed.alone", 0)):
        peer.write(name, line(), partition=number)
    async with watching_topics(cluster_of(whole, "killed.*")) as watch:
        await watch.until(lambda seen: len(seen.topics) == 2 and all(topic.state == "ok" for topic in seen.topics))
        ambush(monkeypatch, "list_offsets", whole.nodes[1].kill)
        for topics in (await watch.topics(), await watch.topics()):
            assert set(topics) == {"killed.spread", "killed.alone"}
            assert part(topics["killed.spread"], 0).state == "ok"
            for name, number in (("killed.spread", 1), ("killed.alone", 0)):
                lost = part(topics[name], number)
                assert lost.state in ("silent", "leaderless", "unknown") and lost.end is None and lost.read_at is not None
        gone = (await watch.until(lambda seen: part(seen.topics[0], 0).leader is None)).topics
        assert [topic.state for topic in gone] == ["leaderless", "leaderless"]
        assert gone[0].reason == "no leader" and "partition 1 of 2: no leader" in (gone[1].reason or "")
        await asyncio.to_thread(whole.start)
        await watch.until(lambda seen: len(seen.topics) == 2 and all(topic.state == "ok" for topic in seen.topics))
    assert watch.told(*FALSE_ALARMS) == []


async def test_log_ends_that_time_out_leave_a_group_without_a_lag(whole: Trio, peer: ClusterPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.consumers.brokers.GroupProcess", GroupThread)
    peer.place("hung.group", [1], [2], [3])
    for number in range(3):
        peer.write("hung.group", *[line()] * 5, partition=number)
    peer.commit("hung-sink", "hung.group", {0: 1, 1: 2, 2: 3})
    watched = Watched("groups", kafka="trio", groups=["hung-sink"])
    async with watching_offsets(watched, Cluster("trio", bootstrap=whole.address())) as watch:
        assert (await watch.consumers())["hung-sink"].lag == 4 + 3 + 2
        leader = peer.leaders("__consumer_offsets")[0]
        victim = next(node for node in whole.nodes if node.node != leader)
        ambush(monkeypatch, "list_offsets", victim.hang)
        began = time.monotonic()
        seen = (await watch.consumers())["hung-sink"]
        assert time.monotonic() - began < SLOWEST_CYCLE_S
        lags = [each.lag for each in seen.detail]
        assert lags == [None if number == victim.node - 1 else lag for number, lag in enumerate((4, 3, 2))]
        assert seen.lag is None and "the broker does not answer" in seen.reason
        assert [each.offset for each in seen.detail] == [1, 2, 3]
        victim.resume()
        await watch.until(lambda offsets: offsets.consumers[0].lag == 9)
    assert watch.told(*FALSE_ALARMS) == []


async def test_a_group_whose_coordinator_moves_is_watched_on_and_never_gone(whole: Trio, peer: ClusterPeer) -> None:
    """Asked for a group that moved away, librdkafka ends the whole process (its issue 5040); and while a group moves no broker lists it."""
    peer.place("coordinated", [1, 2, 3])
    peer.write("coordinated", line(), line(), line())
    peer.commit("coordinated-sink", "coordinated", {0: 1})
    with group_watched(whole.address(), "coordinated-sink") as told:
        await until(lambda: any(cycle["row"] for cycle in told), FIRST_S)
        before = len(told)
        for _ in range(2):
            coordinator = next(node for node in whole.nodes if node.node == peer.leaders("__consumer_offsets")[0])
            await asyncio.to_thread(coordinator.stop)
            await asyncio.to_thread(coordinator.start)
            await asyncio.to_thread(whole.wait_until_whole)
            peer.elect_preferred("__consumer_offsets")
            await asyncio.sleep(SETTLE_S)
    rows = [cycle["row"] for cycle in told[before:] if cycle["trouble"] is None]
    assert len(rows) > 10 and rows[-1]["lag"] == 2
    assert None not in rows and {row["lag"] for row in rows} <= {2, None} and "REWOUND" not in {row["verdict"] for row in rows}
    events = [event for cycle in told[before:] for event in cycle["events"]]
    assert [event for event in events if not event.startswith("the process that reads groups died of signal ")] == []


class Writer:
    """Writes to every partition all the while, as a producer does that waits for brokers to come back."""

    def __init__(self, address: str, topic: str, partitions: int) -> None:
        self._peer, self._topic, self._partitions = ClusterPeer(address), topic, partitions
        self._stop = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._stop.wait(0.02):
            for partition in range(self._partitions):
                self._peer.write(self._topic, line(0, number), partition=partition)
            number += 1

    @contextmanager
    def writing(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(30)


def is_possible(topic: Topic) -> bool:
    """Nothing negative, nothing from the other end of the log."""
    rates = topic.records_per_s is None or topic.records_per_s >= 0
    return rates and all(each.end is None or (each.start or 0) <= each.end for each in topic.detail)


async def test_a_rolling_restart_under_writes_raises_no_alarm_and_is_over_within_two_cycles_of_each_step(
    whole: Trio, peer: ClusterPeer
) -> None:
    peer.place("rolling", [1, 2, 3], [2, 3, 1], [3, 1, 2])
    peer.write("rolling", line(), partition=0)
    async with watching_topics(cluster_of(whole, "rolling")) as watch:
        await watch.until(lambda seen: seen.topics and seen.topics[0].state == "ok")
        with Writer(whole.address(), "rolling", 3).writing():
            for node in whole.nodes:
                await asyncio.to_thread(node.stop)
                await survives(watch)
                await asyncio.to_thread(node.start)
                await survives(watch)
                await asyncio.to_thread(whole.wait_until_whole)
                topic = await watch.topic_within(2, "rolling", is_fresh(time.time() - 2))
                assert is_possible(topic) and topic.state == "ok"
    assert watch.told(*FALSE_ALARMS) == []


async def survives(watch: Watch) -> None:
    """A cycle in the middle of a step may fail as a whole; it must not tell what is not so."""
    with suppress(Unavailable):
        assert is_possible((await watch.topics())["rolling"])


def is_fresh(since: float) -> Callable[[Topic], bool]:
    return lambda topic: all((each.loaded_at or 0) > since for each in topic.detail)


async def test_a_cluster_that_hangs_and_one_that_is_not_there_leave_the_cycles_of_another_as_they_are(
    kafka_trio: Trio, kafka4: Kafka4, peer: ClusterPeer
) -> None:
    peer.place("well", [1], [2], [3])
    for number in range(3):
        peer.write("well", line(), partition=number)
    absent = Cluster("absent", bootstrap=f"127.0.0.1:{free_port()}")
    hung = Cluster("hung", bootstrap=kafka4.address())
    async with watching_topics(cluster_of(kafka_trio, "well")) as well, watching_topics(absent) as gone, watching_topics(hung) as stuck:
        await well.until(lambda seen: seen.topics and seen.topics[0].state == "ok")
        await stuck.until(lambda seen: True)
        alone = median([await timed(well.topics()) for _ in range(15)])
        kafka4.hang()
        try:
            others = asyncio.gather(gone.trouble(), stuck.trouble())
            beside = []
            while not others.done():
                began = time.monotonic()
                topic = (await well.topics())["well"]
                beside.append(time.monotonic() - began)
                assert topic.state == "ok" and [each.end for each in topic.detail] == [1, 1, 1]
                await asyncio.sleep(0.02)
            troubles = await others
        finally:
            kafka4.resume()
        assert len(beside) > 15 and median(beside) < 2 * alone
        assert [str(trouble).partition(":")[0] for trouble in troubles] == ["kafka absent", "kafka hung"]
        assert all("no broker answers at 127.0.0.1" in str(trouble) for trouble in troubles)
        await stuck.until(lambda seen: True)
