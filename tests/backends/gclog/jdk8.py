"""A writer of logs as JDK 6 to 8 print them, with every option that changes their shape, and what such a log says.

The forms are those of HotSpot's own printing (gcTraceTime, psScavenge, psParallelCompact, genCollectedHeap, concurrentMarkSweepGeneration,
g1CollectedHeap in jdk8u): other threads print whole pieces of their own at any point between two of its print calls, and that is what
`interrupted` plays.
"""

import random
from dataclasses import dataclass, field

CAUSES = ("Allocation Failure", "System.gc()", "GCLocker Initiated GC", "Metadata GC Threshold", "Heap Dump Initiated GC", "Ergonomics")
YOUNG_KIB, OLD_KIB = 19_136, 43_712
REFERENCES = (
    "SoftReference, 0 refs",
    "WeakReference, 12 refs",
    "FinalReference, 3 refs",
    "PhantomReference, 0 refs, 0 refs",
    "JNI Weak Reference",
)


@dataclass
class Options:
    date: bool
    uptime: bool
    gc_id: bool
    cause: bool
    details: bool
    tenuring: bool
    references: bool
    stopped: bool
    heap_at_gc: bool
    times: bool
    perm: bool  # JDK 6 and 7 have a permanent generation
    end: str
    comma: bool  # of some builds, in locales that write one

    @classmethod
    def drawn(cls, dice: random.Random) -> "Options":
        flips = {name: dice.random() < 0.5 for name in cls.__annotations__ if name not in ("end", "comma")}
        return cls(**flips, end=dice.choice(("\n", "\n", "\r\n")), comma=dice.random() < 0.15)


@dataclass
class Truth:
    young: int = 0
    full: int = 0
    pauses: list[float] = field(default_factory=list)
    last_old: tuple[int, int, int] | None = None
    last_full_old: tuple[int, int, int] | None = None
    last_heap: tuple[int, int, int] | None = None
    last_full_heap: tuple[int, int, int] | None = None


