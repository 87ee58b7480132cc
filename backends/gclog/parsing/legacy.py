"""Logs of JDK 6 to 8 (`-Xloggc`, `-XX:+PrintGCDetails` and their kin): lines in, events out. Pure.

An event is the text from `[GC` or `[Full GC` until its bracket closes. Other threads write into the middle of it, so it may be broken over
many lines: concurrent phases are cut out first, then lines are gathered until the brackets are even; `legacy_event` reads the text.
"""

import re

from backends.gclog.events import MAX_MARK, Exhausted, Exited, Launched, Named, Packed, Run
from backends.gclog.parsing import legacy_event, runs, stamps
from backends.gclog.parsing.detect import POOLS, RANK
from backends.gclog.parsing.legacy_event import DATE, LIMIT, LINES, PLAIN, SHENANDOAH, START, TIME, Told
from backends.gclog.parsing.noise import Strangers, is_known

MAX_EVENT = 64 << 10  # bytes of one event: class histograms and heap prints are cut out line by line, nothing else comes near
MAX_EVENT_LINES = 4_000

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
HISTOGRAM = re.compile(rb"^ *\d+: +\d+ +\d+ +")
FLAG = re.compile(rb"-XX:\+Use(ConcMarkSweepGC|G1GC|ParallelGC|ParallelOldGC|SerialGC|ShenandoahGC|ParNewGC)\b")
FLAG_RANK = 2  # of a name in a command line: the pools that are really collected know better
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


class Legacy:
    """One JVM's log after another. `feed` takes whole lines."""

    def __init__(self, strangers: Strangers, before: bytes = b"") -> None:
        """`before`: what was said of the command line before the log began."""
        self.collector: str | None = None
        self._strangers = strangers
        self._before = before
        self._rank = 0  # of the collector's name
        self._text = bytearray()  # of the event whose bracket is open; empty: none is
        self._prefix = b""
        self._depth = 0
        self._lines = 0
        self._last_at: float | None = None
        self._events: list[Packed] = []

    def feed(self, block: bytes) -> list[Packed]:
        """The events of these whole lines."""
        self._events = []
        self._hints(self._before + block if self._before else block)
        self._before = b""
        if not runs.is_dense(block, b"[GC"):
            self._mixed(block)
            return self._events
        for is_run, rows in runs.segments(LINES.findall(block), 5):
            if not is_run or self._text or not self._run(rows):
                self._mixed(b"".join(row[0] or row[5] for row in rows))
        return self._events

    def is_open(self, rest: bytes) -> bool:
        """A pause has begun to be written: in a gathered text, or in the unfinished line `rest`."""
        return bool(self._text) or START.search(rest) is not None

    def forget_open(self) -> None:
        """The text that was being gathered will not go on."""
        self._text.clear()

    # Collections of one line

    def _run(self, rows: runs.Rows) -> bool:
        """Takes these lines for a run, when their clock rises and they are of one collector."""
        lines, dates, uptimes, names, pauses, _ = zip(*rows, strict=True)
        last = runs.last_stamp(uptimes if uptimes[0] else dates, self._last_at)
        if last is None or len(set(names)) > 1:
            return False
        self._last_at = self._last_at if last.at is None else last.at
        if names[0]:
            self._infer(POOLS[names[0]])
        self._events.append(Run(list(lines), list(map(float, pauses)), legacy_event.plain_line))
        return True

    def _mixed(self, block: bytes) -> None:
        """Collections written in one piece are taken at a stroke; what lies between them, line by line."""
        done = 0
        for found in PLAIN.finditer(block):
            start = block.rfind(b"\n", done, found.start()) + 1 or done
            if start > done:
                self._slowly(block[done:start])
            prefix = block[start : found.start()]
            if self._text or b"[" in prefix:
                self._slowly(block[start : found.end()])
            else:
                for name in found.group(3, 7):
                    if name is not None:
                        self._infer(POOLS[name])
                self._events.append(legacy_event.plain(found, *self._when(prefix)))
            done = found.end()
        if done < len(block):
            self._slowly(block[done:])

    def _slowly(self, lines: bytes) -> None:
        for line in lines.splitlines(keepends=True):
            self._line(line)

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
            self._events.append(Exhausted(self._last_at, None, limit[0].decode("latin-1")[:MAX_MARK]))
        elif not is_known(line):
            self._strangers.meet(line)

    def _brackets(self, line: bytes) -> None:
        at = 0
        while at < len(line):
            if self._text:
                at = self._go_on(line, at)
                continue
            start = START.search(line, at)
            if start is None:
                self._detail(line[at:], is_whole=at == 0)
                return
            self._prefix = line[at : start.start()]
            self._depth = self._lines = 0
            at = start.start()
            self._text += b" "  # marks the event as begun; the bracket is taken by _go_on

    def _detail(self, line: bytes, *, is_whole: bool) -> None:
        """A line with brackets outside of any event: G1's detail lines, and the events of the Shenandoah of JDK 8."""
        if (told := legacy_event.sizes_after(line)) is not None:
            self._tell(told)
        elif (pause := SHENANDOAH.search(line)) is not None:
            self._infer("Shenandoah")
            self._events.append(legacy_event.shenandoah(pause, *self._when(line[: pause.start()])))
        elif is_whole and not is_known(line):
            self._strangers.meet(line)

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
                self._close(line[at:end])
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

    def _close(self, last: bytes) -> None:
        self._text += last
        text = bytes(self._text).strip()
        self._text.clear()
        if (told := legacy_event.event(text, *self._when(self._prefix))) is None:
            self._strangers.meet(self._prefix + text)
        else:
            self._tell(told)

    def _abandon(self) -> None:
        self._strangers.meet(self._prefix + bytes(self._text[:MAX_MARK]).strip())
        self._text.clear()

    # What all events share

    def _tell(self, told: Told) -> None:
        events, names = told
        for name in names:
            self._infer(name)
        self._events += events

    def _when(self, prefix: bytes) -> stamps.Stamps:
        at, wall = stamps.legacy(prefix)
        if at is not None:
            if self._last_at is not None and at < self._last_at - stamps.BACKWARDS_S:
                self._events.append(Launched(at))
            self._last_at = at
        return at, wall

    def _hints(self, block: bytes) -> None:
        """Collectors named outside of events. Only a better name is told, so the order within a block does not matter."""
        if b"-XX:+Use" in block:
            for flag in FLAG.findall(block):
                self._infer(FLAGS[flag], FLAG_RANK)
        if self._rank < BEST:
            for literal, pattern, collector in HINTS:
                if literal in block and pattern.search(block):
                    self._infer(collector)

    def _infer(self, collector: str, rank: int = 0) -> None:
        rank = rank or RANK[collector]
        if rank > self._rank:
            self._rank = rank
            if collector == self.collector:
                return
            self.collector = collector
            self._events.append(Named(collector, False))
