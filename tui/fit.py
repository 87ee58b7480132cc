"""Which columns fit a width, and how wide each is. Pure: columns in, widths out; the screen and the command line share it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tui.format import pad
from tui.line import Line, Piece
from tui.pane import Cell, Column

GAP = 2  # cells between two columns


class Place(NamedTuple):
    """One column that is shown: which, where it begins and how many cells it has."""

    column: int
    left: int
    width: int


def fit(columns: Sequence[Column], cells: int, natural: Mapping[str, int] | None = None, gap: int = GAP) -> list[Place]:
    """The columns that stand in `cells`, left to right. Those with the highest `keep` go first until the others have their wanted widths,
    or at last their least ones; what is left over goes to the columns that grow, to each at most its `natural` width, then to the last."""
    natural = natural or {}
    shown = list(range(len(columns)))
    while len(shown) > 1 and _total(columns, shown, gap) > cells:
        worst = max(columns[index].keep for index in shown)
        if worst == 0:
            break
        shown.remove(max(index for index in shown if columns[index].keep == worst))
    widths = {index: columns[index].width for index in shown}
    _shrink(columns, widths, _total(columns, shown, gap) - cells)
    _grow(columns, widths, cells - gap * (len(shown) - 1) - sum(widths.values()), natural)
    places: list[Place] = []
    left = 0
    for index in shown:
        if left >= cells:
            break
        places.append(Place(index, left, min(widths[index], cells - left)))
        left += widths[index] + gap
    return places


def _total(columns: Sequence[Column], shown: Sequence[int], gap: int) -> int:
    return sum(columns[index].width for index in shown) + gap * (len(shown) - 1)


def _shrink(columns: Sequence[Column], widths: dict[int, int], missing: int) -> None:
    """Takes `missing` cells, first from the columns that grow (they are the wordy ones), then from any, down to their least."""
    for index in sorted(widths, key=lambda index: not columns[index].grow):
        if missing <= 0:
            return
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
    if growing and spare > 0:
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
