"""The blocking shell around librdkafka's handles for one cluster. Used by one thread at a time; every call returns by its own deadline.

librdkafka's figures are taken for what they are worth: an offset below 0 is no figure (a request that timed out "succeeds" with -1001),
"no entry" means that its metadata knows nothing and never that a topic was deleted, and a broker that came back is only believed
after metadata was asked on the very handle that asks for offsets. So `topics` opens every cycle, on every handle.

Nothing here creates a topic. Metadata of one topic, asked by name on an AdminClient, does where brokers create topics by themselves (that
handle counts as a producer); so a name is only ever asked for on a consumer, or with DescribeTopics.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from backends.kafka.faults import Fault, fault_of, plain_reason
from backends.source import Unavailable

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.admin._metadata import ClusterMetadata

Key = tuple[str, int]  # topic, partition

METADATA_S = 2.5  # a cluster that is gone is to be reported within an interval and 3 s
OFFSETS_S = 5.0
CHUNK = 500  # partitions in one ListOffsets call; all calls are issued before the first answer is awaited
GROUP_ID = "relay-console-reader"  # needed to make a consumer; nothing is ever joined or committed under it

LOGGER = logging.getLogger("relay-console.librdkafka")  # `options: {debug: ...}` overrides log_level 0: what it says must end somewhere
LOGGER.addHandler(logging.NullHandler())
LOGGER.propagate = False
QUIET = {"log_level": 0, "logger": LOGGER, "enable.metrics.push": False, "reconnect.backoff.max.ms": 2000}  # a line would tear the screen
READER = {
    "group.id": GROUP_ID,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # anything else jumps silently to the other end of the log
    "enable.partition.eof": True,
    "isolation.level": "read_uncommitted",  # an aborted record, too, proves that its producer lives
    "allow.auto.create.topics": False,
    "fetch.wait.max.ms": 20,
    "fetch.max.bytes": 16 << 20,
    "queued.max.messages.kbytes": 32 << 10,
}


class TopicInfo(Struct, frozen=True):
    leaders: dict[int, int | None]  # by partition
    fault: Fault | None = None


class Settings(Struct, frozen=True):
    """How to reach one cluster. `where` is the place in the configuration, for the operator."""

    title: str  # "kafka main"
    where: str  # "kafka[0]"
    bootstrap: str
    options: Mapping[str, Any]


class KafkaClient:
    """Handles are made when first used. After `Unavailable` the same object may be asked again: librdkafka reconnects by itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._admin: AdminClient | None = None
        self._consumer: Consumer | None = None
        self._committed: Consumer | None = None
        self._leaders: dict[Key, int] = {}
        self._brokers = 1
        self._reason: tuple[str, str] = ("", "")  # name and text of the last error a handle reported

    @property
    def admin(self) -> "AdminClient":
        if self._admin is None:
            from confluent_kafka.admin import AdminClient

            self._admin = self._make(AdminClient, QUIET)
        return self._admin

    @property
    def consumer(self) -> "Consumer":
        if self._consumer is None:
            from confluent_kafka import Consumer

            self._consumer = self._make(Consumer, {**QUIET, **READER})
        return self._consumer

    @property
    def committed_consumer(self) -> "Consumer":
        """Made with the first transaction that is met: it sees no record of an aborted or open one."""
        if self._committed is None:
            from confluent_kafka import Consumer

            consumer = self._make(Consumer, {**QUIET, **READER, "isolation.level": "read_committed"})
            self._metadata(lambda: consumer)
            self._committed = consumer
        return self._committed

    def topics(self, reads: bool) -> dict[str, TopicInfo]:
        """Every topic we may see. Opens a cycle; `reads` tells whether records will be read in it. Raises Unavailable."""
        self.admin.poll(0)  # hands over what the handle reported since
        self._reason = ("", "")
        known = self._metadata(lambda: self.admin)
        if reads:
            self._metadata(lambda: self.consumer)
        infos = {name: _topic(topic) for name, topic in known.topics.items()}
        self._leaders = {(name, n): leader for name, info in infos.items() for n, leader in info.leaders.items() if leader is not None}
        return infos

    def named(self, name: str) -> Fault | None:
        """What the brokers say of one topic that their list does not have; None: it is there. Raises Unavailable."""
        from confluent_kafka import KafkaException

        try:
            error = self.consumer.list_topics(name, timeout=METADATA_S).topics[name].error
        except KafkaException as failure:
            raise self.unavailable(failure) from None
        return None if error is None else fault_of(error)

    def offsets(self, latest: Iterable[Key], earliest: Iterable[Key]) -> tuple[dict[Key, int | Fault], dict[Key, int | Fault]]:
        """Log end and log start offsets, each a figure of this moment or a Fault. What fails for our old metadata is asked once more."""
        ends, starts = self._offsets(latest, earliest)
        stale = [key for key, end in ends.items() if isinstance(end, Fault) and end.is_stale]
        if stale and self._refresh():
            ends.update(self._offsets(stale, ())[0])
        return ends, starts

    def stable(self, keys: Iterable[Key]) -> dict[Key, int | Fault]:
        """Last stable offsets: where the first transaction that is not ended begins, or the log end."""
        from confluent_kafka import IsolationLevel

        return _collect(self._ask(keys, _spec().latest(), isolation_level=IsolationLevel.READ_COMMITTED), time.monotonic() + OFFSETS_S + 1)

    def _offsets(self, latest: Iterable[Key], earliest: Iterable[Key]) -> tuple[dict[Key, int | Fault], dict[Key, int | Fault]]:
        ends, starts = self._ask(latest, _spec().latest()), self._ask(earliest, _spec().earliest())
        until = time.monotonic() + OFFSETS_S + 1
        return _collect(ends, until), _collect(starts, until)

    def _refresh(self) -> bool:
        """Whether fresh metadata came. The handle that was fenced does not get it by itself."""
        with contextlib.suppress(Unavailable):
            return bool(self._metadata(lambda: self.admin))
        return False

    def unavailable(self, error: BaseException | None = None) -> Unavailable:
        """The sentence for the operator about the failure that just happened."""
        name, text = self._reason
        reason = plain_reason(text) or plain_reason(str(error or "")) or "no answer"
        title, where, bootstrap = self.settings.title, self.settings.where, self.settings.bootstrap
        if name in ("_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED"):
            return Unavailable(f"{title}: {bootstrap} refuses our login ({reason}); see {where}.options", "denied")
        return Unavailable(f"{title}: no broker answers at {bootstrap} ({reason}); is it running? see {where}.bootstrap")

    def forget_admin(self) -> None:
        """Drops the handle. A group call that was given up may abort the whole process if its answer arrives late on a living handle."""
        self._admin = None

    def close(self) -> None:
        consumers = (self._consumer, self._committed)
        self._admin = self._consumer = self._committed = None
        for consumer in consumers:
            if consumer is not None:
                consumer.close()

    def _make(self, handle: Any, ours: Mapping[str, Any]) -> Any:
        from confluent_kafka import KafkaException

        theirs = {"bootstrap.servers": self.settings.bootstrap, **self.settings.options}
        try:
            return handle({**theirs, **ours, "error_cb": self._heard})
        except (KafkaException, ValueError, TypeError) as error:
            reason = plain_reason(str(error))
            raise Unavailable(f"{self.settings.title}: librdkafka refuses {self.settings.where}.options ({reason})") from None

    def _heard(self, error: "KafkaError") -> None:
        """Kept for the operator: "all brokers are down" says less than what came before it."""
        if error.name() != "_ALL_BROKERS_DOWN" or not self._reason[1]:
            self._reason = (error.name(), error.str())

    def _metadata(self, handle_of: Callable[[], Any]) -> "ClusterMetadata":
        """Asked twice when the first broker stayed silent and another one may answer: on new handles, for librdkafka prefers the broker
        that it asked last, and a hung one is never connected to anew."""
        from confluent_kafka import KafkaException

        for attempt in (1, 2):
            handle = handle_of()
            try:
                known: ClusterMetadata = handle.list_topics(timeout=METADATA_S)
                self._brokers = len(known.brokers)
                return known
            except KafkaException as error:
                handle.poll(0)
                if attempt == 2 or error.args[0].name() != "_TIMED_OUT" or self._brokers == 1:
                    raise self.unavailable(error) from None
                self.close()
        raise AssertionError("unreachable")

    def _ask(self, keys: Iterable[Key], spec: Any, **options: Any) -> dict[Key, "Future[Any]"]:
        """Sorted by leader: a call whose partitions are all of one broker is one request."""
        from confluent_kafka import TopicPartition

        wanted, asked = sorted(keys, key=lambda key: self._leaders.get(key, -1)), {}
        for at in range(0, len(wanted), CHUNK):
            request = {TopicPartition(*key): spec for key in wanted[at : at + CHUNK]}
            for place, answer in self.admin.list_offsets(request, request_timeout=OFFSETS_S, **options).items():
                asked[place.topic, place.partition] = answer
        return asked


def _spec() -> Any:
    from confluent_kafka.admin._listoffsets import OffsetSpec

    return OffsetSpec


def _collect(asked: Mapping[Key, "Future[Any]"], until: float) -> dict[Key, int | Fault]:
    return {key: _offset(answer, until) for key, answer in asked.items()}


def _offset(answer: "Future[Any]", until: float) -> int | Fault:
    from confluent_kafka import KafkaException

    try:
        offset = int(answer.result(timeout=max(0.0, until - time.monotonic())).offset)
    except KafkaException as error:
        return fault_of(error.args[0])
    except FutureTimeout:
        return Fault("silent", "the broker does not answer")
    return offset if offset >= 0 else Fault("silent", "the broker does not answer")


def _topic(topic: Any) -> TopicInfo:
    leaders = {number: known.leader if known.leader >= 0 else None for number, known in topic.partitions.items()}
    return TopicInfo(leaders, fault_of(topic.error) if topic.error is not None else None)
