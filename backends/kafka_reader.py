"""One cluster's topics, reading by reading: what is remembered between two cycles, and what a cycle asks for. Blocking; used by one thread.

A cycle asks for the log end of every partition, and reads only records of partitions whose end moved. What it cannot reach keeps its last
reading with its true time; a log end that went back is another log, and everything remembered of it is dropped.
"""

import time
from collections.abc import Callable, Mapping
from datetime import tzinfo

from backends.kafka_client import Fault, KafkaClient, Key, Settings, TopicInfo
from backends.kafka_config import Cluster, Limit, matcher
from backends.kafka_fetch import MAX_BYTES, Moved, Outcome, Record, Span, newest
from backends.kafka_freshness import Part, Reading, assess
from backends.kafka_payload import Layout, read_payload
from backends.rates import Throughput
from backends.snapshots import Topic, Topics

FETCH_S = 6.0
MAX_PARTITIONS = 5_000  # read in one cycle; the others keep their place in the queue
EARLIEST_EVERY = 10  # cycles: log starts move only with retention
WILDCARDS = frozenset("*?[")

Answer = int | Fault
NOT_THERE = Fault("unknown", "there is no such topic, or we may not see it; create it or grant Describe")


class TopicsReader:
    """`read` is one cycle."""

    def __init__(self, client: KafkaClient, cluster: Cluster, zone: tzinfo) -> None:
        self._client, self._cluster = client, cluster
        payload = cluster.payload
        self._layout = Layout(payload.delimiter, payload.loaded, payload.sent, payload.time, zone)
        self._includes, self._excludes = matcher(cluster.topics.include), matcher(cluster.topics.exclude)
        self._limits = [(matcher([limit.topic]), limit) for limit in cluster.limits]
        self._cycle = 0
        self._starts: dict[Key, int] = {}
        self._readings: dict[Key, Reading] = {}
        self._silent: set[Key] = set()
        self._throughput: dict[str, Throughput] = {}

    def read(self, now: float) -> Topics:
        """Raises Unavailable when no broker answers. Ages are counted from `now`."""
        began = time.monotonic()
        topics = self._watched(self._client.topics(reads=True))
        led = [(name, number) for name, info in topics.items() for number, leader in info.leaders.items() if leader is not None]
        ends = self._ask(led)
        asked_at = time.monotonic()
        if led and all(isinstance(end, Fault) and end.kind != "denied" for end in ends.values()):
            raise self._client.unavailable()
        self._forget(ends)
        faults = self._fetch(self._moved(ends), lambda: now + time.monotonic() - began)
        assessed = tuple(self._topic(name, info, ends, faults, asked_at, now) for name, info in sorted(topics.items()))
        return Topics(assessed, cluster=self._client.settings.bootstrap)

    @property
    def settings(self) -> Settings:
        return self._client.settings

    def use(self, client: KafkaClient) -> None:
        """The same cluster at other addresses."""
        self._client.close()
        self._client = client

    def close(self) -> None:
        self._client.close()

    def _watched(self, known: Mapping[str, TopicInfo]) -> dict[str, TopicInfo]:
        """Topics of the filter; one that is named outright and missing is shown as missing."""
        named = [name for name in self._cluster.topics.include if not WILDCARDS & set(name)]
        missing = {name: TopicInfo({}, NOT_THERE) for name in named if name not in known}
        return {name: info for name, info in {**missing, **known}.items() if self._includes(name) and not self._excludes(name)}

    def _ask(self, led: list[Key]) -> dict[Key, Answer]:
        every = self._cycle % EARLIEST_EVERY == 0
        self._cycle += 1
        ends, starts = self._client.offsets(led, led if every else [key for key in led if key not in self._starts])
        self._learn(starts)
        return ends

    def _learn(self, starts: Mapping[Key, Answer]) -> None:
        self._starts.update((key, start) for key, start in starts.items() if isinstance(start, int))

    def _forget(self, ends: Mapping[Key, Answer]) -> None:
        """What belongs to another log than today's, and what is gone. The start of a log that is new to us is asked for at once."""
        for key, end in ends.items():
            reading, start = self._readings.get(key), self._starts.get(key, 0)
            if isinstance(end, int) and (end < start or (reading is not None and end < reading.end)):
                self._readings.pop(key, None)
                self._starts.pop(key, None)
            elif reading is not None and reading.offset is not None and reading.offset < start:
                del self._readings[key]  # past its retention
        topics = {name for name, _ in ends}
        for remembered in (self._readings, self._starts):
            for key in [key for key in remembered if key[0] not in topics]:
                del remembered[key]
        if unknown := [key for key, end in ends.items() if isinstance(end, int) and key not in self._starts]:
            self._learn(self._client.offsets((), unknown)[1])

    def _moved(self, ends: Mapping[Key, Answer]) -> dict[Key, Span]:
        """Partitions with an unread newest record: the longest unread first, those that did not answer last time at the end."""
        spans = {}
        for key, end in ends.items():
            reading, start = self._readings.get(key), self._starts.get(key, 0)
            if isinstance(end, int) and end > start and (reading is None or reading.end != end):
                spans[key] = Span(start, end)
        order = sorted(spans, key=lambda key: (key in self._silent, self._readings[key].read_at if key in self._readings else 0.0))
        return {key: spans[key] for key in order[:MAX_PARTITIONS]}

    def _fetch(self, wanted: Mapping[Key, Span], clock: Callable[[], float]) -> dict[Key, Fault]:
        faults = {}
        if wanted:
            for key, outcome in newest(self._client.consumer, wanted, time.monotonic() + FETCH_S, MAX_BYTES):
                if isinstance(outcome, Fault):
                    faults[key] = outcome
                elif isinstance(outcome, Moved):
                    self._readings.pop(key, None)
                else:
                    self._readings[key] = self._reading(outcome, wanted[key].end, clock())
        self._silent = {key for key, fault in faults.items() if fault.kind == "silent"}
        return faults

    def _reading(self, outcome: Outcome, end: int, at: float) -> Reading:
        if not isinstance(outcome, Record):
            return Reading(end, at, "no record", reason="no readable record near the log end (transaction markers only)")
        payload = read_payload(outcome.value, self._layout, at)
        times = (outcome.at, payload.loaded_at, payload.sent_at)
        return Reading(max(end, outcome.offset + 1), at, payload.state, outcome.offset, *times, payload.sample, payload.reason)

    def _topic(self, name: str, info: TopicInfo, ends: Mapping[Key, Answer], faults: Mapping[Key, Fault], at: float, now: float) -> Topic:
        parts = [self._part((name, number), leader, ends, faults) for number, leader in sorted(info.leaders.items())]
        flow = self._throughput.setdefault(name, Throughput())
        rate = flow.feed(at, {part.partition: part.end for part in parts})
        return assess(name, parts, info.fault, rate, self._limit(name), now)

    def _part(self, key: Key, leader: int | None, ends: Mapping[Key, Answer], faults: Mapping[Key, Fault]) -> Part:
        end, reading = ends.get(key, Fault("leaderless", "no leader")), self._readings.get(key)
        if isinstance(end, Fault):
            return Part(key[1], leader, self._starts.get(key), None, reading, end)
        return Part(key[1], leader, self._starts.get(key), end, reading, faults.get(key))

    def _limit(self, name: str) -> Limit | None:
        return next((limit for fits, limit in self._limits if fits(name)), None)
