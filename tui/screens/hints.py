"""The last row of the screen: what could be typed, what was just said, what is being done, or the keys that work here."""

from typing import TYPE_CHECKING

from tui import keys
from tui.format import visible
from tui.line import Line, Piece, fit_line, line_width, wrap

if TYPE_CHECKING:
    from tui.screens.deck import Deck

MESSAGE_LASTS = 6.0  # seconds
LOW = 20  # rows of a screen that has none to spare
MAX_ROWS = 3  # of what came of an action: it is read whole


class Hints:
    def __init__(self, deck: "Deck") -> None:
        self._deck = deck
        self._rows = 1
        self.message: tuple[Line, float | None] | None = None  # and until when it is shown; None: until a key is pressed

    def say(self, text: str, role: str, *, lasts: bool) -> None:
        until = None if lasts else self._deck.console.clock() + MESSAGE_LASTS
        self.message = ((Piece(f" {visible(text)}", role),), until)
        self.draw()

    def hush(self) -> None:
        """The last message was read: a key was pressed since."""
        if self.message is not None:
            self.message = None
            self.draw()

    def draw(self) -> None:
        deck = self._deck
        cells = deck.size.width
        lines = self._lines(cells)
        if (rows := len(lines)) != self._rows:
            self._rows = rows
            deck.bottom.styles.height = rows
            deck.call_after_refresh(deck.draw)
        deck.bottom.show([fit_line(line, cells) for line in lines])

    def _lines(self, cells: int) -> list[Line]:
        line = self._line(cells)
        if self.message is None or line is not self.message[0] or self.message[1] is not None or self._deck.size.height < LOW:
            return [line]
        return [(Piece(f" {part}", line[0].role),) for part in wrap(line[0].text.strip(), cells - 2)[:MAX_ROWS]]

    def _line(self, cells: int) -> Line:
        console = self._deck.console
        if (meant := console.line.meant()) is not None:
            return (Piece(" " + "   ".join(meant), "hint"),)
        if self.message is not None and (self.message[1] is None or console.clock() < self.message[1]):
            return self.message[0]
        self.message = None
        state = console.link.state
        if not state.connected:
            return (Piece(f" ✖ no daemon: {visible(state.error or 'not connected')}", "crit"),)
        if doing := console.hands.carrying.text():
            is_here = any(key.action == "cancel_job" for key in keys.live(console.keys, self._deck.where()))
            stop = (Piece("   x", "key"), Piece(" cancels  ", "hint")) if is_here else (Piece("  "),)
            line = (Piece(f" {doing}", "accent"), *stop)
            return (*line, *self._keys(cells - line_width(line)))
        return self._keys(cells)

    def _keys(self, cells: int) -> Line:
        """As many as there is room for; the way to help and the way out stay."""
        console = self._deck.console
        found = [key for key in keys.live(console.keys, self._deck.where()) if key.short and console.why_not(key) is None]
        while line_width(line := keys.hints(found)) > cells and len(found) > 2:
            found.remove(next(key for key in reversed(found) if key.action not in ("help", "quit")))
        return line
