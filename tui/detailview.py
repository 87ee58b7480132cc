"""How a detail looks: sections of facts, small tables and text, one below the other. Pure: sections in, lines out."""

from collections.abc import Sequence

from tui.fit import fit, header, row_line
from tui.format import pad, visible, width
from tui.line import Line, Piece, rule, wrap
from tui.pane import Section

MAX_LABEL = 24  # cells of the names of facts
MAX_TEXT = 2000  # lines of a text that is shown as it came


def detail_lines(sections: Sequence[Section], cells: int, *, focused: bool = False) -> list[Line]:
    lines: list[Line] = []
    for number, section in enumerate(sections):
        if number:
            lines.append(())
        title = Piece(section.title, "tab_active" if focused and not number else "title")
        lines.append(rule((title,), (), cells))
        lines += _facts(section, cells)
        lines += _table(section, cells)
        for paragraph in section.text.split("\n")[:MAX_TEXT] if section.text else ():
            lines += [(Piece(f" {part}"),) for part in wrap(visible(paragraph), cells - 2)]
    return lines


def _facts(section: Section, cells: int) -> list[Line]:
    label = min(MAX_LABEL, max((width(name) for name, _ in section.facts), default=0))
    lines: list[Line] = []
    for name, cell in section.facts:
        parts = wrap(cell.text.strip(), max(8, cells - label - 4))
        lines.append((Piece(f" {pad(name, label)}  ", "label"), Piece(parts[0], cell.role)))
        lines += [(Piece(" " * (label + 3)), Piece(part, cell.role)) for part in parts[1:]]
    return lines


def _table(section: Section, cells: int) -> list[Line]:
    if not section.columns:
        return []
    layout = fit(section.columns, cells - 1)
    lines: list[Line] = [(Piece(" ", "header"), *header(section.columns, layout))]
    for row in section.rows:
        lines.append((Piece(" "), *row_line(section.columns, layout, [row.cells[place.column] for place in layout])))
    return lines
