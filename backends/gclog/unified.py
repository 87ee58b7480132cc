"""Unified logging (JDK 9 and newer, JEP 158): lines in, events out. Any decorations, none too. Pure.

A collection is the lines with its number, `GC(7)`; numbers interleave (a concurrent cycle 50 runs around a full collection 49), so what a
number said before its last line is kept by number. Lines are found by searching the block for a literal, never by splitting it: a dense log
has thirty lines a collection of which three matter.
"""

import re
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from backends.agent import Occupancy
from backends.gclog import stamps
from backends.gclog.detect import HEADERS, POOLS, RANK
from backends.gclog.events import Collected, Event, Exhausted, Exited, Kind, Launched, Named, Opened, Paused, Regioned, Regions, Stalled
from backends.gclog.sizes import CHANGE, SIZE, change, kib

MAX_NAMES = 256  # of pauses: a JVM has a dozen; a file of random bytes has no end of them
MAX_OPEN = 64  # collections between first and last line: two or three in a sound log, more only where last lines are missing

NUMBERED = re.compile(
    rb"GC\((\d+)\) (?:Pause ([^>\r\n]*) (\d+)M->(\d+)M\((\d+)M\) (\d+\.\d+)ms$|(?:[yYO]: )?"
    rb"(Pause |Old regions: |Humongous regions: |ParOldGen: |PSOldGen: |PSYoungGen: |Tenured: |DefNew: |ParNew: |CMS: "
    rb"|Max Capacity: |Garbage Collection |Minor Collection |Major Collection |Concurrent cleanup)([^\r\n]*))",
    re.MULTILINE,
)
"""Its first half is a pause as most are written; the second takes all others apart word by word."""
HEADER = re.compile(rb"Using (G1|Parallel|Serial|Concurrent Mark Sweep|The Z Garbage Collector|Shenandoah|Epsilon)[ \r]*$", re.MULTILINE)
REGION = re.compile(rb"egion [Ss]ize:? %b" % SIZE)
STALL = re.compile(rb"Allocation Stall \([^\r\n]*\) (\d+[.,]\d+)ms")
OUT = re.compile(rb"Out Of Memory \([^\r\n)]*\)|OutOfMemoryError[^\r\n]*")
EPSILON = re.compile(rb"Heap: %b reserved, %b [^\r\n]*committed, %b [^\r\n]*used" % (SIZE, SIZE, SIZE))
EXIT = re.compile(rb"Heap[ \r]*$", re.MULTILINE)
MAX_CAPACITY = re.compile(rb"\] ?Max Capacity: %b" % SIZE)
GENERATIONS = re.compile(rb"Mode: Generational")
RARE = (
    (b"Using ", HEADER),
    (b"egion ", REGION),
    (b"Allocation Stall", STALL),
    (b"Out", OUT),
    (b"Heap: ", EPSILON),
    (b"Heap", EXIT),
    (b"Mode: Gen", GENERATIONS),
    (b" Max Capacity: ", MAX_CAPACITY),
)
"""Messages without a number. Each is looked for only in a block that holds its literal."""

SPENT = re.compile(rb"(\d+[.,]\d+)(ms|s)")
FIRST_SIZE = re.compile(SIZE)
REGIONS = re.compile(rb"(\d+)->(\d+)")
CYCLE = re.compile(rb"%b\((\d+)%%\)->%b\((\d+)%%\)" % (SIZE, SIZE))
CAUSE = re.compile(rb"\(([^()]*(?:\([^()]*\))?[^()]*)\)[^()]*$")
BACKWARDS_S = 1.0  # threads write a few ms out of order; an uptime that falls by more is another JVM's


class Pools:
    """What the lines of one collection said so far."""

    __slots__ = ("humongous", "old", "regions")

    def __init__(self) -> None:
        self.old: Occupancy | None = None
        self.regions: tuple[int, int] | None = None
        self.humongous: int | None = None


NO_POOLS = Pools()


class Meaning(Struct, frozen=True):
    """What the name of a pause says: `Young (Normal) (G1 Evacuation Pause)`."""

    name: str
    kind: Kind | None  # None: it collects nothing
    cause: str | None
    collector: str | None


