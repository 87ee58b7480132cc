"""Partners under load, who know what was acknowledged, and a topic read from its beginning."""

import asyncio
import contextlib
import itertools
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.relay.records import request

DEPTH = 16  # records of one connection that are on their way
ANSWERED_S = 8.0  # every record must be answered within this time, whatever the broker does
LIMIT_S = 20.0
REST_S = 0.02  # of a partner who was refused
QUIET = {"log_level": 0}

Address = tuple[str, int]


class Load:
    """`acked`: numbers that got 200; `refused`: those that got another code and were not acknowledged since."""

    def __init__(self, payload: str = "payload", first: int = 1) -> None:
        self.numbers = itertools.count(first)
        self.acked: set[int] = set()
        self.refused: set[int] = set()
        self.unanswered: set[int] = set()
        self.codes: Counter[str] = Counter()
        self._payload = payload

    @contextlib.asynccontextmanager
    async def pressing(self, address: Address, connections: int = 4) -> AsyncIterator[None]:
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._partner(address, stop)) for _ in range(connections)]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _partner(self, address: Address, stop: asyncio.Event) -> None:
        """Ends when it is told to, or when the relay is gone."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection(*address)
            try:
                while not stop.is_set():
                    await self._exchange(reader, writer, [next(self.numbers) for _ in range(DEPTH)])
            finally:
                writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, numbers: list[int]) -> None:
        self.unanswered.update(numbers)
        writer.write(b"".join(request(number, self._payload) for number in numbers))
        codes = set()
        for number in numbers:
            async with asyncio.timeout(ANSWERED_S):
                _, _, key, code = (await reader.readuntil()).decode().rstrip("\n").split("|")
            assert int(key) == number
            codes.add(code)
            self.codes[code] += 1
            self.unanswered.discard(number)
            self.refused.discard(number)
            (self.acked if code == "200" else self.refused).add(number)
        if codes != {"200"}:
            await asyncio.sleep(REST_S)

    async def resend(self, address: Address) -> None:
        """What partners do with records that were not acknowledged, until they are."""
        async with asyncio.timeout(LIMIT_S):
            reader, writer = await asyncio.open_connection(*address)
            while left := sorted(self.unanswered | self.refused)[:DEPTH]:
                await self._exchange(reader, writer, left)
            writer.close()
            await writer.wait_closed()

    async def until(self, found: Callable[[], bool]) -> None:
        ends_at = time.monotonic() + LIMIT_S
        while not found():
            assert time.monotonic() < ends_at, f"not within {LIMIT_S} s; {len(self.acked)} acknowledged, {self.codes}"
            await asyncio.sleep(0.02)


def topic(bootstrap: str, partitions: int = 2, **settings: str) -> str:
    """A new one, known to the broker."""
    admin, name = AdminClient({"bootstrap.servers": bootstrap, **QUIET}), f"relay.{uuid.uuid4().hex}"
    config = {key.replace("_", "."): value for key, value in settings.items()}
    admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(LIMIT_S)
    ends_at = time.monotonic() + LIMIT_S
    while name not in admin.list_topics(timeout=LIMIT_S).topics:
        assert time.monotonic() < ends_at, "KRaft answers before the broker itself knows, but not so long before"
        time.sleep(0.05)
    return name


def stored(bootstrap: str, name: str) -> list[list[int]]:
    """The process numbers in each partition, as they stand there."""
    settings = {"bootstrap.servers": bootstrap, "group.id": "relay-test", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, **QUIET})
    try:
        known = consumer.list_topics(name, timeout=LIMIT_S).topics[name].partitions
        ends = {place: consumer.get_watermark_offsets(TopicPartition(name, place), timeout=LIMIT_S)[1] for place in known}
        found: list[list[int]] = [[] for _ in known]
        consumer.assign([TopicPartition(name, place, 0) for place in known])
        ends_at = time.monotonic() + LIMIT_S
        while sum(map(len, found)) < sum(ends.values()):
            assert time.monotonic() < ends_at, f"{sum(map(len, found))} of {ends} were read"
            for message in consumer.consume(1000, 0.2):
                value, place = message.value(), message.partition()
                assert message.error() is None and value is not None and place is not None
                found[place].append(int(value.split(b"|")[2]))
        return found
    finally:
        consumer.close()


def first_of_each(numbers: list[int]) -> list[int]:
    return list(dict.fromkeys(numbers))
