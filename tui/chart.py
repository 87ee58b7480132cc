"""Figures over time, drawn with blocks: a curve with its axes. Pure: points in, lines out.

Every character is one that `tui.format.to_ascii` has a plain one for. What was not seen is a gap, never a line between its neighbours.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tui.format import number, pad, width
from tui.line import Line, Piece

BLOCKS = " ▁▂▃▄▅▆▇█"
LEAST_CELLS = 20  # beside the axis: two times of day, and a line between them
LEAST_SECONDS = 1e-3

Point = tuple[float, float | None]  # epoch seconds and the figure, oldest first


class Curve(NamedTuple):
    title: str
    points: tuple[Point, ...]
    unit: str = ""
    rows: int = 6
    write: Callable[[float | None], str] = number


def curve_lines(curve: Curve, cells: int) -> list[Line]:
    """A title with least, most and newest, `rows` lines of columns, and the time they span; one line when there is too little to draw."""
    known = [(at, value) for at, value in curve.points if value is not None]
    if not known:
        return [(Piece(f" {curve.title}: no readings yet", "dim"),)]
    values = [value for _, value in known]
    told = "   ".join(f"{name} {curve.write(value)}" for name, value in (("min", min(values)), ("max", max(values)), ("now", values[-1])))
    head: Line = (Piece(f" {curve.title}", "label"), Piece(f"   {told}{curve.unit and ' ' + curve.unit}"))
    labels = (curve.write(max(values)), curve.write(0))
    room = cells - max(map(width, labels)) - 3
    return [head] if room < LEAST_CELLS or len(known) < 2 else [head, *_plot(curve, max(values), labels, room)]


def _plot(curve: Curve, most: float, labels: tuple[str, str], room: int) -> list[Line]:
    axis = max(map(width, labels))
    columns = buckets(curve.points, room)
    lines: list[Line] = []
    for row in range(curve.rows):
        label = labels[0] if row == 0 else labels[1] if row == curve.rows - 1 else ""
        edge = "┤" if label else "│"
        floor = curve.rows - 1 - row
        blocks = "".join(_block(value, most, curve.rows, floor) for value in columns)
        lines.append((Piece(f" {pad(label, axis, 'right')}", "dim"), Piece(edge, "line"), Piece(blocks, "accent")))
    first, last = curve.points[0][0], curve.points[-1][0]
    begin, end = _clock(first), _clock(last)
    between = "─" * max(1, room - len(begin) - len(end) - 2)
    lines.append((Piece(" " * (axis + 1)), Piece("└", "line"), Piece(f"{begin} ", "dim"), Piece(between, "line"), Piece(f" {end}", "dim")))
    return lines


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _block(value: float | None, most: float, rows: int, floor: int) -> str:
    """What a column shows on that row, counted from the bottom. A figure of 0 keeps a line on the ground: it was seen."""
    if value is None:
        return " "
    eighths = round(value / most * rows * 8) if most > 0 else 0
    if floor == 0:
        eighths = max(1, eighths)
    return BLOCKS[min(8, max(0, eighths - floor * 8))]


def buckets(points: Sequence[Point], columns: int) -> list[float | None]:
    """The figures over evenly spaced time, the largest of each column; between two readings the later one holds, for it was measured
    over that time. None where nothing was seen: before the first, and in a column that a gap covers."""
    if not points or columns < 1:
        return []
    first, last = points[0][0], points[-1][0]
    step = max((last - first) / columns, LEAST_SECONDS / columns)
    made: list[float | None] = [None] * columns
    before = 0
    for at, value in points:
        place = min(columns - 1, int((at - first) / step))
        for column in range(min(before, place) if value is not None else place, place + 1):
            known = made[column]
            made[column] = value if known is None or (value is not None and value > known) else known
        before = place + 1
    return made
