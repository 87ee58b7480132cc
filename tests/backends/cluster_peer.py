"""What tests do to a cluster beyond kafka_peer: place replicas, set up topics, leave transactions open, delete records, allow users."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from confluent_kafka import Consumer, ElectionType, KafkaException, Producer, TopicPartition
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic

from tests.backends.kafka_peer import LIMIT_S, KafkaPeer


class ClusterPeer(KafkaPeer):
    def place(self, name: str, *replicas: Sequence[int]) -> None:
        """Partition i on the nodes `replicas[i]`, of which the first leads it."""
        self._make(NewTopic(name, len(replicas), replica_assignment=[list(nodes) for nodes in replicas]), len(replicas))

    def create_as(self, name: str, partitions: int, **config: str) -> None:
        """Names of the configuration with `_` for `.`."""
        topic = NewTopic(name, partitions, 1, config={key.replace("_", "."): value for key, value in config.items()})
        self._make(topic, partitions)

    def recreate(self, name: str) -> None:
        """Another topic of the same name with one partition, as soon as the old one is quite gone."""
        self.delete(name)
        deadline = time.monotonic() + LIMIT_S
        while True:
            try:
                return self.create({name: 1})
            except KafkaException as error:
                if error.args[0].name() != "TOPIC_ALREADY_EXISTS" or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def empty(self, topic: str, before: Mapping[int, int]) -> None:
        """Everything below these offsets is gone afterwards, as after their retention."""
        asked = [TopicPartition(topic, partition, offset) for partition, offset in before.items()]
        for future in self.admin.delete_records(asked, request_timeout=LIMIT_S).values():
            future.result(LIMIT_S)

    def begin(self, topic: str, *values: bytes, at: float | None = None) -> Producer:
        """Records of a transaction that nobody has ended yet; the producer commits or aborts it."""
        producer = Producer({**self._settings, "transactional.id": f"of-{topic}"})
        producer.init_transactions(LIMIT_S)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, partition=0, timestamp=int((at or time.time()) * 1000))
        assert producer.flush(LIMIT_S) == 0
        return producer

    @contextmanager
    def member(self, group: str, topic: str) -> Iterator[None]:
        """A living member that has every partition and commits nothing. It stays one while its broker hangs for less than 45 s."""
        consumer, stop = Consumer({**self._settings, "group.id": group, "enable.auto.commit": False}), threading.Event()
        joined = threading.Event()

        def live() -> None:
            while not stop.is_set():
                consumer.poll(0.1)
            consumer.close()

        consumer.subscribe([topic], on_assign=lambda *_: joined.set())
        thread = threading.Thread(target=live)
        thread.start()
        try:
            assert joined.wait(LIMIT_S), f"{group} got no partitions"
            yield
        finally:
            stop.set()
            thread.join(LIMIT_S)

    def allow(self, user: str, kind: ResourceType, name: str, *operations: AclOperation) -> None:
        who = (ResourcePatternType.LITERAL, f"User:{user}", "*")
        asked = [AclBinding(kind, name, *who, operation, AclPermissionType.ALLOW) for operation in operations]
        for future in self.admin.create_acls(asked, request_timeout=LIMIT_S).values():
            future.result(LIMIT_S)

    def elect_preferred(self, topic: str) -> None:
        """Gives each partition back to its first replica, as brokers do by themselves every five minutes."""
        places = [TopicPartition(topic, number) for number in self.leaders(topic)]
        self.admin.elect_leaders(ElectionType.PREFERRED, places).result(LIMIT_S)

    def leaders(self, topic: str) -> dict[int, int]:
        """-1: none."""
        known = self.admin.list_topics(topic, timeout=LIMIT_S).topics[topic]
        return {number: partition.leader for number, partition in known.partitions.items()}

    def _make(self, topic: NewTopic, partitions: int) -> None:
        self.admin.create_topics([topic], request_timeout=LIMIT_S)[topic.topic].result(LIMIT_S)
        self._wait_for(lambda known: len(known.get(topic.topic, ())) == partitions)
