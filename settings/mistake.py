"""A mistake of an operator, and where in the file it stands."""

from typing import NamedTuple


class Place(NamedTuple):
    """Counted from 1, as editors do."""

    line: int
    column: int


class Mistake(NamedTuple):
    place: Place
    path: str  # kafka[0].limits[1].warn; "" is the file itself
    text: str
