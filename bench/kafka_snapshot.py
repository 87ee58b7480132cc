"""What it costs to know the newest record of every partition (GOALS K1, K2), on librdkafka's mock cluster of three brokers.

The peer is what scripts do: a console consumer a topic, one after the other, each until the end of its partitions; it is run on a sample
and its figures are also given for all topics. Requests and bytes are librdkafka's own counts. Prints one JSON object.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from backends.kafka_client import KafkaClient, Settings
from backends.kafka_config import Cluster
from backends.kafka_reader import TopicsReader
from backends.snapshots import Topics

PARTITIONS, FILLED = 4, 3  # of each topic; the mock cluster makes four
RECORDS, SIZE = 20, 300
MOVED = 0.1  # of the topics, between two cycles
LIMIT_S = 60.0
PEER_LIMIT_S = 5.0  # a console consumer's --timeout-ms
REPORT_MS = 200  # how often librdkafka reports its counts
CLUSTER = """
import sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0})
print(",".join(f"{each.host}:{each.port}" for each in producer.list_topics(timeout=10).brokers.values()), flush=True)
sys.stdin.read()
"""


def line(number: int) -> bytes:
    now = time.time()
    head = f"{number},a,b,c,{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))},{int(now * 1000)},"
    return head.encode().ljust(SIZE, b"x")


def topic_names(count: int) -> list[str]:
    return [f"orders.region-{number % 17}.topic-{number}" for number in range(count)]


def fill(bootstrap: str, topics: int, partitions: int, records: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000, "log_level": 0})
    for number in range(records):
        for topic in topic_names(topics):
            for partition in range(partitions):
                producer.produce(topic, line(number), partition=partition)
        producer.flush(LIMIT_S)


def elsewhere(*arguments: object) -> str:
    """This program again, for a part whose memory and CPU are not ours."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True).stdout


class Meter:
    """Wall and CPU seconds of a block, and what librdkafka reports as sent and received meanwhile."""

    def __init__(self) -> None:
        self._reports: dict[str, Mapping[str, Any]] = {}

    def heard(self, report: str) -> None:
        parsed = json.loads(report)
        self._reports[parsed["name"]] = parsed["brokers"]

    def counts(self) -> tuple[int, int]:
        brokers = [broker for report in self._reports.values() for broker in report.values()]
        return sum(sum(broker["req"].values()) for broker in brokers), sum(broker["txbytes"] + broker["rxbytes"] for broker in brokers)

    def requests_of(self) -> dict[str, int]:
        """Kinds of requests that were ever sent: none of them may join, commit or create."""
        kinds: dict[str, int] = {}
        for report in self._reports.values():
            for broker in report.values():
                for kind, number in broker["req"].items():
                    kinds[kind] = kinds.get(kind, 0) + number
        return {kind: number for kind, number in sorted(kinds.items()) if number}


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cycle(reader: TopicsReader, client: KafkaClient, meter: Meter) -> tuple[dict[str, Any], Topics]:
    requests, moved_bytes = meter.counts()
    began, cpu = time.perf_counter(), cpu_s()
    seen = reader.read(time.time())
    figures: dict[str, Any] = {"wall_s": round(time.perf_counter() - began, 3), "cpu_s": round(cpu_s() - cpu, 3)}
    until = time.monotonic() + 3 * REPORT_MS / 1000
    while time.monotonic() < until:  # the next report of each handle
        client.admin.poll(0.02)
        client.consumer.poll(0.02)
    after = meter.counts()
    found = sum(part.sent_at is not None for topic in seen.topics for part in topic.detail)
    figures |= {"records_found": found, "requests": after[0] - requests, "bytes": after[1] - moved_bytes}
    return figures, seen


def consume_one_topic(bootstrap: str, topic: str) -> int:
    """From the end of each partition minus one, until the end: `kcat -o -1 -e`, `kafka-console-consumer`."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "peer", "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 0}
    )
    consumer.assign([TopicPartition(topic, partition, -2001) for partition in range(PARTITIONS)])
    found, ended, until = set(), 0, time.monotonic() + PEER_LIMIT_S
    while ended < PARTITIONS and time.monotonic() < until:
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            found.add(message.partition())
        elif message is not None and (error := message.error()) is not None and error.code() == KafkaError._PARTITION_EOF:
            ended += 1
    consumer.close()
    return len(found)


def peer(bootstrap: str, topics: list[str], of: int) -> dict[str, Any]:
    began = time.perf_counter()
    found, used = json.loads(elsewhere("--peer", bootstrap, *topics))
    wall = time.perf_counter() - began
    whole = of / len(topics)
    return {
        "topics": len(topics), "records_found": found, "wall_s": round(wall, 3), "cpu_s": round(used, 3),
        "wall_s_for_all": round(wall * whole, 1), "cpu_s_for_all": round(used * whole, 1),
    }  # fmt: skip


def read_as_peer(bootstrap: str, topics: list[str]) -> tuple[int, float]:
    cpu = cpu_s()
    return sum(consume_one_topic(bootstrap, topic) for topic in topics), cpu_s() - cpu


def memory_mib(bootstrap: str) -> int:
    """Of a process that has read everything once, without the reports, whose JSON would be most of it."""
    reader = TopicsReader(KafkaClient(Settings("kafka bench", "kafka[0]", bootstrap, {})), Cluster("bench", bootstrap=bootstrap), UTC)
    reader.read(time.time())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    reader.close()
    return pages * resource.getpagesize() >> 20


def run(topics: int, sample: int) -> dict[str, Any]:
    cluster = subprocess.Popen([sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert cluster.stdout is not None
    try:
        bootstrap = cluster.stdout.readline().strip()
        elsewhere("--fill", bootstrap, topics, FILLED, RECORDS)
        meter = Meter()
        options = {"statistics.interval.ms": REPORT_MS, "stats_cb": meter.heard}
        client = KafkaClient(Settings("kafka bench", "kafka[0]", bootstrap, options))
        reader = TopicsReader(client, Cluster("bench", bootstrap=bootstrap), UTC)
        first, _ = cycle(reader, client, meter)
        elsewhere("--fill", bootstrap, int(topics * MOVED), 1, 1)
        steady, seen = cycle(reader, client, meter)
        theirs = peer(bootstrap, topic_names(topics)[:: max(1, topics // sample)][:sample], topics)
        reader.close()
        return {
            "partitions": sum(topic.partitions for topic in seen.topics), "full": first, "steady": steady, "peer": theirs,
            "peer_to_ours": {
                "wall": round(theirs["wall_s_for_all"] / first["wall_s"]), "cpu": round(theirs["cpu_s_for_all"] / first["cpu_s"], 1)
            },
            "requests_sent": meter.requests_of(), "rss_mib": int(elsewhere("--memory", bootstrap)),
        }  # fmt: skip
    finally:
        cluster.kill()
        cluster.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=int, default=1000)
    parser.add_argument("--sample", type=int, default=15, help="topics that the peer reads")
    parser.add_argument("--peer", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--fill", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        print(json.dumps(read_as_peer(arguments.peer[0], arguments.peer[1:])))
    elif arguments.memory:
        print(memory_mib(arguments.memory))
    elif arguments.fill:
        fill(arguments.fill[0], *map(int, arguments.fill[1:]))
    else:
        print(json.dumps(run(arguments.topics, arguments.sample), indent=2))
