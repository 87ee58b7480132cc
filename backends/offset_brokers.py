"""The Kafka side of an offsets source: a client of its own, on a thread of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from backends.consumption import Observation
from backends.kafka_client import Fault, KafkaClient, Key
from backends.kafka_config import Cluster, matcher
from backends.kafka_connect import connect_settings
from backends.kafka_groups import GroupsReader
from backends.offsets_config import Watched
from backends.source import Unavailable
from backends.worker import Busy, Worker

T = TypeVar("T")


class Brokers:
    def __init__(self, watched: Watched, where: str, clusters: Mapping[str, tuple[Cluster, str]]) -> None:
        self.title = f"offsets {watched.name}"
        self.cluster = watched.kafka or ""
        self._where, self._clusters = where, clusters
        self._worker = Worker(f"offsets-{watched.name}")
        self._client: KafkaClient | None = None
        self._fits = matcher(watched.groups)
        self._groups: GroupsReader | None = None

    async def groups(self) -> list[Observation]:
        client = await self._connected()
        reader = self._groups = self._groups or GroupsReader(client, self._fits, self.cluster)
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
            if self._clusters[self.cluster][0].bootstrap is None:
                self.close()  # found through ZooKeeper: they may have moved
            raise

    async def _connected(self) -> KafkaClient:
        if self.cluster not in self._clusters:
            raise Unavailable(f"{self.title}: there is no cluster {self.cluster!r} under kafka; see {self._where}.kafka")
        if self._client is None:
            self._client = KafkaClient(await connect_settings(*self._clusters[self.cluster]))
        return self._client
