"""What the keys do to what the deck shows: panes, rows, marks, order. One method a key, `do_ACTION` of the table of keys."""

from typing import TYPE_CHECKING

from tui.pane import Entry
from tui.tableview import sortable

if TYPE_CHECKING:
    from tui.screens.deck import Deck


class Moves:
    def __init__(self, deck: "Deck") -> None:
        self.deck = deck

    def do_pane(self, name: str) -> None:
        if name not in self.deck.panes:
            return
        self.deck.active, self.deck.detail_focused, self.deck.detail.top = name, False, 0
        self.deck.draw()

    def _step_pane(self, step: int) -> None:
        names = [pane.name for pane in sorted(self.deck.panes.values(), key=lambda pane: pane.key == "0")]
        self.do_pane(names[(names.index(self.deck.active) + step) % len(names)])

    def do_next_pane(self) -> None:
        self._step_pane(1)

    def do_previous_pane(self) -> None:
        self._step_pane(-1)

    def move(self, rows: int) -> None:
        if self.deck.on_wall:
            self.deck.wall.move(rows)
        elif self.deck.detail_focused:
            self.deck.detail.scroll_lines(rows)
        else:
            self.deck.listing.move(rows)
            self.deck.detail.top = 0
        self.deck.draw()

    def do_down(self) -> None:
        self.move(1)

    def do_up(self) -> None:
        self.move(-1)

    def _page(self) -> int:
        widget = self.deck.wall if self.deck.on_wall else self.deck.detail if self.deck.detail_focused else self.deck.table
        return max(1, widget.size.height - 4)

    def do_page_down(self) -> None:
        self.move(self._page())

    def do_page_up(self) -> None:
        self.move(-self._page())

    def do_first(self) -> None:
        if self.deck.on_wall or self.deck.detail_focused:
            self.move(-1_000_000)
        else:
            self.deck.listing.first()
            self.deck.draw()

    def do_last(self) -> None:
        if self.deck.on_wall or self.deck.detail_focused:
            self.move(1_000_000)
        else:
            self.deck.listing.last()
            self.deck.draw()

    def do_open(self) -> None:
        if self.deck.on_wall:
            if (spot := self.deck.wall.cursor) is not None:
                self.do_pane(spot.pane)
                self.deck.listing.go_to(spot.key)
        elif self.deck.listing.current is not None:
            self.deck.detail_focused = self.deck.detail_wanted = True
        self.deck.draw()

    def do_back(self) -> bool:
        """One step back; False when there is nothing to go back from."""
        listing = self.deck.listing
        if self.deck.detail_focused:
            self.deck.detail_focused = False
        elif listing.filter_text:
            listing.set_filter("", self.deck.now)
        elif listing.marks:
            listing.marks.clear()
        else:
            return False
        self.deck.draw()
        return True

    def do_zoom(self) -> None:
        self.deck.detail_wanted = not self.deck.detail_wanted
        self.deck.detail_focused = False
        self.deck.draw()

    def do_sort_next(self) -> None:
        if not self.deck.on_wall:
            self.deck.listing.next_sort(sortable(self.deck.listing, self.deck.table.size.width), self.deck.now)
            self.deck.draw()

    def do_sort_reverse(self) -> None:
        if not self.deck.on_wall:
            self.deck.listing.set_sort(self.deck.listing.sort, not self.deck.listing.reverse, self.deck.now)
            self.deck.draw()

    def filter_by(self, text: str) -> None:
        """Raises ValueError with a sentence."""
        if self.deck.on_wall:
            raise ValueError("the overview has no filter; open a pane first (1 to 5)")
        self.deck.listing.set_filter(text, self.deck.now)
        self.deck.draw()

    def sort_by(self, name: str) -> None:
        """Of the command line: a column's key or title, `!` reverses. Raises ValueError with a sentence."""
        wanted, reverse = name.removesuffix("!").lower(), name.endswith("!")
        known = {column.key: column.title for group in self.deck.listing.groups for column in group.columns}
        found = next((key for key, title in known.items() if wanted in (key, title.lower())), None)
        if found is None:
            raise ValueError(f"no column {wanted!r}; there are: {', '.join(known)}")
        self.deck.listing.set_sort(found, reverse, self.deck.now)
        self.deck.draw()

    def do_mark(self) -> None:
        if not self.deck.on_wall:
            self.deck.listing.mark()
            self.deck.draw()

    def do_mark_range(self) -> None:
        if not self.deck.on_wall:
            self.deck.say(self.deck.listing.mark_range())
            self.deck.draw()

    def do_mark_invert(self) -> None:
        if not self.deck.on_wall:
            self.deck.listing.invert_marks()
            self.deck.draw()

    def marked(self) -> list[Entry]:
        return [] if self.deck.on_wall else self.deck.listing.marked()
