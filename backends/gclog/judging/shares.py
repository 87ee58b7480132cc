"""One collection in shares: what it freed of what was there, how full it left what bounds it. Pure.

The old generation is looked at where the log tells it, G1's humongous regions included (they are old to the JVM); else the whole heap. What
bounds it is the largest capacity that the process had so far: a JVM gives memory back while it has plenty, and takes it again.
"""

from typing import NamedTuple

from msgspec import Struct

from backends.gclog.events import Collected

FREES_NOTHING = 0.05  # of what was there before: less is no relief
FULL_OLD = 0.90  # left at least so full by a collection that frees nothing: it is futile
FULL_HEAP = 0.85  # the same for a whole heap: with -Xlog:gc the parallel collector ends at 86 % of it
FULL_OF_MAX = 0.95  # the same for ZGC, which states percentages of the maximum and needs no room to copy into
ASKED = ("System.gc()", "System", "Heap Dump", "Heap Inspection", "Diagnostic Command", "JvmtiEnv", "WhiteBox")


class Measured(NamedTuple):
    """What one collection lets one know of the memory that can fill up."""

    before_kib: int | None
    after_kib: int
    capacity_kib: float
    is_old: bool
    enough: float  # share from which it counts as full


class Shares(Struct, frozen=True):
    event: Collected
    freed: float  # of what was there before; below 0 where it grew
    left: float
    enough: float
    capacity_kib: float
    stopped_s: float = 0.0  # pauses since the futile collection before it, its own included

    @property
    def is_futile(self) -> bool:
        return self.freed < FREES_NOTHING and self.left >= self.enough

    @property
    def percents(self) -> str:
        return f"freed {max(self.freed, 0):.1%} and left {self.left:.0%} full"


def measured(event: Collected) -> Measured | None:
    """None when the log states too little."""
    old = event.old
    if old is not None and old.after_kib is not None and old.capacity_kib and event.basis != "heap":
        extra = event.humongous_kib or 0
        before = None if old.before_kib is None else old.before_kib + extra
        return Measured(before, max(0, old.after_kib + extra), old.capacity_kib, True, FULL_OLD)
    heap = event.heap
    if heap is None or heap.after_kib is None:
        return None
    if event.filled:
        return Measured(heap.before_kib, heap.after_kib, heap.capacity_kib or heap.after_kib / event.filled, False, FULL_OF_MAX)
    if not heap.capacity_kib or heap.capacity_kib < 0:
        return None
    return Measured(heap.before_kib, heap.after_kib, heap.capacity_kib, False, FULL_HEAP)


def shares(event: Collected, bound_kib: float = 0.0) -> Shares | None:
    """`bound_kib`: the largest capacity of the old generation so far. Of the whole heap only its own capacity counts: the parallel
    collector moves it with the size of its survivor spaces."""
    found = measured(event)
    if found is None or not found.before_kib or found.before_kib < 0 or found.capacity_kib <= 0:
        return None
    capacity_kib = max(found.capacity_kib, bound_kib) if found.is_old else found.capacity_kib
    freed = (found.before_kib - found.after_kib) / found.before_kib
    left = event.filled if event.filled is not None and not found.is_old else found.after_kib / capacity_kib
    return Shares(event, freed, left, found.enough, capacity_kib)


def is_asked(event: Collected) -> bool:
    """Somebody wanted this collection; it does not say that memory was short."""
    return event.cause is not None and event.cause.startswith(ASKED)


def is_stall(event: Collected) -> bool:
    """ZGC: threads waited for this collection."""
    return event.cause is not None and event.cause.startswith("Allocation Stall")


def is_of_a_part(event: Collected) -> bool:
    """A cycle of one generation of Shenandoah, which runs them without a rest when the heap is nearly full: that it frees nothing says
    nothing of the heap."""
    return event.kind == "cycle" and event.cause in ("Young", "Old")
