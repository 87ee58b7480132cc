"""Lives of JVMs whose truth is known, as the events that their logs would give. Not a JVM: only what a verdict looks at.

`live` says which share of the old generation (of the heap, for ZGC and Shenandoah) is reachable at a time; the rest is garbage that
comes with the allocation and goes with a collection, as each collector does it. From 0.97 on collections find nothing to free.
"""

import math
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from backends.agent import Occupancy
from backends.gclog.events import Collected, Event, Exhausted, Launched, Named, Paused, Stalled

MIB = 1024
CAPACITY = 4096 * MIB
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
NOTHING_TO_FREE = 0.97
MOST = 0.93  # that noise leaves

Live = Callable[[float], float]


class Life(NamedTuple):
    """Of one process. `noise`: of what a collection leaves, as a share of the capacity, one standard deviation."""

    live: Live
    lasts_s: float = 6 * HOUR
    gap_s: float = 10.0  # between young collections
    promoted: float = 0.004  # of the capacity, by each
    noise: float = 0.01
    asked_s: float = 0.0  # a System.gc() so often; 0: never
    capacity: Callable[[float], float] = lambda at: CAPACITY
    humongous: float = 0.0  # of the capacity, beside the old regions
    has_times: bool = True
    has_pools: bool = True


Collector = Callable[[Life, Random], Iterator[Event]]


def level(share: float) -> Live:
    return lambda at: share


def rising(first: float, last: float, over_s: float, since_s: float = 0.0) -> Live:
    return lambda at: first + (last - first) * min(1.0, max(0.0, at - since_s) / over_s)


def filling(last: float, tau_s: float, first: float = 0.1) -> Live:
    """A cache: what is new to it becomes rarer."""
    return lambda at: last - (last - first) * math.exp(-at / tau_s)


def waves(low: float, high: float, period_s: float) -> Live:
    return lambda at: low + (high - low) * (0.5 - 0.5 * math.cos(2 * math.pi * at / period_s))


def batches(low: float, high: float, period_s: float, length: float = 0.8) -> Live:
    """Rises evenly while a job runs; all is let go at its end."""
    return lambda at: low + (high - low) * min(1.0, at % period_s / (period_s * length)) * (at % period_s < period_s * length)


def both(*lives: Live) -> Live:
    return lambda at: sum(live(at) for live in lives)


def wandering(middle: float, width: float, memory_s: float, seed: int, lasts_s: float) -> Live:
    """A load that changes by chance and slowly (an Ornstein-Uhlenbeck walk), told each minute."""
    chance, values = Random(seed), [middle]
    keep = math.exp(-MINUTE / memory_s)
    for _ in range(int(lasts_s / MINUTE) + 2):
        values.append(middle + (values[-1] - middle) * keep + chance.gauss(0, width * math.sqrt(1 - keep * keep)))
    return lambda at: min(0.9, max(0.05, values[int(at / MINUTE)]))


# Collectors


class Old:
    """The old generation of one process, and the clock of its log."""

    def __init__(self, life: Life, chance: Random) -> None:
        self.life, self.chance = life, chance
        self.at, self.used = 0.0, life.live(0.0)
        self.asked_at = life.asked_s

    def left(self) -> float:
        """What a collection of all leaves now."""
        live = self.life.live(self.at)
        if live >= NOTHING_TO_FREE:
            return min(1.0, live)
        return max(live, min(MOST, live + abs(self.chance.gauss(0, self.life.noise))))

    def event(self, kind: str, before: float, after: float, cause: str, pause_s: float | None) -> Collected:
        life, capacity = self.life, self.life.capacity(self.at)
        humongous = round(life.humongous * capacity)
        old = Occupancy(round(before * capacity), round(after * capacity), round(capacity))
        eden = 0.3 * capacity
        survivors = 0.0 if kind == "full" else 0.02 * capacity * self.chance.random()
        whole = Occupancy(round(before * capacity + eden), round(after * capacity + survivors), round(capacity * 1.4))
        at = self.at if life.has_times else None
        if not life.has_pools:
            return Collected(kind, at, None, cause, whole, None, None, pause_s)  # type: ignore[arg-type]
        return Collected(kind, at, None, cause, whole, old, "stated", pause_s, humongous)  # type: ignore[arg-type]

    def full(self, cause: str = "Ergonomics") -> Collected:
        before, self.used = max(self.used, self.left()), self.left()
        pause_s = 0.4 + 2.0 * self.used
        self.at += pause_s
        return self.event("full", before, min(before, self.used), cause, pause_s)

    def young(self) -> Collected:
        before = self.used
        self.used = min(1.0, self.used + self.life.promoted * self.chance.uniform(0.5, 1.5))
        return self.event("young", before, self.used, "Allocation Failure", 0.02)

    def marking(self, name: str) -> Paused:
        return Paused(self.at if self.life.has_times else None, None, name, 0.01)

    def steps(self) -> Iterator[None]:
        """One for each filling of eden."""
        while self.at < self.life.lasts_s:
            room = 1.0 if self.life.live(self.at) < NOTHING_TO_FREE else 0.001
            self.at += self.life.gap_s * self.chance.uniform(0.7, 1.3) * room
            yield

    def asked(self) -> Iterator[Collected]:
        if self.asked_at and self.at >= self.asked_at:
            self.asked_at += self.life.asked_s
            yield self.full("System.gc()")


