"""What is written to the terminal: only what differs, and always enough. A terminal emulator is the judge."""

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.painter import Painter

COLUMNS, ROWS = 24, 3
COLOURS = ColorSystem.TRUECOLOR
STYLES = [
    Style.null(),
    Style.parse("bold red"),
    Style.parse("default on default"),
    Style.parse("#102030 on #aabbcc"),
    Style.parse("reverse"),
]

Line = list[tuple[str, int]]


def strip(line: Line) -> Strip:
    return Strip([Segment(text, STYLES[style]) for text, style in line])


def whole(lines: list[Line]) -> LayoutUpdate:
    return LayoutUpdate([[strip(line)] for line in lines], Region(0, 0, COLUMNS, len(lines)))


def part(y: int, line: Line) -> ChopsUpdate:
    chops = [{0: strip(line) if row == y else None} for row in range(ROWS)]
    return ChopsUpdate(chops, [(y, 0, COLUMNS)], [[COLUMNS]] * ROWS)


class Emulator:
    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.Stream(self.screen)

    def cells(self) -> list[list[tuple[str, str, str, bool, bool]]]:
        buffer = self.screen.buffer
        return [
            [(cell.data, cell.fg, cell.bg, cell.bold, cell.reverse) for cell in (buffer[y][x] for x in range(COLUMNS))] for y in range(ROWS)
        ]


def drawn_anew(lines: list[Line]) -> list[list[tuple[str, str, str, bool, bool]]]:
    emulator = Emulator()
    emulator.stream.feed(Painter().paint(whole(lines), COLUMNS, ROWS, COLOURS))
    return emulator.cells()


def padded(text: str, style: int) -> Line:
    """Cut or filled to the columns; no wide character over the edge."""
    from tui.format import pad

    return [(pad(text, COLUMNS), style)]


TEXTS = st.text(alphabet="ab  한글─█…5", max_size=COLUMNS)
LINES = st.lists(st.builds(padded, TEXTS, st.integers(0, len(STYLES) - 1)), min_size=ROWS, max_size=ROWS)


@settings(max_examples=150)
@given(st.lists(LINES, min_size=1, max_size=4))
def test_after_any_updates_the_terminal_shows_the_last_one(frames: list[list[Line]]) -> None:
    painter, emulator = Painter(), Emulator()
    for frame in frames:
        emulator.stream.feed(painter.paint(whole(frame), COLUMNS, ROWS, COLOURS))
    assert emulator.cells() == drawn_anew(frames[-1])


@settings(max_examples=100)
@given(LINES, st.integers(0, ROWS - 1), st.builds(padded, TEXTS, st.integers(0, len(STYLES) - 1)))
def test_a_part_changes_its_line_and_no_other(lines: list[Line], y: int, line: Line) -> None:
    painter, emulator = Painter(), Emulator()
    emulator.stream.feed(painter.paint(whole(lines), COLUMNS, ROWS, COLOURS))
    emulator.stream.feed(painter.paint(part(y, line), COLUMNS, ROWS, COLOURS))
    assert emulator.cells() == drawn_anew([line if row == y else lines[row] for row in range(ROWS)])


def painted(*frames: list[Line]) -> str:
    """What the last of these frames writes."""
    painter = Painter()
    return [painter.paint(whole(frame), COLUMNS, ROWS, COLOURS) for frame in frames][-1]


def frame(text: str, style: int = 0) -> list[Line]:
    return [padded(text, style), padded("", 0), padded("", 0)]


def test_what_stands_there_already_is_not_written() -> None:
    assert painted(frame("same"), frame("same")) == ""


def test_one_changed_cell_costs_a_move_and_a_cell() -> None:
    assert painted(frame("14:03:22"), frame("14:03:23")) == "\x1b[1;8H3"


def test_near_changes_are_one_and_far_ones_are_jumped_to() -> None:
    assert painted(frame("1234567890123456"), frame("X23X5678901234XX")) == "\x1b[1;1HX23X\x1b[10CXX"


def test_the_terminals_own_colours_need_no_code() -> None:
    assert painted(frame("aaaa"), frame("bbbb", 2)) == "\x1b[1;1Hbbbb"


def test_blanks_up_to_the_edge_are_erased() -> None:
    assert painted(frame("a-long-text-here"), frame("a")) == "\x1b[1;2H\x1b[K"


def test_colours_end_with_the_update() -> None:
    assert painted(frame("a"), [[("b", 1), (" " * 23, 0)], *frame("")[1:]]) == "\x1b[1;1H\x1b[1;31mb\x1b[0m"


def test_after_an_uncertain_width_the_cursor_is_placed_anew() -> None:
    written = painted(frame(""), [[("🟢a", 0), (" " * 20 + "x", 0)], *frame("")[1:]])
    assert "\x1b[1;24H" in written


def test_what_was_forgotten_is_cleared_and_drawn_whole() -> None:
    painter = Painter()
    painter.paint(whole(frame("a")), COLUMNS, ROWS, COLOURS)
    painter.forget()
    assert not painter.fits(COLUMNS, ROWS)
    assert painter.paint(whole(frame("a")), COLUMNS, ROWS, COLOURS) == "\x1b[0m\x1b[H\x1b[2Ja"


def test_another_size_is_drawn_whole() -> None:
    painter = Painter()
    painter.paint(whole(frame("a")), COLUMNS, ROWS, COLOURS)
    assert painter.paint(whole(frame("a")), COLUMNS + 1, ROWS, COLOURS).startswith("\x1b[0m\x1b[H\x1b[2J")
