"""Which columns fit a width, and how wide each is. Pure: columns in, widths out; the screen and the command line share it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tui.format import pad
from tui.line import Line, Piece
from tui.pane import Cell, Column

GAP = 2  # cells between two columns
WHOLE_NAME = 26  # cells up to which a name is worth more than an optional column


class Place(NamedTuple):
    """One column that is shown: which, where it begins and how many cells it has."""

    column: int
    left: int
    width: int


def fit(columns: Sequence[Column], cells: int, natural: Mapping[str, int] | None = None, gap: int = GAP) -> list[Place]:
    """The columns that stand in `cells`, left to right.

    The wordy ones (that grow) shrink first, down to their least; then those with the highest `keep` go; then names shrink; at last columns
    go from the right. A number is never cut. What is left over goes to the columns that grow, to each at most its `natural` width, and
    the rest to the last if it is a wordy one; else it stays free, so that numbers stand near their names.
    """
    natural = natural or {}
    shown = list(range(len(columns)))
    while _least(columns, shown, natural, gap) > cells and (worst := max(columns[index].keep for index in shown)) > 0:
        shown.remove(max(index for index in shown if columns[index].keep == worst))
    while _least(columns, shown, {}, gap) > cells and len(shown) > 1:
        shown.pop()
    widths = {index: columns[index].width for index in shown}
    _shrink(columns, widths, sum(widths.values()) + gap * (len(shown) - 1) - cells)
    _grow(columns, widths, cells - gap * (len(shown) - 1) - sum(widths.values()), natural)
    places: list[Place] = []
    left = 0
    for index in shown:
        if left >= cells:
            break
        places.append(Place(index, left, min(widths[index], cells - left)))
        left += widths[index] + gap
    return places


def _least(columns: Sequence[Column], shown: Sequence[int], natural: Mapping[str, int], gap: int) -> int:
    """Cells without which a column would have to go: names would like to stand whole before lesser columns get any room."""
    return sum(_needed(columns[index], natural) for index in shown) + gap * (len(shown) - 1)


def _needed(column: Column, natural: Mapping[str, int]) -> int:
    if not column.grow:
        return column.width
    return max(column.least, min(natural.get(column.key, 0), WHOLE_NAME)) if column.keep == 0 else column.least


def _shrink(columns: Sequence[Column], widths: dict[int, int], missing: int) -> None:
    """Takes `missing` cells from the columns that grow, the last of them first: reasons are cut before names."""
    for index in sorted(widths, reverse=True):
        if missing > 0 and columns[index].grow:
            taken = min(missing, max(0, widths[index] - columns[index].least))
            widths[index] -= taken
            missing -= taken


def _grow(columns: Sequence[Column], widths: dict[int, int], spare: int, natural: Mapping[str, int]) -> None:
    growing = [index for index in widths if columns[index].grow]
    for index in growing:
        if spare <= 0:
            return
        wanted = natural.get(columns[index].key, 0) - widths[index]
        added = max(0, min(spare, wanted))
        widths[index] += added
        spare -= added
    if growing and spare > 0 and columns[growing[-1]].keep:
        widths[growing[-1]] += spare


def header(columns: Sequence[Column], places: Sequence[Place], sort: str | None = None, reverse: bool = False) -> Line:
    """The titles; the sorted one carries its direction."""
    pieces: list[Piece] = []
    end = 0
    for place in places:
        column = columns[place.column]
        marked = column.key == sort
        title = column.title + ("▴" if reverse else "▾") if marked else column.title
        pieces.append(Piece(" " * (place.left - end), "header"))
        pieces.append(Piece(pad(title, place.width, column.align), "header_sorted" if marked else "header"))
        end = place.left + place.width
    return tuple(pieces)


def row_line(columns: Sequence[Column], places: Sequence[Place], cells: Sequence[Cell]) -> Line:
    """One row: the cells of the columns that are shown, each padded to its width."""
    pieces: list[Piece] = []
    end = 0
    for place, cell in zip(places, cells, strict=True):
        pieces.append(Piece(" " * (place.left - end)))
        pieces.append(Piece(pad(cell.text, place.width, columns[place.column].align), cell.role))
        end = place.left + place.width
    return tuple(pieces)
