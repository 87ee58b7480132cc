"""Made traces and the truth about each: what may be said of it, and what must be said before it ends."""

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from backends.agent import HeapVerdict
from backends.gclog.events import Event
from tests.backends.gclog.jvms import (
    CAPACITY,
    COLLECTORS,
    DAY,
    HOUR,
    MINUTE,
    Collector,
    Life,
    batches,
    both,
    crowded,
    filling,
    g1,
    level,
    marked,
    parallel,
    restarted,
    rising,
    stalling,
    wandering,
    waves,
)

LONG_S = 9 * HOUR  # takes a second or more to play


class Trace(NamedTuple):
    """`allowed`: what may be said at any time besides OK. `must`: what has to be said at last, before the log ends."""

    name: str
    collect: Collector
    life: Callable[[int], Life]
    allowed: tuple[HeapVerdict, ...] = ()
    must: HeapVerdict | None = None
    learns_s: float = 0.0  # what is said before does not count: nobody can tell the first wave of a load from a leak

    @property
    def kind(self) -> str:
        """The same for all collectors."""
        name, _, last = self.name.rpartition(", ")
        return name if last in COLLECTORS else self.name

    @property
    def is_long(self) -> bool:
        return self.life(0).lasts_s > LONG_S

    def events(self, seed: int) -> Iterator[Event]:
        return self.collect(self.life(seed), Random(f"{self.name} {seed}"))


def steadily(life: Life) -> Callable[[int], Life]:
    return lambda seed: life


def wanders(width: float, memory_s: float, lasts_s: float) -> Callable[[int], Life]:
    return lambda seed: Life(wandering(0.45, width, memory_s, seed, lasts_s), lasts_s, gap_s=20.0, promoted=0.02)


def steps_up(at: float) -> float:
    """A heap that the JVM makes larger as what it holds grows: to sixteen times, in a day."""
    return CAPACITY / 16 * 2 ** min(4.0, at / (6 * HOUR))


def breathing(at: float) -> float:
    """Adaptive sizing: the old generation's capacity moves by a third, back and forth."""
    return CAPACITY * (0.85 + 0.15 * math.sin(at / 1800))


def _of_each(
    name: str, life: Life, allowed: tuple[HeapVerdict, ...] = (), must: HeapVerdict | None = None, learns_s: float = 0.0
) -> list[Trace]:
    return [Trace(f"{name}, {which}", collect, steadily(life), allowed, must, learns_s) for which, collect in COLLECTORS.items()]


BUSY = Life(level(0.4), promoted=0.02)

HEALTHY = (
    *_of_each("steady at 40 %", BUSY),
    *_of_each("steady at 75 %", BUSY._replace(live=level(0.75))),
    *_of_each("noisy at 60 %", BUSY._replace(live=level(0.6), noise=0.1)),
    *_of_each("start-up, then level at 65 %", BUSY._replace(live=rising(0.05, 0.65, 20 * MINUTE))),
    *_of_each("a cache fills to 70 % and levels off", BUSY._replace(live=filling(0.7, 2 * HOUR), lasts_s=12 * HOUR)),
    *_of_each("batches of 20 min", BUSY._replace(live=batches(0.25, 0.7, 20 * MINUTE))),
    *_of_each("batches of 3 h", BUSY._replace(live=batches(0.25, 0.7, 3 * HOUR), lasts_s=2 * DAY), learns_s=3 * HOUR),
    *_of_each("days and nights", BUSY._replace(live=waves(0.25, 0.65, DAY), lasts_s=5 * DAY, gap_s=30.0), learns_s=DAY),
    *[Trace(f"a load that wanders a little, {which}", collect, wanders(0.05, HOUR, 2 * DAY)) for which, collect in COLLECTORS.items()],
    Trace("System.gc() every hour", parallel, steadily(Life(level(0.6), 4 * DAY, gap_s=60.0, promoted=0.0005, asked_s=HOUR))),
    Trace("System.gc() every hour, noisy", g1, steadily(Life(level(0.5), 4 * DAY, gap_s=60.0, promoted=0.0005, asked_s=HOUR, noise=0.08))),
    Trace("one heap dump", parallel, steadily(Life(level(0.5), 3 * HOUR, promoted=0.0001, asked_s=2 * HOUR))),
    Trace("frees 15 %, every two minutes", parallel, steadily(Life(level(0.80), promoted=0.015, noise=0.03))),
    Trace("frees 15 %, every minute", parallel, steadily(Life(level(0.80), promoted=0.03, noise=0.03))),
    Trace("high plateau, asked every hour", parallel, steadily(Life(level(0.93), 2 * DAY, 60.0, 0.0, 0.005, HOUR)), ("SUSPECT",)),
    Trace("high plateau, seldom full", parallel, steadily(Life(level(0.93), 2 * DAY, 60.0, 0.001, 0.005)), ("SUSPECT",)),
    Trace("capacity grows with use, parallel", parallel, steadily(Life(level(0.55), 2 * DAY, 20.0, 0.02, capacity=steps_up))),
    Trace("capacity grows with use, g1", g1, steadily(Life(level(0.6), 2 * DAY, 20.0, 0.02, capacity=steps_up))),
    Trace("adaptive sizing", parallel, steadily(Life(lambda at: 0.5 * CAPACITY / breathing(at), 2 * DAY, 20.0, 0.02, capacity=breathing))),
    Trace("no times, steady", parallel, steadily(BUSY._replace(live=level(0.75), has_times=False))),
    Trace("no times, high plateau", parallel, steadily(Life(level(0.92), has_times=False, promoted=0.01)), ("SUSPECT",)),
    Trace("whole heap, parallel", parallel, steadily(BUSY._replace(live=level(0.7), has_pools=False))),
    Trace("whole heap, g1", g1, steadily(BUSY._replace(live=level(0.7), has_pools=False))),
    Trace("humongous", g1, steadily(BUSY._replace(live=level(0.4), humongous=0.25))),
    Trace("metaspace is out once", marked("java.lang.OutOfMemoryError: Metaspace"), steadily(BUSY)),
    Trace("restarted", restarted(parallel, 4), steadily(BUSY._replace(live=rising(0.05, 0.4, HOUR), lasts_s=2 * HOUR))),
)

