"""The vocabulary of producer agents: what a GC log lets one know of a JVM. No I/O, no clock.

Sizes are KiB, times epoch seconds, durations seconds.
`old` is the old generation; a figure that a log does not state, and that does not follow from what it states, is None.
"""

from typing import Literal

from msgspec import Struct

Basis = Literal["stated", "inferred", "regions", "heap"]
"""What the old generation's figure rests on. stated: its pool is printed. inferred: the heap minus the young generation (G1 of JDK 6-8:
minus eden and survivors, rounded as they are printed). regions: regions times their size (G1). heap: the whole heap, where the log has no
more."""

FileState = Literal["ok", "down", "denied"]
HeapVerdict = Literal["OK", "SUSPECT", "LEAK", "THRASHING", "HANG", "STUCK", "SILENT", "ENDED", "UNKNOWN"]
HeapEventKind = Literal["young", "full", "degenerated", "cycle", "usage", "pause", "stall", "exhausted", "start", "exit"]
"""young, full, degenerated, cycle and usage are collections (gclog.events says which is which); pause: the world stopped for a phase that
collects nothing; stall: a thread waited for memory; exhausted: the JVM says that memory is out; start and exit: of a JVM."""


class Occupancy(Struct, frozen=True, gc=False):
    """Before and after one collection."""

    before_kib: int | None
    after_kib: int | None
    capacity_kib: int | None


class HeapEvent(Struct, frozen=True):
    """One thing the JVM wrote down, as pages list it. `file` and `place` find its lines again: the file's identity, and the offset in bytes
    behind the line that completed it; both None where they are not known."""

    kind: HeapEventKind
    at: float | None  # as stated, else counted back from the last write by the log's own clock
    uptime_s: float | None  # on the log's own clock; None where its lines have no such stamp
    cause: str
    heap: Occupancy | None
    old: Occupancy | None
    pause_s: float | None
    file: str | None = None
    place: int | None = None


class HangSeen(Struct, frozen=True):
    """That the log shows a hang, also one that is over: when the verdict first was HANG, and by what."""

    at: float | None  # epoch seconds
    uptime_s: float | None
    after_full: int  # full collections from the first futile one up to the one that made it a hang; 0: the JVM's own mark alone
    reason: str
    is_over: bool


class HeapFile(Struct, frozen=True):
    """One log: one agent. Rates are of the last `window_s` of the log; fields of SPEC 6 keep its names."""

    file: str
    name: str
    collector: str | None
    style: Literal["legacy", "unified"] | None
    young: int  # young collections seen
    full: int
    old_basis: Basis | None
    last_after_gc: Occupancy | None  # the old generation at the last collection
    last_full: Occupancy | None  # the old generation at the last full collection
    heap_last: Occupancy | None
    last_full_heap: Occupancy | None
    pauses: int
    pause_total_s: float
    pause_max_s: float | None
    verdict: HeapVerdict
    reason: str
    last_event_at: float | None = None
    last_full_at: float | None = None
    full_last_hour: int | None = None
    old_script_pct: float | None = None  # after * 100 / before of the last full collection
    unknown_lines: int = 0
    state: FileState = "ok"  # down: absent or unreadable; denied: this user may not read it
    error: str | None = None
    humongous_kib: int | None = None  # G1: humongous regions after the last collection; old to the JVM, not in `last_after_gc`
    window_s: float | None = None  # of the log, up to its last event: what the next three are of
    pause_share: float | None = None  # of that time, with the world stopped: 0 to 1
    allocated_kib_per_s: float | None = None  # what the heap grew by between collections
    promoted_kib_per_s: float | None = None  # what young collections moved into the old generation
    full_at: float | None = None  # LEAK: when the old generation will be full, epoch seconds
    full_in_s: float | None = None  # the same, counted from the last event
    confidence: float | None = None  # LEAK: of the trend, 0 to 1
    evidence: tuple[HeapEvent, ...] = ()  # what the verdict came from, oldest first; at most 8
    hang: HangSeen | None = None
    gaps: int = 0  # times that a part of the log was lost, or may have been, since it is followed
    gap: str | None = None  # the last of them, in words

    @property
    def old_kib(self) -> int | None:
        """The old generation after the last collection, with G1's humongous regions, which are old to the JVM."""
        if self.last_after_gc is None or self.last_after_gc.after_kib is None:
            return None
        return max(0, self.last_after_gc.after_kib) + (self.humongous_kib or 0 if self.old_basis == "regions" else 0)


class HeapPoint(Struct, frozen=True, array_like=True):
    """After one collection, or the highest of several that were drawn together; a full collection is never left out for a young one."""

    at: float  # epoch seconds where they are known, else the log's own clock
    used_kib: int
    is_full: bool


class PauseBucket(Struct, frozen=True, array_like=True):
    """Pauses longer than the bucket before and up to `up_to_s`; None: the last, without bound."""

    up_to_s: float | None
    pauses: int
    total_s: float


class LogLine(Struct, frozen=True, array_like=True):
    place: int  # offset in bytes of its beginning
    text: str  # what is no UTF-8 is replaced; at most MAX_LINE_SHOWN characters


MAX_LINE_SHOWN = 4096
