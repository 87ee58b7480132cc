"""Consumers and how fast they consume: znodes of applications, the classic /consumers tree, and Kafka groups. Three sources, one memory.

The shells below only fetch; what a reading means is said in consumption, rates and offset_verdicts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta, Struct, field

from backends.consumption import Consumption, Observation
from backends.kafka_client import Fault, KafkaClient, Key
from backends.kafka_config import Cluster, matcher
from backends.kafka_connect import connect_settings
from backends.kafka_groups import GroupsReader
from backends.snapshots import Kind, Offsets
from backends.source import Answer, Context, Source, Unasked, Unavailable
from backends.worker import Busy, Worker
from backends.znodes import parse_offset, parse_offsets
from backends.zookeeper_client import Absent, Denied, Found, Node, ZookeeperClient
from settings.forms import Addresses, Form, Misfit, Name
from settings.units import Duration

T = TypeVar("T")

SECTION = "offsets"
DEADLINE_S = 40.0  # groups: metadata 5 s, list 6 s, offsets 20 s, log ends 6 s, each at its worst
RELIST_EVERY = 6  # cycles: the tree of /consumers is three levels deep, and changes rarely
BREATH = 25  # consumers between two looks at the loop's other work: 10 ms
MAX_NODES = 20_000  # read in one cycle; at 2,500 a second that is all its time


def _path(text: str) -> str | None:
    parts = text.split("/")
    return (
        None
        if len(parts) > 1 and not parts[0] and all(parts[1:])
        else f"{text!r} is no path of a znode; write one such as /lean/app/offsets"
    )


ZnodePath = Annotated[str, Meta(description="a path such as /lean/app/offsets"), Form(_path)]


class Watched(Struct, frozen=True, forbid_unknown_fields=True):
    """`zookeeper` and `path` for znodes; `kafka` alone for the groups of that cluster. Znodes with `kafka` have a lag, too."""

    name: Name
    zookeeper: Addresses | None = None
    path: ZnodePath | None = None
    layout: Literal["csv", "consumers"] = "csv"
    kafka: Name | None = None
    topic: str | None = None
    groups: list[str] = field(default_factory=lambda: ["*"])
    allowed_lag: Annotated[int, Meta(ge=0)] = 0
    interval: Duration = 10.0

    def __post_init__(self) -> None:
        if self.zookeeper is None and self.kafka is None:
            raise Misfit("missing: zookeeper and path for znodes, or kafka (the name of a cluster) for consumer groups")
        if self.zookeeper is not None and self.path is None and self.layout == "csv":
            raise Misfit("missing: path, such as /lean/app/offsets")
        if self.zookeeper is None and self.path is not None:
            raise Misfit("a path needs zookeeper, such as localhost:2181", "path")
        if self.topic is not None and self.kafka is None:
            raise Misfit("a topic needs kafka, the name of its cluster", "topic")
        if self.topic is None and self.kafka is not None and self.zookeeper is not None and self.layout == "csv":
            raise Misfit("the log ends of csv znodes need a topic beside kafka", "kafka")


Section = list[Watched]


def sources(section: Section, context: Context) -> list[Source]:
    clusters = {cluster.name: (cluster, f"kafka[{index}]") for index, cluster in enumerate(context.sections.get("kafka") or [])}
    made: list[Source] = []
    for index, watched in enumerate(section):
        brokers = Brokers(watched, f"offsets[{index}]", clusters) if watched.kafka is not None else None
        if watched.zookeeper is not None:
            made.append(ZnodesSource(watched, f"offsets[{index}]", brokers))
        elif brokers is not None:
            made.append(GroupsSource(watched, brokers))
    return made


class Brokers:
    """The Kafka side of an offsets source: a client of its own, on a thread of its own."""

    def __init__(self, watched: Watched, where: str, clusters: Mapping[str, tuple[Cluster, str]]) -> None:
        self.title = f"offsets {watched.name}"
        self._cluster = watched.kafka or ""
        self._where, self._clusters = where, clusters
        self._worker = Worker(f"offsets-{watched.name}")
        self._client: KafkaClient | None = None
        self._fits = matcher(watched.groups)
        self._groups: GroupsReader | None = None

    async def groups(self) -> list[Observation]:
        client = await self._connected()
        reader = self._groups = self._groups or GroupsReader(client, self._fits)
        return await self._run(reader.read)

    async def ends(self, keys: Sequence[Key]) -> dict[Key, int | Fault]:
        client = await self._connected()

        def ask() -> dict[Key, int | Fault]:
            led = client.topics(reads=False)
            return client.offsets([key for key in keys if key[0] in led and led[key[0]].leaders.get(key[1]) is not None], ())[0]

        return await self._run(ask)

    def close(self) -> None:
        client, self._client, self._groups = self._client, None, None
        if client is not None:
            self._worker.close(client.close)

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await self._worker.run(call)
        except Busy:
            raise Unavailable(f"{self.title}: the reading before has not ended yet; a broker keeps it waiting") from None
        except Unavailable:
            if self._clusters[self._cluster][0].bootstrap is None:
                self.close()  # found through ZooKeeper: they may have moved
            raise

    async def _connected(self) -> KafkaClient:
        if self._cluster not in self._clusters:
            raise Unavailable(f"{self.title}: there is no cluster {self._cluster!r} under kafka; see {self._where}.kafka")
        if self._client is None:
            self._client = KafkaClient(await connect_settings(*self._clusters[self._cluster]))
        return self._client


async def gently(items: Iterable[T]) -> AsyncIterator[T]:
    """The same items, with room for the loop's other work: a thousand nodes of 32 partitions are 0.4 s of arithmetic."""
    for number, item in enumerate(items):
        if number % BREATH == BREATH - 1:
            await asyncio.sleep(0)
        yield item


