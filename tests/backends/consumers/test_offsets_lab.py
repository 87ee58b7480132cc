"""Offsets that are measured against real Kafka brokers of both kinds: groups, and znodes with log ends."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer

from backends.kafka.config import Cluster
from backends.offsets import Watched
from backends.questions import History, HistoryOf, RecordsOf
from backends.source import Unavailable
from tests.backends.kafka_peer import KafkaPeer
from tests.backends.offsets_peer import PATIENCE_S, into, look, watching
from tests.lab.kafka import Kafka3, Kafka4
from tests.lab.zookeeper import ZooKeeper


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
    assert (first.layout, first.lag, first.partitions, first.cluster) == ("group", 30, 3, "main")
    figures = [(each.partition, each.offset, each.end, each.lag) for each in first.detail]
    assert figures == [(0, 20, 50, 30), (1, 0, 0, 0), (2, None, 0, None)]
    assert first.group is not None and (first.group.state, first.group.type, first.group.members) == ("empty", "classic", ())
    assert "the group has no members; no commit in partition 2 of 3" in first.reason and seen["lab-sink", "groups.b"].lag == 0
    assert again["lab-sink", "groups.a"].lag == 30
    assert peer.groups() == before  # we have joined nothing


HANGS = """
import os, signal, sys, time
from backends.consumers import groups as kafka_groups
from backends.consumers import members as group_members
from backends.kafka import client as kafka_client
from backends.kafka.client import KafkaClient, Settings
from backends.source import Unavailable
from tests.lab.server import hang

address, broker, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
kafka_groups.GROUP_S = group_members.DESCRIBE_S = 0.3
found, gave_up = {}, 0
for number in range(rounds):
    client = KafkaClient(Settings("kafka main", "kafka[0]", address, {}))
    reader = kafka_groups.GroupsReader(client, lambda name: True, "main")
    kafka_client.METADATA_S = 2.5
    client.topics(reads=False)  # metadata is there, the coordinator of the group is not known: the dangerous moment
    hang(broker)  # all of its threads stand still when this returns
    kafka_client.METADATA_S = 0.2
    try:
        if number % 2:
            reader._members.describe(client, {"hung-sink": ("stable", "classic")}, 0.0)
            gave_up += client._admin is None
        else:
            reader._committed(["hung-sink"])
    except Unavailable:
        gave_up += 1
    finally:
        os.kill(broker, signal.SIGCONT)
    until = time.monotonic() + 0.4  # the late answer used to kill the process within 2 s: in this round or the next ones
    while time.monotonic() < until:
        try:
            found = {seen.name: dict(seen.offsets) for seen in reader.read()}
        except Unavailable:
            found = {}
        time.sleep(0.05)
