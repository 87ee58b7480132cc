"""What a JVM wrote down, as rows: what, when, why, and what it did to the old generation. Each opens into its lines of the log. Pure."""

from collections import Counter
from collections.abc import Sequence

from backends.agent import Basis, HeapEvent
from tui.chart import MARK
from tui.format import UNKNOWN, age, short_moment, visible, width
from tui.pane import Cell, Column, Row, Section
from tui.panes.heap_cells import change, freed, kib, part, pause
from tui.panes.heap_lines import lines_opening
from tui.words import CRIT, WARN

EVENTS = (
    Column("kind", "EVENT", 13),
    Column("at", "TIME", 11),
    Column("cause", "CAUSE", 16, keep=1),
    Column("sizes", "BEFORE → AFTER", 19),
    Column("freed", "FREED", 5, "right", keep=2),
    Column("of", "OF", 4, keep=5),
    Column("capacity", "CAPACITY", 8, "right", keep=4),
    Column("heap", "WHOLE HEAP", 19, keep=6),
    Column("pause", "PAUSE", 6, "right"),
    Column("uptime", "UPTIME", 7, "right", keep=7),
)

LEAST_CAUSE, LARGEST_CAUSE = 10, 26  # cells
NATURAL = ("kind", "at", "sizes", "heap")  # as wide as what they hold

KINDS = {
    "full": Cell(f"{MARK} full", "accent"),  # as the curve marks it
    "degenerated": Cell(f"{WARN.glyph} degenerated", WARN.role),
    "stall": Cell(f"{WARN.glyph} stall", WARN.role),
    "exhausted": Cell(f"{CRIT.glyph} no memory", CRIT.role),
    "start": Cell("  JVM starts", "title"),
    "exit": Cell("  JVM ends", "title"),
}


def event_table(title: str, name: str, events: Sequence[HeapEvent], basis: Basis | None, now: float) -> Section:
    """`basis`: of what the log says of the old generation; where that is the whole heap, one column has both."""
    rows = _rows(name, events, basis, now)
    widest = {
        column.key: max((width(row.cells[index].text) for row in rows), default=0)
        for index, column in enumerate(EVENTS)
        if column.key in (*NATURAL, "cause")
    }
    columns = [column._replace(width=max(widest[column.key], len(column.title))) if column.key in NATURAL else column for column in EVENTS]
    cause = min(LARGEST_CAUSE, max(LEAST_CAUSE, widest["cause"]))
    columns = [column._replace(width=cause, least=cause) if column.key == "cause" else column for column in columns]
    if basis == "heap":
        at = next(index for index, column in enumerate(columns) if column.key == "heap")
        rows = tuple(row._replace(cells=row.cells[:at] + row.cells[at + 1 :]) for row in rows)
        del columns[at]
    return Section(title, columns=tuple(columns), rows=rows)


def _rows(name: str, events: Sequence[HeapEvent], basis: Basis | None, now: float) -> tuple[Row, ...]:
    """Newest first. Each is known by where it stands in its log, or else by its place in the list."""
    seen: Counter[str] = Counter()
    rows: list[Row] = []
    for index, event in enumerate(events):
        key = f"{index}" if event.place is None else f"{event.file}/{event.place}"
        seen[key] += 1
        rows.append(Row(key if seen[key] == 1 else f"{key}/{seen[key]}", _cells(event, basis, now), opens=lines_opening(name, event)))
    return tuple(rows)


def _cells(event: HeapEvent, basis: Basis | None, now: float) -> tuple[Cell, ...]:
    sizes = event.old or event.heap
    share = freed(sizes) if event.kind != "young" else None
    uptime = UNKNOWN if event.uptime_s is None else age(event.uptime_s)
    return (
        KINDS.get(event.kind) or Cell(f"  {event.kind}", "dim"),
        Cell(f"+{uptime}" if event.at is None and event.uptime_s is not None else short_moment(event.at, now), "dim", event.at),
        Cell(visible(event.cause) or UNKNOWN, "" if event.cause else "dim"),
        Cell(change(sizes), "dim" if sizes is None else ""),
        Cell(part(share) if share is not None else "" if event.kind == "young" else UNKNOWN, "dim" if share is None else "", share),
        Cell("" if sizes is None else "heap" if event.old is None or basis == "heap" else "old", "dim"),
        Cell(UNKNOWN if sizes is None or sizes.capacity_kib is None else kib(sizes.capacity_kib), "dim"),
        Cell(change(event.heap), "dim"),
        Cell(pause(event.pause_s), "dim" if event.pause_s is None else "", event.pause_s),
        Cell(uptime, "dim", event.uptime_s),
    )