def _meaning(name: bytes) -> Meaning:
    kind = next((kind for word, kind in PAUSES if name.startswith(word)), None)
    cause = CAUSE.search(name)
    collector = next((collector for word, collector in PAUSE_NAMES if word in name), None)
    return Meaning(name.decode("latin-1"), kind, None if cause is None else cause[1].decode("latin-1"), collector)


def _seconds(spent: bytes) -> float | None:
    found = SPENT.fullmatch(spent)
    return None if found is None else stamps.of_ms(found[1]) if found[2] == b"ms" else stamps.number(found[1])


class Unified:
    """One JVM's log after another. `feed` takes whole lines."""

    def __init__(self) -> None:
        self.region_kib: float | None = None
        self.max_kib: int | None = None  # ZGC's percentages are of this
        self.collector: str | None = None
        self._stated = False
        self._open: OrderedDict[bytes, Pools] = OrderedDict()
        self._last_at: float | None = None
        self._meanings: dict[bytes, Meaning] = {}
        self._events: list[Event] = []

    def feed(self, block: bytes) -> list[Event]:
        """The events of these whole lines."""
        self._events = []
        hits: list[re.Match[bytes]] = list(NUMBERED.finditer(block))
        rare = [found for literal, pattern in RARE if literal in block for found in pattern.finditer(block)]
        if rare:
            hits = sorted(hits + rare, key=lambda found: found.start())
        for found in hits:
            if found.re is NUMBERED:
                self._numbered(found, block)
            else:
                UNNUMBERED[found.re](self, found, block)
        return self._events

    # Lines with a number

    def _numbered(self, found: "re.Match[bytes]", block: bytes) -> None:
        word = found[7]
        if word is None:
            self._plain(found, block)
        elif word == b"Pause ":
            self._pause(found, block)
        elif (read := POOL_LINES.get(word)) is not None:
            read(self, self._pools(found[1]), word, found[8])
        elif word == b"Concurrent cleanup":
            self._cleanup(found, block)
        elif word.endswith(b"Collection "):
            self._cycle(word, found, block)

    def _pools(self, number: bytes) -> Pools:
        pools = self._open.get(number)
        if pools is None:
            pools = self._open[number] = Pools()
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return pools

    def _old_regions(self, pools: Pools, word: bytes, rest: bytes) -> None:
        self._infer("G1")
        if (found := REGIONS.match(rest)) is not None:
            pools.regions = int(found[1]), int(found[2])

    def _humongous_regions(self, pools: Pools, word: bytes, rest: bytes) -> None:
        if (found := REGIONS.match(rest)) is not None:
            pools.humongous = int(found[2])

    def _old_pool(self, pools: Pools, word: bytes, rest: bytes) -> None:
        self._infer(POOLS[word[:-2]])
        if (found := CHANGE.match(rest)) is not None:
            pools.old = change(found)

    def _young_pool(self, pools: Pools, word: bytes, rest: bytes) -> None:
        self._infer(POOLS[word[:-2]])

    def _plain(self, found: "re.Match[bytes]", block: bytes) -> None:
        """As `_pause`, for sizes in whole megabytes."""
        number, name, before, after, capacity, spent = found.group(1, 2, 3, 4, 5, 6)
        when = self._when(found, block)
        heap = Occupancy(int(before) << 10, int(after) << 10, int(capacity) << 10)
        self._ended(number, self._meaning(name), when, heap, stamps.of_ms(spent))

    def _pause(self, found: "re.Match[bytes]", block: bytes) -> None:
        """`Pause Young (Normal) (G1 Evacuation Pause) 15M->4M(64M) 11.870ms`; without the time at its end it is the line that opens it."""
        rest = found[8].rstrip()
        at, wall = self._when(found, block)
        name, _, last = rest.rpartition(b" ")
        pause_s = _seconds(last)
        if pause_s is None:
            self._events.append(Opened(at, wall, self._meaning(rest).name))
            return
        heap = None
        before, _, last = name.rpartition(b" ")
        if (sizes := CHANGE.fullmatch(last)) is not None:
            heap, name = change(sizes), before
        self._ended(found[1], self._meaning(name), (at, wall), heap, pause_s)

    def _ended(self, number: bytes, meaning: "Meaning", when: stamps.Stamps, heap: Occupancy | None, pause_s: float) -> None:
        if meaning.kind is None:
            self._events.append(Paused(*when, meaning.name, pause_s, heap))
        else:
            pools = NO_POOLS if number not in self._open else self._open.pop(number)
            self._events.append(self._collected(meaning.kind, when, meaning.cause, heap, pause_s, pools))

    def _meaning(self, name: bytes) -> "Meaning":
        meaning = self._meanings.get(name)
        if meaning is None:
            if len(self._meanings) >= MAX_NAMES:
                self._meanings.clear()
            meaning = self._meanings[name] = _meaning(name)
        if meaning.collector is not None and meaning.collector != self.collector:
            self._infer(meaning.collector)
        return meaning

    def _collected(
        self, kind: Kind, when: stamps.Stamps, cause: str | None, heap: Occupancy | None, pause_s: float, pools: Pools
    ) -> Collected:
        if pools.old is not None:
            return Collected(kind, *when, cause, heap, pools.old, "stated", pause_s)
        if pools.regions is not None:
            regions = Regions(*pools.regions, pools.humongous)
            if self.region_kib is None:
                return Collected(kind, *when, cause, heap, None, None, pause_s, regions=regions)
            old, humongous_kib = regions.old(self.region_kib, heap), regions.humongous_kib(self.region_kib)
            return Collected(kind, *when, cause, heap, old, "regions", pause_s, humongous_kib)
        if heap is not None and self.collector in WHOLE_HEAP:
            return Collected(kind, *when, cause, heap, heap, "heap", pause_s)
        return Collected(kind, *when, cause, heap, None, None, pause_s)

    def _cleanup(self, found: "re.Match[bytes]", block: bytes) -> None:
        """Shenandoah states its heap at the end of a concurrent cycle only here."""
        rest = found[8]
        if (sizes := CHANGE.search(rest)) is None:
            return
        if self.collector == "G1" or self.collector == "CMS":
            return
        self._infer("Shenandoah generational" if rest.startswith((b" (Young)", b" (Old)")) else "Shenandoah")
        at, wall = self._when(found, block)
        heap = change(sizes)
        self._events.append(Collected("cycle", at, wall, None, heap, heap, "heap", None))

    def _cycle(self, word: bytes, found: "re.Match[bytes]", block: bytes) -> None:
        self._infer("ZGC" if word.startswith(b"Garbage") else "ZGC generational")
        at, wall = self._when(found, block)
        sizes = CYCLE.search(found[8])
        if sizes is None:
            return
        heap = Occupancy(round(kib(sizes[1], sizes[2])), round(kib(sizes[4], sizes[5])), self.max_kib)
        cause = CAUSE.search(found[8][: sizes.start()])
        why = None if cause is None else cause[1].decode("latin-1")
        kind: Kind = "young" if word.startswith(b"Minor") else "full"
        self._events.append(Collected(kind, at, wall, why, heap, heap, "heap", None, filled=int(sizes[6]) / 100))

    # Lines without a number

    def _header(self, found: "re.Match[bytes]", block: bytes) -> None:
        at, _ = self._when(found, block, launch=False)
        self._last_at = at
        self._open.clear()
        self.collector, self._stated = HEADERS[found[1]], True
        self._events += [Launched(at), Named(self.collector, True)]

    def _region(self, found: "re.Match[bytes]", block: bytes) -> None:
        size = kib(found[1], found[2])
        if size > 0 and size != self.region_kib:
            self.region_kib = size
            self._events.append(Regioned(size))

    def _max_capacity(self, found: "re.Match[bytes]", block: bytes) -> None:
        self.max_kib = round(kib(found[1], found[2]))

    def _max_of_cycle(self, pools: Pools, word: bytes, rest: bytes) -> None:
        if (found := FIRST_SIZE.match(rest)) is not None:
            self.max_kib = round(kib(found[1], found[2]))

    def _stall(self, found: "re.Match[bytes]", block: bytes) -> None:
        at, wall = self._when(found, block)
        self._events.append(Stalled(at, wall, stamps.of_ms(found[1])))

    def _out(self, found: "re.Match[bytes]", block: bytes) -> None:
        at, wall = self._when(found, block)
        self._events.append(Exhausted(at, wall, found[0].decode("latin-1")[:200]))

    def _epsilon(self, found: "re.Match[bytes]", block: bytes) -> None:
        self._infer("Epsilon")
        at, wall = self._when(found, block)
        heap = Occupancy(None, round(kib(found[5], found[6])), round(kib(found[1], found[2])))
        self._events.append(Collected("usage", at, wall, None, heap, heap, "heap", None))

    def _exit(self, found: "re.Match[bytes]", block: bytes) -> None:
        before = block[block.rfind(b"\n", 0, found.start()) + 1 : found.start()]
        if before.endswith((b"] ", b"]")) or not before:
            at, wall = self._when(found, block)
            self._events.append(Exited(at, wall))

    def _generational(self, found: "re.Match[bytes]", block: bytes) -> None:
        if self.collector in ("ZGC", "Shenandoah"):
            self._infer(f"{self.collector} generational")

    # What all lines share

    def _when(self, found: "re.Match[bytes]", block: bytes, launch: bool = True) -> stamps.Stamps:
        """The stamps of the line of this match; a clock that fell back tells of another JVM first."""
        at, wall = stamps.unified(block[block.rfind(b"\n", 0, found.start()) + 1 : found.start()])
        if at is not None:
            if launch and self._last_at is not None and at < self._last_at - BACKWARDS_S:
                self._open.clear()
                self._events.append(Launched(at))
                self._last_at = at
            self._last_at = at if self._last_at is None else max(at, self._last_at)
        return at, wall

    def _infer(self, collector: str) -> None:
        known = self.collector
        if known == collector or (known is not None and RANK.get(known, 5) >= RANK[collector]):
            return
        if known is not None and self._stated and not collector.startswith(known):
            return
        self.collector = collector
        self._events.append(Named(collector, False))


