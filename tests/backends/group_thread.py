"""Groups read on a thread of this process, where a test can lie in wait for librdkafka's calls; else they have a process of their own."""

from backends.consumers.consumption import Observation
from backends.consumers.groups import GroupsReader
from backends.kafka.client import KafkaClient, Settings
from backends.kafka.config import matcher
from backends.worker import Worker


class GroupThread:
    """Takes the place of `GroupProcess`."""

    def __init__(self, settings: Settings, groups: tuple[str, ...], cluster: str) -> None:
        self._reader = GroupsReader(KafkaClient(settings), matcher(groups), cluster)
        self._worker = Worker("group-thread")  # a thread of its own: the loop's executor has few
        self.deaths: list[str] = []

    async def read(self) -> list[Observation]:
        return await self._worker.run(self._reader.read)

    async def close(self) -> None:
        self._worker.close(self._reader.close)
