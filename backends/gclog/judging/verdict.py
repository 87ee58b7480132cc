"""What the recent past of one log means: a table of rules, the first that holds is the verdict. Pure.

`find` weighs what the log says; it changes only with the log. `rule` adds how long the log has been quiet, which changes by itself. Where
the rules come from, and how often they are wrong: docs/heap.md.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from msgspec import Struct
from msgspec.structs import replace

from backends.agent import HeapVerdict
from backends.gclog.events import Collected, Exhausted, Opened, Paused
from backends.gclog.judging.hang import Watch
from backends.gclog.judging.rates import Rates, rates
from backends.gclog.judging.shares import Shares, is_asked, is_stall, measured, shares
from backends.gclog.judging.trend import Trend
from backends.wording import count, span

WINDOW_S = 60.0
STOPPED_SHARE, BUSY_SHARE = 0.50, 0.25  # of the last minute: THRASHING, SUSPECT
FULLS = 5  # full collections in it
AT_LEAST_S, AT_LEAST = 10.0, 1000  # of log, or collections: a JVM that just started is busy collecting for good reasons
BUSY_AT_LEAST_S = 30.0
CROWDED, CROWDED_COUNT = 0.80, 3  # full collections in a minute that each left so much
STUCK_S, STUCK_PAUSES = 30.0, 3.0
SILENT_S, SILENT_GAPS = 600.0, 20.0
EVIDENCE = 8

Proof = Collected | Paused | Exhausted | Opened


class Trace(Struct, frozen=True):
    """The part of a log's past that counts."""

    watch: Watch
    trend: Trend | None
    recent: tuple[Collected | Paused, ...]  # of this process, in order
    opened: Opened | None
    is_cut: bool  # the log ends inside the text of a pause
    is_ended: bool
    pause_max_s: float | None


class Ruling(Struct, frozen=True):
    verdict: HeapVerdict
    reason: str
    evidence: tuple[Proof, ...] = ()  # oldest first


class Findings(Struct, frozen=True):
    """All that the log itself says; rulings that need no clock are made already."""

    trace: Trace
    rates: Rates
    state: str
    gap_s: float  # between two events, typically
    thrashing: Ruling | None
    leak: Ruling | None
    suspect: Ruling | None
    busy: Ruling | None  # a suspicion of the last minute
    full_in_s: float | None  # after the last event


def judge(trace: Trace, quiet_s: float | None = None) -> Ruling:
    return rule(find(trace), quiet_s, trace.is_cut)


