"""Topic ids (KIP-516): what tells a topic from one of the same name that came after it. Blocking for IDS_S at most; used by one thread.

DescribeTopics goes to the controller, names the topics it asks for and creates none. One batch is on its way at a time, a cluster of up to
BATCH topics is asked for whole in each cycle, a larger one in turns. A failure costs nothing but the ids, and is tried again more rarely.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

BATCH = 500  # names in one request; the answer has 155 bytes for each (measured with 4 partitions)
IDS_S = 0.5  # that a cycle waits for an answer; one that comes later is taken in the next cycle
PATIENT_S = 120.0  # librdkafka's own limit: never the one that ends a call (librdkafka#4605)
MOST_SKIPPED = 64  # cycles between two tries on a cluster that does not answer
NULL = "AAAAAAAAAAAAAAAAAAAAAA"  # 16 zero bytes: the cluster has no ids


class TopicIds:
    def __init__(self) -> None:
        self.known: dict[str, str] = {}
        self._pending: Mapping[str, Future[Any]] = {}
        self._asked_at = 0.0
        self._next = ""  # the name after which the next batch begins
        self._failures = self._skip = 0

    def ask(self, admin: "AdminClient", names: Iterable[str]) -> None:
        """The next batch, unless one is still on its way."""
        from confluent_kafka import TopicCollection

        self._skip = max(0, self._skip - 1)
        if self._pending or self._skip:
            return
        if batch := self._batch(sorted(names)):
            self._pending = admin.describe_topics(TopicCollection(batch), request_timeout=PATIENT_S)
            self._asked_at = time.monotonic()

    def changed(self) -> set[str]:
        """Topics that are others than before, as far as the answer is there."""
        if not self._pending:
            return set()
        answers, self._pending = self._pending, {}
        left = max(0.0, self._asked_at + IDS_S - time.monotonic())
        if wait(answers.values(), timeout=left).not_done:
            self._pending = answers
            return set()
        return self._learn({name: found for name, answer in answers.items() if (found := _id(answer)) is not None}, answers)

    def keep(self, names: Iterable[str]) -> None:
        """Forgets all others."""
        there = set(names)
        self.known = {name: known for name, known in self.known.items() if name in there}

    def _batch(self, names: list[str]) -> list[str]:
        if len(names) <= BATCH:
            return names
        later = [name for name in names if name > self._next]
        batch = (later + names)[:BATCH]
        self._next = batch[-1]
        return batch

    def _learn(self, found: Mapping[str, str], asked: Iterable[str]) -> set[str]:
        self._failures = 0 if found else self._failures + 1
        self._skip = 0 if found else min(2**self._failures, MOST_SKIPPED)
        changed = {name for name, each in found.items() if self.known.get(name, each) != each}
        self.known.update(found)
        return changed


def _id(answer: "Future[Any]") -> str | None:
    """None: an old cluster, a topic that is gone or denied, or no answer."""
    from confluent_kafka import KafkaException

    try:
        found = str(answer.result().topic_id)
    except KafkaException:
        return None
    return found if found not in (NULL, "None") else None
