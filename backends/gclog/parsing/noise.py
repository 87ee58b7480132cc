"""Lines that say nothing of a collection: the JVM's own, which are known, and all others, which are counted. Pure.

What is printed in between by options such as PrintTenuringDistribution, PrintHeapAtGC, PrintAdaptiveSizePolicy, PrintFLSStatistics,
PrintSafepointStatistics or PrintClassHistogram is passed over, and so is any message of unified logging. A line that is neither that nor
part of an event is a stranger: another program's, the application's own on standard output, or an event that was torn apart.
"""

import re
from collections.abc import Sequence

MAX_SAMPLES = 100
MAX_SAMPLE = 400  # bytes of one


class Strangers:
    """Lines that were not understood: how many, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.samples: list[bytes] = []

    def meet(self, *lines: bytes) -> None:
        self.meet_all(lines)

    def meet_all(self, lines: Sequence[bytes]) -> None:
        self.count += len(lines)
        room = MAX_SAMPLES - len(self.samples)
        self.samples += [line[:MAX_SAMPLE].rstrip() for line in lines[:room]]


STAMPS = re.compile(
    rb"[ \t]*(?:\d{4}-\d\d-\d\d[T ][\d:.,]{8,24}(?:[+-]\d{4}|Z)?:? ?)?(?:\d{1,12}[.,]\d{1,9}: ?)?(?:#\d{1,12}: ?)?[ \t]*"
)  # before a message; the indentation too
HEAD = ("Java HotSpot(TM)", "OpenJDK ", "Memory: ", "CommandLine flags:", "Using ", "Loaded ")
HEAPS = (
    *("{Heap before ", "Heap after ", "Heap", "}", "No shared spaces", "Total size", "Total region", "virtual space", "adaptive size"),
    *("PSYoungGen", "PSOldGen", "ParOldGen", "PSPermGen", "Metaspace", "par new", "def new", "tenured", "compacting perm", "Perm", "train"),
    *("concurrent mark-sweep", "concurrent-mark-sweep", "garbage-first heap", "DefNew", "ParNew", "CMS", "Tenured", "Shenandoah"),
    *("eden space", "from space", "from  space", "to   space", "to space", "object space", "the space", "class space", "ro space"),
    *("rw space", "data space", "mark space", "region size", "shared", "used"),
)
AGES = ("Desired survivor size", "- age ", "Age table")
SAFEPOINTS = (
    *("Total time for which", "Application time:", "vmop ", "Stopping threads", "Polling page", "Maximum sync", "Maximum vm"),
    *("no vm operation", "RevokeBias", "BulkRevokeBias", "Deoptimize", "ForceSafepoint", "EnableBiasedLocking", "FindDeadlocks"),
    *("ThreadDump", "HeapDump", "GetThreadListStackTraces", "Exit ", "ParallelGC", "GenCollect", "CMS_", "CGC_", "G1"),
)
FREE_LISTS = (
    *("Statistics for ", "Total Free Space", "Max   Chunk Size", "Max Chunk", "Number of Blocks", "Av.  Block", "Tree      Height"),
    *("Before GC", "After GC", "free=", "size[", "large block", "Large block", "Large Block", "promo", "demand", "surplus", "size "),
    *("(cardTable:", "(CMS-concurrent-", "Block layout in CMS"),
    *("time_until_cms", "contiguous_available=", "promotion_rate=", "cms_", "occupancy=", "initiating", "metadata init"),
)
POLICIES = ("AdaptiveSize", "PSAdaptiveSize", "PLAB", "avg_", "average_", "survivor:", "padded")
HISTOGRAMS = ("num ", "Total ", "Class Histogram")
DETAILS = (
    *("[", "Concurrent RS", "Recent", "Processed", "Of ", "Did", "Region", "Worker", "Current", "Number", "Max", "Min", "Avg", "Free: "),
    *("All times are", "all workers.", "Adaptive CSet", "Trigger: ", "Trigger (", "Pacer for", "Cancelling GC", "Good progress"),
    *("VM-Thread ", "GC-Thread ", "Concurrent marking:", "RS scrub total time", "Final counting total time"),
    *("Allocation pacing", "Collectable", "Free headroom", ", [Metaspace"),
)
FILES = (
    *("GC log file", "/proc/meminfo", "Dumping heap", "Heap dump file", "Unable to create", "java.lang.OutOfMemoryError"),
    *("GC locker", "GC time", "GC Worker", "Trying a full collection", "preserv", "user="),
)
PREFIXES = tuple(
    word.encode() for words in (HEAD, HEAPS, AGES, SAFEPOINTS, FREE_LISTS, POLICIES, HISTOGRAMS, DETAILS, FILES) for word in words
)
FORMS = re.compile(
    rb"\s*$|[\d., ]{1,400}\]?\s*$|-+\s*$|=+\s*$|:\s*$|\d+: +\d+ +\d+ |\d+ VM operations|\w{1,40}(?:::|: +\d+ kB)|[A-Z][^\n]{0,60} us\b"
    rb"|\d+ +(?:init marks|remarks|cleanups|final marks|weak refs): |0x[0-9a-f]+: (?:live|dead|free) |, \d+[.,]\d+ secs\]\s*$"
    rb"|[^\n]{0,40} PTAMS 0x|\d+ of +\d+ ms|[A-Z]: |(?<=  )[A-Za-z_]{1,60}(?:: | += )"
    rb"|[^\n]{0,40}(?:adjust|promo_size|eden_size|tenuring_thresh|_cost|desired_)"
)


def is_known(line: bytes) -> bool:
    """Whether a line of JDK 6 to 8 that belongs to no event is one that the JVM itself writes."""
    stamps = STAMPS.match(line)
    start = 0 if stamps is None else stamps.end()
    return line.startswith(PREFIXES, start) or FORMS.match(line, start) is not None


DECORATED = re.compile(rb"\[[^\]\n]*\] ?(?:\[|\S)")
FULL = re.compile(rb"^[ \t]*[^\s][^\n]*", re.MULTILINE)


def before_the_log(lines: bytes) -> list[bytes]:
    """The strangers among lines before the first that tells the family."""
    return [line for line in FULL.findall(lines) if not is_known(line) and DECORATED.match(line) is None]


NUMBER = re.compile(rb"GC\(\d+\) ")
MESSAGE = re.compile(rb"GC\(\d+\) |\[[\d.]+(?:s|ms|ns)\]|\]\[[a-z]+ *\]")  # behind the stamps of a journal, or words without a newline
BARE = re.compile(rb"^[^\[\s][^\n]*", re.MULTILINE)
MESSAGES = (
    *("GC(", "Using ", "Version: ", "CPUs: ", "Memory: ", "Large Page", "NUMA ", "Compressed ", "Heap ", "Parallel Workers", "Concurrent"),
    *("Periodic GC", "Pre-touch", "Alignments", "Generation", "Metaspace", "Class", "CDS ", "Initial", "Mode: ", "Safepoint ", "Entering "),
    *("Leaving ", "Runtime ", "Minimum ", "Min ", "Maximum ", "Max ", "Soft ", "Young ", "Old ", "GC ", "Medium ", "Reserved", "Narrow"),
    *("Humongous", "TLAB", "Workers", "Available", "Uncommit", "Load", "Undo", "Address ", "Resizable", "Cancelling", "Allocation Stall"),
    *("Out Of Memory", "Do scavenge", "Adaptive", "Attempting full", "Evacuation Failure", "To-space exhausted", "Eden ", "Survivor "),
    *("Archive ", "Pause ", "G1 Service", "Preventive GC", "Expand the heap", "Attempt heap", "Did not expand", "Terminating due to"),
    *("Heuristics ergonomically", "Clearing All SoftReferences", "Failed to allocate", "Whole heap stats", "Accumulated ", "Use"),
    *("Tenuring", "Klass ", "Encoding ", "Protection zone", "Mark open", "Mark closed"),
    *("safepoint cleanup", "CardTable", "Heuristics", "Page Cache", "Shrink", "Running G1", "Request ", "Finish", "Start"),
)
STARTS = (*(word.encode() for word in MESSAGES), *PREFIXES)


class Bare:
    """Finds what is no message of unified logging: without decorations, or, where messages have none, without words of the JVM's.

    Lines are counted, not read, as long as all of them have their decorations.
    """

    def __init__(self, strangers: Strangers) -> None:
        self._strangers = strangers
        self._has_decorations: bool | None = None  # as its first message with a number has them

    def look(self, block: bytes, lines: int) -> None:
        """Whole lines, and how many."""
        if lines <= block.count(b"\n[") + block.startswith(b"["):
            return
        if self._has_decorations is None and (first := NUMBER.search(block)) is not None:
            self._has_decorations = block[block.rfind(b"\n", 0, first.start()) + 1 : first.start()].endswith((b"]", b"] "))
        bare = [line for line in BARE.findall(block) if MESSAGE.search(line) is None]
        self._strangers.meet_all(bare if self._has_decorations else [line for line in bare if not line.startswith(STARTS)])
