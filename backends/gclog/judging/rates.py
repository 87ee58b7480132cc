"""What the last ten minutes of a log cost and moved. Pure.

The window is the last WINDOW_S of the log's own clock, as far as collections of it are kept, from its first event to its last. Rates come
from consecutive collections in it, each with the one before:

* pause share: pauses, without that of the first event, of the time of the window;
* allocated: what the heap held before a collection less what it held after the one before. Where the old generation lost something in
  between (a concurrent sweep), that is added: it was freed, not un-allocated. An interval that still shows a loss, and one around a
  collection that ran beside the program (ZGC, Shenandoah: what came while it ran is not told), is left out, with its time;
* promoted: what the old generation gained by young collections; one that also freed old memory (G1's mixed ones) is left out, with its
  time.

What the log does not say is None, never 0; a rate of which intervals tell less than half of the window's time is not said. Nothing is below
0.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from backends.agent import Occupancy
from backends.gclog.events import Collected, Paused

WINDOW_S = 600.0
TOLD = 0.5  # of the window at least: what is told of Shenandoah are the moments between two of its cycles

Recent = Sequence[Collected | Paused]


class Rates(NamedTuple):
    window_s: float | None = None
    pause_share: float | None = None
    allocated_kib_per_s: float | None = None
    promoted_kib_per_s: float | None = None


def rates(recent: Recent) -> Rates:
    timed = [event for event in recent if event.at is not None]
    if not timed or (last := timed[-1].at) is None:
        return Rates()
    window = [event for event in timed if event.at is not None and last - WINDOW_S < event.at <= last]
    length = last - (window[0].at or 0.0)
    if length <= 0:
        return Rates()
    return Rates(length, _stopped(window, length), _per_s(_allocations(window), length), _per_s(_promotions(window), length))


def _stopped(window: Recent, length: float) -> float | None:
    """None where only collections are told that stop nothing."""
    pauses = [event.pause_s for event in window if event.pause_s is not None]
    if not pauses:
        return None
    return max(0.0, min(1.0, (sum(pauses) - (window[0].pause_s or 0.0)) / length))


class Moved(NamedTuple):
    kib: float
    in_s: float


def _per_s(moved: list[Moved], length: float) -> float | None:
    told = sum(one.in_s for one in moved)
    return sum(one.kib for one in moved) / told if told > 0 and told >= TOLD * length else None


def _allocations(window: Recent) -> list[Moved]:
    found = []
    sized = [event for event in window if event.heap is not None]
    for before, event in pairwise(sized):
        grown = _grown(before, event)
        if grown is not None and grown >= 0:
            found.append(Moved(grown, max(0.0, (event.at or 0.0) - (before.at or 0.0))))
    return found


def _grown(before: Collected | Paused, event: Collected | Paused) -> float | None:
    if before.heap is None or event.heap is None or event.heap.before_kib is None or before.heap.after_kib is None:
        return None
    if event.pause_s is None:
        return None
    swept = 0
    old, old_before = _old(event), _old(before)
    if old is not None and old_before is not None and old.before_kib is not None and old_before.after_kib is not None:
        swept = max(0, old_before.after_kib - old.before_kib)
    return event.heap.before_kib - before.heap.after_kib + swept


def _old(event: Collected | Paused) -> Occupancy | None:
    return event.old if isinstance(event, Collected) and event.basis != "heap" else None


def _promotions(window: Recent) -> list[Moved]:
    found, is_told = [], False
    for before, event in pairwise(event for event in window if isinstance(event, Collected)):
        length = max(0.0, (event.at or 0.0) - (before.at or 0.0))
        old = _old(event)
        if event.kind != "young":
            found.append(Moved(0, length))
        elif old is not None and old.before_kib is not None and old.after_kib is not None and old.after_kib >= old.before_kib:
            found.append(Moved(old.after_kib - old.before_kib, length))
            is_told = True
    return found if is_told else []
