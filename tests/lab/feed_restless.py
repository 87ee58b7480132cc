"""Keeps the topics of truth.RESTLESS moving on one cluster: transactions that are committed or aborted, a compacted log with tombstones,
and a topic that is deleted and created again."""

import contextlib
import time
from collections.abc import Mapping

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.lab.errors import LabError
from tests.lab.payload import line
from tests.lab.truth import RESTLESS

LIMIT_S = 10.0
PARTITIONS = 2  # of each


class RestlessTopics:
    def __init__(self, settings: Mapping[str, str | int | float | bool]) -> None:
        self._settings = dict(settings)
        self._admin: AdminClient | None = None
        self._transactions: Producer | None = None
        self._plain: Producer | None = None
        self._number = 0
        self._delete_at = 0.0
        self._is_there = False

    def open(self) -> None:
        self._admin = AdminClient(self._settings)
        self._create(RESTLESS.transactions, {})
        self._create(RESTLESS.compacted, dict(RESTLESS.compaction))
        self._is_there = self._create(RESTLESS.recreated, {})
        self._delete_at = time.time() + RESTLESS.recreate_every_s
        self._plain = Producer({**self._settings, "linger.ms": 0, "message.timeout.ms": 8000})
        self._transactions = Producer({**self._settings, "transactional.id": "lab-payments", "transaction.timeout.ms": 10_000})
        self._transactions.init_transactions(LIMIT_S)

    def step(self, now: float) -> None:
        self._number += 1
        self._transact(now)
        self._compact(now)
        self._recreate(now)
        assert self._plain is not None
        if self._plain.flush(LIMIT_S):
            raise LabError("the broker takes no records")

    def close(self) -> None:
        for producer in (self._transactions, self._plain):
            if producer is not None:
                producer.purge()
        self._admin = self._transactions = self._plain = None

    def _create(self, name: str, config: dict[str, str]) -> bool:
        """False while the topic of the same name is not quite deleted yet."""
        assert self._admin is not None
        made = self._admin.create_topics([NewTopic(name, PARTITIONS, 1, config=config)], request_timeout=LIMIT_S)[name]
        try:
            made.result(LIMIT_S)
        except KafkaException as error:
            if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
                raise
            return name in self._admin.list_topics(timeout=LIMIT_S).topics
        return True

    def _transact(self, now: float) -> None:
        producer = self._transactions
        assert producer is not None
        producer.begin_transaction()
        for number in range(RESTLESS.records):
            self._produce(producer, RESTLESS.transactions, now, number)
        producer.flush(LIMIT_S)
        if self._number % RESTLESS.abort_every:
            producer.commit_transaction(LIMIT_S)
        else:
            producer.abort_transaction(LIMIT_S)

    def _compact(self, now: float) -> None:
        assert self._plain is not None
        value = None if self._number % RESTLESS.tombstone_every == 0 else self._line(now)
        self._plain.produce(RESTLESS.compacted, value, f"account-{self._number % RESTLESS.keys}", self._number % PARTITIONS)

    def _recreate(self, now: float) -> None:
        """Between the two, and while the brokers do not know it yet, its records are lost; that is nobody's trouble."""
        assert self._admin is not None and self._plain is not None
        if self._is_there and now >= self._delete_at:
            self._is_there = False
            self._delete_at = now + RESTLESS.recreate_every_s
            with contextlib.suppress(KafkaException):
                self._admin.delete_topics([RESTLESS.recreated], request_timeout=LIMIT_S)[RESTLESS.recreated].result(LIMIT_S)
        elif not self._is_there:
            self._is_there = self._create(RESTLESS.recreated, {})
        else:
            with contextlib.suppress(KafkaException):
                self._produce(self._plain, RESTLESS.recreated, now, self._number)

    def _produce(self, producer: Producer, topic: str, now: float, number: int) -> None:
        producer.produce(topic, self._line(now), f"key-{self._number % 97}", number % PARTITIONS)

    def _line(self, now: float) -> bytes:
        return line(self._number, now - RESTLESS.age_s, now - RESTLESS.age_s - 1, f"value {self._number}")
