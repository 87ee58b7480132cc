"""What one log has said so far, as a fold over its events: the figures of a row, and the past that a verdict needs. Pure, bounded.

Of a run of young collections (`events.Run`) sums are taken, and the newest are kept as they are, to be read one by one when somebody asks.
What follows a collection may complete it (detail lines, the size of a region), so what is remembered for long is told of it one event
later.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from backends.agent import Basis, Occupancy
from backends.gclog.events import (
    Collected,
    Event,
    Exhausted,
    Exited,
    Launched,
    Named,
    Opened,
    Packed,
    Paused,
    Regioned,
    Run,
    Sized,
    Stalled,
)
from backends.gclog.judging.completed import with_regions, with_sizes
from backends.gclog.judging.hang import Hang, Watch, after
from backends.gclog.judging.lows import Lows
from backends.gclog.judging.shares import is_of_a_part
from backends.gclog.judging.shell import is_shell
from backends.gclog.judging.trend import Trend, leak
from backends.gclog.judging.verdict import Findings, Trace, find

KEEP_RECENT = 2048  # collections and pauses: ten minutes of a JVM that collects three times a second, a minute of a busy one
KEEP_HOUR = 4096  # times of full collections: one a second for an hour is far past every verdict
SAMPLES = 32  # of a run of at most a block of lines, for low points; and its newest, while there is an alarm
CLEARING = ("full", "degenerated", "cycle")  # collections that free memory, or show that there is none to be freed
MARKED = ("Remark", "remark", "CMS remark", "Final Mark (Old)")  # pauses with which a marking of the old generation ends
ONLY_FULL = ("Parallel", "Serial", "Epsilon")  # only a full collection clears their old generation


class Account:
    """Folds events in order. `note` is asked once for each event; everything else is read."""

    def __init__(self) -> None:
        self.collector: str | None = None
        self.young = self.full = self.pauses = 0
        self.pause_total_s = 0.0
        self.pause_max_s: float | None = None
        self.last: Collected | None = None  # the last that let one know the old generation
        self.last_full: Collected | None = None
        self.last_heap: Occupancy | None = None
        self.basis: Basis | None = None
        self.region_kib: float | None = None
        self.last_at: float | None = None
        self.last_wall: float | None = None
        self.opened: Opened | None = None
        self.is_ended = False
        self.full_times: deque[float] = deque(maxlen=KEEP_HOUR)
        self._recent: deque[Collected | Paused | Run] = deque()
        self._kept = 0  # collections and pauses in it
        self._newest: Collected | None = None  # not told to what is remembered for long, unless it `is_told`
        self._is_told = True
        self._in_regions: Collected | None = None  # the last one whose regions wait for their size
        self._watch = Watch()
        self._lows = Lows()
        self._trend: tuple[int, Collected | None, Trend | None] = (0, None, None)  # of so many low points and this newest one
        self._findings: Findings | None = None

    def note_all(self, events: Iterable[Packed]) -> None:
        for event in events:
            self.note(event)

    def note(self, event: Packed) -> None:
        self._findings = None
        _NOTES[type(event)](self, event)

    def recall(self, fulls: Sequence[Collected]) -> None:
        """Full collections from before what was read, oldest first."""
        if not fulls:
            return
        self._findings = None
        if self.last_full is None:
            self.last_full = fulls[-1]
        if self._watch.seen is not None or self._watch.stalls:
            return  # what was read says more than they could
        self._watch = Watch()
        for full in fulls:
            self._watch = after(self._watch, full)
        for event in self.recent():
            if isinstance(event, Collected) and event is not self._newest and (_clears(event) or self._watch.is_alert):
                self._watch = after(self._watch, event)

    def recent(self) -> tuple[Collected | Paused, ...]:
        """The newest collections and pauses of this process, at most KEEP_RECENT."""
        return tuple(_unpacked(self._recent))[-KEEP_RECENT:]

    def findings(self) -> Findings:
        """All that the log itself says. What is asked again before the next event is answered as it was."""
        if self._findings is None:
            self._findings = find(self.trace(False))
        return self._findings

    def trace(self, is_cut: bool) -> Trace:
        """The past that a verdict is made of. `is_cut`: the log ends inside a pause."""
        watch = self._watch if self._is_told or self._newest is None else after(self._watch, self._newest)
        return Trace(watch, self._leak(), self.recent(), self.opened, is_cut, self.is_ended, self.pause_max_s)

    @property
    def hang(self) -> tuple[Hang, bool] | None:
        """The last hang that the log shows, and whether it is over."""
        watch = self.findings().trace.watch
        return None if watch.seen is None else (watch.seen, watch.hang is None or self.is_ended)

    def _leak(self) -> Trend | None:
        """Weighed anew only with another low point: it costs a millisecond."""
        newest = self._newest if self._newest is not None and not self._is_told and _clears(self._newest) else None
        number, known, trend = self._trend
        if number != self._lows.number or known is not newest:
            trend = leak(self._lows.series(newest, self.young + self.full), trend is not None)
            self._trend = (self._lows.number, newest, trend)
        return trend

    # Collections

    def _collected(self, event: Collected) -> None:
        if event.regions is not None and self.region_kib is not None:
            event = with_regions(event, self.region_kib)
        is_again = is_shell(self._newest, event)
        self._tell()
        self._newest, self._is_told, self.is_ended = event, is_again, False
        if not is_again:
            self._keep(event, 1)
        if event.pause_s is not None:
            self._pause(event.pause_s)
        if event.kind == "young":
            self.young += 1
        elif event.kind == "full":
            self.full += 1
            self.last_full = event
            if event.at is not None:
                self.full_times.append(event.at)
        self._measure(event)
        self._clock(event.at, event.wall)

    def _run(self, run: Run) -> None:
        """Young collections, of which all but the last few only count."""
        if is_shell(self._newest, first := run.read(run.lines[0])):
            self._collected(first)
            if len(run.lines) == 1:
                return
            run = Run(run.lines[1:], run.pauses_s[1:], run.read)
        newest = run.collections(1)[-1]
        self._tell()
        for event in self._telling(run):
            self._newest, self._is_told = event, False
            self._tell()
        self._newest, self._is_told, self.is_ended, self.opened = newest, True, False, None
        self._keep(run, len(run.lines))
        self.young += len(run.lines)
        self.pauses += len(run.pauses_s)
        self.pause_total_s += sum(run.pauses_s)
        self.pause_max_s = max(max(run.pauses_s), self.pause_max_s or 0.0)
        self._measure(newest)
        self._clock(newest.at, newest.wall)

    def _telling(self, run: Run) -> Iterator[Collected]:
        """What a run says of the memory that fills up: the newest of it while there is an alarm, and samples where low points are among
        them."""
        if self.collector not in ONLY_FULL:
            for line in run.lines[:: max(1, len(run.lines) // SAMPLES)]:
                yield run.read(line)
        if self._watch.is_alert:
            yield from run.collections(SAMPLES)

    def _tell(self) -> None:
        """The newest collection is complete now."""
        event = self._newest
        if event is None or self._is_told:
            return
        self._is_told = True
        clears = _clears(event)
        if clears or self._watch.is_alert:
            self._watch = after(self._watch, event)
        if clears or self.collector not in ONLY_FULL:
            self._lows.note(event, clears, self.young + self.full)

    def _keep(self, event: Collected | Paused | Run, number: int) -> None:
        recent = self._recent
        recent.append(event)
        self._kept += number
        if self._kept > 2 * KEEP_RECENT:
            self._forget()

    def _forget(self) -> None:
        while self._kept - (oldest := _length(self._recent[0])) >= KEEP_RECENT:
            self._recent.popleft()
            self._kept -= oldest

    def _measure(self, event: Collected) -> None:
        if event.heap is not None:
            self.last_heap = event.heap
        if event.old is not None:
            self.last, self.basis = event, event.basis
            self._in_regions = None
        elif event.regions is not None:
            self._in_regions = event

    def _regioned(self, event: Regioned) -> None:
        """The size of a region came after the collections it is needed for (a rotated file has no header; the exit block tells)."""
        region_kib = self.region_kib = event.region_kib
        if self._in_regions is not None:
            self._measure(with_regions(self._in_regions, region_kib))
        if self.last_full is not None:
            self.last_full = with_regions(self.last_full, region_kib)
        if self._newest is not None:
            self._newest = with_regions(self._newest, region_kib)
        self._recent = deque(with_regions(one, region_kib) if isinstance(one, Collected) else one for one in self._recent)

    def _sized(self, event: Sized) -> None:
        """Detail lines: the newest collection is replaced wherever it is kept."""
        if (newest := self._newest) is None or self._is_told:
            return
        fresh = with_sizes(newest, event)
        if self._recent and self._recent[-1] is newest:
            self._recent[-1] = fresh
        if self.last_full is newest:
            self.last_full = fresh
        self._newest = fresh
        self._measure(fresh)

    # Pauses, marks, processes

    def _paused(self, event: Paused) -> None:
        if event.name in MARKED:
            self._tell()
            self._lows.mark()
        self._pause(event.pause_s)
        self._keep(event, 1)
        self._clock(event.at, event.wall)

    def _pause(self, pause_s: float) -> None:
        self.pauses += 1
        self.pause_total_s += pause_s
        self.pause_max_s = pause_s if self.pause_max_s is None else max(self.pause_max_s, pause_s)
        self.opened = None

    def _opened(self, event: Opened) -> None:
        self.opened = event
        self._clock(event.at, event.wall)

    def _marked(self, event: Exhausted) -> None:
        self._tell()
        self._watch = after(self._watch, event)
        self._clock(event.at, event.wall)

    def _stalled(self, event: Stalled) -> None:
        """A thread of ZGC waited for memory: no pause of the world, and no figure of a row."""
        self._tell()
        self._watch = after(self._watch, event)

    def _exited(self, event: Exited) -> None:
        self.is_ended = True
        self._clock(event.at, event.wall)

    def _named(self, event: Named) -> None:
        self.collector = event.collector

    def _launched(self, event: Launched) -> None:
        self._tell()
        self._watch, self._lows, self._newest = after(self._watch, event), Lows(), None
        self._trend = (0, None, None)
        self._recent.clear()
        self._kept = 0
        self.full_times.clear()
        self.opened, self.is_ended, self.last_at, self.last_wall = None, False, None, None

    def _clock(self, at: float | None, wall: float | None) -> None:
        if at is not None:
            self.last_at = at
        if wall is not None:
            self.last_wall = wall


def _clears(event: Collected) -> bool:
    """All memory: what it leaves is a low point, and that it frees nothing is a sign."""
    return event.kind in CLEARING and not is_of_a_part(event)


def _length(one: Collected | Paused | Run) -> int:
    return len(one.lines) if isinstance(one, Run) else 1


def _unpacked(recent: Iterable[Collected | Paused | Run]) -> Iterator[Collected | Paused]:
    for one in recent:
        if isinstance(one, Run):
            yield from one.collections(KEEP_RECENT)
        else:
            yield one


_NOTES: Mapping[type[Event | Run], Callable[[Account, Any], None]] = {
    Collected: Account._collected,
    Run: Account._run,
    Paused: Account._paused,
    Opened: Account._opened,
    Sized: Account._sized,
    Named: Account._named,
    Regioned: Account._regioned,
    Launched: Account._launched,
    Stalled: Account._stalled,
    Exhausted: Account._marked,
    Exited: Account._exited,
}