time.sleep(2.0)
print(rounds, gave_up, found["hung-sink"])
"""


def test_twenty_times_a_hung_broker_answers_group_calls_late_and_the_process_lives(kafka4: Kafka4) -> None:
    """Offsets and members in turn, each on a handle that has not seen the group yet."""
    peer = KafkaPeer(kafka4.address())
    peer.create({"hung": 1})
    peer.write("hung", b"x", b"y")
    peer.commit("hung-sink", "hung", {0: 1})
    story = [sys.executable, "-c", HANGS, kafka4.address(), str(kafka4.pid), "20"]
    done = subprocess.run(story, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout.split("\n"), done.stderr) == (0, ["20 20 {0: 1}", ""], "")


@contextmanager
def member(address: str, group: str, topic: str, **settings: str) -> Iterator[Consumer]:
    """A real member that has its partitions and has committed them."""
    plain: dict[str, str | int | float | bool] = {"bootstrap.servers": address, "group.id": group, "client.id": "sink-1", "log_level": 0}
    consumer = Consumer({**plain, "auto.offset.reset": "earliest", "enable.auto.commit": False, **settings})
    try:
        consumer.subscribe([topic])
        until = time.monotonic() + PATIENCE_S
        while consumer.poll(0.1) is None:
            assert time.monotonic() < until, f"{group} got no record"
        consumer.commit(asynchronous=False)
        yield consumer
    finally:
        consumer.close()


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
async def test_a_group_of_either_protocol_names_its_members_and_whose_each_partition_is(kafka4: Kafka4, protocol: str) -> None:
    peer, topic = KafkaPeer(kafka4.address()), f"members.{protocol}"
    peer.create({topic: 2})
    peer.write(topic, b"x", b"y")
    with member(kafka4.address(), f"members-{protocol}", topic, **{"group.protocol": protocol}):
        watched = Watched("groups", kafka="main", groups=[f"members-{protocol}"])
        async with watching(watched, Cluster("main", bootstrap=kafka4.address())) as source:
            consumer = (await look(source))[f"members-{protocol}", topic]
    group = consumer.group
    assert group is not None and (group.state, group.type) == ("stable", protocol)
    assert group.assignor == {"classic": "range", "consumer": "uniform"}[protocol]
    assert [(each.client_id, each.host, each.partitions) for each in group.members] == [("sink-1", "127.0.0.1", (0, 1))]
    assert [(each.partition, each.owner) for each in consumer.detail] == [(0, "sink-1 127.0.0.1"), (1, "sink-1 127.0.0.1")]


async def test_a_broker_of_the_old_kind_tells_of_its_groups_as_well(kafka3: Kafka3) -> None:
    peer = KafkaPeer(kafka3.address())
    peer.create({"members.old": 1})
    peer.write("members.old", b"x", b"y")
    with member(kafka3.address(), "members-old", "members.old"):
        async with watching(Watched("groups", kafka="main", groups=["members-old"]), Cluster("main", bootstrap=kafka3.address())) as source:
            consumer = (await look(source))["members-old", "members.old"]
    assert consumer.group is not None and (consumer.group.state, len(consumer.group.members)) == ("stable", 1)
    assert consumer.lag == 1


@pytest.mark.parametrize("records", [1, 60])
async def test_a_topic_that_is_recreated_under_a_znode_is_told_by_its_id_however_many_records_it_has(
    kafka4: Kafka4, zookeeper: ZooKeeper, znodes: Any, records: int
) -> None:
    name = f"recreated.{records}"
    peer, told = KafkaPeer(kafka4.address()), list[tuple[str, str]]()
    peer.create({name: 1})
    peer.write(name, *[b"x"] * 30)
    znodes.create(f"/lab.{name}/app-node-1", b"0:25", makepath=True)
    watched = Watched("lean", zookeeper=zookeeper.address(), path=f"/lab.{name}", kafka="main", topic=name)
    async with watching(watched, Cluster("main", bootstrap=kafka4.address()), tell=into(told)) as source:
        assert (await look(source))["app-node-1", name].lag == 5
        peer.delete(name)
        peer.create({name: 1})
        peer.write(name, *[b"x"] * records)
        left_over = (await look(source))["app-node-1", name]
        znodes.set(f"/lab.{name}/app-node-1", b"0:1")
        committed = (await look(source))["app-node-1", name]
    assert (left_over.verdict, left_over.lag, left_over.time_lag_s) == ("REWOUND", None, None)
    assert "the topic was recreated, and offset 25 is of the log before" in left_over.reason
    assert (committed.lag, committed.time_lag_s) == (records - 1, 0.0 if records == 1 else None)
    assert [text for severity, text in told if severity == "warning"] == [
        f"app-node-1 {name}: topic {name} was deleted and recreated: offsets of before are of another log",
        f"app-node-1 {name}: partition 0 went back from 25 to 1",
    ]


async def test_the_history_of_a_group_is_answered_from_memory(kafka4: Kafka4) -> None:
    peer = KafkaPeer(kafka4.address())
    peer.create({"history": 1})
    peer.write("history", *[b"x"] * 9)
    peer.commit("history-sink", "history", {0: 3})
    watched = Watched("groups", kafka="main", groups=["history-sink"])
    async with watching(watched, Cluster("main", bootstrap=kafka4.address())) as source:
        await look(source)
        peer.commit("history-sink", "history", {0: 5})
        await look(source)
        history = await source.ask(HistoryOf("history-sink", "history"))
        with pytest.raises(Unavailable, match="records are asked of its Kafka cluster"):
            await source.ask(RecordsOf("history"))
    assert isinstance(history, History)
    assert [(point.offset, point.end) for point in history.partitions[0].points] == [(3, 9), (5, 9)]
