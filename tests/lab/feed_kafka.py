"""Keeps the topics and groups of truth.py moving on one cluster.

Each step writes `per_second` records to a topic, waits for the broker, then commits: the lag that others see
is the truth, or for a moment one second of records more.
"""

import time
from collections import Counter

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.lab.errors import LabError
from tests.lab.feed_restless import RestlessTopics
from tests.lab.payload import payload
from tests.lab.truth import TOPICS, Group, Topic, groups_of

LIMIT_S = 10.0
QUIET = {"log_level": 2, "socket.timeout.ms": 10_000, "reconnect.backoff.max.ms": 1000}


class KafkaFeed:
    def __init__(self, name: str, bootstrap: str) -> None:
        self.name = name
        self._settings: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, **QUIET}
        self._producer: Producer | None = None
        self._consumers: dict[str, Consumer] = {}
        self._ends: dict[tuple[str, int], int] = {}
        self._behind: Counter[str] = Counter()
        self._have_committed: set[str] = set()  # whoever stalls from the start would have nothing to fall behind
        self._number = 0
        self._failed: KafkaError | None = None
        self._groups = groups_of(name)
        self._restless = RestlessTopics(self._settings)

    def open(self) -> None:
        self._create_topics()
        self._producer = Producer({**self._settings, "linger.ms": 20, "message.timeout.ms": 8000})
        self._restless.open()
        for group in self._groups:
            self._consumers[group.name] = self._join(group)
        self._fill_up()

    def step(self, now: float) -> None:
        for topic in TOPICS:
            for _ in range(topic.per_second):
                self._number += 1
                self._produce(topic, self._number % topic.partitions, now)
        self._flush()
        self._restless.step(now)
        for group in self._groups:
            self._behind[group.name] += group.falls_behind_per_min // 60
            self._commit(group, now)

    def close(self) -> None:
        for consumer in self._consumers.values():
            consumer.close()
        self._consumers.clear()
        if self._producer is not None:
            self._producer.purge()
        self._producer = None
        self._restless.close()

    def _create_topics(self) -> None:
        admin = AdminClient(self._settings)
        known = admin.list_topics(timeout=LIMIT_S).topics
        missing = [NewTopic(topic.name, topic.partitions, 1, config=dict(topic.config)) for topic in TOPICS if topic.name not in known]
        if missing:
            for future in admin.create_topics(missing, request_timeout=LIMIT_S).values():
                future.result(LIMIT_S)
        deadline = time.monotonic() + LIMIT_S
        while any(topic.name not in admin.list_topics(timeout=LIMIT_S).topics for topic in TOPICS):
            if time.monotonic() > deadline:  # KRaft answers before the broker itself knows
                raise LabError(f"{self.name}: created topics do not appear")
            time.sleep(0.05)

    def _join(self, group: Group) -> Consumer:
        """A live member that has every partition and fetches nothing: the commits are what counts."""
        is_new = group.protocol == "consumer"
        own = {"group.protocol": "consumer"} if is_new else {"session.timeout.ms": 10_000}  # the new protocol's are the broker's
        settings = {"group.id": group.name, "client.id": f"{group.name}-1", "enable.auto.commit": False, **own}
        consumer = Consumer({**self._settings, **settings})
        assigned: list[TopicPartition] = []

        def take(member: Consumer, partitions: list[TopicPartition]) -> None:
            (member.incremental_assign if is_new else member.assign)(partitions)
            member.pause(partitions)
            assigned.extend(partitions)

        consumer.subscribe([group.topic], on_assign=take)
        deadline = time.monotonic() + LIMIT_S
        while not assigned:
            consumer.poll(0.1)
            if time.monotonic() > deadline:
                consumer.close()
                raise LabError(f"{self.name}: group {group.name} got no partitions")
        for partition in assigned:
            _, end = consumer.get_watermark_offsets(partition, timeout=LIMIT_S)
            self._ends[group.topic, partition.partition] = end
        return consumer

    def _fill_up(self) -> None:
        """A lag needs as many records."""
        for group in self._groups:
            topic = next(topic for topic in TOPICS if topic.name == group.topic)
            for _ in range(group.lag - self._ends[group.topic, 0]):
                self._produce(topic, 0, time.time())
        self._flush()

    def _produce(self, topic: Topic, partition: int, now: float) -> None:
        assert self._producer is not None
        value = payload(topic, now, self._number)
        self._producer.produce(topic.name, value, f"key-{self._number % 97}", partition, on_delivery=self._delivered)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if error is not None or topic is None or partition is None or offset is None:
            self._failed = error
        else:
            self._ends[topic, partition] = max(self._ends.get((topic, partition), 0), offset + 1)

    def _flush(self) -> None:
        assert self._producer is not None
        left = self._producer.flush(LIMIT_S)
        failed, self._failed = self._failed, None
        if left or failed:
            raise LabError(f"{self.name}: {failed or f'{left} records without an answer'}")

    def _commit(self, group: Group, now: float) -> None:
        consumer = self._consumers[group.name]
        consumer.poll(0)  # keeps the membership alive
        if group.is_stalled(now) and group.name in self._have_committed:
            return
        self._have_committed.add(group.name)
        offsets = [
            TopicPartition(topic, partition, max(0, end - (group.lag + self._behind[group.name] if partition == 0 else 0)))
            for (topic, partition), end in self._ends.items()
            if topic == group.topic
        ]
        consumer.commit(offsets=offsets, asynchronous=True)

    def end(self, topic: str, partition: int) -> int | None:
        """The end offset after the last step; None before the first."""
        return self._ends.get((topic, partition))
