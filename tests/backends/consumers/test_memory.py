"""All consumers of one source: totals that invent nothing, events that are told once and bounded, history from memory."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from backends.consumers.consumption import Observation
from backends.consumers.memory import MAX_TOLD, Memory, News, gently
from backends.questions import HistoryOf, Point
from backends.snapshots import Consumer, Offsets
from backends.source import Unavailable

T0 = 1_800_000_000.0


def node(name: str, offsets: Mapping[int, int], application: str = "app", **more: Any) -> Observation:
    return Observation(name, "csv", None, offsets, dict.fromkeys(offsets, more.pop("at")), application=application, **more)


def group(name: str, topic: str, offsets: Mapping[int, int], ends: Mapping[int, int]) -> Observation:
    return Observation(name, "group", topic, offsets, {}, ends)


class Source:
    """Readings ten seconds apart."""

    def __init__(self) -> None:
        self.memory, self.now = Memory(0), T0
        self.told: list[News] = []

    async def read(self, *seen: Observation) -> Offsets:
        self.now += 10
        offsets, self.told = await self.memory.take(seen, self.now)
        return offsets

    async def play(self, readings: int, *names: str, still: str = "") -> Offsets:
        """Nodes of one application whose offsets move by 10 a second, but for one."""
        for _ in range(readings):
            place = int(10 * (self.now - T0))
            offsets = await self.read(*(node(name, {0: 0 if name == still else place}, at=self.now) for name in names))
        return offsets


async def test_the_nodes_of_an_application_are_a_total_and_so_is_the_whole() -> None:
    offsets = await Source().play(7, "app-1", "app-2", "app-3")
    [application] = offsets.applications
    assert (application.name, application.consumers, application.partitions, application.verdict) == ("app", 3, 3, "OK")
    assert application.records_per_min["1"] == 3 * 600 and application.lag is None
    assert offsets.total is not None and (offsets.total.name, offsets.total.consumers) == ("all", 3)


async def test_the_worst_of_its_parts_is_the_verdict_of_a_total_and_it_says_whose() -> None:
    offsets = await Source().play(15, "app-1", "app-2", still="app-2")
    assert offsets.total is not None and offsets.total.verdict == "STALLED"
    assert offsets.total.reason == "1 of 2 consumers STALLED: app-2"


async def test_a_name_that_stands_for_one_consumer_needs_no_total() -> None:
    source = Source()
    offsets = await source.read(node("a-1", {0: 1}, "a", at=T0), node("b-1", {0: 1}, "b", at=T0))
    assert offsets.applications == ()


async def test_a_group_with_several_topics_is_a_total_whose_lag_is_known_only_when_all_of_it_is() -> None:
    source = Source()
    offsets = await source.read(group("sink", "a", {0: 5}, {0: 9}), group("sink", "b", {0: 5}, {0: 6}), group("other", "a", {0: 1}, {}))
    [sink] = offsets.applications
    assert (sink.name, sink.lag) == ("sink", 5)
    assert offsets.total is not None and offsets.total.lag is None
    assert "lag 5 in 2 of 3" in offsets.total.reason and "rates of 0 of 3 partitions" in offsets.total.reason


async def test_nothing_has_no_total() -> None:
    assert await Source().read() == Offsets(())


async def test_siblings_are_the_nodes_of_the_same_application() -> None:
    """Another application that moves proves nothing about this one."""
    source = Source()
    for at in range(12):
        offsets = await source.read(
            node("a-1", {0: 7}, "a", at=source.now), node("b-1", {0: 7}, "b", at=source.now), node("b-2", {0: at}, "b", at=source.now)
        )
    assert {each.name: each.verdict for each in offsets.consumers} == {"a-1": "UNKNOWN", "b-1": "STALLED", "b-2": "OK"}


async def test_what_happens_is_told_once_and_the_first_reading_is_no_news() -> None:
    source = Source()
    await source.read(node("a-1", {0: 100}, at=1.0))
    assert source.told == []
    await source.read(node("a-1", {0: 50, 1: 3}, at=2.0), node("a-2", {0: 1}, at=2.0))
    assert source.told == [
        News("info", "a-2: a new consumer"),
        News("info", "a-1: partition 1 appeared"),
        News("warning", "a-1: partition 0 went back from 100 to 50"),
    ]
    await source.read(node("a-2", {0: 1}, at=2.0))
    assert source.told == [News("info", "a-1: is no longer there")]
    await source.read(node("a-2", {0: 1}, at=2.0))
    assert source.told == []


async def test_a_storm_of_news_is_cut_and_its_warnings_come_first() -> None:
    source = Source()
    await source.read(node("old", {0: 9}, at=1.0))
    await source.read(node("old", {0: 2}, at=2.0), *(node(f"new-{number}", {0: 1}, at=1.0) for number in range(500)))
    assert len(source.told) == MAX_TOLD + 1 and source.told[0] == News("warning", "old: partition 0 went back from 9 to 2")
    assert source.told[-1] == News("info", "and 481 more changes at once")


async def test_the_history_of_a_consumer_is_what_was_read() -> None:
    source = Source()
    for at in range(5):
        await source.read(group("sink", "orders", {0: at, 3: 2 * at}, {0: at + 7}))
    history = source.memory.history(HistoryOf("sink", "orders", partition=0))
    assert (history.consumer, history.topic, len(history.partitions)) == ("sink", "orders", 1)
    points = history.partitions[0].points
    assert points[0] == Point(T0 + 10, 0, 7) and points[-1] == Point(T0 + 50, 4, 11)
    whole = source.memory.history(HistoryOf("sink"))
    assert whole.topic == "orders" and [each.partition for each in whole.partitions] == [0, 3]
    assert whole.partitions[1].points[-1].end is None
    assert source.memory.history(HistoryOf("sink", "orders", partition=99)).partitions == ()


async def test_the_history_of_nobody_is_an_answer_in_words() -> None:
    with pytest.raises(Unavailable, match="nothing is known of a consumer 'ghost orders'"):
        Source().memory.history(HistoryOf("ghost", "orders"))


async def test_the_loop_does_its_other_work_while_a_thousand_nodes_are_counted() -> None:
    """Counted in turns of the loop and not in seconds: at most some hundred partitions lie between two of them."""
    turns, seen = 0, 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for _ in gently(range(1000), dict.fromkeys(range(1000), 32)):
        seen += 1
    task.cancel()
    assert seen == 1000 and turns >= 33_000 / 450


async def test_two_thousand_partitions_with_their_history_stay_small() -> None:
    """240 points of a time, an offset and an end are 6 KB."""
    source = Source()
    for at in range(300):
        source.now += 5
        await source.read(
            *(group(f"g{number}", "t", dict.fromkeys(range(10), at), dict.fromkeys(range(10), at + 1)) for number in range(5))
        )
    partitions = [partition for key in source.memory._consumers.values() for partition in key._partitions.values()]
    assert len(partitions) == 50
    sizes = [sum(each.buffer_info()[1] * each.itemsize for each in arrays(partition.readings)) for partition in partitions]
    assert max(sizes) <= 241 * 24 and min(sizes) > 200 * 24


def arrays(readings: Any) -> Iterator[Any]:
    yield from (readings._ats, readings._offsets, readings._ends)


def test_a_snapshot_names_the_cluster_and_the_application_of_a_consumer() -> None:
    seen = Observation("a-1", "csv", "t", {0: 1}, {0: T0}, {0: 2}, application="a", cluster="main")
    offsets, _ = asyncio.run(Memory(0).take([seen], T0))
    consumer: Consumer = offsets.consumers[0]
    assert (consumer.application, consumer.cluster) == ("a", "main")
