"""Figures over time, drawn with blocks or with braille: a curve with its axes; and bars beside each other. Pure: points in, lines out.

A curve of blocks is filled, eight steps to a row; one of braille is a line, with twice the columns and four steps to a row. Every character
of the former is one that `tui.format.to_ascii` has a plain one for, so that is also what a terminal without either gets. What was not seen
is a gap, never a line between its neighbours.
"""

import itertools
import time
from collections.abc import Callable, Collection, Sequence
from typing import Literal, NamedTuple

from tui.format import number, pad, width
from tui.line import Line, Piece, line_width

Drawing = Literal["blocks", "braille"]

BLOCKS = " ▁▂▃▄▅▆▇█"
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # of a braille character: its left and its right column, from the top
BRAILLE = 0x2800
MARK = "▲"
LEAST_CELLS = 20  # beside the axis: two times of day, and a line between them
LEAST_SECONDS = 1e-3
DAY_S = 86400.0
LEAST_BAR, LARGEST_BAR = 6, 40  # cells

Point = tuple[float, float | None]  # epoch seconds and the figure, oldest first


def clock_over(seconds: float) -> Callable[[float], str]:
    """How moments are written on an axis that spans so long."""
    form = "%m-%d %H:%M" if seconds >= DAY_S else "%H:%M:%S"
    return lambda at: time.strftime(form, time.localtime(at))


class Curve(NamedTuple):
    title: str
    points: tuple[Point, ...]
    unit: str = ""
    rows: int = 6
    write: Callable[[float | None], str] = number
    marks: frozenset[int] = frozenset()  # places among the points of those that stand out; such a one is what its column shows
    marked: str = ""  # what they are, for the legend: "full collection"
    upper: float | None = None  # what the figures cannot be above
    bound: str = ""  # what that is: "capacity"
    is_level: bool = False  # a figure holds until the next one; else it is of the time since the one before
    when: Callable[[float], str] | None = None  # writes a moment; None: as a time of day


class Bar(NamedTuple):
    label: str
    value: float
    told: str  # beside the bar


class Bars(NamedTuple):
    bars: tuple[Bar, ...]


def curve_lines(curve: Curve, cells: int, drawing: Drawing = "blocks") -> list[Line]:
    """A title with least, most and newest, `rows` lines of columns, and the time they span; one line when there is too little to draw.
    Above the columns a line for `upper`, or through them where figures are above it; below them the marks, where there are any."""
    known = [(at, value) for at, value in curve.points if value is not None]
    if not known:
        return [(Piece(f" {curve.title}: no readings yet", "dim"),)]
    values = [value for _, value in known]
    head = _head(curve, values, cells)
    most = max(values) if curve.upper is None else max(*values, curve.upper)
    labels = {curve.rows - 1: curve.write(0)}
    if curve.upper is None or curve.upper < most:
        labels[0] = curve.write(most)
    bound = "" if curve.upper is None else curve.write(curve.upper)
    axis = max(map(width, (*labels.values(), bound)))
    room = cells - axis - 3
    if room < LEAST_CELLS or len(known) < 2:
        return [head]
    return [head, *_plot(curve, most, labels, axis, room, drawing)]


def _head(curve: Curve, values: Sequence[float], cells: int) -> Line:
    """What does not fit is left out, the newest figure last."""
    unit = curve.unit and " " + curve.unit
    legend = (Piece(f"   {MARK}", "mark"), Piece(f" {curve.marked}", "dim")) if curve.marks else ()
    told = [f"{name} {curve.write(value)}" for name, value in (("min", min(values)), ("max", max(values)), ("now", values[-1]))]
    while True:
        head = (Piece(f" {curve.title}", "label"), Piece(f"   {'   '.join(told)}{unit}"), *legend)
        if line_width(head) <= cells or len(told) == 1:
            return head
        del told[0]


def _plot(curve: Curve, most: float, labels: dict[int, str], axis: int, room: int, drawing: Drawing) -> list[Line]:
    rows, marked = _braille(curve, most, room) if drawing == "braille" else _blocks(curve, most, room)
    lines: list[Line] = []
    if curve.upper is not None and curve.upper >= most:
        name = curve.bound or "most"
        rest = "─" * max(0, room - width(name) - 4)
        label = pad(curve.write(curve.upper), axis, "right")
        lines.append((Piece(f" {label}", "dim"), Piece("┤── ", "line"), Piece(f"{name} ", "dim"), Piece(rest, "line")))
    elif curve.upper is not None:
        row = min(curve.rows - 2, max(1, curve.rows - 1 - int(curve.upper / most * curve.rows)))
        labels[row] = curve.write(curve.upper)
        rows[row] = rows[row].replace(" ", "─")
    for row, text in enumerate(rows):
        label = labels.get(row, "")
        lines.append((Piece(f" {pad(label, axis, 'right')}", "dim"), Piece("┤" if label else "│", "line"), *_coloured(text, marked)))
    if curve.marks:
        ticks = "".join(MARK if column in marked else " " for column in range(room)).rstrip()
        lines.append((Piece(" " * (axis + 1)), Piece("│", "line"), Piece(ticks, "mark")))
    return [*lines, _times(curve, axis, room)]


