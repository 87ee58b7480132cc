"""How a page looks: sections of facts, curves, small tables and text, one below the other. Pure: sections in, lines out.

A sheet is the whole page; what of it is on the screen, and which row the cursor stands on, is `tui.trail`.
"""

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tui.chart import Drawing, bar_lines, curve_lines
from tui.fit import Place, fit, header, row_line
from tui.format import clip, count, pad, visible, width
from tui.line import Line, Piece, chop, fit_line, rule, wrap
from tui.pane import Cell, Row, Section
from tui.tableview import REASONS, under_cursor

MAX_LABEL = 24  # cells of the names of facts
TWO_ABREAST = 90  # cells from which facts stand side by side
FULL_WIDTH = 2  # facts at the beginning that always have a line of their own
MAX_TEXT = 2000  # lines of a text that is shown as it came
MAX_WRAPPED = 12  # lines of a row that goes on below itself
MAX_LINE = 16 << 10  # characters of one line of a text; more is cut into lines before words are looked for


class Look(NamedTuple):
    """How the page is looked at, besides its sections."""

    focused: bool = False  # its title says that keys move here
    form: str | None = None  # of texts that have several; None: the best of each
    notice: Cell = Cell("")  # beside the first title: being asked, or when it was told
    trouble: str = ""  # why it could not be told, below the first title
    marks: frozenset[str] = frozenset()  # ids of rows
    drawing: Drawing = "blocks"  # of curves


class Spot(NamedTuple):
    """A row on the sheet."""

    line: int
    section: int
    row: Row
    height: int = 1  # lines

    @property
    def name(self) -> tuple[int, str]:
        """What stays the same when the sheet is made anew."""
        return self.section, self.row.key


class Sheet(NamedTuple):
    lines: list[Line]
    spots: list[Spot]
    here: Spot | None = None  # where the cursor comes to by itself, instead of the first row

    def header(self, line: int) -> Line | None:
        """The titles of the columns above that line, when it is a row below the first of its table, or where one goes on below itself."""
        spot = next((spot for spot in reversed(self.spots) if spot.line <= line), None)
        if spot is None or line >= spot.line + spot.height:
            return None
        first = next(each for each in self.spots if each.section == spot.section)
        return self.lines[first.line - 1]

    def staying(self, top: int, head: int) -> list[Line]:
        """What stands in the first lines when it is scrolled to `top`: the titles of the columns, and with a head of 2 the page's above."""
        header = self.header(top + head - 1) if top else None
        page = self.lines[: head - 1] if top else []
        return [*page, header] if header is not None else page


def sheet_of(sections: Sequence[Section], cells: int, look: Look) -> Sheet:
    lines: list[Line] = []
    spots: list[Spot] = []
    for number, section in enumerate(sections):
        if number:
            lines.append(())
        title = Piece(section.title, "tab_active" if look.focused and not number else "title")
        about = look.notice if not number else Cell("")
        right = (*_forms(section, look.form), *([Piece(about.text, about.role)] if about.text else []))
        marked = (Piece(f"  {len(look.marks)} marked", "mark"),) if look.marks and not number else ()
        lines.append(rule((title, *marked), right, cells))
        if look.trouble and not number:
            lines += [(Piece(f" {part}", "error"),) for part in wrap(visible(look.trouble), cells - 2)]
        lines += _facts(section, cells)
        for curve in section.curves:
            lines += curve_lines(curve, cells, look.drawing)
        if section.bars is not None:
            lines += bar_lines(section.bars, cells)
        table, places = _table(section, cells, look.marks)
        for row, (place, following) in zip(section.rows, itertools.pairwise([*places, len(table)]), strict=False):
            spots.append(Spot(len(lines) + place, number, row, following - place))
        lines += table
        lines += text_lines(text_of(section, look.form), cells)
    here = next((spot for spot in spots if spot.row.key == sections[spot.section].here), None)
    return Sheet(lines, spots, here)


