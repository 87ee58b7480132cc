"""A page: sections below each other, scrolled when they do not fit, with a cursor on its rows while keys move here."""

from tui.chart import Drawing
from tui.detailview import Sheet, sheet_of, told, with_cursor
from tui.line import Piece, ends
from tui.trail import Trail
from tui.widgets.lines import Lines


class Detail(Lines):
    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.sheet = Sheet([], [])

    def draw(self, trail: Trail, *, has_keys: bool, focused: bool, down: str = "", drawing: Drawing = "blocks") -> int:
        """`has_keys`: a row is under the cursor; `focused`: the title says so, where there is something else beside it; `down`: as
        `Page.look` has it."""
        cells, rows = self.size
        if not cells or not rows:
            return 0
        page = trail.page
        look = page.look(focused=focused, gone=trail.is_gone, paused=trail.is_paused, down=down)
        self.sheet = sheet_of(trail.shown, cells, look._replace(drawing="blocks" if self.ink.ascii_only else drawing))
        if has_keys and not trail.is_waiting:
            page.arrive(self.sheet, rows)
        page.settle(self.sheet, rows)
        shown = self.sheet.lines[page.top : page.top + rows]
        stays = self.sheet.staying(page.top, page.head)  # titles stay above their rows; the cursor is never on them
        shown[: len(stays)] = stays
        spot = page.current(self.sheet) if has_keys else None
        if spot is not None and 0 <= spot.line - page.top < len(shown):
            shown[spot.line - page.top] = with_cursor(shown[spot.line - page.top], cells)
        below = len(self.sheet.lines) - page.top - len(shown)
        why = told(trail.shown[spot.section], spot, cells) if spot is not None else ""
        if below > 0 or why:
            more = f" {below + 1} more lines below " if below > 0 else ""
            shown = [*shown, *([()] * (rows - len(shown)))]
            shown[-1] = ends((Piece(" └ ", "line"), Piece(f"{why} ", "dim")) if why else (), (Piece(more, "dim"),), cells)
        return self.show(shown)
