"""The past of an agent of the demonstration: its last steps as points, buckets and events."""

from collections.abc import Sequence
from typing import Final

from backends.agent import HeapPoint, PauseBucket
from backends.demo.gc_lines import EARLIER, event_of
from backends.demo.jvm import CAPACITY, HEAP, JVMS, STEP_S, Step, newest, step
from backends.questions import MAX_HEAP_EVENTS, MAX_HEAP_POINTS, HeapOf, HeapPast
from backends.source import Unavailable

BOUNDS: Final = (0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, None)  # seconds


def past(question: HeapOf, at: float, now: float) -> HeapPast:
    """Raises Unavailable for an agent that the demonstration has not."""
    if (jvm := JVMS.get(question.name)) is None:
        raise Unavailable(f"the demonstration has no agent {question.name!r}")
    points = min(max(2, question.points), MAX_HEAP_POINTS, EARLIER)
    since, last = now - at, newest(jvm.name, at)
    steps = [step(jvm.name, number) for number in range(last - points + 1, last + 1)]
    events = steps[-min(max(1, question.events), MAX_HEAP_EVENTS) :]
    return HeapPast(
        jvm.name,
        tuple(HeapPoint(since + each.at, kib, each.kind == "full") for each in steps if (kib := _after(each)) is not None),
        jvm.basis,
        HEAP if jvm.basis == "heap" else CAPACITY,
        _pauses(steps),
        tuple(event_of(jvm.name, each, since) for each in reversed(events)),
        len(steps),
        True,
        f"the last {points * STEP_S / 60:.0f} minutes of the log",
    )


def _after(one: Step) -> int | None:
    sizes = one.old or one.heap
    return None if sizes is None else sizes.after_kib


def _pauses(steps: Sequence[Step]) -> tuple[PauseBucket, ...]:
    found: list[PauseBucket] = []
    pauses = [each.pause_s for each in steps if each.pause_s is not None]
    below = 0.0
    for bound in BOUNDS:
        mine = [pause for pause in pauses if below < pause and (bound is None or pause <= bound)]
        found.append(PauseBucket(bound, len(mine), round(sum(mine), 4)))
        below = bound or below
    return tuple(found)
