"""Consumer groups that have committed to every partition of some topics; some have a live member. Peers that read them one after the other.

`python -m bench.rig.kafka.groups BOOTSTRAP TOPIC GROUP...` is a live member of each of these groups: it says when all are in, and ends with
its input.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

LIMIT_S = 30.0
BEHIND = 3  # records between what is committed and the log end


def names(count: int) -> list[str]:
    return [f"group-{number:03d}" for number in range(count)]


def commit(bootstrap: str, groups: Sequence[str], topics: Sequence[str], partitions: int, offset: int) -> None:
    """As a tool that sets offsets does: no member joins for it. A coordinator that is being made refuses, without an exception: again."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    places = [TopicPartition(topic, number, offset) for topic in topics for number in range(partitions)]
    left, ends_at = list(groups), time.monotonic() + LIMIT_S
    while left:
        asked = {name: admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(name, places)]) for name in left}
        left = [name for name, answers in asked.items() if any(place.error for place in answers[name].result(LIMIT_S).topic_partitions)]
        if time.monotonic() > ends_at:
            raise SystemExit(f"{bootstrap}: offsets of {', '.join(left)} cannot be set")


@contextlib.contextmanager
def members(bootstrap: str, topic: str, groups: Sequence[str]) -> Iterator[None]:
    """One of each, in a process of their own."""
    command = [sys.executable, "-m", "bench.rig.kafka.groups", bootstrap, topic, *groups]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        if not child.stdout.readline():
            raise SystemExit(f"{bootstrap}: the members of the groups did not get their partitions")
        yield
    finally:
        child.kill()
        child.communicate()


def join(bootstrap: str, topic: str, groups: Sequence[str]) -> list[Consumer]:
    """They fetch nothing and commit nothing: only their membership is wanted."""
    consumers, assigned = [], set()
    for group in groups:

        def take(member: Consumer, partitions: list[TopicPartition], name: str = group) -> None:
            member.assign(partitions)
            member.pause(partitions)
            assigned.add(name)

        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 0})
        consumer.subscribe([topic], on_assign=take)
        consumers.append(consumer)
    ends_at = time.monotonic() + LIMIT_S
    while len(assigned) < len(groups) and time.monotonic() < ends_at:
        for consumer in consumers:
            consumer.poll(0.01)
    return consumers if len(assigned) == len(groups) else []


# What is beside ours: the lag of every group, by calls one after the other. Both return how many lags they have found.


def one_by_one(bootstrap: str) -> int:
    """A script's loop: the offsets of a group, then those of the next one; log ends of all partitions in one call at the end."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    groups = admin.list_consumer_groups(request_timeout=LIMIT_S).result(LIMIT_S).valid
    committed = [place for group in groups for place in _committed(admin, group.group_id)]
    ends = _ends(admin, committed)
    return sum((place.topic, place.partition) in ends for place in committed)


def as_the_tool_does(bootstrap: str) -> int:
    """kafka-consumer-groups.sh --describe --all-groups, without its JVM: a group is described, its offsets read, then its log ends."""
    admin, found = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}), 0
    for group in admin.list_consumer_groups(request_timeout=LIMIT_S).result(LIMIT_S).valid:
        admin.describe_consumer_groups([group.group_id], request_timeout=LIMIT_S)[group.group_id].result(LIMIT_S)
        found += len(_ends(admin, _committed(admin, group.group_id)))
    return found


def _committed(admin: AdminClient, group: str) -> list[TopicPartition]:
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=LIMIT_S)
    found: list[TopicPartition] = asked[group].result(LIMIT_S).topic_partitions
    return found


def _ends(admin: AdminClient, places: Sequence[TopicPartition]) -> dict[tuple[str, int], int]:
    latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    wanted = {TopicPartition(place.topic, place.partition): latest for place in places}
    asked = admin.list_offsets(wanted, request_timeout=LIMIT_S) if wanted else {}
    return {(place.topic, place.partition): answer.result(LIMIT_S).offset for place, answer in asked.items()}


if __name__ == "__main__":
    joined = join(sys.argv[1], sys.argv[2], sys.argv[3:])
    if joined:
        print("joined", flush=True)
        sys.stdin.read()
