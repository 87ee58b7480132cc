"""Heap: is a producer agent hanging because its old generation is full."""

from collections.abc import Iterable

from backends.agent import HeapFile, Occupancy
from backends.questions import Found
from backends.snapshots import Heap, Snapshot
from tui.format import UNKNOWN, age, bar, moment, number, percent, size, span, visible
from tui.listpane import ListPane
from tui.pane import Cell, Column, Entry, Field, Group, Role, Section
from tui.words import verdict

GAUGE = 16  # cells
WARN_AT, CRIT_AT = 0.70, 0.85  # of the old generation after a collection: where the gauge changes colour
KIB = 1024


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    if isinstance(snapshot.data, Heap):
        for file in snapshot.data.files:
            yield Entry(f"{snapshot.source}/{file.name}/{file.file}", 0, file, snapshot)


def words(entry: Entry) -> str:
    file: HeapFile = entry.item
    return f"{file.name} {file.verdict} {file.reason} {file.file} {file.collector or ''}"


def gauge(file: HeapFile) -> tuple[Occupancy | None, str]:
    """The best figure there is, and what it is based on."""
    if file.last_after_gc is not None:
        return file.last_after_gc, {"heap": "whole heap", None: ""}.get(file.old_basis, file.old_basis or "")
    return (file.heap_last, "whole heap") if file.heap_last is not None else (None, "")


def used(file: HeapFile) -> float | None:
    """Share of the capacity in use after the last collection."""
    occupancy, _ = gauge(file)
    if occupancy is None or occupancy.after_kib is None or not occupancy.capacity_kib:
        return None
    return occupancy.after_kib / occupancy.capacity_kib


def _role(share: float | None) -> Role:
    if share is None:
        return "dim"
    return "crit" if share >= CRIT_AT else "warn" if share >= WARN_AT else "ok"


def _gauge(entry: Entry, now: float) -> Cell:
    share = used(entry.item)
    return Cell(bar(share, GAUGE), _role(share), share)


def _used(entry: Entry, now: float) -> Cell:
    share = used(entry.item)
    return Cell(percent(share, 1.0), _role(share) if share is not None and share >= WARN_AT else "", share)


def _figure(entry: Entry, now: float) -> Cell:
    occupancy, _ = gauge(entry.item)
    if occupancy is None or occupancy.after_kib is None:
        return Cell(UNKNOWN, "dim")
    capacity = "?" if occupancy.capacity_kib is None else size(occupancy.capacity_kib * KIB)
    return Cell(f"{size(occupancy.after_kib * KIB)} of {capacity}", "", occupancy.after_kib)


def freed(occupancy: Occupancy | None) -> float | None:
    """Share of what was there that a collection freed."""
    if occupancy is None or occupancy.after_kib is None or not occupancy.before_kib:
        return None
    return (occupancy.before_kib - occupancy.after_kib) / occupancy.before_kib


def last_full(file: HeapFile) -> str:
    occupancy = file.last_full or file.last_full_heap
    if occupancy is None or occupancy.before_kib is None or occupancy.after_kib is None:
        return UNKNOWN
    return f"{size(occupancy.before_kib * KIB)} → {size(occupancy.after_kib * KIB)}  freed {percent(freed(occupancy), 1.0)}"


def _full(entry: Entry, now: float) -> Cell:
    share = freed(entry.item.last_full or entry.item.last_full_heap)
    return Cell(last_full(entry.item), "dim" if share is None else "", share)


def _pause(entry: Entry, now: float) -> Cell:
    pause = entry.item.pause_max_s
    return Cell(span(pause), "dim" if pause is None else "", pause)


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
    Field(Column("source", "SOURCE", 10, keep=9), lambda e, now: Cell(visible(e.snapshot.source), "dim", e.snapshot.source)),
    Field(Column("gauge", "OLD GENERATION", GAUGE, least=8), _gauge),
    Field(Column("used", "USED", 5, "right"), _used),
    Field(Column("figure", "AFTER COLLECTION", 19, keep=4), _figure),
    Field(Column("basis", "BASIS", 10, keep=7), lambda e, now: Cell(gauge(e.item)[1] or UNKNOWN, "dim", gauge(e.item)[1])),
    Field(Column("full", "LAST FULL COLLECTION", 31, keep=5), _full),
    Field(Column("count", "FULL", 5, "right", keep=2), lambda e, now: Cell(number(e.item.full), "", e.item.full)),
    Field(Column("pause", "PAUSE", 7, "right", keep=3), _pause),
    Field(Column("age", "AGE", 7, "right", keep=1), _age),
    Field(Column("reason", "REASON", 20, least=18, keep=6, grow=True), _reason),
)


def _occupancy(occupancy: Occupancy | None) -> Cell:
    if occupancy is None:
        return Cell(UNKNOWN, "dim")
    parts = [UNKNOWN if kib is None else size(kib * KIB) for kib in (occupancy.before_kib, occupancy.after_kib, occupancy.capacity_kib)]
    return Cell(f"{parts[0]} → {parts[1]}  capacity {parts[2]}")


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
    file: HeapFile = entry.item
    occupancy, basis = gauge(file)
    old_script = UNKNOWN if file.old_script_pct is None else f"{file.old_script_pct:.0f}%  (after of before, as the old script printed it)"
    facts = (
        ("Verdict", _word(entry, now)),
        ("Why", Cell(visible(file.error or file.reason))),
        ("Old generation", Cell(f"{bar(used(file), 24)} {percent(used(file), 1.0)}  {basis}", _role(used(file)))),
        ("Last collection", _occupancy(occupancy)),
        ("Last full", _occupancy(file.last_full)),
        ("Last full freed", Cell(percent(freed(file.last_full or file.last_full_heap), 1.0))),
        ("Old script", Cell(old_script)),
        ("Last full at", Cell(moment(file.last_full_at))),
        ("Full collections", Cell(f"{number(file.full)}, {number(file.full_last_hour)} in the last hour")),
        ("Young collections", Cell(number(file.young))),
        ("Longest pause", Cell(span(file.pause_max_s))),
        ("All pauses", Cell(f"{number(file.pauses)}, {age(file.pause_total_s)} together")),
        ("Last event", Cell(moment(file.last_event_at))),
        ("Collector", Cell(visible(f"{file.collector or UNKNOWN}  {file.style or ''}".strip()))),
        ("File", Cell(visible(file.file))),
        ("Lines not understood", Cell(number(file.unknown_lines), "warn" if file.unknown_lines else "")),
    )
    return [Section(visible(file.name), facts=facts)]


PANE = ListPane(
    name="heap",
    kind="heap",
    key="4",
    title="Heap",
    groups=(Group("agents", "Agents", FIELDS),),
    entries=entries,
    words=words,
    detail=detail,
    nothing="No GC log matches heap[].path in config.yaml yet.",
)
