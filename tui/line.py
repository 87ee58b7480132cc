"""A line of the screen as a value: pieces of text, each with the role that a theme colours. Pure: no Textual, no colour.

Everything the console draws is made of these, so every line is tested with plain asserts and drawn by one function of `tui.widgets`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tui.format import clip, width


class Piece(NamedTuple):
    text: str
    role: str = ""


Line = tuple[Piece, ...]


def line_width(line: Iterable[Piece]) -> int:
    return sum(width(piece.text) for piece in line)


def plain(line: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in line)


def fit_line(line: Iterable[Piece], cells: int, fill: str = " ", role: str = "") -> Line:
    """Exactly that many cells: clipped with an ellipsis, or filled up."""
    out: list[Piece] = []
    room = cells
    for piece in line:
        used = width(piece.text)
        if used > room:
            out.append(Piece(clip(piece.text, room), piece.role))
            room -= width(out[-1].text)
            break
        out.append(piece)
        room -= used
    if room > 0:
        out.append(Piece(fill * room, role))
    return tuple(out)


def ends(left: Iterable[Piece], right: Iterable[Piece], cells: int, fill: str = " ", role: str = "") -> Line:
    """`left` and `right` at the two ends; the right end stays whole when there is too little room."""
    right = tuple(right)
    room = max(0, cells - line_width(right))
    return fit_line((*fit_line(left, room, fill, role), *right), cells, fill, role)


def rule(left: Iterable[Piece], right: Iterable[Piece], cells: int, role: str = "line") -> Line:
    """A heading: `── Queues 38  /dlq ──────── sort SIZE ▾ ──`."""
    lead = (Piece("── ", role), *left, Piece(" ", role))
    tail = (Piece(" ", role), *right, Piece(" ──", role)) if (right := tuple(right)) else ()
    return ends(lead, tail, cells, "─", role)


def wrap(text: str, cells: int) -> list[str]:
    """Words in lines of at most that many cells, indented as the text is; a word longer than a line is cut into several."""
    lines: list[str] = []
    current: str | None = None
    for word in text.split(" "):
        candidate = word if current is None else f"{current} {word}"
        if width(candidate) <= cells:
            current = candidate
            continue
        if current is not None and current.strip():
            lines.append(current)
        *whole, current = chop(word, cells)
        lines += whole
    return [*lines, current or ""]


def chop(text: str, cells: int) -> list[str]:
    """Pieces of at most that many cells, wherever they end."""
    if cells < 1 or width(text) <= cells:
        return [text]
    if text.isascii():
        return [text[begin : begin + cells] for begin in range(0, len(text), cells)]
    pieces: list[str] = []
    begin = room = 0
    for index, char in enumerate(text):
        room -= width(char)
        if room < 0:
            pieces.append(text[begin:index])
            begin, room = index, cells - width(char)
    return [*pieces[1:], text[begin:]]
