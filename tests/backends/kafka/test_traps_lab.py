"""The traps of librdkafka and of the protocol, each met on real brokers: none takes the process down, none makes us tell what is not so."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from backends.kafka.config import Cluster, TopicFilter
from backends.offsets import Watched
from tests.backends.cluster_peer import ClusterPeer
from tests.backends.hanging_rounds import EACH
from tests.backends.watching import part, watching_offsets, watching_topics
from tests.lab.kafka import Kafka, Kafka4

HANGS_LIMIT_S = 90.0
CYCLES = 3


def line(loaded_age: float = 1) -> bytes:
    at = datetime.fromtimestamp(time.time() - loaded_age, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"1,a,b,c,{at},{at},x".encode()


@pytest.fixture(params=["kafka3", "kafka4"])
def kafka(request: pytest.FixtureRequest) -> Kafka:
    found: Kafka = request.getfixturevalue(request.param)
    return found


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """librdkafka writes where it likes; one line would tear a screen. (The lab says when a server answers.)"""
    yield
    out, err = capfd.readouterr()
    assert (out, [text for text in err.splitlines() if not text.startswith("lab: ")]) == ("", [])


def cluster_of(kafka: Kafka, *include: str) -> Cluster:
    return Cluster("main", bootstrap=kafka.address(), topics=TopicFilter([*include]))


def rounds(kafka: Kafka, *calls: str) -> list[dict[str, object]]:
    """What the process tells that reads groups while its broker hangs twice; it must end by itself, in silence."""
    peer = ClusterPeer(kafka.address())
    name = f"hanging.{'.'.join(calls)}"
    peer.create({name: 1})
    peer.write(name, b"x", b"y", b"z")
    peer.commit(f"{name}-sink", name, {0: 1})
    words = [sys.executable, "-m", "tests.backends.hanging_rounds", kafka.address(), str(kafka.pid), f"{name}-sink", *calls]
    with peer.member(f"{name}-sink", name):
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=HANGS_LIMIT_S, check=False)
        finally:
            kafka.resume()
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(text) for text in done.stdout.splitlines()]


def test_readers_of_groups_live_through_a_broker_that_hangs_before_each_of_their_calls_and_answers_late(kafka4: Kafka4) -> None:
    """Without care the late answer aborts the whole process, with no exception (librdkafka#4605)."""
    calls = ("list_consumer_groups", "list_consumer_group_offsets", "describe_consumer_groups")
    told = rounds(kafka4, *calls)
    expected = {"caught": dict.fromkeys(calls, EACH), "lags": [2] * EACH * len(calls), "bugs": []}
    assert told == [expected, expected]


async def test_after_a_restart_the_first_cycle_that_works_has_the_figures_of_now(kafka: Kafka) -> None:
    """A restarted KRaft broker leads in a new epoch: asked with the old one it refuses for ever."""
    peer = ClusterPeer(kafka.address())
    peer.create({"epochs": 1})
    peer.write("epochs", line(60))
    peer.commit("epochs-sink", "epochs", {0: 1})
    cluster, groups = cluster_of(kafka, "epochs"), Watched("groups", kafka="main", groups=["epochs-sink"])
    async with watching_topics(cluster) as topics, watching_offsets(groups, cluster) as consumers:
        await topics.until(lambda seen: seen.topics[0].state == "ok")
        await consumers.until(lambda seen: seen.consumers[0].lag == 0)
        kafka.kill()
        await asyncio.gather(topics.trouble(), consumers.trouble())
        await asyncio.to_thread(kafka.start)
        peer.write("epochs", line(1), line(1))
        topic = (await topics.until(lambda seen: True)).topics[0]
        assert (topic.state, part(topic, 0).end) == ("ok", 3) and topic.loaded_age_s == pytest.approx(1, abs=5)
        assert (await consumers.until(lambda seen: True)).consumers[0].lag == 2
    assert topics.told("recreated", "deleted") == [] and consumers.told("rewound") == []


async def test_a_time_that_belongs_to_no_living_record_is_never_the_newest(kafka: Kafka) -> None:
    """Asked for its newest timestamp, a broker names records below the log start, and the marker of a transaction."""
    peer, now = ClusterPeer(kafka.address()), time.time()
    peer.create({"newest.cut": 1, "newest.marker": 1, "newest.gone": 1})
    for at in (now - 900, now + 3600, now - 600):
        peer.write("newest.cut", b"no time in it", at=at)
        peer.write("newest.gone", b"no time in it", at=at)
    peer.empty("newest.cut", {0: 2})
    peer.empty("newest.gone", {0: 3})
    peer.begin("newest.marker", b"no time in it", at=now - 600).commit_transaction(20)
    async with watching_topics(cluster_of(kafka, "newest.*")) as watch:
        topics = await watch.topics()
    for name in ("newest.cut", "newest.marker"):
        assert part(topics[name], 0).record_at == pytest.approx(now - 600, abs=0.01)
        assert topics[name].record_age_s == pytest.approx(600, abs=30) and "ahead" not in (topics[name].reason or "")
    gone = topics["newest.gone"]
    assert (gone.state, gone.record_age_s, part(gone, 0).record_at) == ("empty", None, None)


def files_of(kafka: Kafka) -> dict[str, int]:
    """Sizes of all that the broker keeps of topics; what it notes for itself is left out."""
    data = kafka.directory / "data"
    logs = (path for path in data.glob("*/*.log") if not path.parent.name.startswith("__cluster_metadata"))
    return {str(path.relative_to(data)): path.stat().st_size for path in logs}


def known_to(peer: ClusterPeer) -> set[str]:
    return set(peer.admin.list_topics(timeout=20).topics)


async def test_watching_a_cluster_leaves_it_as_it_was_but_for_an_empty_topic_of_its_own(kafka_untouched: Kafka4) -> None:
    """Any consumer handle asks who coordinates its group, and the first such question makes a broker create __consumer_offsets."""
    peer = ClusterPeer(kafka_untouched.address())
    peer.create({"quiet": 2})
    peer.write("quiet", line(), line())
    before = files_of(kafka_untouched)
    assert known_to(peer) == {"quiet"} and "quiet-0/00000000000000000000.log" in before
    cluster = cluster_of(kafka_untouched, "*")
    async with watching_topics(cluster) as topics, watching_offsets(Watched("groups", kafka="main"), cluster) as consumers:
        for _ in range(CYCLES):
            assert (await topics.topics())["quiet"].state == "ok"
            assert (await consumers.until(lambda seen: True)).consumers == ()  # while the topic is being made there are no groups to list
            peer.write("quiet", line(), partition=1)  # so that every cycle reads a record
        assert peer.groups() == set()
    after = files_of(kafka_untouched)
    assert known_to(peer) - {"__consumer_offsets"} == {"quiet"} and peer.groups() == set()
    assert after["quiet-0/00000000000000000000.log"] == before["quiet-0/00000000000000000000.log"]
    others = {name: size for name, size in after.items() if not name.startswith("quiet-")}
    assert all(name.startswith("__consumer_offsets-") and size == 0 for name, size in others.items())


async def test_a_topic_recreated_with_more_records_than_before_is_told_by_its_id(kafka: Kafka) -> None:
    """Its log end never went back, so only the id tells that it is another topic."""
    peer = ClusterPeer(kafka.address())
    peer.create({"twice": 1})
    peer.write("twice", *[line(60)] * 5)
    async with watching_topics(cluster_of(kafka, "twice")) as watch:
        before = (await watch.until(lambda seen: seen.topics and seen.topics[0].state == "ok")).topics[0]
        peer.recreate("twice")
        peer.write("twice", *[line(1)] * 12)
        after = await watch.topic_within(2, "twice", lambda topic: part(topic, 0).end == 12 and topic.loaded_age_s is not None)
        assert after.topic_id != before.topic_id and None not in (after.topic_id, before.topic_id)
        assert after.loaded_age_s == pytest.approx(1, abs=5)
        assert [text for text in watch.events if "twice" in text] == watch.told("recreated") and len(watch.events) == 1
