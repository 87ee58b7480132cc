"""What tests do to a real Kafka cluster: make topics, write records and commit offsets as somebody else would."""

import time
from collections.abc import Callable, Mapping, Sequence

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

Holds = Callable[[Mapping[str, Sequence[int]]], bool]  # of the known topics and their partitions

LIMIT_S = 20.0
QUIET: dict[str, str | int | float | bool] = {"log_level": 0}


class KafkaPeer:
    def __init__(self, address: str) -> None:
        self._settings = {**QUIET, "bootstrap.servers": address}
        self.admin = AdminClient(self._settings)
        self._producer = Producer({**self._settings, "message.max.bytes": 32 << 20, "linger.ms": 0})

    def create(self, partitions: Mapping[str, int]) -> None:
        """Returns when the broker's own metadata has them: KRaft says "created" before that."""
        made = self.admin.create_topics([NewTopic(name, count, 1) for name, count in partitions.items()], request_timeout=LIMIT_S)
        for future in made.values():
            future.result(LIMIT_S)
        self._wait_for(lambda known: all(len(known.get(name, ())) == count for name, count in partitions.items()))

    def delete(self, name: str) -> None:
        self.admin.delete_topics([name], request_timeout=LIMIT_S)[name].result(LIMIT_S)
        self._wait_for(lambda known: name not in known)

    def write(self, topic: str, *values: bytes | None, partition: int = 0, at: float | None = None) -> None:
        for value in values:
            self._producer.produce(topic, value, key=b"key", partition=partition, timestamp=int((at or time.time()) * 1000))
        assert self._producer.flush(LIMIT_S) == 0

    def write_transaction(self, topic: str, *values: bytes, commit: bool) -> None:
        """The log then ends with a marker that is no record."""
        producer = Producer({**self._settings, "transactional.id": f"of-{topic}"})
        producer.init_transactions(LIMIT_S)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, partition=0)
        producer.flush(LIMIT_S)
        if commit:
            producer.commit_transaction(LIMIT_S)
        else:
            producer.abort_transaction(LIMIT_S)

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """A group without members: it only commits."""
        consumer = Consumer({**self._settings, "group.id": group, "enable.auto.commit": False})
        consumer.commit(offsets=[TopicPartition(topic, partition, offset) for partition, offset in offsets.items()], asynchronous=False)
        consumer.close()

    def groups(self) -> set[str]:
        return {group.group_id for group in self.admin.list_consumer_groups(request_timeout=LIMIT_S).result(LIMIT_S).valid}

    def _wait_for(self, holds: Holds) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not holds({name: tuple(topic.partitions) for name, topic in self.admin.list_topics(timeout=LIMIT_S).topics.items()}):
            assert time.monotonic() < deadline, "the broker's metadata did not follow"
            time.sleep(0.05)
