"""Our own readers and sources, made for a benchmark. The one place here that knows how they are made."""

import json
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from backends import offsets, topics
from backends.consumers.groups import GroupsReader
from backends.kafka.client import KafkaClient, Settings
from backends.kafka.config import Cluster
from backends.kafka.reader import TopicsReader
from backends.source import Context, Source
from backends.zookeeper.client import Node, ZookeeperClient
from backends.zookeeper.znodes import parse_offsets

REPORT_MS = 1000  # how often librdkafka reports its counts; a report of thousands of partitions slows what it counts, so seldom
HANDLES = 2  # of a client: for metadata and offsets, and for records
PATIENCE_S = 10.0
NAME = "bench"


class Counts:
    """What librdkafka's handles say that they sent and received: an option of theirs, so nothing of ours is changed by it."""

    def __init__(self) -> None:
        self._reports: dict[str, Mapping[str, Any]] = {}
        self._fresh: set[str] = set()

    @property
    def options(self) -> dict[str, Any]:
        return {"statistics.interval.ms": REPORT_MS, "stats_cb": self._heard}

    def _heard(self, report: str) -> None:
        parsed = json.loads(report)
        self._reports[parsed["name"]] = parsed["brokers"]
        self._fresh.add(parsed["name"])

    def settle(self, client: KafkaClient) -> None:
        """Reports that were made after this call, of both handles."""
        client.admin.poll(0)
        client.consumer.poll(0)
        self._fresh.clear()
        ends_at = time.monotonic() + PATIENCE_S
        while len(self._fresh) < HANDLES:
            client.admin.poll(0.02)
            client.consumer.poll(0.02)
            if time.monotonic() > ends_at:
                raise SystemExit(f"librdkafka did not report its counts in {PATIENCE_S:g} s")

    def requests(self) -> dict[str, int]:
        """By kind, since the handles were made."""
        kinds: dict[str, int] = {}
        for broker in self._brokers():
            for kind, number in broker["req"].items():
                kinds[kind] = kinds.get(kind, 0) + number
        return {kind: number for kind, number in sorted(kinds.items()) if number}

    def bytes(self) -> int:
        """In both directions."""
        return sum(broker["txbytes"] + broker["rxbytes"] for broker in self._brokers())

    def _brokers(self) -> list[Mapping[str, Any]]:
        return [broker for report in self._reports.values() for broker in report.values()]


def client(bootstrap: str, options: Mapping[str, Any] | None = None) -> KafkaClient:
    return KafkaClient(Settings(f"kafka {NAME}", "kafka[0]", bootstrap, options or {}))


def topics_reader(of: KafkaClient) -> TopicsReader:
    return TopicsReader(of, Cluster(NAME, bootstrap=of.settings.bootstrap), UTC)


def groups_reader(of: KafkaClient) -> GroupsReader:
    return GroupsReader(of, lambda name: True, NAME)


def topics_source(bootstrap: str) -> Source:
    (source,) = topics.sources([Cluster(NAME, bootstrap=bootstrap)], _context(bootstrap))
    return source


def offsets_source(watched: offsets.Watched, bootstrap: str) -> Source:
    (source,) = offsets.sources([watched], _context(bootstrap))
    return source


def groups_source(bootstrap: str) -> Source:
    return offsets_source(offsets.Watched(NAME, kafka=NAME), bootstrap)


def znodes_source(zookeeper: str, path: str, bootstrap: str = "", topic: str | None = None) -> Source:
    """With a topic: its log ends, too."""
    return offsets_source(offsets.Watched(NAME, zookeeper=zookeeper, path=path, kafka=NAME if topic else None, topic=topic), bootstrap)


def _context(bootstrap: str) -> Context:
    clusters = [Cluster(NAME, bootstrap=bootstrap)] if bootstrap else []
    return Context({"kafka": clusters}, "", "bench")


def zookeeper_client(hosts: str) -> ZookeeperClient:
    return ZookeeperClient(f"offsets {NAME}", "offsets[0]", hosts)


async def read_offsets(client: ZookeeperClient, path: str) -> int:
    """Every pair below a path, as the source reads and parses them; how many."""
    names = await client.children(path)
    nodes = await client.read([f"{path}/{name}" for name in names])
    return sum(len(parse_offsets(node.data).offsets) for node in nodes if isinstance(node, Node))
