"""Rounds of a broker that hangs while topic ids are on their way, and answers late. A process of its own: librdkafka may abort the process.

Arguments: the broker's address, and its process id. Prints how often ids were learnt after a round.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

from confluent_kafka.admin import AdminClient

from backends.kafka import reader as kafka_reader
from backends.kafka.config import Cluster
from backends.kafka.ids import TopicIds
from backends.source import Unavailable
from backends.topics import TopicsSource

ROUNDS = 3
PATIENCE_S = 20.0


class Hanging(TopicIds):
    """While it is on, the broker hangs from just before the question."""

    broker = 0
    is_on = True

    def ask(self, admin: AdminClient, names: Iterable[str]) -> None:
        if Hanging.is_on:
            os.kill(Hanging.broker, signal.SIGSTOP)
        super().ask(admin, names)


async def look(source: TopicsSource) -> bool:
    """Whether the ids are known afterwards."""
    with suppress(Unavailable):
        topics = (await source.observe(time.time())).topics
        return all(topic.topic_id is not None for topic in topics)
    return False


async def one_round(address: str, is_closed_meanwhile: bool) -> bool:
    Hanging.is_on = True
    source = TopicsSource(Cluster("main", bootstrap=address), "kafka[0]")
    learnt = await look(source)
    Hanging.is_on = False
    if is_closed_meanwhile:
        await source.close()
    os.kill(Hanging.broker, signal.SIGCONT)
    until = time.monotonic() + PATIENCE_S
    while not is_closed_meanwhile and not learnt and time.monotonic() < until:
        await asyncio.sleep(0.2)
        learnt = await look(source)
    await source.close()
    await asyncio.sleep(1.0)  # a late answer comes now
    return learnt


async def main(address: str) -> None:
    print(sum([await one_round(address, is_closed_meanwhile=number % 2 == 1) for number in range(ROUNDS)]))


if __name__ == "__main__":
    Hanging.broker = int(sys.argv[2])
    kafka_reader.TopicIds = Hanging  # type: ignore[attr-defined]
    asyncio.run(main(sys.argv[1]))
