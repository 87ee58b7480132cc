"""Columns of the queues of a broker, and of what else there is on it. Pure."""

from backends.broker import Broker, BrokerConnection, Network, Queue, Subscriber
from tui.format import UNKNOWN, age, rate, size, visible
from tui.pane import Cell, Column, Entry, Field
from tui.words import QUIET, verdict

NEARLY_FULL = 80.0  # percent of a broker's store or memory
LEAST_TREND = 0.05  # messages a second below which a backlog stands still


def text(value: str | None, role: str = "dim") -> Cell:
    return Cell(UNKNOWN, "dim") if value is None else Cell(visible(value), "dim" if role == "dim" else "", value)


def name(value: str) -> Cell:
    return Cell(visible(value), "", value)


def counted(value: int | None) -> Cell:
    return Cell(UNKNOWN, "dim") if value is None else Cell(f"{value:,}", "" if value else "dim", value)


def per_second(value: float | None) -> Cell:
    return Cell(rate(value), "" if value else "dim", value)


def share(value: float | None) -> Cell:
    return Cell(UNKNOWN, "dim") if value is None else Cell(f"{value:.0f}%", "warn" if value >= NEARLY_FULL else "", value)


def queue_verdict(queue: Queue) -> Cell:
    """A queue that nobody reads is no trouble as long as nothing waits in it."""
    seen = verdict(queue.verdict)
    return Cell(f"  {seen.text[2:]}", "dim", QUIET.rank) if queue.verdict == "NO_CONSUMER" and not queue.pending else seen


def trend(queue: Queue) -> Cell:
    """`▲ +1.2/s`: how the backlog moves."""
    value = queue.pending_per_s
    if value is None:
        return Cell(UNKNOWN, "dim")
    if abs(value) < LEAST_TREND:
        return Cell("steady", "dim", value)
    return Cell(f"▲ +{rate(value)}/s" if value > 0 else f"▼ -{rate(-value)}/s", "warn" if value > 0 else "ok", value)


def consumers(queue: Queue) -> Cell:
    alone = queue.verdict == "NO_CONSUMER" and queue.pending
    return Cell(str(queue.consumers), "crit" if alone else "" if queue.consumers else "dim", queue.consumers)


def marks(queue: Queue) -> Cell:
    words = " ".join(word for word, holds in (("paused", queue.paused), ("dlq", queue.dlq)) if holds)
    return Cell(words, "accent", words or None)


def _source(title: str = "BROKER", keep: int = 2, least: int = 4) -> Field:
    column = Column("source", title, 12, keep=keep, least=least)
    return Field(column, lambda e, now: Cell(visible(e.snapshot.source), "dim", e.snapshot.source))


QUEUES = (
    Field(Column("state", "VERDICT", 13, least=10), lambda e, now: queue_verdict(e.item)),
    Field(Column("name", "QUEUE", 22, least=12, grow=True), lambda e, now: name(e.item.name)),
    _source(keep=0, least=8),  # also where there is little room: queues of one name are on several brokers
    Field(Column("pending", "PENDING", 8, "right"), lambda e, now: counted(e.item.pending)),
    Field(Column("trend", "TREND", 10, "right", keep=2), lambda e, now: trend(e.item)),
    Field(Column("consumers", "CONS", 4, "right"), lambda e, now: consumers(e.item)),
    Field(Column("producers", "PROD", 4, "right", keep=7), lambda e, now: counted(e.item.producers)),
    Field(Column("enqueue", "ENQ/s", 7, "right", keep=1), lambda e, now: per_second(e.item.enqueue_per_s)),
    Field(Column("dequeue", "DEQ/s", 7, "right", keep=1), lambda e, now: per_second(e.item.dequeue_per_s)),
    Field(Column("in_flight", "INFLIGHT", 8, "right", keep=5), lambda e, now: counted(e.item.in_flight)),
    Field(Column("oldest", "OLDEST", 8, "right", keep=3), lambda e, now: Cell(age(e.item.oldest_age_s), "", e.item.oldest_age_s)),
    Field(Column("enqueued", "ENQUEUED", 11, "right", keep=8), lambda e, now: counted(e.item.enqueued)),
    Field(Column("dequeued", "DEQUEUED", 11, "right", keep=9), lambda e, now: counted(e.item.dequeued)),
    Field(Column("expired", "EXPIRED", 8, "right", keep=11), lambda e, now: counted(e.item.expired)),
    Field(Column("memory", "MEM", 4, "right", keep=10), lambda e, now: share(e.item.memory_pct)),
    Field(Column("marks", "MARKS", 10, keep=6), lambda e, now: marks(e.item)),
    Field(Column("reason", "REASON", 20, least=18, keep=4, grow=True), lambda e, now: text(e.item.reason)),
)

TOPICS = (
    Field(Column("name", "TOPIC", 30, least=12, grow=True), lambda e, now: name(e.item.name)),
    _source(keep=1),
    Field(Column("consumers", "CONS", 5, "right"), lambda e, now: counted(e.item.consumers)),
    Field(Column("producers", "PROD", 5, "right"), lambda e, now: counted(e.item.producers)),
    Field(Column("enqueue", "ENQ/s", 7, "right"), lambda e, now: per_second(e.item.enqueue_per_s)),
    Field(Column("enqueued", "ENQUEUED", 12, "right"), lambda e, now: counted(e.item.enqueued)),
    Field(Column("dequeued", "DEQUEUED", 12, "right", keep=2), lambda e, now: counted(e.item.dequeued)),
)


