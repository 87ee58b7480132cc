"""What work costs: wall and CPU seconds of this process or of its children."""

import resource
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from bench.rig.rounds import rounded

T = TypeVar("T")


class Cost(NamedTuple):
    wall_s: float
    cpu_s: float

    def report(self) -> dict[str, float]:
        return {name: rounded(value) for name, value in self._asdict().items()}

    def times(self, factor: float) -> "Cost":
        return Cost(self.wall_s * factor, self.cpu_s * factor)


def cpu_s(whose: int = resource.RUSAGE_SELF) -> float:
    """User and system; librdkafka's threads are ours."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def cost_of(work: Callable[[], T], whose: int = resource.RUSAGE_SELF) -> tuple[Cost, T]:
    began, cpu = time.perf_counter(), cpu_s(whose)
    result = work()
    return Cost(time.perf_counter() - began, cpu_s(whose) - cpu), result


def best_of(rounds: Sequence[Cost]) -> Cost:
    """Each figure by itself: what else the machine does only ever adds."""
    return Cost(min(cost.wall_s for cost in rounds), min(cost.cpu_s for cost in rounds))
