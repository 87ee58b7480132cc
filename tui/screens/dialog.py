"""A question over the screen: what will happen, and what one may choose. Esc is always no."""

from collections.abc import Sequence
from typing import NamedTuple

from textual import events
from textual.app import ComposeResult

from tui.line import Line, Piece, line_width, wrap
from tui.screens.box import MAX_WIDTH, boxed
from tui.screens.modal import Modal
from tui.widgets.lines import Lines


class Choice(NamedTuple):
    key: str
    text: str
    value: str  # "" is no


class Dialog(Modal[str]):
    def __init__(self, title: str, lines: Sequence[str], choices: Sequence[Choice], chosen: int) -> None:
        super().__init__()
        self._title, self._text, self._choices, self._chosen = title, tuple(lines), tuple(choices), chosen

    def compose(self) -> ComposeResult:
        yield Lines(id="box")

    def on_mount(self) -> None:
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        inner = min(MAX_WIDTH, self.app.size.width - 6) - 4
        lines = self._inside(inner)
        widest = max(line_width(line) for line in lines)
        box = self.query_one("#box", Lines)
        box.styles.width, box.styles.height = widest + 4, len(lines) + 2
        self.call_after_refresh(self._draw)

    def _inside(self, cells: int) -> list[Line]:
        lines: list[Line] = [(Piece(part, "title"),) for part in wrap(self._title, cells)]
        if self._text:
            lines += [(), *((Piece(part),) for text in self._text for part in wrap(text, cells))]
        return [*lines, (), self._buttons()]

    def _buttons(self) -> Line:
        pieces: list[Piece] = []
        for index, choice in enumerate(self._choices):
            role = "choice_active" if index == self._chosen else "choice"
            pieces += [Piece(" " if pieces else ""), Piece(f" {choice.key} ", "key"), Piece(f" {choice.text} ", role)]
        return tuple(pieces)

    def _draw(self) -> None:
        box = self.query_one("#box", Lines)
        cells, rows = box.size
        box.show(boxed(self._inside(cells - 4), cells, rows))

    def on_key(self, event: events.Key) -> None:
        if event.key == "ctrl+c":  # goes on to the console, which counts them
            self.end("")
            return
        event.stop()
        event.prevent_default()
        if event.key in ("escape", "q"):
            self.end("")
        elif event.key in ("left", "up", "shift+tab", "right", "down", "tab"):
            step = -1 if event.key in ("left", "up", "shift+tab") else 1
            self._chosen = (self._chosen + step) % len(self._choices)
            self._draw()
        elif event.key == "enter":
            self.end(self._choices[self._chosen].value)
        else:
            found = next((choice for choice in self._choices if choice.key.lower() == (event.character or "").lower()), None)
            if found is not None:
                self.end(found.value)
