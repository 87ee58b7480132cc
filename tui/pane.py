"""What a pane is: groups of columns, and rows as values, made by pure functions of the store. No Textual, no clock, no I/O.

A pane is one module of `tui.panes` that defines PANE, usually a `tui.listpane.ListPane`; panes are found by name, with no list to edit.
The table widget places the cells, the command line prints `sections()`: both show exactly these texts. A cell's text is safe to place
anywhere: whoever makes it passes text from outside through `tui.format.visible`.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Protocol

from backends.questions import Found, Question
from backends.snapshots import Kind, Snapshot
from monitor.store import Store
from tui.chart import Bars, Curve

Where = Literal["", "messages", "message"]
Role = Literal["", "dim", "ok", "warn", "crit", "accent", "title"]  # a theme gives each its colours; the word and glyph are in the text


class Cell(NamedTuple):
    text: str
    role: Role = ""
    sort: float | str | None = None  # what sorting compares; None: not known, and last in either direction


class Column(NamedTuple):
    key: str
    title: str
    width: int  # cells wanted
    align: Literal["left", "right"] = "left"
    least: int = 4  # cells below which it is dropped rather than shown
    keep: int = 0  # 0 stays longest; columns with higher numbers are dropped first when the terminal is narrow
    grow: bool = False  # takes what is left over


class Opening(NamedTuple):
    """What Enter on a row of a detail leads to: a page of its own, made of what the source tells when it is asked.

    Without a question the page is made at once, of None. `is_live`: asked again with every new snapshot of the source.
    """

    title: str  # for the trail above: "partition 3", "offset 1,204"
    question: Question | None
    page: Callable[[Found | None, float], "list[Section]"]  # what was told, and now
    is_live: bool = False
    is_aside: bool = False  # a page does not begin at its row: what stands above is what one came for
    is_titled: bool = False  # its title stays on the screen while its rows are scrolled below
    place: Where = ""  # of keys that work on this page alone, as `tui.keys` names it


class Crossing(NamedTuple):
    """From a row to what belongs to it in another pane."""

    pane: str
    title: str  # of what is shown there: "of topic orders.created"
    matches: Callable[["Entry"], bool]
    nothing: str  # what to say when nothing matches
    narrows: bool = True  # only what matches is shown there; else one is taken to the first of it
    tab: str = ""  # the group of the other pane, where its groups are tabs


class Row(NamedTuple):
    key: str  # identity across refreshes: cursor and marks follow it
    cells: tuple[Cell, ...]  # one for each column
    stale: bool = False  # its source is down: shown dimmed
    opens: Opening | None = None  # of a row in a detail
    copies: str = ""  # what copying takes; "" is the texts of its cells
    id: str = ""  # what a mark on it stands for; "" cannot be marked


class Form(NamedTuple):
    """One of several ways to write the same thing; made only when it is looked at."""

    name: str  # "text", "JSON", "hex"
    text: Callable[[], str]


class Section(NamedTuple):
    """A part of a pane or of a detail: a title, lines of labelled facts, curves, a small table, or text as it came."""

    title: str
    facts: tuple[tuple[str, Cell], ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    text: str = ""
    forms: tuple[Form, ...] = ()  # of a text that can be written in several ways, the best first
    curves: tuple[Curve, ...] = ()  # drawn as wide as there is room
    bars: Bars | None = None  # as well
    here: str = ""  # the key of the row that the cursor comes to by itself; "" is the first of the page
    wraps: bool = False  # the last column of a row goes on below it where it is too long
    exports: tuple[Any, ...] = ()  # structs that writing this page to a file writes, one a line; rows otherwise


class Entry(NamedTuple):
    """One row before its cells are made: a table of 10,000 makes only the cells that are on the screen."""

    key: str
    group: int
    item: Any  # a struct of backends.snapshots
    snapshot: Snapshot


class Field(NamedTuple):
    column: Column
    cell: Callable[[Entry, float], Cell]  # entry and now


class Group(NamedTuple):
    """Rows of one shape. Most panes have one; the relay has receivers, senders, connections and failed files."""

    name: str
    title: str
    fields: tuple[Field, ...]
    of: int = 0  # how many there are outside, when not all of them are rows
    nothing: str = ""  # why there are no rows of it, where its pane has more to say than that

    @property
    def columns(self) -> tuple[Column, ...]:
        return tuple(field.column for field in self.fields)

    def without(self, column: str) -> "Group":
        return self._replace(fields=tuple(field for field in self.fields if field.column.key != column))

    def counted(self, shown: int) -> str:
        """`5`, or `1,000 of 10,000`."""
        return f"{shown:,} of {self.of:,}" if self.of > shown else f"{shown:,}"


class Pane(Protocol):
    name: str  # "topics": also the command line's word
    kind: Kind | None
    key: str  # "2"
    title: str  # "Topics"
    is_tabbed: bool  # its groups are tabs: the rows of one of them are in the list

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those of the first group, for a pane that has only one."""
        ...

    def groups(self, store: Store) -> tuple[Group, ...]:
        """The shapes of its rows now: the column with the source is there only when there is more than one source."""
        ...

    def entries(self, store: Store) -> list[Entry]:
        """Every row, cheaply, in the order of the sources."""
        ...

    def words(self, entry: Entry) -> str:
        """What a filter looks at: name, state and reason."""
        ...

    def rows(self, store: Store, now: float) -> list[Row]:
        """The rows of the first group, worst first."""
        ...

    def sections(self, store: Store, now: float) -> list[Section]:
        """Every group that has rows (of tabs the first), with columns and rows, worst first: what the command line prints."""
        ...

    def detail(self, store: Store, key: str, now: float) -> list[Section]:
        """What Enter on a row shows; empty when the row is no more."""
        ...

    def detail_of(self, entry: Entry, now: float, found: Found | None = None) -> list[Section]:
        """The same of a row one has at hand; `found` is the answer to its `inquiry`, when it is there."""
        ...

    def inquiry(self, entry: Entry) -> Question | None:
        """What the detail of this row would like to know besides its snapshot; asked again with every new snapshot while it is shown."""
        ...

    def crossing(self, entry: Entry) -> "Crossing | str":
        """What belongs to this row in another pane, or why nothing does."""
        ...

    def notices(self, store: Store, group: int) -> tuple[Cell, ...]:
        """What is to be said above the rows of that group, besides how its sources are."""
        ...

    def empty(self, store: Store, group: int = 0) -> str:
        """Why there are no rows, and what to do next: not configured (how to), down (why), or really nothing."""
        ...


STATE = "state"  # the key of the column with the verdict: tables are sorted by it first, worst on top


def sort_entries(entries: list[Entry], group: Group, column: str, reverse: bool, now: float) -> list[Entry]:
    """By one column, and by key among equals; what is not known comes last in either direction."""
    field = next((field for field in group.fields if field.column.key == column), group.fields[0])
    known: list[tuple[float | str, Entry]] = []
    unknown: list[Entry] = []
    for entry in sorted(entries, key=_key):
        value = field.cell(entry, now).sort
        if value is None:
            unknown.append(entry)
        else:
            known.append((value, entry))
    known.sort(key=_value, reverse=reverse)
    return [entry for _, entry in known] + unknown


def _key(entry: Entry) -> str:
    return entry.key


def _value(pair: tuple[float | str, Entry]) -> Any:
    return pair[0]


def panes() -> list[Pane]:
    """Every pane, in the order of their keys, overview (key 0) first."""
    import tui.panes

    found = [importlib.import_module(f"tui.panes.{info.name}") for info in pkgutil.iter_modules(tui.panes.__path__)]
    return sorted((module.PANE for module in found if hasattr(module, "PANE")), key=lambda pane: pane.key)
