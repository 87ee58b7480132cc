"""Producer agents of the demonstration: the old generation of one fills until it hangs, that of another leaks, three are well.

What a row says is counted from the steps of its JVM (`jvm`), so its past (`past`) and its log (`gc_lines`) agree with it.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from backends.agent import HangSeen, HeapEvent, HeapFile, HeapVerdict
from backends.demo.gc_lines import event_of, path_of
from backends.demo.jvm import CAPACITY, JVMS, STEP_S, STUCK_S, Jvm, Step, filling, leaking, moment, newest, started, step
from backends.demo.scene import AGENT_FILLS, ROUND
from backends.snapshots import Heap

HOUR_S: Final = 3600.0
WINDOW_S: Final = 60.0
SUSPECT_AFTER_S, HANG_AFTER_S = 35.0, 60.0  # of filling
LEAK_AFTER_S: Final = 80.0  # of leaking: five full collections
EARLIER: Final = 8000  # collections before those that are known step by step


class Ruling(NamedTuple):
    verdict: HeapVerdict
    reason: str
    full_in_s: float | None = None
    confidence: float | None = None
    evidence: tuple[HeapEvent, ...] = ()


def heap(at: float, now: float) -> Heap:
    return Heap(tuple(_agent(jvm, at, now) for jvm in JVMS.values()))


def _agent(jvm: Jvm, at: float, now: float) -> HeapFile:
    last = newest(jvm.name, at)
    steps = [step(jvm.name, number) for number in range(last - int(HOUR_S / STEP_S) + 1, last + 1)]
    known = [each for each in steps if each.heap is not None]
    fulls = [each for each in known if each.kind == "full"]
    pauses = [each.pause_s for each in known if each.pause_s is not None]
    full, lately = fulls[-1], [each for each in known if each.at > at - WINDOW_S]
    ruling = _judge(jvm, at, now, fulls)
    since = now - at
    sizes = full.old or full.heap
    assert sizes is not None and sizes.before_kib is not None and sizes.after_kib is not None
    return HeapFile(
        file=path_of(jvm.name),
        name=jvm.name,
        collector=jvm.collector,
        style=jvm.style,
        young=EARLIER + last,
        full=len(fulls) + 2,
        old_basis=jvm.basis,
        last_after_gc=known[-1].old,
        last_full=full.old,
        heap_last=known[-1].heap,
        last_full_heap=full.heap,
        pauses=EARLIER + last + len(fulls),
        pause_total_s=round(412.0 + sum(pauses), 3),
        pause_max_s=max(pauses),
        verdict=ruling.verdict,
        reason=ruling.reason,
        last_event_at=since + steps[-1].at,
        last_full_at=since + full.at,
        full_last_hour=len(fulls),
        old_script_pct=sizes.after_kib * 100 / sizes.before_kib,
        window_s=WINDOW_S,
        pause_share=min(1.0, sum(each.pause_s or 0.0 for each in lately) / WINDOW_S),
        allocated_kib_per_s=_allocated(lately),
        promoted_kib_per_s=_promoted(lately),
        full_at=None if ruling.full_in_s is None else since + steps[-1].at + ruling.full_in_s,
        full_in_s=ruling.full_in_s,
        confidence=ruling.confidence,
        evidence=ruling.evidence,
        hang=_hang(jvm, at, now),
    )


def _allocated(lately: Sequence[Step]) -> float:
    """What the heap grew by between collections, over the time in which it could."""
    grown = 0
    for before, after in pairwise(lately):
        if after.heap is not None and before.heap is not None:
            grown += max(0, (after.heap.before_kib or 0) - (before.heap.after_kib or 0))
    return round(grown / WINDOW_S, 1)


def _promoted(lately: Sequence[Step]) -> float | None:
    """Only a log that tells the old generation apart can say it."""
    moved = [
        max(0, (each.old.after_kib or 0) - (each.old.before_kib or 0)) for each in lately if each.old is not None and each.kind == "young"
    ]
    return round(sum(moved) / WINDOW_S, 1) if moved else None


def _judge(jvm: Jvm, at: float, now: float, fulls: Sequence[Step]) -> Ruling:
    events = tuple(event_of(jvm.name, each, now - at) for each in fulls[-8:])
    used = _used(fulls[-1])
    if (lasts := filling(jvm.name, at)) is not None and lasts > SUSPECT_AFTER_S:
        run = sum(1 for each in fulls if each.at > at - lasts)
        if lasts <= HANG_AFTER_S:
            text = f"{run} full collections freed almost nothing; the last freed 1.2% and left {used:.0%} full"
            return Ruling("SUSPECT", text, evidence=events[-run:])
        text = f"{run} full collections in a row free no memory, {min(0.93, lasts / 80):.0%} of the time stopped"
        return Ruling("HANG", f"{text}; the last freed 1.2% and left {used:.0%} full", evidence=events)
    if (lasts := leaking(jvm.name, at)) is not None and lasts > LEAK_AFTER_S:
        left = (1 - used) / 0.002
        first = _used(fulls[-5])
        text = f"each of the last 5 full collections left more: {first:.0%} -> {used:.0%}; full in about {left / 60:.0f} min"
        return Ruling("LEAK", text, round(left, 1), 0.97, events[-5:])
    last = step(jvm.name, newest(jvm.name, at))
    sizes, what = (last.heap, "heap") if last.old is None else (last.old, "old generation")
    if sizes is None or sizes.after_kib is None or sizes.capacity_kib is None:
        return Ruling("OK", "the JVM was started again")
    share = sizes.after_kib / sizes.capacity_kib
    figures = f"{sizes.after_kib / 1024:.0f} of {sizes.capacity_kib / 1024:.0f} MiB"
    return Ruling("OK", f"{what} {share:.0%} full after the last collection ({figures})")


def _used(full: Step) -> float:
    return 0.0 if full.old is None or full.old.after_kib is None else full.old.after_kib / CAPACITY


def _hang(jvm: Jvm, at: float, now: float) -> HangSeen | None:
    """Of this round: until the next one its log has rotated away."""
    is_over = filling(jvm.name, at) is None
    rounds, phase = divmod(at, ROUND)
    began = rounds * ROUND + AGENT_FILLS[0] + HANG_AFTER_S
    if filling(jvm.name, began) is None or phase < AGENT_FILLS[0] + HANG_AFTER_S:
        return None
    number = newest(jvm.name, began)
    after = number - newest(jvm.name, began - HANG_AFTER_S + STUCK_S)
    reason = f"{after} full collections in a row freed no memory"
    hung = moment(jvm.name, number)
    return HangSeen(now - at + hung, hung - started(jvm.name, hung), after, reason, is_over)
