"""Where offsets lie below a path of ZooKeeper, in either layout. Only reads; nothing is watched, nothing written.

csv: a child is a node of an application (``app1-node-3``), or the folder of one (``app1``) with its nodes below it; both may be there.
consumers: ``GROUP/offsets/TOPIC/PARTITION``, a node each partition.
"""

import re
from collections.abc import Mapping, Sequence

from backends.consumers.config import application_of
from backends.consumers.consumption import Observation
from backends.consumers.memory import News, gently
from backends.zookeeper.client import Absent, Denied, Found, Node, ZookeeperClient
from backends.zookeeper.znodes import parse_offset, parse_offsets

MAX_NODES = 20_000  # read in one cycle; at 2,500 a second that is all its time
RELIST_EVERY = 6  # cycles: the tree of /consumers is three levels deep, and changes rarely

Seen = tuple[list[Observation], list[News]]


class _Limit:
    """Says it when there are more nodes than are read, and when that is over; not in each cycle."""

    def __init__(self, path: str) -> None:
        self._path, self._was_over = path, False

    def news(self, nodes: int) -> list[News]:
        was_over, self._was_over = self._was_over, nodes > MAX_NODES
        if self._was_over and not was_over:
            return [News("warning", f"{self._path} has {nodes:,} nodes; only the first {MAX_NODES:,} are read")]
        return [News("info", f"{self._path}: all {nodes:,} nodes are read again")] if was_over and not self._was_over else []


class CsvTree:
    def __init__(self, zookeeper: ZookeeperClient, path: str, topic: str | None, application: re.Pattern[str], cluster: str | None) -> None:
        self._zookeeper, self._path, self._topic, self._cluster = zookeeper, path, topic, cluster
        self._application = application
        self._limit = _Limit(path)

    async def read(self) -> Seen:
        names = await self._zookeeper.children(self._path)
        nodes = await self._zookeeper.read([f"{self._path}/{name}" for name in names[:MAX_NODES]])
        found = dict(zip(names, nodes, strict=False))
        folders = [name for name, node in found.items() if isinstance(node, Node) and node.children]
        inside = await self._inside(folders)
        below = await self._zookeeper.read([f"{self._path}/{name}" for name in inside[: max(0, MAX_NODES - len(found))]])
        places: list[tuple[str, str, Found]] = [
            (name, application_of(self._application, name), node) for name, node in found.items() if not _is_folder(node)
        ]
        places += [(name, name.partition("/")[0], node) for name, node in zip(inside, below, strict=False)]
        there = [place for place in places if not isinstance(place[2], Absent)]
        seen = [self._observation(*place) async for place in gently(there, {at: _size(place[2]) for at, place in enumerate(there)})]
        return seen, self._limit.news(len(names) + len(inside))

    async def _inside(self, folders: Sequence[str]) -> list[str]:
        listings = await self._zookeeper.listings([f"{self._path}/{folder}" for folder in folders])
        return [
            f"{folder}/{name}"
            for folder, listed in zip(folders, listings, strict=True)
            if isinstance(listed, list)
            for name in sorted(listed)
        ]

    def _observation(self, name: str, application: str, node: Found) -> Observation:
        return csv_observation(name, application, self._topic, self._cluster, node)


class ClassicTree:
    def __init__(self, zookeeper: ZookeeperClient, path: str, cluster: str | None) -> None:
        self._zookeeper, self._path, self._cluster = zookeeper, path, cluster
        self._paths: dict[tuple[str, str], list[str]] = {}  # of partitions, by group and topic
        self._cycle = 0
        self._limit = _Limit(path)

    async def read(self) -> Seen:
        if self._cycle % RELIST_EVERY == 0 or not self._paths:
            self._paths = await self._list()
        self._cycle += 1
        paths = [path for partitions in self._paths.values() for path in partitions]
        nodes = dict(zip(paths, await self._zookeeper.read(paths[:MAX_NODES]), strict=False))
        seen = [
            classic_observation(group, topic, self._cluster, {path: nodes[path] for path in partitions if path in nodes}, len(partitions))
            for (group, topic), partitions in self._paths.items()
        ]
        return seen, self._limit.news(len(paths))

    async def _list(self) -> dict[tuple[str, str], list[str]]:
        """Groups without offsets have no rows."""
        groups = await self._zookeeper.children(self._path)
        bases = [f"{self._path}/{group}/offsets" for group in groups]
        topics = [
            (group, topic, f"{base}/{topic}")
            for group, base, listed in zip(groups, bases, await self._zookeeper.listings(bases), strict=True)
            if isinstance(listed, list)
            for topic in sorted(listed)
        ]
        listings = await self._zookeeper.listings([path for _, _, path in topics])
        return {
            (group, topic): [f"{path}/{partition}" for partition in sorted(listed)]
            for (group, topic, path), listed in zip(topics, listings, strict=True)
            if isinstance(listed, list) and listed
        }


def _is_folder(node: Found) -> bool:
    """A node with children and offsets of its own is both."""
    return isinstance(node, Node) and node.children > 0 and not node.data.strip()


def _size(node: Found) -> int:
    """About how many pairs it holds."""
    return len(node.data) // 16 if isinstance(node, Node) else 0


def csv_observation(name: str, application: str, topic: str | None, cluster: str | None, node: Found) -> Observation:
    if not isinstance(node, Node):
        return Observation(name, "csv", topic, {}, note="its ACL denies us to read it", application=application, cluster=cluster)
    parsed = parse_offsets(node.data)
    return Observation(
        name=name,
        layout="csv",
        topic=topic,
        offsets=parsed.offsets,
        committed_at=dict.fromkeys(parsed.offsets, node.modified_at),
        bad_pairs=parsed.bad_pairs,
        bad_sample=parsed.bad_sample,
        application=application,
        cluster=cluster,
    )


def classic_observation(group: str, topic: str, cluster: str | None, nodes: Mapping[str, Found], listed: int) -> Observation:
    """A node each partition; its name is the partition's number. `listed`: there are so many of them, should not all be read."""
    offsets, times, bad = {}, {}, []
    for path, node in nodes.items():
        name = path.rpartition("/")[2]
        if isinstance(node, Node):
            partition, offset = parse_offset(name.encode()), parse_offset(node.data)
            if partition is None or offset is None:
                bad.append(f"{name}: {node.data[:40]!r}")
            else:
                offsets[partition], times[partition] = offset, node.modified_at
    denied = sum(isinstance(node, Denied) for node in nodes.values())
    unread = f"{listed - len(nodes)} of {listed} partitions are beyond the {MAX_NODES:,} nodes that are read" if listed > len(nodes) else ""
    note = f"the ACL denies us {denied} of {len(nodes)} partitions" if denied else unread
    sample = next(iter(bad), None)
    return Observation(group, "consumers", topic, offsets, times, bad_pairs=len(bad), bad_sample=sample, note=note, cluster=cluster)
