"""Records into a Kafka topic: idempotent, acknowledged by all replicas in sync, and believed only by their delivery reports.

The only calls are list_topics, produce, poll, flush and purge, with deadlines of our own: librdkafka can end the whole process when an
administrative request is answered after it was given up (librdkafka#4605), so none of those is made. A producer that failed a batch is
emptied and thrown away, connections and all: what was answered `storage` must not be sent from its queue after that, and a new one begins
with fresh metadata.

A topic's `max.message.bytes` is a limit of a *batch*: a broker that refuses one says so of every record in it. So the refused ones are
sent again, each in a request of its own, and only those that are refused alone are too large.
"""

import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from relay.config import Codes, KafkaSink
from relay.storage.commit import NONE, Refusals, StorageFailed
from settings.secret import Secret, SecretUnavailable

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

MAX_MESSAGE: Final = 4 << 20  # bytes; the longest record has 1 MiB, what is too large is for the broker to say
BATCH_BYTES: Final = 512 << 10  # of one request and partition: half of what a topic takes unless told otherwise
LEAST_BATCH_BYTES: Final = 4096
QUEUE_MESSAGES: Final = 100_000
QUEUE_KIB: Final = 16 << 10  # twice what waits for one commit
SERVED_S: Final = 0.2  # for the reports of purged messages; they are there at once
FULL_S: Final = 0.05  # between two tries to put a record into a full queue
PREFERRED: Final[Mapping[str, Any]] = {"partitioner": "murmur2_random", "reconnect.backoff.max.ms": 1000}  # that of the Java client
TOO_LARGE: Final = "MSG_SIZE_TOO_LARGE"

TEXTS: Final = {
    "_MSG_TIMED_OUT": "no delivery report in time",
    "_TIMED_OUT": "no delivery report in time",
    "_TRANSPORT": "no connection",
    "UNKNOWN_TOPIC_OR_PART": "there is no such topic, and the relay makes none",
    "_UNKNOWN_TOPIC": "there is no such topic, and the relay makes none",
    "TOPIC_AUTHORIZATION_FAILED": "we may not write to it; grant Write on the topic",
    "CLUSTER_AUTHORIZATION_FAILED": "it wants IdempotentWrite on the cluster granted to us",
    "NOT_ENOUGH_REPLICAS": "too few replicas are in sync (min.insync.replicas of the topic)",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": "too few replicas are in sync (min.insync.replicas of the topic)",
    "_AUTHENTICATION": "our login is refused; see sink.kafka.options",
    "SASL_AUTHENTICATION_FAILED": "our login is refused; see sink.kafka.options",
}
SILENT: Final = ("_MSG_TIMED_OUT", "_TIMED_OUT", "_TRANSPORT")  # what was heard on the side says more
PASSING: Final = ("LEADER_NOT_AVAILABLE",)  # what is wrong with a topic and may be over before the timeout
VAGUE: Final = ("_ALL_BROKERS_DOWN", "_TIMED_OUT")


class _Reports:
    """What became of the records of one pass."""

    def __init__(self) -> None:
        self.delivered = 0
        self.too_large: list[bytes] = []
        self.error: KafkaError | None = None  # the first other one

    def take(self, error: "KafkaError | None", message: "Message") -> None:
        if error is None:
            self.delivered += 1
        elif error.name() == TOO_LARGE:
            self.too_large.append(message.value() or b"")
        elif self.error is None:
            self.error = error


