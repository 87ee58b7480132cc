"""The verdict GROWING over simulated days (GOALS Q2): no alarm for noise, steps, batches and bursts, and how soon steady growth is seen.

Beside it, on the same samples: six rises in a row, and a threshold of 1,000 messages. Prints one JSON object.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from backends.activemq.watching.trend import Trend, follow
from bench.rig.kafka.report import at_most, run
from tests.backends.activemq.traces import (
    Trace,
    batches,
    blips,
    bursts,
    busy,
    growth,
    level_with,
    rare_bursts,
    steps,
    uneven_batches,
)

STEP_S = 5.0
DAY_S = 24 * 3600.0
CALM_S = 1800.0  # before growth begins
GROWTH_S = 3600.0
RISES, THRESHOLD = 6, 1000
Rule = Callable[[Sequence[int]], list[bool]]  # whether each sample is an alarm

CALM: Mapping[str, Callable[[int], Trace]] = {
    "noise of 3": lambda seed: level_with(3, seed),
    "noise of 30": lambda seed: level_with(30, seed),
    "blips": blips,
    "steps of 1,000 an hour": steps,
    "batches of 60 s": lambda seed: batches(60, 960, seed),
    "uneven batches of 60 s": lambda seed: uneven_batches(60, seed),
    "bursts of 1,000 each 15 min": bursts,
    "bursts at any time": rare_bursts,
    "random server at 90 %": busy,
}
LONG: Mapping[str, Callable[[int], Trace]] = {  # rises for longer than the window: the first one may be taken for growth
    "batches of 5 min": lambda seed: batches(300, 2000, seed),
    "batches of 14 min": lambda seed: batches(840, 2000, seed),
}
RISING: Mapping[str, tuple[float, float]] = {  # a second, and the width of the noise
    "0.2/s, noise of 10": (0.2, 10),
    "0.5/s, noise of 3": (0.5, 3),
    "1/s": (1, 0),
    "1/s, noise of 10": (1, 10),
    "50/s, noise of 100": (50, 100),
}


class Sizes(NamedTuple):
    seeds: int
    seconds: float  # of calm


FULL, QUICK = Sizes(10, DAY_S), Sizes(1, 2 * 3600.0)


def ours(samples: Sequence[int]) -> list[bool]:
    trend, told = Trend(), []
    for number, pending in enumerate(samples):
        trend = follow(trend, number * STEP_S, pending)
        told.append(trend.growth is not None)
    return told


def rises(samples: Sequence[int]) -> list[bool]:
    told, row = [False], 0
    for before, after in pairwise(samples):
        row = row + 1 if after > before else 0
        told.append(row >= RISES)
    return told


def threshold(samples: Sequence[int]) -> list[bool]:
    return [pending > THRESHOLD for pending in samples]


RULES: Mapping[str, Rule] = {"ours": ours, "six_rises": rises, "threshold": threshold}


def sampled(trace: Trace, seconds: float) -> list[int]:
    return [max(0, int(trace(number * STEP_S))) for number in range(int(seconds / STEP_S))]


def alarms(told: Sequence[bool]) -> int:
    """How often one began."""
    return sum(after and not before for before, after in pairwise([False, *told]))


def calm(traces: Mapping[str, Callable[[int], Trace]], sizes: Sizes) -> dict[str, Any]:
    """Alarms of all seeds, by trace and rule."""
    found: dict[str, Any] = {}
    for name, make in traces.items():
        days = [sampled(make(seed), sizes.seconds) for seed in range(sizes.seeds)]
        found[name] = {rule: sum(alarms(tell(day)) for day in days) for rule, tell in RULES.items()}
    return found


def delay(tell: Rule, samples: Sequence[int]) -> float | None:
    """Seconds from the begin of the growth to the first alarm after it. None: never within the time that is simulated."""
    begin = int(CALM_S / STEP_S)
    return next((number * STEP_S - CALM_S for number, is_alarm in enumerate(tell(samples)) if number >= begin and is_alarm), None)


def rising(sizes: Sizes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, (per_s, width) in RISING.items():
        traces = [sampled(growth(per_s, width, seed, since=CALM_S), CALM_S + GROWTH_S) for seed in range(sizes.seeds)]
        found[name] = {rule: summary([delay(tell, samples) for samples in traces]) for rule, tell in RULES.items()}
    return found


def summary(delays: Sequence[float | None]) -> dict[str, Any]:
    seen = [each for each in delays if each is not None]
    return {
        "seen": len(seen),
        "of": len(delays),
        "median_s": median(seen) if seen else None,
        "max_s": max(seen) if seen else None,
    }


def program(_: Path, sizes: Sizes) -> dict[str, Any]:
    quiet, long, seen = calm(CALM, sizes), calm(LONG, sizes), rising(sizes)
    fast = [each["ours"] for name, each in seen.items() if RISING[name][0] >= 1]
    is_all_seen = all(each["seen"] == each["of"] for each in fast)
    return {
        "goals": [
            at_most("Q2", 120, "s until growth of 1/s or more is seen", max(each["max_s"] for each in fast) if is_all_seen else None),
            at_most("Q2, calm", 0, f"alarms in {sizes.seeds} days of each kind", sum(each["ours"] for each in quiet.values())),
        ],
        "must_be_zero": {"false_alarms": sum(each["ours"] for each in quiet.values()), "growth_not_seen": int(not is_all_seen)},
        "hours": sizes.seconds / 3600 * sizes.seeds,
        "false_alarms": quiet,
        "alarms_of_batches_longer_than_the_window": long,
        "detection": seen,
    }


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
