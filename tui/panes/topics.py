"""Topics: how old is the newest record of every topic, by its three clocks."""

from collections.abc import Iterable

from backends.questions import Question, WholeOf
from backends.snapshots import Consumer, Snapshot, Topic, Topics
from tui.format import UNKNOWN, age, number, rate, span, visible
from tui.listpane import ListPane
from tui.pane import Cell, Column, Crossing, Entry, Field, Group, Role
from tui.panes.topic_detail import AHEAD, detail
from tui.words import verdict


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    if isinstance(snapshot.data, Topics):
        source = snapshot.source
        for topic in snapshot.data.topics:
            yield Entry(f"{source}/{topic.name}", 0, topic, snapshot)


def words(entry: Entry) -> str:
    topic: Topic = entry.item
    return f"{topic.name} {topic.state} {topic.reason or ''} {entry.snapshot.source}"


def inquiry(entry: Entry) -> Question:
    """Its partitions."""
    return WholeOf(entry.item.name)


def crossing(entry: Entry) -> Crossing:
    """Its consumers: those of this topic, and of this cluster where it is known against which one they are measured."""
    name, source = entry.item.name, entry.snapshot.source

    def consumes(other: Entry) -> bool:
        consumer = other.item
        return isinstance(consumer, Consumer) and consumer.topic == name and consumer.cluster in (None, source)

    return Crossing("offsets", f"of topic {name}", consumes, f"no consumer of {visible(name)} is watched; see offsets[] in config.yaml")


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


PANE = ListPane(
    name="topics",
    kind="topics",
    key="2",
    title="Topics",
    groups=(Group("topics", "Topics", FIELDS),),
    entries=entries,
    words=words,
    detail=detail,
    crossing=crossing,
    inquiry=inquiry,
    nothing="The cluster has no topics that the configuration includes; see kafka[].topics in config.yaml.",
)
