"""Does a series rise, how surely, and how fast: rank statistics that one odd value does not move. Pure.

Mann-Kendall: of all pairs, those that rose minus those that fell. Theil-Sen: the median of the slopes of all pairs. Both cost the square
of the number of values: they are for dozens.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist, median

Point = tuple[float, float]

FEW = 10  # values with fewer than this tell nothing of their own memory
TWO_SIDED_95 = 1.96


def risen_pairs(levels: Sequence[float]) -> int:
    """Of all pairs, those that rose minus those that fell."""
    return sum((later > earlier) - (later < earlier) for earlier, later in combinations(levels, 2))


def confidence(levels: Sequence[float], slope_a_step: float = 0.0) -> float:
    """That they rise: 1 minus the chance that values in no order would be so much in order (Mann 1945, Kendall 1975; one-sided, normal
    approximation with correction for continuity and ties). 0 to 1.

    Values that resemble their neighbours put themselves in order by accident more often; with `slope_a_step` taken out, what the rest of
    them remembers widens the variance (Hamed and Rao 1998)."""
    count = len(levels)
    score = risen_pairs(levels)
    if count < 3 or score <= 0:
        return 0.0
    ties = sum(same * (same - 1) * (2 * same + 5) for same in _ties(levels))
    variance = (count * (count - 1) * (2 * count + 5) - ties) / 18
    if variance <= 0:
        return 0.0
    rest = [level - slope_a_step * step for step, level in enumerate(levels)]
    return NormalDist().cdf((score - 1) / math.sqrt(variance * _memory(rest)))


def line(points: Sequence[Point]) -> tuple[float, float] | None:
    """(slope, level at the last point) of the Theil-Sen line; None when no two points differ in their first value."""
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x2 != x1]
    if not slopes:
        return None
    slope, end = median(slopes), points[-1][0]
    return slope, median(y + slope * (end - x) for x, y in points)


def _ties(levels: Sequence[float]) -> list[int]:
    counts: dict[float, int] = {}
    for level in levels:
        counts[level] = counts.get(level, 0) + 1
    return [same for same in counts.values() if same > 1]


def _memory(rest: Sequence[float]) -> float:
    """How many times the variance is that of values without memory; at least 1."""
    count = len(rest)
    ranks = _ranks(rest)
    mean = (count + 1) / 2
    spread = sum((rank - mean) ** 2 for rank in ranks)
    if count < FEW or spread <= 0:
        return 1.0
    total = 0.0
    for lag in range(1, count - 2):
        together = sum((ranks[at] - mean) * (ranks[at + lag] - mean) for at in range(count - lag)) / spread
        if abs(together) > TWO_SIDED_95 / math.sqrt(count):
            total += (count - lag) * (count - lag - 1) * (count - lag - 2) * together
    return max(1.0, 1 + 2 * total / (count * (count - 1) * (count - 2)))


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1; equal values share their mean."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2 + 1
        start = end + 1
    return ranks
