"""What lies over the screen and is typed into: a slip to fill in, a question whose name is to be typed. What they say is `tui.slip` and
`tui.confirming`; here are only their keys, their place, and the cursor at which an input method composes.
"""

from abc import abstractmethod

from textual import events
from textual.app import ComposeResult
from textual.geometry import Offset

from tui.confirming import Confirmation
from tui.format import visible
from tui.line import Line, Piece, fit_line
from tui.screens.box import MAX_WIDTH, boxed
from tui.screens.modal import Modal
from tui.slip import Slip
from tui.widgets.lines import Lines

WIDE_SLIP = 96  # cells: bodies and selectors are long


class Typed(Modal[bool]):
    """Ends with True when one goes on."""

    most = MAX_WIDTH
    went_on = False  # it ended with True

    def compose(self) -> ComposeResult:
        yield Lines(id="box")

    def on_mount(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def on_lines_resized(self) -> None:
        self._draw()

    @property
    def _cells(self) -> int:
        return min(self.most, self.app.size.width - 2) - 4

    @abstractmethod
    def made(self, cells: int, rows: int) -> tuple[list[Line], tuple[int, int]]:
        """The lines inside the frame, and where the cursor is among them."""

    @abstractmethod
    def pressed(self, key: str, character: str | None) -> bool | None:
        """What a key came to: True goes on, False leaves."""

    @abstractmethod
    def pasted(self, text: str) -> None: ...

    def redraw(self) -> None:
        """What it holds may have another height now."""
        if self._is_ended or not self.is_mounted:
            return
        rows = self.app.size.height - 2
        lines, _ = self.made(self._cells, rows)
        box = self.query_one("#box", Lines)
        box.styles.width, box.styles.height = self._cells + 4, min(len(lines), rows) + 2
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if self._is_ended or not self.is_mounted:
            return
        box = self.query_one("#box", Lines)
        cells, rows = box.size
        if cells < 8 or rows < 3:
            return
        lines, (x, y) = self.made(cells - 4, rows - 2)
        box.show(boxed(lines, cells, rows))
        self.app.cursor_position = Offset(0, 0) if x < 0 else Offset(box.region.x + 2 + x, box.region.y + 1 + y)

    def end(self, result: bool) -> None:
        self.app.cursor_position = Offset(0, 0)
        self.went_on = self.went_on or (result and not self._is_ended)
        super().end(result)

    def on_key(self, event: events.Key) -> None:
        if event.key == "ctrl+c":  # goes on to the console, which counts them
            self.end(False)
            return
        event.stop()
        event.prevent_default()
        if self._is_ended:
            return
        outcome = self.pressed(event.key, event.character if event.is_printable else None)
        if outcome is None:
            self.redraw()
        else:
            self.end(outcome)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self._is_ended:
            return
        self.pasted(event.text)
        self.redraw()


class Filling(Typed):
    """A slip. Where the screen is too low for all of its blanks, the one under the cursor is among those that are shown."""

    most = WIDE_SLIP

    def __init__(self, slip: Slip) -> None:
        super().__init__()
        self.slip = slip

    def made(self, cells: int, rows: int) -> tuple[list[Line], tuple[int, int]]:
        head: list[Line] = [fit_line((Piece(visible(self.slip.title), "title"),), cells)]
        body, (x, y), here = self.slip.body(cells)
        foot = self.slip.foot(cells)
        room = max(1, rows - len(head) - len(foot))
        top = max(0, min(max(here, y) - room + 1, len(body) - room)) if max(here, y) >= room else 0
        cursor = (x, len(head) + y - top) if y >= 0 else (-1, -1)
        return [*head, *body[top : top + room], *foot], cursor

    def pressed(self, key: str, character: str | None) -> bool | None:
        outcome = self.slip.press(key, character)
        return None if outcome is None else outcome == "go"

    def pasted(self, text: str) -> None:
        self.slip.paste(text)


class Confirming(Typed):
    def __init__(self, confirmation: Confirmation) -> None:
        super().__init__()
        self.confirmation = confirmation

    def made(self, cells: int, rows: int) -> tuple[list[Line], tuple[int, int]]:
        lines, cursor = self.confirmation.lines(cells)
        if len(lines) > rows:  # the end is what one answers
            cut = len(lines) - rows
            lines, cursor = [lines[0], *lines[cut + 1 :]], (cursor[0], cursor[1] - cut)
        return lines, cursor

    def pressed(self, key: str, character: str | None) -> bool | None:
        outcome = self.confirmation.press(key, character)
        return None if outcome is None else outcome == "yes"

    def pasted(self, text: str) -> None:
        self.confirmation.paste(text)
