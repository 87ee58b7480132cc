"""Writes to the terminal only the cells that differ from what stands there already.

Textual redraws a changed line from its beginning; over a slow line that is ten times what has changed (a stock table repaints 20 KB for one
cell). The painter keeps the cells that the terminal shows, compares, and moves the cursor over what is the same. It sits behind the one
method through which Textual hands over a finished update (`App._display`, so the version of Textual is bounded in pyproject.toml).
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate

from tui.format import width

JUMP = 4  # unchanged cells that are cheaper to write again than to jump over
BLANKS = 5  # blanks up to the end of a line that are cheaper to erase than to write
MAX_STYLES = 2048  # of the cache; a theme has two dozen

CellText = tuple[str, str]  # what one cell shows, and the parameters of its colours ("" is the terminal's own)
BLANK: CellText = (" ", "")


class Strip(NamedTuple):
    """Cells of one line from `left` on."""

    y: int
    left: int
    cells: list[CellText]


class Painter:
    def __init__(self) -> None:
        self._shown: list[list[CellText]] = []
        self._size = (0, 0)
        self._codes: dict[tuple[Style, ColorSystem | None], str] = {}
        self._clear = True

    def forget(self) -> None:
        """Nobody knows what the terminal shows: the next update, which must be a whole one, begins by clearing it."""
        self._clear = True

    def fits(self, columns: int, rows: int) -> bool:
        """Whether the last update was of a terminal of that size, and nothing has been forgotten since."""
        return self._size == (columns, rows) and not self._clear

    def paint(self, update: CompositorUpdate, columns: int, rows: int, colours: ColorSystem | None) -> str:
        """What to write for this update; "" when everything stands there already."""
        out = Output()
        if not self.fits(columns, rows):
            self._size, self._clear = (columns, rows), False
            self._shown = [[BLANK] * columns for _ in range(rows)]
            out.clear()
        for y, left, cells in self._strips(update, colours):
            if y < rows:
                self._line(out, y, left, cells[: columns - left])
        return out.text()

    def _strips(self, update: CompositorUpdate, colours: ColorSystem | None) -> Iterator[Strip]:
        if isinstance(update, LayoutUpdate):
            for y, strips in enumerate(update.strips, update.region.y):
                segments = (segment for strip in strips for segment in strip)
                yield Strip(y, update.region.x, self._cells(segments, colours))
        elif isinstance(update, ChopsUpdate):
            for y, first, last in update.spans:
                ends = update.chop_ends[y]
                for end, (left, strip) in zip(ends, update.chops[y].items(), strict=False):
                    if strip is not None and left <= last and end > first:
                        yield Strip(y, left, self._cells(strip, colours))

    def _cells(self, segments: Iterable[Segment], colours: ColorSystem | None) -> list[CellText]:
        cells: list[CellText] = []
        for text, style, control in segments:
            if control:
                continue
            code = self._code(style, colours)
            if text.isascii():
                cells += [(char, code) for char in text]
                continue
            for char in text:
                taken = width(char)
                if taken == 0 and cells:
                    cells[-1] = (cells[-1][0] + char, cells[-1][1])
                else:
                    cells += [(char, code), ("", code)][: max(1, taken)]
        return cells

    def _code(self, style: Style | None, colours: ColorSystem | None) -> str:
        if style is None:
            return ""
        known = self._codes.get((style, colours))
        if known is None:
            rendered = style.render("x", color_system=colours)
            codes = rendered[2 : rendered.index("m")].split(";") if rendered.startswith("\x1b[") else []
            known = ";".join(_without_defaults(codes))
            if len(self._codes) >= MAX_STYLES:
                self._codes.clear()
            self._codes[style, colours] = known
        return known

    def _line(self, out: "Output", y: int, left: int, cells: list[CellText]) -> None:
        shown = self._shown[y]
        old = shown[left : left + len(cells)]
        if old == cells:
            return
        shown[left : left + len(cells)] = cells
        tail = _blank_tail(shown)
        for start, end in _spans(old, cells):
            if left + end > tail + BLANKS:
                out.write(left + start, y, cells[start : max(start, tail - left)])
                out.erase_line(max(left + start, tail), y)
            else:
                out.write(left + start, y, cells[start:end])


def _without_defaults(codes: list[str]) -> list[str]:
    """After a reset, the terminal's own colours need no code. 38 and 48 carry parameters, which may be 39 or 49 themselves."""
    kept: list[str] = []
    index = 0
    while index < len(codes):
        taken = 1
        if codes[index] in ("38", "48"):
            taken = 3 if codes[index + 1 : index + 2] == ["5"] else 5
        if codes[index] not in ("39", "49"):
            kept += codes[index : index + taken]
        index += taken
    return kept


def _spans(old: list[CellText], new: list[CellText]) -> list[tuple[int, int]]:
    """Where they differ, as begin and end; near ones joined; never beginning in the middle of a wide character."""
    spans: list[tuple[int, int]] = []
    for index, cell in enumerate(new):
        if index < len(old) and old[index] == cell:
            continue
        start = index
        while start > 0 and new[start][0] == "":
            start -= 1
        end = index + 1
        while end < len(new) and new[end][0] == "":
            end += 1
        if spans and start - spans[-1][1] <= JUMP:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _blank_tail(cells: list[CellText]) -> int:
    """Where the blanks at the end of a line begin."""
    end = len(cells)
    while end and cells[end - 1] == BLANK:
        end -= 1
    return end


class Output:
    """The bytes of one update: knows where the cursor is and which colours are on, so that neither is said twice."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._code = ""
        self._x = self._y = -1

    def clear(self) -> None:
        self._out.append("\x1b[0m\x1b[H\x1b[2J")
        self._x = self._y = 0

    def write(self, x: int, y: int, cells: list[CellText]) -> None:
        if not cells:
            return
        self._move(x, y)
        for text, code in cells:
            if code != self._code:
                self._out.append(f"\x1b[0;{code}m" if code and self._code else f"\x1b[{code or 0}m")
                self._code = code
            self._out.append(text)
        self._x = x + len(cells)
        if not all(_is_certain(text) for text, _ in cells):
            self._x = -1

    def erase_line(self, x: int, y: int) -> None:
        self._move(x, y)
        if self._code:
            self._out.append("\x1b[0m")
            self._code = ""
        self._out.append("\x1b[K")

    def _move(self, x: int, y: int) -> None:
        if y == self._y and 0 <= self._x <= x:
            if x > self._x:
                self._out.append("\x1b[C" if x == self._x + 1 else f"\x1b[{x - self._x}C")
        else:
            self._out.append(f"\x1b[{y + 1};{x + 1}H")
        self._x, self._y = x, y

    def text(self) -> str:
        if self._code:
            self._out.append("\x1b[0m")
        return "".join(self._out)


def _is_certain(text: str) -> bool:
    """Whether every terminal gives this cell the width we count. Emoji and joined characters are told apart from Hangul and CJK."""
    if text.isascii():
        return True
    return len(text) == 1 and (ord(text) < 0x3000 or 0x3000 <= ord(text) < 0xD7A4 or 0xF900 <= ord(text) < 0xFB00)
