"""The same reading as kafka_snapshot on real brokers, Kafka 4 and 3.9 (with ZooKeeper): 300 topics of 4 partitions, 10 records each.

It shows K3 on them, twice. Group list, topic list, committed offsets, log ends (those of __consumer_offsets, too) and every znode are
compared before and after; and what our clients asked is counted by a proxy between them and the broker, not by the clients.
On a cluster that never had a consumer the broker makes __consumer_offsets when a consumer looks for its coordinator; ours is one.
"""

import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from bench.rig.kafka import brokers, ours
from bench.rig.kafka.brokers import Broker
from bench.rig.kafka.cycles import measure
from bench.rig.kafka.kinds import others_than_reads
from bench.rig.kafka.load import create, fill, topic_names
from bench.rig.kafka.peers import beside, kcat
from bench.rig.kafka.report import at_most, run
from bench.rig.kafka.standing import OFFSETS_TOPIC, standing_of

PARTITIONS = 4
MOVED = 0.1
GROUP = "group-that-was-there"
READING = ("newest_records_not_found", "moved_partitions_not_read")  # counts that are about reading, not about disturbing


class Sizes(NamedTuple):
    servers: tuple[str, ...]
    topics: int
    records: int
    rounds: int
    sample: int


FULL, QUICK = Sizes(("kafka4", "kafka3"), 300, 10, 3, 12), Sizes(("kafka4",), 20, 2, 1, 1)


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    kcat()
    found = {}
    for name in sizes.servers:
        with brokers.KINDS[name](directory) as broker:
            found[name] = on(broker, sizes)
    zero: dict[str, int] = {}
    for server in found.values():
        for key, number in server.pop("must_be_zero").items():
            zero[key] = zero.get(key, 0) + number
    changes = sum(number for key, number in zero.items() if key not in READING)
    return {"goals": [at_most("K3", 0, "changes", changes)], "must_be_zero": zero, **found}


def on(broker: Broker, sizes: Sizes) -> dict[str, Any]:
    create(broker.near, topic_names(sizes.topics), PARTITIONS)
    fill(broker.near, sizes.topics, PARTITIONS, sizes.records)
    virgin = on_a_virgin_cluster(broker)
    commit(broker.near, topic_names(1)[0])
    produced, moving = [0], int(sizes.topics * MOVED)

    def move() -> int:
        fill(broker.near, moving, 1, 1)
        produced[0] += moving
        return moving

    before = standing_of(broker.near, broker.zookeeper)
    cycles = measure(broker.near, sizes.topics * PARTITIONS, move, sizes.rounds)
    seen = watched(broker)
    after = standing_of(broker.near, broker.zookeeper)
    peers = beside(broker.near, topic_names(sizes.topics), PARTITIONS, sizes.sample, cycles.full, cycles.again)
    differences = after.differences(before, produced[0])
    others = {
        "requests_other_than_reads_on_the_wire": sum(others_than_reads(seen).values()),
        "topics_made_besides_the_offsets_topic": len([name for name in virgin["topics_made_by_the_broker"] if name != OFFSETS_TOPIC]),
    }
    return {
        "must_be_zero": {**cycles.must_be_zero(), **differences, **others},
        "ours": cycles.report(),
        "requests_seen_on_the_wire": seen,
        "on_a_virgin_cluster": virgin,
        "compared": {"topics": len(after.topics), "groups": len(after.groups), "committed": len(after.committed),
                     "log_ends": len(after.ends), "znodes": len(after.znodes)},
        "peers": peers,
    }  # fmt: skip


def watched(broker: Broker) -> dict[str, int]:
    """What the broker is asked by a reading of topics and one of groups: by kind, counted on the way to it."""
    before = broker.way.passed()
    topics, groups = ours.topics_reader(ours.client(broker.way.address)), ours.groups_reader(ours.client(broker.way.address))
    topics.read(time.time())
    groups.read()
    topics.close()
    groups.close()
    return broker.way.passed().since(before).requests


def on_a_virgin_cluster(broker: Broker) -> dict[str, Any]:
    """Nobody ever consumed from it. One reading of topics and groups changes this."""
    before = standing_of(broker.near, broker.zookeeper)
    watched(broker)
    after = standing_of(broker.near, broker.zookeeper)
    made = sorted(after.topics.keys() - before.topics.keys())
    return {"topics_made_by_the_broker": made, "groups": len(after.groups)}


def commit(bootstrap: str, topic: str) -> None:
    """There is a group whose offsets could be disturbed."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False, "log_level": 0})
    consumer.commit(offsets=[TopicPartition(topic, number, 1) for number in range(PARTITIONS)], asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
