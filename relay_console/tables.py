"""Sections of a pane as aligned plain text: by display width, without drawing characters, coloured only on a terminal. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from tui.format import width

if TYPE_CHECKING:
    from tui.pane import Section

GAP: Final = "  "
WIDE: Final = 100  # cells of a curve where nobody says how wide the page is
# Of the terminal's own sixteen.
_COLOURS: Final = {"ok": "32", "warn": "33", "crit": "31", "mark": "31", "dim": "2", "line": "2", "accent": "36", "title": "1"}


class Heading(Protocol):
    """What a `tui.pane.Column` has; importing that one costs more than an answer may."""

    @property
    def title(self) -> str: ...
    @property
    def align(self) -> str: ...


class Text(Protocol):
    """What a `tui.pane.Cell` has."""

    @property
    def text(self) -> str: ...
    @property
    def role(self) -> str: ...


class Title(NamedTuple):
    title: str
    align: str = "left"


class Word(NamedTuple):
    text: str
    role: str = ""


def render(sections: "Sequence[Section]", is_coloured: bool, cells: int = WIDE) -> Iterator[str]:
    """Lines. A title stands over a table only where there are several; curves and bars take that many cells."""
    for number, section in enumerate(sections):
        if number:
            yield ""
        if len(sections) > 1 and section.title:
            yield paint(section.title, "title", is_coloured)
        yield from facts(section.facts, is_coloured)
        yield from drawn(section, is_coloured, cells)
        if section.columns:
            yield from table(section.columns, [row.cells for row in section.rows], is_coloured)
        yield from section.text.split("\n") if section.text else ()


def drawn(section: "Section", is_coloured: bool, cells: int) -> Iterator[str]:
    """Its curves, and its bars."""
    if not section.curves and section.bars is None:
        return
    from tui.chart import bar_lines, curve_lines

    lines = [line for curve in section.curves for line in curve_lines(curve, cells)]
    lines += bar_lines(section.bars, cells) if section.bars is not None else []
    for line in lines:
        yield "".join(paint(piece.text, piece.role, is_coloured) for piece in line).rstrip()


def table(columns: Sequence[Heading], rows: Sequence[Sequence[Text]], is_coloured: bool) -> Iterator[str]:
    """Every column as wide as its widest cell: a pipe has no width, and nothing is cut off."""
    titles = tuple(Word(column.title, "title") for column in columns)
    widths = [max(width(row[index].text) for row in (titles, *rows)) for index in range(len(columns))]
    for row in (titles, *rows):
        cells = [_cell(cell, column, cells, is_coloured) for cell, column, cells in zip(row, columns, widths, strict=True)]
        yield GAP.join(cells).rstrip()


def _cell(cell: Text, column: Heading, cells: int, is_coloured: bool) -> str:
    space = " " * (cells - width(cell.text))
    text = paint(cell.text, cell.role, is_coloured)
    return space + text if column.align == "right" else text + space


def facts(facts: Sequence[tuple[str, Text]], is_coloured: bool) -> Iterator[str]:
    widest = max((width(label) for label, _ in facts), default=0)
    for label, cell in facts:
        yield f"{label}{' ' * (widest - width(label))}{GAP}{paint(cell.text, cell.role, is_coloured)}".rstrip()


def paint(text: str, role: str, is_coloured: bool) -> str:
    colour = _COLOURS.get(role)
    return f"\x1b[{colour}m{text}\x1b[0m" if is_coloured and colour and text.strip() else text


def wants_colour(is_terminal: bool, is_refused: bool, environ: Mapping[str, str]) -> bool:
    """https://no-color.org: set and not empty."""
    return is_terminal and not is_refused and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
