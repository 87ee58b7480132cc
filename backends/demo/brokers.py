"""Brokers of the demonstration: dead letters gather in one, the other one goes away for a while."""

from backends.broker import Broker, Queue, QueueVerdict
from backends.demo.browse import WAYS, WINDOW
from backends.demo.scene import BROKER_AWAY, noise, wave, within
from backends.demo.stock import Stock
from backends.demo.surroundings import READ_EVERY, connections, networks, subscribers, topics
from backends.demo.traffic import DAY, Flow
from backends.snapshots import Queues
from backends.source import Unavailable

GIB = 1 << 30
QUEUE_MEMORY = 8 << 20  # bytes that one queue may use
ACTIONS = ("browse", "send", "purge", "delete", "create", "pause", "resume", "move", "copy", "retry", "remove", "import")
DENIED = {"purge": "denied: 403 Operation purge forbidden for MBean (jolokia-access.xml)"}
CARDS = {  # version, agent, limits of memory, store and temp, what it cannot
    "broker-a": ("5.18.6", "1.7.1", (GIB, 100 * GIB, 50 * GIB), {}),
    "broker-b": ("6.3.1", "2.6.0", (GIB // 2, 20 * GIB, 10 * GIB), {**DENIED, "stomp": "not configured: activemq[1].stomp"}),
}


def broker_a(at: float, now: float, stock: Stock | None = None) -> Queues:
    return _queues(stock or Stock("broker-a"), at, now, hidden=4)


def broker_b(at: float, now: float, stock: Stock | None = None) -> Queues:
    if within(BROKER_AWAY, at) is not None:
        raise Unavailable("connection refused by 10.40.0.2:8161 (Jolokia); is the broker running?")
    return _queues(stock or Stock("broker-b"), at, now, hidden=0)


def why_not(broker: str, verb: str) -> str | None:
    return CARDS[broker][3].get(verb)


def _queues(stock: Stock, at: float, now: float, hidden: int) -> Queues:
    rows = tuple(_queue(name, stock, at, now) for name in stock.names())
    clients = connections(stock, at, now)
    return Queues(
        broker=_broker(stock.broker, at, sum(row.pending for row in rows), len(clients)),
        queues=rows,
        hidden=hidden,
        topics=topics(stock.broker, at),
        subscribers=subscribers(stock, at),
        connections=clients,
        networks=networks(stock.broker, at),
        jobs=stock.jobs(),
        around_at=now - at % READ_EVERY,
    )


def _broker(name: str, at: float, messages: int, clients: int) -> Broker:
    version, agent, (memory, store, temp), cannot = CARDS[name]
    return Broker(
        name=name,
        id=f"ID:{name}-38113-1762700000000-0:1",
        version=version,
        uptime_s=12 * DAY + at,
        store_pct=round(wave(name, at, 31), 1),
        memory_pct=round(wave(name, at, 12), 1),
        temp_pct=0.0,
        capabilities={**dict.fromkeys((*ACTIONS, "stomp", "statistics"), True), **cannot},
        store_limit_bytes=store,
        memory_limit_bytes=memory,
        temp_limit_bytes=temp,
        messages=messages,
        connections=clients,
        persistent=True,
        standby=False,
        agent=agent,
    )


def _queue(name: str, stock: Stock, at: float, now: float) -> Queue:
    flow, pending = stock.flow(name), stock.pending(name, at)
    verdict, reason = _judged(name, stock, at, pending)
    first_at, size = stock.oldest_at(name, at), 1_100 + int(noise(name, 3) * 900)
    comes = 0.0 if flow is None else flow.enqueue_per_s(at)
    goes = stock.dequeue_per_s(name, at)
    enqueued = stock.enqueued(name, at)
    return Queue(
        name=name,
        pending=pending,
        consumers=stock.consumers(name),
        producers=0 if flow is None else flow.producers,
        enqueued=enqueued,
        dequeued=enqueued - pending,
        in_flight=stock.in_flight(name, at),
        enqueue_per_s=comes,
        dequeue_per_s=goes,
        oldest_age_s=None if first_at is None else round(max(0.0, at - first_at), 3),
        paused=stock.is_paused(name),
        dlq=_is_dead(name),
        verdict=verdict,
        reason=reason,
        expired=12 + int((at + DAY) / 900) if name == "mail.out" else 0,
        pending_per_s=round(comes - goes, 1) if pending else 0.0,
        memory_pct=round(min(100.0, pending * size * 100 / QUEUE_MEMORY), 1),
        message_bytes=size if enqueued else None,
        cached=pending <= WINDOW,
        oldest_basis=None if first_at is None else "statistics" if WAYS[stock.broker] == "stomp" else "browse",
        oldest_read_at=None if first_at is None else now,
    )


def _is_dead(name: str) -> bool:
    return Flow(name).is_dead or name == "ActiveMQ.DLQ"


def _judged(name: str, stock: Stock, at: float, pending: int) -> tuple[QueueVerdict, str]:
    flow, consumers = stock.flow(name), stock.consumers(name)
    if _is_dead(name):
        whence = "" if flow is None else f", from {name.removesuffix('.dlq')}.in"
        return ("DLQ", f"{pending} dead letters{whence}") if pending else ("OK", "no dead letters")
    if stock.is_paused(name):
        return "PAUSED", f"paused with {pending:,} pending, {consumers} consumers"
    if pending and not consumers:
        return "NO_CONSUMER", f"{pending:,} pending, no consumer"
    stalled = None if flow is None else flow.stalled(at)
    if flow is not None and stalled is not None and pending > flow.consumers:
        more = min(pending, flow.pending(at) - 40)
        return "GROWING", f"{more:,} more in {stalled:.0f}s though {consumers} consumers work"
    return "OK", "drains as fast as it fills" if flow is not None else "0 pending, no consumer"
