"""One cluster's topics, reading by reading: what a cycle asks for. Blocking; used by one thread. What is remembered is in memory.

A cycle asks for the log end of every partition, and reads only records of partitions whose end moved, as far as the budget goes. What it
cannot reach keeps its last reading with its true time.
"""

import time
from collections.abc import Callable, Mapping
from datetime import tzinfo

from msgspec.structs import replace

from backends.kafka.client import KafkaClient, Key, Settings, TopicInfo
from backends.kafka.config import Cluster, Limit, matcher, named
from backends.kafka.faults import Fault, is_missing
from backends.kafka.fetch import Moved, NoRecord, Record, Span, newest
from backends.kafka.forms import Sample
from backends.kafka.freshness import Known, Part, assess
from backends.kafka.freshness import Reading as Newest
from backends.kafka.ids import TopicIds
from backends.kafka.memory import Answer, Memory
from backends.kafka.plan import plan
from backends.kafka.roster import News, Roster, bounded
from backends.kafka.transactions import Transactions
from backends.kafka.zones import zone_of
from backends.snapshots import Reading, Topic, Topics
from backends.source import Unavailable

FETCH_S = 6.0
EARLIEST_EVERY = 10  # cycles: log starts move only with retention
PENDING = 16 << 20  # bytes of values that wait until the form of their topic is known

NO_LEADER = Fault("leaderless", "no leader")


class TopicsReader:
    """`read` is one cycle. `zone` is that of `cluster.payload`."""

    def __init__(self, client: KafkaClient, cluster: Cluster, zone: tzinfo) -> None:
        self._client, self._cluster = client, cluster
        self._includes, self._excludes = matcher(cluster.topics.include), matcher(cluster.topics.exclude)
        self._limits = [(matcher([limit.topic]), limit) for limit in cluster.limits]
        self._cycle = 0
        self._memory = Memory(cluster, zone, zone_of)
        self._roster = Roster(name for name in named(cluster.topics.include) if not self._excludes(name))
        self._ids = TopicIds()
        self._transactions = Transactions()
        self._news: list[News] = []

    def read(self, now: float) -> Topics:
        """Raises Unavailable when no broker answers. It begins `now`; ages are those at its end."""
        began = time.monotonic()
        topics = self._watched(self._client.topics(reads=True), now)
        self._ids.ask(self._client.admin, topics)
        led = [(name, number) for name, info in topics.items() for number, leader in info.leaders.items() if leader is not None]
        ends = self._ask(led)
        asked_at = time.monotonic()
        if led and all(isinstance(end, Fault) and end.kind != "denied" and not is_missing(end) for end in ends.values()):
            raise self._client.unavailable()
        self._forget(ends, topics)
        cycle = _Cycle(self._client, self._memory, self._transactions, lambda: now + time.monotonic() - began)
        cycle.fetch(self._memory.moved(ends), self._cluster)
        ends.update(self._recreated(ends))
        shown = {**topics, **self._roster.rows()}
        read_at = now + time.monotonic() - began  # a record that was written meanwhile is not from the future
        assessed = tuple(self._topic(name, info, ends, cycle, asked_at, read_at) for name, info in sorted(shown.items()))
        partitions = sum(topic.partitions for topic in assessed)
        return Topics(assessed, self._client.settings.bootstrap, cycle.report(time.monotonic() - began, partitions))

    def take_news(self) -> list[News]:
        """Events since it was asked last."""
        news, self._news = self._news, []
        return bounded(news)

    @property
    def settings(self) -> Settings:
        return self._client.settings

    def use(self, client: KafkaClient) -> None:
        """The same cluster at other addresses."""
        self._client.close()
        self._client = client

    def close(self) -> None:
        self._client.close()

    def _watched(self, known: Mapping[str, TopicInfo], now: float) -> dict[str, TopicInfo]:
        """Topics of the filter that are there; what came, went or was denied since is told."""
        watched = {name: info for name, info in known.items() if self._includes(name) and not self._excludes(name)}
        self._news += self._roster.meet(watched, now)
        for name in self._roster.doubtful():
            try:
                news = self._roster.told(name, self._client.named(name), now)
            except Unavailable:
                break  # it is asked for again in the next cycle
            self._news += [news] if news is not None else []
        return watched

    def _ask(self, led: list[Key]) -> dict[Key, Answer]:
        every = self._cycle % EARLIEST_EVERY == 0
        self._cycle += 1
        ends, starts = self._client.offsets(led, led if every else [key for key in led if key not in self._memory.starts])
        self._memory.learn(starts)
        if every:
            self._transactions.look(self._client, {key: end for key, end in ends.items() if isinstance(end, int)})
        return ends

    def _forget(self, ends: Mapping[Key, Answer], topics: Mapping[str, TopicInfo]) -> None:
        """What belongs to another log than today's, and what is gone. The start of a log that is new to us is asked for at once."""
        self._news += (news := self._memory.went_back(ends))
        self._transactions.forget(each.topic for each in news)
        for each in news:
            self._ids.known.pop(each.topic, None)  # what its id says would be told a second time
        self._memory.forget_expired()
        there = {(name, number) for name, info in {**topics, **self._roster.rows()}.items() for number in info.leaders}
        self._memory.keep(there)  # those without a leader, too
        self._ids.keep({name for name, _ in there})
        if unknown := [key for key, end in ends.items() if isinstance(end, int) and key not in self._memory.starts]:
            self._memory.learn(self._client.offsets((), unknown)[1])

    def _recreated(self, ends: Mapping[Key, Answer]) -> dict[Key, Answer]:
        """The log ends of topics that are others than before by their ids; they are read in the next cycle."""
        changed = self._ids.changed()
        self._news += [News("warning", "recreated", name, f"topic {name} was deleted and recreated") for name in sorted(changed)]
        self._memory.forget_topics(changed)
        self._transactions.forget(changed)
        keys = [key for key in ends if key[0] in changed]
        if not keys:
            return {}
        now_ends, starts = self._client.offsets(keys, keys)
        self._memory.learn(starts)
        return now_ends

    def _topic(self, name: str, info: TopicInfo, ends: Mapping[Key, Answer], cycle: "_Cycle", at: float, now: float) -> Topic:
        parts = [self._part((name, number), leader, info.fault, ends, cycle) for number, leader in sorted(info.leaders.items())]
        rate = self._memory.flow(name).feed(at, {part.partition: part.end for part in parts})
        form = self._memory.form(name)
        known = Known(rate, self._limit(name), form.form(), self._ids.known.get(name), form.note)
        return assess(name, parts, info.fault, known, now)

    def _part(self, key: Key, leader: int | None, fault: Fault | None, ends: Mapping[Key, Answer], cycle: "_Cycle") -> Part:
        end, reading, start = ends.get(key, fault or NO_LEADER), self._memory.readings.get(key), self._memory.starts.get(key)
        if isinstance(end, Fault):
            return Part(key[1], leader, start, None, reading, end)
        return Part(key[1], leader, start, end, reading, cycle.faults.get(key), key in cycle.left)

    def _limit(self, name: str) -> Limit | None:
        return next((limit for fits, limit in self._limits if fits(name)), None)


