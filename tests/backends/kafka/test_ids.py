"""Topic ids: learnt in the background of a cycle, and never a burden to it."""

import time
from collections.abc import Iterable
from concurrent.futures import Future
from itertools import pairwise
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from backends.kafka.ids import BATCH, IDS_S, MOST_SKIPPED, NULL, TopicIds


class Described(NamedTuple):
    topic_id: str


class Admin:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self._waiting: dict[str, Future[Any]] = {}

    def describe_topics(self, topics: TopicCollection, request_timeout: float) -> dict[str, "Future[Any]"]:
        assert request_timeout >= 120  # never librdkafka's own limit: a late answer may abort the process
        self.asked.append(list(topics.topic_names))
        self._waiting = {name: Future() for name in self.asked[-1]}
        return self._waiting

    def answer(self, ids: dict[str, str]) -> None:
        for name, future in self._waiting.items():
            if name in ids:
                future.set_result(Described(ids[name]))
            else:
                future.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))


def cycle(ids: TopicIds, admin: Admin, names: Iterable[str], answers: dict[str, str] | None) -> set[str]:
    ids.ask(admin, names)  # type: ignore[arg-type]
    if answers is not None:
        admin.answer(answers)
    return ids.changed()


def test_an_id_that_is_another_one_is_told() -> None:
    ids, admin = TopicIds(), Admin()
    assert cycle(ids, admin, ["a", "b"], {"a": "1", "b": "2"}) == set()
    assert cycle(ids, admin, ["a", "b"], {"a": "1", "b": "3"}) == {"b"}
    assert cycle(ids, admin, ["a", "b"], {"a": "1", "b": "3"}) == set()
    assert ids.known == {"a": "1", "b": "3"}


def test_a_topic_that_answers_with_an_error_keeps_its_id() -> None:
    ids, admin = TopicIds(), Admin()
    cycle(ids, admin, ["a", "b"], {"a": "1", "b": "2"})
    assert cycle(ids, admin, ["a", "b"], {"a": "1"}) == set() and ids.known["b"] == "2"
    assert cycle(ids, admin, ["a", "b"], {"a": "1", "b": "9"}) == {"b"}


def test_an_answer_that_is_late_is_taken_in_a_later_cycle_and_nothing_is_asked_meanwhile() -> None:
    ids, admin = TopicIds(), Admin()
    began = time.monotonic()
    assert cycle(ids, admin, ["a"], None) == set()
    assert time.monotonic() - began < IDS_S + 1
    again = time.monotonic()
    assert cycle(ids, admin, ["a"], None) == set() and len(admin.asked) == 1
    assert time.monotonic() - again < 0.2  # a cycle waits once for one answer
    admin.answer({"a": "1"})
    assert ids.changed() == set() and ids.known == {"a": "1"}


def test_a_cluster_without_ids_is_asked_ever_more_rarely() -> None:
    ids, admin = TopicIds(), Admin()
    asked = []
    for number in range(300):
        before = len(admin.asked)
        ids.ask(admin, ["a"])  # type: ignore[arg-type]
        if len(admin.asked) > before:
            asked.append(number)
            admin.answer({"a": NULL})
        ids.changed()
    assert ids.known == {} and asked[:4] == [0, 2, 6, 14]
    assert max(b - a for a, b in pairwise(asked)) == MOST_SKIPPED


def test_a_large_cluster_is_asked_for_in_turns() -> None:
    ids, admin = TopicIds(), Admin()
    names = [f"t{number:04}" for number in range(2 * BATCH + 100)]
    for _ in range(3):
        cycle(ids, admin, names, dict.fromkeys(names, "1"))
    assert all(len(batch) == BATCH for batch in admin.asked) and ids.known.keys() == set(names)
    ids.keep(names[:3])
    assert ids.known.keys() == set(names[:3])


def test_no_topics_are_no_question() -> None:
    ids, admin = TopicIds(), Admin()
    assert cycle(ids, admin, [], None) == set() and admin.asked == []