def _coloured(text: str, marked: Collection[int]) -> list[Piece]:
    """The columns of marked figures stand out."""
    runs = itertools.groupby(enumerate(text), key=lambda place: place[0] in marked)
    return [Piece("".join(char for _, char in run), "mark" if is_marked else "accent") for is_marked, run in runs]


def _times(curve: Curve, axis: int, room: int) -> Line:
    first, last = curve.points[0][0], curve.points[-1][0]
    when = curve.when or clock_over(last - first)
    begin, end = f"{when(first)} ", f" {when(last)}"
    if len(begin) + len(end) >= room:
        begin = ""
    between = "─" * max(1, room - len(begin) - len(end))
    return (Piece(" " * (axis + 1)), Piece("└", "line"), Piece(begin, "dim"), Piece(between, "line"), Piece(end, "dim"))


# -- two ways to draw ----------------------------------------------------------------------------------------------------------------------


def _blocks(curve: Curve, most: float, room: int) -> tuple[list[str], set[int]]:
    columns, marked = spread(curve, room)
    rows = ["".join(_block(value, most, curve.rows, curve.rows - 1 - row) for value in columns) for row in range(curve.rows)]
    return rows, marked


def _block(value: float | None, most: float, rows: int, floor: int) -> str:
    """What a column shows on that row, counted from the bottom. A figure of 0 keeps a line on the ground: it was seen."""
    if value is None:
        return " "
    eighths = round(value / most * rows * 8) if most > 0 else 0
    if floor == 0:
        eighths = max(1, eighths)
    return BLOCKS[min(8, max(0, eighths - floor * 8))]


def _braille(curve: Curve, most: float, room: int) -> tuple[list[str], set[int]]:
    """A line: each column of dots reaches from the figure before to its own."""
    columns, marked = spread(curve, room * 2)
    cells = [[0] * room for _ in range(curve.rows)]
    highest = curve.rows * 4 - 1
    before: int | None = None
    for column, value in enumerate(columns):
        height = None if value is None else min(highest, max(0, round(value / most * highest))) if most > 0 else 0
        if height is not None:
            for dot in range(min(height, height if before is None else before), max(height, before or 0) + 1):
                cells[curve.rows - 1 - dot // 4][column // 2] |= DOTS[column % 2][3 - dot % 4]
        before = height
    rows = ["".join(chr(BRAILLE + dots) if dots else " " for dots in row) for row in cells]
    return rows, {column // 2 for column in marked}


def spread(curve: Curve, columns: int) -> tuple[list[float | None], set[int]]:
    """What each column shows, and which of them have a mark: there the newest marked figure stands, whatever else there was."""
    made = buckets(curve.points, columns, is_level=curve.is_level)
    if not curve.points or columns < 1:
        return made, set()
    marked: set[int] = set()
    for index in sorted(curve.marks):
        at, value = curve.points[index]
        column = _column(curve.points, columns, at)
        made[column] = value
        marked.add(column)
    return made, marked


def _column(points: Sequence[Point], columns: int, at: float) -> int:
    first, last = points[0][0], points[-1][0]
    step = max((last - first) / columns, LEAST_SECONDS / columns)
    return max(0, min(columns - 1, int((at - first) / step)))


def buckets(points: Sequence[Point], columns: int, *, is_level: bool = False) -> list[float | None]:
    """The figures over evenly spaced time, the largest of each column; between two readings the later one holds, for it was measured
    over that time (the earlier one, if it is a level). None where nothing was seen: before the first, and in a column that a gap covers."""
    if not points or columns < 1:
        return []
    made: list[float | None] = [None] * columns
    before = 0
    held: float | None = None
    for at, value in points:
        place = _column(points, columns, at)
        for column in range(min(before, place) if value is not None else place, place + 1):
            known = made[column]
            here = held if is_level and column < place and held is not None else value
            made[column] = here if known is None or (here is not None and here > known) else known
        before, held = place + 1, value
    return made


# -- bars ----------------------------------------------------------------------------------------------------------------------------------


def bar_lines(bars: Bars, cells: int) -> list[Line]:
    """One line each: label, a bar to the scale of the largest, what is to be told. Whatever is not 0 has at least one cell."""
    most = max((bar.value for bar in bars.bars), default=0)
    label = max((width(bar.label) for bar in bars.bars), default=0)
    told = max((width(bar.told) for bar in bars.bars), default=0)
    room = min(LARGEST_BAR, cells - label - told - 6)
    lines: list[Line] = []
    for bar in bars.bars:
        length = max(1, round(bar.value / most * room)) if bar.value > 0 and room >= LEAST_BAR else 0
        drawn = Piece(pad("█" * length, room) if room >= LEAST_BAR else "", "accent")
        lines.append((Piece(f" {pad(bar.label, label)} ", "label"), drawn, Piece(f"  {pad(bar.told, told)}", "" if bar.value else "dim")))
    return lines
