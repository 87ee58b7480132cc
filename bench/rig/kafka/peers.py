"""Beside ours, what an operator has without it: kcat for each topic, and a script with a consumer for each topic.

Both read from the end of each partition minus one until its end, and remember nothing: their next reading costs the same again.
They are run on a sample of the topics; what that would be for all is said beside it.
The script is `python -m bench.rig.kafka.peers BOOTSTRAP PARTITIONS TOPIC...`; its start is not counted.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition

from bench.rig.kafka.meter import Cost, cost_of
from bench.rig.kafka.report import beside_ours

KCAT = ("-C", "-q", "-E", "-o", "-1", "-e", "-f", "%p %o\\n")
AT_ONCE = 8
LAST = -2001  # librdkafka's OFFSET_TAIL(1), which Python does not name
TOPIC_LIMIT_S = 20.0
INSTALL_LIMIT_S = 300.0


class Sample(NamedTuple):
    """What a peer cost for some of the topics."""

    topics: int
    records_found: int
    cost: Cost

    def for_all(self, topics: int) -> Cost:
        return self.cost.times(topics / self.topics)

    def report(self, topics: int, ours: Cost, again: Cost) -> dict[str, Any]:
        """Beside our full reading and our next one."""
        whole = self.for_all(topics)
        return {
            "topics": self.topics,
            "records_found": self.records_found,
            **self.cost.report(),
            "for_all_topics": whole.report(),
            **beside_ours(whole, ours, again),
        }


def kcat() -> str:
    """Its path; installed where that can be done without asking."""
    if found := shutil.which("kcat") or shutil.which("kafkacat"):
        return found
    if os.geteuid() == 0 and (apt := shutil.which("apt-get")):
        print("kcat is missing: installing it with apt-get", file=sys.stderr)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for words in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", "kcat"]):
            subprocess.run([apt, *words], env=environment, stdout=subprocess.DEVNULL, timeout=INSTALL_LIMIT_S, check=False)
    if found := shutil.which("kcat"):
        return found
    raise SystemExit("no kcat here, the peer of this benchmark; as root: apt-get install kcat (package kcat of Debian and Ubuntu)")


def with_kcat(bootstrap: str, topics: Sequence[str], at_once: int = 1) -> Sample:
    program = kcat()

    def read(topic: str) -> int:
        command = [program, "-b", bootstrap, "-t", topic, *KCAT]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TOPIC_LIMIT_S, check=False)
        return len({line.split()[0] for line in done.stdout.splitlines()})

    def read_all() -> int:
        with ThreadPoolExecutor(at_once) as pool:
            return sum(pool.map(read, topics))

    cost, found = cost_of(read_all, resource.RUSAGE_CHILDREN)
    return Sample(len(topics), found, cost)


def with_a_script(bootstrap: str, topics: Sequence[str], partitions: int) -> Sample:
    command = [sys.executable, "-m", "bench.rig.kafka.peers", bootstrap, str(partitions), *topics]

    found, *cost = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return Sample(len(topics), found, Cost(*cost))


def consume(bootstrap: str, topic: str, partitions: int) -> int:
    """Of how many partitions it has found a record."""
    options = {"group.id": "peer", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
    consumer = Consumer({"bootstrap.servers": bootstrap, **options})
    consumer.assign([TopicPartition(topic, partition, LAST) for partition in range(partitions)])
    found, ended, until = set(), 0, time.monotonic() + TOPIC_LIMIT_S
    while ended < partitions and time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is not None and (error := message.error()) is None:
            found.add(message.partition())
        elif message is not None and error is not None and error.code() == KafkaError._PARTITION_EOF:
            ended += 1
    consumer.close()
    return len(found)


def beside(
    bootstrap: str, topics: Sequence[str], partitions: int, sample: int, ours: Cost, again: Cost, most: int = AT_ONCE
) -> dict[str, Any]:
    """Every peer in turn, on every nth topic; the one that runs several at once gets as many more of them."""

    def some(count: int) -> list[str]:
        return list(topics[:: max(1, len(topics) // count)][:count])

    peers: dict[str, Callable[[], Sample]] = {
        "kcat a topic": lambda: with_kcat(bootstrap, some(sample)),
        f"kcat a topic, {most} at once": lambda: with_kcat(bootstrap, some(sample * 2), most),
        "a consumer a topic": lambda: with_a_script(bootstrap, some(sample), partitions),
    }
    return {name: read().report(len(topics), ours, again) for name, read in peers.items()}


if __name__ == "__main__":
    cost, found = cost_of(lambda: sum(consume(sys.argv[1], topic, int(sys.argv[2])) for topic in sys.argv[3:]))
    print(json.dumps([found, *cost]))