UNTOLD = (  # rises for hours, and evenly, as a leak does, until it turns out to be none
    *_of_each("a cache fills evenly to 75 % in 3 h", BUSY._replace(live=rising(0.1, 0.75, 3 * HOUR), lasts_s=8 * HOUR)),
    *_of_each("the first batch of 3 h", BUSY._replace(live=batches(0.25, 0.7, 3 * HOUR), lasts_s=3 * HOUR)),
    *[Trace(f"a load that wanders far, {which}", collect, wanders(0.12, HOUR, 2 * DAY)) for which, collect in COLLECTORS.items()],
)

SLOW: tuple[HeapVerdict, ...] = ("LEAK", "SUSPECT")
LEAKS = (
    *_of_each("leak of hours", BUSY._replace(live=rising(0.2, 0.9, 8 * HOUR), lasts_s=8 * HOUR), SLOW, "LEAK"),
    *_of_each("leak with noise", BUSY._replace(live=rising(0.2, 0.9, DAY), lasts_s=DAY, noise=0.05), SLOW, "LEAK"),
    *_of_each(
        "start-up, then a leak",
        BUSY._replace(live=both(rising(0, 0.35, 600), rising(0, 0.6, DAY)), lasts_s=DAY),
        SLOW,
        "LEAK",
    ),
    *_of_each(
        "level for days, then a leak",
        BUSY._replace(live=rising(0.4, 0.9, 6 * HOUR, 2 * DAY), lasts_s=2 * DAY + 6 * HOUR, gap_s=20.0),
        SLOW,
        "LEAK",
    ),
    *_of_each(
        "leak under batches",
        BUSY._replace(live=both(batches(0.0, 0.2, 20 * MINUTE), rising(0.15, 0.75, DAY)), lasts_s=DAY),
        SLOW,
        "LEAK",
    ),
    Trace("leak of days", parallel, steadily(Life(rising(0.3, 0.95, 6 * DAY), 6 * DAY, 60.0, 0.002)), SLOW, "LEAK"),
    Trace("leak of days, asked", g1, steadily(Life(rising(0.3, 0.95, 4 * DAY), 4 * DAY, 60.0, 0.0, asked_s=HOUR)), SLOW, "LEAK"),
    Trace(
        "leak, restarted",
        restarted(parallel, 3),
        steadily(BUSY._replace(live=rising(0.2, 0.9, 6 * HOUR), lasts_s=6 * HOUR)),
        SLOW,
        "LEAK",
    ),
    Trace("leak, no times", parallel, steadily(BUSY._replace(live=rising(0.2, 0.9, 6 * HOUR), has_times=False)), SLOW, "LEAK"),
    Trace(
        "leak, whole heap, parallel",
        parallel,
        steadily(BUSY._replace(live=rising(0.2, 0.97, 6 * HOUR), has_pools=False)),
        SLOW,
        "LEAK",
    ),
    Trace("leak, whole heap, g1", g1, steadily(BUSY._replace(live=rising(0.2, 0.97, 6 * HOUR), has_pools=False)), SLOW, "LEAK"),
    Trace("leak of humongous", g1, steadily(BUSY._replace(live=rising(0.1, 0.68, 6 * HOUR), humongous=0.25)), SLOW, "LEAK"),
)

TIGHT = Life(level(0.5), 10 * MINUTE)

THRASHES = (
    Trace("too small by half", crowded(1.2, 0.8, 0.3), steadily(TIGHT), ("THRASHING", "SUSPECT"), "THRASHING"),
    Trace(
        "too small, without pools", crowded(0.9, 0.3, 0.2), steadily(TIGHT._replace(has_pools=False)), ("THRASHING", "SUSPECT"), "THRASHING"
    ),
    Trace("zgc stalls", stalling, steadily(TIGHT), ("THRASHING", "SUSPECT"), "THRASHING"),
    Trace("a third of the time", crowded(1.0, 1.6, 0.3), steadily(TIGHT), ("SUSPECT",), "SUSPECT"),
)

ANY: tuple[HeapVerdict, ...] = ("LEAK", "SUSPECT", "THRASHING", "HANG")
HANGS = (
    *_of_each("full after an hour", BUSY._replace(live=rising(0.4, 1.0, HOUR, 10 * MINUTE), lasts_s=75 * MINUTE), ANY, "HANG"),
    Trace(
        "full after a high plateau, asked every hour",
        parallel,
        steadily(Life(rising(0.93, 1.0, 600, DAY), DAY + 1200, 20.0, 0.001, 0.005, HOUR)),
        ANY,
        "HANG",
    ),
    Trace(
        "full, no times",
        parallel,
        steadily(BUSY._replace(live=rising(0.4, 1.0, HOUR), lasts_s=70 * MINUTE, has_times=False)),
        ANY,
        "HANG",
    ),
)
