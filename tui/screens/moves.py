"""What the keys do to what the deck shows: panes, rows, pages, order, marks. One method a key, `do_ACTION` of the table of keys."""

from typing import TYPE_CHECKING

from tui.pane import Entry
from tui.screens.crossings import Crossings
from tui.tableview import sortable
from tui.trail import Trail

if TYPE_CHECKING:
    from tui.listing import Listing
    from tui.screens.deck import Deck


class Moves:
    def __init__(self, deck: "Deck") -> None:
        self.deck = deck
        self.crossings = Crossings(deck)

    @property
    def _listing(self) -> "Listing":
        return self.deck.listing

    # -- panes --------------------------------------------------------------------------------------------------------------------------

    def do_pane(self, name: str) -> None:
        if name not in self.deck.panes:
            return
        self.crossings.forget()
        self.deck.stand(name, Trail(), False)
        self.deck.draw()

    def _step_pane(self, step: int) -> None:
        names = [pane.name for pane in sorted(self.deck.panes.values(), key=lambda pane: pane.key == "0")]
        self.do_pane(names[(names.index(self.deck.active) + step) % len(names)])

    def do_next_pane(self) -> None:
        self._step_pane(1)

    def do_previous_pane(self) -> None:
        self._step_pane(-1)

    # -- tabs ---------------------------------------------------------------------------------------------------------------------------

    def do_next_tab(self) -> None:
        self._step_tab(1)

    def do_previous_tab(self) -> None:
        self._step_tab(-1)

    def _step_tab(self, step: int) -> None:
        if (tab := self._listing.tab) is not None:
            shelf = self.deck.shelves[self.deck.active]
            self.go_to_tab(self.deck.active, (tab + step) % len(shelf))

    def go_to_tab(self, pane: str, tab: int) -> None:
        self.crossings.forget()
        self.deck.listings[pane] = self.deck.shelves[pane][tab]
        self.deck.stand(pane, Trail(), False)
        self.deck.draw()

    # -- rows ---------------------------------------------------------------------------------------------------------------------------

    def move(self, rows: int) -> None:
        deck = self.deck
        if deck.on_wall:
            deck.wall.move(rows)
        elif deck.detail_focused:
            deck.trail.page.move(deck.detail.sheet, rows, deck.detail.size.height)
        else:
            deck.listing.move(rows)
        deck.draw()

    def do_down(self) -> None:
        self.move(1)

    def do_up(self) -> None:
        self.move(-1)

    def _screenful(self) -> int:
        deck = self.deck
        widget = deck.wall if deck.on_wall else deck.detail if deck.detail_focused else deck.table
        return max(2, widget.size.height - 4)

    def do_page_down(self) -> None:
        self.move(self._screenful())

    def do_page_up(self) -> None:
        self.move(-self._screenful())

    def do_first(self) -> None:
        deck = self.deck
        if deck.on_wall:
            deck.wall.move(-1_000_000)
        elif deck.detail_focused:
            deck.trail.page.first(deck.detail.sheet)
        else:
            deck.listing.first()
        deck.draw()

    def do_last(self) -> None:
        deck = self.deck
        if deck.on_wall:
            deck.wall.move(1_000_000)
        elif deck.detail_focused:
            deck.trail.page.last(deck.detail.sheet, deck.detail.size.height)
        else:
            deck.listing.last()
        deck.draw()

    # -- into and out of ----------------------------------------------------------------------------------------------------------------

    def do_open(self) -> None:
        deck = self.deck
        if deck.on_wall:
            if (spot := deck.wall.cursor) is not None:
                deck.listings[spot.pane] = deck.shelves[spot.pane][0]
                self.do_pane(spot.pane)
                deck.listing.go_to(spot.key)
        elif deck.detail_focused:
            if deck.trail.is_waiting:
                deck.trail.page.wants_in = True
            elif (row := deck.spot) is not None:
                deck.trail.open(row)
        elif deck.listing.current is not None:
            deck.trail.stand_on(deck.listing.current, held=False)
            deck.detail_focused = deck.detail_wanted = True
        deck.draw()

    def do_back(self) -> bool:
        """One step back; False when there is nothing to go back from."""
        deck, listing = self.deck, self._listing
        if deck.detail_focused:
            if deck.trail.page.marks:
                deck.trail.page.marks.clear()
            elif not deck.trail.back():
                deck.detail_focused = deck.detail_alone = False
        elif listing.filter_text:
            listing.set_filter("", deck.now)
        elif listing.marks:
            listing.marks.clear()
        elif self.crossings.are_any:
            self.crossings.back()
        else:
            return False
        deck.draw()
        return True

    @property
    def is_away(self) -> bool:
        """Somewhere that `q` leads back from."""
        return self.deck.detail_focused or self.crossings.are_any

    def do_zoom(self) -> None:
        deck = self.deck
        if deck.detail_focused:
            deck.detail_alone = not deck.detail_alone
        else:
            deck.detail_wanted = not deck.detail_wanted
        deck.draw()

    def do_form(self) -> None:
        """The next way to write what stands on the page, or to draw it."""
        trail = self.deck.trail
        if self._draws():
            self.deck.drawing = "blocks" if self.deck.drawing == "braille" else "braille"
            self.deck.draw()
        names = list(dict.fromkeys(form.name for section in reversed(trail.shown) for form in section.forms))
        if names:
            shown = trail.page.form or names[0]
            trail.page.form = names[(names.index(shown) + 1) % len(names)] if shown in names else names[0]
            self.deck.draw()

    def _draws(self) -> bool:
        """Whether there is a chart on the page, and another way to draw it."""
        return not self.deck.console.options.ascii and any(section.curves for section in self.deck.trail.shown)

    # -- to another pane and back -------------------------------------------------------------------------------------------------------

    def chosen(self) -> Entry | None:
        """The row that one looks at or into."""
        if self.deck.on_wall:
            return None
        return self.deck.trail.entry if self.deck.detail_focused else self._listing.current

    def do_cross(self) -> None:
        """To what belongs to the row in another pane."""
        if (entry := self.chosen()) is not None:
            self.crossings.cross(entry)

    # -- order and marks ----------------------------------------------------------------------------------------------------------------

    def do_sort_next(self) -> None:
        if not self.deck.on_wall:
            self._listing.next_sort(sortable(self._listing, self.deck.table.size.width), self.deck.now)
            self.deck.draw()

    def do_sort_reverse(self) -> None:
        if not self.deck.on_wall:
            self._listing.set_sort(self._listing.sort, not self._listing.reverse, self.deck.now)
            self.deck.draw()

    def filter_by(self, text: str) -> None:
        """Raises ValueError with a sentence."""
        if self.deck.on_wall:
            raise ValueError("the overview has no filter; open a pane first (1 to 5)")
        self._listing.set_filter(text, self.deck.now)
        self.deck.draw()

    def sort_by(self, name: str) -> None:
        """Of the command line: a column's key or title, `!` reverses. Raises ValueError with a sentence."""
        wanted, reverse = name.removesuffix("!").lower(), name.endswith("!")
        known = {column.key: column.title for column in self._listing.columns}
        found = next((key for key, title in known.items() if wanted in (key, title.lower())), None)
        if found is None:
            raise ValueError(f"no column {wanted!r}; there are: {', '.join(known)}")
        self._listing.set_sort(found, reverse, self.deck.now)
        self.deck.draw()

    def do_mark(self) -> None:
        deck = self.deck
        if deck.detail_focused:
            deck.trail.page.mark(deck.detail.sheet, deck.detail.size.height)
        elif not deck.on_wall:
            self._listing.mark()
        deck.draw()

    def do_mark_range(self) -> None:
        deck = self.deck
        if not deck.on_wall:
            deck.say(deck.trail.page.mark_range(deck.detail.sheet) if deck.detail_focused else self._listing.mark_range())
            deck.draw()

    def do_mark_invert(self) -> None:
        deck = self.deck
        if deck.detail_focused:
            deck.trail.page.mark_invert(deck.detail.sheet)
        elif not deck.on_wall:
            self._listing.invert_marks()
        deck.draw()

    def marked(self) -> list[Entry]:
        return [] if self.deck.on_wall else self._listing.marked()

    def why_not(self, action: str) -> str | None:
        """Why the key of this action would do nothing now; None when it works."""
        deck, entry = self.deck, self.chosen()
        if action == "open" and deck.detail_focused:
            return None if (row := deck.spot) is not None and row.row.opens is not None else "there is nothing more to look into"
        if action == "form":
            has_forms = any(len(section.forms) > 1 for section in deck.trail.shown)
            return None if has_forms or self._draws() else "this page is written in one way only"
        if action == "cross":
            crossing = "no row is chosen" if entry is None else deck.pane.crossing(entry)
            return crossing if isinstance(crossing, str) else None
        return None
