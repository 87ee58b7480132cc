"""What a table shows of a pane: order, filter, cursor, marks. A value that keys and ticks change; no Textual, no I/O.

The cursor and the marks hold keys, not positions: they stay on their row while rows come, go and change places. A pane whose groups are
tabs has a listing for each of them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from monitor.store import Store
from tui.filter import Predicate, parse_filter
from tui.format import width
from tui.pane import STATE, Column, Crossing, Entry, Group, Pane, sort_entries

NAME_SAMPLE = 2000  # rows that are looked at to find how wide the names are


class Heading(NamedTuple):
    """A line between the groups of a table that has several: their title, their columns, an empty line."""

    group: int
    part: str  # "title", "columns", "gap"


Item = Entry | Heading


class View(NamedTuple):
    """What of a listing is shown, and where its cursor is."""

    filter_text: str
    scope: Crossing | None
    cursor: str | None


class Listing:
    def __init__(self, pane: Pane, tab: int | None = None) -> None:
        self.pane = pane
        self.tab = tab  # the group whose rows it has; None: those of all
        self.groups: tuple[Group, ...] = ()
        self.counts: Counter[int] = Counter()  # rows by group, also of those that other listings have
        self.items: list[Item] = []  # what stands in the table, top to bottom
        self.shown = 0  # rows that the filter lets through
        self.total = 0
        self.sort = STATE
        self.reverse = False
        self.filter_text = ""
        self.scope: Crossing | None = None  # only what belongs to a row of another pane
        self.marks: set[str] = set()
        self.cursor: str | None = None  # key of the row
        self.index = 0  # where the cursor stands in `items`
        self.top = 0  # the first line on the screen
        self._predicate: Predicate | None = None
        self._anchor: str | None = None
        self._entries: list[Entry] = []
        self.widths: dict[int, dict[str, int]] = {}  # by group: how wide its names are; found when asked for, until the next feed

    # -- data ---------------------------------------------------------------------------------------------------------------------------

    def feed(self, store: Store, now: float) -> None:
        """Takes what is known now."""
        self.groups = self.pane.groups(store)
        entries = self.pane.entries(store)
        self.counts = Counter([entry.group for entry in entries])
        self._entries = entries if self.tab is None else [entry for entry in entries if entry.group == self.tab]
        self.widths.clear()
        self.total = len(self._entries)
        if self.marks:
            self.marks &= {entry.key for entry in self._entries}
        self.arrange(now)

    def arrange(self, now: float) -> None:
        """Filter and order anew."""
        kept = self._entries
        if self.scope is not None:
            kept = [entry for entry in kept if self.scope.matches(entry)]
        if (matches := self._predicate) is not None:
            words = self.pane.words
            kept = [entry for entry in kept if matches(words(entry))]
        self.shown = len(kept)
        if (only := self.only) is not None:
            self.items = list(sort_entries(kept, self.groups[only], self.sort, self.reverse, now))
        else:
            self.items = self._grouped(kept, now)
        self._find_cursor()

    @property
    def only(self) -> int | None:
        """The one group that its rows are of; None: there are several, each below its title."""
        if self.tab is not None and self.groups:
            return self.tab
        return 0 if len(self.groups) == 1 else None

    @property
    def columns(self) -> list[Column]:
        """Those that rows here can be ordered by."""
        return [column for index, group in enumerate(self.groups) if self.tab in (None, index) for column in group.columns]

    def _grouped(self, kept: list[Entry], now: float) -> list[Item]:
        items: list[Item] = []
        for number, group in enumerate(self.groups):
            mine = [entry for entry in kept if entry.group == number]
            if not mine:
                continue
            if items:
                items.append(Heading(number, "gap"))
            column = self.sort if any(field.column.key == self.sort for field in group.fields) else STATE
            items += [Heading(number, "title"), Heading(number, "columns")]
            items += sort_entries(mine, group, column, self.reverse, now)
        return items

    def set_filter(self, text: str, now: float) -> None:
        """Raises ValueError with a sentence; then the old filter stays."""
        self._predicate = parse_filter(text)
        self.filter_text = text
        self.arrange(now)

    def view(self) -> View:
        return View(self.filter_text, self.scope, self.cursor)

    def set_view(self, view: View, now: float) -> None:
        self.scope = view.scope
        self.set_filter(view.filter_text, now)
        if view.cursor is not None:
            self.go_to(view.cursor)

    def find(self, matches: Callable[[Entry], bool]) -> str | None:
        """The first row that matches, filtered or not."""
        return next((entry.key for entry in self._entries if matches(entry)), None)

    def entries_shown(self) -> list[Entry]:
        """What the filter lets through, in the order of the table."""
        return [item for item in self.items if isinstance(item, Entry)]

    def next_sort(self, columns: Sequence[str], now: float) -> None:
        """The next of the columns that are on the screen."""
        if columns:
            place = columns.index(self.sort) + 1 if self.sort in columns else 0
            self.set_sort(columns[place % len(columns)], False, now)

    def set_sort(self, column: str, reverse: bool, now: float) -> None:
        self.sort, self.reverse = column, reverse
        self.arrange(now)

    # -- cursor -------------------------------------------------------------------------------------------------------------------------

    @property
    def current(self) -> Entry | None:
        item = self.items[self.index] if self.index < len(self.items) else None
        return item if isinstance(item, Entry) else None

    def natural(self, group: int) -> dict[str, int]:
        """How wide the growing columns but the last would like to be: names stand whole before reasons do."""
        if group not in self.widths:
            growing = [field for field in self.groups[group].fields if field.column.grow][:-1]
            sample = [entry for entry in self._entries[:NAME_SAMPLE] if entry.group == group]
            self.widths[group] = {f.column.key: max((width(f.cell(entry, 0.0).text) for entry in sample), default=0) for f in growing}
        return self.widths[group]

    def _find_cursor(self) -> None:
        """Back to the row of the cursor; when that is gone, to the one that has taken its place."""
        if self.cursor is not None:
            for index, item in enumerate(self.items):
                if isinstance(item, Entry) and item.key == self.cursor:
                    self.index = index
                    return
        self._stand(self.index, -1)

    def go_to(self, key: str) -> bool:
        self.cursor = key
        self._find_cursor()
        return self.cursor == key

    def move(self, rows: int) -> None:
        """Up or down by that many lines, as far as there are any."""
        self._stand(self.index + rows, 1 if rows > 0 else -1)

    def first(self) -> None:
        self._stand(0, 1)

    def last(self) -> None:
        self._stand(len(self.items) - 1, -1)

    def _stand(self, index: int, direction: int) -> None:
        """On that line, or on the nearest row: headings cannot be stood on."""
        index = min(max(0, index), max(0, len(self.items) - 1))
        for step in (direction, -direction):
            place = index
            while 0 <= place < len(self.items):
                item = self.items[place]
                if isinstance(item, Entry):
                    self.index, self.cursor = place, item.key
                    return
                place += step
        self.index = 0

    # -- marks --------------------------------------------------------------------------------------------------------------------------

    def mark(self) -> None:
        """Marks or unmarks the current row and goes to the next one."""
        if (entry := self.current) is not None:
            self.marks ^= {entry.key}
            self.move(1)

    def mark_range(self) -> str:
        """The first call sets one end at the cursor, the second marks everything between; says what happened."""
        entry = self.current
        if entry is None:
            return "no row to mark"
        if self._anchor is None:
            self._anchor = entry.key
            return "range begins here; v again at its other end"
        keys = [entry.key for entry in self.entries_shown()]
        ends = sorted(keys.index(key) for key in (self._anchor, entry.key) if key in keys)
        self._anchor = None
        if len(ends) < 2:
            return "the row at which the range began is no more"
        self.marks |= set(keys[ends[0] : ends[1] + 1])
        return f"{len(self.marks)} marked"

    def invert_marks(self) -> None:
        """Among the rows that the filter shows."""
        self.marks ^= {entry.key for entry in self.entries_shown()}

    def marked(self) -> list[Entry]:
        """The marked rows in the order of the table, or the current one when none is marked."""
        chosen = [entry for entry in self.entries_shown() if entry.key in self.marks] if self.marks else []
        return chosen or ([self.current] if self.current is not None else [])
