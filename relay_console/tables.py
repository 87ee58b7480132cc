"""Sections of a pane as aligned plain text: by display width, without drawing characters, coloured only on a terminal. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tui.format import width
from tui.pane import Cell, Column, Section

GAP: Final = "  "
_COLOURS: Final = {"ok": "32", "warn": "33", "crit": "31", "dim": "2", "accent": "36", "title": "1"}  # of the terminal's own sixteen


def render(sections: Sequence[Section], is_coloured: bool) -> Iterator[str]:
    """Lines. A title stands over a table only where there are several."""
    for number, section in enumerate(sections):
        if number:
            yield ""
        if len(sections) > 1 and section.title:
            yield paint(section.title, "title", is_coloured)
        yield from _facts(section.facts, is_coloured)
        if section.columns:
            yield from table(section.columns, [row.cells for row in section.rows], is_coloured)
        yield from section.text.split("\n") if section.text else ()


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], is_coloured: bool) -> Iterator[str]:
    """Every column as wide as its widest cell: a pipe has no width, and nothing is cut off."""
    titles = tuple(Cell(column.title, "title") for column in columns)
    widths = [max(width(row[index].text) for row in (titles, *rows)) for index in range(len(columns))]
    for row in (titles, *rows):
        cells = [_cell(cell, column, cells, is_coloured) for cell, column, cells in zip(row, columns, widths, strict=True)]
        yield GAP.join(cells).rstrip()


def _cell(cell: Cell, column: Column, cells: int, is_coloured: bool) -> str:
    space = " " * (cells - width(cell.text))
    text = paint(cell.text, cell.role, is_coloured)
    return space + text if column.align == "right" else text + space


def _facts(facts: Sequence[tuple[str, Cell]], is_coloured: bool) -> Iterator[str]:
    widest = max((width(label) for label, _ in facts), default=0)
    for label, cell in facts:
        yield f"{label}{' ' * (widest - width(label))}{GAP}{paint(cell.text, cell.role, is_coloured)}".rstrip()


def paint(text: str, role: str, is_coloured: bool) -> str:
    colour = _COLOURS.get(role)
    return f"\x1b[{colour}m{text}\x1b[0m" if is_coloured and colour and text.strip() else text


def wants_colour(is_terminal: bool, is_refused: bool, environ: Mapping[str, str]) -> bool:
    """https://no-color.org: set and not empty."""
    return is_terminal and not is_refused and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
