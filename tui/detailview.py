"""How a detail looks: sections of facts, small tables and text, one below the other. Pure: sections in, lines out."""

from collections.abc import Sequence

from tui.fit import fit, header, row_line
from tui.format import pad, visible, width
from tui.line import Line, Piece, fit_line, rule, wrap
from tui.pane import Cell, Section

MAX_LABEL = 24  # cells of the names of facts
TWO_ABREAST = 90  # cells from which facts stand side by side
FULL_WIDTH = 2  # facts at the beginning that always have a line of their own
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
    """The first ones in full width (state and reason); the rest side by side where there is room, read from top to bottom."""
    label = min(MAX_LABEL, max((width(name) for name, _ in section.facts), default=0))
    if cells < TWO_ABREAST:
        return [line for fact in section.facts for line in _fact(fact, label, cells)]
    half = cells // 2
    short = [fact for fact in section.facts[FULL_WIDTH:] if width(fact[1].text.strip()) <= half - label - 4]
    whole = [fact for fact in section.facts if fact not in short]
    lines = [line for fact in whole for line in _fact(fact, label, cells)]
    left = short[: -(-len(short) // 2)]
    right = short[len(left) :]
    for index, fact in enumerate(left):
        beside = _fact(right[index], label, half)[0] if index < len(right) else ()
        lines.append((*fit_line(_fact(fact, label, half)[0], half), *beside))
    return lines


def _fact(fact: tuple[str, Cell], label: int, cells: int) -> list[Line]:
    name, cell = fact
    parts = wrap(cell.text.strip(), max(8, cells - label - 4))
    first: Line = (Piece(f" {pad(name, label)}  ", "label"), Piece(parts[0], cell.role))
    return [first, *((Piece(" " * (label + 3)), Piece(part, cell.role)) for part in parts[1:])]


def _table(section: Section, cells: int) -> list[Line]:
    if not section.columns:
        return []
    layout = fit(section.columns, cells - 1)
    lines: list[Line] = [(Piece(" ", "header"), *header(section.columns, layout))]
    for row in section.rows:
        lines.append((Piece(" "), *row_line(section.columns, layout, [row.cells[place.column] for place in layout])))
    return lines
