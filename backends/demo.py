"""A scripted incident, seen by every pane: what `--demo` shows instead of a platform. No network, no Java, nothing configured.

Everything is a pure function of the seconds since the start (and of what the operator did), so a demonstration, a test and a picture of
the same moment show the same numbers. One round takes `ROUND` seconds: the link to a partner breaks, its outbox fills, dead letters
gather, a topic goes stale, a consumer stalls, a broker is away, an agent's old generation fills up, and all of it recovers.
"""

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from backends.snapshots import (
    Broker,
    Consumer,
    ConsumerPartition,
    Data,
    Heap,
    HeapFile,
    HeapVerdict,
    Kind,
    Occupancy,
    Offsets,
    Queue,
    Queues,
    QueueVerdict,
    Relay,
    Topic,
    TopicPartition,
    Topics,
    TopicState,
    Verdict,
)
from backends.source import Answer, Source, Unasked, Unavailable
from relay.status import ConnectionStatus, FailedFile, ReceiverStatus, RefusedLine, SenderStatus

ROUND = 300.0  # seconds of one incident, its recovery included
SEED = 20261122
MIB = 1024  # KiB

# When each part of the incident begins and ends, in seconds of the round.
PARTNER_DOWN = (25.0, 205.0)
DEAD_LETTERS = (55.0, 240.0)
TOPIC_STALE = (85.0, 215.0)
CONSUMER_STALLED = (110.0, 225.0)
AGENT_FILLS = (120.0, 230.0)
BROKER_AWAY = (160.0, 200.0)


def noise(name: str, step: int) -> float:
    """0 to 1, the same for the same name and step."""
    return random.Random(f"{SEED}/{name}/{step}").random()


def within(span: tuple[float, float], at: float) -> float | None:
    """Seconds since that part of the incident began, None outside it."""
    phase = at % ROUND
    return phase - span[0] if span[0] <= phase < span[1] else None


def lost(span: tuple[float, float], at: float) -> float:
    """Seconds that this part has taken altogether since the start, over all rounds."""
    rounds, phase = divmod(at, ROUND)
    return rounds * (span[1] - span[0]) + min(max(0.0, phase - span[0]), span[1] - span[0])


def wave(name: str, at: float, mean: float, swing: float = 0.15) -> float:
    """A rate that breathes slowly and trembles a little."""
    slow = math.sin(at / 17 + noise(name, 0) * 6.28)
    return max(0.0, mean * (1 + swing * slow + swing * (noise(name, int(at)) - 0.5)))


class Deeds:
    """What the operator did to the demonstration."""

    def __init__(self) -> None:
        self.paused: set[str] = set()
        self.resent: set[str] = set()
        self.cut: set[int] = set()

    def act(self, verb: str, arguments: Mapping[str, Any]) -> Answer:
        name = str(arguments.get("name", ""))
        if verb in ("pause", "drain") and name:
            self.paused.add(name)
            return Answer(True, f"{name} is {'drained and ' if verb == 'drain' else ''}paused (demonstration)")
        if verb == "resume":
            self.paused.discard(name)
            return Answer(True, f"{name} goes on (demonstration)")
        if verb == "resend":
            file = arguments.get("file")
            self.resent.update([str(file)] if file else FAILED_NAMES)
            return Answer(True, f"{file or 'every failed file'} is in the outbox again (demonstration)")
        if verb == "disconnect":
            self.cut.add(int(arguments.get("id", 0)))
            return Answer(True, "disconnected (demonstration)")
        return Answer(False, f"the demonstration knows no {verb!r}")


# -- relay ----------------------------------------------------------------------------------------------------------------------------

FAILED_NAMES = tuple(f"20261122-03{minute:02}-{what}.req" for minute, what in enumerate(("orders", "orders", "clicks", "refunds") * 3))


def relay(at: float, now: float, deeds: Deeds) -> Relay:
    down = within(PARTNER_DOWN, at)
    spool = 0 if down is None else int(down * 3.2)
    failed = 0 if down is None else min(len(FAILED_NAMES), int(down / 12))
    files = tuple(_failed(name, now) for name in FAILED_NAMES[:failed] if name not in deeds.resent)
    receivers = (_receiver("partner-a", 9400, 1240.0, 3, at, now, deeds), _receiver("seoul-gw", 9410, 311.0, 2, at, now, deeds))
    senders = (_sender("partner-a", 0, None, (), at, now, deeds), _sender("busan-gw", spool, down, files, at, now, deeds))
    connections = tuple(connection for connection in _connections(at, now, down) if connection.id not in deeds.cut)
    return Relay(
        receivers=receivers,
        senders=senders,
        connections=connections,
        connections_total=len(connections),
        commit_p99_ms=round(wave("commit", at, 3.1), 1),
        disk_free_bytes=int(412e9 - 2e6 * at),
        failed_files=files,
        directory="~/.local/state/relay-console/relay",
        pid=4242,
        started_at=now - at - 3 * 86400,
        embedded=True,
    )