def find(trace: Trace) -> Findings:
    times = [event.at for event in trace.recent if event.at is not None]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    last_at = times[-1] if times else None
    full_in_s = _full_in(trace.trend, last_at)
    return Findings(
        trace=trace,
        rates=rates(trace.recent),
        state=_state(trace.recent),
        gap_s=sorted(gaps)[len(gaps) // 2] if gaps else 0.0,
        thrashing=_thrashing(_minute(trace.recent)),
        leak=None if trace.trend is None else _leak(trace.trend, full_in_s),
        suspect=_suspect(trace.watch),
        busy=_crowded(_minute(trace.recent)) or _stalled(_minute(trace.recent)) or _busy(_minute(trace.recent)),
        full_in_s=full_in_s,
    )


def rule(found: Findings, quiet_s: float | None = None, is_cut: bool = False) -> Ruling:
    """`quiet_s`: seconds since the log last grew; None when nobody follows it. `is_cut`: it ends inside a line that tells of a pause."""
    ruling = next(ruling for each in RULES if (ruling := each(found, quiet_s, is_cut)) is not None)
    return replace(ruling, evidence=ruling.evidence[-EVIDENCE:])


# The rules


def _ended(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    if not found.trace.is_ended:
        return None
    hang = found.trace.watch.hang
    why = found.state if hang is None else f"it hung: {hang.reason}"
    return Ruling("ENDED", f"the process ended; {why}", _last(found.trace) if hang is None else hang.evidence)


def _hangs(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    hang = found.trace.watch.hang
    return None if hang is None else Ruling("HANG", hang.reason, hang.evidence)


def _stuck(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    opened, longest = found.trace.opened, found.trace.pause_max_s
    if quiet_s is None or not (opened is not None or is_cut) or quiet_s <= max(STUCK_S, STUCK_PAUSES * (longest or 0.0)):
        return None
    what = f" ({opened.cause})" if opened is not None else ""
    known = "no pause has ended so far" if longest is None else f"the longest so far took {longest:.1f} s"
    reason = f"a pause{what} began {span(quiet_s)} ago and has not ended; {known}"
    return Ruling("STUCK", reason, (*_last(found.trace), *([opened] if opened is not None else [])))


def _thrashes(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    return found.thrashing if quiet_s is None or quiet_s <= WINDOW_S else None


def _leaks(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    return found.leak


def _is_suspect(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    return found.suspect or (found.busy if quiet_s is None or quiet_s <= WINDOW_S else None)


def _silent(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    if quiet_s is None or quiet_s <= max(SILENT_S, SILENT_GAPS * found.gap_s):
        return None
    reason = f"nothing was written for {span(quiet_s)}; the process idles, or is gone"
    return Ruling("SILENT", reason, _last(found.trace))


def _unknown(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    return None if found.trace.recent else Ruling("UNKNOWN", "no collection seen yet")


def _ok(found: Findings, quiet_s: float | None, is_cut: bool) -> Ruling | None:
    return Ruling("OK", found.state, _last(found.trace))


RULES: tuple[Callable[[Findings, float | None, bool], Ruling | None], ...] = (
    _ended,
    _hangs,
    _stuck,
    _thrashes,
    _leaks,
    _is_suspect,
    _silent,
    _unknown,
    _ok,
)

# What the log says


def _minute(recent: Sequence[Collected | Paused]) -> list[Collected | Paused]:
    """The last minute; empty where the log has no times."""
    last = next((event.at for event in reversed(recent) if event.at is not None), None)
    return [] if last is None else [event for event in recent if event.at is not None and last - WINDOW_S < event.at <= last]


def _fulls(minute: Sequence[Collected | Paused]) -> tuple[Collected, ...]:
    """Full collections that nobody asked for."""
    return tuple(one for one in minute if isinstance(one, Collected) and one.kind in ("full", "degenerated") and not is_asked(one))


def _stopped(minute: Sequence[Collected | Paused]) -> tuple[float, float]:
    """(share of the time with the world stopped, the time)."""
    if not minute:
        return 0.0, 0.0
    length = (minute[-1].at or 0.0) - (minute[0].at or 0.0) + (minute[0].pause_s or 0.0)
    return (min(1.0, sum(event.pause_s or 0.0 for event in minute) / length) if length > 0 else 0.0), length


def _thrashing(minute: Sequence[Collected | Paused]) -> Ruling | None:
    fulls, (share, length) = _fulls(minute), _stopped(minute)
    waited = tuple(full for full in fulls if is_stall(full))
    is_start = length < AT_LEAST_S and len(minute) < AT_LEAST
    if len(fulls) < FULLS or is_start or (share < STOPPED_SHARE and len(waited) < FULLS):
        return None
    if share < STOPPED_SHARE:
        text = f"in the last {length:.0f} s threads waited for {count(len(waited), 'collection')}"
        return Ruling("THRASHING", f"{text}; the heap is too small for its work", waited)
    text = f"{share:.0%} of the last {length:.0f} s went into collecting, {count(len(fulls), 'full collection')}"
    is_metaspace = 2 * sum("Metadata" in (full.cause or "") for full in fulls) > len(fulls)
    what = "metaspace" if is_metaspace else "heap"
    return Ruling("THRASHING", f"{text}; the {what} is too small for its work", fulls)


def _leak(trend: Trend, full_in_s: float | None) -> Ruling:
    over = "" if trend.over_s is None else f" in {span(trend.over_s)}"
    text = f"what collections leave rises{over}: {trend.first:.0%} -> {trend.last:.0%} at {trend.points} low points"
    when = "" if full_in_s is None else "; it is full" if full_in_s < 1 else f"; full in about {span(full_in_s)}"
    growing = "" if trend.is_bounded else ", if the heap grows no more"
    return Ruling("LEAK", f"{text}{when}{growing} (confidence {_percent(trend.confidence)})", trend.evidence)


def _percent(confidence: float) -> str:
    return f"{min(confidence, 0.999):.1%}"


def _full_in(trend: Trend | None, last_at: float | None) -> float | None:
    if trend is None or trend.full_in_s is None or trend.at is None or last_at is None:
        return None
    return max(0.0, trend.full_in_s - (last_at - trend.at))


def _suspect(watch: Watch) -> Ruling | None:
    """Full collections that free nothing, not enough of them for a hang."""
    if watch.doubt is None:
        return None
    if not watch.run:
        what = "collection" if watch.doubt.event.kind == "cycle" else "full collection"
        asked = " that was asked for" if is_asked(watch.doubt.event) else ""
        return Ruling("SUSPECT", f"the last {what}{asked} {watch.doubt.percents}", (watch.doubt.event,))
    text = f"{count(watch.futile, 'full collection')} freed almost nothing"
    return Ruling("SUSPECT", f"{text}; the last {watch.run[-1].percents}", tuple(one.event for one in watch.run))


def _crowded(minute: Sequence[Collected | Paused]) -> Ruling | None:
    """Collections that stopped somebody, again and again, and left a heap that is nearly full."""
    found: list[Shares] = []
    stopped = [event for event in _fulls(minute) if event.pause_s is not None or is_stall(event)]
    for event in reversed(stopped):
        one = shares(event)
        if one is None or one.left < CROWDED:
            break
        found.append(one)
    if len(found) < CROWDED_COUNT:
        return None
    least = min(one.left for one in found)
    reason = f"{count(len(found), 'full collection')} in {WINDOW_S:.0f} s, each left at least {least:.0%} full"
    return Ruling("SUSPECT", reason, tuple(one.event for one in reversed(found)))


def _stalled(minute: Sequence[Collected | Paused]) -> Ruling | None:
    waited = tuple(one for one in _fulls(minute) if is_stall(one))
    if len(waited) < CROWDED_COUNT or _stopped(minute)[1] < BUSY_AT_LEAST_S:
        return None
    return Ruling("SUSPECT", f"threads waited for {count(len(waited), 'collection')} in {WINDOW_S:.0f} s", waited)


def _busy(minute: Sequence[Collected | Paused]) -> Ruling | None:
    """Much of the last minute went into pauses: half of it, or a quarter with full collections."""
    (share, length), fulls = _stopped(minute), _fulls(minute)
    if len(minute) < CROWDED_COUNT or length < BUSY_AT_LEAST_S or share < (BUSY_SHARE if len(fulls) >= FULLS else STOPPED_SHARE):
        return None
    longest = sorted((event for event in minute if event.pause_s), key=lambda event: event.pause_s or 0.0)[-EVIDENCE:]
    evidence = tuple(sorted(longest, key=lambda event: event.at or 0.0))
    return Ruling("SUSPECT", f"{share:.0%} of the last {length:.0f} s went into pauses, {count(len(fulls), 'full collection')}", evidence)


def _last(trace: Trace) -> tuple[Proof, ...]:
    return trace.recent[-1:]


def _state(recent: Sequence[Collected | Paused]) -> str:
    """How full the last collection left what it could measure."""
    for event in reversed(recent):
        if isinstance(event, Collected) and (found := _level(event)) is not None:
            return found
    return "the log does not say how full the heap is"


def _level(event: Collected) -> str | None:
    sizes, what = (event.heap, "heap") if event.old is None or event.basis == "heap" else (event.old, "old generation")
    if sizes is None or sizes.after_kib is None:
        return None
    used_mib = max(sizes.after_kib, 0) / 1024
    if sizes.capacity_kib:
        full = max(sizes.after_kib, 0) / sizes.capacity_kib
        return f"{what} {full:.0%} full after the last collection ({used_mib:.0f} of {sizes.capacity_kib / 1024:.0f} MiB)"
    if event.filled is not None and measured(event) is not None:
        return f"{what} {event.filled:.0%} full after the last collection ({used_mib:.0f} MiB)"
    return None
