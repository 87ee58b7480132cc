"""Unified logging (JDK 9 and newer): lines in, events out. Any decorations, none too. Pure.

A collection is the lines with its number, `GC(7)`; numbers interleave (a concurrent cycle 50 runs around a full collection 49), so what a
number said before its last line is kept by number.
"""

import re
from collections import OrderedDict
from collections.abc import Callable

from backends.agent import Occupancy
from backends.gclog.events import (
    MAX_MARK,
    Collected,
    Exhausted,
    Exited,
    Kind,
    Launched,
    Named,
    Opened,
    Packed,
    Paused,
    Regioned,
    Regions,
    Run,
    Stalled,
)
from backends.gclog.parsing import runs, stamps
from backends.gclog.parsing import unified_line as line
from backends.gclog.parsing.detect import HEADERS, POOLS, RANK
from backends.gclog.parsing.noise import Bare, Strangers
from backends.gclog.parsing.sizes import CHANGE, change, kib
from backends.gclog.parsing.unified_line import NUMBERED, Meaning, Pools

MAX_NAMES = 256  # of pauses: a JVM has a dozen; a file of random bytes has no end of them
MAX_OPEN = 64  # collections between first and last line: two or three in a sound log, more only where last lines are missing
WHOLE_HEAP = ("ZGC", "ZGC generational", "Shenandoah", "Shenandoah generational", "Epsilon")
GENERATION_PARTS = ("Young", "Old", "Global")
SHENANDOAH_ENDS = (b"Concurrent cleanup", b"Concurrent GC")

NO_POOLS = Pools()


