"""Topics: how old is the newest record of every topic, by its three clocks."""

from collections.abc import Iterable
from typing import Any

from backends.questions import Found
from backends.snapshots import Snapshot, Topic, TopicPartition, Topics
from tui.format import UNKNOWN, age, moment, number, rate, span, visible
from tui.pane import Cell, Column, Entry, Field, Group, ListPane, Role, Row, Section
from tui.words import verdict

AHEAD = -1.0  # seconds: a record this much in the future means that a clock is wrong


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    if isinstance(snapshot.data, Topics):
        source = snapshot.source
        for topic in snapshot.data.topics:
            yield Entry(f"{source}/{topic.name}", 0, topic, snapshot)


def words(entry: Entry) -> str:
    topic: Topic = entry.item
    return f"{topic.name} {topic.state} {topic.reason or ''} {entry.snapshot.source}"


def _age(seconds: float | None, state: str) -> Cell:
    if seconds is None:
        return Cell(UNKNOWN, "dim")
    role: Role = "warn" if seconds <= AHEAD else ("crit" if state == "crit" else "warn" if state == "warn" else "")
    return Cell(age(seconds), role, seconds)


def _delay(seconds: float | None) -> Cell:
    return Cell(span(seconds), "dim" if seconds is None else "warn" if seconds <= AHEAD else "", seconds)


def _count(value: float | None) -> Cell:
    return Cell(rate(value), "dim" if not value else "", value)


FIELDS = (
    Field(Column("state", "STATE", 12, least=7), lambda e, now: verdict(e.item.state)),
    Field(Column("name", "TOPIC", 24, least=16, grow=True), lambda e, now: Cell(visible(e.item.name), "", e.item.name)),
    Field(Column("source", "CLUSTER", 10, keep=7), lambda e, now: Cell(visible(e.snapshot.source), "dim", e.snapshot.source)),
    Field(Column("partitions", "PART", 5, "right", keep=5), lambda e, now: Cell(number(e.item.partitions), "", e.item.partitions)),
    Field(Column("rate", "REC/s", 7, "right"), lambda e, now: _count(e.item.records_per_s)),
    Field(Column("loaded", "LOADED", 7, "right"), lambda e, now: _age(e.item.loaded_age_s, e.item.state)),
    Field(Column("sent", "SENT", 7, "right"), lambda e, now: _age(e.item.sent_age_s, e.item.state)),
    Field(Column("record", "RECORD", 7, "right", keep=4), lambda e, now: _age(e.item.record_age_s, "")),
    Field(Column("delay", "DELAY", 7, "right", keep=3), lambda e, now: _delay(e.item.load_delay_s)),
    Field(
        Column("reason", "REASON", 20, least=18, keep=6, grow=True),
        lambda e, now: Cell(visible(e.item.reason or ""), "dim", e.item.reason or ""),
    ),
)

PARTITIONS = (
    Column("partition", "PART", 5, "right"),
    Column("state", "STATE", 12),
    Column("records", "RECORDS", 11, "right"),
    Column("end", "END", 14, "right", keep=3),
    Column("leader", "LEAD", 4, "right", keep=5),
    Column("loaded", "LOADED", 7, "right"),
    Column("sent", "SENT", 7, "right"),
    Column("record", "RECORD", 7, "right", keep=4),
    Column("sample", "NEWEST RECORD", 20, keep=2, grow=True),
)


def _partition(part: TopicPartition, now: float) -> Row:
    def since(at: float | None) -> Cell:
        return _age(None if at is None else (part.read_at or now) - at, "")

    count = None if part.start is None or part.end is None else part.end - part.start
    cells = (
        Cell(str(part.partition), "", part.partition),
        verdict(part.state),
        Cell(number(count), "", count),
        Cell(number(part.end), "dim", part.end),
        Cell(number(part.leader) if part.leader is not None else "none", "dim" if part.leader is not None else "crit", part.leader),
        since(part.loaded_at),
        since(part.sent_at),
        since(part.record_at),
        Cell(visible(part.sample or ""), "dim"),
    )
    return Row(str(part.partition), cells)


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    topic: Topic = entry.item
    facts = (
        ("State", verdict(topic.state)),
        ("Why", Cell(visible(topic.reason or "within its limits"), "" if topic.reason else "dim")),
        ("Loaded", Cell(f"{age(topic.loaded_age_s)} ago" if topic.loaded_age_s is not None else UNKNOWN)),
        ("Sent", Cell(f"{age(topic.sent_age_s)} ago" if topic.sent_age_s is not None else UNKNOWN)),
        ("Kafka record time", Cell(f"{age(topic.record_age_s)} ago" if topic.record_age_s is not None else UNKNOWN)),
        ("Loaded after sent", _delay(topic.load_delay_s)),
        ("Records a second", Cell(rate(topic.records_per_s))),
        ("Worst partition", Cell(number(topic.worst_partition))),
        ("Cluster", Cell(visible(f"{entry.snapshot.source}  {_cluster(entry.snapshot.data)}".strip()))),
        ("Read", Cell(moment(entry.snapshot.observed_at))),
    )
    found = [Section(visible(topic.name), facts=facts)]
    if topic.detail:
        rows = tuple(_partition(part, now) for part in topic.detail)
        found.append(Section(f"Partitions {len(rows)}", columns=PARTITIONS, rows=rows))
    return found


def _cluster(data: Any) -> str:
    return data.cluster if isinstance(data, Topics) else ""


PANE = ListPane(
    name="topics",
    kind="topics",
    key="2",
    title="Topics",
    groups=(Group("topics", "Topics", FIELDS),),
    entries=entries,
    words=words,
    detail=detail,
    nothing="The cluster has no topics that the configuration includes; see kafka[].topics in config.yaml.",
)
