"""What the keys do to what the deck shows: panes, rows, pages, order, marks. One method a key, `do_ACTION` of the table of keys."""

from typing import TYPE_CHECKING, NamedTuple

from tui.listing import View
from tui.pane import Entry
from tui.tableview import sortable
from tui.trail import Trail

if TYPE_CHECKING:
    from tui.listing import Listing
    from tui.screens.deck import Deck

MAX_PLACES = 32  # that one came from over a row's other pane; more are walked by nobody


class Place(NamedTuple):
    """Where one was before one went to what belongs to a row in another pane, and how that pane looked before."""

    pane: str
    cursor: str | None
    detail_focused: bool
    trail: Trail
    other: str
    before: View


class Moves:
    def __init__(self, deck: "Deck") -> None:
        self.deck = deck
        self._places: list[Place] = []

    @property
    def _listing(self) -> "Listing":
        return self.deck.listing

    # -- panes --------------------------------------------------------------------------------------------------------------------------

    def do_pane(self, name: str) -> None:
        if name not in self.deck.panes:
            return
        self._places.clear()
        for listing in self.deck.listings.values():
            listing.scope = None
        self._go(name, Trail(), False)
        self.deck.draw()

    def _go(self, name: str, trail: Trail, focused: bool) -> None:
        self.deck.active, self.deck.trail, self.deck.detail_focused = name, trail, focused
        self.deck.detail_alone = False

    def _step_pane(self, step: int) -> None:
        names = [pane.name for pane in sorted(self.deck.panes.values(), key=lambda pane: pane.key == "0")]
        self.do_pane(names[(names.index(self.deck.active) + step) % len(names)])

    def do_next_pane(self) -> None:
        self._step_pane(1)

    def do_previous_pane(self) -> None:
        self._step_pane(-1)

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
            if not deck.trail.back():
                deck.detail_focused = deck.detail_alone = False
        elif listing.filter_text:
            listing.set_filter("", deck.now)
        elif listing.marks:
            listing.marks.clear()
        elif self._places:
            self._return()
        else:
            return False
        deck.draw()
        return True

    @property
    def is_away(self) -> bool:
        """Somewhere that `q` leads back from."""
        return self.deck.detail_focused or bool(self._places)

    def do_zoom(self) -> None:
        deck = self.deck
        if deck.detail_focused:
            deck.detail_alone = not deck.detail_alone
        else:
            deck.detail_wanted = not deck.detail_wanted
        deck.draw()

    def do_form(self) -> None:
        """The next way to write what stands on the page."""
        trail = self.deck.trail
        names = list(dict.fromkeys(form.name for section in reversed(trail.shown) for form in section.forms))
        if names:
            shown = trail.page.form or names[0]
            trail.page.form = names[(names.index(shown) + 1) % len(names)] if shown in names else names[0]
            self.deck.draw()

    # -- to another pane and back -------------------------------------------------------------------------------------------------------

    def chosen(self) -> Entry | None:
        """The row that one looks at or into."""
        if self.deck.on_wall:
            return None
        return self.deck.trail.entry if self.deck.detail_focused else self._listing.current

    def do_cross(self) -> None:
        """To what belongs to the row in another pane."""
        deck, entry = self.deck, self.chosen()
        if entry is None:
            return
        crossing = deck.pane.crossing(entry)
        if isinstance(crossing, str):
            deck.say(crossing, "warn")
            return
        other = deck.listings[crossing.pane]
        other.feed(deck.console.link.store, deck.now)
        key = other.find(crossing.matches)
        if key is None:
            deck.say(crossing.nothing, "warn")
            return
        place = Place(deck.active, self._listing.cursor, deck.detail_focused, deck.trail, crossing.pane, other.view())
        self._places = [*self._places, place][-MAX_PLACES:]
        other.set_view(View("", crossing if crossing.narrows else None, key), deck.now)
        self._go(crossing.pane, Trail(), False)
        deck.draw()

    def _return(self) -> None:
        place = self._places.pop()
        self.deck.listings[place.other].set_view(place.before, self.deck.now)
        self._go(place.pane, place.trail, place.detail_focused)
        if place.cursor is not None:
            self._listing.go_to(place.cursor)

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
        known = {column.key: column.title for group in self._listing.groups for column in group.columns}
        found = next((key for key, title in known.items() if wanted in (key, title.lower())), None)
        if found is None:
            raise ValueError(f"no column {wanted!r}; there are: {', '.join(known)}")
        self._listing.set_sort(found, reverse, self.deck.now)
        self.deck.draw()

    def do_mark(self) -> None:
        if not self.deck.on_wall:
            self._listing.mark()
            self.deck.draw()

    def do_mark_range(self) -> None:
        if not self.deck.on_wall:
            self.deck.say(self._listing.mark_range())
            self.deck.draw()

    def do_mark_invert(self) -> None:
        if not self.deck.on_wall:
            self._listing.invert_marks()
            self.deck.draw()

    def marked(self) -> list[Entry]:
        return [] if self.deck.on_wall else self._listing.marked()

    def why_not(self, action: str) -> str | None:
        """Why the key of this action would do nothing now; None when it works."""
        deck, entry = self.deck, self.chosen()
        if action == "open" and deck.detail_focused:
            return None if (row := deck.spot) is not None and row.row.opens is not None else "there is nothing more to look into"
        if action == "form":
            return None if any(len(section.forms) > 1 for section in deck.trail.shown) else "this page is written in one way only"
        if action == "cross":
            crossing = "no row is chosen" if entry is None else deck.pane.crossing(entry)
            return crossing if isinstance(crossing, str) else None
        return None
