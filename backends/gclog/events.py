"""What a garbage collection log says, as values. Past tense: each is something the JVM did and wrote down.

`at` is seconds on the log's own clock (uptime when the log states it, else epoch seconds), `wall` epoch seconds; both are None when
the lines carry no such stamp. Sizes are KiB. What the log does not say is None.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from backends.agent import Basis, Occupancy

MAX_MARK = 200  # characters of the JVM's own words that are kept
Kind = Literal["young", "full", "degenerated", "cycle", "usage"]
"""young: spares the old generation. full: collects it. degenerated: a Shenandoah cycle finished with the world stopped.
cycle: the end of a concurrent cycle that states the heap; of generational Shenandoah its `cause` is the part (Young, Old, Global).
usage: a collector that never frees (Epsilon) states how full it is."""


class Named(Struct, frozen=True):
    """The log let us know its collector: `stated` by its own header, else inferred from the names of its pools and pauses."""

    collector: str
    stated: bool


class Regioned(Struct, frozen=True):
    """The log let us know how large a G1 region is; in a rotated file that may come after the collections it is needed for."""

    region_kib: float


class Launched(Struct, frozen=True):
    """A JVM started: its header was written, or the uptime ran backwards. What came before belongs to a process that is gone."""

    at: float | None


class Opened(Struct, frozen=True):
    """A pause began; the line with its end has not come yet."""

    at: float | None
    wall: float | None
    cause: str


class Regions(Struct, frozen=True):
    """G1's old generation in regions."""

    before: int
    after: int
    humongous: int | None

    def old(self, region_kib: float, heap: Occupancy | None) -> Occupancy:
        """Any region may become old, so what bounds G1's old generation is the heap."""
        return Occupancy(round(self.before * region_kib), round(self.after * region_kib), None if heap is None else heap.capacity_kib)

    def humongous_kib(self, region_kib: float) -> int | None:
        return None if self.humongous is None else round(self.humongous * region_kib)


class Collected(Struct, frozen=True, gc=False):
    kind: Kind
    at: float | None
    wall: float | None
    cause: str | None
    heap: Occupancy | None
    old: Occupancy | None
    basis: Basis | None  # what `old` rests on
    pause_s: float | None  # None: concurrent, or not stated
    humongous_kib: int | None = None  # G1: after the collection, beside `old`
    regions: Regions | None = None  # G1, as long as the log has not told the size of a region
    filled: float | None = None  # share of the maximal heap in use afterwards, for logs that state a percentage and no capacity


class Run(Struct, frozen=True):
    """Young collections one after the other, each one line of the same form: kept as these lines until they are wanted one by one.

    What makes a large log quick to read: most of it is such lines, of which sums are wanted and the last few figures.
    """

    lines: list[bytes]
    pauses_s: list[float]  # one for each line
    read: "Callable[[bytes], Collected]"

    def collections(self, newest: int | None = None) -> "list[Collected]":
        """All of them, or the newest so many; oldest first."""
        return [self.read(line) for line in (self.lines if newest is None else self.lines[-newest:])]


class Sized(Struct, frozen=True):
    """Detail lines after a collection told its pools: they replace those of the collection just before (G1 of JDK 6-8)."""

    heap: Occupancy
    old: Occupancy | None
    basis: Basis | None


class Paused(Struct, frozen=True, gc=False):
    """The world stopped for a phase that collects nothing by itself: initial mark, remark, cleanup, ZGC's and Shenandoah's phases."""

    at: float | None
    wall: float | None
    name: str
    pause_s: float
    heap: Occupancy | None = None


class Stalled(Struct, frozen=True):
    """A thread waited for memory (ZGC)."""

    at: float | None
    wall: float | None
    stall_s: float


class Exhausted(Struct, frozen=True):
    """The JVM's own mark that memory is out: an OutOfMemoryError, or its limit of time spent collecting (GCTimeLimit)."""

    at: float | None
    wall: float | None
    text: str


class Exited(Struct, frozen=True):
    """The heap was printed at exit: the process ended in an orderly way."""

    at: float | None
    wall: float | None


Event = Named | Regioned | Launched | Opened | Collected | Sized | Paused | Stalled | Exhausted | Exited
Packed = Event | Run


def unpacked(events: Iterable[Packed]) -> list[Event]:
    """Runs taken apart."""
    return [event for one in events for event in (one.collections() if isinstance(one, Run) else (one,))]
