"""Queues: which ActiveMQ queues pile up."""

from collections.abc import Iterable

from backends.questions import Found
from backends.snapshots import Broker, Queue, Queues, Snapshot
from tui.format import UNKNOWN, age, count, moment, number, rate, visible
from tui.pane import Cell, Column, Entry, Field, Group, ListPane, Section
from tui.words import QUIET, verdict

NEARLY_FULL = 80.0  # percent of a broker's store or memory


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    if isinstance(snapshot.data, Queues):
        source = snapshot.source
        for queue in snapshot.data.queues:
            yield Entry(f"{source}/{queue.name}", 0, queue, snapshot)


def words(entry: Entry) -> str:
    queue: Queue = entry.item
    return f"{queue.name} {queue.verdict} {queue.reason} {entry.snapshot.source}"


def _count(value: int) -> Cell:
    return Cell(f"{value:,}", "" if value else "dim", value)


def _rate(value: float | None) -> Cell:
    return Cell(rate(value), "" if value else "dim", value)


def _verdict(queue: Queue) -> Cell:
    """A queue that nobody reads is no trouble as long as nothing waits in it."""
    seen = verdict(queue.verdict)
    return Cell(f"  {seen.text[2:]}", "dim", QUIET.rank) if queue.verdict == "NO_CONSUMER" and not queue.pending else seen


def _consumers(entry: Entry, now: float) -> Cell:
    queue: Queue = entry.item
    return Cell(
        str(queue.consumers),
        "crit" if queue.verdict == "NO_CONSUMER" and queue.pending else "" if queue.consumers else "dim",
        queue.consumers,
    )


FIELDS = (
    Field(Column("state", "VERDICT", 13, least=10), lambda e, now: _verdict(e.item)),
    Field(Column("name", "QUEUE", 22, least=12, grow=True), lambda e, now: Cell(visible(e.item.name), "", e.item.name)),
    Field(Column("source", "BROKER", 10, keep=5), lambda e, now: Cell(visible(e.snapshot.source), "dim", e.snapshot.source)),
    Field(Column("pending", "PENDING", 8, "right"), lambda e, now: _count(e.item.pending)),
    Field(Column("consumers", "CONS", 4, "right"), _consumers),
    Field(Column("enqueue", "ENQ/s", 7, "right"), lambda e, now: _rate(e.item.enqueue_per_s)),
    Field(Column("dequeue", "DEQ/s", 7, "right"), lambda e, now: _rate(e.item.dequeue_per_s)),
    Field(Column("in_flight", "INFLIGHT", 8, "right", keep=3), lambda e, now: _count(e.item.in_flight)),
    Field(Column("oldest", "OLDEST", 8, "right", keep=6), lambda e, now: Cell(age(e.item.oldest_age_s), "", e.item.oldest_age_s)),
    Field(Column("reason", "REASON", 20, least=18, keep=4, grow=True), lambda e, now: Cell(visible(e.item.reason), "dim", e.item.reason)),
)


def _percent(value: float | None) -> Cell:
    if value is None:
        return Cell(UNKNOWN, "dim")
    return Cell(f"{value:.0f}%", "warn" if value >= NEARLY_FULL else "")


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    queue: Queue = entry.item
    facts = (
        ("Verdict", _verdict(queue)),
        ("Why", Cell(visible(queue.reason))),
        ("Pending", Cell(f"{number(queue.pending)}, {number(queue.in_flight)} of them in flight")),
        ("Oldest", Cell(age(queue.oldest_age_s))),
        ("Consumers", Cell(number(queue.consumers))),
        ("Producers", Cell(number(queue.producers))),
        ("Enqueued", Cell(f"{number(queue.enqueued)}  {rate(queue.enqueue_per_s)}/s")),
        ("Dequeued", Cell(f"{number(queue.dequeued)}  {rate(queue.dequeue_per_s)}/s")),
        ("Dead letters", Cell("yes" if queue.dlq else "no", "warn" if queue.dlq and queue.pending else "")),
        ("Paused", Cell("yes" if queue.paused else "no", "accent" if queue.paused else "")),
    )
    found = [Section(visible(queue.name), facts=facts)]
    if isinstance(entry.snapshot.data, Queues):
        found.append(_broker(entry.snapshot.data, entry.snapshot))
    return found


def _broker(data: Queues, snapshot: Snapshot) -> Section:
    broker: Broker = data.broker
    denied = [f"{name}: {why}" for name, why in broker.capabilities.items() if why is not True]
    facts = [
        ("Version", Cell(visible(broker.version or UNKNOWN))),
        ("Up", Cell(age(broker.uptime_s))),
        ("Store", _percent(broker.store_pct)),
        ("Memory", _percent(broker.memory_pct)),
        ("Temporary", _percent(broker.temp_pct)),
        ("Read", Cell(moment(snapshot.observed_at))),
    ]
    if data.hidden:
        facts.append(("Hidden", Cell(f"{count(data.hidden, 'queue')} that JMX cannot name or read", "dim")))
    facts += [("Cannot", Cell(visible(str(text)), "dim")) for text in denied]
    return Section(f"Broker {visible(broker.name)}", facts=tuple(facts))


PANE = ListPane(
    name="queues",
    kind="queues",
    key="5",
    title="Queues",
    groups=(Group("queues", "Queues", FIELDS),),
    entries=entries,
    words=words,
    detail=detail,
    nothing="The broker has no queues that the configuration includes; see activemq[].queues in config.yaml.",
)
