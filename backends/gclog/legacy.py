"""Logs of JDK 6 to 8 (`-Xloggc`, `-XX:+PrintGCDetails` and their kin): lines in, events out. Pure.

An event is the text from `[GC` or `[Full GC` until its bracket closes. Other threads write into the middle of it, so it may be broken over
many lines: concurrent phases are cut out first, then lines are gathered until the brackets are even, and only then is the text read: pools
by their names, the whole heap and the pause where the nesting is one deep.
"""

import re

from backends.agent import Basis, Occupancy
from backends.gclog import stamps
from backends.gclog.detect import POOLS, RANK
from backends.gclog.events import Collected, Event, Exhausted, Exited, Kind, Launched, Named, Paused, Sized
from backends.gclog.sizes import CHANGE, SIZE, change, kib

MAX_EVENT = 64 << 10  # bytes of one event: class histograms and heap prints are cut out line by line, nothing else comes near
MAX_EVENT_LINES = 4_000

DATE = rb"\d{4}-\d\d-\d\dT[\d:.,]+(?:[+-]\d{4}|Z)?: ?"
TIME = rb"\d+[.,]\d+: ?"
INTERRUPTION = re.compile(
    rb"(?:%b)?(?:%b)?(?:#\d+: ?)?"
    rb"(?:\[(?:CMS-concurrent-|GC concurrent-)[^\]\n]*\](?: ?\[Times: [^\]\n]*\])?"
    rb"|\[G1Ergonomics [^\]\n]*\]?"
    rb"|\[0x[0-9a-fx, ]*[)\]]?"
    rb"|Total time for which application threads[^\r\n]*"
    rb"|Application time: [^\r\n]*)[ \r]*" % (DATE, TIME)
)
INTERRUPTERS = (b"concurrent-", b"[G1Erg", b"[0x", b"Total time", b"Application time")
"""One of these stands in a line with an interruption: looked for first, being far cheaper to find."""
POOL = rb"(\d+)K->(\d+)K\((\d+)K\)"
PLAIN = re.compile(
    rb"\[(Full )?GC(?: ?\(([^()\n]*(?:\(\))?)\))? ?"
    rb"(?:(?:%b)?(?:%b)?\[(PSYoungGen|DefNew|ParNew): %b(?:, \d+[.,]\d+ secs)?\] ?)?"
    rb"(?:(?:%b)?(?:%b)?\[(PSOldGen|ParOldGen|Tenured|CMS): %b(?:, \d+[.,]\d+ secs)?\] ?)?"
    rb" ?%b(?:,? ?\[(?:Metaspace|PSPermGen|Perm |CMS Perm ): [^\[\]\n]*\])?, (\d+[.,]\d+) secs\]"
    rb"(?: ?\[Times: [^\[\]\n]*\])? *\r?\n" % (DATE, TIME, POOL, DATE, TIME, POOL, POOL)
)
"""A whole collection of any collector but G1 up to the end of its line: most lines of most logs. It begins with a literal, for speed."""
START = re.compile(rb"\[(?:Full GC|GC)(?! ?concurrent| Worker| ref-proc|[a-z])")
HISTOGRAM = re.compile(rb"^ *\d+: +\d+ +\d+ +")
STOPPED = re.compile(rb"(\d+[.,]\d+) secs")
INNER = re.compile(rb"\[[^\[\]]*\]")
FLAG = re.compile(rb"-XX:\+Use(ConcMarkSweepGC|G1GC|ParallelGC|ParallelOldGC|SerialGC|ShenandoahGC|ParNewGC)")
FLAGS_LINE = re.compile(rb"^CommandLine flags:[^\n]*", re.MULTILINE)
FLAG_RANK = 2  # of a name in the command line: the pools that are really collected know better
BEST = 3  # the rank of a name that no hint can better
FLAGS = {
    b"ConcMarkSweepGC": "CMS",
    b"G1GC": "G1",
    b"ParallelGC": "Parallel",
    b"ParallelOldGC": "Parallel",
    b"SerialGC": "Serial",
    b"ShenandoahGC": "Shenandoah",
    b"ParNewGC": "ParNew",
}
HINTS = (
    (b"CMS", re.compile(rb"\[CMS-concurrent|CMSCollector|\[1 CMS-"), "CMS"),
    (b"garbage-first heap", re.compile(rb"garbage-first heap"), "G1"),
)
"""Words outside events that belong to one collector: a literal to look for in the block, then the pattern."""
BARE = re.compile(rb"   \[ ?%b->%b\(%b\)\]" % (SIZE, SIZE, SIZE))
SHENANDOAH = re.compile(rb"\[(Pause [^\[\],]*?|Concurrent cleanup)(?: (%b->%b\(%b\)))?, (\d+[.,]\d+) ms\]" % (SIZE, SIZE, SIZE))
YOUNG = re.compile(rb"\[(PSYoungGen|DefNew|ASParNew|ParNew)")
OLD = re.compile(rb"\[(PSOldGen|ParOldGen|Tenured|ASCMS|CMS)(?! Perm|-)")  # `[CMSbailing out to foreground collection` is one
USED = re.compile(rb"(\d+)K\((\d+)K\)")
CAUSE = re.compile(rb"GC(?:--)?(?: pause)? ?\(([^()]*(?:\(\))?[^()]*)\)")
EDEN = re.compile(rb"\[Eden: %b\(%b\)->%b\(%b\) Survivors: %b->%b Heap: %b\(%b\)->%b\(%b\)\]" % ((SIZE,) * 10))
LIMIT = re.compile(rb"GC time (?:would exceed|is exceeding) GCTimeLimit[^\r\n]*|java\.lang\.OutOfMemoryError[^\r\n]*")
BACKWARDS_S = 1.0  # an uptime that falls by more than this is another JVM's