class Unified:
    """One JVM's log after another. `feed` takes whole lines."""

    def __init__(self, strangers: Strangers) -> None:
        self.region_kib: float | None = None
        self.max_kib: int | None = None  # ZGC's percentages are of this
        self.collector: str | None = None
        self._bare = Bare(strangers)
        self._stated = False
        self._open: OrderedDict[bytes, Pools] = OrderedDict()
        self._last_at: float | None = None
        self._meanings: dict[bytes, Meaning] = {}
        self._events: list[Packed] = []

    def feed(self, block: bytes) -> list[Packed]:
        """The events of these whole lines."""
        self._events = []
        lines = block.count(b"\n")
        is_numbered = block.count(b"] GC(") == lines
        if not is_numbered:
            self._bare.look(block, lines)
        if not runs.is_dense(block, b" Pause Young"):
            self._mixed(block, is_numbered)
            return self._events
        for is_run, rows in runs.segments(line.LINES.findall(block), 5):
            if not is_run or self._open or not self._run(rows):
                self._mixed(b"".join(row[0] or row[5] for row in rows), is_numbered)
        return self._events

    def _mixed(self, block: bytes, is_numbered: bool) -> None:
        """`is_numbered`: all of its lines are of a collection, so there is no message without a number."""
        hits: list[re.Match[bytes]] = list(NUMBERED.finditer(block))
        if not is_numbered:
            rare = [found for literal, pattern in line.RARE if literal in block for found in pattern.finditer(block)]
            hits = sorted(hits + rare, key=lambda found: found.start()) if rare else hits
        for found in hits:
            if found.re is not NUMBERED:
                UNNUMBERED[found.re](self, found, block)
            elif found[2] is not None:
                self._plain(found, block)
            elif found[7] is not None:
                self._regions(found)
            else:
                self._worded(found, block)

    def _run(self, rows: runs.Rows) -> bool:
        """Takes these lines for a run, when their clock rises."""
        lines, dates, uptimes, names, pauses, _ = zip(*rows, strict=True)
        last = runs.last_stamp(uptimes if uptimes[0] else dates, self._last_at)
        if last is None or self.collector in WHOLE_HEAP:
            return False
        if last.at is not None:
            self._last_at = last.at if self._last_at is None else max(last.at, self._last_at)
        for name in dict.fromkeys(names):
            self._meaning(name)
        self._events.append(Run(list(lines), stamps.all_of_ms(pauses), line.young_line))
        return True

    # Lines with a number

    def _worded(self, found: "re.Match[bytes]", block: bytes) -> None:
        word, rest = found.group(10, 11)
        if word == b"Pause ":
            self._pause(found[1], rest, found, block)
        elif (read := POOL_LINES.get(word)) is not None:
            read(self, self._pools(found[1]), word, rest)
        elif word in SHENANDOAH_ENDS:
            self._end(rest, found, block)
        else:
            self._cycle(word, rest, found, block)

    def _pools(self, number: bytes) -> Pools:
        pools = self._open.get(number)
        if pools is None:
            pools = self._open[number] = Pools()
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return pools

    def _regions(self, found: "re.Match[bytes]") -> None:
        number, before, after, humongous = found.group(1, 7, 8, 9)
        pools = self._pools(number)
        pools.regions = int(before), int(after)
        if humongous is not None:
            pools.humongous = int(humongous)
        if self.collector != "G1":
            self._infer("G1")

    def _humongous_regions(self, pools: Pools, word: bytes, rest: bytes) -> None:
        if (found := line.TO.match(rest)) is not None:
            pools.humongous = int(found[1])

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
        self._ended(number, self._meaning(name), when, heap, float(spent + b"e-3"))

    def _pause(self, number: bytes, rest: bytes, found: "re.Match[bytes]", block: bytes) -> None:
        """`Pause Young (Normal) (G1 Evacuation Pause) 15M->4M(64M) 11.870ms`; without the time at its end it is the line that opens it."""
        at, wall = self._when(found, block)
        rest = rest.rstrip()
        if not rest.endswith(b"s"):
            self._events.append(Opened(at, wall, self._meaning(rest).name))
            return
        name, _, last = rest.rpartition(b" ")
        pause_s = line.seconds(last)
        if pause_s is None:
            self._events.append(Opened(at, wall, self._meaning(rest).name))
            return
        name, sizes = line.sizes_in(name)
        self._ended(number, self._meaning(name), (at, wall), None if sizes is None else change(sizes), pause_s)

    def _ended(self, number: bytes, meaning: Meaning, when: stamps.Stamps, heap: Occupancy | None, pause_s: float) -> None:
        if meaning.kind is None:
            self._events.append(Paused(*when, meaning.name, pause_s, heap))
        else:
            pools = NO_POOLS if number not in self._open else self._open.pop(number)
            self._events.append(self._collected(meaning.kind, when, meaning.cause, heap, pause_s, pools))

    def _meaning(self, name: bytes) -> Meaning:
        meaning = self._meanings.get(name)
        if meaning is None:
            if len(self._meanings) >= MAX_NAMES:
                self._meanings.clear()
            meaning = self._meanings[name] = line.meaning(name)
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

    def _end(self, rest: bytes, found: "re.Match[bytes]", block: bytes) -> None:
        """Shenandoah states its heap at the end of a concurrent cycle only here: in one of the two, JDK 28 in the other."""
        if self.collector in ("G1", "CMS") or (sizes := CHANGE.search(rest)) is None:
            return
        part = next((part for part in GENERATION_PARTS if rest.startswith(b" (%b)" % part.encode())), None)
        self._infer("Shenandoah" if part is None else "Shenandoah generational")
        at, wall = self._when(found, block)
        heap = change(sizes)
        self._events.append(Collected("cycle", at, wall, part, heap, heap, "heap", None))

    def _cycle(self, word: bytes, rest: bytes, found: "re.Match[bytes]", block: bytes) -> None:
        """The end of a cycle of ZGC, of the whole heap or of a generation."""
        self._infer("ZGC" if word.startswith(b"Garbage") else "ZGC generational")
        at, wall = self._when(found, block)
        if (sizes := line.CYCLE.search(rest)) is None:
            return
        heap = Occupancy(round(kib(sizes[1], sizes[2])), round(kib(sizes[4], sizes[5])), self.max_kib)
        why = line.cause_of(rest[: sizes.start()])
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
        if (found := line.FIRST_SIZE.match(rest)) is not None:
            self.max_kib = round(kib(found[1], found[2]))

    def _stall(self, found: "re.Match[bytes]", block: bytes) -> None:
        at, wall = self._when(found, block)
        self._events.append(Stalled(at, wall, stamps.of_ms(found[1])))

    def _out(self, found: "re.Match[bytes]", block: bytes) -> None:
        at, wall = self._when(found, block)
        self._events.append(Exhausted(at, wall, found[0].decode("latin-1")[:MAX_MARK]))

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
        start = found.start()
        at, wall = stamps.unified(block, block.rfind(b"\n", 0, start) + 1, start)
        if at is not None:
            if launch and self._last_at is not None and at < self._last_at - stamps.BACKWARDS_S:
                self._open.clear()
                self._events.append(Launched(at))
                self._last_at = at
            if self._last_at is None or at > self._last_at:
                self._last_at = at
        return at, wall

    def _infer(self, collector: str) -> None:
        known = self.collector
        if known == collector or (known is not None and RANK.get(known, 5) >= RANK[collector]):
            return
        if known is not None and self._stated and not collector.startswith(known):
            return
        self.collector = collector
        self._events.append(Named(collector, False))


POOL_LINES: dict[bytes, Callable[[Unified, Pools, bytes, bytes], None]] = {
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
    line.HEADER: Unified._header,
    line.REGION: Unified._region,
    line.STALL: Unified._stall,
    line.OUT: Unified._out,
    line.EPSILON: Unified._epsilon,
    line.EXIT: Unified._exit,
    line.GENERATIONS: Unified._generational,
    line.MAX_CAPACITY: Unified._max_capacity,
}
