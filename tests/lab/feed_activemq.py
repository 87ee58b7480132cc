"""Keeps the queues of truth.py moving on one broker: one producer, one connection a consumer.

Opening tops every queue up to its seed, so a broker that kept its messages over a restart has no more than the truth says.
"""

from tests.lab.activemq import queue_sizes
from tests.lab.errors import LabError
from tests.lab.stomp_client import Stomp
from tests.lab.truth import DLQ, GROWTH_LIMIT, MARKUP, QUEUES, REJECTED, Queue


class ActiveMQFeed:
    def __init__(self, name: str, jolokia: str, stomp: str) -> None:
        self.name = name
        self._jolokia = jolokia
        self._stomp = stomp
        self._producer: Stomp | None = None
        self._consumers: list[tuple[Queue, Stomp]] = []
        self._grown = 0
        self._number = 0

    def open(self) -> None:
        sizes = queue_sizes(self._jolokia)
        self._producer = Stomp(self._stomp)
        for queue in QUEUES:
            missing = queue.seed - sizes.get(queue.name, 0)
            if queue.name == DLQ:
                self._reject(missing)
            else:
                self._send(queue.name, missing)
        self._grown = sizes.get("orders.in", 0)
        for queue in QUEUES:
            for _ in range(queue.consumers):
                consumer = Stomp(self._stomp)
                self._consumers.append((queue, consumer))
                consumer.subscribe(queue.name, "client-individual", 1 if not queue.acks or queue.out_per_s < queue.in_per_s else 100)

    def step(self, now: float) -> None:
        for queue in QUEUES:
            self._send(queue.name, queue.in_per_s)
        for queue, consumer in self._consumers:
            if queue.acks:
                self._consume(queue, consumer)
            elif list(consumer.messages()):
                pass  # taken, never acknowledged

    def close(self) -> None:
        for _, consumer in self._consumers:
            consumer.close()
        self._consumers.clear()
        if self._producer is not None:
            self._producer.close()
        self._producer = None

    def _consume(self, queue: Queue, consumer: Stomp) -> None:
        keeps_up = queue.out_per_s >= queue.in_per_s
        if keeps_up:
            for message in consumer.messages():
                consumer.ack(message)
            return
        self._grown += queue.in_per_s - queue.out_per_s
        for _ in range(queue.out_per_s if self._grown < GROWTH_LIMIT else queue.in_per_s):
            taken = consumer.receive(1.0)
            if taken is not None:
                consumer.ack(taken)

    def _send(self, queue: str, count: int) -> None:
        assert self._producer is not None
        for left in range(count - 1, -1, -1):
            self._number += 1
            body = f'{{"order": {self._number}, "note": "{MARKUP if queue.startswith("[") else "fine"}"}}'
            self._producer.send(queue, body, confirm=left == 0, kind="ORDER", number=str(self._number))

    def _reject(self, count: int) -> None:
        """Messages come into the dead letter queue as in real life: a consumer refuses them."""
        if count <= 0:
            return
        self._send(REJECTED, count)
        consumer = Stomp(self._stomp)
        consumer.subscribe(REJECTED, "client-individual", 1)
        for _ in range(count):
            message = consumer.receive()
            if message is None:
                raise LabError(f"{self.name}: {REJECTED} gave fewer messages than it got")
            consumer.nack(message)
        consumer.close()
