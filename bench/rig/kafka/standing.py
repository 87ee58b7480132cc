"""All that a reader could have changed on a cluster, so that before and after can be compared (GOALS K3)."""

from typing import Any, NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from bench.rig.kafka.zookeeper import LIMIT_S, session

OFFSETS_TOPIC = "__consumer_offsets"
Place = tuple[str, int]


class Standing(NamedTuple):
    topics: dict[str, int]  # partitions, by name; internal ones too
    groups: dict[str, str]  # state, by name
    committed: dict[tuple[str, str, int], int]  # by group, topic, partition
    ends: dict[Place, int]
    znodes: dict[str, int]  # path and last change (mzxid); where there is a ZooKeeper

    def differences(self, before: "Standing", produced: int) -> dict[str, int]:
        """How much has changed since, beside records that we produced ourselves."""
        grown = sum(self.ends.values()) - sum(before.ends.get(key, 0) for key in self.ends)
        return {
            "topics_created_or_gone": len(self.topics.items() ^ before.topics.items()),
            "groups_changed": len(self.groups.items() ^ before.groups.items()),
            "offsets_committed": len(self.committed.items() ^ before.committed.items()),
            "records_written": abs(grown - produced),
            "znodes_written": len(self.znodes.items() ^ before.znodes.items()),
        }


def standing_of(bootstrap: str, zookeeper: str = "") -> Standing:
    """Asked with a client of its own, which joins nothing and commits nothing either."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    topics = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=LIMIT_S).topics.items()}
    groups = {group.group_id: str(group.state) for group in admin.list_consumer_groups(request_timeout=LIMIT_S).result(LIMIT_S).valid}
    committed = {
        (name, place.topic, place.partition): place.offset
        for name in groups
        for place in _committed(admin, name)
    }  # fmt: skip
    return Standing(topics, groups, committed, _ends(admin, topics), znodes_of(zookeeper) if zookeeper else {})


def _committed(admin: AdminClient, group: str) -> list[TopicPartition]:
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=LIMIT_S)
    found: list[TopicPartition] = asked[group].result(LIMIT_S).topic_partitions
    return found


def _ends(admin: AdminClient, topics: dict[str, int]) -> dict[Place, int]:
    latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    wanted = {TopicPartition(name, number): latest for name, count in topics.items() for number in range(count)}
    asked = admin.list_offsets(wanted, request_timeout=LIMIT_S) if wanted else {}
    return {(place.topic, place.partition): answer.result(LIMIT_S).offset for place, answer in asked.items()}


def znodes_of(hosts: str) -> dict[str, int]:
    """Every node."""
    with session(hosts) as client:
        found, level = {}, ["/"]
        while level:
            asked = [(path, client.get_async(path), client.get_children_async(path)) for path in level]
            level = []
            for path, node, children in asked:
                found[path] = node.get(timeout=LIMIT_S)[1].mzxid
                level += [f"{path.rstrip('/')}/{name}" for name in children.get(timeout=LIMIT_S)]
        return found
