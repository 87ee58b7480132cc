"""The line at the bottom into which commands and filters are typed: what it could mean is shown above it while one types."""

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.geometry import Offset

from tui import commands
from tui.theme import SHIPPED, ThemeError, theme_files
from tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from tui.app import Console


class CommandLine:
    def __init__(self, console: "Console") -> None:
        self._console = console
        self._prompt: Prompt | None = None
        self._history: defaultdict[str, list[str]] = defaultdict(list)  # by sign
        self._asked: tuple[tuple[str, ...], Callable[[str], None]] | None = None  # of a line that somebody else asked for
        self._before = ""  # the filter as it was, for Esc

    @property
    def is_open(self) -> bool:
        return self._prompt is not None

    def meant(self) -> list[str] | None:
        """What the line could mean; None when there is none."""
        if self._prompt is None:
            return None
        if self._asked is not None:
            return list(self._asked[0])
        if self._prompt.sign == "/":
            listing = self._console.deck.listing
            return [f"{listing.shown:,} of {listing.total:,}", "RE", "!RE inverse", "~fuzzy", "Enter keeps", "Esc as before"]
        return self._prompt.meant or ["no such command"]

    def open(self, sign: str, value: str) -> None:
        deck = self._console.deck
        if sign == "/" and deck.on_wall:
            deck.say("the overview has no filter; open a pane first (1 to 5)")
            return
        self._before = deck.listing.filter_text
        self._mount(Prompt(sign, value, self._history[sign], self._complete if sign == ":" else lambda line: []))

    def ask(self, sign: str, value: str, hints: tuple[str, ...], done: Callable[[str], None]) -> None:
        """A line for something else; Esc leaves it without a word."""
        self._asked = (hints, done)
        self._mount(Prompt(sign, value, self._history[sign], lambda line: []))

    def _mount(self, prompt: Prompt) -> None:
        deck, self._prompt = self._console.deck, prompt
        self._prompt.look_ahead()
        deck.mount(self._prompt)
        self._prompt.focus()
        deck.hints.draw()

    def typed(self, key: str, character: str | None) -> None:
        """One key while the line is open."""
        if self._prompt is None:
            return
        if key == "escape":
            self.left()
        elif key == "enter":
            self.submitted()
        else:
            self._prompt.edit(key, character)
            self.changed()

    def _close(self) -> None:
        if self._prompt is not None:
            self._prompt.remove()
            self._prompt, self._asked = None, None
            self._console.cursor_position = Offset(0, 0)
            self._console.deck.draw()

    def left(self) -> None:
        """Esc, or the sign was deleted: as if nothing had been typed."""
        if self._prompt is not None and self._prompt.sign == "/":
            self._console.deck.moves.filter_by(self._before)
        self._close()

    def changed(self) -> None:
        prompt = self._prompt
        if prompt is None:
            return
        if not prompt.value.startswith(prompt.sign):
            self.left()
            return
        prompt.look_ahead()
        if prompt.sign == "/":
            self._try(prompt)
        self._console.deck.hints.draw()

    def _try(self, prompt: Prompt) -> None:
        """Half an expression need not be one: the last whole one stays."""
        try:
            self._console.deck.moves.filter_by(prompt.line)
        except ValueError:
            return

    def submitted(self) -> None:
        prompt = self._prompt
        if prompt is None:
            return
        prompt.remember()
        asked = self._asked
        self._close()
        try:
            if asked is not None:
                asked[1](prompt.line)
            elif prompt.sign == "/":
                self._console.deck.moves.filter_by(prompt.line)
            elif prompt.line.strip():
                self._console.run_command(prompt.line)
        except (ValueError, commands.CommandError, ThemeError) as error:
            if prompt.sign == "/":
                self._console.deck.moves.filter_by(self._before)  # not what of the wrong one was right
            self._console.deck.say(str(error), "error")

    def _complete(self, line: str) -> list[str]:
        return commands.complete(line, self._console.commanding.commands, self._choices)

    def _choices(self, name: str) -> list[str]:
        if name == "theme":
            return sorted(theme_files((SHIPPED, *self._console.options.theme_directories)))
        if name == "sort":
            return [column.key for column in self._console.deck.listing.columns]
        return []
