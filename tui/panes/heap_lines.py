"""The lines of a GC log around one event, as they stand in the file: the line that completed it is marked. Pure."""

from backends.agent import HeapEvent, LogLine
from backends.questions import Found, LogLines, LogLinesOf
from tui.chart import MARK
from tui.format import visible
from tui.pane import Cell, Column, Opening, Row, Section

COLUMNS = (
    Column("line", "", 4, "right"),  # counted from the marked one
    Column("text", "LINE", 40, least=20, keep=1, grow=True),
)


def lines_opening(name: str, event: HeapEvent) -> Opening | None:
    """None for an event of which nobody knows any more where it stands."""
    if event.place is None:
        return None
    question = LogLinesOf(name, event.file, event.place)

    def page(found: Found | None, now: float) -> list[Section]:
        return lines_sections(name, event.place, found if isinstance(found, LogLines) else None)

    return Opening(f"byte {event.place:,}", question, page, is_aside=True, is_titled=True)


def lines_sections(name: str, place: int | None, found: LogLines | None) -> list[Section]:
    """Titled with the file's own name first: a narrow screen cuts the end."""
    where = "the end" if place is None else f"byte {place:,}"
    if found is None:
        return [Section(f"{where[:1].upper()}{where[1:]} of the log of {visible(name)}")]
    folder, _, file = visible(found.path).rpartition("/")
    title = f"{file} at {where}" + (f", in {folder or '/'}" if found.path.startswith("/") else "")
    note = (("Note", Cell(visible(found.note), "warn")),) if found.note else ()
    if not found.lines:
        return [Section(title, facts=note, text="" if note else "There is no line there any more.", exports=(found,))]
    rows = tuple(_row(line, index, found.marked) for index, line in enumerate(found.lines))
    here = "" if found.marked is None else rows[found.marked].key
    return [Section(title, facts=note, columns=COLUMNS, rows=rows, here=here, wraps=True, exports=(found,))]


def _row(line: LogLine, index: int, marked: int | None) -> Row:
    is_marked = index == marked
    number = f"{index + 1}" if marked is None else MARK if is_marked else f"{index - marked:+}"
    cells = (
        Cell(number, "accent" if is_marked else "dim", index),
        Cell(visible(line.text), "accent" if is_marked else ""),
    )
    return Row(f"{line.place}", cells, copies=line.text)
