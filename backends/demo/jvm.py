"""What the JVMs of the demonstration collected: of each agent a step every three seconds, a pure function of the moment.

Steps below 0 are those before the demonstration began: nothing was wrong then.
"""

import math
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from backends.agent import Basis, HeapEventKind, Occupancy
from backends.demo.scene import AGENT_FILLS, AGENT_LEAKS, ROUND, noise, within

STEP_S: Final = 3.0
MIB: Final = 1024  # KiB
CAPACITY: Final = 2730 * MIB  # of the old generation
HEAP: Final = 4096 * MIB
FULL_AGENT, LEAKING_AGENT = "producer-agent-2", "legacy-agent"
CROWDED_S, STUCK_S = 30.0, 50.0  # seconds of filling after which collections become full ones, and nothing but full ones
RUNS_BEFORE_S: Final = 24_000.0  # that they ran before the demonstration began
LEAK_FULL_EVERY_S: Final = 15.0
FULL_WAVES: Final = 4  # of which one is ended by a full collection, the others by mixed ones


class Jvm(NamedTuple):
    name: str
    collector: str
    style: Literal["legacy", "unified"]
    basis: Basis  # what its log says of the old generation
    level: float  # of the old generation right after it was cleaned up
    wave_s: float  # between two of those


JVMS: Final = {
    jvm.name: jvm
    for jvm in (
        Jvm("producer-agent-1", "G1", "unified", "regions", 0.31, 141.0),
        Jvm(FULL_AGENT, "G1", "unified", "regions", 0.38, 117.0),
        Jvm("producer-agent-3", "G1", "unified", "regions", 0.57, 165.0),
        Jvm("edge-agent", "Serial", "unified", "heap", 0.24, 640.0),
        Jvm(LEAKING_AGENT, "Parallel", "legacy", "stated", 0.36, 520.0),
    )
}


class Step(Struct, frozen=True, gc=False):
    """One collection, or the start of the JVM after its trouble."""

    number: int
    at: float  # seconds since the start of the demonstration
    kind: HeapEventKind
    cause: str
    old: Occupancy | None
    heap: Occupancy | None
    pause_s: float | None


def newest(name: str, at: float) -> int:
    """The last step that is over."""
    return math.floor((at - _phase(name)) / STEP_S)


def moment(name: str, number: int) -> float:
    return number * STEP_S + _phase(name)


@lru_cache(64)
def _phase(name: str) -> float:
    return noise(name, 1) * STEP_S


def started(name: str, at: float) -> float:
    """When the JVM that runs at that moment was started."""
    span = {FULL_AGENT: AGENT_FILLS, LEAKING_AGENT: AGENT_LEAKS}.get(name)
    if span is None or at < span[1]:
        return -RUNS_BEFORE_S
    return at - (at - span[1]) % ROUND


def filling(name: str, at: float) -> float | None:
    """Seconds since the old generation of that agent began to fill for good."""
    return within(AGENT_FILLS, at) if name == FULL_AGENT and at >= 0 else None


def leaking(name: str, at: float) -> float | None:
    return within(AGENT_LEAKS, at) if name == LEAKING_AGENT and at >= 0 else None


def level(name: str, at: float) -> float:
    """Share of the old generation in use after a collection."""
    jvm = JVMS[name]
    if (lasts := filling(name, at)) is not None:
        return min(0.985, 0.55 + lasts / 60 * 0.45)
    if (lasts := leaking(name, at)) is not None:
        return jvm.level + 0.002 * lasts + 0.03 * (lasts % LEAK_FULL_EVERY_S) / LEAK_FULL_EVERY_S
    return jvm.level + 0.17 * (_waves(jvm, at) % 1.0)


def _waves(jvm: Jvm, at: float) -> float:
    """Never negative."""
    return (at + RUNS_BEFORE_S) / jvm.wave_s + 3 * _phase(jvm.name)


def _is_clean_up(jvm: Jvm, at: float) -> bool:
    """A wave ends: the old generation is cleaned up."""
    return int(_waves(jvm, at)) != int(_waves(jvm, at - STEP_S))


@lru_cache(8192)
def step(name: str, number: int) -> Step:
    at = moment(name, number)
    jvm = JVMS[name]
    if _is_start(name, at):
        return Step(number, at, "start", "", None, None, None)
    kind, cause = _what(jvm, number, at)
    after = _whole(CAPACITY * level(name, at))
    before = _before(name, kind, after, number, at)
    young = _whole((0.62 + 0.3 * _tremble(name, number)) * (HEAP - CAPACITY))
    survivors = 0 if kind == "full" else _whole(young / 12)
    heap = Occupancy(min(HEAP, before + young), after + survivors, HEAP)
    old = None if jvm.basis == "heap" else Occupancy(before, after, CAPACITY)
    return Step(number, at, kind, cause, old, heap, _pause(name, kind, number, at))


def _is_start(name: str, at: float) -> bool:
    """The step after its trouble: somebody started it again."""
    before = at - STEP_S
    return any(trouble(name, before) is not None and trouble(name, at) is None for trouble in (filling, leaking))


def _what(jvm: Jvm, number: int, at: float) -> tuple[HeapEventKind, str]:
    if (lasts := filling(jvm.name, at)) is not None and (lasts > STUCK_S or (lasts > CROWDED_S and number % 2)):
        return "full", "G1 Compaction Pause"
    if (lasts := leaking(jvm.name, at)) is not None and lasts % LEAK_FULL_EVERY_S < STEP_S and lasts > STEP_S:
        return "full", "Ergonomics"
    if _is_clean_up(jvm, at) and (jvm.collector != "G1" or int(_waves(jvm, at)) % FULL_WAVES == 0):
        return "full", "System.gc()" if jvm.collector == "G1" else "Allocation Failure"
    return "young", "G1 Evacuation Pause" if jvm.collector == "G1" else "Allocation Failure"


def _before(name: str, kind: HeapEventKind, after: int, number: int, at: float) -> int:
    """Of the old generation. A young collection only moves survivors into it, but for the mixed one that ends a wave."""
    if _is_clean_up(JVMS[name], at) and filling(name, at) is None and leaking(name, at) is None:
        return _whole(CAPACITY * level(name, at - STEP_S))
    if kind == "young":
        return _whole(after - (2 + 9 * _tremble(name, number)) * MIB)
    if filling(name, at) is not None:
        return min(CAPACITY, _whole(after * 1.012))
    return min(CAPACITY, _whole(after * 1.11))


def _pause(name: str, kind: HeapEventKind, number: int, at: float) -> float:
    if kind == "young":
        return round(0.006 + 0.03 * _tremble(name, number) ** 3, 4)
    if (lasts := filling(name, at)) is not None:
        return round(min(2.71, 0.4 + lasts / 25) + 0.05 * _tremble(name, number), 4)
    return round(0.31 + 0.1 * _tremble(name, number), 4)


def _whole(kib: float) -> int:
    """In whole regions of 1 MiB."""
    return int(kib) // MIB * MIB


def _tremble(name: str, number: int) -> float:
    """0 to 1, cheaply, the same for the same step."""
    return math.sin(number * 12.9898 + _phase(name)) * 43758.5453 % 1.0