WHOLE_HEAP = ("ZGC", "ZGC generational", "Shenandoah", "Shenandoah generational", "Epsilon")
PAUSES: tuple[tuple[bytes, Kind], ...] = ((b"Young", "young"), (b"Full", "full"), (b"Degenerated", "degenerated"))
PAUSE_NAMES = (
    (b"G1 ", "G1"),
    (b"(Normal)", "G1"),
    (b"(Concurrent Start)", "G1"),
    (b"Mark Start", "ZGC"),
    (b"Relocate Start", "ZGC"),
    (b"Init Mark", "Shenandoah"),
    (b"Final Mark", "Shenandoah"),
    (b"Final Evac", "Shenandoah"),
    (b"Update Refs", "Shenandoah"),
    (b"Degenerated GC", "Shenandoah"),
)
POOL_LINES: dict[bytes, Callable[[Unified, Pools, bytes, bytes], None]] = {
    b"Old regions: ": Unified._old_regions,
    b"Humongous regions: ": Unified._humongous_regions,
    b"ParOldGen: ": Unified._old_pool,
    b"PSOldGen: ": Unified._old_pool,
    b"Tenured: ": Unified._old_pool,
    b"CMS: ": Unified._old_pool,
    b"PSYoungGen: ": Unified._young_pool,
    b"DefNew: ": Unified._young_pool,
    b"ParNew: ": Unified._young_pool,
    b"Max Capacity: ": Unified._max_of_cycle,
}
UNNUMBERED: dict["re.Pattern[bytes]", Callable[[Unified, "re.Match[bytes]", bytes], None]] = {
    HEADER: Unified._header,
    REGION: Unified._region,
    STALL: Unified._stall,
    OUT: Unified._out,
    EPSILON: Unified._epsilon,
    EXIT: Unified._exit,
    GENERATIONS: Unified._generational,
    MAX_CAPACITY: Unified._max_capacity,
}
