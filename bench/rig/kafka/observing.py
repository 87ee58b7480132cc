"""Whole cycles of a source as the monitor runs them, in an event loop: what they cost, and how long they keep the loop from other work."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from backends.snapshots import Data
from backends.source import Source
from bench.rig.kafka.meter import Cost, best_of, cpu_s
from bench.rig.loop import watched
from bench.rig.rounds import rounded

IDLE_S = 0.3
CYCLES = 4  # after the first, of each source


class Watched(NamedTuple):
    """One source, from its first cycle (which connects) on."""

    first: Cost
    later: list[Cost]
    held_ms: list[float]  # longest hold-up of the loop, of each cycle
    seen: Data  # of the last cycle


class Observed(NamedTuple):
    """Several times the same, each with a new source."""

    rounds: list[Watched]
    idle_ms: float  # hold-up of a loop that does nothing: the machine's own

    @property
    def held_ms(self) -> float:
        """Of the best round its worst cycle."""
        return min(max(each.held_ms) for each in self.rounds)

    @property
    def seen(self) -> list[Data]:
        return [each.seen for each in self.rounds]

    @property
    def first(self) -> Cost:
        return best_of([each.first for each in self.rounds])

    @property
    def again(self) -> Cost:
        return best_of([cost for each in self.rounds for cost in each.later])

    def report(self) -> dict[str, Any]:
        return {
            "first": self.first.report(),
            "next": self.again.report(),
            "loop_held_ms_by_round_and_cycle": [[rounded(held) for held in each.held_ms] for each in self.rounds],
            "idle_loop_held_ms": rounded(self.idle_ms),
        }


def observe(make: Callable[[], Source], rounds: int) -> Observed:
    return Observed([asyncio.run(_cycles(make())) for _ in range(rounds)], asyncio.run(_idle()) * 1000)


async def _idle() -> float:
    async with watched() as watch:
        await asyncio.sleep(IDLE_S)
    return watch.longest_s


async def _cycles(source: Source) -> Watched:
    costs, held = [], []
    try:
        for _ in range(1 + CYCLES):
            began, cpu = time.perf_counter(), cpu_s()
            async with watched() as watch:
                seen = await source.observe(time.time())
                costs.append(Cost(time.perf_counter() - began, cpu_s() - cpu))
            held.append(watch.longest_s * 1000)
    finally:
        await source.close()
    return Watched(costs[0], costs[1:], held, seen)
