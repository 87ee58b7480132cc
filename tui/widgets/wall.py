"""The overview: a card for each kind, and the events. What the lines say is `tui.wallview`."""

from collections.abc import Sequence

from link.protocol import Event
from tui.panes.overview import Block
from tui.wallview import Spot, wall_lines
from tui.widgets.lines import Lines


class Wall(Lines):
    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor: Spot | None = None
        self._spots: list[Spot] = []

    def draw(self, blocks: Sequence[Block], events: Sequence[Event]) -> int:
        cells, rows = self.size
        if not cells or not rows:
            return 0
        lines, self._spots = wall_lines(blocks, events, cells, rows, self.cursor)
        if self.cursor not in self._spots and self._spots:
            self.cursor = self._spots[0]
            lines, self._spots = wall_lines(blocks, events, cells, rows, self.cursor)
        return self.show(lines)

    def move(self, rows: int) -> None:
        if self._spots:
            index = self._spots.index(self.cursor) if self.cursor in self._spots else 0
            self.cursor = self._spots[min(max(0, index + rows), len(self._spots) - 1)]
