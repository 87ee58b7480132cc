"""Topics of a Kafka cluster: the source that the pane shows. Its decisions are in kafka.freshness, its memory in kafka.reader."""

from collections.abc import Mapping
from typing import Any

from backends.kafka.client import KafkaClient, Settings
from backends.kafka.config import Cluster
from backends.kafka.connect import connect_settings
from backends.kafka.reader import TopicsReader
from backends.kafka.records import RecordsDesk
from backends.kafka.roster import News
from backends.kafka.zones import zone_of
from backends.questions import Found, Question, RecordsOf
from backends.snapshots import Kind, Topics
from backends.source import ACT_DEADLINE_S, Answer, Context, Source, Tell, Unavailable, nobody
from backends.worker import Busy, Worker

SECTION = "kafka"
Section = list[Cluster]

DEADLINE_S = 45.0  # metadata on two handles 10 s, offsets twice 17 s, records 6 s, transactions 8 s, each at its worst, and some air


def sources(section: Section, context: Context) -> list[Source]:
    return [TopicsSource(cluster, f"kafka[{index}]", context.tell) for index, cluster in enumerate(section)]


class TopicsSource:
    """Asks its cluster on a thread of its own; the handles stay open between cycles and reconnect by themselves."""

    kind: Kind = "topics"
    deadline = DEADLINE_S
    act_deadline = ACT_DEADLINE_S

    def __init__(self, cluster: Cluster, where: str, tell: Tell = nobody) -> None:
        self.name = cluster.name
        self.interval = cluster.interval
        self._cluster, self._where, self._tell = cluster, where, tell
        self._worker = Worker(f"kafka-{cluster.name}")
        self._reader: TopicsReader | None = None
        self._desk = RecordsDesk(cluster.name)
        self._may_have_moved = False

    async def observe(self, now: float) -> Topics:
        try:
            reader = await self._connected()
            topics, news = await self._worker.run(lambda: (reader.read(now), reader.take_news()))
        except Busy:
            raise Unavailable(f"kafka {self.name}: the reading before has not ended yet; a broker keeps it waiting") from None
        except Unavailable:
            self._may_have_moved = self._cluster.bootstrap is None
            raise
        self._tell_all(news, now)
        return topics

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, f"kafka {self.name}: there is no action {verb!r} on topics")

    async def ask(self, question: Question) -> Found:
        if not isinstance(question, RecordsOf):
            raise Unavailable(f"kafka {self.name}: topics have records, and no history of offsets")
        return await self._desk.records(question, await self._settings())

    async def close(self) -> None:
        self._desk.close()
        reader, self._reader = self._reader, None
        if reader is not None:
            self._worker.close(reader.close)

    def _tell_all(self, news: list[News], now: float) -> None:
        for each in news:
            self._tell(now, each.severity, self.name, each.text)

    async def _settings(self) -> Settings:
        """Those that the readings work with, if there were any."""
        return self._reader.settings if self._reader is not None else await connect_settings(self._cluster, self._where)

    async def _connected(self) -> TopicsReader:
        """After a failure, brokers that were found through ZooKeeper are looked for again; what is remembered of their topics stays.
        A ZooKeeper that is away is no reason to leave brokers that we know: they may answer."""
        reader = self._reader
        if reader is None:
            settings = await connect_settings(self._cluster, self._where)
            reader = self._reader = TopicsReader(KafkaClient(settings), self._cluster, zone_of(self._cluster.payload.timezone))
        elif self._may_have_moved and (found := await self._found_anew()) not in (None, reader.settings):
            await self._worker.run(lambda: reader.use(KafkaClient(found)))
        return reader

    async def _found_anew(self) -> Settings | None:
        try:
            settings = await connect_settings(self._cluster, self._where)
        except Unavailable:
            return None
        self._may_have_moved = False
        return settings
