"""The past of one agent as a page shows it: the old generation after each collection, how long pauses were, the newest events.
A fold over events and where they stand. Pure; bounded for a log of any size.

Of a run of young collections (`events.Run`) every pause counts, and its points are samples: between full collections the old generation
only creeps. Its lines are read one by one when they are listed.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from backends.agent import Basis, HeapEvent, HeapPoint, PauseBucket
from backends.gclog.events import Collected, Event, Exhausted, Exited, Launched, Packed, Paused, Regioned, Run, Sized, Stalled
from backends.gclog.judging.completed import with_regions, with_sizes
from backends.gclog.judging.evidence import Clock, told
from backends.gclog.past.axis import Axis
from backends.gclog.past.series import Point, Series, thinned
from backends.questions import MAX_HEAP_EVENTS, HeapPast

PAUSES_UP_TO_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SAMPLES: Final = 64  # of a run, which is of one block of lines: some for each point of a page
UNDATED: Final = Clock(None)

Listed = Collected | Paused | Stalled | Exhausted | Launched | Exited
Entry = tuple[Listed, float | None, str | None, int | None]  # its place on the axis; the file and the place in it


class Batch(NamedTuple):
    """A run as it is listed later."""

    run: Run
    clock: float | None
    offset: float

    def newest_first(self, most: int) -> Iterator[Entry]:
        for event in reversed(self.run.collections(most)):
            time = event.wall if event.wall is not None or event.at is None else event.at + (self.clock or 0.0)
            yield event, None if time is None else time - self.offset, None, None


class Past:
    """Folds events in order."""

    def __init__(self) -> None:
        self.of = 0  # events so far
        self._events: deque[Entry | Batch] = deque()
        self._listed = 0  # events in it
        self._counts = [0] * (len(PAUSES_UP_TO_S) + 1)
        self._totals = [0.0] * (len(PAUSES_UP_TO_S) + 1)
        self._old, self._heap, self._regions = Series(), Series(), Series()  # the last in regions, as long as their size is not known
        self._newest: tuple[Collected, float] | None = None  # not in a series yet: what follows it may complete it
        self._owes_full = False  # a full collection did not state the old generation: the next point that is told marks it
        self._basis: Basis | None = None  # of this JVM's old generation
        self._old_basis: Basis | None = None  # of the newest point in its series
        self._capacity_kib: dict[str, int | None] = {"old": None, "heap": None}
        self._region_kib: float | None = None
        self._launched: tuple[Launched, str | None, int | None] | None = None  # when that was, the next event tells
        self._axis = Axis()

    @property
    def has_dates(self) -> bool:
        """The lines themselves have them."""
        return self._axis.stated is not None

    def date(self, clock: float | None) -> None:
        """How far the log's own clock is from epoch seconds in what follows, for lines without a date."""
        self._axis.given = clock

    def note(self, event: Packed, file: str | None = None, place: int | None = None) -> None:
        note = _NOTES.get(type(event))
        if note is not None:
            note(self, event, file, place)

    def told(self, name: str, points: int, events: int, note: str = "") -> HeapPast:
        """At most so many points and events of it."""
        old, heap = self._series()
        is_old = bool(old) and (self._basis is not None or not heap)
        shown = thinned(old if is_old else heap, points)
        newest = [self._event(entry) for entry in islice(self._newest_first(), max(0, events))]
        return HeapPast(
            name=name,
            points=tuple(HeapPoint(self._axis.shown(at), round(figure), is_full) for at, figure, is_full in shown),
            basis=None if not shown else self._old_basis if is_old else "heap",
            capacity_kib=self._capacity_kib["old" if is_old else "heap"],
            pauses=self._histogram(),
            events=tuple(newest),
            of=self.of,
            is_clock=self._axis.is_clock,
            note=note,
        )

    # Notes

    def _collected(self, event: Collected, file: str | None, place: int | None) -> None:
        if self._region_kib is not None:
            event = with_regions(event, self._region_kib)
        self._settle()
        at = self._list(event, file, place)
        self._newest = (event, self._axis.next() if at is None else at)
        if event.pause_s is not None:
            self._pause(event.pause_s)

    def _run(self, run: Run, file: str | None, place: int | None) -> None:
        self._settle()
        step = max(1, len(run.lines) // SAMPLES)
        for event in map(run.read, (*run.lines[:-1:step], run.lines[-1])):
            self._settle()
            at = self._place(event.at, event.wall)
            self._newest = (event, self._axis.next() if at is None else at)
        for pause_s in run.pauses_s:
            self._pause(pause_s)
        self._keep(Batch(run, self._axis.clock, self._axis.offset), len(run.lines))

    def _sized(self, event: Sized, file: str | None, place: int | None) -> None:
        if self._newest is None:
            return
        former, at = self._newest
        self._newest = (with_sizes(former, event), at)
        last = self._events[-1] if self._events else None
        if isinstance(last, tuple) and not isinstance(last, Batch) and last[0] is former:
            self._events[-1] = (self._newest[0], *last[1:])

    def _regioned(self, event: Regioned, file: str | None, place: int | None) -> None:
        self._region_kib = event.region_kib
        if self._newest is not None:
            self._newest = (with_regions(self._newest[0], event.region_kib), self._newest[1])
        if self._regions:
            for at, figure, is_full in self._regions.points():
                self._old.add(at, figure * event.region_kib, is_full)
            self._regions, self._heap = Series(), Series()
            self._basis = self._old_basis = "regions"
            self._capacity_kib["old"] = self._capacity_kib["heap"]

    def _paused(self, event: Paused, file: str | None, place: int | None) -> None:
        self._list(event, file, place)
        self._pause(event.pause_s)

    def _launch(self, event: Launched, file: str | None, place: int | None) -> None:
        self._settle()
        self._launched, self._owes_full = (event, file, place), False
        self._basis = self._axis.stated = None

    def _list(self, event: Listed, file: str | None, place: int | None) -> float | None:
        """Into the list of events; its place on the axis."""
        at = None if isinstance(event, Launched) else self._place(event.at, event.wall)
        self._keep((event, at, file, place), 1)
        return at

    def _place(self, at: float | None, wall: float | None) -> float | None:
        """On the axis. A start waits for the first event behind it, which has a time."""
        if self._launched is None:
            return self._axis.place(at, wall)
        (launched, file, where), self._launched = self._launched, None
        since_s = None if at is None or launched.at is None else max(0.0, at - launched.at)
        place = self._axis.place(at, wall, since_s or 0.0)
        self._keep((launched, None if place is None or since_s is None else place - since_s, file, where), 1)
        return place

    def _keep(self, entry: Entry | Batch, number: int) -> None:
        self._events.append(entry)
        self.of += number
        self._listed += number
        while self._listed - (oldest := _length(self._events[0])) >= MAX_HEAP_EVENTS:
            self._events.popleft()
            self._listed -= oldest

    def _pause(self, pause_s: float) -> None:
        bucket = bisect_left(PAUSES_UP_TO_S, pause_s)
        self._counts[bucket] += 1
        self._totals[bucket] += pause_s

    # Points

    def _settle(self) -> None:
        """The newest collection is complete: another one has come."""
        if self._newest is None:
            return
        (event, at), self._newest = self._newest, None
        is_full = event.kind == "full"
        if (kib := _used(event)) is not None:
            self._old.add(at, kib, is_full or self._owes_full)
            self._owes_full = False
            if self._heap:
                self._heap = Series()
            self._measure("old", event)
            self._basis = self._old_basis = event.basis
        elif event.regions is not None:
            self._regions.add(at, event.regions.after + (event.regions.humongous or 0), is_full)
        else:
            self._owes_full |= is_full
        if self._basis is None and event.heap is not None and event.heap.after_kib is not None:
            self._heap.add(at, event.heap.after_kib, is_full)
            self._measure("heap", event)

    def _measure(self, what: str, event: Collected) -> None:
        sizes = event.old if what == "old" else event.heap
        if sizes is None:
            return
        if sizes.capacity_kib:
            self._capacity_kib[what] = sizes.capacity_kib
        elif event.filled and sizes.after_kib is not None:
            self._capacity_kib[what] = round(sizes.after_kib / event.filled)

    def _series(self) -> tuple[list[Point], list[Point]]:
        """Of the old generation and of the heap, with the newest collection."""
        old, heap = self._old.points(), self._heap.points()
        if self._newest is None:
            return old, heap
        event, at = self._newest
        is_full = event.kind == "full"
        if (kib := _used(event)) is not None:
            self._measure("old", event)
            self._basis = self._old_basis = event.basis
            old.append((at, kib, is_full or self._owes_full))
        elif self._basis is None and event.heap is not None and event.heap.after_kib is not None:
            self._measure("heap", event)
            heap.append((at, event.heap.after_kib, is_full))
        return old, heap

    def _histogram(self) -> tuple[PauseBucket, ...]:
        """Up to the last bucket with a pause."""
        last = max((index for index, count in enumerate(self._counts) if count), default=-1)
        bounds = (*PAUSES_UP_TO_S, None)
        return tuple(
            PauseBucket(bound, count, round(total, 9))
            for bound, count, total in zip(bounds[: last + 1], self._counts, self._totals, strict=False)
        )

    # Events

    def _newest_first(self) -> Iterator[Entry]:
        if self._launched is not None:
            launched, file, place = self._launched
            yield launched, None, file, place
        for entry in reversed(self._events):
            if isinstance(entry, Batch):
                yield from entry.newest_first(MAX_HEAP_EVENTS)
            else:
                yield entry

    def _event(self, entry: Entry) -> HeapEvent:
        event, at, file, place = entry
        if isinstance(event, Collected) and self._region_kib is not None:
            event = with_regions(event, self._region_kib)
        listed = told(event, UNDATED)
        shown = self._axis.shown(at) if listed.at is None and at is not None and self._axis.is_clock else listed.at
        return replace(listed, at=shown, file=file, place=place)


def _length(entry: Entry | Batch) -> int:
    return len(entry.run.lines) if isinstance(entry, Batch) else 1


def _used(event: Collected) -> int | None:
    """What the JVM calls its old generation: with G1's humongous regions, as the verdict has it."""
    if event.old is None or event.old.after_kib is None:
        return None
    return max(0, event.old.after_kib) + (event.humongous_kib or 0)


_NOTES: Final[dict[type[Event | Run], Callable[[Past, Any, str | None, int | None], object]]] = {
    Collected: Past._collected,
    Run: Past._run,
    Sized: Past._sized,
    Regioned: Past._regioned,
    Paused: Past._paused,
    Launched: Past._launch,
    Stalled: Past._list,
    Exhausted: Past._list,
    Exited: Past._list,
}
