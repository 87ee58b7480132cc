"""What a GC log says of an agent, as the list and its pages write it. What the log does not say is `UNKNOWN`, never 0."""

from typing import NamedTuple

from backends.agent import Basis, HeapFile, Occupancy
from tui.format import UNKNOWN, percent, size, span
from tui.pane import Cell, Role

WARN_AT, CRIT_AT = 0.70, 0.85  # of the old generation after a collection: where the gauge changes colour
STOPPED_AT, STUCK_AT = 0.10, 0.50  # of the time with the world stopped: where it is felt, and where nothing else goes on
KIB = 1024
BASES: dict[Basis | None, str] = {"heap": "whole heap", None: ""}  # others are their own words


class Gauge(NamedTuple):
    """How full the old generation is, or the heap where the log has no more; and what that rests on."""

    occupancy: Occupancy | None
    basis: str
    used_kib: int | None
    capacity_kib: int | None

    @property
    def share(self) -> float | None:
        return None if self.used_kib is None or not self.capacity_kib else self.used_kib / self.capacity_kib


def gauge(file: HeapFile) -> Gauge:
    """The best figure there is."""
    if (old := file.last_after_gc) is not None and file.old_kib is not None:
        return Gauge(old, basis(file.old_basis), file.old_kib, old.capacity_kib)
    heap = file.heap_last
    if heap is None:
        return Gauge(file.last_after_gc, basis(file.old_basis) if file.last_after_gc is not None else "", None, None)
    return Gauge(heap, BASES["heap"], heap.after_kib, heap.capacity_kib)


def basis(value: Basis | None) -> str:
    return BASES.get(value, value or "")


def role_of(share: float | None) -> Role:
    if share is None:
        return "dim"
    return "crit" if share >= CRIT_AT else "warn" if share >= WARN_AT else "ok"


def kib(value: float | None) -> str:
    return size(None if value is None else value * KIB)


def freed(occupancy: Occupancy | None) -> float | None:
    """Share of what was there that a collection freed."""
    if occupancy is None or occupancy.after_kib is None or not occupancy.before_kib:
        return None
    return (occupancy.before_kib - occupancy.after_kib) / occupancy.before_kib


def part(share: float | None) -> str:
    """Of what a collection freed; one that left a little more than there was freed 0 %."""
    return UNKNOWN if share is None else f"{round(share * 100)}%"


def pause(seconds: float | None) -> str:
    return "<1ms" if seconds is not None and 0 < seconds < 0.0005 else span(seconds)


def change(occupancy: Occupancy | None) -> str:
    """`2.6 GiB → 1.1 GiB`."""
    if occupancy is None or (occupancy.before_kib is None and occupancy.after_kib is None):
        return UNKNOWN
    return f"{kib(occupancy.before_kib)} → {kib(occupancy.after_kib)}"


def last_full(file: HeapFile) -> str:
    """Of the old generation, or of the heap where the log has no more."""
    occupancy = file.last_full or file.last_full_heap
    if occupancy is None or (share := freed(occupancy)) is None:
        return UNKNOWN
    return f"{change(occupancy)}  freed {part(share)}"


def share_cell(share: float | None) -> Cell:
    """Of the time, with the world stopped."""
    if share is None:
        return Cell(UNKNOWN, "dim")
    text = "<1%" if 0 < share < 0.005 else percent(share, 1.0)
    return Cell(text, "crit" if share >= STUCK_AT else "warn" if share >= STOPPED_AT else "", share)


def flow(kib_per_s: float | None) -> Cell:
    return Cell(kib(kib_per_s), "dim" if not kib_per_s else "", kib_per_s)
