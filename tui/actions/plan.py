"""The vocabulary of actions: a question, the commands that follow from yes, or why not. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from tui.format import number, visible

SAMPLES = 5  # names a question lists before it says how many more there are

Argument = str | int | float | bool | None


class Send(NamedTuple):
    """One command for the link."""

    target: str
    verb: str
    arguments: dict[str, Argument]
    expect: dict[str, Argument]


class Act(NamedTuple):
    """A question and what follows from yes. Tier 1 is one harmless thing (y/N), tier 2 shows what it will touch (Cancel is chosen)."""

    title: str
    lines: tuple[str, ...]
    yes: str
    sends: tuple[Send, ...]
    tier: int = 2


class Refused(NamedTuple):
    """Why not."""

    reason: str


READ_ONLY = "read-only: :write 10m allows actions for a while; --write or console.write: true always"


def samples(names: Sequence[str]) -> tuple[str, ...]:
    more = len(names) - SAMPLES
    return (*(f"  {visible(name)}" for name in names[:SAMPLES]), *([f"  and {number(more)} more"] if more > 0 else []))