class KafkaOutlet:
    """A `relay.sinks.outlet.Outlet`. confluent-kafka is imported when the first record comes."""

    def __init__(self, config: KafkaSink, columns: Sequence[str], codes: Codes) -> None:
        """`columns` of a request; `config.key` is one of them."""
        self._config = config
        self._column = columns.index(config.key)
        self._too_long = codes.too_long
        self._producers: dict[bool, Producer] = {}  # by whether each record goes alone
        self._batch_bytes = BATCH_BYTES
        self._heard: tuple[str, str] = ("", "")  # name and text of the last error that belongs to no record

    @property
    def name(self) -> str:
        return f"kafka topic {self._config.topic} at {self._config.bootstrap}"

    def deliver(self, lines: Sequence[bytes], keys: Sequence[bytes]) -> Refusals:
        until = time.monotonic() + self._config.timeout
        try:
            too_large = self._pass(lines, until, alone=False)
            if len(too_large) > 0 and len(lines) > 1:
                too_large = self._apart([line for line in lines if line in too_large], until)
        except StorageFailed:
            self._drop()
            raise
        if not too_large:
            return NONE
        return {key: self._too_long for line, key in zip(lines, keys, strict=True) if line in too_large}

    def close(self) -> None:
        self._drop()

    def _apart(self, suspects: Sequence[bytes], until: float) -> set[bytes]:
        """Those that are too large by themselves. When it was only their batch, the next batches are smaller."""
        found = self._pass(suspects, until, alone=True)
        if len(found) < len(set(suspects)) and self._batch_bytes > LEAST_BATCH_BYTES:
            self._batch_bytes //= 4
            self._producers.pop(False)
        return found

    def _pass(self, lines: Sequence[bytes], until: float, *, alone: bool) -> set[bytes]:
        """Returns when there is a report of each record: the lines that were too large. Raises StorageFailed."""
        from confluent_kafka import KafkaException

        producer, reports = self._producer(alone, until), _Reports()
        for line in lines:
            key = line.split(b"|", self._column + 1)[self._column]
            while True:
                try:
                    producer.produce(self._config.topic, line, key, on_delivery=reports.take)
                except BufferError:
                    if time.monotonic() >= until:
                        raise self._failed(None) from None
                    producer.poll(FULL_S)
                    continue
                except KafkaException as error:
                    if error.args[0].name() != TOO_LARGE:
                        raise self._failed(error.args[0]) from None
                    reports.too_large.append(line)
                break
        producer.flush(max(0.0, until - time.monotonic()))
        if reports.error is not None or reports.delivered + len(reports.too_large) != len(lines):
            raise self._failed(reports.error)
        return set(reports.too_large)

    def _producer(self, alone: bool, until: float) -> "Producer":
        """Made when there is none, and used once it has a connection: one that is given a record first gets going half a second late."""
        from confluent_kafka import KafkaException, Producer

        if alone not in self._producers:
            try:
                self._producers[alone] = Producer(self._settings(alone))
            except SecretUnavailable as error:
                raise StorageFailed(f"{self.name}: {error}", is_space=False) from None
            except (KafkaException, ValueError, TypeError) as error:
                raise StorageFailed(f"{self.name}: librdkafka refuses sink.kafka.options ({_plain(str(error))})", is_space=False) from None
            self._connect(self._producers[alone], until)
        return self._producers[alone]

    def _connect(self, producer: "Producer", until: float) -> None:
        from confluent_kafka import KafkaException

        try:
            known = producer.list_topics(self._config.topic, timeout=max(0.0, until - time.monotonic()))
        except KafkaException as error:
            producer.poll(0)  # hands over what was heard
            raise self._failed(error.args[0]) from None
        if (fault := known.topics[self._config.topic].error) is not None and fault.name() not in PASSING:
            raise self._failed(fault)

    def _settings(self, alone: bool) -> dict[str, Any]:
        """Raises SecretUnavailable."""
        options = {key: value.read() if isinstance(value, Secret) else value for key, value in self._config.options.items()}
        timeout_ms = int(self._config.timeout * 1000)
        return {
            **PREFERRED,
            **options,
            "bootstrap.servers": self._config.bootstrap,
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": timeout_ms,
            "topic.metadata.propagation.max.ms": timeout_ms // 2,  # a topic that is not there is said so, not waited for
            "allow.auto.create.topics": False,
            "linger.ms": 5,  # gathers while we produce; the flush ends it
            "batch.size": self._batch_bytes,
            "batch.num.messages": 1 if alone else 10_000,
            "message.max.bytes": MAX_MESSAGE,
            "queue.buffering.max.messages": QUEUE_MESSAGES,
            "queue.buffering.max.kbytes": QUEUE_KIB,
            "log_level": 0,  # it would write to the terminal
            "enable.metrics.push": False,
            "error_cb": self._hear,
        }

    def _drop(self) -> None:
        """Nothing that waits in them is sent any more."""
        for producer in self._producers.values():
            producer.purge()
            producer.flush(SERVED_S)
        self._producers.clear()

    def _hear(self, error: "KafkaError") -> None:
        if error.name() not in VAGUE or not self._heard[0]:
            self._heard = (error.name(), error.str())

    def _failed(self, error: "KafkaError | None") -> StorageFailed:
        name = "_TIMED_OUT" if error is None else error.name()
        text = TEXTS.get(name) or (_plain(error.str()) if error is not None else "")
        heard, said = self._heard
        self._heard = ("", "")
        if name in SILENT and heard:
            text += f" ({_plain(said) if heard in SILENT else TEXTS.get(heard, _plain(said))})"
        return StorageFailed(f"{self.name}: {text}", is_space=False)


def _plain(text: str) -> str:
    """What librdkafka says, without what only its authors read. It prints no secrets."""
    if found := re.search(r'str="(.*)"\}', text):
        text = found[1]
    text = re.sub(r" \(after \d+ms in state \w+.*\)", "", text)
    return re.sub(r"^.*(?:failed|bootstrap|/\d+): ", "", text).strip()[:200]
