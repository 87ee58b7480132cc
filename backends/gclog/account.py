"""What one log has said so far, as a fold over its events: the figures of a row, and the past that a verdict needs. Pure, bounded."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import structs

from backends.agent import Basis, Occupancy
from backends.gclog.events import Collected, Event, Exhausted, Exited, Launched, Named, Opened, Paused, Regioned, Sized, Stalled
from backends.gclog.verdict import Trace

KEEP_FULL = 64  # full collections and out-of-memory marks: a run of futile ones is judged from 5, a slow leak from 5
KEEP_RECENT = 2048  # collections and pauses: more than a minute of a busy JVM; older ones only matter as full collections
KEEP_HOUR = 4096  # times of full collections: one a second for an hour is far past every verdict


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
        self.story: deque[Collected | Exhausted] = deque(maxlen=KEEP_FULL)
        self.recent: deque[Collected | Paused] = deque(maxlen=KEEP_RECENT)
        self.full_times: deque[float] = deque(maxlen=KEEP_HOUR)
        self._newest: Collected | None = None
        self._in_regions: Collected | None = None  # the last one whose regions wait for their size

        self._notes: dict[type[Event], Callable[[Any], None]] = {
            Collected: self._collected,
            Paused: self._paused,
            Opened: self._opened,
            Sized: self._sized,
            Named: self._named,
            Regioned: self._regioned,
            Launched: self._launched,
            Stalled: self._stalled,
            Exhausted: self._exhausted,
            Exited: self._exited,
        }

    def note_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self.note(event)

    def note(self, event: Event) -> None:
        self._notes[type(event)](event)
        if isinstance(event, Opened | Collected | Paused | Exhausted | Exited):
            self.last_at = event.at if event.at is not None else self.last_at
            self.last_wall = event.wall if event.wall is not None else self.last_wall

    def recall(self, full: Collected) -> None:
        """An older full collection, found before what was read."""
        if self.last_full is None:
            self.last_full = full
            self.story.appendleft(full)

    def trace(self, is_cut: bool) -> Trace:
        """The past that a verdict is made of. `is_cut`: the log ends inside a pause."""
        return Trace(tuple(self.story), tuple(self.recent), self.opened, is_cut, self.is_ended, self.pause_max_s)

    def _named(self, event: Named) -> None:
        self.collector = event.collector

    def _opened(self, event: Opened) -> None:
        self.opened = event

    def _stalled(self, event: Stalled) -> None:
        """A thread of ZGC waited for memory: no pause of the world, and no figure of a row yet."""

    def _exhausted(self, event: Exhausted) -> None:
        self.story.append(event)

    def _exited(self, event: Exited) -> None:
        self.is_ended = True

    def _collected(self, event: Collected) -> None:
        if event.regions is not None and self.region_kib is not None:
            event = _with_regions(event, self.region_kib)
        self._newest, self.is_ended = event, False
        self.recent.append(event)
        if event.pause_s is not None:
            self._pause(event.pause_s)
        if event.kind == "young":
            self.young += 1
        elif event.kind == "full":
            self.full += 1
            self.last_full = event
            self.story.append(event)
            if event.at is not None:
                self.full_times.append(event.at)
        self._measure(event)

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
            self._measure(_with_regions(self._in_regions, region_kib))
        if self.last_full is not None and self.last_full.regions is not None:
            self.last_full = _with_regions(self.last_full, region_kib)
        self.story = deque((_with_regions(past, region_kib) for past in self.story), maxlen=KEEP_FULL)

    def _sized(self, event: Sized) -> None:
        """Detail lines: the newest collection is replaced wherever it is kept."""
        if (newest := self._newest) is None:
            return
        fresh = structs.replace(newest, heap=event.heap, old=event.old, basis=event.basis)
        for kept in (self.story, self.recent):
            if kept and kept[-1] is newest:
                kept[-1] = fresh
        if self.last_full is newest:
            self.last_full = fresh
        self._newest = fresh
        self._measure(fresh)

    def _paused(self, event: Paused) -> None:
        self._pause(event.pause_s)
        self.recent.append(event)

    def _pause(self, pause_s: float) -> None:
        self.pauses += 1
        self.pause_total_s += pause_s
        self.pause_max_s = pause_s if self.pause_max_s is None else max(self.pause_max_s, pause_s)
        self.opened = None

    def _launched(self, event: Launched) -> None:
        self.story.clear()
        self.recent.clear()
        self.full_times.clear()
        self.opened, self.is_ended, self.last_at, self.last_wall = None, False, None, None


def _with_regions(event: Collected | Exhausted, region_kib: float) -> Any:
    if isinstance(event, Exhausted) or event.regions is None:
        return event
    old, humongous_kib = event.regions.old(region_kib, event.heap), event.regions.humongous_kib(region_kib)
    return structs.replace(event, old=old, basis="regions", humongous_kib=humongous_kib, regions=None)