class Memory:
    """Every consumer of one source over time."""

    def __init__(self, allowed_lag: int) -> None:
        self._allowed = allowed_lag
        self._consumers: dict[tuple[str, str | None], Consumption] = {}

    async def take(self, seen: Sequence[Observation], now: float) -> Offsets:
        """What is no longer there is forgotten."""
        keys = [(each.name, each.topic) for each in seen]
        self._consumers = {key: self._consumers.get(key) or Consumption(self._allowed) for key in keys}
        async for key, observation in gently(zip(keys, seen, strict=True)):
            self._consumers[key].feed(observation, now)
        moving = {key: consumer.moving(now) > 0 for key, consumer in self._consumers.items()}
        total = sum(moving.values())
        return Offsets(tuple([consumer.consumer(now, total - moving[key]) async for key, consumer in gently(self._consumers.items())]))


class _OffsetsSource(Unasked):
    """What the two sources share."""

    kind: Kind = "offsets"
    deadline = DEADLINE_S

    def __init__(self, watched: Watched) -> None:
        self.name, self.interval = watched.name, watched.interval
        self._watched = watched
        self._memory = Memory(watched.allowed_lag)

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, f"offsets {self.name}: there is no action {verb!r} on offsets")


class GroupsSource(_OffsetsSource):
    """Groups of a Kafka cluster. They are only ever listed and read: nothing is joined, reset or deleted."""

    def __init__(self, watched: Watched, brokers: Brokers) -> None:
        super().__init__(watched)
        self._brokers = brokers

    async def observe(self, now: float) -> Offsets:
        """Groups' offsets carry no time of their own: theirs is when they were read, not when we began to connect."""
        began = time.monotonic()
        seen = await self._brokers.groups()
        return await self._memory.take(seen, now + time.monotonic() - began)

    async def close(self) -> None:
        self._brokers.close()


class ZnodesSource(_OffsetsSource):
    """Znodes below a path, in either layout."""

    def __init__(self, watched: Watched, where: str, brokers: Brokers | None) -> None:
        super().__init__(watched)
        self._zookeeper = ZookeeperClient(f"offsets {watched.name}", where, watched.zookeeper or "")
        self._brokers = brokers
        self._path = watched.path or "/consumers"
        self._tree: dict[tuple[str, str], list[str]] = {}  # paths of partitions, by group and topic
        self._cycle = 0

    async def observe(self, now: float) -> Offsets:
        seen = await (self._csv() if self._watched.layout == "csv" else self._classic())
        return await self._memory.take(await self._with_ends(seen), now)

    async def close(self) -> None:
        self._zookeeper.close()
        if self._brokers is not None:
            self._brokers.close()

    async def _csv(self) -> list[Observation]:
        names = (await self._zookeeper.children(self._path))[:MAX_NODES]
        nodes = await self._zookeeper.read([f"{self._path}/{name}" for name in names])
        topic = self._watched.topic
        found = zip(names, nodes, strict=True)
        return [csv_observation(name, topic, node) async for name, node in gently(found) if not isinstance(node, Absent)]

    async def _classic(self) -> list[Observation]:
        if self._cycle % RELIST_EVERY == 0 or not self._tree:
            self._tree = await self._list_tree()
        self._cycle += 1
        paths = [path for partitions in self._tree.values() for path in partitions][:MAX_NODES]
        nodes = dict(zip(paths, await self._zookeeper.read(paths), strict=True))
        return [classic_observation(group, topic, {path: nodes[path] for path in partitions if path in nodes})
                for (group, topic), partitions in self._tree.items()]  # fmt: skip

    async def _list_tree(self) -> dict[tuple[str, str], list[str]]:
        """PATH/group/offsets/topic/partition. Groups without offsets have no rows."""
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

    async def _with_ends(self, seen: list[Observation]) -> list[Observation]:
        """Log ends, asked after the offsets. Without them the offsets still tell their rates: the reason says what is missing."""
        if self._brokers is None:
            return seen
        from msgspec.structs import replace

        keys = [(each.topic, partition) for each in seen if each.topic is not None for partition in each.offsets]
        try:
            ends = await self._brokers.ends(keys)
        except Unavailable as trouble:
            return [replace(each, note="; ".join(filter(None, (each.note, trouble.error)))) for each in seen]
        known = {key: end for key, end in ends.items() if isinstance(end, int)}
        return [
            replace(each, ends={number: known[key] for number in each.offsets if (key := (each.topic or "", number)) in known})
            for each in seen
        ]


def csv_observation(name: str, topic: str | None, node: Found) -> Observation:
    if not isinstance(node, Node):
        return Observation(name, "csv", topic, {}, note="its ACL denies us to read it")
    parsed = parse_offsets(node.data)
    times = dict.fromkeys(parsed.offsets, node.modified_at)
    return Observation(name, "csv", topic, parsed.offsets, times, bad_pairs=parsed.bad_pairs, bad_sample=parsed.bad_sample)


def classic_observation(group: str, topic: str, nodes: Mapping[str, Found]) -> Observation:
    """A node each partition; its name is the partition's number."""
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
    note = f"the ACL denies us {denied} of {len(nodes)} partitions" if denied else ""
    return Observation(group, "consumers", topic, offsets, times, bad_pairs=len(bad), bad_sample=next(iter(bad), None), note=note)
