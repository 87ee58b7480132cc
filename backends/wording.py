"""Figures in the sentences that operators read. Pure."""

from collections.abc import Sequence
from typing import Final

MAX_LISTED: Final = 8


def span(seconds: float) -> str:
    """A duration in its two largest units: ``45 s``, ``4 min 5 s``, ``3 h 2 min``, ``2 d 4 h``."""
    left = round(abs(seconds))
    if left < 60:
        return f"{abs(seconds):.1f} s" if 0 < abs(seconds) < 10 and seconds != left else f"{left} s"
    for (unit, size), (small, part) in ((("d", 86400), ("h", 3600)), (("h", 3600), ("min", 60)), (("min", 60), ("s", 1))):
        if left >= size:
            rest = left % size // part
            return f"{left // size} {unit}" + (f" {rest} {small}" if rest else "")
    return f"{left} s"


def listed(items: Sequence[object], most: int = MAX_LISTED) -> str:
    """``0, 1, 2``; what is beyond `most` is counted: ``0, 1 and 30 more``."""
    shown = ", ".join(map(str, items[:most]))
    return shown + (f" and {len(items) - most} more" if len(items) > most else "")


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
