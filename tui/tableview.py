"""How a listing looks: a title, what is wrong with its sources, columns, and the rows that fit. Pure: a listing in, lines out."""

from collections.abc import Sequence
from typing import NamedTuple

from tui.fit import Place, fit, header, row_line
from tui.format import number, visible, width
from tui.line import Line, Piece, fit_line, line_width, rule, wrap
from tui.listing import Heading, Item, Listing
from tui.pane import STATE, Cell, Entry

EDGE = 2  # cells before the first column: the cursor's sign and the mark
MAX_NOTICES = 4  # lines about sources that are not well; the rows are what one came for
MAX_TOLD = 2  # lines of a reason
LEAST_ROWS = 6  # rows below which no line is given up for a reason
GAUGE = ("█", "░")
REASONS = ("reason", "error")  # columns that say why


class Surroundings(NamedTuple):
    """What the table shows besides its rows."""

    notices: tuple[Cell, ...]
    empty: str  # what to say when there are no rows
    focused: bool  # while the detail is on the screen, too: keys move here, not there
    tells: bool  # no detail is on the screen: the reason of the row under the cursor has a line
    now: float
    read_ago: str = ""


def places(listing: Listing, group: int, cells: int) -> list[Place]:
    return fit(listing.groups[group].columns, cells - EDGE, listing.natural(group))


def sortable(listing: Listing, cells: int) -> list[str]:
    """Keys of the columns on the screen, of the group in which the cursor stands."""
    if not listing.groups:
        return []
    group = listing.current.group if listing.current is not None else listing.only or 0
    return [listing.groups[group].columns[place.column].key for place in places(listing, group, cells)]


def table_lines(listing: Listing, about: Surroundings, cells: int, rows: int) -> list[Line]:
    """Exactly `rows` lines. Scrolls the listing so that its cursor is among them."""
    strip = [] if listing.tab is None else [tabs_strip(listing, cells)]
    top = [*strip, _title(listing, about, cells, 0), *_notices(about.notices, cells)]
    layouts = [places(listing, group, cells) if listing.tab in (None, group) else [] for group in range(len(listing.groups))]
    if listing.only is not None and listing.items:
        top.append(_columns(listing, listing.only, layouts[listing.only]))
    room = max(1, rows - len(top))
    if not listing.items:
        return [*top, *_nothing(listing, about, cells)][:rows]
    told = _told(listing, layouts, cells) if about.tells and room > LEAST_ROWS else []
    room -= len(told)
    scroll(listing, room)
    shown = listing.items[listing.top : listing.top + room]
    top[len(strip)] = _title(listing, about, cells, len(shown))
    lines = [*top, *(_item(listing, item, layouts, about, cells) for item in shown)]
    return [*lines, *([()] * (rows - len(told) - len(lines))), *told] if told else lines


def _told(listing: Listing, layouts: Sequence[list[Place]], cells: int) -> list[Line]:
    """The reason of the row under the cursor, where its column is not there or too narrow: a line, or as many as MAX_TOLD."""
    entry = listing.current
    if entry is None:
        return []
    columns = listing.groups[entry.group].columns
    last = len(columns) - 1
    if columns[last].key not in REASONS:
        return []
    text = listing.groups[entry.group].fields[last].cell(entry, 0.0).text
    room = next((place.width for place in layouts[entry.group] if place.column == last), None)
    if room is not None and width(text) <= room:
        return []
    if not text:
        return [()]
    first, *more = wrap(text, cells - 3)
    if len(more) >= MAX_TOLD:
        more[MAX_TOLD - 2 :] = [" ".join(more[MAX_TOLD - 2 :])]
    lines = [(Piece(" └ ", "line"), Piece(first, "dim")), *((Piece("   "), Piece(part, "dim")) for part in more)]
    return [fit_line(line, cells) for line in lines]


def scroll(listing: Listing, room: int) -> None:
    """The cursor is on the screen, with the headings right above it, and there is no room left below the last row."""
    first = listing.index
    while first > 0 and isinstance(listing.items[first - 1], Heading):
        first -= 1
    if listing.index - first >= room:
        first = listing.index
    listing.top = min(listing.top, first)
    listing.top = max(listing.top, listing.index - room + 1, 0)
    listing.top = min(listing.top, max(0, len(listing.items) - room))


