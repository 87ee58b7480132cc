"""Topics that come, go, come back as others, or are denied to us: what the rows say, and the one event for each."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from backends.kafka.config import Cluster, TopicFilter
from backends.kafka.roster import DELETED_SHOWN_S
from backends.snapshots import Topic, Topics
from backends.topics import TopicsSource
from tests.backends.kafka_peer import LIMIT_S
from tests.backends.topic_peer import TopicPeer, line
from tests.lab.kafka import Kafka4
from tests.lab.secure import SecureKafka

OPERATIONS = (AclOperation.DESCRIBE, AclOperation.READ)
WATCHER = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "watcher", "sasl.password": "watcher"}


class Told:
    """The events of a source."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def __call__(self, at: float, severity: str, source: str, text: str) -> None:
        assert source == "main" and abs(at - time.time()) < 2 * DELETED_SHOWN_S
        self.events.append((severity, text))

    def take(self) -> list[tuple[str, str]]:
        events, self.events = self.events, []
        return events


@pytest.fixture
def told() -> Told:
    return Told()


@asynccontextmanager
async def watching(address: str, told: Told, *include: str, **keys: object) -> AsyncIterator[TopicsSource]:
    source = TopicsSource(Cluster("main", bootstrap=address, topics=TopicFilter([*include]), **keys), "kafka[0]", told)  # type: ignore[arg-type]
    try:
        yield source
    finally:
        await source.close()


async def look(source: TopicsSource, later: float = 0.0) -> dict[str, Topic]:
    return {topic.name: topic for topic in (await source.observe(time.time() + later)).topics}


async def until(source: TopicsSource, holds: Callable[[Topics], bool]) -> Topics:
    deadline = time.monotonic() + LIMIT_S
    while not holds(seen := await source.observe(time.time())):
        assert time.monotonic() < deadline
    return seen


async def test_a_new_topic_is_there_in_the_next_reading_and_told_once_and_nothing_is_new_at_first(
    address: str, peer: TopicPeer, told: Told
) -> None:
    peer.create({"roster.old": 1})
    async with watching(address, told, "roster.*") as source:
        await look(source)
        assert told.take() == []
        peer.create({"roster.new": 3})
        assert "roster.new" in await look(source)
        assert told.take() == [("info", "topic roster.new appeared (3 partitions)")]
        await look(source)
        assert told.take() == []


async def test_a_deleted_topic_is_told_and_its_row_says_so_for_ten_minutes(address: str, peer: TopicPeer, told: Told) -> None:
    peer.create({"gone": 2, "gone.stays": 1})
    peer.write("gone", line(3, 5))
    async with watching(address, told, "gone*") as source:
        await look(source)
        peer.delete("gone")
        missed = (await look(source))["gone"]
        assert missed.loaded_age_s is not None and "lacks it at the moment" in (missed.reason or "")
        topic = (await look(source))["gone"]
        assert (topic.state, topic.partitions) == ("unknown", 0) and (topic.reason or "").startswith(
            "deleted: gone from the cluster since "
        )
        assert told.take() == [("warning", "topic gone was deleted")]
        assert "gone" in await look(source, DELETED_SHOWN_S - 10)
        assert "gone" not in await look(source, DELETED_SHOWN_S + 10)
        assert told.take() == []


async def test_a_topic_recreated_with_more_records_is_told_by_its_id(address: str, peer: TopicPeer, told: Told) -> None:
    peer.create({"again": 1})
    peer.write("again", line(500, 500), line(400, 400))
    async with watching(address, told, "again") as source:
        before = (await look(source))["again"]
        assert before.topic_id is not None
        peer.recreate("again")
        peer.write("again", *(line(100, 100) for _ in range(5)))
        after = (await until(source, lambda seen: seen.topics[0].topic_id not in (None, before.topic_id))).topics[0]
        assert after.records_per_s is None
        assert told.take() == [("warning", "topic again was deleted and recreated")]
        settled = (await until(source, lambda seen: seen.topics[0].detail[0].offset is not None)).topics[0]
        assert (settled.detail[0].start, settled.detail[0].end, settled.detail[0].offset) == (0, 5, 4)
        assert settled.loaded_age_s == pytest.approx(100, abs=10) and told.take() == []


