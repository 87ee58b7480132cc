"""The keys that work now, made from the live table. Typing narrows the list, Enter does what the row says."""

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult

from tui.format import pad, width
from tui.keys import Key, labels
from tui.line import Line, Piece, ends, fit_line
from tui.screens.modal import Modal
from tui.widgets.lines import Lines


class Help(Modal[Key | None]):
    def __init__(self, keys: Sequence[Key], why_not: Callable[[Key], str | None], title: str) -> None:
        super().__init__()
        self._keys = tuple(keys)
        self._why_not = why_not
        self._heading = title
        self._typed = ""
        self._index = 0
        self._top = 0

    def compose(self) -> ComposeResult:
        yield Lines(id="box")

    def on_mount(self) -> None:
        self._fit()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        cells, rows = self.app.size
        box = self.query_one("#box", Lines)
        box.styles.width, box.styles.height = min(88, cells - 4), min(len(self._keys) + 4, rows - 2)
        self.call_after_refresh(self._draw)

    @property
    def _shown(self) -> list[Key]:
        wanted = self._typed.lower()
        return [key for key in self._keys if wanted in f"{labels(key)} {key.text}".lower()]

    def _draw(self) -> None:
        box = self.query_one("#box", Lines)
        cells, rows = box.size
        room = rows - 4
        if room < 1:
            return
        shown = self._shown
        self._index = min(max(0, self._index), max(0, len(shown) - 1))
        self._top = max(min(self._top, self._index), self._index - room + 1, 0)
        column = max((width(labels(key)) for key in self._keys), default=0)
        lines = [self._line(key, column, index == self._index) for index, key in enumerate(shown)][self._top : self._top + room]
        lines += [()] * (room - len(lines))
        more = f"{self._top + 1}-{self._top + min(room, len(shown))} of {len(shown)}" if len(shown) > room else ""
        typed = Piece(f"/{self._typed}", "accent") if self._typed else Piece("type to narrow", "dim")
        foot = ends((typed,), (Piece(f"{more}  Enter does it, Esc closes", "hint"),), cells - 4)
        side = Piece("│", "line")
        top = ends((Piece("╭─ ", "line"), Piece(self._heading, "title"), Piece(" ", "line")), (Piece("╮", "line"),), cells, "─", "line")
        reason = self._why_not(shown[self._index]) if shown else None
        told = (Piece(reason or "", "warn"),)
        body = [(side, Piece(" "), *fit_line(line, cells - 4), Piece(" "), side) for line in (*lines, told, foot)]
        box.show([top, *body, (Piece("╰" + "─" * (cells - 2) + "╯", "line"),)])

    def _line(self, key: Key, column: int, under: bool) -> Line:
        reason = self._why_not(key)
        role = "dim" if reason else ""
        text = key.text if reason is None else f"{key.text} ({reason})"
        line = (
            Piece("› " if under else "  ", "mark"),
            Piece(pad(labels(key), column), "key" if not reason else "dim"),
            Piece("  " + text, role),
        )
        return tuple(Piece(piece.text, f"cursor:{piece.role}") for piece in line) if under else line

    def on_key(self, event: events.Key) -> None:
        if event.key == "ctrl+c":  # goes on to the console, which counts them
            self.end(None)
            return
        event.stop()
        event.prevent_default()
        shown = self._shown
        if event.key == "escape":
            self.end(None)
        elif event.key == "enter":
            self.end(shown[self._index] if shown and self._why_not(shown[self._index]) is None else None)
        elif event.key in ("up", "down", "pageup", "pagedown"):
            self._index += {"up": -1, "down": 1, "pageup": -10, "pagedown": 10}[event.key]
            self._draw()
        elif event.key == "backspace":
            self._typed = self._typed[:-1]
            self._draw()
        elif event.character and event.is_printable:
            if event.character in ("?", "q") and not self._typed:
                self.end(None)
                return
            self._typed += event.character
            self._index = 0
            self._draw()
