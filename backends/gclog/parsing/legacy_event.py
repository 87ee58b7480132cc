"""What one event of JDK 6 to 8 says: the text from its opening bracket to its closing one, on one line or gathered from many. Pure.

The text is read by what stands where: pools by their names, the whole heap and the pause where the nesting is one deep.
"""

import re

from backends.agent import Basis, Occupancy
from backends.gclog.events import MAX_MARK, Collected, Event, Exhausted, Kind, Paused, Sized
from backends.gclog.parsing import stamps
from backends.gclog.parsing.detect import OUT_OF_MEMORY, POOLS
from backends.gclog.parsing.sizes import CHANGE, SIZE, change, kib

DATE = rb"\d{4}-\d\d-\d\dT[\d:.,]{8,24}(?:[+-]\d{4}|Z)?: ?"
TIME = rb"\d{1,12}[.,]\d{1,9}: ?"
POOL = rb"(\d+)K->(\d+)K\((\d+)K\)"
SIZES = rb"\d++K->\d++K\(\d++K\)"
PLAIN = re.compile(
    rb"\[(Full )?GC(?: ?\(([^()\n]*(?:\(\))?)\))? ?"
    rb"(?:(?:%b)?(?:%b)?\[(PSYoungGen|DefNew|ParNew): %b(?:, \d+[.,]\d+ secs)?\] ?)?"
    rb"(?:(?:%b)?(?:%b)?\[(PSOldGen|ParOldGen|Tenured|CMS): %b(?:, \d+[.,]\d+ secs)?\] ?)?"
    rb" ?%b(?:,? ?\[(?:Metaspace|PSPermGen|Perm |CMS Perm ): [^\[\]\n]*\])?, (\d+[.,]\d+) secs\]"
    rb"(?: ?\[Times: [^\[\]\n]*\])? *\r?\n" % (DATE, TIME, POOL, DATE, TIME, POOL, POOL)
)
"""A whole collection of any collector but G1 up to the end of its line: most lines of most logs. It begins with a literal, for speed."""
LINES = re.compile(
    rb"((\d{4}-\d\d-\d\dT[\d:.,]{8,24}+(?:[+-]\d{4}|Z)?+: ?+)?+(?:(\d{1,12}+\.\d{1,9}+): ?+)?+(?:#\d{1,12}+: ?+)?+"
    rb"\[GC(?: ?\([^()\n]*+(?:\(\))?+\))?+ ?+"
    rb"(?:[\d:.,T+# Z-]*+\[(PSYoungGen|DefNew|ParNew): %b(?:, [\d.,]++ secs)?+\] ?+)?+"
    rb" ?+%b, (\d++\.\d++) secs\](?: ?+\[Times: [^\[\]\n]*+\])?+ *+\r?+\n)|([^\n]*+\n)" % (SIZES, SIZES)
)
"""Every line of a block: a young collection that is nothing but that (the line, its date, uptime, pool and pause), or any other."""
START = re.compile(rb"\[(?:Full GC|GC)(?! ?concurrent| Worker| ref-proc|[a-z])")
STOPPED = re.compile(rb"(\d+[.,]\d+) secs")
INNER = re.compile(rb"\[[^\[\]]*\]")
YOUNG = re.compile(rb"\[(PSYoungGen|DefNew|ASParNew|ParNew)")
OLD = re.compile(rb"\[(PSOldGen|ParOldGen|Tenured|ASCMS|CMS)(?! Perm|-)")  # `[CMSbailing out to foreground collection` is one
CAUSE = re.compile(rb"GC(?:--)?(?: pause)? ?\(([^()]*(?:\(\))?[^()]*)\)")
LIMIT = re.compile(rb"GC time (?:would exceed|is exceeding) GCTimeLimit[^\r\n]*|java\.lang\.%b" % OUT_OF_MEMORY)
EDEN = re.compile(rb"\[Eden: %b\(%b\)->%b\(%b\) Survivors: %b->%b Heap: %b\(%b\)->%b\(%b\)\]" % ((SIZE,) * 10))
BARE = re.compile(rb"   \[ ?%b->%b\(%b\)\]" % (SIZE, SIZE, SIZE))
SHENANDOAH = re.compile(rb"\[(Pause [^\[\],]*?|Concurrent cleanup)(?: (%b->%b\(%b\)))?, (\d+[.,]\d+) ms\]" % (SIZE, SIZE, SIZE))

Told = tuple[list[Event], list[str]]
"""The events of a text, and the collectors that its words belong to, in order."""


def plain(found: "re.Match[bytes]", at: float | None, wall: float | None) -> Collected:
    """Of a match of PLAIN."""
    full, cause, young_name, yb, ya, yc, old_name, ob, oa, oc, hb, ha, hc, spent = found.groups()
    heap = Occupancy(int(hb), int(ha), int(hc))
    old: Occupancy | None = None
    basis: Basis | None = None
    if old_name is not None:
        old, basis = Occupancy(int(ob), int(oa), int(oc)), "stated"
    elif young_name is not None:
        old, basis = Occupancy(int(hb) - int(yb), int(ha) - int(ya), int(hc) - int(yc)), "inferred"
    kind: Kind = "full" if full is not None or old_name is not None else "young"
    return Collected(kind, at, wall, None if cause is None else cause.decode("latin-1"), heap, old, basis, stamps.number(spent))


