"""The offsets sources on a real ZooKeeper and real Kafka brokers of both kinds."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl

from backends.kafka_config import Cluster
from backends.offsets import Watched, sources
from backends.snapshots import Consumer, Offsets
from backends.source import Context, Source, Unavailable
from tests.backends.kafka_peer import KafkaPeer
from tests.lab.kafka import Kafka3, Kafka4
from tests.lab.zookeeper import ZooKeeper

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def znodes(zookeeper: ZooKeeper) -> Iterator[Any]:
    client = KazooClient(zookeeper.address(), timeout=10)
    client.start(timeout=10)
    yield client
    client.stop()
    client.close()


@asynccontextmanager
async def watching(watched: Watched, *clusters: Cluster) -> AsyncIterator[Source]:
    [source] = sources([watched], Context({"kafka": [*clusters]}, "", ""))
    try:
        yield source
    finally:
        await source.close()


async def look(source: Source) -> dict[tuple[str, str | None], Consumer]:
    seen = await source.observe(time.time())
    assert isinstance(seen, Offsets)
    return {(consumer.name, consumer.topic): consumer for consumer in seen.consumers}


async def test_znodes_are_read_pair_by_pair_and_each_may_fail_alone(zookeeper: ZooKeeper, znodes: Any) -> None:
    write = {"node-1": b"5:16497745458,7:16497813566", "node-2": b"9:1,x:12,[red]x[/]\x1b", "node-3": b"\x00\xff\xfe", "node-4": b""}
    for name, data in write.items():
        znodes.create(f"/lab.csv/{name}", data, makepath=True)
    znodes.create("/lab.csv/[red]odd[]", b"1:1")
    znodes.create("/lab.csv/secret", b"1:1", acl=[make_digest_acl("someone", "else", all=True)])
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.csv")) as source:
        first = {name: consumer for (name, _), consumer in (await look(source)).items()}
        znodes.set("/lab.csv/node-1", b"5:16497745558,7:16497813566")
        second = {name: consumer for (name, _), consumer in (await look(source)).items()}
    assert set(first) == {*write, "[red]odd[]", "secret"}
    assert [(each.partition, each.offset) for each in first["node-1"].detail] == [(5, 16497745458), (7, 16497813566)]
    assert (first["node-2"].bad_pairs, first["node-2"].bad_sample) == (2, "x:12")
    assert (first["node-3"].bad_pairs, first["node-3"].partitions) == (1, 0)
    assert first["node-4"].reason == "there are no offsets in it"
    assert first["secret"].verdict == "UNKNOWN" and first["secret"].reason == "its ACL denies us to read it"
    moved = second["node-1"]
    assert moved.verdict == "OK" and moved.detail[0].offset == 16497745558
    assert moved.committed_at is not None and moved.committed_at > (first["node-1"].committed_at or 0)


async def test_a_path_or_chroot_that_is_not_there_says_how_far_it_goes(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.ensure_path("/lab.some/where")
    async with watching(Watched("x", zookeeper=zookeeper.address(), path="/lab.some/where/else/there")) as source:
        with pytest.raises(Unavailable, match=r"has no /lab.some/where/else/there \(it ends at /lab.some/where\); see offsets\[0\]"):
            await source.observe(time.time())
    async with watching(Watched("x", zookeeper=f"{zookeeper.address()}/no/chroot", path="/lab")) as source:
        with pytest.raises(Unavailable, match=r"has no chroot /no/chroot; see offsets\[0\].zookeeper"):
            await source.observe(time.time())
    async with watching(Watched("x", zookeeper=f"{zookeeper.address()}/lab.some", path="/where")) as source:
        assert await source.observe(time.time()) == Offsets(())


async def test_the_classic_tree_has_a_lag_through_brokers_that_only_zookeeper_knows(
    zookeeper: ZooKeeper, kafka3: Kafka3, znodes: Any
) -> None:
    peer = KafkaPeer(kafka3.address())
    peer.create({"classic": 2})
    peer.write("classic", *[b"x"] * 30, partition=0)
    peer.write("classic", *[b"x"] * 5, partition=1)
    for partition, offset in (("0", b"20"), ("1", b"5"), ("x", b"7"), ("2", b"none")):
        znodes.create(f"/lab.classic/old/offsets/classic/{partition}", offset, makepath=True)
    znodes.ensure_path("/lab.classic/idle/ids")
    watched = Watched("old", zookeeper=zookeeper.address(), path="/lab.classic", layout="consumers", kafka="main")
    async with watching(watched, Cluster("main", zookeeper=zookeeper.address())) as source:
        seen = await look(source)
    consumer = seen["old", "classic"]
    assert list(seen) == [("old", "classic")]
    assert (consumer.layout, consumer.lag, consumer.bad_pairs) == ("consumers", 10, 2)
    assert [(each.partition, each.offset, each.end, each.lag) for each in consumer.detail] == [(0, 20, 30, 10), (1, 5, 5, 0)]


async def test_without_its_brokers_a_znode_still_has_its_offsets_and_says_what_is_missing(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.create("/lab.alone/node", b"0:7", makepath=True)
    watched = Watched("lean", zookeeper=zookeeper.address(), path="/lab.alone", kafka="main", topic="t")
    async with watching(watched, Cluster("main", bootstrap="127.0.0.1:1")) as source:
        consumer = (await look(source))["node", "t"]
    assert consumer.detail[0].offset == 7 and consumer.lag is None
    assert "no broker answers at 127.0.0.1:1 (connection refused)" in consumer.reason


async def test_a_hung_zookeeper_is_named_and_the_same_source_comes_back(zookeeper: ZooKeeper, znodes: Any) -> None:
    znodes.create("/lab.hangs/node", b"0:7", makepath=True)
    async with watching(Watched("lean", zookeeper=zookeeper.address(), path="/lab.hangs")) as source:
        await source.observe(time.time())
        zookeeper.hang()
        try:
            began = time.monotonic()
            with pytest.raises(Unavailable, match="ZooKeeper"):
                await source.observe(time.time())
            assert time.monotonic() - began < 6.0
        finally:
            zookeeper.resume()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    seen = await look(source)
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)
    assert seen["node", None].detail[0].offset == 7


async def test_a_group_has_a_row_for_each_topic_and_no_offset_is_invented(kafka4: Kafka4) -> None:
    peer = KafkaPeer(kafka4.address())
    peer.create({"groups.a": 3, "groups.b": 1})
    peer.write("groups.a", *[b"x"] * 50, partition=0)
    peer.write("groups.b", *[b"x"] * 5)
    peer.commit("lab-sink", "groups.a", {0: 20, 1: 0})  # nothing for partition 2
    peer.commit("lab-sink", "groups.b", {0: 5})
    peer.commit("other", "groups.b", {0: 1})
    before = peer.groups()
    async with watching(Watched("groups", kafka="main", groups=["lab-*"]), Cluster("main", bootstrap=kafka4.address())) as source:
        seen = await look(source)
        again = await look(source)
    assert list(seen) == [("lab-sink", "groups.a"), ("lab-sink", "groups.b")]
    first = seen["lab-sink", "groups.a"]
    assert (first.layout, first.lag, first.partitions) == ("group", 30, 2)
    assert [(each.partition, each.offset, each.end, each.lag) for each in first.detail] == [(0, 20, 50, 30), (1, 0, 0, 0)]
    assert "the group has no members" in first.reason and seen["lab-sink", "groups.b"].lag == 0
    assert again["lab-sink", "groups.a"].lag == 30
    assert peer.groups() == before  # we have joined nothing


HUNG_GROUP_CALL = """
import os, signal, sys, time
from backends import kafka_groups
from backends.kafka_client import KafkaClient, Settings
from backends.source import Unavailable

