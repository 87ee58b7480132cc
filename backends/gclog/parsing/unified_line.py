"""What single messages of unified logging say (JDK 9 and newer, JEP 158). Pure: a match of a pattern in, values out.

Lines are found by searching a block for a literal, never by splitting it: a dense log has thirty lines a collection, of which three matter.
"""

import re

from msgspec import Struct

from backends.agent import Occupancy
from backends.gclog.events import Collected, Kind
from backends.gclog.parsing import stamps
from backends.gclog.parsing.detect import OUT_OF_MEMORY
from backends.gclog.parsing.sizes import CHANGE, SIZE

NUMBERED = re.compile(
    rb"GC\((\d++)\) (?:Pause ([^>\r\n]*) (\d++)M->(\d++)M\((\d++)M\) (\d++\.\d++)ms$"
    rb"|Old regions: (\d++)->(\d++)(?:[^\n]*+\n[^\n]*?GC\(\1\) Humongous regions: \d++->(\d++))?|(?:[yYO]: )?"
    rb"(Pause |Humongous regions: |ParOldGen: |PSOldGen: |PSYoungGen: |Tenured: |DefNew: |ParNew: |CMS: "
    rb"|Max Capacity: |Garbage Collection |Minor Collection |Major Collection |Concurrent cleanup|Concurrent GC)([^\r\n]*))",
    re.MULTILINE,
)
"""A pause as most are written; regions of G1, those of humongous objects on the line behind; or a word, and the rest of the message."""
YOUNG = re.compile(rb"Pause ([^>\r\n]*) (\d+)M->(\d+)M\((\d+)M\) (\d+\.\d+)ms\r?\n")
LINES = re.compile(
    rb"((\[\d{4}-[^\]\n]*+\])?+(?:\[(\d++\.\d++)s\])?+(?:\[[^\]\n\d][^\]\n]*+\])*+ ?+"
    rb"GC\(\d++\) Pause (Young[^>\r\n]*) \d++M->\d++M\(\d++M\) (\d++\.\d++)ms\r?+\n)|([^\n]*+\n)"
)
"""Every line of a block: a young collection (the line, its date, uptime, name and pause), or any other."""
HEADER = re.compile(rb"Using (G1|Parallel|Serial|Concurrent Mark Sweep|The Z Garbage Collector|Shenandoah|Epsilon)[ \r]*$", re.MULTILINE)
REGION = re.compile(rb"egion [Ss]ize:? %b" % SIZE)
STALL = re.compile(rb"Allocation Stall \([^\r\n]*\) (\d+[.,]\d+)ms")
OUT = re.compile(rb"Out Of Memory \([^\r\n)]*\)|%b" % OUT_OF_MEMORY)
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
TO = re.compile(rb"\d+->(\d+)")
CYCLE = re.compile(rb"%b\((\d+)%%\)->%b\((\d+)%%\)" % (SIZE, SIZE))
CAUSE = re.compile(rb"\(([^()]*(?:\([^()]*\))?[^()]*)\)[^()]*$")

PAUSES: tuple[tuple[bytes, Kind], ...] = ((b"Young", "young"), (b"Full", "full"), (b"Degenerated", "degenerated"))
PAUSE_NAMES = (
    (b"(Global)", "Shenandoah generational"),
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


class Pools:
    """What the lines of one collection said so far."""

    __slots__ = ("humongous", "old", "regions")

    def __init__(self) -> None:
        self.old: Occupancy | None = None
        self.regions: tuple[int, int] | None = None
        self.humongous: int | None = None


class Meaning(Struct, frozen=True):
    """What the name of a pause says: `Young (Normal) (G1 Evacuation Pause)`."""

    name: str
    kind: Kind | None  # None: it collects nothing
    cause: str | None
    collector: str | None


def meaning(name: bytes) -> Meaning:
    kind = next((kind for word, kind in PAUSES if name.startswith(word)), None)
    collector = next((collector for word, collector in PAUSE_NAMES if word in name), None)
    return Meaning(name.decode("latin-1"), kind, cause_of(name), collector)


def cause_of(text: bytes) -> str | None:
    """The last words in brackets."""
    cause = CAUSE.search(text)
    return None if cause is None else cause[1].decode("latin-1")


def seconds(spent: bytes) -> float | None:
    """Of `11.870ms` or `0.023s`."""
    found = SPENT.fullmatch(spent)
    return None if found is None else stamps.of_ms(found[1]) if found[2] == b"ms" else stamps.number(found[1])


def young_line(line: bytes) -> Collected:
    """Of a line that LINES took for a young collection."""
    found = YOUNG.search(line)
    if found is None:
        raise ValueError(f"no collection of one line: {line!r}")
    name, before, after, capacity, spent = found.groups()
    heap = Occupancy(int(before) << 10, int(after) << 10, int(capacity) << 10)
    when = stamps.unified(line, 0, found.start())
    return Collected("young", *when, cause_of(name), heap, None, None, stamps.of_ms(spent))


def sizes_in(text: bytes) -> tuple[bytes, "re.Match[bytes] | None"]:
    """`Young (Normal) (G1 Evacuation Pause) 15M->4M(64M)`: the name, and the sizes behind it."""
    before, _, last = text.rpartition(b" ")
    found = CHANGE.fullmatch(last)
    return (text if found is None else before), found
