"""Producer agents of the demonstration: the old generation of one fills until it hangs."""

import math

from backends.agent import HeapFile, HeapVerdict, Occupancy
from backends.demo.scene import AGENT_FILLS, noise, within
from backends.snapshots import Heap

MIB = 1024  # KiB
AGENTS = ("producer-agent-1", "producer-agent-2", "producer-agent-3", "edge-agent", "legacy-agent")
FULL_AGENT = "producer-agent-2"
CAPACITY = 2730 * MIB


def heap(at: float, now: float) -> Heap:
    return Heap(tuple(_agent(name, at, now) for name in AGENTS))


def _agent(name: str, at: float, now: float) -> HeapFile:
    filling = within(AGENT_FILLS, at) if name == FULL_AGENT else None
    used = 0.35 + 0.2 * noise(name, 1) + 0.06 * math.sin(at / 23 + noise(name, 2) * 6)
    if filling is not None:
        used = min(0.985, 0.55 + filling / 60 * 0.45)
    lasting = filling or 0.0
    hanging = lasting > 60
    word: HeapVerdict = "HANG" if hanging else "SUSPECT" if lasting > 35 else "OK"
    reason = "collections free memory"
    if hanging:
        reason = f"{int(lasting / 6)} full collections in a row freed less than 2%"
    elif word == "SUSPECT":
        reason = f"old generation rose from 55% to {used:.0%} in {lasting:.0f}s"
    after = int(CAPACITY * used)
    full = _full(after, hanging, filling is not None)
    count = 3 + int(noise(name, 3) * 9) + int(lasting / 4)
    return HeapFile(
        file=f"/home/user/app/{name}/log/gc.agent.log",
        name=name,
        collector="Parallel" if name == "legacy-agent" else "G1",
        style="legacy" if name == "legacy-agent" else "unified",
        young=int(8_000 + at / 3),
        full=count,
        old_basis="stated" if name == "legacy-agent" else "regions",
        last_after_gc=Occupancy(int(after * 1.02), after, CAPACITY),
        last_full=full,
        heap_last=Occupancy(int(after * 1.2), int(after * 1.05), int(CAPACITY * 1.5)),
        last_full_heap=full,
        pauses=int(8_003 + at / 3),
        pause_total_s=412.0 + at / 30,
        pause_max_s=6.2 if hanging else 0.412,
        verdict=word,
        reason=reason,
        last_event_at=now - 3 * noise(name, int(at)),
        last_full_at=now - (4 if hanging else 1800),
        full_last_hour=count - 2,
        old_script_pct=98.9 if hanging else 46.0,
    )


def _full(after: int, hanging: bool, filling: bool) -> Occupancy:
    before = int(after * 1.012) if hanging else int(after * 1.2) if filling else int(after * 1.9)
    return Occupancy(min(before, CAPACITY), after, CAPACITY)
