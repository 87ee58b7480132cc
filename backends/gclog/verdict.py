"""What the recent past of one log means. A pure function of its events and of how long the log has been quiet.

A full collection is *futile* when it freed less than 5 % and left the old generation at least 90 % full (the whole heap 85 %, where a log
states no more: with `-Xlog:gc` the parallel collector ends at 86 % of the heap). The thresholds were tried on 156 logs of healthy, leaking
and stuck JVMs: five futile collections in a row that took half of the time find 88 of 92 stuck ones and no healthy one.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile

from msgspec import Struct

from backends.agent import HeapVerdict
from backends.gclog.events import Collected, Exhausted, Opened, Paused
from backends.wording import count, span

FREES_NOTHING = 0.05  # of what the old generation held before
FREES_AGAIN = 0.10  # a full collection that freed this much ends a run of futile ones
FULL_OLD, FULL_HEAP = 0.90, 0.85
RUN = 5  # futile collections in a row: a median of 4 after the first futile one on stuck JVMs
STOPPED_SHARE = 0.50
CLEARED = 0.85  # a hang is over when a full collection freed something and left less than this
WINDOW_S = 60.0
THRASH_AT_LEAST_S = 10.0  # of log: a JVM that just started is busy collecting for good reasons
CROWDED, CROWDED_COUNT = 0.80, 3
LEAK_COUNT, LEAK_RISE, LEAK_DIP = 5, 0.10, 0.01
STUCK_S, STUCK_PAUSES = 30.0, 3.0
SILENT_S, SILENT_GAPS = 600.0, 20.0


class Trace(Struct, frozen=True):
    """The part of a log's past that counts."""

    story: tuple[Collected | Exhausted, ...]  # full collections and the JVM's own marks, in order
    recent: tuple[Collected | Paused, ...]
    opened: Opened | None
    is_cut: bool  # the last line of the log is the beginning of a pause
    is_ended: bool
    pause_max_s: float | None


class Ruling(Struct, frozen=True):
    verdict: HeapVerdict
    reason: str


class Full(Struct, frozen=True):
    """One full collection in shares: what it freed of `before`, how full it left what bounds it."""

    at: float | None
    pause_s: float | None
    before: int
    after: int
    freed: float
    left: float
    enough: float  # `left` from which it is futile
    capacity: float

    @property
    def is_futile(self) -> bool:
        return self.freed < FREES_NOTHING and self.left >= self.enough


def judge(trace: Trace, quiet_s: float | None = None) -> Ruling:
    """`quiet_s`: seconds since the log last grew; None when nobody follows it."""
    hang, run = _hang(trace.story)
    if trace.is_ended:
        return Ruling("ENDED", f"the process ended; {_state(trace) if hang is None else f'it hung: {hang.reason}'}")
    if not trace.recent and not trace.story:
        return _silent(trace, quiet_s) or Ruling("UNKNOWN", "no collection seen yet")
    return (
        _stuck(trace, quiet_s)
        or hang
        or _thrashing(trace.recent)
        or _leak(list(_fulls(trace.story)))
        or _suspect(trace, run)
        or _silent(trace, quiet_s)
        or Ruling("OK", _state(trace))
    )


def _fulls(story: Sequence[Collected | Exhausted]) -> Iterator[Full]:
    for event in story:
        if isinstance(event, Collected) and (full := _full(event)) is not None:
            yield full


def _full(event: Collected) -> Full | None:
    """In shares, on the best basis the log has; None when it states too little."""
    sizes, enough, extra = event.old, FULL_OLD, event.humongous_kib or 0
    if sizes is None or sizes.capacity_kib is None or event.basis == "heap":
        sizes, enough, extra = event.heap, FULL_HEAP, 0
    if sizes is None or sizes.before_kib is None or sizes.after_kib is None:
        return None
    before, after = sizes.before_kib + extra, sizes.after_kib + extra
    if sizes.capacity_kib:
        capacity = float(sizes.capacity_kib)
    elif event.filled:
        capacity = after / event.filled
    else:
        return None
    if before <= 0 or capacity <= 0:
        return None
    return Full(event.at, event.pause_s, before, after, (before - after) / before, after / capacity, enough, capacity)


def _hang(story: Sequence[Collected | Exhausted]) -> tuple[Ruling | None, list[Full]]:
    """A fold over the full collections: the hang that is on, if one is, and the run of futile ones at its end."""
    run: list[Full] = []
    hang: Ruling | None = None
    for event in story:
        if isinstance(event, Exhausted):
            hang = Ruling("HANG", f"the JVM itself says: {event.text}")
            continue
        if (full := _full(event)) is None:
            continue
        if full.is_futile:
            run.append(full)
            hang = _run_hangs(run) or hang
        elif full.freed >= FREES_AGAIN or (run and full.left < run[-1].left - FREES_NOTHING):
            run = []
        if full.freed >= FREES_AGAIN and full.left < CLEARED:
            hang = None
    return hang, run