def detail_lines(sections: Sequence[Section], cells: int, *, focused: bool = False) -> list[Line]:
    return sheet_of(sections, cells, Look(focused)).lines


def with_cursor(line: Line, cells: int) -> Line:
    """The row under the cursor, its sign in the cell before the first column."""
    return under_cursor(fit_line((Piece("›", "mark"), *line[1:]), cells))


def edge(section: Section) -> int:
    """Cells before the first column: the cursor's sign, and that of a mark where rows can be marked."""
    return 2 if any(row.id for row in section.rows) else 1


def told(section: Section, spot: Spot, cells: int) -> str:
    """The reason of the row under the cursor, where its column is not there or too narrow."""
    layout = _layout(section, cells)
    for index, column in enumerate(section.columns):
        if column.key in REASONS:
            text = spot.row.cells[index].text
            room = next((place.width for place in layout if place.column == index), 0)
            return text if width(text) > room else ""
    return ""


def text_of(section: Section, form: str | None) -> str:
    """In the form that was chosen, where there is one."""
    if not section.forms:
        return section.text
    return next((each for each in section.forms if each.name == form), section.forms[0]).text()


def _forms(section: Section, form: str | None) -> list[Piece]:
    """`JSON text hex`: what there is, and which is shown."""
    if len(section.forms) < 2:
        return []
    shown = form if any(each.name == form for each in section.forms) else section.forms[0].name
    return [piece for each in section.forms for piece in (Piece(each.name, "accent" if each.name == shown else "dim"), Piece(" ", "line"))]


@lru_cache(16)
def text_lines(text: str, cells: int) -> tuple[Line, ...]:
    """At most MAX_TEXT lines; what is beyond them is told."""
    if not text:
        return ()
    lines: list[Line] = []
    paragraphs = text.split("\n", MAX_TEXT)
    for paragraph in paragraphs[:MAX_TEXT]:
        for part in chop(paragraph, MAX_LINE):
            lines += [(Piece(f" {piece}"),) for piece in wrap(visible(part), cells - 2)]
        if len(lines) > MAX_TEXT:
            break
    if len(lines) > MAX_TEXT or len(paragraphs) > MAX_TEXT:
        return (*lines[:MAX_TEXT], (Piece(f" cut at {count(MAX_TEXT, 'line')}", "warn"),))
    return tuple(lines)


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


def _layout(section: Section, cells: int) -> list[Place]:
    """Names stand whole before the last of the wordy columns gets what is left."""
    growing = [index for index, column in enumerate(section.columns) if column.grow][:-1]
    natural = {section.columns[index].key: max((width(row.cells[index].text) for row in section.rows), default=0) for index in growing}
    return fit(section.columns, cells - edge(section), natural)


def _table(section: Section, cells: int, marks: frozenset[str]) -> tuple[list[Line], list[int]]:
    """Its lines, and which of them the rows begin with."""
    if not section.columns:
        return [], []
    layout = _layout(section, cells)
    lines: list[Line] = [(Piece(" " * edge(section), "header"), *header(section.columns, layout))]
    places: list[int] = []
    for row in section.rows:
        mark = (Piece("▪" if row.id in marks else " ", "mark"),) if edge(section) > 1 else ()
        shown = [row.cells[place.column] for place in layout]
        parts = _parts(shown[-1].text, layout[-1].width) if section.wraps else [shown[-1].text]
        places.append(len(lines))
        lines.append((Piece(" "), *mark, *row_line(section.columns, layout, [*shown[:-1], shown[-1]._replace(text=parts[0])])))
        lines += [(Piece(" " * (edge(section) + layout[-1].left)), Piece(part, shown[-1].role)) for part in parts[1:]]
    return lines, places


def _parts(text: str, cells: int) -> list[str]:
    """A text in as many lines as it needs, up to MAX_WRAPPED."""
    parts = wrap(text, cells)
    return parts if len(parts) <= MAX_WRAPPED else [*parts[: MAX_WRAPPED - 1], f"{clip(parts[MAX_WRAPPED - 1], cells - 1, '')}…"]
