"""The Kafka side of an offsets source: log ends by a client of its own on a thread of its own, groups by a process of its own."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from backends.consumers.config import Watched
from backends.consumers.consumption import Observation
from backends.consumers.process import GroupProcess
from backends.kafka.client import KafkaClient, Key, Settings
from backends.kafka.config import Cluster
from backends.kafka.connect import connect_settings
from backends.kafka.faults import Fault
from backends.kafka.ids import TopicIds
from backends.source import Unavailable
from backends.worker import Busy, Worker

T = TypeVar("T")


class Ends(NamedTuple):
    ends: Mapping[Key, int | Fault]
    ids: Mapping[str, str]  # of topics, as far as they are known


class Brokers:
    def __init__(self, watched: Watched, where: str, clusters: Mapping[str, tuple[Cluster, str]]) -> None:
        self.title = f"offsets {watched.name}"
        self.cluster = watched.kafka or ""
        self._where, self._clusters = where, clusters
        self._worker = Worker(f"offsets-{watched.name}")
        self._client: KafkaClient | None = None
        self._wanted = tuple(watched.groups)
        self._ids = TopicIds()
        self._groups: GroupProcess | None = None
        self._may_have_moved = False

    async def groups(self) -> list[Observation]:
        if self._groups is None:
            self._groups = GroupProcess(await self._settings(), self._wanted, self.cluster)
        elif self._may_have_moved:
            with contextlib.suppress(Unavailable):  # ZooKeeper is away: the brokers of before are asked on
                await self._groups.use(await self._settings())
        try:
            seen = await self._groups.read()
        except Unavailable:
            self._may_have_moved = self._are_found
            raise
        self._may_have_moved = False
        return seen

    def take_deaths(self) -> list[str]:
        """Of processes that read groups, since it was asked last."""
        if self._groups is None:
            return []
        deaths, self._groups.deaths = self._groups.deaths, []
        return deaths

    async def ends(self, keys: Sequence[Key]) -> "Ends":
        client = await self._connected()

        def ask() -> Ends:
            led = client.topics(reads=False)
            self._ids.ask(client.admin, {topic for topic, _ in keys})
            ends, _ = client.offsets([key for key in keys if key[0] in led and led[key[0]].leaders.get(key[1]) is not None], ())
            self._ids.changed()
            return Ends(ends, dict(self._ids.known))

        return await self._run(ask)

    async def close(self) -> None:
        client, self._client = self._client, None
        groups, self._groups = self._groups, None
        if client is not None:
            self._worker.close(client.close)
        if groups is not None:
            await groups.close()

    @property
    def _are_found(self) -> bool:
        """Through ZooKeeper: after a failure they are looked for again, for they may have moved."""
        return self._clusters[self.cluster][0].bootstrap is None

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await self._worker.run(call)
        except Busy:
            raise Unavailable(f"{self.title}: the reading before has not ended yet; a broker keeps it waiting") from None
        except Unavailable:
            if self._are_found:
                await self.close()
            raise

    async def _connected(self) -> KafkaClient:
        if self._client is None:
            self._client = KafkaClient(await self._settings())
        return self._client

    async def _settings(self) -> Settings:
        if self.cluster not in self._clusters:
            raise Unavailable(f"{self.title}: there is no cluster {self.cluster!r} under kafka; see {self._where}.kafka")
        return await connect_settings(*self._clusters[self.cluster])