def subscriber_state(item: Subscriber) -> Cell:
    """Of a durable one that is away the messages pile up."""
    if item.active:
        return verdict("SLOW" if item.slow else "OK")
    seen = verdict("OFFLINE")
    return seen if item.pending else seen._replace(text=f"  {seen.text[2:]}", role="dim", sort=QUIET.rank)


def subscriber_name(item: Subscriber) -> Cell:
    """A durable one by the name of its subscription, too."""
    return name(f"{item.client_id} {item.subscription}" if item.subscription else item.client_id)


SUBSCRIBERS = (
    Field(Column("state", "STATE", 9), lambda e, now: subscriber_state(e.item)),
    Field(Column("name", "CLIENT", 24, least=12, grow=True), lambda e, now: subscriber_name(e.item)),
    _source(keep=3),
    Field(Column("destination", "DESTINATION", 20, least=14, grow=True), lambda e, now: name(e.item.destination)),
    Field(Column("kind", "OF", 7, keep=2), lambda e, now: text("durable" if e.item.subscription else e.item.kind)),
    Field(Column("pending", "PENDING", 8, "right"), lambda e, now: counted(e.item.pending)),
    Field(Column("in_flight", "INFLIGHT", 8, "right"), lambda e, now: counted(e.item.in_flight)),
    Field(Column("dequeued", "DEQUEUED", 11, "right", keep=1), lambda e, now: counted(e.item.dequeued)),
    Field(Column("prefetch", "PREFETCH", 8, "right", keep=6), lambda e, now: counted(e.item.prefetch)),
    Field(Column("selector", "SELECTOR", 16, least=12, keep=4, grow=True), lambda e, now: text(e.item.selector or "")),
)


def connection_state(item: BrokerConnection) -> Cell:
    return verdict("BLOCKED" if item.blocked else "SLOW" if item.slow else "OK" if item.active else "OFFLINE")


def _since(entry: Entry, now: float) -> Cell:
    at = entry.item.since
    return Cell(UNKNOWN, "dim") if at is None else Cell(age(now - at), "", now - at)


CONNECTIONS = (
    Field(Column("state", "STATE", 9), lambda e, now: connection_state(e.item)),
    Field(Column("name", "CLIENT", 28, least=12, grow=True), lambda e, now: name(e.item.client_id)),
    _source(keep=2),
    Field(Column("address", "FROM", 24, least=20, grow=True), lambda e, now: text(e.item.address)),
    Field(Column("connector", "THROUGH", 10, keep=1), lambda e, now: text(e.item.connector)),
    Field(Column("user", "USER", 10, keep=3), lambda e, now: text(e.item.user)),
    Field(Column("waiting", "WAITING", 8, "right"), lambda e, now: counted(e.item.waiting)),
    Field(Column("since", "SINCE", 7, "right"), _since),
)


def network_state(item: Network) -> Cell:
    return verdict("OK" if item.active else "OFFLINE")


NETWORKS = (
    Field(Column("state", "STATE", 9), lambda e, now: network_state(e.item)),
    Field(Column("name", "NETWORK", 20, least=10, grow=True), lambda e, now: name(e.item.name)),
    _source(keep=1),
    Field(Column("remote", "TO BROKER", 14), lambda e, now: text(e.item.remote_broker, "")),
    Field(Column("address", "AT", 24, least=16, keep=2, grow=True), lambda e, now: text(e.item.remote_address)),
    Field(Column("duplex", "WAYS", 4, keep=4), lambda e, now: text({True: "both", False: "out", None: None}[e.item.duplex])),
    Field(Column("enqueued", "ENQUEUED", 11, "right"), lambda e, now: counted(e.item.enqueued)),
    Field(Column("dequeued", "DEQUEUED", 11, "right"), lambda e, now: counted(e.item.dequeued)),
)


def broker_state(entry: Entry) -> Cell:
    broker: Broker = entry.item
    return verdict("standby") if broker.standby and entry.snapshot.state == "ok" else verdict(entry.snapshot.state)


BROKERS = (
    Field(Column("state", "STATE", 9), lambda e, now: broker_state(e)),
    Field(Column("name", "BROKER", 14, least=8, grow=True), lambda e, now: name(e.item.name)),
    Field(Column("version", "VERSION", 8), lambda e, now: text(e.item.version, "")),
    Field(Column("uptime", "UP", 6, "right"), lambda e, now: Cell(age(e.item.uptime_s), "", e.item.uptime_s)),
    Field(Column("store", "STORE", 5, "right"), lambda e, now: share(e.item.store_pct)),
    Field(Column("memory", "MEM", 5, "right"), lambda e, now: share(e.item.memory_pct)),
    Field(Column("temp", "TEMP", 5, "right"), lambda e, now: share(e.item.temp_pct)),
    Field(Column("messages", "MESSAGES", 11, "right", keep=1), lambda e, now: counted(e.item.messages)),
    Field(Column("connections", "CONN", 6, "right", keep=2), lambda e, now: counted(e.item.connections)),
    Field(Column("agent", "JOLOKIA", 7, keep=3), lambda e, now: text(e.item.agent)),
    Field(Column("id", "ID", 20, least=12, keep=4, grow=True), lambda e, now: text(e.item.id)),
    Field(Column("error", "ERROR", 18, least=12, keep=5, grow=True), lambda e, now: text(e.snapshot.error or "")),
)


def read_ago(at: float | None, now: float) -> str:
    return UNKNOWN if at is None else f"{age(now - at)} ago"


def of_limit(value: float | None, limit: int | None) -> str:
    """`12% of 1.0 GiB`."""
    if value is None:
        return UNKNOWN
    return f"{value:.0f}%" if limit is None else f"{value:.0f}% of {size(limit)}"