def _receiver(name: str, port: int, a_minute: float, connections: int, at: float, now: float, deeds: Deeds) -> ReceiverStatus:
    paused = name in deeds.paused
    return ReceiverStatus(
        name=name,
        listen=f"0.0.0.0:{port}",
        state="paused" if paused else "listening",
        connections=0 if paused else connections,
        stored=int(1_804_220 + a_minute / 60 * at),
        duplicates=int(41 + at / 40),
        refused={"401": 3 + int(at / 90), "413": 1} if name == "seoul-gw" else {},
        bytes=int(2.1e8 + a_minute * 2 * at),
        records_per_min=0.0 if paused else round(wave(name, at, a_minute)),
        last_record_at=now - (noise(name, int(at)) * 1.5),
        inbox=f"inbox/{name}",
        quarantined=4 + int(at / 90) if name == "seoul-gw" else 0,
        newest_refused=_refused(at, now) if name == "seoul-gw" else (),
        commit_p50_ms=round(wave("commit50", at, 0.9), 1),
        commit_p99_ms=round(wave("commit", at, 3.1), 1),
        commit_records=round(wave(f"batch {name}", at, 2.4), 1),
        last_commit_at=now - noise(name, int(at)),
    )


def _refused(at: float, now: float) -> tuple[RefusedLine, ...]:
    """One more every 90 s: a partner that forgets a column."""
    line = "0117|REQ|{:09}|20261122{:06}|A01|B07|ORDER|payload without its sequence"
    found = [
        RefusedLine(
            now - at % 90 - 90 * back, "10.30.0.9:40238", 401, "8 columns instead of 9", line.format(int(at / 90) + 41 - back, 30_000)
        )
        for back in range(3)
    ]
    return (
        *found,
        RefusedLine(now - at - 400, "10.30.0.9:40245", 413, "longer than 4096 bytes", "4207|REQ|000000040|20261122025851|A01|B07|…"),
    )


def _sender(name: str, spool: int, down: float | None, files: tuple[FailedFile, ...], at: float, now: float, deeds: Deeds) -> SenderStatus:
    away = down is not None
    trouble = "probing" if (down or 0) > 8 else "backing_off"
    state = "paused" if name in deeds.paused else trouble if away else "sending"
    return SenderStatus(
        name=name,
        connect="10.20.0.7:9401" if name == "busan-gw" else "10.10.0.4:9401",
        state=state,
        waiting=spool if away else int(noise(name, int(at)) * 3),
        oldest_waiting_s=down if away else noise(name, int(at)),
        in_flight=1 if away else int(1 + noise(name, int(at) + 7) * 3),
        sent=int(90_000 + 5 * (at - (lost(PARTNER_DOWN, at) if name == "busan-gw" else 0))),
        failed=len(files),
        retries=int(12 + (down or 0) / 5),
        last_error=f"connect to 10.20.0.7:9401: connection refused, {int((down or 0) / 5) + 3} tries" if away else None,
        next_try_at=now + 10 - at % 10 if away else None,
        last_sent_at=now - (down or 0.4),
        sent_per_min=0.0 if away else round(wave(name, at, 300)),
        outbox=f"outbox/{name}",
    )


def _failed(name: str, now: float) -> FailedFile:
    code = 401 if "refunds" in name else None
    error = "401: 8 columns, 9 wanted" if code else "connection refused"
    return FailedFile(sender="busan-gw", file=name, tries=1 if code else 3, last_code=code, last_error=error, last_try_at=now - 40)


PEERS = (("partner-a", "10.10.0.4", 3), ("seoul-gw", "10.30.0.9", 2))


