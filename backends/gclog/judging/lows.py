"""The low points of the memory that can fill up: how little is left each time that garbage was cleared away. A bounded fold.

What rises between two collections is garbage until it is collected, so a leak shows in the low points alone. A full collection and the end
of a concurrent cycle are such points by themselves. G1 and CMS say when a marking has ended: the lowest between two of these is such a
point, for sweeps and mixed collections leave little (G1HeapWastePercent: 5 % of the heap). Generational cycles, and logs without markings,
are known by what they do: the figure fell by a step, and rises again; the lowest in between counts.

A JVM that is short of memory collects more and more often, and nothing is judged by less than half an hour (`trend`): so of each minute
the lowest point counts. Kept are the newest of these, and besides the lowest of every eight, of every eight of these, and so on: from
minutes to months, each series of points of one kind, so that none is low only because it stands for more.
"""

from collections import deque
from typing import NamedTuple

from backends.gclog.events import Collected
from backends.gclog.judging.shares import Measured, measured

KEEP = 32  # points of each series
MINUTE_S = 60.0
EACH = 8  # points of one series are one of the next
SERIES = 7  # the last stands for 8 ** 6 low points each: a JVM that collects each second for three months
STEP_OLD = 0.05  # of the capacity, that an old generation must fall and rise: more than G1's rounding of sizes in gigabytes
STEP_HEAP = 0.10  # the same of a whole heap: more than survivors come and go


class Low(NamedTuple):
    number: int  # of the low points of this process, from 1
    at: float | None
    clock: float  # the same; where the log has no times, collections since the process began
    used_kib: int
    bound_kib: float  # the largest capacity so far
    crest_kib: int  # of those that it stands for, the highest but one: a single odd one is no crest
    event: Collected

    @property
    def share(self) -> float:
        return self.used_kib / self.bound_kib


class Lows:
    def __init__(self) -> None:
        self._begin(None)

    def _begin(self, is_old: bool | None) -> None:
        """What is measured is another thing from now on: a G1 log told the size of its regions late."""
        self.number = 0
        self._series: list[deque[Low]] = [deque(maxlen=KEEP) for _ in range(SERIES)]
        self._waiting: list[list[Low]] = [[] for _ in range(SERIES)]
        self._bound_kib = 0.0
        self._is_old = is_old
        self._peak_kib = 0
        self._lowest: Low | None = None  # while it falls, or since the last marking
        self._is_marked = False  # markings are told
        self._minute: Low | None = None  # the lowest of the present one
        self._minute_at = 0.0  # its first low point

    def series(self, newest: Collected | None = None, collections: int = 0) -> list[list[Low]]:
        """From the finest on; each oldest first. `newest`: a low point that is not noted yet, because it may still be completed.
        `collections`: how many there were up to it."""
        found = [list(each) for each in self._series]
        minutes: tuple[Low | None, ...] = (self._minute,)
        sizes = None if newest is None else measured(newest)
        if newest is not None and sizes is not None and sizes.is_old == (self._is_old is not False):
            minutes = self._with(self._low(newest, sizes, collections))
        found[0] = [*found[0], *(low for low in minutes if low is not None)][-KEEP:]
        return found

    def note(self, event: Collected, is_low: bool, collections: int) -> None:
        """`is_low`: everything was collected, so what is left is a low point."""
        sizes = measured(event)
        if sizes is None:
            return
        if sizes.is_old != self._is_old:
            self._begin(sizes.is_old)
        self._bound_kib = max(self._bound_kib, sizes.capacity_kib)
        if is_low:
            self._add(self._low(event, sizes, collections))
            self._peak_kib, self._lowest = sizes.after_kib, None
        else:
            self._watch(event, sizes, collections)

    def mark(self) -> None:
        """A marking of the old generation has ended: what it found dead goes until the next."""
        if self._is_marked and self._lowest is not None:
            self._add(self._lowest)
        self._is_marked, self._lowest = True, None

    def _low(self, event: Collected, sizes: Measured, collections: int) -> Low:
        bound_kib = max(self._bound_kib, sizes.capacity_kib)
        clock = float(collections) if event.at is None else event.at
        return Low(self.number + 1, event.at, clock, sizes.after_kib, bound_kib, sizes.after_kib, event)

    def _watch(self, event: Collected, sizes: Measured, collections: int) -> None:
        step = (STEP_OLD if sizes.is_old else STEP_HEAP) * self._bound_kib
        used = sizes.after_kib
        if self._is_marked:
            if self._lowest is None or used <= self._lowest.used_kib:
                self._lowest = self._low(event, sizes, collections)
        elif self._lowest is None:
            self._peak_kib = max(self._peak_kib, used)
            if used <= self._peak_kib - step:
                self._lowest = self._low(event, sizes, collections)
        elif used < self._lowest.used_kib:
            self._lowest = self._low(event, sizes, collections)
        elif used >= self._lowest.used_kib + step:
            self._add(self._lowest)
            self._peak_kib, self._lowest = used, None

    def _with(self, low: Low) -> tuple[Low | None, Low]:
        """The minute before, when this begins another; and the lowest of its own."""
        minute = self._minute
        if minute is None or low.at is None or not 0 <= low.at - self._minute_at < MINUTE_S:
            return minute, low._replace(number=self.number + 1)
        return None, minute if low.used_kib > minute.used_kib else low._replace(number=minute.number)

    def _add(self, low: Low) -> None:
        before, self._minute = self._with(low)
        if before is not None:
            self._keep(before)
        if self._minute.number > self.number:
            self.number, self._minute_at = self._minute.number, low.clock

    def _keep(self, low: Low) -> None:
        for series, waiting in zip(self._series, self._waiting, strict=True):
            series.append(low)
            waiting.append(low)
            if len(waiting) < EACH:
                return
            lowest = min(waiting, key=lambda one: one.used_kib)
            crest = sorted(one.used_kib for one in waiting)[-2]
            low = lowest._replace(number=low.number, bound_kib=low.bound_kib, crest_kib=crest)
            waiting.clear()