def _run_hangs(run: list[Full]) -> Ruling | None:
    share = _stopped_share(run)
    if len(run) < RUN or (share is not None and share < STOPPED_SHARE):
        return None
    last = run[-1]
    stopped = "" if share is None else f", {share:.0%} of the time stopped"
    left = f"the last freed {max(last.freed, 0):.1%} and left {last.left:.0%} full"
    return Ruling("HANG", f"{len(run)} full collections in a row free no memory{stopped}; {left}")


def _stopped_share(run: list[Full]) -> float | None:
    """Of the time from the first to the last; None when the log states no pauses (ZGC) or no times."""
    pauses = [full.pause_s for full in run if full.pause_s is not None]
    first, last = run[0].at, run[-1].at
    if len(pauses) < len(run) or first is None or last is None:
        return None
    length = last - first + pauses[0]
    return min(1.0, sum(pauses) / length) if length > 0 else 1.0


def _thrashing(recent: Sequence[Collected | Paused]) -> Ruling | None:
    last = next((event.at for event in reversed(recent) if event.at is not None), None)
    if last is None:
        return None
    window = [event for event in recent if event.at is not None and event.at > last - WINDOW_S]
    fulls = sum(isinstance(event, Collected) and event.kind == "full" for event in window)
    first = window[0]
    length = last - (first.at or 0.0) + (first.pause_s or 0.0)
    share = sum(event.pause_s or 0.0 for event in window) / length if length > 0 else 0.0
    if fulls < RUN or share < STOPPED_SHARE or length < THRASH_AT_LEAST_S:
        return None
    text = f"{share:.0%} of the last {length:.0f} s went into collecting, {count(fulls, 'full collection')}"
    return Ruling("THRASHING", f"{text}; the heap is too small for its work")


def _leak(fulls: list[Full]) -> Ruling | None:
    last = fulls[-LEAK_COUNT:]
    if len(last) < LEAK_COUNT:
        return None
    pairs = pairwise(last)
    rise = last[-1].after - last[0].after
    if any(after.after < before.after * (1 - LEAK_DIP) for before, after in pairs) or rise < LEAK_RISE * last[-1].capacity:
        return None
    eta = _full_in(last)
    when = "" if eta is None else f"; full in about {span(eta)}"
    text = f"each of the last {LEAK_COUNT} full collections left more: {last[0].left:.0%} -> {last[-1].left:.0%}"
    return Ruling("LEAK", text + when)


def _full_in(fulls: list[Full]) -> float | None:
    """Seconds until the line through these reaches the capacity."""
    points = [(full.at, full.after) for full in fulls if full.at is not None]
    if len(points) < 2:
        return None
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread > 0 else 0.0
    return (fulls[-1].capacity - fulls[-1].after) / slope if slope > 0 else None


def _suspect(trace: Trace, run: list[Full]) -> Ruling | None:
    if run:
        last = run[-1]
        text = f"{count(len(run), 'full collection')} freed almost nothing"
        return Ruling("SUSPECT", f"{text}; the last freed {max(last.freed, 0):.1%} and left {last.left:.0%} full")
    crowded = list(takewhile(lambda full: full.left >= CROWDED, reversed(list(_fulls(trace.story)))))
    newest = crowded[0].at if crowded else None
    if newest is None:
        return None
    crowded = [full for full in crowded if full.at is not None and full.at > newest - WINDOW_S]
    if len(crowded) < CROWDED_COUNT:
        return None
    least = min(full.left for full in crowded)
    return Ruling("SUSPECT", f"{count(len(crowded), 'full collection')} in {WINDOW_S:.0f} s, each left at least {least:.0%} full")


def _stuck(trace: Trace, quiet_s: float | None) -> Ruling | None:
    if quiet_s is None or not (trace.opened is not None or trace.is_cut):
        return None
    if quiet_s <= max(STUCK_S, STUCK_PAUSES * (trace.pause_max_s or 0.0)):
        return None
    what = f" ({trace.opened.cause})" if trace.opened is not None else ""
    longest = f"the longest so far took {trace.pause_max_s or 0:.1f} s"
    return Ruling("STUCK", f"a pause{what} began {span(quiet_s)} ago and has not ended; {longest}")


def _silent(trace: Trace, quiet_s: float | None) -> Ruling | None:
    if quiet_s is None:
        return None
    times = [event.at for event in trace.recent if event.at is not None]
    gaps = [after - before for before, after in pairwise(times)]
    if quiet_s <= max(SILENT_S, SILENT_GAPS * _median(gaps)):
        return None
    return Ruling("SILENT", f"nothing was written for {span(quiet_s)}; the process idles, or is gone")


def _state(trace: Trace) -> str:
    """How full the last collection left what it could measure."""
    for event in reversed(trace.recent):
        if not isinstance(event, Collected):
            continue
        sizes, what = (event.heap, "heap") if event.old is None or event.basis == "heap" else (event.old, "old generation")
        if sizes is not None and sizes.after_kib is not None and sizes.capacity_kib:
            used = max(sizes.after_kib, 0)
            figures = f"{used / 1024:.0f} of {sizes.capacity_kib / 1024:.0f} MiB"
            return f"{what} {used / sizes.capacity_kib:.0%} full after the last collection ({figures})"
    return "the log does not say how full the heap is"


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2] if values else 0.0