def _connections(at: float, now: float, down: float | None) -> list[ConnectionStatus]:
    found: list[ConnectionStatus] = []
    for name, address, count in PEERS:
        for index in range(count):
            number = len(found) + 1
            age = 900 + at + 331 * index
            done = int(age * 6)
            naks = {"401": 3 + int(at / 90)} if (name, index) == ("seoul-gw", 0) else {}
            found.append(
                _connection(
                    number, name, "in", f"{address}:{40210 + 7 * number}", "open", now - age, done, naks, now - noise(name, int(at) + index)
                )
            )
    found.append(_connection(6, "partner-a", "out", "10.10.0.4:9401", "open", now - 5000 - at, 25_000 + int(at * 5), {}, now - 0.3))
    if down is None:
        found.append(_connection(7, "busan-gw", "out", "10.20.0.7:9401", "open", now - at % ROUND, int(at % ROUND * 5), {}, now - 0.5))
    return found


def _connection(
    number: int, name: str, direction: str, peer: str, state: str, since: float, records: int, naks: dict[str, int], last: float
) -> ConnectionStatus:
    return ConnectionStatus(
        id=number,
        name=name,
        direction=direction,
        peer=peer,
        since=since,
        state=state,
        records=records,
        bytes=records * 117,
        acks=records - sum(naks.values()),
        naks=naks,
        last_record_at=last,
        last_error="401: 8 columns, 9 wanted" if naks else None,
    )


# -- topics ---------------------------------------------------------------------------------------------------------------------------

TOPICS = (
    *((name, 12, 1200.0) for name in ("orders.confirmed", "orders.created", "orders.cancelled", "payments.settled", "payments.failed")),
    *((f"userTopic_{region}", 6, 340.0) for region in ("seoul", "busan", "incheon", "daegu", "daejeon", "gwangju", "ulsan", "jeju")),
    *((name, 4, 52.0) for name in ("clicks", "search.queries", "inventory.delta", "shipping.events", "주문.확정", "알림.발송")),
)
STALE_TOPIC = "orders.confirmed"
WARN_AFTER, CRIT_AFTER = 30.0, 60.0


def topics(at: float, now: float) -> Topics:
    made = [_topic(name, partitions, rate, at, now) for name, partitions, rate in TOPICS]
    made.append(Topic("audit.raw", 3, "empty", 0.0, None, None, None, None, None, "no records between its start and end offsets"))
    made.append(Topic("legacy.blob", 1, "unparsable", 0.2, None, None, 31.0, None, 0, "column 5 is no time: '\x1b[2J\\x00'"))
    return Topics(topics=tuple(made), cluster="kafka-1:9092, 3 brokers")


def _topic(name: str, partitions: int, rate: float, at: float, now: float) -> Topic:
    stale = within(TOPIC_STALE, at) if name == STALE_TOPIC else None
    age = stale if stale is not None else round(0.3 + 2.5 * noise(name, int(at)), 1)
    state: TopicState = "crit" if age > CRIT_AFTER else "warn" if age > WARN_AFTER else "ok"
    delay = round(0.2 + noise(name, 3), 1)
    reason = None if state == "ok" else f"no record since {age:.0f}s (limit {CRIT_AFTER if state == 'crit' else WARN_AFTER:.0f}s)"
    worst = int(noise(name, 5) * partitions)
    end = int(7_000_000 * noise(name, 1) + rate / partitions * (at - (lost(TOPIC_STALE, at) if name == STALE_TOPIC else 0)))
    detail = tuple(_topic_partition(index, worst, end, age, delay, now) for index in range(partitions))
    speed = 0.0 if stale is not None else round(wave(name, at, rate), 1)
    return Topic(name, partitions, state, speed, age, age + delay, age + delay / 2, delay, worst, reason, detail)


def _topic_partition(index: int, worst: int, end: int, age: float, delay: float, now: float) -> TopicPartition:
    old = age if index == worst else age / 2
    sample = f"0117|REQ|{9_000_000 + index:09}|seoul-gw|{now - old:.0f}|{now - old - delay:.0f}|KR-20261122-{index:04}|배송 전 연락"
    return TopicPartition(
        index, max(0, end - 400_000), end + index, index % 3 + 1, now - old, now - old - delay, now - old, "ok", sample, now
    )


# -- offsets --------------------------------------------------------------------------------------------------------------------------


def nodes(at: float, now: float) -> Offsets:
    return Offsets(
        tuple(_consumer(f"app{app}-node-{node}", "csv", None, 16, 5200.0 * app, at, now) for app in (1, 2) for node in (1, 2, 3))
    )


GROUPS = (("billing-sink", STALE_TOPIC, 64_000.0), ("search-index", "search.queries", 3_100.0), ("warehouse", "inventory.delta", 2_900.0))
STALLED_GROUP = "billing-sink"