def tabs_strip(listing: Listing, cells: int) -> Line:
    """All tabs with how many rows each has, the one in front marked; where there is too little room the others have no counts."""
    for gap, is_short in ((" ", False), ("", False), ("", True)):
        line: list[Piece] = []
        for index, group in enumerate(listing.groups):
            is_front = index == listing.tab
            much = "" if is_short and not is_front else f" {number(max(group.of, listing.counts[index]))}"
            line += [Piece(f" {group.title}{much} ", "tab_active" if is_front else "tab"), Piece(gap)]
        if line_width(line) <= cells:
            break
    return fit_line(line, cells)


def _title(listing: Listing, about: Surroundings, cells: int, on_screen: int) -> Line:
    count = number(listing.total) if listing.shown == listing.total else f"{number(listing.shown)} of {number(listing.total)}"
    title, more = listing.pane.title, ""
    if listing.tab is not None:
        group = listing.groups[listing.tab]
        title, more = group.title, f" (of {number(group.of)}: the rest is not told)" if group.of > listing.total else ""
    left = [Piece(title, "tab_active" if about.focused else "title"), Piece(f" {count}{more}", "title")]
    if listing.scope is not None:
        left.append(Piece(f"  {visible(listing.scope.title)}", "accent"))
    if listing.filter_text:
        left.append(Piece(f"  /{visible(listing.filter_text)}", "accent"))
    if listing.marks:
        left.append(Piece(f"  {len(listing.marks)} marked", "mark"))
    right = []
    if on_screen and on_screen < len(listing.items):
        right.append(Piece(f"{number(listing.top + 1)}-{number(listing.top + on_screen)} of {number(len(listing.items))}  ", "dim"))
    if about.read_ago:
        right.append(Piece(f"{about.read_ago}  ", "dim"))
    columns = listing.columns
    name = next((column.title for column in columns if column.key == listing.sort), columns[0].title if columns else "")
    right.append(Piece(f"by {name} {'▴' if listing.reverse else '▾'}", "dim"))
    return rule(left, right, cells)


def _notices(notices: Sequence[Cell], cells: int) -> list[Line]:
    lines = [(Piece(f" {text}", cell.role),) for cell in notices for text in wrap(cell.text, cells - 2)[:2]]
    return [fit_line(line, cells) for line in lines[:MAX_NOTICES]]


def _nothing(listing: Listing, about: Surroundings, cells: int) -> list[Line]:
    text = about.empty
    if listing.filter_text and listing.total:
        text = f"0 of {number(listing.total)} match /{visible(listing.filter_text)}\nEsc clears the filter."
    elif listing.scope is not None and listing.total:
        text = f"{listing.scope.nothing}\nEsc leads back."
    lines: list[Line] = [()]
    for paragraph in text.split("\n"):
        lines += [(Piece(f"  {visible(part)}", "dim"),) for part in wrap(paragraph, cells - 4)]
    return lines


def _columns(listing: Listing, group: int, layout: Sequence[Place]) -> Line:
    columns = listing.groups[group].columns
    key = listing.sort if any(column.key == listing.sort for column in columns) else STATE
    if listing.tab is not None and all(column.key != key for column in columns):
        key = columns[0].key
    return (Piece(" " * EDGE, "header"), *header(columns, layout, key, listing.reverse))


def _item(listing: Listing, item: Item, layouts: Sequence[list[Place]], about: Surroundings, cells: int) -> Line:
    if isinstance(item, Heading):
        return _heading(listing, item, layouts, cells)
    fields = listing.groups[item.group].fields
    layout = layouts[item.group]
    under = item.key == listing.cursor
    marked = item.key in listing.marks
    edge = Piece(("›" if under else " ") + ("▪" if marked else " "), "mark" if marked else "")
    texts = [fields[place.column].cell(item, about.now) for place in layout]
    line = fit_line((edge, *row_line(listing.groups[item.group].columns, layout, texts)), cells)
    if under:
        return under_cursor(line)
    if item.snapshot.state != "ok":
        return tuple(Piece(piece.text, "dim") for piece in line)
    return line


def under_cursor(line: Line) -> Line:
    """The row under the cursor; a gauge keeps its own colours, reversed it would read the wrong way round."""
    return tuple(piece if piece.text[:1] in GAUGE else Piece(piece.text, f"cursor:{piece.role}") for piece in line)


def _heading(listing: Listing, heading: Heading, layouts: Sequence[list[Place]], cells: int) -> Line:
    if heading.part == "gap":
        return ()
    if heading.part == "columns":
        return _columns(listing, heading.group, layouts[heading.group])
    group = listing.groups[heading.group]
    count = sum(1 for item in listing.items if isinstance(item, Entry) and item.group == heading.group)
    return (Piece(f" {group.title} ", "title"), Piece(group.counted(count), "dim"))