def plain_line(line: bytes) -> Collected:
    """Of a line that LINES took for a young collection."""
    found = PLAIN.search(line)
    if found is None:
        raise ValueError(f"no collection of one line: {line!r}")
    return plain(found, *stamps.legacy(line[: found.start()]))


def event(text: bytes, at: float | None, wall: float | None) -> Told | None:
    """The event of a whole text, brackets included. None when it cannot be understood: it states no pause."""
    events: list[Event] = []
    names: list[str] = []
    if (nested := START.search(text, 1)) is not None:  # the young collection inside a CMS remark
        inner, text = _cut_out(text, nested.start())
        _collection(inner, _flat(inner), at, wall, None, (events, names))
    flat = _flat(text)
    spent = STOPPED.findall(flat)
    if not spent:
        return None
    pause_s = stamps.number(spent[-1])
    if (limit := LIMIT.search(text)) is not None:
        events.append(Exhausted(at, wall, limit[0].decode("latin-1")[:MAX_MARK]))
    if b"CMS-initial-mark" in text or b"CMS-remark" in text:
        names.append("CMS")
        events.append(Paused(at, wall, "CMS remark" if b"CMS-remark" in text else "CMS initial mark", pause_s))
    elif text.startswith((b"[GC remark", b"[GC cleanup")):
        events.append(Paused(at, wall, text[4:11].decode().strip(), pause_s))
    else:
        _collection(text, flat, at, wall, pause_s, (events, names))
    return events, names


def sizes_after(line: bytes) -> Told | None:
    """Detail lines below a collection of G1, which complete it. What is neither eden nor survivor is old, to the rounding of each term."""
    if (eden := EDEN.search(line)) is not None:
        values = [kib(eden[i], eden[i + 1]) for i in range(1, 21, 2)]
        eden_before, _, eden_after, _, survivors_before, survivors_after, before, _, after, capacity = values
        heap = Occupancy(round(before), round(after), round(capacity))
        old = Occupancy(round(before - eden_before - survivors_before), round(after - eden_after - survivors_after), heap.capacity_kib)
        return [Sized(heap, old, "inferred")], ["G1"]
    if BARE.match(line) is not None and (sizes := CHANGE.search(line)) is not None:
        return [Sized(change(sizes), None, None)], []
    return None


def shenandoah(found: "re.Match[bytes]", at: float | None, wall: float | None) -> Event:
    """Of a match of SHENANDOAH: one line of the Shenandoah of JDK 8."""
    name, sizes, spent_s = found[1], CHANGE.search(found[0]), stamps.of_ms(found[9])
    heap = None if sizes is None else change(sizes)
    if name == b"Concurrent cleanup":
        return Collected("cycle", at, wall, None, heap, heap, "heap", None)
    if name.startswith((b"Pause Full", b"Pause Degenerated")):
        kind: Kind = "full" if name.startswith(b"Pause Full") else "degenerated"
        return Collected(kind, at, wall, None, heap, heap, None if heap is None else "heap", spent_s)
    return Paused(at, wall, name.decode("latin-1"), spent_s, heap)


def _collection(text: bytes, flat: bytes, at: float | None, wall: float | None, pause_s: float | None, told: Told) -> None:
    events, names = told
    young, old = _pool(YOUNG, text, names), _pool(OLD, text, names)
    sizes = CHANGE.search(flat)
    heap = None if sizes is None else change(sizes)
    if text.startswith(b"[GC pause"):
        names.append("G1")
    if heap is None and young is None and old is None and not text.startswith((b"[GC pause", b"[Full GC")):
        if pause_s is not None:
            events.append(Paused(at, wall, "mark", pause_s))  # `[GC 46468K(83008K), 0.0039 secs]`: a CMS mark without details
        return
    basis: Basis | None = None if old is None else "stated"
    if old is None and young is not None and heap is not None:
        old, basis = _less(heap, young), "inferred"
    kind: Kind = "full" if text.startswith(b"[Full GC") or basis == "stated" else "young"
    cause = CAUSE.search(text[:200])
    events.append(Collected(kind, at, wall, None if cause is None else cause[1].decode("latin-1"), heap, old, basis, pause_s))


def _pool(pattern: "re.Pattern[bytes]", text: bytes, names: list[str]) -> Occupancy | None:
    named = pattern.search(text)
    if named is None:
        return None
    names.append(POOLS[named[1]])
    sizes = CHANGE.search(text, named.end())
    return None if sizes is None else change(sizes)


def _flat(text: bytes) -> bytes:
    """What stands one bracket deep."""
    flat = text[1:-1]
    while (flatter := INNER.sub(b"", flat)) != flat:
        flat = flatter
    return flat


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