def groups(at: float, now: float) -> Offsets:
    return Offsets(tuple(_consumer(name, "group", topic, 12 if topic == STALE_TOPIC else 4, rate, at, now) for name, topic, rate in GROUPS))


def _consumer(name: str, layout: Any, topic: str | None, partitions: int, rate: float, at: float, now: float) -> Consumer:
    stalled = within(CONSUMER_STALLED, at) if name == STALLED_GROUP else None
    lag = None if topic is None else int(stalled * 310) if stalled is not None else int(wave(name, at, rate / 900))
    speed = 0.0 if stalled is not None else wave(name, at, rate)
    word: Verdict = "STALLED" if stalled is not None and stalled > 15 else "OK"
    reason = f"lag {lag:,} and no movement for {stalled:.0f}s" if word == "STALLED" else f"moving at {speed:,.0f} a minute"
    rates: dict[str, float] = {"1": round(speed, 1), "5": round((speed * 2 + rate * 3) / 5, 1), "15": round((speed + rate * 9) / 10, 1)}
    committed = now - (stalled if stalled is not None else 0.8)
    detail = tuple(_consumer_partition(index, partitions, name, rates, lag, word, committed, at) for index in range(partitions))
    return Consumer(
        name, layout, topic, partitions, dict(rates), lag, None if lag is None else lag / 300, word, reason, 0, detail, committed
    )


def _consumer_partition(
    index: int, of: int, name: str, rates: Mapping[str, float], lag: int | None, word: Verdict, committed: float, at: float
) -> ConsumerPartition:
    offset = int(16_497_745_458 + noise(name, index) * 1e8 + rates["15"] / of / 60 * at)
    behind = None if lag is None else lag // of
    share: dict[str, float | None] = {window: round(value / of, 1) for window, value in rates.items()}
    return ConsumerPartition(index, offset, committed, None if behind is None else offset + behind, behind, share, word)


# -- heap -----------------------------------------------------------------------------------------------------------------------------

AGENTS = ("producer-agent-1", "producer-agent-2", "producer-agent-3", "edge-agent", "legacy-agent")
FULL_AGENT = "producer-agent-2"
CAPACITY = 2730 * MIB


def heap(at: float, now: float) -> Heap:
    return Heap(tuple(_agent(name, at, now) for name in AGENTS))


def _agent(name: str, at: float, now: float) -> HeapFile:
    filling = within(AGENT_FILLS, at) if name == FULL_AGENT else None
    used = 0.35 + 0.2 * noise(name, 1) + 0.06 * math.sin(at / 23 + noise(name, 2) * 6)
    if filling is not None:
        used = min(0.985, 0.55 + filling / 60 * 0.45)
    lasting = filling or 0.0
    hanging = lasting > 60
    word: HeapVerdict = "HANG" if hanging else "SUSPECT" if lasting > 35 else "OK"
    reason = "collections free memory"
    if hanging:
        reason = f"{int(lasting / 6)} full collections in a row freed less than 2%"
    elif word == "SUSPECT":
        reason = f"old generation rose from 55% to {used:.0%} in {lasting:.0f}s"
    after = int(CAPACITY * used)
    full = _full(after, hanging, filling is not None)
    count = 3 + int(noise(name, 3) * 9) + int(lasting / 4)
    return HeapFile(
        file=f"/home/user/app/{name}/log/gc.agent.log",
        name=name,
        collector="Parallel" if name == "legacy-agent" else "G1",
        style="legacy" if name == "legacy-agent" else "unified",
        young=int(8_000 + at / 3),
        full=count,
        old_basis="stated" if name == "legacy-agent" else "regions",
        last_after_gc=Occupancy(int(after * 1.02), after, CAPACITY),
        last_full=full,
        heap_last=Occupancy(int(after * 1.2), int(after * 1.05), int(CAPACITY * 1.5)),
        last_full_heap=full,
        pauses=int(8_003 + at / 3),
        pause_total_s=412.0 + at / 30,
        pause_max_s=6.2 if hanging else 0.412,
        verdict=word,
        reason=reason,
        last_event_at=now - 3 * noise(name, int(at)),
        last_full_at=now - (4 if hanging else 1800),
        full_last_hour=count - 2,
        old_script_pct=98.9 if hanging else 46.0,
    )


def _full(after: int, hanging: bool, filling: bool) -> Occupancy:
    before = int(after * 1.012) if hanging else int(after * 1.2) if filling else int(after * 1.9)
    return Occupancy(min(before, CAPACITY), after, CAPACITY)


