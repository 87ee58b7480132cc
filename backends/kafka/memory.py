"""What is remembered of a cluster's partitions between two cycles, and when it no longer holds. No I/O; times are arguments.

A log whose end went back, or whose topic has another id, is another log: everything remembered of that topic is dropped.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo

from backends.kafka.client import Key
from backends.kafka.config import Cluster, Payload, TopicPayload, matcher
from backends.kafka.detect import Wanted
from backends.kafka.faults import Fault
from backends.kafka.fetch import Span
from backends.kafka.forms import TopicForm, wanted_of
from backends.kafka.freshness import Reading
from backends.kafka.roster import News
from backends.rates import Throughput

Answer = int | Fault
Zones = Callable[[str], tzinfo]


class Memory:
    def __init__(self, cluster: Cluster, zone: tzinfo, zones: Zones) -> None:
        self.starts: dict[Key, int] = {}
        self.readings: dict[Key, Reading] = {}
        self.silent: set[Key] = set()  # whose newest record did not come in time
        self._forms: dict[str, TopicForm] = {}
        self._flows: dict[str, Throughput] = {}
        own = [(matcher([each.topic]), _form_of(each, zones(each.timezone))) for each in cluster.payloads]
        self._payloads = [*own, (matcher(["*"]), _form_of(cluster.payload, zone))]

    def learn(self, starts: Mapping[Key, Answer]) -> None:
        self.starts.update((key, start) for key, start in starts.items() if isinstance(start, int))

    def form(self, topic: str) -> TopicForm:
        if topic not in self._forms:
            make = next(make for fits, make in self._payloads if fits(topic))
            self._forms[topic] = make()
        return self._forms[topic]

    def flow(self, topic: str) -> Throughput:
        return self._flows.setdefault(topic, Throughput())

    def went_back(self, ends: Mapping[Key, Answer]) -> list[News]:
        """Drops the topics whose logs are others than those we read; one event a topic."""
        found: dict[str, News] = {}
        for (topic, partition), end in ends.items():
            reading, start = self.readings.get((topic, partition)), self.starts.get((topic, partition), 0)
            before = max(start, reading.end if reading is not None else 0)
            if isinstance(end, int) and end < before and topic not in found:
                text = f"the log end of {topic}, partition {partition}, went back from {before:,} to {end:,}: truncated, or recreated"
                found[topic] = News("warning", "went back", topic, text)
        self.forget_topics(found)
        return list(found.values())

    def forget_expired(self) -> None:
        """Records that are past their retention."""
        for key, reading in list(self.readings.items()):
            if reading.offset is not None and reading.offset < self.starts.get(key, 0):
                del self.readings[key]

    def keep(self, keys: Iterable[Key]) -> None:
        """Forgets all other partitions."""
        there = set(keys)
        topics = {topic for topic, _ in there}
        self.starts = {key: start for key, start in self.starts.items() if key in there}
        self.readings = {key: reading for key, reading in self.readings.items() if key in there}
        self._forms = {topic: form for topic, form in self._forms.items() if topic in topics}
        self._flows = {topic: flow for topic, flow in self._flows.items() if topic in topics}

    def forget_partition(self, key: Key) -> None:
        self.starts.pop(key, None)
        self.readings.pop(key, None)

    def forget_topics(self, topics: Iterable[str]) -> None:
        gone = set(topics)
        if gone:
            self.starts = {key: start for key, start in self.starts.items() if key[0] not in gone}
            self.readings = {key: reading for key, reading in self.readings.items() if key[0] not in gone}
        for topic in gone:
            self._forms.pop(topic, None)
            self._flows.pop(topic, None)

    def moved(self, ends: Mapping[Key, Answer]) -> dict[Key, Span]:
        """Partitions whose newest record is not read yet."""
        spans = {}
        for key, end in ends.items():
            reading, start = self.readings.get(key), self.starts.get(key, 0)
            if isinstance(end, int) and end > start and (reading is None or reading.end != end):
                spans[key] = Span(start, end)
        return spans


def _form_of(payload: Payload | TopicPayload, zone: tzinfo) -> Callable[[], TopicForm]:
    wanted: Wanted | None = wanted_of(payload, zone)
    return lambda: TopicForm(wanted, payload.timezone)
