"""Heap: is a producer agent hanging because its old generation is full."""

from collections.abc import Iterable

from backends.agent import HeapFile
from backends.questions import HeapOf
from backends.snapshots import Heap, Snapshot
from tui.format import UNKNOWN, age, bar, number, percent, visible
from tui.listpane import ListPane
from tui.pane import Cell, Column, Entry, Field, Group
from tui.panes.heap_cells import WARN_AT, flow, freed, gauge, kib, last_full, pause, role_of, share_cell
from tui.panes.heap_detail import detail
from tui.words import verdict

GAUGE = 10  # cells


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    if isinstance(snapshot.data, Heap):
        for file in snapshot.data.files:
            yield Entry(f"{snapshot.source}/{file.name}/{file.file}", 0, file, snapshot)


def words(entry: Entry) -> str:
    file: HeapFile = entry.item
    return f"{file.name} {file.verdict} {file.reason} {file.file} {file.collector or ''}"


def inquiry(entry: Entry) -> HeapOf | None:
    """Nothing is asked of what was never a GC log."""
    return HeapOf(entry.item.name) if entry.item.style is not None else None


def _gauge(entry: Entry, now: float) -> Cell:
    share = gauge(entry.item).share
    return Cell(bar(share, GAUGE), role_of(share), share)


def _used(entry: Entry, now: float) -> Cell:
    share = gauge(entry.item).share
    return Cell(percent(share, 1.0), role_of(share) if share is None or share >= WARN_AT else "", share)


def _figure(entry: Entry, now: float) -> Cell:
    found = gauge(entry.item)
    if found.used_kib is None:
        return Cell(UNKNOWN, "dim")
    return Cell(f"{kib(found.used_kib)} of {'?' if found.capacity_kib is None else kib(found.capacity_kib)}", "", found.used_kib)


def _basis(entry: Entry, now: float) -> Cell:
    text = gauge(entry.item).basis
    return Cell(text or UNKNOWN, "dim", text or None)


def _full(entry: Entry, now: float) -> Cell:
    share = freed(entry.item.last_full or entry.item.last_full_heap)
    return Cell(last_full(entry.item), "dim" if share is None else "", share)


def _old_script(entry: Entry, now: float) -> Cell:
    share = entry.item.old_script_pct
    return Cell(percent(share, 100.0), "dim", share)


def _in_an_hour(entry: Entry, now: float) -> Cell:
    many = entry.item.full_last_hour
    return Cell(number(many), "" if many else "dim", many)


def _pause(entry: Entry, now: float) -> Cell:
    longest = entry.item.pause_max_s
    return Cell(pause(longest), "dim" if longest is None else "", longest)


def _age(entry: Entry, now: float) -> Cell:
    at = entry.item.last_event_at
    return Cell(UNKNOWN, "dim") if at is None else Cell(age(now - at), "", now - at)


def _word(entry: Entry, now: float) -> Cell:
    file: HeapFile = entry.item
    return verdict(file.verdict if file.state == "ok" else file.state)


def _reason(entry: Entry, now: float) -> Cell:
    text = visible(entry.item.error or entry.item.reason)
    return Cell(text, "dim", text)


FIELDS = (
    Field(Column("state", "VERDICT", 11, least=9), _word),
    Field(Column("name", "AGENT", 16, least=14, grow=True), lambda e, now: Cell(visible(e.item.name), "", e.item.name)),
    Field(Column("source", "SOURCE", 10, keep=13), lambda e, now: Cell(visible(e.snapshot.source), "dim", e.snapshot.source)),
    Field(Column("gauge", "OLD GEN", GAUGE), _gauge),
    Field(Column("used", "USED", 5, "right"), _used),
    Field(Column("figure", "AFTER COLLECTION", 18, keep=3), _figure),
    Field(Column("basis", "BASIS", 10, keep=8), _basis),
    Field(Column("full", "LAST FULL COLLECTION", 28, keep=1), _full),
    Field(Column("script", "OLD %", 5, "right", keep=6), _old_script),
    Field(Column("hour", "FULL/h", 6, "right", keep=4), _in_an_hour),
    Field(Column("pause", "PAUSE", 6, "right", keep=5), _pause),
    Field(Column("stopped", "PAUSED", 6, "right", keep=7), lambda e, now: share_cell(e.item.pause_share)),
    Field(Column("allocated", "ALLOC/s", 8, "right", keep=10), lambda e, now: flow(e.item.allocated_kib_per_s)),
    Field(Column("promoted", "PROMO/s", 8, "right", keep=11), lambda e, now: flow(e.item.promoted_kib_per_s)),
    Field(Column("age", "AGE", 6, "right", keep=2), _age),
    Field(Column("reason", "REASON", 20, least=18, keep=9, grow=True), _reason),
)


PANE = ListPane(
    name="heap",
    kind="heap",
    key="4",
    title="Heap",
    groups=(Group("agents", "Agents", FIELDS),),
    entries=entries,
    words=words,
    detail=detail,
    inquiry=inquiry,
    nothing="No GC log matches heap[].path in config.yaml yet.",
)
