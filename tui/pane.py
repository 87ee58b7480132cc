"""What a pane is: groups of columns, and rows as values, made by pure functions of the store. No Textual, no clock, no I/O.

A pane is one module of `tui.panes` that defines PANE, usually a `ListPane`; panes are found by name, with no list to edit. The table widget
places the cells, the command line prints `sections()`: both show exactly these texts. A cell's text is safe to place anywhere: whoever
makes it passes text from outside through `tui.format.visible`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from backends.questions import Found, Question
from backends.snapshots import Kind, Snapshot
from monitor.store import Store
from tui.chart import Curve

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


class Crossing(NamedTuple):
    """From a row to what belongs to it in another pane."""

    pane: str
    title: str  # of what is shown there: "of topic orders.created"
    matches: Callable[["Entry"], bool]
    nothing: str  # what to say when nothing matches
    narrows: bool = True  # only what matches is shown there; else one is taken to the first of it


class Row(NamedTuple):
    key: str  # identity across refreshes: cursor and marks follow it
    cells: tuple[Cell, ...]  # one for each column
    stale: bool = False  # its source is down: shown dimmed
    opens: Opening | None = None  # of a row in a detail
    copies: str = ""  # what copying takes; "" is the texts of its cells


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
        """Every group that has rows, with columns and rows, worst first: what the command line prints."""
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

    def empty(self, store: Store) -> str:
        """Why there are no rows, and what to do next: not configured (how to), down (why), or really nothing."""
        ...


STATE = "state"  # the key of the column with the verdict: tables are sorted by it first, worst on top


class ListPane:
    """A pane made of functions: how a snapshot becomes entries, and an entry a detail."""

    def __init__(
        self,
        *,
        name: str,
        kind: Kind | None,
        key: str,
        title: str,
        groups: Sequence[Group],
        entries: Callable[[Snapshot], Iterable[Entry]],
        words: Callable[[Entry], str],
        detail: Callable[[Entry, float, Found | None], list[Section]],
        nothing: str,
        inquiry: Callable[[Entry], Question | None] = lambda entry: None,
        crossing: Callable[[Entry], Crossing | str] = lambda entry: "nothing belongs to it in another pane",
        adapt: Callable[[Group, Sequence[Snapshot]], Group] = lambda group, snapshots: group,
    ) -> None:
        """`adapt` gives a group what it has only now: a column that is needed, how many rows there would be."""
        self.name, self.kind, self.key, self.title = name, kind, key, title
        self._groups = tuple(groups)
        self._entries, self.words, self._detail, self._nothing, self._adapt = entries, words, detail, nothing, adapt
        self.inquiry, self.crossing = inquiry, crossing

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._groups[0].columns

    def snapshots(self, store: Store) -> list[Snapshot]:
        return list(store.snapshots.values()) if self.kind is None else store.of_kind(self.kind)

    def groups(self, store: Store) -> tuple[Group, ...]:
        snapshots = self.snapshots(store)
        groups = tuple(self._adapt(group, snapshots) for group in self._groups)
        return groups if len(snapshots) > 1 else tuple(group.without("source") for group in groups)

    def entries(self, store: Store) -> list[Entry]:
        return [entry for snapshot in self.snapshots(store) for entry in self._entries(snapshot)]

    def rows(self, store: Store, now: float) -> list[Row]:
        return _rows(self._groups[0], 0, self.entries(store), now)

    def sections(self, store: Store, now: float) -> list[Section]:
        entries = self.entries(store)
        made = ((group, _rows(group, index, entries, now)) for index, group in enumerate(self.groups(store)))
        return [
            Section(
                f"{group.title} {group.counted(len(rows))}" if group.of > len(rows) else group.title,
                columns=group.columns,
                rows=tuple(rows),
            )
            for group, rows in made
            if rows
        ]

    def detail(self, store: Store, key: str, now: float) -> list[Section]:
        found = next((entry for entry in self.entries(store) if entry.key == key), None)
        return [] if found is None else self._detail(found, now, None)

    def detail_of(self, entry: Entry, now: float, found: Found | None = None) -> list[Section]:
        return self._detail(entry, now, found)

    def empty(self, store: Store) -> str:
        snapshots = self.snapshots(store)
        if not snapshots:
            return "Nothing is known yet: waiting for the monitor's first word."
        words = [f"{snapshot.source}: {snapshot.error}" for snapshot in snapshots if snapshot.error]
        if words:
            return "\n".join(words)
        if all(snapshot.data is None for snapshot in snapshots):
            return "Asking for the first time: " + ", ".join(snapshot.source for snapshot in snapshots)
        return self._nothing


def _rows(group: Group, index: int, entries: Iterable[Entry], now: float) -> list[Row]:
    mine = sort_entries([entry for entry in entries if entry.group == index], group, STATE, False, now)
    return [Row(entry.key, tuple(field.cell(entry, now) for field in group.fields), entry.snapshot.state != "ok") for entry in mine]


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
