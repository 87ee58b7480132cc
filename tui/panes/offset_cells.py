"""Figures of consumers as cells: rates, lags, how long. Pure."""

from collections.abc import Mapping

from tui.format import UNKNOWN, age, number, rate
from tui.pane import Cell

WINDOWS = ("1", "5", "15")  # minutes


def speed(rates: Mapping[str, float | None], window: str) -> Cell:
    value = rates.get(window)
    return Cell(rate(value), "dim" if not value else "", value)


def lag(value: int | None) -> Cell:
    return Cell(number(value), "dim" if not value else "", value)


def duration(seconds: float | None, lead: str = "") -> Cell:
    return Cell(UNKNOWN, "dim") if seconds is None else Cell(lead + age(seconds), "" if seconds >= 1 else "dim", seconds)


def rates(made: Mapping[str, float | None]) -> str:
    return "  ".join(f"{rate(made.get(window))} ({window}m)" for window in WINDOWS)
