"""A relay whose sink is a queue of a real broker: at once, and from the inbox. What the outlet itself does is in test_activemq_lab."""

import uuid
from pathlib import Path

from relay.config import ActiveMQSink, Broker, Receiver, Relay, Sink
from tests.lab.activemq import ActiveMQ
from tests.lab.stomp_client import Stomp
from tests.relay.records import request, response
from tests.relay.running import partner, running, until


def taken(stomp: str, queue: str, count: int) -> list[bytes]:
    client = Stomp(stomp)
    try:
        client.subscribe(queue, "auto", 10_000)
        found = [frame.body for _ in range(count) if (frame := client.receive()) is not None]
        assert client.receive(0.1) is None, "more than was sent"
        return found
    finally:
        client.close()


async def test_records_are_in_the_queue_in_order_at_once_or_by_way_of_the_inbox(tmp_path: Path, activemq_old: ActiveMQ) -> None:
    straight, later = (ActiveMQSink(activemq_old.stomp, f"relay.{uuid.uuid4().hex}") for _ in range(2))
    sinks = Sink(activemq=straight), Sink(forward=Broker(activemq=later, after_forward="delete"))
    receivers = [Receiver(name=name, listen="127.0.0.1:0", sink=sink) for name, sink in zip("ab", sinks, strict=True)]
    lines = [request(number) for number in range(1, 101)]
    async with running(Relay(directory=str(tmp_path / "r"), receivers=receivers)) as relay:
        for index in (0, 1):
            async with partner(relay.status(), index) as found:
                await found.send(b"".join(lines))
                assert [await found.answer() for _ in lines] == [response(number, 200) for number in range(1, 101)]
                await found.send(lines[0])
                assert await found.answer() == response(1, 200)
        states = [found.sink for found in relay.status().receivers]
        assert states == [f"activemq queue {sink.queue} at {activemq_old.stomp}" for sink in (straight, later)]
        await until(lambda: (found := relay.status().receivers[1].forward) is not None and found.forwarded == 100, "all is forwarded")
    for sink in (straight, later):
        assert taken(activemq_old.stomp, sink.queue, 100) == [line[:-1] for line in lines]