def parallel(life: Life, chance: Random) -> Iterator[Event]:
    yield Named("Parallel", True)
    old = Old(life, chance)
    for _ in old.steps():
        yield from old.asked()
        yield old.young()
        if old.used + life.promoted >= 0.98:
            yield old.full()


def g1(life: Life, chance: Random) -> Iterator[Event]:
    """A cycle begins at 45 % (or at a little more than is reachable); eight mixed collections follow it."""
    yield Named("G1", True)
    old, mixed, target = Old(life, chance), 0, 0.0
    for _ in old.steps():
        yield from old.asked()
        if old.used >= 0.96 - life.humongous:
            yield old.full("G1 Compaction Pause")
            mixed = 0
        elif mixed:
            before, mixed = old.used, mixed - 1
            old.used = max(target, old.used - (old.used - target) / (mixed + 1)) + life.promoted / 4
            yield old.event("young", before, old.used, "G1 Evacuation Pause", 0.05)
        else:
            yield old.young()
            if old.used >= max(0.45, life.live(old.at) + 0.12):
                yield old.marking("Remark")
                mixed, target = 8, min(old.used, old.left() + 0.03)


def cms(life: Life, chance: Random) -> Iterator[Event]:
    """A sweep between two young collections; a full collection when it comes too late."""
    yield Named("CMS", True)
    old = Old(life, chance)
    for _ in old.steps():
        yield from old.asked()
        if old.used >= 0.98:
            yield old.full("Concurrent Mode Failure")
            continue
        yield old.young()
        if old.used >= max(0.70, life.live(old.at) + 0.10):
            yield old.marking("CMS remark")
            old.used = min(old.used, old.left() + 0.02)


def zgc(life: Life, chance: Random) -> Iterator[Event]:
    """Percentages of the maximum, no pauses; a cycle is rarer than a filling of eden; threads wait when nothing is free."""
    yield Named("ZGC", True)
    old = Old(life._replace(gap_s=4 * life.gap_s), chance)
    for _ in old.steps():
        capacity = life.capacity(old.at)
        is_out = life.live(old.at) >= NOTHING_TO_FREE
        after = min(1.0 if is_out else MOST, old.left() + 0.03 * chance.random())
        before = 1.0 if is_out else min(1.0, after + 0.25)
        if is_out:
            old.at += 2.0
            yield Stalled(old.at, None, 2.0)
        heap = Occupancy(round(before * capacity), round(after * capacity), None)
        cause = "Allocation Stall" if is_out else "Allocation Rate"
        yield Collected("full", old.at, None, cause, heap, heap, "heap", None, filled=round(after, 2))


def shenandoah(life: Life, chance: Random) -> Iterator[Event]:
    """Concurrent cycles; now and then one is finished with the world stopped; full collections at the end."""
    yield Named("Shenandoah", True)
    old = Old(life, chance)
    for _ in old.steps():
        capacity = life.capacity(old.at)
        is_out = life.live(old.at) >= NOTHING_TO_FREE
        after = min(1.0 if is_out else MOST, old.left() + 0.03 * chance.random())
        before = min(1.0, after + (0.01 if is_out else 0.2))
        heap = Occupancy(round(before * capacity), round(after * capacity), round(capacity))
        if is_out or chance.random() < 0.05:
            pause_s = 1.5 if is_out else 0.3
            old.at += pause_s
            kind = "full" if is_out and chance.random() < 0.5 else "degenerated"
            yield Collected(kind, old.at, None, "Allocation Failure", heap, heap, "heap", pause_s)  # type: ignore[arg-type]
        else:
            yield Collected("cycle", old.at, None, None, heap, heap, "heap", None)


def restarted(collect: Collector, times: int) -> Collector:
    """The same life again and again in one log; its clock begins anew."""

    def lives(life: Life, chance: Random) -> Iterator[Event]:
        for _ in range(times):
            yield Launched(0.0)
            yield from collect(life, chance)

    return lives


def crowded(pause_s: float, gap_s: float, freed: float) -> Collector:
    """Full collections all the time that do free memory: the heap is too small."""

    def work(life: Life, chance: Random) -> Iterator[Event]:
        old = Old(life, chance)
        while old.at < life.lasts_s:
            old.at += gap_s * chance.uniform(0.8, 1.2) + pause_s
            before = chance.uniform(0.97, 1.0)
            yield old.event("full", before, before * (1 - freed), "Ergonomics", pause_s)

    return work


def stalling(life: Life, chance: Random) -> Iterator[Event]:
    """ZGC that frees memory, but threads wait for each collection."""
    yield Named("ZGC", True)
    at = 0.0
    while at < life.lasts_s:
        at += chance.uniform(1.0, 3.0)
        yield Stalled(at, None, 0.8)
        heap = Occupancy(round(CAPACITY * 0.99), round(CAPACITY * 0.7), None)
        yield Collected("full", at, None, "Allocation Stall", heap, heap, "heap", None, filled=0.7)


def marked(text: str) -> Collector:
    """Healthy, with a mark of the JVM in the middle that is not about the heap."""

    def work(life: Life, chance: Random) -> Iterator[Event]:
        is_marked = False
        for event in parallel(life, chance):
            yield event
            if isinstance(event, Collected) and not is_marked and (event.at or 0) > life.lasts_s / 2:
                is_marked = True
                yield Exhausted(event.at, None, text)

    return work


COLLECTORS = {"parallel": parallel, "g1": g1, "cms": cms, "zgc": zgc, "shenandoah": shenandoah}
