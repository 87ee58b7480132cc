"""The frame around what lies over the screen."""

from collections.abc import Sequence

from tui.line import Line, Piece, fit_line

MAX_WIDTH = 76  # cells: a question is read, not scanned


def boxed(inside: Sequence[Line], cells: int, rows: int) -> list[Line]:
    """Of that size; a cell is free between the frame and what it holds."""
    side = Piece("│", "line")
    body = [(side, Piece(" "), *fit_line(line, cells - 4), Piece(" "), side) for line in inside]
    rim = "─" * (cells - 2)
    return [(Piece(f"╭{rim}╮", "line"),), *body, (Piece(f"╰{rim}╯", "line"),)][:rows]
