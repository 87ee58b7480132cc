"""A widget made of lines: whoever shows new ones repaints only the spans in which they differ from the old ones."""

from collections.abc import Sequence
from typing import cast

from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.format import width
from tui.line import Line, Piece, fit_line
from tui.widgets.ink import Ink


class Lines(Widget, can_focus=False):
    """Lines of exactly its width, top to bottom; the rest is blank."""

    class Resized(Message):
        """It has another size now, for which nobody has made lines yet."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._blank: Line = ()

    @property
    def ink(self) -> Ink:
        return cast(Ink, self.app.ink)  # type: ignore[attr-defined]

    def show(self, lines: Sequence[Line]) -> int:
        """Puts these lines there; returns how many of them were repainted."""
        cells, rows = self.size
        new = [fit_line(line, cells) for line in lines[:rows]]
        new += [self._empty(cells)] * (rows - len(new))
        old, self._lines = self._lines, new
        regions = [
            Region(span[0], y, span[1] - span[0], 1)
            for y, line in enumerate(new)
            if (span := difference(old[y] if y < len(old) else (), line, cells)) is not None
        ]
        if regions:
            self.refresh(*regions)
        return len(regions)

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def _empty(self, cells: int) -> Line:
        if not self._blank or len(self._blank[0].text) != cells:
            self._blank = (Piece(" " * cells),)
        return self._blank

    def render_line(self, y: int) -> Strip:
        if y < len(self._lines):
            return self.ink.strip(self._lines[y])
        return self.ink.strip(self._empty(self.size.width))

    def text(self) -> str:
        """What stands there, for tests."""
        return "\n".join("".join(piece.text for piece in line).rstrip() for line in self._lines)


def difference(old: Line, new: Line, cells: int) -> tuple[int, int] | None:
    """From which cell to which two lines differ; None when they are the same."""
    if old == new:
        return None
    left = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        left += width(after.text)
    right = cells
    for before, after in zip(reversed(old), reversed(new), strict=False):
        if before != after:
            break
        right -= width(after.text)
    return (left, right) if left < right else (0, cells)
