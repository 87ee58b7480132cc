"""The detail of a row: sections below each other, scrolled when they do not fit."""

from collections.abc import Sequence

from tui.detailview import detail_lines
from tui.line import Line, Piece, ends
from tui.pane import Section
from tui.widgets.lines import Lines


class Detail(Lines):
    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.top = 0
        self._all: list[Line] = []

    def draw(self, sections: Sequence[Section], *, focused: bool) -> int:
        cells, rows = self.size
        if not cells or not rows:
            return 0
        self._all = detail_lines(sections, cells, focused=focused)
        self.top = max(0, min(self.top, len(self._all) - rows))
        shown = self._all[self.top : self.top + rows]
        below = len(self._all) - self.top - len(shown)
        if below > 0:
            shown[-1] = ends((), (Piece(f" {below + 1} more lines below ", "dim"),), cells)
        return self.show(shown)

    def scroll_lines(self, lines: int) -> None:
        self.top = max(0, min(self.top + lines, len(self._all) - self.size.height))
