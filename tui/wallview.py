"""How the overview looks: one card a kind and the events, in one, two or three columns. Pure: blocks in, lines out.

Cards are values, and remembered: a card in which nothing changed is not made again.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from link.protocol import Event
from tui.fit import Place, fit, header, row_line
from tui.format import clock, number, visible, width
from tui.line import Line, Piece, ends, fit_line, line_width, wrap
from tui.pane import Column, Row
from tui.panes.overview import Block
from tui.tableview import under_cursor
from tui.words import WARN

TWO_COLUMNS = 100  # cells from which cards stand side by side
THREE_COLUMNS = 160
LEAST_CARD = 4  # lines of a card with borders: below that only rules are drawn
SEVERITIES = {"critical": ("✖", "crit"), "warning": ("▴", "warn"), "info": (" ", "dim")}


class Spot(NamedTuple):
    """What the cursor of the overview stands on: a row of a pane."""

    pane: str
    key: str


class Card(NamedTuple):
    title: Line
    body: tuple[Line, ...]
    spots: tuple[Spot | None, ...]  # of each line of the body
    urgent: int  # lines at the beginning of the body that tell of trouble
    heads: tuple[tuple[int, str], ...]  # where the columns begin, and their names


def columns_of(cells: int) -> int:
    return 1 if cells < TWO_COLUMNS else 2 if cells < THREE_COLUMNS else 3


def capacity(cells: int, rows: int) -> int:
    """Rows that a card may have at most, whatever the others need."""
    across = columns_of(cells)
    return max(2, rows) if across == 1 else max(2, rows * across // 6)


def wall_lines(
    blocks: Sequence[Block], events: Sequence[Event], cells: int, rows: int, cursor: Spot | None
) -> tuple[list[Line], list[Spot]]:
    """The lines, and what the cursor may stand on from top to bottom and left to right."""
    across = columns_of(cells)
    if across == 1:
        return _stacked(blocks, events, cells, rows, cursor)
    return _tiled(blocks, events, cells, rows, cursor, across)


def _stacked(blocks: Sequence[Block], events: Sequence[Event], cells: int, rows: int, cursor: Spot | None) -> tuple[list[Line], list[Spot]]:
    """Rules instead of borders; every card gets what it needs as far as the rows go round."""
    cards = [_card(block, cells, False, _of(block, cursor)) for block in blocks]
    cards.append(_events(events, cells, rows))
    shares = share([card.urgent for card in cards], [len(card.body) for card in cards], rows - len(cards))
    lines: list[Line] = []
    spots: list[Spot] = []
    for card, room in zip(cards, shares, strict=True):
        lines.append(_ruled((Piece("── ", "line"), *card.title, Piece(" ", "line")), card.heads, cells))
        lines += card.body[:room]
        spots += [spot for spot in card.spots[:room] if spot is not None]
    return lines, spots


def _ruled(title: Line, heads: Sequence[tuple[int, str]], cells: int) -> Line:
    """A rule that begins with the title and carries the names of the columns it does not cover: a card needs no second line for them."""
    pieces = list(title)
    end = line_width(title)
    for left, text in heads:
        if text and left > end and left + width(text) < cells:
            pieces += [Piece("─" * (left - end - 1) + " ", "line"), Piece(f"{text} ", "header")]
            end = left + width(text) + 1
    return fit_line(pieces, cells, "─", "line")


def share(urgent: Sequence[int], needs: Sequence[int], total: int) -> list[int]:
    """Deals out `total` one by one: first what is urgent, then the rest; nobody gets more than they need, small needs are met first."""
    given = [0] * len(needs)
    for wanted in (urgent, needs):
        while total > 0 and any(got < need for got, need in zip(given, wanted, strict=True)):
            for index, need in enumerate(wanted):
                if given[index] < need and total > 0:
                    given[index] += 1
                    total -= 1
    return given


def _tiled(
    blocks: Sequence[Block], events: Sequence[Event], cells: int, rows: int, cursor: Spot | None, across: int
) -> tuple[list[Line], list[Spot]]:
    widths = [cells // across + (1 if index < cells % across else 0) for index in range(across)]
    count = len(blocks) + 1
    bands = -(-count // across)
    lines: list[Line] = []
    spots: list[Spot] = []
    for band in range(bands):
        height = rows // bands + (1 if band < rows % bands else 0)
        chosen = list(blocks[band * across : (band + 1) * across])
        cards = [_card(block, width - 4, True, _of(block, cursor)) for block, width in zip(chosen, widths, strict=False)]
        if len(cards) < across and len(cards) == len(blocks) - band * across:
            cards.append(_events(events, widths[len(cards)] - 4, height))
        boxes = [_box(card, width, height) for card, width in zip(cards, widths, strict=False)]
        lines += [tuple(piece for box in boxes for piece in box[index]) for index in range(height)]
        for card in cards:
            spots += [spot for spot in card.spots[: height - 2] if spot is not None]
    return lines, spots


@lru_cache(64)
def _box(card: Card, cells: int, rows: int) -> list[Line]:
    if rows < LEAST_CARD:
        return [ends((Piece("── ", "line"), *card.title, Piece(" ")), (), cells, "─", "line"), *([fit_line((), cells)] * (rows - 1))][:rows]
    top = (
        Piece("╭─ ", "line"),
        *fit_line(ends((*card.title, Piece(" ", "line")), (), cells - 5, "─", "line"), cells - 5),
        Piece("─╮", "line"),
    )
    body = [(*_side("│ "), *fit_line(line, cells - 4), *_side(" │")) for line in card.body[: rows - 2]]
    body += [(*_side("│ "), Piece(" " * (cells - 4)), *_side(" │"))] * (rows - 2 - len(body))
    return [top, *body, (Piece("╰" + "─" * (cells - 2) + "╯", "line"),)]


def _side(text: str) -> Line:
    return (Piece(text, "line"),)


def _of(block: Block, cursor: Spot | None) -> Spot | None:
    return cursor if cursor is not None and cursor.pane == block.pane else None


@lru_cache(64)
def _card(block: Block, cells: int, headed: bool, cursor: Spot | None) -> Card:
    title = [Piece(f"{block.key} ", "key"), Piece(block.title, "title"), Piece(f" {number(block.total)}", "dim")]
    if block.counts.crit:
        title.append(Piece(f"  ✖ {block.counts.crit}", "crit"))
    if block.counts.warn:
        title.append(Piece(f"  ▴ {block.counts.warn}", "warn"))
    body: list[Line] = [
        fit_line((Piece(f" {text}", cell.role),), cells)
        for cell in block.notices
        for text in wrap(cell.text, cells - 1)[: 2 if headed else 1]
    ]
    spots: list[Spot | None] = [None] * len(body)
    columns, natural = tight(block)
    layout = fit(columns, cells - 1, natural)
    if headed and block.rows:
        body.append((Piece(" ", "header"), *header(columns, layout)))
        spots.append(None)
    urgent = len(body)
    for row in block.rows:
        spot = Spot(block.pane, row.key)
        body.append(_row(row, row_line(columns, layout, [row.cells[place.column] for place in layout]), cells, spot == cursor))
        spots.append(spot)
        if (why := _why(row, block.columns, layout)) is not None:
            body.append(fit_line(why, cells))
            spots.append(None)
        if _is_bad(row):
            urgent = len(body)
    heads = [(place.left + 1, _head(columns[place.column], place.width)) for place in layout]
    placed = tuple((left + indent, text) for left, (indent, text) in heads)
    return Card(tuple(title), tuple(body), tuple(spots), urgent, placed)


def _head(column: Column, cells: int) -> tuple[int, str]:
    """How far in its column the title stands, and the title."""
    return (cells - width(column.title) if column.align == "right" else 0), column.title


def tight(block: Block) -> tuple[list[Column], dict[str, int]]:
    """Words no wider than they are, so that a card has room for more columns; numbers keep their widths and do not jump about."""
    columns: list[Column] = []
    natural: dict[str, int] = {}
    for index, column in enumerate(block.columns):
        needed = max((width(row.cells[index].text) for row in block.rows), default=0)
        natural[column.key] = needed
        if column.align == "left" and not column.grow:
            column = column._replace(width=min(column.width, max(needed, width(column.title))))
        columns.append(column)
    return columns, natural


def _is_bad(row: Row) -> bool:
    return isinstance(row.cells[0].sort, int) and row.cells[0].sort <= WARN.rank


def _why(row: Row, columns: Sequence[Column], layout: Sequence[Place]) -> Line | None:
    """The reason of a row that is not well, on a line of its own when the card has no column for it."""
    last = len(columns) - 1
    if not _is_bad(row) or not row.cells[last].text or any(place.column == last for place in layout):
        return None
    return (Piece("     └ ", "line"), Piece(row.cells[last].text, "dim"))


def _row(row: Row, line: Line, cells: int, under: bool) -> Line:
    whole = fit_line((Piece("›" if under else " "), *line), cells)
    if under:
        return under_cursor(whole)
    return tuple(Piece(piece.text, "dim") for piece in whole) if row.stale else whole


def _events(events: Sequence[Event], cells: int, rows: int) -> Card:
    body: list[Line] = []
    for event in list(events)[-rows:][::-1]:
        glyph, role = SEVERITIES.get(event.severity, (" ", "dim"))
        pieces = (
            Piece(f" {clock(event.at)} ", "dim"),
            Piece(f"{glyph} ", role),
            Piece(f"{visible(event.source)} ", "dim"),
            Piece(visible(event.text)),
        )
        body.append(fit_line(pieces, cells))
    if not body:
        body.append((Piece(" nothing has happened yet", "dim"),))
    return Card((Piece("Events", "title"),), tuple(body), (None,) * len(body), min(len(body), 2), ())