address, broker = sys.argv[1], int(sys.argv[2])
client = KafkaClient(Settings("kafka main", "kafka[0]", address, {}))
reader = kafka_groups.GroupsReader(client, lambda name: True)
kafka_groups.GROUP_S = 1.0
client.topics(reads=False)  # metadata is there, the coordinator of the group is not known: the dangerous moment
os.kill(broker, signal.SIGSTOP)
try:
    reader._committed([kafka_groups.Group("hung-sink", True)])
except Unavailable as trouble:
    print("unavailable")
finally:
    os.kill(broker, signal.SIGCONT)
until = time.monotonic() + 2.5  # the late answer used to kill the process within 2 s
while time.monotonic() < until:
    try:
        found = {seen.name: dict(seen.offsets) for seen in reader.read()}
    except Unavailable:
        found = {}
    time.sleep(0.05)
print(found["hung-sink"])
"""


def test_a_group_call_that_a_hung_broker_answers_late_does_not_kill_the_process(kafka4: Kafka4) -> None:
    peer = KafkaPeer(kafka4.address())
    peer.create({"hung": 1})
    peer.write("hung", b"x", b"y")
    peer.commit("hung-sink", "hung", {0: 1})
    story = [sys.executable, "-c", HUNG_GROUP_CALL, kafka4.address(), str(kafka4.pid)]
    done = subprocess.run(story, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split("\n"), done.stderr) == (0, ["unavailable", "{0: 1}", ""], "")
