"""Which of the two families of logs is this, and which collector do its words belong to. Pure."""

import re
from typing import Literal

Style = Literal["legacy", "unified"]

UNIFIED = re.compile(
    rb"GC\(\d+\) [A-Z]"
    rb"|Using (?:G1|Parallel|Serial|Concurrent Mark Sweep|The Z Garbage Collector|Shenandoah|Epsilon)[ \r]*\n"
    rb"|(?:^|\] ?)Heap [Rr]egion [Ss]ize: \d"
    rb"|\[gc[, \]][^\n]*\n"
    rb"|Heap: \d+[KMG] reserved, \d",
    re.MULTILINE,
)
LEGACY = re.compile(
    rb"\[(?:Full )?GC(?![a-z])"
    rb"|\[Concurrent marking|\[Pause Init Mark"
    rb"|^CommandLine flags: "
    rb"|\[CMS-concurrent-"
    rb"|\{Heap before "
    rb"|GC log file (?:created|has reached)"
    rb"|Total time for which application threads were stopped: ",
    re.MULTILINE,
)


def style(lines: bytes) -> tuple[Style, int] | None:
    """The family of the first line that belongs to one, and where that line starts; None while none does. `lines` are whole lines."""
    unified, legacy = UNIFIED.search(lines), LEGACY.search(lines)
    if unified is None and legacy is None:
        return None
    first = min((found for found in (unified, legacy) if found is not None), key=lambda found: found.start())
    return "unified" if first is unified else "legacy", lines.rfind(b"\n", 0, first.start()) + 1


OUT_OF_MEMORY = rb"OutOfMemoryError: (?:Java heap space|GC overhead limit exceeded|Metaspace|Compressed class space|PermGen space)[^\r\n]*"
"""Memory that collections could have freed, and did not. The bare name of the error stands in class histograms and lists of loaded
classes too, and other reasons (a native thread, the size of an array) say nothing of the heap."""

HEADERS = {
    b"G1": "G1",
    b"Parallel": "Parallel",
    b"Serial": "Serial",
    b"Concurrent Mark Sweep": "CMS",
    b"The Z Garbage Collector": "ZGC",
    b"Shenandoah": "Shenandoah",
    b"Epsilon": "Epsilon",
}
"""`Using X` of unified logging."""

POOLS = {
    b"PSYoungGen": "Parallel",
    b"PSOldGen": "Parallel",
    b"ParOldGen": "Parallel",
    b"DefNew": "Serial",
    b"Tenured": "Serial",
    b"CMS": "CMS",
    b"ASCMS": "CMS",
    b"ParNew": "ParNew",
    b"ASParNew": "ParNew",
    b"Old regions": "G1",
    b"Humongous regions": "G1",
}
"""Pools that belong to one collector. ParNew alone is the young half of CMS, or stands before a serial old generation."""

RANK = {
    "Serial": 1,
    "ParNew": 2,
    "CMS": 3,
    "Parallel": 3,
    "G1": 3,
    "ZGC": 3,
    "Epsilon": 3,
    "Shenandoah": 3,
    "ZGC generational": 4,
    "Shenandoah generational": 4,
}
"""How much a word in the log tells: a later word with a higher rank replaces an earlier one."""
