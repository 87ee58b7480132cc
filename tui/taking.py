"""What is taken out of the console: copied to the clipboard, or written to a file. What it is depends on where one stands.

Nothing here waits in the loop: files are written in a thread, and both say in one line what came of it.
"""

import asyncio
import os
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from backends.messages import Messages
from backends.questions import Records
from tui.clipboard import MAX_BYTES, into_tmux, osc52
from tui.detailview import text_of
from tui.format import count, size
from tui.pane import Entry, Row, Section
from tui.writing import Content, proposed, write_new

if TYPE_CHECKING:
    from tui.app import Console


class Copy(NamedTuple):
    what: str
    text: str


def copy_of_row(row: Row, title: str) -> Copy:
    return Copy(title, row.copies or "\t".join(cell.text.strip() for cell in row.cells))


def copy_of_page(sections: list[Section], form: str | None, title: str) -> Copy:
    """A page without rows: the last text on it, which of a record is its value; else its facts."""
    texts = [(section.title, text_of(section, form)) for section in sections]
    found = next(((name, text) for name, text in reversed(texts) if text), None)
    if found is not None:
        return Copy(f"{found[0]} of {title}", found[1])
    return Copy(title, "\n".join(f"{name}\t{cell.text.strip()}" for section in sections for name, cell in section.facts))


class Takings:
    def __init__(self, console: "Console") -> None:
        self._console = console

    # -- copying ------------------------------------------------------------------------------------------------------------------------

    def do_copy(self) -> None:
        if (copy := self._chosen()) is None:
            self._console.deck.say("there is no row to copy", "warn")
        elif len(copy.text.encode()) > MAX_BYTES:
            much = size(len(copy.text.encode()))
            self._console.deck.say(f"{copy.what} is too much to copy ({much}, at most {size(MAX_BYTES)}): w writes it to a file", "warn")
        else:
            self._console.beside(self._copy(copy), "copy")

    async def _copy(self, copy: Copy) -> None:
        in_tmux = bool(os.environ.get("TMUX"))
        way = "through tmux"
        if not in_tmux or not await into_tmux(copy.text):
            self._console.to_terminal(osc52(copy.text, in_tmux=in_tmux))
            way = "to the terminal's clipboard"
        self._console.deck.say(f"copied {copy.what}, {size(len(copy.text.encode()))}, {way}")

    def _chosen(self) -> Copy | None:
        deck = self._console.deck
        trail = deck.trail
        if deck.detail_focused:
            title = " › ".join(trail.titles)
            spot = deck.spot
            if trail.page.marks:
                rows = [row for section in trail.shown for row in section.rows if row.id in trail.page.marks]
                return Copy(count(len(rows), "row"), "\n".join(copy_of_row(row, "").text for row in rows))
            if trail.page.place == "message":
                spot = None  # its body, wherever the cursor is
            return copy_of_page(trail.shown, trail.page.form, title) if spot is None else copy_of_row(spot.row, f"a row of {title}")
        entries = deck.moves.marked()
        if not entries:
            return None
        lines = ["\t".join(self._texts(entry)) for entry in entries]
        return Copy("the row" if len(lines) == 1 else count(len(lines), "row"), "\n".join(lines))

    def _texts(self, entry: Entry) -> list[str]:
        deck = self._console.deck
        return [field.cell(entry, deck.now).text.strip() for field in deck.listing.groups[entry.group].fields]

    # -- writing ------------------------------------------------------------------------------------------------------------------------

    def do_save(self) -> None:
        """Asks for the name: a command that is typed already."""
        deck = self._console.deck
        if deck.on_wall or (not deck.detail_focused and deck.listing.current is None):
            deck.say("there are no rows to write", "warn")
            return
        stem, ending = deck.active, ".csv"
        if deck.detail_focused:
            stem = "-".join(deck.trail.titles)
            ending = ".jsonl" if any(isinstance(each, Records | Messages) for each in _exports(deck.trail.shown)) else ".json"
        self._console.line.open(":", "write " + proposed(stem, self._console.clock(), ending))

    def write(self, name: str) -> None:
        """Of the command line: what one looks at, to a file of that name."""
        deck = self._console.deck
        if deck.on_wall:
            raise ValueError("the overview is not written; open a pane first (1 to 5)")
        content = self._page() if deck.detail_focused else self._table()
        self._console.beside(self._write(name, content), "write")

    async def _write(self, name: str, content: Content) -> None:
        try:
            self._console.deck.say(await asyncio.to_thread(write_new, name, content))
        except ValueError as error:
            self._console.deck.say(str(error), "error")

    def _table(self) -> Content:
        """The marked rows, or all that the filter shows: of one group, for the others have other columns."""
        deck = self._console.deck
        listing = deck.listing
        entries = listing.marked() if listing.marks else listing.entries_shown()
        number = entries[0].group if listing.marks and entries else listing.current.group if listing.current is not None else 0
        entries = [entry for entry in entries if entry.group == number]
        group, now = listing.groups[number], deck.now
        return Content(
            count(len(entries), "row") + f" of {group.title}",
            tuple(field.column.title for field in group.fields),
            lambda: ([field.cell(entry, now).text for field in group.fields] for entry in entries),
            lambda: map(_sourced, entries),
        )

    def _page(self) -> Content:
        trail = self._console.deck.trail
        spot = self._console.deck.spot
        tables = [section for section in trail.shown if section.columns]
        table = trail.shown[spot.section] if spot is not None else tables[0] if tables else None
        exports = [_marked(each, trail.page.marks) for each in _exports(trail.shown)]
        if not exports and table is not None:
            titles = [column.key for column in table.columns]
            exports = [dict(zip(titles, (cell.text.strip() for cell in row.cells), strict=True)) for row in table.rows]
        what = " › ".join(trail.titles)
        if table is None:
            return Content(what, (), lambda: (), lambda: exports)
        marks = trail.page.marks
        rows = [[cell.text for cell in row.cells] for row in table.rows if not marks or row.id in marks]
        return Content(what, tuple(column.title for column in table.columns), lambda: rows, lambda: exports)


def _sourced(entry: Entry) -> dict[str, object]:
    """The struct behind a row, with the name of its source."""
    return {"source": entry.snapshot.source, **msgspec.to_builtins(entry.item)}


def _marked(export: object, marks: set[str]) -> object:
    """Only the marked ones, where any are."""
    if not marks or not isinstance(export, Messages):
        return export
    return msgspec.structs.replace(export, messages=tuple(each for each in export.messages if each.id in marks))


def _exports(sections: list[Section]) -> list[object]:
    return [each for section in sections for each in section.exports]
