"""One broker as it is known now: what every part of its source works with. Made without I/O."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from backends.activemq.capabilities import Capabilities
from backends.activemq.config import BrokerSection
from backends.activemq.figures import Reading
from backends.activemq.jolokia import Client, Exec, Read, Reply, exec_requests, parse, requests, shown
from settings.secret import SecretUnavailable

if TYPE_CHECKING:
    from backends.activemq.stomp.client import StompClient


LATELY_S: Final = 20.0  # more than the slowest reading takes


class Station:
    """`reading` is the newest one, replaced by each cycle; `stomp` is None where none is configured."""

    def __init__(self, section: BrokerSection, key: str, client: Client, stomp: "StompClient | None", clock: Callable[[], float]) -> None:
        self.section, self.key = section, key
        self.client, self.stomp = client, stomp
        self.clock = clock
        self.may = Capabilities(section, key)
        self.reading: Reading | None = None
        self._deleted: dict[str, float] = {}  # queues that we deleted lately: epoch seconds

    def saw(self, reading: Reading) -> None:
        """The newest reading, and with it who answers now."""
        self.reading = reading
        self.may.is_of(reading.broker.broker_id)

    @property
    def has_scheduler(self) -> bool:
        """Whether the broker keeps a message back, as far as it was read."""
        return self.reading is not None and bool(self.reading.broker.has_scheduler)

    def no_password(self, error: SecretUnavailable) -> str:
        """A sentence."""
        return f"{self.key}.password: {shown(str(error))}"

    async def read(self, *reads: Read) -> list[Reply]:
        """Their answers, in the same order. Raises JolokiaError."""
        return parse(await self.client.read(requests(reads)), len(reads))

    async def look(self, *calls: Exec) -> list[Reply]:
        """Operations that change nothing, such as browse and getMessage: tried again like a read. Raises JolokiaError."""
        return parse(await self.client.read(exec_requests(calls)), len(calls))

    async def run(self, call: Exec, timeout: float | None = None) -> Reply:
        """An operation that changes something: sent once. Raises JolokiaError."""
        return parse(await self.client.execute(exec_requests((call,)), timeout), 1)[0]

    def deletes(self, queue: str) -> None:
        """We do, now. A reading that is under way still has it."""
        self._deleted[queue] = self.clock()

    def was_deleted(self, queue: str) -> bool:
        """Lately: whoever looks into it by STOMP now would make it again."""
        return self.clock() - self._deleted.get(queue, float("-inf")) < LATELY_S

    def mbean(self, queue: str) -> str | None:
        """The ObjectName that the broker returned for the queue of that name; None: the last reading has none."""
        return None if self.reading is None else self.reading.mbeans.get(queue)
