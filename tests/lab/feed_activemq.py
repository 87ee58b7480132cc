"""Keeps the queues and the topic of truth.py moving on one broker: one producer, one connection a consumer.

Opening tops every queue up to its seed, so a broker that kept its messages over a restart has no more than the truth says.
"""

import json

from tests.lab.activemq import ask_jolokia, queue_sizes
from tests.lab.errors import LabError
from tests.lab.stomp_client import Stomp
from tests.lab.truth import BROKER_TOPIC, DLQ, GROWTH_LIMIT, MARKUP, QUEUES, REJECTED, Body, Durable, Queue

BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"
TOPIC = f"/topic/{BROKER_TOPIC.name}"


class ActiveMQFeed:
    def __init__(self, name: str, jolokia: str, stomp: str) -> None:
        self.name = name
        self._jolokia = jolokia
        self._stomp = stomp
        self._producer: Stomp | None = None
        self._consumers: list[tuple[Queue, Stomp]] = []
        self._readers: list[Stomp] = []
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
                self._send(queue, missing)
            if queue.paused:
                self._pause(queue.name)
        self._grown = sizes.get("orders.in", 0)
        for queue in QUEUES:
            for _ in range(queue.consumers):
                consumer = Stomp(self._stomp)
                self._consumers.append((queue, consumer))
                consumer.subscribe(queue.name, "client-individual", 1 if not queue.acks or queue.out_per_s < queue.in_per_s else 100)
        self._subscribe()

    def step(self, now: float) -> None:
        for queue in QUEUES:
            self._send(queue, queue.in_per_s)
        for queue, consumer in self._consumers:
            if queue.acks:
                self._consume(queue, consumer)
            elif list(consumer.messages()):
                pass  # taken, never acknowledged
        self._publish(now)

    def close(self) -> None:
        for connection in (*(consumer for _, consumer in self._consumers), *self._readers):
            connection.close()
        self._consumers.clear()
        self._readers.clear()
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

    def _send(self, queue: Queue, count: int) -> None:
        assert self._producer is not None
        for left in range(count - 1, -1, -1):
            self._number += 1
            kind = "markup" if queue.name.startswith("[") else queue.bodies[left % len(queue.bodies)]
            headers = {"kind": "ORDER", "form": kind, "number": str(self._number)}
            if kind == "map":
                headers["transformation"] = "jms-map-json"
            self._producer.send(queue.name, body_of(kind, self._number), confirm=left == 0, **headers)

    def _reject(self, count: int) -> None:
        """Messages come into the dead letter queue as in real life: a consumer refuses them."""
        if count <= 0:
            return
        self._send(Queue(REJECTED), count)
        consumer = Stomp(self._stomp)
        consumer.subscribe(REJECTED, "client-individual", 1)
        for _ in range(count):
            message = consumer.receive()
            if message is None:
                raise LabError(f"{self.name}: {REJECTED} gave fewer messages than it got")
            consumer.nack(message)
        consumer.close()

    def _pause(self, queue: str) -> None:
        mbean = f"{BROKER},destinationType=Queue,destinationName={queue}"
        reply = ask_jolokia(self._jolokia, {"type": "exec", "mbean": mbean, "operation": "pause()"})
        if reply["status"] != 200:
            raise LabError(f"{self.name}: {reply.get('error')}")

    def _subscribe(self) -> None:
        for _ in range(BROKER_TOPIC.readers):
            self._readers.append(Stomp(self._stomp))
            self._readers[-1].subscribe(TOPIC, "auto", 100)
        for durable in BROKER_TOPIC.durables:
            if durable.online:
                self._readers.append(self._durable(durable))
            elif not self._knows_one_that_is_away():  # who comes back takes some of what waits
                self._durable(durable).close()

    def _durable(self, durable: Durable) -> Stomp:
        connection = Stomp(self._stomp, durable.client_id)
        connection.subscribe(TOPIC, "auto", 100, durable.name)
        return connection

    def _knows_one_that_is_away(self) -> bool:
        reply = ask_jolokia(self._jolokia, {"type": "read", "mbean": BROKER, "attribute": "InactiveDurableTopicSubscribers"})
        return bool(reply["value"])

    def _publish(self, now: float) -> None:
        assert self._producer is not None
        expires = str(int((now + BROKER_TOPIC.ttl_s) * 1000))
        for _ in range(BROKER_TOPIC.per_s):
            self._number += 1
            self._producer.send(TOPIC, body_of("json", self._number), expires=expires, number=str(self._number))
        for reader in self._readers:
            for _ in reader.messages():
                pass


def body_of(kind: Body, number: int) -> str | bytes:
    match kind:
        case "xml":
            return f'<?xml version="1.0" encoding="UTF-8"?><order id="{number}"><note>a &lt; b &amp; c</note></order>'
        case "bytes":
            return bytes((number + index) % 256 for index in range(300))
        case "map":
            return json.dumps({"map": {"entry": [{"string": ["note", "fine"]}, {"string": "order", "int": number}]}})
        case "text":
            return f"주문 {number}번이 출고되었습니다."
        case _:
            return f'{{"order": {number}, "note": "{MARKUP if kind == "markup" else "fine"}"}}'