class Jdk8:
    """One JVM's log: `text` so far, and `truth`."""

    def __init__(self, seed: int, collector: str) -> None:
        self._dice = random.Random(f"{collector}/{seed}")
        self.options = Options.drawn(self._dice)
        self._collector = collector
        self.text = ""
        self.truth = Truth()
        self._at, self._id = 0.5, 0
        self._old = 3000

    def write(self, events: int) -> None:
        kinds = {
            "Serial": (self._young, self._young, self._serial_promotion_failed, self._full),
            "Parallel": (self._young, self._young, self._failed_young, self._full),
            "CMS": (self._young, self._young, self._full, self._marks, self._mode_failure, self._concurrent_alone),
            "G1": (self._g1_young, self._g1_young, self._g1_full, self._g1_marks, self._concurrent_alone),
        }[self._collector]
        for _ in range(events):
            self._at += 0.05 + self._dice.random()
            self._id += 1
            self._heap_block("before")
            self._dice.choice(kinds)()
            self._heap_block("after")
            if self.options.stopped:
                self._line(f"{self._stamp()}Total time for which application threads were stopped: {self._n(0.0123456)} seconds")

    # Events

    def _young(self) -> None:
        young, old, heap = self._moved(promoted=self._dice.randrange(0, 400))
        self._collected("young", young, old, heap, f"[GC {self._cause()}{self._young_pool(young)}{self._heap(heap)}")

    def _failed_young(self) -> None:
        """Parallel: the young generation did not fit into the old one."""
        young, old, heap = self._moved(promoted=100)
        self._collected("young", young, old, heap, f"[GC-- {self._cause()}{self._young_pool(young)}{self._heap(heap)}")

    def _serial_promotion_failed(self) -> None:
        young, old, heap = self._moved(freed=self._dice.randrange(500, 2000))
        pools = f"{self._young_pool(young, ' (promotion failed) ')}{self._old_pool(old)}" if self.options.details else ""
        is_full = self.options.details
        text = f"[GC {self._cause()}{pools}{self._heap(heap)}{self._classes()}"
        self._collected("full" if is_full else "young", young, old, heap, text, is_stated=is_full)

    def _full(self) -> None:
        young, old, heap = self._moved(freed=self._dice.randrange(0, 2500))
        pools = self._old_pool(old) if self._collector != "Parallel" else f"{self._young_pool(young)}{self._old_pool(old)}"
        text = f"[Full GC {self._cause()}{pools if self.options.details else ''}{self._heap(heap)}{self._classes()}"
        self._collected("full", young, old, heap, text, is_stated=True)

    def _mode_failure(self) -> None:
        """The concurrent thread prints the end of its phase into the line of the collection that interrupts it."""
        if not self.options.details:
            return self._full()
        young, old, heap = self._moved(freed=self._dice.randrange(0, 2500))
        phase = f"{self._stamp()}[CMS-concurrent-mark: {self._n(0.267)}/{self._n(0.374)} secs] {self._times()}{self.options.end}"
        how = self._dice.choice((" (concurrent mode failure)", " (concurrent mode interrupted)"))
        pool = f"{self._inner()}[CMS{phase}{how}: {size(old)}, {self._n(0.5)} secs]"
        how_young = self._dice.choice(("", " (promotion failed)"))
        text = f"[GC {self._cause()}{self._young_pool(young, how_young)}{pool}{self._heap(heap)}{self._classes()}"
        self._collected("full", young, old, heap, text, is_stated=True)

    def _marks(self) -> None:
        used, heap = f"{self._old}K({OLD_KIB}K)", f"{self._old + 900}K({OLD_KIB + YOUNG_KIB}K)"
        cause = "(CMS Initial Mark) " if self.options.cause else ""
        if not self.options.details:
            return self._paused(f"[GC {cause}{heap}")
        self._paused(f"[GC {cause}[1 CMS-initial-mark: {used}] {heap}")
        self._at += 0.2
        cause = "(CMS Final Remark) " if self.options.cause else ""
        rescan = f"[YG occupancy: 555 K ({YOUNG_KIB} K)]{self._inner()}[Rescan (parallel) , {self._n(0.01)} secs]"
        refs = f"{self._inner()}[weak refs processing, {self._n(0.0001)} secs]{self._inner()}[scrub string table, {self._n(0.0002)} secs]"
        self._paused(f"[GC {cause}{rescan}{refs} [1 CMS-remark: {used}] {heap}")

    def _concurrent_alone(self) -> None:
        phase, words = ("CMS-concurrent-sweep", "secs] ") if self._collector == "CMS" else ("GC concurrent-mark-end", "secs]")
        if self._collector == "CMS" and not self.options.details:
            return
        self._line(f"{self._stamp()}[{phase}-start]")
        times = f"{self._n(0.2)}/{self._n(0.3)}" if self._collector == "CMS" else self._n(0.0034)
        self._line(f"{self._stamp()}[{phase}{':' if self._collector == 'CMS' else ','} {times} {words}")

    def _g1_young(self) -> None:
        before, after, capacity = self._dice.randrange(40, 60), self._dice.randrange(10, 39), 64
        kind = self._dice.choice(("(young)", "(mixed)", "(young) (initial-mark)", "(young) (to-space exhausted)"))
        cause = f"({self._dice.choice(('G1 Evacuation Pause', 'G1 Humongous Allocation', 'System.gc()'))}) " if self.options.cause else ""
        self._g1("young", f"[GC pause {cause}{kind}", before, after, capacity)

    def _g1_full(self) -> None:
        cause = f" ({self._dice.choice(CAUSES)}) " if self.options.cause else " "
        before, after, capacity = self._dice.randrange(40, 60), self._dice.randrange(10, 39), 64
        pause, spent = self._spent()
        self._count("full", pause)
        self._line(f"{self._stamp()}[Full GC{cause} {before}M->{after}M({capacity}M){spent}]{self._g1_times()}")
        self._g1_sizes(before, after, capacity, is_full=True)

    def _g1(self, kind: str, head: str, before: int, after: int, capacity: int) -> None:
        pause, spent = self._spent()
        self._count(kind, pause)
        if not self.options.details:
            self._line(f"{self._stamp()}{head} {before}M->{after}M({capacity}M){spent}]")
            self.truth.last_heap = before << 10, after << 10, capacity << 10
            return
        tenuring = (
            f"{self.options.end}Desired survivor size 1 bytes, new threshold 15 (max 15){self.options.end}" if self.options.tenuring else ""
        )
        self._line(f"{self._stamp()}{head}{tenuring}{spent}]")
        self._line(f"   [Parallel Time: {self._n(4.2)} ms, GC Workers: 2]")
        self._line(
            f"      [GC Worker Start (ms): Min: {self._n(511.2)}, Avg: {self._n(511.3)}, Max: {self._n(511.4)}, Diff: {self._n(0.2)}]"
        )
        self._g1_sizes(before, after, capacity, is_full=False)

    def _g1_sizes(self, before: int, after: int, capacity: int, *, is_full: bool) -> None:
        heap = before << 10, after << 10, capacity << 10
        self.truth.last_heap = heap
        self.truth.last_full_heap = heap if is_full else self.truth.last_full_heap
        if not self.options.details:
            return
        eden, survivors, left = 20, 4, 2
        whole = f"Heap: {before}.0M({capacity}.0M)->{after}.0M({capacity}.0M)"
        sizes = f"[Eden: {eden}.0M(24.0M)->0.0B(24.0M) Survivors: {survivors}.0M->{left * 1024}.0K {whole}]"
        self._line(f"   {sizes}{', [Metaspace: 2600K->2600K(1056768K)]' if is_full else ''}")
        self._line(f" {self._times() or '[Times: user=0.01 sys=0.00, real=0.01 secs] '}")
        old = (before - eden - survivors) << 10, (after - left) << 10, capacity << 10
        self.truth.last_old = old
        self.truth.last_full_old = old if is_full else self.truth.last_full_old

    def _g1_times(self) -> str:
        return "" if self.options.details else f" {self._times()}".rstrip(" ")

    def _g1_marks(self) -> None:
        if self.options.details:
            marking = f"{self._stamp()}[Finalize Marking, {self._n(0.0001)} secs] {self._stamp()}[GC ref-proc, {self._n(0.0002)} secs]"
            self._paused(f"[GC remark {marking} {self._stamp()}[Unloading, {self._n(0.001)} secs]")
        else:
            self._paused("[GC remark")
        before, after = 30, 28
        self._paused(f"[GC cleanup {before}M->{after}M(64M)")

    # Pieces

    def _collected(
        self, kind: str, young: tuple[int, int], old: tuple[int, int], heap: tuple[int, int], text: str, *, is_stated: bool = False
    ) -> None:
        pause, spent = self._spent()
        self._count(kind, pause)
        whole = (*heap, YOUNG_KIB + OLD_KIB)
        self.truth.last_heap = whole
        if kind == "full":
            self.truth.last_full_heap = whole
            self.truth.last_full_old = None if not self.options.details else (*old, OLD_KIB)
        if self.options.details:
            self.truth.last_old = (*old, OLD_KIB)
        self._line(self._torn(f"{self._stamp()}{text}{spent}] {self._times()}"))

    def _paused(self, text: str) -> None:
        pause, spent = self._spent()
        self.truth.pauses.append(pause)
        self._line(self._torn(f"{self._stamp()}{text}{spent}] {self._times()}"))

    def _torn(self, text: str) -> str:
        """The concurrent thread of CMS or G1, there is one, prints a line of its own between two pieces of this one."""
        if self._collector not in ("CMS", "G1") or "concurrent-mark" in text or self._dice.random() < 0.6:
            return text
        start = text.index("[GC") + 3 if "[GC" in text else text.index("[Full GC") + 8
        places = [
            index
            for index in range(start, len(text) - 1)
            if text[index] == "[" or text[index - 1] == "]" or text[index - 2 : index] == ": "
        ]
        if not places:
            return text
        place = self._dice.choice(places)
        return f"{text[:place]}{self._phase()}{text[place:]}"

    def _phase(self) -> str:
        if self._collector == "G1":
            return f"{self._inner()}[GC concurrent-root-region-scan-end, {self._n(0.0034)} secs]{self.options.end}"
        words = self._dice.choice((f"-preclean: {self._n(0.02)}/{self._n(0.03)} secs] {self._times()}", "-sweep-start]"))
        return f"{self._inner()}[CMS-concurrent{words}{self.options.end}"

    def _count(self, kind: str, pause: float) -> None:
        self.truth.pauses.append(pause)
        self.truth.young += kind == "young"
        self.truth.full += kind == "full"

    def _moved(self, promoted: int = 0, freed: int = 0) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        before, after = self._dice.randrange(9000, YOUNG_KIB), self._dice.randrange(0, 2000)
        old = self._old, min(OLD_KIB - 1, max(100, self._old + promoted - freed))
        self._old = old[1]
        return (before, after), old, (before + old[0], after + old[1])

    def _young_pool(self, young: tuple[int, int], how: str = "") -> str:
        if not self.options.details:
            return ""
        name = {"Serial": "DefNew", "Parallel": "PSYoungGen", "CMS": "ParNew"}[self._collector]
        if self._collector == "Parallel":
            return f"{self._references()}[{name}: {size(young, YOUNG_KIB)}] "
        return f"{self._inner()}[{name}{self._ages()}{self._references()}{how}: {size(young, YOUNG_KIB)}, {self._n(0.0054321)} secs]"

    def _ages(self) -> str:
        if not self.options.tenuring:
            return ""
        lines = ("", "Desired survivor size 1081344 bytes, new threshold 1 (max 15)", "- age   1:    1091232 bytes,    1091232 total", "")
        return self.options.end.join(lines)

    def _references(self) -> str:
        if not self.options.references:
            return ""
        return "".join(f"{self._inner()}[{kind}, {self._n(0.0000123)} secs]" for kind in REFERENCES)

    def _old_pool(self, old: tuple[int, int]) -> str:
        name = {"Serial": "Tenured", "Parallel": "ParOldGen", "CMS": "CMS"}[self._collector]
        if self._collector == "Parallel":
            return f"[{name}: {size(old)}]"
        return f"{self._inner()}[{name}: {size(old)}, {self._n(0.0654321)} secs]"

    def _classes(self) -> str:
        if not self.options.details:
            return ""
        if not self.options.perm:
            return ", [Metaspace: 2650K->2650K(1056768K)]"
        name = {"Serial": "Perm ", "Parallel": "PSPermGen", "CMS": "CMS Perm "}[self._collector]
        return f"{' ' if self._collector == 'Parallel' else ', '}[{name}: 4902K->4902K(21248K)]"

    def _heap(self, heap: tuple[int, int]) -> str:
        return f" {size(heap, YOUNG_KIB + OLD_KIB)}"

    def _heap_block(self, when: str) -> None:
        if not self.options.heap_at_gc or self._collector == "G1":
            return
        head = "{Heap before GC" if when == "before" else "Heap after GC"
        rows = (
            f"{head} invocations={self._id} (full {self.truth.full}):",
            " par new generation   total 19136K, used 17024K [0x00000000fa000000, 0x00000000fb4c0000, 0x00000000fb4c0000)",
            "  eden space 17024K, 100% used [0x00000000fa000000, 0x00000000fb0a0000, 0x00000000fb0a0000)",
            f" concurrent mark-sweep generation total {OLD_KIB}K, used {self._old}K [0x00000000fb4c0000, 0x00000000fdf70000)",
            " Metaspace       used 2650K, capacity 4486K, committed 4864K, reserved 1056768K",
            "  class space    used 286K, capacity 386K, committed 512K, reserved 1048576K",
        )
        for row in rows:
            self._line(row)
        if when == "after":
            self._line("}")

    def _cause(self) -> str:
        return f"({self._dice.choice(CAUSES)}) " if self.options.cause else ""

    def _spent(self) -> tuple[float, str]:
        pause = round(self._dice.random() / 5 + 0.0001, 7)
        return pause, f", {self._n(pause, 7)} secs"

    def _times(self) -> str:
        return f"[Times: user={self._n(0.33)} sys={self._n(0.0)}, real={self._n(0.05)} secs] " if self.options.times else ""

    def _stamp(self) -> str:
        option = self.options
        date = f"2017-02-27T07:{int(self._at) // 60:02d}:{int(self._at) % 60:02d}.571+0100: " if option.date else ""
        return f"{date}{self._n(self._at) + ': ' if option.uptime else ''}{f'#{self._id}: ' if option.gc_id else ''}"

    def _inner(self) -> str:
        """The stamps before a pool; the number of the collection is not repeated."""
        return self._stamp().replace(f"#{self._id}: ", "")

    def _n(self, value: float, digits: int = 3) -> str:
        text = f"{value:.{digits}f}"
        return text.replace(".", ",") if self.options.comma else text

    def _line(self, text: str) -> None:
        self.text += text + self.options.end


def size(change: tuple[int, int], capacity: int = OLD_KIB) -> str:
    return f"{change[0]}K->{change[1]}K({capacity}K)"
