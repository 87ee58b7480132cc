"""Does memory leak: do the low points rise, steadily, and higher than they ever did before. Pure.

A series of low points (`lows`) is a leak when all of this holds, each against one kind of false alarm:

* it rises, surely (Mann-Kendall): noise and batches;
* by two thirds of what is still free, and to half of the capacity: start-up, and what is too far away to be foretold;
* no slower in its second half: a cache that fills and levels off;
* above all that the same process had before: the next wave of a load that comes and goes.

What is full cannot rise any more: once it was said, low points at the capacity say nothing against it.

Shares are of the largest capacity so far, each of its own time: a heap that grows together with what it holds does not fill.
"""

from collections.abc import Sequence
from itertools import chain
from statistics import median

from msgspec import Struct

from backends.gclog.events import Collected
from backends.gclog.judging.lows import KEEP, Low
from backends.slopes import confidence, line

LEAST = 8  # points: in order by accident once in 40,000 times
LEAST_S = (
    1800.0  # what rises for less is at work; a leak that fills within the hour shows soon enough as full collections that free nothing
)
HIGH = 0.50  # of the capacity: below it a leak has as long to go as it took so far, and start-up looks the same
FORETELL = 1.5  # times what has been seen: no line is drawn further
MIN_RISE = 0.05
FULL = 0.97  # of the capacity
SHOWN = 8
GROWS = 1.01  # a capacity that grew by more may grow again


class Strictness(Struct, frozen=True):
    confident: float
    steady: float  # the slope of the second half, in slopes of the first; exp(-t / 2T) for what fills up exponentially with T
    rise: float  # of what the rule asks for
    above: float  # of the capacity, over the crest of earlier waves
    falls: float  # so far may the last point be below the middle of all


# What was said once is taken back later than it was begun, so that it does not come and go.
BEGINS = Strictness(confident=0.999, steady=0.80, rise=1.0, above=0.05, falls=0.0)
GOES_ON = Strictness(confident=0.90, steady=0.50, rise=0.5, above=-0.05, falls=0.05)


class Trend(Struct, frozen=True):
    points: int
    first: float  # share of the capacity at the first low point, and at the last
    last: float
    over_s: float | None  # None: the log has no times
    confidence: float
    full_in_s: float | None  # after the last low point
    at: float | None  # of the last low point
    is_bounded: bool  # the capacity did not grow meanwhile
    evidence: tuple[Collected, ...]


def leak(series: Sequence[Sequence[Low]], was: bool = False) -> Trend | None:
    """`series` as `Lows.series` gives them; the finest that shows it tells. `was`: it was one at the last low point."""
    strictness = GOES_ON if was else BEGINS
    for index, lows in enumerate(series):
        coarser = list(chain.from_iterable(series[index + 1 :]))
        for size in (KEEP, KEEP // 2):
            if len(lows) >= LEAST and (size == KEEP or len(lows) > size):
                newest = lows[-size:]
                window = _until_full(newest) if was else newest
                if len(window) == len(newest) and not _is_long(window):
                    continue
                found = _leak(window, _crest(window[0], lows, coarser), strictness)
                if found is not None:
                    return found
    return None


def _until_full(lows: Sequence[Low]) -> Sequence[Low]:
    """Without those at the capacity behind the first of them."""
    end = len(lows)
    while end > 1 and lows[end - 1].share >= FULL and lows[end - 2].share >= FULL:
        end -= 1
    return lows[:end]


def _crest(first: Low, lows: Sequence[Low], coarser: Sequence[Low]) -> float:
    """How high low points were before this one, in KiB; a single odd one does not count."""
    before = sorted(low.used_kib for low in lows if low.number < first.number)
    waves = [low.crest_kib for low in coarser if low.number < first.number]
    return max([*before[-2:-1], *waves], default=0)


def _leak(window: Sequence[Low], crest_kib: float, strictness: Strictness) -> Trend | None:
    shares = [low.share for low in window]
    if not _is_high(shares, crest_kib / window[-1].bound_kib, strictness):
        return None
    xs = [low.clock for low in window]
    drawn = line(list(zip(xs, shares, strict=True)))
    if drawn is None or drawn[0] <= 0:
        return None
    slope, level = drawn
    rise = slope * (xs[-1] - xs[0])
    if rise < strictness.rise * max(MIN_RISE, (1 - level) / FORETELL) or not _is_steady(xs, shares, strictness.steady):
        return None
    sure = confidence(shares, rise / (len(shares) - 1))
    return _trend(window, sure, slope, level) if sure >= strictness.confident else None


def _is_high(shares: Sequence[float], crest: float, strictness: Strictness) -> bool:
    """The last third is above all that was, and the last has not fallen."""
    newest = shares[-(len(shares) // 3) :]
    is_above = not crest or min(newest) >= crest + strictness.above
    return is_above and shares[-1] >= max(HIGH, median(shares)) - strictness.falls


def _is_long(window: Sequence[Low]) -> bool:
    """Without times, twice as many points."""
    first, last = window[0].at, window[-1].at
    return len(window) >= 2 * LEAST if first is None or last is None else last - first >= LEAST_S


def _is_steady(xs: Sequence[float], shares: Sequence[float], least: float) -> bool:
    """The second half rises hardly slower than the first."""
    middle = len(xs) // 2
    first, second = (line(list(zip(xs[part], shares[part], strict=True))) for part in (slice(middle + 1), slice(middle, None)))
    return first is not None and second is not None and second[0] >= least * first[0]


def _trend(window: Sequence[Low], sure: float, slope: float, level: float) -> Trend:
    first, last = window[0], window[-1]
    has_times = all(low.at is not None for low in window) and (last.at or 0.0) > (first.at or 0.0)
    step = max(1.0, (len(window) - 1) / (SHOWN - 1))
    shown = sorted({round(number * step) for number in range(SHOWN) if round(number * step) < len(window)})
    return Trend(
        points=len(window),
        first=first.share,
        last=last.share,
        over_s=(last.at or 0.0) - (first.at or 0.0) if has_times else None,
        confidence=sure,
        full_in_s=max(0.0, (1 - level) / slope) if has_times else None,
        at=last.at if has_times else None,
        is_bounded=last.bound_kib <= first.bound_kib * GROWS,
        evidence=tuple(window[number].event for number in shown),
    )
