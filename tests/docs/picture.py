"""A terminal screen as an SVG picture. Pure: a pyte screen in, text out; every cell where the terminal has it."""

from html import escape
from itertools import groupby

import pyte
from pyte.screens import Char

CELL_WIDTH, CELL_HEIGHT, MARGIN = 8.4, 18, 12
BACKGROUND, FOREGROUND = "#16181d", "#d5d8de"
ANSI = {
    "black": "#2b2f38",
    "red": "#e5646a",
    "green": "#8cc265",
    "brown": "#d8b05c",
    "blue": "#5b9bd8",
    "magenta": "#c07bd0",
    "cyan": "#4fb6c2",
    "white": "#d5d8de",
    "brightblack": "#7b8290",
    "brightred": "#ff7b80",
    "brightgreen": "#a5e07a",
    "brightbrown": "#f0cb74",
    "brightblue": "#7ab8f5",
    "brightmagenta": "#dc9aec",
    "brightcyan": "#6fd7e3",
    "brightwhite": "#ffffff",
}


def svg(screen: pyte.Screen, title: str) -> str:
    """The whole picture; `title` is what a reader who cannot see it is told."""
    width = screen.columns * CELL_WIDTH + 2 * MARGIN
    height = screen.lines * CELL_HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>',
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">',
    ]
    for row in range(screen.lines):
        parts += _line(row, [screen.buffer[row][column] for column in range(screen.columns)])
    return "\n".join([*parts, "</g></svg>", ""])


def _line(row: int, cells: list[Char]) -> list[str]:
    """Backgrounds by run of one style, text by word: a word keeps its place whatever the reader's font is."""
    parts = []
    top = MARGIN + row * CELL_HEIGHT
    for (_, background, _), group in groupby(enumerate(cells), key=lambda pair: _style(pair[1])):
        run = list(group)
        if background != BACKGROUND:
            size = f'width="{len(run) * CELL_WIDTH:.1f}" height="{CELL_HEIGHT}"'
            parts.append(f'<rect x="{MARGIN + run[0][0] * CELL_WIDTH:.1f}" y="{top}" {size} fill="{background}"/>')
    for is_blank, word in groupby(enumerate(cells), key=lambda pair: pair[1].data == " "):
        if not is_blank:
            for (foreground, _, weight), piece in groupby(word, key=lambda pair: _style(pair[1])):
                parts.append(_text(list(piece), top + 13, foreground, weight))
    return parts


def _text(cells: list[tuple[int, Char]], baseline: int, foreground: str, weight: str) -> str:
    left = MARGIN + cells[0][0] * CELL_WIDTH
    span = f'textLength="{len(cells) * CELL_WIDTH:.1f}" lengthAdjust="spacingAndGlyphs"'
    text = escape("".join(cell.data for _, cell in cells))
    return f'<text x="{left:.1f}" y="{baseline}" fill="{foreground}"{weight} {span}>{text}</text>'


def _style(cell: Char) -> tuple[str, str, str]:
    foreground, background = _colour(cell.fg, FOREGROUND), _colour(cell.bg, BACKGROUND)
    if cell.reverse:
        foreground, background = background, foreground
    return foreground, background, ' font-weight="bold"' if cell.bold else ""


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return ANSI.get(name) or f"#{name}"
