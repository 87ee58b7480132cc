"""Topics of a Kafka cluster: the source that the pane shows. Its decisions are in kafka_freshness, its memory in kafka_reader."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from backends.kafka_client import KafkaClient
from backends.kafka_config import Cluster
from backends.kafka_connect import connect_settings
from backends.kafka_reader import TopicsReader
from backends.snapshots import Kind, Topics
from backends.source import Answer, Context, Source, Unasked, Unavailable
from backends.worker import Busy, Worker

SECTION = "kafka"
Section = list[Cluster]

DEADLINE_S = 30.0  # metadata on two handles 10 s, offsets 6 s, records 6 s, each at its worst, and some air


def sources(section: Section, context: Context) -> list[Source]:
    return [TopicsSource(cluster, f"kafka[{index}]") for index, cluster in enumerate(section)]


class TopicsSource(Unasked):
    """Asks its cluster on a thread of its own; the handles stay open between cycles and reconnect by themselves."""

    kind: Kind = "topics"
    deadline = DEADLINE_S

    def __init__(self, cluster: Cluster, where: str) -> None:
        self.name = cluster.name
        self.interval = cluster.interval
        self._cluster, self._where = cluster, where
        self._worker = Worker(f"kafka-{cluster.name}")
        self._reader: TopicsReader | None = None
        self._may_have_moved = False

    async def observe(self, now: float) -> Topics:
        try:
            reader = await self._connected()
            return await self._worker.run(lambda: reader.read(now))
        except Busy:
            raise Unavailable(f"kafka {self.name}: the reading before has not ended yet; a broker keeps it waiting") from None
        except Unavailable:
            self._may_have_moved = self._cluster.bootstrap is None
            raise

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, f"kafka {self.name}: there is no action {verb!r} on topics")

    async def close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            self._worker.close(reader.close)

    async def _connected(self) -> TopicsReader:
        """After a failure, brokers that were found through ZooKeeper are looked for again; what is remembered of their topics stays."""
        reader = self._reader
        if reader is None or self._may_have_moved:
            settings = await connect_settings(self._cluster, self._where)
            self._may_have_moved = False
            if reader is None:
                reader = self._reader = TopicsReader(KafkaClient(settings), self._cluster, zone_of(self._cluster.payload.timezone))
            elif settings != reader.settings:
                await self._worker.run(lambda: reader.use(KafkaClient(settings)))
        return reader


def zone_of(name: str) -> tzinfo:
    """The zone of the configuration; "local" is the host's."""
    from zoneinfo import ZoneInfo

    if name != "local":
        return ZoneInfo(name)
    try:
        with Path("/etc/localtime").open("rb") as file:  # its rules, summer time included
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC
