"""Runs of young collections that are written one a line: found in a block of lines, and checked to be nothing more than that. Pure.

A pattern takes every line of a block apart, into the fields of such a collection or into one field that is filled only for all other lines.
What is then compared and summed is whole columns, at the speed of the interpreter's own loops.
"""

from collections.abc import Iterator, Sequence
from operator import le
from typing import NamedTuple

from backends.gclog.parsing import stamps

Rows = list[tuple[bytes, ...]]

SAMPLE = 16 << 10  # bytes of a block that show whether runs are to be expected in it
DENSE = 2  # lines for each young collection in it, at most
LEAST = 8  # lines of a run; shorter ones cost more than they save


def is_dense(block: bytes, word: bytes) -> bool:
    """Whether it is worth looking for runs: `word` stands in each young collection."""
    return block.count(b"\n", 0, SAMPLE) <= DENSE * block.count(word, 0, SAMPLE)


def segments(rows: Rows, other: int) -> Iterator[tuple[bool, Rows]]:
    """(whether these are young collections of one line each, the rows), in order. `other`: the field of all other lines."""
    start = waiting = 0  # where the lines at hand begin, and where those that go with what is no run
    for end in [*(index for index, row in enumerate(rows) if row[other]), len(rows)]:
        if end - start >= LEAST:
            if start > waiting:
                yield False, rows[waiting:start]
            yield True, rows[start:end]
            waiting = end
        start = end + 1
    if waiting < len(rows):
        yield False, rows[waiting:]


class Last(NamedTuple):
    """The stamp of a run's last line; None where its lines have no stamps."""

    at: float | None


def last_stamp(column: Sequence[bytes], before: float | None) -> Last | None:
    """None when the clock of these lines, uptimes or dates, does not rise from what was `before`: then it is no run."""
    if not column[0]:
        return None if any(column) else Last(None)
    if not all(column):
        return None
    found = _of_dates(column) if b"T" in column[0] else _of_uptimes(column)
    if found is None or (before is not None and found[0] < before - stamps.BACKWARDS_S):
        return None
    return Last(found[1])


def _of_uptimes(column: Sequence[bytes]) -> tuple[float, float] | None:
    """The first and the last."""
    ats = list(map(float, column))
    return (ats[0], ats[-1]) if all(map(le, ats, ats[1:])) else None


def _of_dates(column: Sequence[bytes]) -> tuple[float, float] | None:
    """Dates of one length and zone are in the order of their letters."""
    if not all(map(le, column, column[1:])) or len(set(map(len, column))) > 1 or len({date.rstrip(b" :]")[-5:] for date in column}) > 1:
        return None
    first, last = stamps.wall_of(column[0]), stamps.wall_of(column[-1])
    return None if first is None or last is None else (first, last)
