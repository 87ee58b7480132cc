"""Overview: everything at a glance. One block a kind with its worst rows on top, and what happened last."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from backends.questions import Found
from backends.snapshots import Kind, Snapshot
from monitor.severity import Problem
from monitor.store import Store
from relay.status import ReceiverStatus
from tui.format import UNKNOWN, age, moment, rate, visible
from tui.listpane import ListPane
from tui.pane import STATE, Cell, Column, Entry, Field, Group, Pane, Row, Section, panes
from tui.words import verdict


class Counts(NamedTuple):
    crit: int = 0
    warn: int = 0


class Block(NamedTuple):
    """What the overview says about one kind."""

    pane: str  # the pane it stands for
    key: str
    title: str
    total: int  # rows that the pane has
    counts: Counts
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]  # the worst of them
    notices: tuple[Cell, ...]  # sources that are not well


def count(problems: Iterable[Problem]) -> Counts:
    severities = [problem.severity for problem in problems]
    return Counts(severities.count("critical"), severities.count("warning"))


def counts_by_kind(store: Store, problems: Iterable[Problem]) -> dict[Kind, Counts]:
    by_kind: dict[Kind, list[Problem]] = {}
    for problem in problems:
        if (snapshot := store.snapshots.get(problem.source)) is not None:
            by_kind.setdefault(snapshot.kind, []).append(problem)
    return {kind: count(found) for kind, found in by_kind.items()}


def notice(snapshot: Snapshot, now: float) -> Cell | None:
    """One line about a source that is not well: since when its rows are old, what, why and when the next try is."""
    if snapshot.state == "ok":
        return None
    if snapshot.state == "unconfigured":
        return Cell(f"not configured: {visible(snapshot.error or '')}", "dim")
    old = "" if snapshot.observed_at is None else f", last seen {age(now - snapshot.observed_at)} ago"
    wait = None if snapshot.next_try_at is None else snapshot.next_try_at - now
    again = "" if wait is None else " (trying again now)" if wait < 1 else f" (next try in {age(wait)})"
    seen = verdict(snapshot.state)
    return Cell(f"{seen.text} {visible(snapshot.source)}{old}: {visible(snapshot.error or 'no reason given')}{again}", seen.role)


def notices(snapshots: Iterable[Snapshot], now: float) -> tuple[Cell, ...]:
    return tuple(cell for snapshot in snapshots if (cell := notice(snapshot, now)) is not None)


# What the overview shows of a row: a few of the pane's own columns.
SHOWN: dict[Kind, tuple[str, ...]] = {
    "topics": ("state", "name", "source", "rate", "loaded", "sent", "reason"),
    "offsets": ("state", "name", "topic", "rate1", "lag", "reason"),
    "heap": ("state", "name", "gauge", "used", "figure", "age", "reason"),
    "queues": ("state", "name", "source", "pending", "consumers", "enqueue", "dequeue", "reason"),
}
LESS: dict[Kind, tuple[str, ...]] = {"topics": ("sent",), "queues": ("dequeue", "enqueue")}  # make room for the source
SOURCE_WIDTH = 8  # cells: enough to tell two clusters apart


def _flow(entry: Entry, now: float) -> Cell:
    item = entry.item
    value = item.records_per_min if isinstance(item, ReceiverStatus) else item.sent_per_min
    return Cell(rate(value), "dim" if not value else "", value)


def _waiting(entry: Entry, now: float) -> Cell:
    value = 0 if isinstance(entry.item, ReceiverStatus) else entry.item.waiting
    return Cell(f"{value:,}", "" if value else "dim", value)


def _failed(entry: Entry, now: float) -> Cell:
    value = 0 if isinstance(entry.item, ReceiverStatus) else entry.item.failed
    return Cell(f"{value:,}", "crit" if value else "dim", value)


def _way(entry: Entry, now: float) -> Cell:
    return Cell("receives" if isinstance(entry.item, ReceiverStatus) else "sends", "dim")


RELAY = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict(e.item.state)),
    Field(Column("name", "NAME", 12, least=8, grow=True), lambda e, now: Cell(visible(e.item.name), "", e.item.name)),
    Field(Column("way", "", 8, keep=3), _way),
    Field(Column("rate", "REC/min", 7, "right"), _flow),
    Field(Column("waiting", "WAITING", 7, "right"), _waiting),
    Field(Column("failed", "FAILED", 6, "right"), _failed),
    Field(Column("error", "LAST ERROR", 12, least=12, keep=4, grow=True), lambda e, now: Cell(visible(e.item.last_error or ""), "dim")),
)


def _fields(pane: Pane, store: Store) -> tuple[Field, ...]:
    if pane.kind == "relay":
        return RELAY
    keys = SHOWN.get(pane.kind, ()) if pane.kind else ()
    less = LESS.get(pane.kind, ()) if pane.kind else ()
    return tuple(_narrow(field, less) for field in pane.groups(store)[0].fields if field.column.key in keys)


def _narrow(field: Field, less: Sequence[str]) -> Field:
    """Where several sources have things of one name it must be seen whose each is; in the pane itself there is more room."""
    if field.column.key == "source":
        return field._replace(column=field.column._replace(width=SOURCE_WIDTH, keep=0))
    return field._replace(column=field.column._replace(keep=1)) if field.column.key in less else field


class Blocks:
    """One block for each pane of a kind. Each is made anew when one of its snapshots was replaced, or `lasts` seconds are over: until
    then nothing in it can have changed but ages."""

    def __init__(self, lasts: float) -> None:
        self._lasts = lasts
        self._made: dict[str, tuple[list[Snapshot], int, float, Block]] = {}

    def of(self, store: Store, problems: Iterable[Problem], now: float, limit: int) -> list[Block]:
        """With at most `limit` of the worst rows of each."""
        by_kind = counts_by_kind(store, problems)
        found: list[Block] = []
        for pane in panes():
            if pane.kind is None:
                continue
            snapshots = store.of_kind(pane.kind)
            made = self._made.get(pane.name)
            if made is None or made[1] != limit or now - made[2] >= self._lasts or not _same(made[0], snapshots):
                made = (snapshots, limit, now, block(pane, store, by_kind.get(pane.kind, Counts()), now, limit))
                self._made[pane.name] = made
            found.append(made[3])
        return found


def _same(before: list[Snapshot], after: list[Snapshot]) -> bool:
    return len(before) == len(after) and all(one is other for one, other in zip(before, after, strict=True))


def _front(pane: Pane) -> int:
    """How many of its groups count here: no totals, no connections."""
    return 2 if pane.kind == "relay" else 1


def block(pane: Pane, store: Store, counts: Counts, now: float, limit: int) -> Block:
    fields = _fields(pane, store)
    entries = [entry for entry in pane.entries(store) if entry.group < _front(pane)]
    rows = tuple(
        Row(entry.key, tuple(field.cell(entry, now) for field in fields), entry.snapshot.state != "ok")
        for entry in worst(entries, fields[0], now, limit)
    )
    return Block(
        pane=pane.name,
        key=pane.key,
        title=pane.title,
        total=len(entries),
        counts=counts,
        columns=tuple(field.column for field in fields),
        rows=rows,
        notices=notices(store.of_kind(pane.kind) if pane.kind else [], now),
    )


def worst(entries: list[Entry], field: Field, now: float, limit: int) -> list[Entry]:
    """The first `limit` by the state column, in the order of the sources among equals: no name jumps about while all is well."""
    ranked = sorted(entries, key=lambda entry: float(field.cell(entry, now).sort or 0))
    return ranked[:limit]


# The pane's own rows, for the command line: one a source.

NOUNS: dict[Kind, str] = {
    "relay": "receivers and senders",
    "topics": "topics",
    "offsets": "consumers",
    "heap": "agents",
    "queues": "queues",
}


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    yield Entry(snapshot.source, 0, snapshot, snapshot)


def words(entry: Entry) -> str:
    return f"{entry.snapshot.source} {entry.snapshot.kind} {entry.snapshot.state} {entry.snapshot.error or ''}"


def _pane_of(snapshot: Snapshot) -> Pane | None:
    return next((pane for pane in panes() if pane.kind == snapshot.kind), None)


def _rows_of(snapshot: Snapshot) -> list[Entry]:
    store = Store()
    store.apply(snapshot)
    pane = _pane_of(snapshot)
    return [] if pane is None else [entry for entry in pane.entries(store) if entry.group < _front(pane)]


def _holds(entry: Entry, now: float) -> Cell:
    found = _rows_of(entry.snapshot)
    return Cell(f"{len(found):,} {NOUNS[entry.snapshot.kind]}" if entry.snapshot.data is not None else UNKNOWN, "", len(found))


def _word(item: Any) -> str:
    """Its verdict; the state of what has none, or has none now: a log that cannot be read."""
    state: str = getattr(item, "state", "ok")
    word: str = getattr(item, "verdict", state)
    return word if state == "ok" else state


def _says(entry: Entry, now: float) -> Cell:
    snapshot = entry.snapshot
    if snapshot.error:
        return Cell(visible(snapshot.error), "dim")
    found = _rows_of(snapshot)
    if not found:
        return Cell("")
    states = [verdict(word) for word in (_word(each.item) for each in found)]
    bad = [state.text.strip() for state in sorted(states, key=lambda cell: float(cell.sort or 0)) if float(state.sort or 0) <= 1]
    tally = ", ".join(f"{bad.count(word)} {word}" for word in dict.fromkeys(bad))
    return Cell(tally, "warn" if tally else "dim")


def _age(entry: Entry, now: float) -> Cell:
    at = entry.snapshot.observed_at
    return Cell(UNKNOWN, "dim") if at is None else Cell(age(now - at), "", now - at)


FIELDS = (
    Field(Column(STATE, "STATE", 14, least=9), lambda e, now: verdict(e.snapshot.state)),
    Field(Column("name", "SOURCE", 16, least=10, grow=True), lambda e, now: Cell(visible(e.snapshot.source), "", e.snapshot.source)),
    Field(Column("kind", "KIND", 8), lambda e, now: Cell(e.snapshot.kind, "dim", e.snapshot.kind)),
    Field(Column("age", "AGE", 7, "right"), _age),
    Field(Column("holds", "HOLDS", 24, keep=2), _holds),
    Field(Column("says", "SAYS", 20, least=8, keep=1, grow=True), _says),
)


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    snapshot = entry.snapshot
    facts = (
        ("State", verdict(snapshot.state)),
        ("Kind", Cell(snapshot.kind)),
        ("Observed", Cell(moment(snapshot.observed_at))),
        ("Asked every", Cell(age(snapshot.interval_s))),
        ("Error", Cell(visible(snapshot.error or "none"))),
        ("Next try", Cell(moment(snapshot.next_try_at))),
    )
    return [Section(visible(snapshot.source), facts=facts)]


PANE = ListPane(
    name="overview",
    kind=None,
    key="0",
    title="Overview",
    groups=(Group("sources", "Sources", FIELDS),),
    entries=entries,
    words=words,
    detail=detail,
    nothing="No source is configured; see config.yaml.",
)
