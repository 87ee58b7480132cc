"""A pane made of functions: how a snapshot becomes entries, and an entry a detail. No Textual, no clock, no I/O."""

from collections.abc import Callable, Iterable, Sequence

from backends.questions import Found, Question
from backends.snapshots import Kind, Snapshot
from monitor.store import Store
from tui.pane import STATE, Cell, Column, Crossing, Entry, Group, Row, Section, sort_entries


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
        notices: Callable[[Group, Sequence[Snapshot]], tuple[Cell, ...]] = lambda group, snapshots: (),
        is_tabbed: bool = False,
    ) -> None:
        """`adapt` gives a group what it has only now: a column that is needed, how many rows there would be."""
        self.name, self.kind, self.key, self.title, self.is_tabbed = name, kind, key, title, is_tabbed
        self._groups = tuple(groups)
        self._entries, self.words, self._detail, self._nothing, self._adapt = entries, words, detail, nothing, adapt
        self.inquiry, self.crossing, self._notices = inquiry, crossing, notices

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
        groups = self.groups(store)[: 1 if self.is_tabbed else None]
        made = ((group, _rows(group, index, entries, now)) for index, group in enumerate(groups))
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

    def notices(self, store: Store, group: int) -> tuple[Cell, ...]:
        return self._notices(self._groups[group], self.snapshots(store))

    def empty(self, store: Store, group: int = 0) -> str:
        snapshots = self.snapshots(store)
        if not snapshots:
            return "Nothing is known yet: waiting for the monitor's first word."
        words = [f"{snapshot.source}: {snapshot.error}" for snapshot in snapshots if snapshot.error]
        if words:
            return "\n".join(words)
        if all(snapshot.data is None for snapshot in snapshots):
            return "Asking for the first time: " + ", ".join(snapshot.source for snapshot in snapshots)
        return self.groups(store)[group].nothing or self._nothing


def _rows(group: Group, index: int, entries: Iterable[Entry], now: float) -> list[Row]:
    mine = sort_entries([entry for entry in entries if entry.group == index], group, STATE, False, now)
    return [Row(entry.key, tuple(field.cell(entry, now) for field in group.fields), entry.snapshot.state != "ok") for entry in mine]
