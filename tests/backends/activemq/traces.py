"""Backlogs over time, as a function of seconds; noise is that of a seed."""

import random
from collections.abc import Callable

Trace = Callable[[float], float]


def noise(width: float, seed: int) -> Callable[[], float]:
    source = random.Random(seed)
    return lambda: source.gauss(0, width)


def level_with(width: float, seed: int) -> Trace:
    jitter = noise(width, seed)
    return lambda at: 500 + jitter()


def blips(seed: int) -> Trace:
    source = random.Random(seed)
    return lambda at: source.choice((0, 0, 0, 0, 3, 8))


def steps(seed: int) -> Trace:
    jitter = noise(20, seed)
    return lambda at: 500 + at // 3600 * 1000 + jitter()


def batches(every_s: float, height: float, seed: int) -> Trace:
    """One rises steadily for `every_s` and is gone at once."""
    jitter = noise(10, seed)
    return lambda at: at % every_s / every_s * height + jitter()


def uneven_batches(every_s: float, seed: int) -> Trace:
    """Of heights and distances that vary by a fifth."""
    source = random.Random(seed)
    begins, ends, height = 0.0, 0.0, 0.0

    def trace(at: float) -> float:
        nonlocal begins, ends, height
        if at >= ends:
            begins, ends, height = at, at + every_s * source.uniform(0.8, 1.2), 800 * source.uniform(0.8, 1.2)
        return (at - begins) / (ends - begins) * height + source.gauss(0, 10)

    return trace


def bursts(seed: int) -> Trace:
    """A thousand at once, worked off within a quarter of an hour."""
    jitter = noise(5, seed)
    return lambda at: 2000 - at % 900 * 4 + jitter()


def rare_bursts(seed: int) -> Trace:
    """Up to ten thousand at once, at any time, worked off at 20 a second."""
    source, waiting = random.Random(seed), 0.0

    def trace(at: float) -> float:
        nonlocal waiting
        burst = source.uniform(100, 10_000) if source.random() < 1 / 120 else 0.0
        waiting = max(0.0, waiting + burst - 100)
        return waiting

    return trace


def busy(seed: int) -> Trace:
    """A random server at 90 % of what it can do, 100 messages a second."""
    source, waiting = random.Random(seed), 0.0

    def trace(at: float) -> float:
        nonlocal waiting
        waiting = max(0.0, waiting + source.gauss(450, 21) - source.gauss(500, 22))
        return waiting

    return trace


def growth(per_s: float, width: float, seed: int, *, since: float = 0.0) -> Trace:
    """Level until `since`, then steadily more."""
    jitter = noise(width, seed)
    return lambda at: 500 + per_s * max(0.0, at - since) + jitter()
