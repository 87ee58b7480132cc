"""What tests do to topics besides writing to them: transactions of every ending, deleted records, compaction, headers."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from tests.backends.kafka_peer import LIMIT_S, QUIET, KafkaPeer

COMPACTED = {
    "cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0",
    "min.compaction.lag.ms": "0", "max.compaction.lag.ms": "100",
}  # fmt: skip


def line(loaded_age: float, sent_age: float, extra: bytes = b"x") -> bytes:
    times = (datetime.fromtimestamp(time.time() - age, UTC).strftime("%Y-%m-%d %H:%M:%S.%f") for age in (loaded_age, sent_age))
    return ",".join(["1", "a", "b", "c", *times]).encode() + b"," + extra


class TopicPeer(KafkaPeer):
    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._settings = {**QUIET, "bootstrap.servers": address}

    def create_as(self, name: str, config: Mapping[str, str], partitions: int = 1) -> None:
        made = self.admin.create_topics([NewTopic(name, partitions, 1, config=dict(config))], request_timeout=LIMIT_S)
        made[name].result(LIMIT_S)
        self._wait_for(lambda known: len(known.get(name, ())) == partitions)

    def recreate(self, name: str, partitions: int = 1) -> None:
        """A cluster with ZooKeeper refuses the name for a moment after it was deleted."""
        self.delete(name)

        def is_made() -> bool:
            try:
                self.create({name: partitions})
            except KafkaException as error:
                assert error.args[0].name() == "TOPIC_ALREADY_EXISTS"
                return False
            return True

        self.wait(is_made, f"{name} could not be created again")

    def clean_often(self) -> None:
        """The log cleaner looks every 15 s unless told."""
        often = ConfigEntry("log.cleaner.backoff.ms", "200", incremental_operation=AlterConfigOpType.SET)
        broker = ConfigResource(ResourceType.BROKER, "1", incremental_configs=[often])
        for future in self.admin.incremental_alter_configs([broker], request_timeout=LIMIT_S).values():
            future.result(LIMIT_S)

    def send(self, topic: str, value: bytes | None, key: bytes | None = None, headers: Mapping[str, bytes | None] | None = None) -> None:
        producer = Producer(self._settings)
        producer.produce(topic, value, key, partition=0, headers=dict(headers or {}))
        assert producer.flush(LIMIT_S) == 0

    def delete_records(self, topic: str, before: int, partition: int = 0) -> None:
        place = TopicPartition(topic, partition, before)
        for future in self.admin.delete_records([place], request_timeout=LIMIT_S).values():
            future.result(LIMIT_S)

    @contextmanager
    def transaction(self, topic: str, *values: bytes) -> Iterator[Producer]:
        """Records of a transaction that is open inside the block, and aborted behind it."""
        producer = Producer({**self._settings, "transactional.id": f"of-{topic}", "transaction.timeout.ms": 120_000, "linger.ms": 20})
        producer.init_transactions(LIMIT_S)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, partition=0)
        assert producer.flush(LIMIT_S) == 0
        yield producer
        producer.abort_transaction(LIMIT_S)

    def offsets(self, topic: str) -> list[int]:
        """Of the records that are there, in partition 0."""
        consumer = Consumer({**self._settings, "group.id": "looks", "enable.auto.commit": False, "enable.partition.eof": True})
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[int] = []
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline and (message := consumer.poll(1)) is not None and message.error() is None:
            found.append(message.offset() or 0)
        consumer.close()
        return found

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not holds():
            assert time.monotonic() < deadline, what
            time.sleep(0.1)
