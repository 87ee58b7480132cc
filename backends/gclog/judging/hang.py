"""Does the JVM hang: full collections that no longer free memory. A pure fold over collections and the JVM's own marks.

A *run* is made of futile collections (`shares.Shares.is_futile`): each makes it longer, one that frees memory ends it, those between do
neither. From five on it is a hang, when half of the time of the last five went into pauses. Once said it stays, whatever comes between,
until memory is free again (a full collection that freed a tenth and left less than 85 %, or five other collections that left much less),
or the process is at work again for a minute with hardly any pauses, or it is another process.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from backends.gclog.events import Collected, Event, Exhausted, Launched, Stalled
from backends.gclog.judging.shares import FREES_NOTHING, FULL_OLD, Shares, is_asked, is_of_a_part, is_stall, shares
from backends.wording import count

FREES_AGAIN = 0.10  # a full collection that freed this much ends a run
FALLS = 0.05  # and so does one that left this much less than the futile one before it
CLEARED = 0.85  # a hang is over when a full collection freed again and left less than this
RELIEF, RELIEF_COUNT = 0.10, 5  # so far below what counts as full, so many collections in a row: the memory came back without a full one
WORKS_S, WORKS_COUNT, WORKS_SHARE = 60.0, 20, 0.10  # or it goes on so long with other collections and hardly any pauses: full, but at work
RUN = 5  # a median of 4 full collections after the first futile one, on JVMs that are stuck
STOPPED_SHARE = 0.50  # of the time of these
STALLS, STALLED_S, STALLED_RUN = 3, 2.0, 30  # ZGC: threads that waited, and for how long that goes on (or cycles, of a log without times)
GROWS = 1.01  # a capacity that grew by more: the JVM still takes memory, what came before was not the end
BETWEEN = 3  # other collections between two futile ones, where the log has no times: a JVM with more of them works
KEEP = 8  # of a run
CYCLES, CYCLES_S, CYCLES_PER_S = 30, 10.0, 1.0  # Shenandoah: cycles that free nothing, one after the other without a rest, for so long
OTHER_MEMORY = ("Metaspace", "native thread", "Direct buffer", "Compressed class", "Requested array", "reserve", "Map failed")


class Hang(Struct, frozen=True):
    reason: str
    at: float | None  # on the log's own clock
    wall: float | None
    after_full: int
    evidence: tuple[Collected | Exhausted, ...]
    is_of_another: bool = False  # of a process before this one: `at` is of a clock that is gone


class Watch(Struct, frozen=True):
    """What is remembered of the full collections of one process, and of the last hang of the log."""

    run: tuple[Shares, ...] = ()  # the last of the futile collections
    futile: int = 0  # all of them
    since: float | None = None  # the first of them, on the log's own clock
    fulls: int = 0  # full collections since the first futile one
    doubt: Shares | None = None  # the last futile one, also one that somebody asked for
    between: int = 0  # other collections since the last futile one
    stopped_s: float = 0.0  # pauses since then
    relieved: int = 0  # of these, the last in a row that left much less
    stalls: int = 0  # threads that waited for memory since the first futile one
    cycles: tuple[int, Shares | None] = (0, None)  # of Shenandoah, that free nothing, in a row: how many, and the first
    bound_kib: float = 0.0
    hang: Hang | None = None  # that is on
    seen: Hang | None = None  # the last that was

    @property
    def is_alert(self) -> bool:
        """Other collections than full ones count, too: is there relief?"""
        return self.doubt is not None or self.hang is not None


def after(watch: Watch, event: Event) -> Watch:
    """What is known after one more event; of collections the full and degenerated ones, and all while `is_alert`."""
    follow = _FOLLOW.get(type(event))
    return watch if follow is None else follow(watch, event)


def _collected(watch: Watch, event: Collected) -> Watch:
    found = shares(event, watch.bound_kib)
    if found is None:
        return replace(_passed(watch, event), between=watch.between + 1) if watch.is_alert else watch
    if event.kind == "cycle" and not is_of_a_part(event):
        return _cycled(watch, found)
    if event.kind not in ("full", "degenerated"):
        return _between(watch, found) if watch.is_alert else watch
    if found.left <= 1 and event.old is not None and event.basis != "heap":
        watch = replace(watch, bound_kib=max(watch.bound_kib, found.capacity_kib))
    if found.is_futile:
        return _futile(watch, found)
    if found.freed >= FREES_AGAIN or (watch.doubt is not None and found.left < watch.doubt.left - FALLS):
        is_cleared = found.freed >= FREES_AGAIN and found.left < CLEARED
        return Watch(bound_kib=watch.bound_kib, hang=None if is_cleared else watch.hang, seen=watch.seen)
    return replace(_passed(watch, event), fulls=watch.fulls + 1) if watch.run else watch


def _futile(watch: Watch, found: Shares) -> Watch:
    if is_asked(found.event):
        return replace(_passed(watch, found.event), doubt=found, relieved=0)
    run, futile, fulls, stalls = watch.run, watch.futile, watch.fulls, watch.stalls
    is_other = bool(run) and (found.capacity_kib > run[-1].capacity_kib * GROWS or (found.event.at is None and watch.between > BETWEEN))
    if is_other:
        run, futile, fulls, stalls = (), 0, 0, 0
    found = replace(found, stopped_s=watch.stopped_s + (found.event.pause_s or 0.0))
    watch = replace(
        watch,
        run=(*run[1 - KEEP :], found),
        futile=futile + 1,
        since=watch.since if run else found.event.at,
        fulls=fulls + 1,
        stalls=stalls + is_stall(found.event),
        doubt=found,
        between=0,
        stopped_s=0.0,
        relieved=0,
    )
    return _hung(watch) if watch.hang is None else watch


def _cycled(watch: Watch, found: Shares) -> Watch:
    """Shenandoah collects beside the program; where memory is out it may do so without end, and come to no full collection."""
    if not (found.freed < FREES_NOTHING and found.left >= FULL_OLD) or is_asked(found.event):
        watch = replace(watch, cycles=(0, None))
        return _between(watch, found) if watch.is_alert else watch
    number, first = watch.cycles[0] + 1, watch.cycles[1] or found
    watch = replace(watch, cycles=(number, first), doubt=found if number >= RUN else watch.doubt, relieved=0)
    if watch.hang is not None or number < CYCLES or found.event.at is None or first.event.at is None:
        return watch
    lasted_s = found.event.at - first.event.at
    if lasted_s < CYCLES_S or number < CYCLES_PER_S * lasted_s:
        return watch
    reason = f"{number:,} collections in a row, without a rest for {lasted_s:.0f} s, free no memory; the last {found.percents}"
    hang = Hang(reason, found.event.at, found.event.wall, number, (first.event, found.event))
    return replace(watch, hang=hang, seen=hang)


def _hung(watch: Watch) -> Watch:
    run = watch.run[-RUN:]
    if run[-1].event.filled is not None:
        is_hang = watch.futile >= RUN and watch.stalls >= STALLS and _lasts(watch)
        how = f"; threads waited for memory {count(watch.stalls, 'time')}"
    else:
        share = _stopped_share(run)
        is_hang = watch.futile >= RUN and (share is None or share >= STOPPED_SHARE)
        how = "" if share is None else f", {share:.0%} of the time stopped"
    if not is_hang:
        return watch
    last = run[-1]
    what = "collection" if last.event.filled is not None else "full collection"
    reason = f"{count(watch.futile, what)} in a row free no memory{how}; the last {last.percents}"
    hang = Hang(reason, last.event.at, last.event.wall, watch.fulls, tuple(one.event for one in watch.run))
    return replace(watch, hang=hang, seen=hang)


def _lasts(watch: Watch) -> bool:
    """A small heap may be full for some cycles, and threads wait for milliseconds, without anything being wrong with it."""
    last = watch.run[-1].event.at
    return watch.futile >= STALLED_RUN if watch.since is None or last is None else last - watch.since >= STALLED_S


def _stopped_share(run: tuple[Shares, ...]) -> float | None:
    """Of the time from the first to the last, all pauses counted; None when the log states no pauses or no times."""
    pauses = [one.event.pause_s for one in run if one.event.pause_s is not None]
    first, last = run[0].event.at, run[-1].event.at
    if len(pauses) < len(run) or first is None or last is None:
        return None
    length = last - first + pauses[0]
    stopped = pauses[0] + sum(one.stopped_s for one in run[1:])
    return min(1.0, stopped / length) if length > 0 else 1.0


def _between(watch: Watch, found: Shares) -> Watch:
    relieved = watch.relieved + 1 if found.left < found.enough - RELIEF else 0
    if relieved >= RELIEF_COUNT:
        return Watch(bound_kib=watch.bound_kib, seen=watch.seen)
    watch = replace(_passed(watch, found.event), between=watch.between + 1, relieved=relieved)
    if watch.hang is not None and _works(watch, watch.hang, found.event.at):
        return Watch(bound_kib=watch.bound_kib, seen=watch.seen, doubt=watch.doubt)
    return watch


def _works(watch: Watch, hang: Hang, at: float | None) -> bool:
    """Memory is as full as it was, and the process gets on with it."""
    since = hang.at if watch.doubt is None else watch.doubt.event.at
    if at is None or since is None or watch.between < WORKS_COUNT:
        return False
    return at - since >= WORKS_S and watch.stopped_s < WORKS_SHARE * (at - since)


def _passed(watch: Watch, event: Collected) -> Watch:
    """Its pause counts, though it is not futile."""
    return replace(watch, stopped_s=watch.stopped_s + (event.pause_s or 0.0))


def _exhausted(watch: Watch, event: Exhausted) -> Watch:
    if watch.hang is not None or any(word in event.text for word in OTHER_MEMORY):
        return watch
    evidence: tuple[Collected | Exhausted, ...] = (*(one.event for one in watch.run[1 - KEEP :]), event)
    hang = Hang(f"the JVM itself says: {event.text}", event.at, event.wall, watch.fulls, evidence)
    return replace(watch, hang=hang, seen=hang)


def _stalled(watch: Watch, event: Stalled) -> Watch:
    return replace(watch, stalls=watch.stalls + 1) if watch.run else watch


def _launched(watch: Watch, event: Launched) -> Watch:
    return Watch(seen=None if watch.seen is None else replace(watch.seen, is_of_another=True))


_FOLLOW: Mapping[type, Callable[[Watch, Any], Watch]] = {
    Collected: _collected,
    Exhausted: _exhausted,
    Stalled: _stalled,
    Launched: _launched,
}