class _Cycle:
    """The newest records of one cycle. `clock` tells epoch seconds."""

    def __init__(self, client: KafkaClient, memory: Memory, transactions: Transactions, clock: Callable[[], float]) -> None:
        self._client, self._memory, self._transactions, self._clock = client, memory, transactions, clock
        self._moved: Mapping[Key, Span] = {}
        self._pending: dict[str, list[tuple[Key, Record]]] = {}
        self._pending_bytes = self._taken = 0
        self._read: set[Key] = set()
        self.faults: dict[Key, Fault] = {}
        self.left: set[Key] = set()  # for want of time or budget

    def fetch(self, moved: Mapping[Key, Span], cluster: Cluster) -> None:
        self._moved = moved
        planned = plan(moved, self._memory.readings, self._memory.silent, cluster.budget)
        if planned.spans:
            for key, outcome in newest(self._client.consumer, planned.spans, time.monotonic() + FETCH_S, planned.room):
                if isinstance(outcome, Record):
                    self._take(key, outcome)
                elif isinstance(outcome, NoRecord):
                    self._keep(key, self._no_record(moved[key], outcome))
                elif isinstance(outcome, Moved):
                    self._memory.forget_partition(key)
                else:
                    self.faults[key] = outcome
            self._settle()
            self._judge()
        self.left = set(moved) - self._read - self.faults.keys()
        self._memory.silent = {key for key, fault in self.faults.items() if fault.kind == "silent"}

    def report(self, took_s: float, partitions: int) -> Reading:
        unread = self.left | self.faults.keys()
        known = [self._memory.readings[key].read_at for key in unread if key in self._memory.readings]
        oldest = min(known, default=None)
        return Reading(took_s, partitions, len(self._moved), len(self._read), len(unread), self._taken, oldest)

    def _take(self, key: Key, record: Record) -> None:
        """A value whose topic has no form yet waits for the others of its topic."""
        self._taken += record.taken
        form = self._memory.form(key[0])
        if record.value is None or form.is_decided:
            return self._keep(key, self._reading(key, record))
        self._pending.setdefault(key[0], []).append((key, record))
        self._pending_bytes += len(record.value)
        if self._pending_bytes > PENDING:
            self._settle()

    def _settle(self) -> None:
        pending, self._pending, self._pending_bytes = self._pending, {}, 0
        for topic, waiting in pending.items():
            samples = [Sample(record.value, record.at) for _, record in waiting if record.value is not None]
            self._memory.form(topic).decide(samples, self._clock())
            for key, record in waiting:
                self._keep(key, self._reading(key, record))

    def _keep(self, key: Key, reading: Newest) -> None:
        self._memory.readings[key] = reading
        self._read.add(key)

    def _reading(self, key: Key, record: Record) -> Newest:
        at = self._clock()
        payload = self._memory.form(key[0]).read(record.value, record.at, at)
        return Newest(
            end=max(self._moved[key].end, record.offset + 1),
            read_at=at,
            state=payload.state,
            offset=record.offset,
            record_at=record.at,
            loaded_at=payload.loaded_at,
            sent_at=payload.sent_at,
            sample=payload.sample,
            reason=payload.reason,
            record_time=record.time_kind,
            value_bytes=record.value_bytes,
            taken=record.taken,
            is_missed=payload.is_missed,
        )

    def _no_record(self, span: Span, outcome: NoRecord) -> Newest:
        where = "from its start on" if outcome.looked >= span.end - span.start else f"in its last {outcome.looked:,} offsets"
        return Newest(span.end, self._clock(), "markers", reason=f"no record {where}: transaction markers, or compaction")

    def _judge(self) -> None:
        """Whether the newest records count, where there are transactions."""
        readings, suspects = self._memory.readings, self._transactions.suspects
        offsets = {key: readings[key].offset for key in self._read if key in readings}
        asked = {key: at for key, at in offsets.items() if at is not None and (at < self._moved[key].end - 1 or key in suspects)}
        try:
            fates = self._transactions.fates(self._client, asked)
        except Unavailable:
            return  # they are judged when their log moves again
        for key, fate in fates.items():
            suspects.add(key)
            readings[key] = replace(readings[key], fate=fate)
