"""Looking into a queue: its messages, and those that a selector or a text finds. Nothing is changed by it."""

from typing import TYPE_CHECKING

from backends.broker import Queue
from backends.questions import MessagesOf
from tui.pane import Opening
from tui.panes.messages import messages_opening, narrowed

if TYPE_CHECKING:
    from tui.app import Console

SELECTOR = ("SQL 92 on headers and properties: JMSPriority > 4 AND region = 'seoul'", "Enter browses", "empty: all")
TEXT = ("looked for in headers, properties and body", "Enter browses", "empty: all")


class Browsing:
    def __init__(self, console: "Console") -> None:
        self._console = console

    def why_not(self) -> str | None:
        entry = self._console.deck.moves.chosen()
        return None if entry is not None and isinstance(entry.item, Queue) else "stand on a queue"

    def do_browse(self) -> None:
        """The messages of the queue that one stands on, or looks into."""
        deck = self._console.deck
        entry = deck.moves.chosen()
        if entry is None or not isinstance(entry.item, Queue):
            deck.say("stand on a queue", "warn")
            return
        deck.trail.stand_on(entry, held=False)
        deck.detail_focused = deck.detail_wanted = True
        deck.trail.put(messages_opening(MessagesOf(entry.item.name)), above=1)
        deck.draw()

    def do_selector(self) -> None:
        if (question := self._question()) is not None:
            self._console.line.ask("selector: ", question.selector or "", SELECTOR, lambda line: self._narrow(selector=line))

    def do_text(self) -> None:
        if (question := self._question()) is not None:
            self._console.line.ask("text: ", question.text or "", TEXT, lambda line: self._narrow(text=line))

    def _question(self) -> MessagesOf | None:
        opening = self._console.deck.trail.page.opening
        return opening.question if opening is not None and isinstance(opening.question, MessagesOf) else None

    def _narrow(self, *, selector: str | None = None, text: str | None = None) -> None:
        """A page with that question on the one with all; an empty one leads back."""
        deck, question = self._console.deck, self._question()
        if question is None:
            return
        selector = question.selector if selector is None else selector.strip() or None
        text = question.text if text is None else text.strip() or None
        first = next(index for index, page in enumerate(deck.trail.pages) if page.place == "messages")
        opening: Opening = narrowed(question, selector=selector, text=text)
        deck.trail.put(opening, above=first + 1)
        deck.draw()
