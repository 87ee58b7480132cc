"""Lines that say nothing of a collection: the JVM's own, which are known, and all others, which are counted. Pure.

What is printed in between by options such as PrintTenuringDistribution, PrintHeapAtGC, PrintAdaptiveSizePolicy, PrintFLSStatistics,
PrintSafepointStatistics or PrintClassHistogram is passed over, and so is any message of unified logging. A line that is neither that nor
part of an event is a stranger: another program's, the application's own on standard output, or an event that was torn apart.
"""

import re
from collections.abc import Iterable

MAX_SAMPLES = 100
MAX_SAMPLE = 400  # bytes of one


class Strangers:
    """Lines that were not understood: how many, and the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.samples: list[bytes] = []

    def meet(self, line: bytes) -> None:
        self.count += 1
        if len(self.samples) < MAX_SAMPLES:
            self.samples.append(line[:MAX_SAMPLE].rstrip())

    def meet_all(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self.meet(line)


FIRST = rb" *(?:\d{4}-\d\d-\d\d[T ][\d:.,]+(?:[+-]\d{4}|Z)?:? ?)?(?:\d+[.,]\d+: ?)?(?:#\d+: ?)?"  # stamps before a message
WORDS = (
    # the head of a log
    rb"Java HotSpot\(TM\)|OpenJDK |Memory: \d+[kKMG]|CommandLine flags:|Using |Loaded ",
    # heaps, at exit or around collections
    rb"\{?Heap (?:before|after) |Heap\b|\}|No shared spaces|Total (?:size|region)|virtual space|adaptive size",
    rb" ?(?:PSYoungGen|PSOldGen|ParOldGen|PSPermGen|Metaspace|par new|def new|tenured|compacting perm|concurrent.mark.sweep)",
    rb" ?(?:garbage-first heap|DefNew|ParNew|CMS|Tenured|Perm|train|Shenandoah)",
    rb" *(?:eden|from|to|object|the|class|ro|rw|data|mark) +space| *(?:region size|shared|used)",
    # ages of survivors
    rb"Desired survivor size|- age +\d|Age table",
    # pauses and safepoints
    rb"Total time for which|Application time:| *vmop +\[|Stopping threads|Polling page|\d+ VM operations|Maximum (?:sync|vm)",
    rb"(?:no vm operation|RevokeBias|BulkRevokeBias|Deoptimize|ForceSafepoint|EnableBiasedLocking|FindDeadlocks) +\[",
    rb"(?:ThreadDump|HeapDump|GetThreadListStackTraces|Exit|ParallelGC|GenCollect|CMS_|CGC_|G1)\w* +\[",
    # free lists, promotion and the start of cycles of CMS
    rb"Statistics for |-+[\r\n]|=+[\r\n]|Total Free Space|Max +Chunk Size|Number of Blocks|Av\\. +Block|Tree +Height|Before GC|After GC",
    rb" *free=|size\[\d+\]|CMS: Large|[Ll]arge [Bb]lock|promo|demand|surplus|Max Chunk| *size +disrd",
    rb"CMSCollector|time_until_cms|free=|contiguous_available=|promotion_rate=|cms_\w+=|\w*occupancy=|initiating|metadata init",
    # policies of sizes
    rb"\w*AdaptiveSize|PLAB|avg_|average_|survivor:|padded|  *[A-Za-z_]+(?:: | += )|(?:PSYoungGen|ParOldGen|PSOldGen)::",
    rb".*(?:adjust|promo_size|eden_size|tenuring_thresh|major_cost|minor_cost|desired_)",
    # histograms
    rb" *num +#instances| *\d+: +\d+ +\d+ |Total +\d+ +\d+|Class Histogram",
    # details of G1 and Shenandoah, lists of workers over several lines
    rb"\[Parallel Time| +\[| +[\d., ]+\]?[\r\n]|Concurrent RS|.* us *[\r\n]",
    rb" +(?:Recent|Processed|Of |Did|Region|Worker|Total|Current|Number|Max|Min|Avg)",
    rb" *(?:Using \d+ of|Free: |All times are|all workers\.|Adaptive CSet|Trigger: |Pacer for|Cancelling GC|Good progress|[A-Z]: |[SEG]: )",
    # files, machines, dumps, the end
    rb"GC log file|/proc/meminfo|\w+: +\d+ kB|Dumping heap|Heap dump file|Unable to create|java\.lang\.OutOfMemoryError|GC locker|GC time",
    rb"GC Worker|Trying a full collection|preserv",
)
KNOWN = re.compile(FIRST + rb"(?:[ \t\r\n]*$|\[G1Ergonomics|\[GC Worker|%b)" % b"|".join(WORDS))
DECORATED = re.compile(rb"\[[^\]\n]*\] ?(?:\[|\S)")


def is_known(line: bytes) -> bool:
    """Whether a line of JDK 6 to 8 that belongs to no event is one that the JVM itself writes."""
    return KNOWN.match(line) is not None


def is_decorated(line: bytes) -> bool:
    """Whether a line begins as messages of unified logging do."""
    return DECORATED.match(line) is not None


class Bare:
    """Finds what is no message of unified logging: without decorations, or, where messages have none, without words of the JVM's.

    Lines are counted, not read, as long as all of them have their decorations.
    """

    def __init__(self, strangers: Strangers) -> None:
        self._strangers = strangers

    def look(self, block: bytes, lines: int) -> None:
        """Whole lines, and how many."""
        if lines > block.count(b"\n[") + block.startswith(b"["):
            self._strangers.meet_all(line for line in BARE.findall(block) if MESSAGE.match(line) is None)


BARE = re.compile(rb"^[^\[\n][^\n]*", re.MULTILINE)
MESSAGES = (
    rb"GC\(\d+\) |Using |Version: |CPUs: |Memory: |Large Page|NUMA |Compressed |Heap |Parallel Workers|Concurrent|Periodic GC|Pre-touch",
    rb"Alignments|Generation|Metaspace|Class|CDS |Initial|Mode: |Safepoint |Application time|Total time|Entering |Leaving |Runtime |Address ",
    rb"Min(?:imum)? |Max(?:imum)? |Soft |Young |Old |GC |Medium |Reserved|Narrow|Region|Humongous|TLAB|Workers|Available|Uncommit|Load|Undo",
    rb"Resizable|Trigger: |Free: |Pacer|Cancelling|Allocation Stall|Out Of Memory|Desired|- age|Do scavenge|Adaptive|Attempting full",
    rb"Evacuation Failure|To-space exhausted|Eden |Survivor |Archive |PSYoungGen|ParOldGen|DefNew|Tenured|Pause ",
)
MESSAGE = re.compile(rb"\s*(?:\s*$|%b)" % b"|".join((*MESSAGES, *WORDS)))
"""A message without decorations: with a number, or a word at the start of one."""
