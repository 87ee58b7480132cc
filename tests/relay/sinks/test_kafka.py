"""What the outlet makes of librdkafka's reports. The producer is scripted, the errors are its own. Real brokers: test_kafka_lab."""

import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, KafkaException

from relay.config import Codes, KafkaSink, RequestLayout
from relay.sinks.kafka import BATCH_BYTES, KafkaOutlet
from relay.storage.commit import StorageFailed
from settings.secret import Secret
from tests.relay.records import request
from tests.relay.sinks.test_direct import batch

Report = Callable[[Any, Any], None]
COLUMNS = RequestLayout().columns


class Sent:
    """What a report has of its message."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def value(self) -> bytes:
        return self._value


class Broker:
    """`answer(settings, line)`: the code of the error that a record is reported with; None delivers it, and "silent" never reports."""

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any], bytes], int | str | None] = lambda settings, line: None
        self.made: list[Producer] = []
        self.got: list[tuple[bytes, bytes]] = []
        self.refuses_at_once: int | None = None
        self.full_for = 0
        self.heard: KafkaError | None = None
        self.topic_error: KafkaError | None = None
        self.is_away = False

    def make(self, settings: dict[str, Any]) -> "Producer":
        self.made.append(Producer(self, settings))
        return self.made[-1]


class Producer:
    def __init__(self, broker: Broker, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.is_purged = False
        self._broker = broker
        self._queue: list[tuple[bytes, bytes, Report]] = []

    def list_topics(self, topic: str, timeout: float) -> Any:
        if self._broker.is_away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return SimpleNamespace(topics={topic: SimpleNamespace(error=self._broker.topic_error)})

    def produce(self, topic: str, value: bytes, key: bytes, on_delivery: Report) -> None:
        if self._broker.full_for:
            self._broker.full_for -= 1
            raise BufferError
        if self._broker.refuses_at_once is not None:
            raise KafkaException(KafkaError(self._broker.refuses_at_once))
        self._queue.append((value, key, on_delivery))

    def poll(self, seconds: float) -> int:
        if self._broker.heard is not None and not self.is_purged:
            self.settings["error_cb"](self._broker.heard)
        return 0

    def flush(self, seconds: float) -> int:
        self.poll(seconds)
        for value, key, report in self._queue:
            code = self._broker.answer(self.settings, value)
            if code is None:
                self._broker.got.append((key, value))
                report(None, Sent(value))
            elif isinstance(code, int):
                report(KafkaError(code), Sent(value))
        self._queue.clear()
        return 0

    def purge(self) -> None:
        self.is_purged = True
        self._queue.clear()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    found = Broker()
    monkeypatch.setattr(confluent_kafka, "Producer", found.make)
    return found


def outlet(**options: Any) -> KafkaOutlet:
    return KafkaOutlet(KafkaSink(**{"bootstrap": "localhost:9092", "topic": "in", "timeout": 0.2, **options}), COLUMNS, Codes())


def deliver(found: KafkaOutlet, *numbers: int, payload: str = "payload") -> Any:
    made = batch(*numbers, payload=payload)
    return found.deliver(made.data.split(b"\n")[:-1], made.keys)


def failure(found: KafkaOutlet) -> str:
    with pytest.raises(StorageFailed) as failed:
        deliver(found, 1, 2)
    assert not failed.value.is_space
    return str(failed.value)


def test_lines_become_values_and_a_column_the_key(broker: Broker) -> None:
    assert deliver(outlet(), 1) == {}
    assert deliver(outlet(key="source"), 2) == {}
    assert broker.got == [(b"000000001", request(1)[:-1]), (b"HOST01", request(2)[:-1])]


def test_no_option_weakens_what_an_answer_is_worth(broker: Broker) -> None:
    deliver(outlet(options={"compression.codec": "lz4", "sasl.password": Secret(env="HOME"), "log_level": 7}), 1)
    settings = broker.made[0].settings
    assert settings["enable.idempotence"] is True and settings["acks"] == "all"
    assert settings["delivery.timeout.ms"] == 200
    assert settings["compression.codec"] == "lz4"
    assert settings["sasl.password"].startswith("/"), "a secret is read when it is used"
    assert settings["log_level"] == 0, "it would write into the screen"


def test_a_secret_that_is_not_there_is_said_without_a_connection(broker: Broker) -> None:
    assert "NO_SUCH_VARIABLE is not set" in failure(outlet(options={"sasl.password": Secret(env="NO_SUCH_VARIABLE")}))
    assert broker.made == []


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (KafkaError._MSG_TIMED_OUT, "no delivery report in time"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "there is no such topic"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "grant Write"),
        (KafkaError.NOT_ENOUGH_REPLICAS, "min.insync.replicas"),
        (KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, "min.insync.replicas"),
        (KafkaError.INVALID_RECORD, "Broker failed to validate record"),
        ("silent", "no delivery report in time"),
    ],
)
def test_every_other_report_fails_the_batch_with_the_broker_and_a_reason(broker: Broker, code: int | str, text: str) -> None:
    broker.answer = lambda settings, line: code if b"|000000002|" in line else None
    said = failure(outlet())
    assert said.startswith("kafka topic in at localhost:9092: ")
    assert text in said


def test_a_timeout_says_what_was_heard_on_the_side(broker: Broker) -> None:
    broker.answer = lambda settings, line: KafkaError._MSG_TIMED_OUT
    broker.heard = KafkaError(
        KafkaError._TRANSPORT, "h:9092/bootstrap: Connect to ipv4#h:9092 failed: Connection refused (after 0ms in state X)"
    )
    assert failure(outlet()).endswith("no delivery report in time (Connection refused)")
    broker.heard = KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error: bad password 'hunter2'")
    said = failure(outlet())
    assert "our login is refused" in said and "hunter2" not in said


def test_a_broker_that_is_away_is_noticed_before_anything_is_given_to_it(broker: Broker) -> None:
    broker.is_away = True
    broker.heard = KafkaError(
        KafkaError._TRANSPORT, "h:9092/bootstrap: Connect to ipv4#h:9092 failed: Connection refused (after 0ms in state X)"
    )
    assert failure(outlet()).endswith("no connection (Connection refused)")
    assert broker.got == []


def test_a_topic_without_a_leader_is_waited_for_and_one_that_is_not_there_is_not(broker: Broker) -> None:
    broker.topic_error = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
    assert deliver(outlet(), 1) == {}
    broker.topic_error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
    assert "there is no such topic" in failure(outlet())


def test_after_a_failure_nothing_is_left_in_a_queue_and_the_next_producer_is_a_new_one(broker: Broker) -> None:
    found = outlet()
    broker.answer = lambda settings, line: "silent"
    failure(found)
    assert broker.made[0].is_purged
    broker.answer = lambda settings, line: None
    assert deliver(found, 1) == {}
    assert len(broker.made) == 2
    deliver(found, 2)
    assert len(broker.made) == 2, "while it works it stays"


def test_a_fatal_producer_is_replaced(broker: Broker) -> None:
    found = outlet()
    broker.refuses_at_once = KafkaError._FATAL
    failure(found)
    broker.refuses_at_once = None
    assert deliver(found, 1) == {}
    assert len(broker.made) == 2


def test_a_full_queue_is_waited_for_but_not_for_ever(broker: Broker) -> None:
    broker.full_for = 3
    assert deliver(outlet(), 1, 2) == {}
    broker.full_for = 1 << 60
    assert "no delivery report in time" in failure(outlet())


def test_when_a_batch_was_too_large_its_records_are_judged_one_by_one(broker: Broker) -> None:
    """A broker refuses the batch whole; of its records only one is too large itself."""

    def answer(settings: dict[str, Any], line: bytes) -> int | None:
        is_alone = settings["batch.num.messages"] == 1
        return KafkaError.MSG_SIZE_TOO_LARGE if not is_alone or b"|000000002|" in line else None

    broker.answer = answer
    found = outlet()
    assert deliver(found, 1, 2, 3) == {b"000000002": 413}
    assert [key for key, _ in broker.got] == [b"000000001", b"000000003"]
    broker.answer = lambda settings, line: None
    deliver(found, 4)
    assert broker.made[-1].settings["batch.size"] < BATCH_BYTES, "the next batches are smaller"


def test_one_record_that_is_too_large_does_not_make_the_batches_of_others_smaller(broker: Broker) -> None:
    broker.answer = lambda settings, line: KafkaError.MSG_SIZE_TOO_LARGE if b"|000000002|" in line else None
    found = outlet()
    assert deliver(found, 1, 2, 3) == {b"000000002": 413}
    assert deliver(found, 2) == {b"000000002": 413}
    assert [made.settings["batch.size"] for made in broker.made] == [BATCH_BYTES] * 2


def test_what_librdkafka_refuses_itself_is_too_large_too(broker: Broker) -> None:
    broker.refuses_at_once = KafkaError.MSG_SIZE_TOO_LARGE
    assert deliver(outlet(), 1) == {b"000000001": 413}


def test_closing_drops_what_is_left(broker: Broker) -> None:
    found = outlet()
    deliver(found, 1)
    found.close()
    assert broker.made[0].is_purged


@pytest.mark.parametrize("module", ["relay.service", "relay.sinks.choice", "relay_console.consistency"])
def test_without_such_a_sink_no_library_of_a_broker_is_loaded(module: str) -> None:
    text = f"import {module}, sys; print([name for name in ('confluent_kafka', 'stomp', 'kazoo') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_an_option_that_librdkafka_does_not_know_is_said_with_its_place() -> None:
    assert 'librdkafka refuses sink.kafka.options (No such configuration property: "no.such")' in failure(outlet(options={"no.such": 1}))