async def test_a_topic_recreated_with_fewer_records_is_one_event_and_never_a_negative_rate(
    address: str, peer: TopicPeer, told: Told
) -> None:
    peer.create({"fewer": 1})
    peer.write("fewer", *(line(100, 100) for _ in range(10)))
    async with watching(address, told, "fewer") as source:
        await look(source)
        peer.recreate("fewer")
        peer.write("fewer", line(7, 7))
        rates = [(await look(source))["fewer"].records_per_s for _ in range(3)]
        assert all(rate is None or rate >= 0 for rate in rates)
        settled = (await until(source, lambda seen: seen.topics[0].detail[0].offset is not None)).topics[0]
        assert (settled.detail[0].end, settled.detail[0].offset) == (1, 0)
    events = told.take()
    assert len(events) == 1 and ("went back from 10 to 1" in events[0][1] or "deleted and recreated" in events[0][1])


async def test_deleted_records_do_not_look_like_another_topic(address: str, peer: TopicPeer, told: Told) -> None:
    peer.create({"shortened": 1})
    peer.write("shortened", *(line(3, 3) for _ in range(10)))
    async with watching(address, told, "shortened") as source:
        await look(source)
        peer.delete_records("shortened", 10)
        for _ in range(11):
            seen = (await look(source))["shortened"]
        assert seen.detail[0].state == "emptied" and told.take() == []


async def test_a_topic_that_is_denied_is_told_from_one_that_is_not_there(kafka_secure: SecureKafka, told: Told) -> None:
    peer = TopicPeer(kafka_secure.address())
    peer.create({"acl.open": 1, "acl.secret": 1, "acl.later": 1})
    peer.write("acl.open", line(3, 5))
    peer.write("acl.later", line(3, 5))
    change(peer.admin.create_acls([AclBinding(*acl(name, operation)) for name in ("acl.open", "acl.later") for operation in OPERATIONS]))
    async with watching(kafka_secure.at("SASL_PLAINTEXT"), told, "acl.*", "acl.secret", options=WATCHER) as source:
        await until(source, lambda seen: {"acl.open", "acl.later"} <= {topic.name for topic in seen.topics if topic.state == "ok"})
        told.take()
        seen = await look(source)
        assert seen["acl.secret"].state == "denied" and "grant Describe and Read" in (seen["acl.secret"].reason or "")
        change(peer.admin.delete_acls([AclBindingFilter(*acl("acl.later", operation)) for operation in OPERATIONS]))
        seen = {topic.name: topic for topic in (await until(source, lambda all: named(all, "acl.later").state == "denied")).topics}
        assert seen["acl.open"].state == "ok" and seen["acl.later"].loaded_age_s is not None
        await look(source)
        assert [text for _, text in told.take() if "acl.later" in text] == [
            "topic acl.later is no longer listed: the brokers deny access to this topic; grant Describe and Read"
        ]


def named(topics: Topics, name: str) -> Topic:
    return next(topic for topic in topics.topics if topic.name == name)


def acl(topic: str, operation: AclOperation) -> tuple[ResourceType, str, ResourcePatternType, str, str, AclOperation, AclPermissionType]:
    allow, literal = AclPermissionType.ALLOW, ResourcePatternType.LITERAL
    return ResourceType.TOPIC, topic, literal, "User:watcher", "*", operation, allow


def change(futures: object) -> None:
    for future in futures.values():  # type: ignore[attr-defined]
        future.result(LIMIT_S)


def test_ids_that_are_on_their_way_to_a_broker_that_hangs_never_end_the_process(kafka4: Kafka4) -> None:
    peer = TopicPeer(kafka4.address())
    peer.create({"hanging.ids": 1})
    peer.write("hanging.ids", line(3, 5))
    try:
        story = [sys.executable, "-m", "tests.backends.hanging_ids", kafka4.address(), str(kafka4.pid)]
        done = subprocess.run(story, capture_output=True, text=True, timeout=180, check=False)
    finally:
        kafka4.resume()
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")
