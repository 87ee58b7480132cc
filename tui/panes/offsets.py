"""Offsets: how many records a minute does each consumer really process, and is it keeping up."""

from collections.abc import Iterable

from backends.questions import Found
from backends.snapshots import Consumer, ConsumerPartition, Offsets, Snapshot
from tui.format import UNKNOWN, age, moment, number, rate, visible
from tui.pane import Cell, Column, Entry, Field, Group, ListPane, Row, Section
from tui.words import verdict

WINDOWS = ("1", "5", "15")  # minutes


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    if isinstance(snapshot.data, Offsets):
        source = snapshot.source
        for consumer in snapshot.data.consumers:
            yield Entry(f"{source}/{consumer.name}/{consumer.topic or ''}", 0, consumer, snapshot)


def words(entry: Entry) -> str:
    consumer: Consumer = entry.item
    return f"{consumer.name} {consumer.topic or ''} {consumer.layout} {consumer.verdict} {consumer.reason} {entry.snapshot.source}"


def _rate(consumer: Consumer | ConsumerPartition, window: str) -> Cell:
    value = consumer.records_per_min.get(window)
    return Cell(rate(value), "dim" if not value else "", value)


def _lag(value: int | None) -> Cell:
    return Cell(number(value), "dim" if not value else "", value)


def _window(window: str, keep: int) -> Field:
    return Field(Column(f"rate{window}", f"/min {window}m", 8, "right", keep=keep), lambda e, now: _rate(e.item, window))


FIELDS = (
    Field(Column("state", "VERDICT", 16, least=10), lambda e, now: verdict(e.item.verdict)),
    Field(Column("name", "CONSUMER", 18, least=13, grow=True), lambda e, now: Cell(visible(e.item.name), "", e.item.name)),
    Field(Column("source", "SOURCE", 12, keep=2), lambda e, now: Cell(visible(e.snapshot.source), "dim", e.snapshot.source)),
    Field(Column("layout", "LAYOUT", 9, keep=8), lambda e, now: Cell(e.item.layout, "dim", e.item.layout)),
    Field(Column("topic", "TOPIC", 16, least=8, keep=3), lambda e, now: Cell(visible(e.item.topic or UNKNOWN), "", e.item.topic or "")),
    Field(Column("partitions", "PART", 5, "right", keep=7), lambda e, now: Cell(number(e.item.partitions), "", e.item.partitions)),
    _window("1", 0),
    _window("5", 0),
    _window("15", 5),
    Field(Column("lag", "LAG", 10, "right"), lambda e, now: _lag(e.item.lag)),
    Field(Column("reason", "REASON", 20, least=18, keep=4, grow=True), lambda e, now: Cell(visible(e.item.reason), "dim", e.item.reason)),
)

PARTITIONS = (
    Column("partition", "PART", 5, "right"),
    Column("verdict", "VERDICT", 16),
    Column("offset", "OFFSET", 15, "right"),
    Column("end", "END", 15, "right", keep=4),
    Column("lag", "LAG", 10, "right"),
    Column("rate1", "/min 1m", 8, "right"),
    Column("rate5", "/min 5m", 8, "right", keep=3),
    Column("rate15", "/min 15m", 8, "right", keep=5),
    Column("committed", "COMMITTED", 10, "right", keep=2),
)


def _partition(part: ConsumerPartition, now: float) -> Row:
    committed = Cell(UNKNOWN, "dim") if part.committed_at is None else Cell(age(now - part.committed_at), "", now - part.committed_at)
    cells = (
        Cell(str(part.partition), "", part.partition),
        verdict(part.verdict),
        Cell(number(part.offset), "", part.offset),
        Cell(number(part.end), "dim", part.end),
        _lag(part.lag),
        *(_rate(part, window) for window in WINDOWS),
        committed,
    )
    return Row(str(part.partition), cells)


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    consumer: Consumer = entry.item
    rates = "  ".join(f"{rate(consumer.records_per_min.get(window))} ({window}m)" for window in WINDOWS)
    behind = "" if consumer.time_lag_s is None else f"  {age(consumer.time_lag_s)} behind"
    facts = [
        ("Verdict", verdict(consumer.verdict)),
        ("Why", Cell(visible(consumer.reason))),
        ("Records a minute", Cell(rates)),
        ("Lag", Cell(number(consumer.lag) + behind)),
        ("Topic", Cell(visible(consumer.topic or UNKNOWN))),
        ("Layout", Cell(consumer.layout)),
        ("Last commit", Cell(moment(consumer.committed_at))),
        ("Source", Cell(visible(entry.snapshot.source))),
    ]
    if consumer.bad_pairs:
        facts.append(("Unreadable", Cell(f"{consumer.bad_pairs} pairs, such as {visible(consumer.bad_sample or '')!r}", "warn")))
    found = [Section(visible(consumer.name), facts=tuple(facts))]
    if consumer.detail:
        rows = tuple(_partition(part, now) for part in consumer.detail)
        found.append(Section(f"Partitions {len(rows)}", columns=PARTITIONS, rows=rows))
    return found


PANE = ListPane(
    name="offsets",
    kind="offsets",
    key="3",
    title="Offsets",
    groups=(Group("consumers", "Consumers", FIELDS),),
    entries=entries,
    words=words,
    detail=detail,
    nothing="No consumer has stored an offset there yet; see offsets[].path in config.yaml.",
)
