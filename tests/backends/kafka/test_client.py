"""What librdkafka says is taken for what it is worth, and nothing is created or printed: on its mock cluster, and on handles of ours."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from backends.kafka.client import KafkaClient, Settings
from backends.kafka.faults import Fault
from backends.source import Unavailable

QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """A cluster that creates a topic for whoever asks for it as a producer does."""
    cluster = Producer({**QUIET, "bootstrap.servers": "mock", "test.mock.num.brokers": 3})
    yield ",".join(f"{each.host}:{each.port}" for each in cluster.list_topics(timeout=10).brokers.values())


def client_of(bootstrap: str, **options: object) -> KafkaClient:
    return KafkaClient(Settings("kafka main", "kafka[0]", bootstrap, options))


def test_asking_for_a_topic_never_creates_it(bootstrap: str) -> None:
    client = client_of(bootstrap)
    assert "nobody" not in client.topics(reads=True)
    assert client.named("nobody") == Fault("unknown", "the brokers do not know this topic", is_stale=True)
    ends, _ = client.offsets([("nobody", 0)], [])
    assert isinstance(ends["nobody", 0], Fault)
    assert "nobody" not in client.topics(reads=True)
    client.admin.list_topics("somebody", timeout=5)  # what is never done here, and why
    assert "somebody" in client.topics(reads=True)
    assert client.named("somebody") is None
    client.close()


def test_not_even_an_operators_debug_option_writes_to_the_terminal(bootstrap: str, capfd: pytest.CaptureFixture[str]) -> None:
    for address in (bootstrap, "127.0.0.1:1"):
        client = client_of(address, debug="all")
        with suppress(Unavailable):
            client.topics(reads=True)
        client.close()
    seen = capfd.readouterr()
    assert (seen.out, seen.err) == ("", "")


def test_a_wrong_option_is_said_and_not_printed(bootstrap: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unavailable, match=r"kafka\[0\].options \(No such configuration property"):
        client_of(bootstrap, **{"no.such": "x"}).topics(reads=False)
    assert capfd.readouterr().err == ""


class Result(NamedTuple):
    offset: int


class Topics(NamedTuple):
    brokers: dict[int, object]
    topics: dict[str, Any]


class Admin:
    """Answers each ListOffsets with the next of `answers`."""

    def __init__(self, *answers: Callable[[], Any]) -> None:
        self._answers = list(answers)
        self.metadata = 0

    def list_topics(self, timeout: float) -> Topics:
        self.metadata += 1
        return Topics({1: object()}, {})

    def poll(self, timeout: float) -> int:
        return 0

    def list_offsets(self, asked: dict[TopicPartition, Any], **options: Any) -> dict[TopicPartition, "Future[Any]"]:
        answer = self._answers.pop(0)
        made: dict[TopicPartition, Future[Any]] = {}
        for place in asked:
            made[place] = Future()
            try:
                made[place].set_result(answer())
            except KafkaException as error:
                made[place].set_exception(error)
        return made


def failing(code: int) -> Callable[[], Any]:
    def fail() -> Any:
        raise KafkaException(KafkaError(code))

    return fail


def end(admin: Admin) -> int | Fault:
    client = client_of("127.0.0.1:1")
    client._admin = admin  # type: ignore[assignment]
    return client.offsets([("t", 0)], [])[0]["t", 0]


@pytest.mark.parametrize("code", [KafkaError.FENCED_LEADER_EPOCH, KafkaError._NOENT, KafkaError.NOT_LEADER_FOR_PARTITION])
def test_what_fails_for_old_metadata_is_asked_once_more_with_fresh_ones(code: int) -> None:
    admin = Admin(failing(code), lambda: Result(7))
    assert end(admin) == 7 and admin.metadata == 1
    still = end(Admin(failing(code), failing(code)))
    assert isinstance(still, Fault) and still.kind == "unknown"


def test_what_fails_for_another_reason_is_not_asked_again() -> None:
    admin = Admin(failing(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    refused = end(admin)
    assert isinstance(refused, Fault) and refused.kind == "denied" and admin.metadata == 0


def test_an_offset_below_zero_is_no_figure() -> None:
    assert end(Admin(lambda: Result(-1001))) == Fault("silent", "the broker does not answer")


def test_an_answer_that_never_comes_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.kafka.client.OFFSETS_S", -0.9)
    admin = Admin()
    admin.list_offsets = lambda asked, **options: {place: Future() for place in asked}  # type: ignore[method-assign]
    began = time.monotonic()
    assert end(admin) == Fault("silent", "the broker does not answer")
    assert time.monotonic() - began < 2