# -- queues ---------------------------------------------------------------------------------------------------------------------------

QUEUES_A = ("orders.in", "orders.out", "orders.dlq", "payments.in", "payments.dlq", "settlement.in", "refunds.in", "mail.out", "알림.대기")
QUEUES_B = ("edge.in", "edge.out", "edge.dlq", "sensor.raw")


def broker_a(at: float, now: float) -> Queues:
    return Queues(_broker("broker-a", "5.18.6", at), tuple(_queue(name, at) for name in QUEUES_A), 4)


def broker_b(at: float, now: float) -> Queues:
    if within(BROKER_AWAY, at) is not None:
        raise Unavailable("connection refused by 10.40.0.2:8161 (Jolokia); is the broker running?")
    return Queues(_broker("broker-b", "6.3.1", at), tuple(_queue(name, at) for name in QUEUES_B), 0)


def _broker(name: str, version: str, at: float) -> Broker:
    can: dict[str, bool | str] = {"browse": True, "send": True, "purge": True if name == "broker-a" else "denied: jolokia-access.xml"}
    return Broker(name, f"ID:{name}-1", version, 86_400 * 12 + at, round(wave(name, at, 31), 1), round(wave(name, at, 12), 1), 0.0, can)


def _queue(name: str, at: float) -> Queue:
    dead = within(DEAD_LETTERS, at) if name == "orders.dlq" else None
    rate = 0.0 if "dlq" in name else 20 + 200 * noise(name, 1)
    enqueue = round(wave(name, at, rate), 1)
    dequeue = enqueue
    pending = int(noise(name, int(at / 5)) * 12) if rate else 0
    word: QueueVerdict = "OK"
    reason = "drains as fast as it fills"
    if dead is not None:
        pending, enqueue, dequeue, word = int(1 + dead * 1.2), 1.2, 0.0, "DLQ"
        reason = f"{pending} dead letters, from orders.in"
    elif "dlq" in name:
        reason = "no dead letters"
    elif name == "settlement.in" and within(CONSUMER_STALLED, at) is not None:
        since = within(CONSUMER_STALLED, at) or 0.0
        pending, dequeue, word = int(40 + since * 60), round(enqueue * 0.4, 1), "GROWING"
        reason = f"{pending - 40:,} more in {since:.0f}s though 4 consumers work"
    consumers = 0 if "dlq" in name else 4
    done = int(rate * (at + 86_400))
    return Queue(
        name=name,
        pending=pending,
        consumers=consumers,
        producers=2 if rate else 0,
        enqueued=done + pending,
        dequeued=done,
        in_flight=min(pending, 4) if consumers else 0,
        enqueue_per_s=enqueue,
        dequeue_per_s=dequeue,
        oldest_age_s=dead if dead is not None else None,
        paused=False,
        dlq="dlq" in name,
        verdict=word,
        reason=reason,
    )


# -- sources --------------------------------------------------------------------------------------------------------------------------


class DemoSource(Unasked):
    """One source of the demonstration. `look` gets the seconds since the start and the time of day."""

    def __init__(self, name: str, kind: Kind, interval: float, look: Callable[[float, float], Data], deeds: Deeds, offset: float) -> None:
        self.name: str = name
        self.kind: Kind = kind
        self.interval = interval
        self.deadline = 5.0
        self._look = look
        self._deeds = deeds
        self._offset = offset
        self._began: float | None = None

    async def observe(self, now: float) -> Data:
        if self._began is None:
            self._began = now - self._offset
        return self._look(now - self._began, now)

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return self._deeds.act(verb, arguments)

    async def close(self) -> None:
        pass


def demo_sources(offset: float = 0.0) -> list[Source]:
    """One or two sources of each kind, all at the same moment of the incident; `offset` seconds of it have passed already."""
    deeds = Deeds()

    def source(name: str, kind: Kind, interval: float, look: Callable[[float, float], Data]) -> Source:
        return DemoSource(name, kind, interval, look, deeds, offset)

    return [
        source("relay", "relay", 1.0, lambda at, now: relay(at, now, deeds)),
        source("main", "topics", 5.0, topics),
        source("leanstream", "offsets", 5.0, nodes),
        source("groups", "offsets", 5.0, groups),
        source("heap", "heap", 2.0, heap),
        source("broker-a", "queues", 5.0, broker_a),
        source("broker-b", "queues", 5.0, broker_b),
    ]