class Legacy:
    """One JVM's log after another. `feed` takes whole lines."""

    def __init__(self) -> None:
        self.collector: str | None = None
        self.unknown = 0
        self._rank = 0  # of the collector's name
        self._text = bytearray()  # of the event whose bracket is open; empty: none is
        self._prefix = b""
        self._depth = 0
        self._lines = 0
        self._last_at: float | None = None
        self._events: list[Event] = []

    def feed(self, block: bytes) -> list[Event]:
        """The events of these whole lines. Collections written in one piece are taken at a stroke; what lies between them, line by line."""
        self._events = []
        self._hints(block)
        done = 0
        for found in PLAIN.finditer(block):
            start = block.rfind(b"\n", done, found.start()) + 1 or done
            if start > done:
                self._slowly(block[done:start])
            prefix = block[start : found.start()]
            if self._text or b"[" in prefix:
                self._slowly(block[start : found.end()])
            else:
                self._plain(found, prefix)
            done = found.end()
        if done < len(block):
            self._slowly(block[done:])
        return self._events

    def _slowly(self, lines: bytes) -> None:
        for line in lines.splitlines(keepends=True):
            self._line(line)

    def _plain(self, found: "re.Match[bytes]", prefix: bytes) -> None:
        full, cause, young_name, yb, ya, yc, old_name, ob, oa, oc, hb, ha, hc, spent = found.groups()
        at, wall = self._when(prefix)
        heap = Occupancy(int(hb), int(ha), int(hc))
        old: Occupancy | None = None
        basis: Basis | None = None
        if young_name is not None:
            self._infer(POOLS[young_name])
            if old_name is None:
                old, basis = Occupancy(int(hb) - int(yb), int(ha) - int(ya), int(hc) - int(yc)), "inferred"
        if old_name is not None:
            self._infer(POOLS[old_name])
            old, basis = Occupancy(int(ob), int(oa), int(oc)), "stated"
        kind: Kind = "full" if full is not None or old_name is not None else "young"
        why = None if cause is None else cause.decode("latin-1")
        self._events.append(Collected(kind, at, wall, why, heap, old, basis, stamps.number(spent)))

    def _hints(self, block: bytes) -> None:
        """Collectors named outside of events. Only a better name is told, so the order within a block does not matter."""
        if b"CommandLine flags:" in block:
            for flags in FLAGS_LINE.findall(block):
                for flag in FLAG.findall(flags):
                    self._infer(FLAGS[flag], FLAG_RANK)
        if self._rank < BEST:
            for literal, pattern, collector in HINTS:
                if literal in block and pattern.search(block):
                    self._infer(collector)

    def is_open(self, rest: bytes) -> bool:
        """A pause has begun to be written: in a gathered text, or in the unfinished line `rest`."""
        return bool(self._text) or START.search(rest) is not None

    def forget_open(self) -> None:
        """The text that was being gathered will not go on."""
        self._text.clear()

    # Gathering

    def _line(self, line: bytes) -> None:
        if b"[" in line or self._text:
            if any(word in line for word in INTERRUPTERS):
                line = INTERRUPTION.sub(b"", line)
            if HISTOGRAM.match(line):
                return
            self._brackets(line)
        elif line.startswith(b"Heap") and line.strip() == b"Heap":
            self._events.append(Exited(self._last_at, None))
        elif (limit := LIMIT.search(line)) is not None:
            self._events.append(Exhausted(self._last_at, None, limit[0].decode("latin-1")[:200]))

    def _brackets(self, line: bytes) -> None:
        at = 0
        while at < len(line):
            if self._text:
                at = self._go_on(line, at)
                continue
            start = START.search(line, at)
            if start is None:
                self._detail(line[at:])
                return
            self._prefix = line[at : start.start()]
            self._depth = self._lines = 0
            at = start.start()
            self._text += b" "  # marks the event as begun; the bracket is taken by _go_on
        return

    def _detail(self, line: bytes) -> None:
        """A line with brackets outside of any event: G1's detail lines, and the events of the Shenandoah of JDK 8."""
        if (eden := EDEN.search(line)) is not None:
            self._sized(eden)
        elif (bare := BARE.match(line)) is not None:
            sizes = CHANGE.search(line)
            self._events.append(Sized(change(sizes), None, None)) if sizes and bare else None
        elif (pause := SHENANDOAH.search(line)) is not None:
            self._shenandoah(pause, line[: pause.start()])

    def _shenandoah(self, found: "re.Match[bytes]", prefix: bytes) -> None:
        self._infer("Shenandoah")
        at, wall = self._when(prefix)
        name, sizes, spent_s = found[1], CHANGE.search(found[0]), stamps.of_ms(found[9])
        heap = None if sizes is None else change(sizes)
        if name == b"Concurrent cleanup":
            self._events.append(Collected("cycle", at, wall, None, heap, heap, "heap", None))
        elif name.startswith((b"Pause Full", b"Pause Degenerated")):
            kind: Kind = "full" if name.startswith(b"Pause Full") else "degenerated"
            self._events.append(Collected(kind, at, wall, None, heap, heap, None if heap is None else "heap", spent_s))
        else:
            self._events.append(Paused(at, wall, name.decode("latin-1"), spent_s, heap))

    def _go_on(self, line: bytes, at: int) -> int:
        """Takes brackets until the event closes or the line ends; returns how far it came."""
        if self._lines and self._is_lost(line):
            self._abandon()
            return at
        end = at
        while True:
            opening, closing = line.find(b"[", end), line.find(b"]", end)
            if closing < 0 and opening < 0:
                break
            if 0 <= opening < closing or closing < 0:
                self._depth += 1
                end = opening + 1
                continue
            self._depth -= 1
            end = closing + 1
            if self._depth <= 0:
                self._text += line[at:end]
                text = bytes(self._text)
                self._text.clear()
                self._event(text.strip(), self._prefix)
                return end
        self._text += line[at:]
        self._lines += 1
        if len(self._text) > MAX_EVENT or self._lines > MAX_EVENT_LINES:
            self._abandon()
        return len(line)

    def _is_lost(self, line: bytes) -> bool:
        """Another event starts this line though the open one has not ended, and it is not the young collection inside a CMS remark."""
        start = START.search(line)
        if start is None or b"[" in line[: start.start()]:
            return False
        return b"YG occupancy" not in self._text and b"CMS Final Remark" not in self._text

    def _abandon(self) -> None:
        self._text.clear()
        self.unknown += 1

    # Reading one event's text

    def _event(self, text: bytes, prefix: bytes) -> None:
        at, wall = self._when(prefix)
        nested = START.search(text, 1)
        if nested is not None:
            inner, text = _cut_out(text, nested.start())
            self._collection(inner, at, wall, pause_s=None)
        flat = text[1:-1]
        while True:
            flatter = INNER.sub(b"", flat)
            if flatter == flat:
                break
            flat = flatter
        spent = STOPPED.findall(flat)
        if not spent:
            self.unknown += 1
            return
        pause_s = stamps.number(spent[-1])
        if (limit := LIMIT.search(text)) is not None:
            self._events.append(Exhausted(at, wall, limit[0].decode("latin-1")[:200]))
        if b"CMS-initial-mark" in text or b"CMS-remark" in text:
            self._infer("CMS")
            self._events.append(Paused(at, wall, "CMS remark" if b"CMS-remark" in text else "CMS initial mark", pause_s))
        elif text.startswith((b"[GC remark", b"[GC cleanup")):
            self._events.append(Paused(at, wall, text[4:11].decode().strip(), pause_s))
        else:
            self._collection(text, at, wall, pause_s, flat)

    def _collection(self, text: bytes, at: float | None, wall: float | None, pause_s: float | None, flat: bytes = b"") -> None:
        if not flat:
            flat = text[1:-1]
            while (flatter := INNER.sub(b"", flat)) != flat:
                flat = flatter
        young, old = self._pool(YOUNG, text), self._pool(OLD, text)
        sizes = CHANGE.search(flat)
        heap = None if sizes is None else change(sizes)
        if text.startswith(b"[GC pause"):
            self._infer("G1")
        if heap is None and young is None and old is None and not text.startswith((b"[GC pause", b"[Full GC")):
            if pause_s is not None:
                self._events.append(Paused(at, wall, "mark", pause_s))  # `[GC 46468K(83008K), 0.0039 secs]`: a CMS mark without details
            return
        basis: Basis | None = None if old is None else "stated"
        if old is None and young is not None and heap is not None:
            old, basis = _less(heap, young), "inferred"
        is_full = text.startswith(b"[Full GC") or basis == "stated"
        cause = CAUSE.search(text[:200])
        self._events.append(
            Collected(
                "full" if is_full else "young", at, wall, None if cause is None else cause[1].decode("latin-1"), heap, old, basis, pause_s
            )
        )

    def _pool(self, pattern: "re.Pattern[bytes]", text: bytes) -> Occupancy | None:
        named = pattern.search(text)
        if named is None:
            return None
        self._infer(POOLS[named[1]])
        sizes = CHANGE.search(text, named.end())
        return None if sizes is None else change(sizes)

    def _sized(self, eden: "re.Match[bytes]") -> None:
        """`[Eden: b(c)->a(c) Survivors: b->a Heap: b(c)->a(c)]`: what is neither eden nor survivor is old, to the rounding of each term."""
        values = [kib(eden[i], eden[i + 1]) for i in range(1, 21, 2)]
        eden_before, _, eden_after, _, survivors_before, survivors_after, before, _, after, capacity = values
        self._infer("G1")
        heap = Occupancy(round(before), round(after), round(capacity))
        old = Occupancy(round(before - eden_before - survivors_before), round(after - eden_after - survivors_after), heap.capacity_kib)
        self._events.append(Sized(heap, old, "inferred"))

    def _when(self, prefix: bytes) -> stamps.Stamps:
        at, wall = stamps.legacy(prefix)
        if at is not None:
            if self._last_at is not None and at < self._last_at - BACKWARDS_S:
                self._events.append(Launched(at))
            self._last_at = at
        return at, wall

    def _infer(self, collector: str, rank: int = 0) -> None:
        rank = rank or RANK[collector]
        if rank > self._rank:
            self._rank = rank
            if collector == self.collector:
                return
            self.collector = collector
            self._events.append(Named(collector, False))


def _cut_out(text: bytes, start: int) -> tuple[bytes, bytes]:
    """The bracketed part that begins at `start`, and the text without it."""
    depth, end = 0, start
    for end in range(start, len(text)):
        depth += (text[end] == 0x5B) - (text[end] == 0x5D)
        if depth == 0:
            break
    return text[start : end + 1], text[:start] + text[end + 1 :]


def _less(heap: Occupancy, young: Occupancy) -> Occupancy:
    """The old generation is what the heap has and the young generation has not."""
    figures = zip(
        (heap.before_kib, heap.after_kib, heap.capacity_kib), (young.before_kib, young.after_kib, young.capacity_kib), strict=True
    )
    before, after, capacity = (None if whole is None or part is None else whole - part for whole, part in figures)
    return Occupancy(before, after, capacity)
