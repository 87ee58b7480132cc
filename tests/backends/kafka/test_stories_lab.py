"""What a partition's log may end with, each on both lines of Kafka: the newest record is found, and what there is instead is told."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from backends.kafka.config import Cluster, TopicFilter
from backends.questions import Records, RecordsOf
from backends.snapshots import Topic
from tests.backends.cluster_peer import ClusterPeer
from tests.backends.watching import part, watching_topics
from tests.lab.kafka import Kafka

HUGE = 20 << 20
COMPACTED = {"cleanup_policy": "compact", "segment_ms": "300", "min_cleanable_dirty_ratio": "0.001", "delete_retention_ms": "0"}
CYCLE_S = 8.0


def line(loaded_age: float = 1, extra: bytes = b"x") -> bytes:
    at = datetime.fromtimestamp(time.time() - loaded_age, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"1,a,b,c,{at},{at},".encode() + extra


@pytest.fixture(params=["kafka3", "kafka4"])
def kafka(request: pytest.FixtureRequest) -> Kafka:
    found: Kafka = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def peer(kafka: Kafka) -> ClusterPeer:
    return ClusterPeer(kafka.address())


def cluster_of(kafka: Kafka, *include: str) -> Cluster:
    return Cluster("main", bootstrap=kafka.address(), topics=TopicFilter([*include]))


async def seen_of(kafka: Kafka, name: str) -> Topic:
    async with watching_topics(cluster_of(kafka, name)) as watch:
        began = time.monotonic()
        topic = (await watch.topics())[name]
        assert time.monotonic() - began < CYCLE_S
        return topic


async def test_the_time_of_a_log_append_topic_is_the_brokers(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create_as("story.append", 1, message_timestamp_type="LogAppendTime")
    peer.write("story.append", line(900), at=time.time() - 3600)
    topic = await seen_of(kafka, "story.append")
    assert topic.record_age_s == pytest.approx(0, abs=20) and topic.loaded_age_s == pytest.approx(900, abs=20)


async def test_the_end_of_a_compacted_topic_is_found_beyond_its_holes(kafka: Kafka, peer: ClusterPeer) -> None:
    """One key written again and again: after compaction nearly every offset is a hole, and the log start is still 0."""
    peer.create_as("story.compact", 1, **COMPACTED)
    peer.write("story.compact", *[line(600)] * 50)
    await asyncio.sleep(0.4)  # the next record begins a new segment, and leaves the one before to the cleaner
    peer.write("story.compact", line(300))
    await holes_in(kafka, "story.compact")
    async with watching_topics(cluster_of(kafka, "story.compact")) as watch:
        topic = (await watch.topics())["story.compact"]
        assert (topic.state, part(topic, 0).start, part(topic, 0).end) == ("ok", 0, 51)
        assert topic.loaded_age_s == pytest.approx(300, abs=20)
        peer.write("story.compact", None)
        gone = (await watch.topics())["story.compact"]
        assert part(gone, 0).state == "tombstone" and "tombstone" in (gone.reason or "")


async def holes_in(kafka: Kafka, topic: str) -> None:
    """Returns when the cleaner has rewritten the first segment: it is smaller than 50 records."""
    segment, deadline = kafka.directory / "data" / f"{topic}-0" / f"{0:020}.log", time.monotonic() + 20
    while segment.stat().st_size > 1000:
        assert time.monotonic() < deadline, "the cleaner did not come"
        await asyncio.sleep(0.05)


async def test_behind_600_aborted_records_and_their_marker_the_partition_has_a_newest_record(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create({"story.aborted": 1})
    peer.write("story.aborted", line(120))
    peer.begin("story.aborted", *[line(60)] * 600).abort_transaction(20)
    topic = await seen_of(kafka, "story.aborted")
    assert (part(topic, 0).start, part(topic, 0).end) == (0, 602)
    assert topic.state == "ok" and 60 <= (topic.loaded_age_s or 0) < 150  # an aborted record tells that its producer lives


async def test_a_record_of_20_mb_is_read_within_its_cycle_and_shown_short(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create_as("story.huge", 1, max_message_bytes=str(HUGE + (1 << 20)))
    peer.write("story.huge", line(5, b"x" * HUGE))
    topic = await seen_of(kafka, "story.huge")
    assert topic.state == "ok" and topic.loaded_age_s == pytest.approx(5, abs=20)
    assert len(part(topic, 0).sample or "") <= 200


async def test_an_emptied_topic_is_told_from_one_that_never_had_a_record(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create({"story.emptied": 1, "story.never": 1})
    peer.write("story.emptied", line(), line())
    async with watching_topics(cluster_of(kafka, "story.emptied", "story.never")) as watch:
        await watch.until(lambda seen: len(seen.topics) == 2 and seen.topics[0].state == "ok")
        peer.empty("story.emptied", {0: 2})
        emptied, never = (await watch.until(lambda seen: seen.topics[0].state == "empty")).topics  # log starts are looked at now and then
    assert (emptied.state, never.state) == ("empty", "empty") and emptied.reason != never.reason
    assert (part(emptied, 0).end, part(never, 0).end) == (2, 0) and emptied.loaded_age_s is None
    assert watch.told("recreated", "deleted") == []


async def test_a_transaction_ends_with_a_marker_and_its_newest_record_is_before_it(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create({"story.committed": 1})
    peer.begin("story.committed", line(90), line(30)).commit_transaction(20)
    topic = await seen_of(kafka, "story.committed")
    assert (topic.state, part(topic, 0).end) == ("ok", 3) and topic.loaded_age_s == pytest.approx(30, abs=20)


async def test_records_of_an_open_transaction_are_fresh_already(kafka: Kafka, peer: ClusterPeer) -> None:
    """Consumers of committed records do not see them yet; that they were loaded is true all the same."""
    peer.create({"story.open": 1})
    peer.write("story.open", line(900))
    producer = peer.begin("story.open", line(30))
    try:
        topic = await seen_of(kafka, "story.open")
    finally:
        producer.abort_transaction(20)
    assert (topic.state, part(topic, 0).end) == ("ok", 2) and topic.loaded_age_s == pytest.approx(30, abs=20)


async def test_a_new_topic_is_there_within_two_cycles(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create({"story.new.before": 1})
    async with watching_topics(cluster_of(kafka, "story.new.*")) as watch:
        await watch.until(lambda seen: len(seen.topics) == 1)
        peer.create({"story.new.after": 2})
        peer.write("story.new.after", line(1), partition=1)
        topic = await watch.topic_within(2, "story.new.after", lambda topic: part(topic, 1).end == 1)
    assert topic.state == "ok" and part(topic, 0).state == "empty"


async def test_a_partition_says_whose_its_record_times_are(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create_as("story.whose.broker", 1, message_timestamp_type="LogAppendTime")
    peer.create({"story.whose.producer": 1})
    for name in ("story.whose.broker", "story.whose.producer"):
        peer.write(name, line())
    async with watching_topics(cluster_of(kafka, "story.whose.*")) as watch:
        seen = await watch.topics()
    assert {name: part(topic, 0).record_time for name, topic in seen.items()} == {
        "story.whose.broker": "append",
        "story.whose.producer": "create",
    }


async def test_a_partition_says_how_large_its_newest_record_is(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create_as("story.sizes", 1, max_message_bytes=str(HUGE + (1 << 20)))
    value = line(5, b"x" * HUGE)
    peer.write("story.sizes", value)
    newest = part(await seen_of(kafka, "story.sizes"), 0)
    assert (newest.offset, newest.value_bytes) == (0, len(value))


async def test_asked_for_its_records_a_log_with_holes_and_aborted_ones_tells_both(kafka: Kafka, peer: ClusterPeer) -> None:
    peer.create({"story.asked": 1})
    peer.write("story.asked", b"good")
    peer.begin("story.asked", *[b"bad"] * 600).abort_transaction(20)
    async with watching_topics(cluster_of(kafka, "story.asked")) as watch:
        await watch.topics()
        found = await watch.source.ask(RecordsOf("story.asked", 0, limit=500))
        assert isinstance(found, Records)
        assert len(found.records) == 500 and {record.aborted for record in found.records} == {True}
        oldest = await watch.source.ask(RecordsOf("story.asked", 0, before=2, limit=10))
    assert isinstance(oldest, Records)
    assert [(record.offset, record.value, record.aborted) for record in oldest.records] == [(1, b"bad", True), (0, b"good", False)]
