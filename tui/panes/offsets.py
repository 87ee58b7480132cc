"""Offsets: how many records a minute does each consumer really process, and is it keeping up."""

from collections.abc import Iterable

from backends.questions import HistoryOf, Question
from backends.snapshots import Consumer, Offsets, Snapshot, Topic, Total
from tui.format import UNKNOWN, number, visible
from tui.listpane import ListPane
from tui.pane import Cell, Column, Crossing, Entry, Field, Group
from tui.panes.offset_cells import duration, lag, speed
from tui.panes.offset_detail import APPLICATION, TOTAL, detail
from tui.words import verdict

CONSUMERS, APPLICATIONS = 0, 1  # groups
LAST = "\U0010ffff"  # sorts after every name
TREND_POINTS = 32  # readings of each partition that a trend is drawn of


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    data = snapshot.data
    if not isinstance(data, Offsets):
        return
    source = snapshot.source
    for consumer in data.consumers:
        yield Entry(f"{source}/{consumer.name}/{consumer.topic or ''}", CONSUMERS, consumer, snapshot)
    for total in data.applications:
        yield Entry(f"{APPLICATION}{source}/{total.name}", APPLICATIONS, total, snapshot)
    if data.total is not None and data.total.consumers > 1:
        yield Entry(f"{TOTAL}{source}", APPLICATIONS, data.total, snapshot)


def words(entry: Entry) -> str:
    item: Consumer | Total = entry.item
    if isinstance(item, Total):
        return f"{item.name} {item.verdict} {item.reason} {entry.snapshot.source}"
    state = item.group.state if item.group is not None else ""
    return f"{item.name} {item.topic or ''} {item.layout} {item.verdict} {state} {item.reason} {entry.snapshot.source}"


def inquiry(entry: Entry) -> Question | None:
    item = entry.item
    return HistoryOf(item.name, item.topic, points=TREND_POINTS) if isinstance(item, Consumer) else None


def crossing(entry: Entry) -> Crossing | str:
    """The topic that it reads, in the cluster it is measured against where that is known."""
    item = entry.item
    if isinstance(item, Total):
        return "a total has no topic of its own: stand on a consumer"
    if item.topic is None:
        return f"{visible(item.name)} does not say which topic it reads: its znode holds partitions and offsets only"
    name, cluster = item.topic, item.cluster

    def is_read(other: Entry) -> bool:
        return isinstance(other.item, Topic) and other.item.name == name and cluster in (None, other.snapshot.source)

    where = "" if cluster is None else f" of cluster {visible(cluster)}"
    return Crossing("topics", f"topic {name}", is_read, f"topic {visible(name)}{where} is not watched; see kafka[].topics", narrows=False)


def _window(window: str, keep: int) -> Field:
    return Field(Column(f"rate{window}", f"/min {window}m", 8, "right", keep=keep), lambda e, now: speed(e.item.records_per_min, window))


def _group(entry: Entry, now: float) -> Cell:
    group = entry.item.group
    return Cell("", "dim") if group is None else verdict(group.state)._replace(sort=group.state)


def _members(entry: Entry, now: float) -> Cell:
    group = entry.item.group
    if group is None:
        return Cell("", "dim")
    return Cell(number(len(group.members)), "" if group.members else "warn", len(group.members))


RATES = (_window("1", 0), _window("5", 3), _window("15", 5))
LAGS = (
    Field(Column("lag", "LAG", 10, "right"), lambda e, now: lag(e.item.lag)),
    Field(Column("behind", "BEHIND", 7, "right", keep=2), lambda e, now: duration(e.item.time_lag_s)),
    Field(Column("catch_up", "CAUGHT UP", 9, "right", keep=6), lambda e, now: duration(e.item.catch_up_s, "in ")),
)
REASON = Field(
    Column("reason", "REASON", 20, least=18, keep=4, grow=True), lambda e, now: Cell(visible(e.item.reason), "dim", e.item.reason)
)
VERDICT = Field(Column("state", "VERDICT", 16, least=10), lambda e, now: verdict(e.item.verdict))
SOURCE = Field(Column("source", "SOURCE", 12, keep=7), lambda e, now: Cell(visible(e.snapshot.source), "dim", e.snapshot.source))
PARTITIONS = Field(Column("partitions", "PART", 5, "right", keep=8), lambda e, now: Cell(number(e.item.partitions), "", e.item.partitions))

CONSUMER_FIELDS = (
    VERDICT,
    Field(Column("name", "CONSUMER", 18, least=13, grow=True), lambda e, now: Cell(visible(e.item.name), "", e.item.name)),
    SOURCE,
    Field(Column("layout", "LAYOUT", 9, keep=11), lambda e, now: Cell(e.item.layout, "dim", e.item.layout)),
    Field(Column("topic", "TOPIC", 16, least=8, keep=1), lambda e, now: Cell(visible(e.item.topic or UNKNOWN), "", e.item.topic or "")),
    PARTITIONS,
    *RATES,
    *LAGS,
    Field(Column("group", "GROUP", 12, keep=9), _group),
    Field(Column("members", "MEMB", 4, "right", keep=10), _members),
    REASON,
)


def _total_name(entry: Entry, now: float) -> Cell:
    """The total of a source stands under its applications, whatever its name is."""
    if entry.key.startswith(TOTAL):
        return Cell(f"all of {visible(entry.snapshot.source)}", "title", LAST)
    return Cell(visible(entry.item.name), "", entry.item.name)


TOTAL_FIELDS = (
    VERDICT,
    Field(Column("name", "APPLICATION", 18, least=13, grow=True), _total_name),
    SOURCE,
    Field(Column("consumers", "CONS", 5, "right", keep=3), lambda e, now: Cell(number(e.item.consumers), "", e.item.consumers)),
    PARTITIONS,
    *RATES,
    *LAGS,
    REASON,
)

PANE = ListPane(
    name="offsets",
    kind="offsets",
    key="3",
    title="Offsets",
    groups=(Group("consumers", "Consumers", CONSUMER_FIELDS), Group("applications", "Applications", TOTAL_FIELDS)),
    entries=entries,
    words=words,
    detail=detail,
    inquiry=inquiry,
    crossing=crossing,
    nothing="No consumer has stored an offset there yet; see offsets[].path in config.yaml.",
)
