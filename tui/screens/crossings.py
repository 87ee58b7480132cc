"""From a row to what belongs to it in another pane or tab, and back to where one was."""

from typing import TYPE_CHECKING, NamedTuple

from tui.listing import Listing, View
from tui.pane import Entry
from tui.trail import Trail

if TYPE_CHECKING:
    from tui.screens.deck import Deck

MAX_PLACES = 32  # that one came from; more are walked by nobody


class Place(NamedTuple):
    """Where one was, and how that to which one went had looked before."""

    pane: str
    listing: Listing
    cursor: str | None
    detail_focused: bool
    trail: Trail
    other_pane: str
    front: Listing  # of that pane, in front
    other: Listing
    before: View  # of the other


class Crossings:
    def __init__(self, deck: "Deck") -> None:
        self._deck = deck
        self._places: list[Place] = []

    @property
    def are_any(self) -> bool:
        return bool(self._places)

    def forget(self) -> None:
        """There is no way back, and nothing is narrowed any more to what belonged to a row."""
        self._places.clear()
        for shelf in self._deck.shelves.values():
            for listing in shelf:
                listing.scope = None
        self._deck.feed_again()

    def cross(self, entry: Entry) -> None:
        deck = self._deck
        crossing = deck.pane.crossing(entry)
        if isinstance(crossing, str):
            deck.say(crossing, "warn")
            return
        origin, other = deck.listing, self._tab(crossing.pane, crossing.tab)
        other.feed(deck.console.link.store, deck.now)
        key = other.find(crossing.matches)
        if key is None:
            deck.say(crossing.nothing, "warn")
            return
        front = deck.listings[crossing.pane]
        place = Place(deck.active, origin, origin.cursor, deck.detail_focused, deck.trail, crossing.pane, front, other, other.view())
        self._places = [*self._places, place][-MAX_PLACES:]
        other.set_view(View("", crossing if crossing.narrows else None, key), deck.now)
        deck.listings[crossing.pane] = other
        deck.stand(crossing.pane, Trail(), False)
        deck.draw()

    def _tab(self, pane: str, name: str) -> Listing:
        shelf = self._deck.shelves[pane]
        groups = self._deck.panes[pane].groups(self._deck.console.link.store)
        return next((listing for listing in shelf if listing.tab is not None and groups[listing.tab].name == name), shelf[0])

    def back(self) -> None:
        deck, place = self._deck, self._places.pop()
        place.other.set_view(place.before, deck.now)
        deck.listings[place.other_pane] = place.front
        deck.listings[place.pane] = place.listing
        deck.stand(place.pane, place.trail, place.detail_focused)
        if place.cursor is not None:
            place.listing.go_to(place.cursor)
