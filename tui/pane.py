"""What a pane is: columns and rows as values, made by pure functions of the store. No Textual, no clock, no I/O.

A pane is one module of `tui.panes` that defines PANE; panes are found by name, with no list to edit. The table widget places the cells,
the command line prints them: whoever places text from outside shows its control characters as symbols (`tui.format.visible`).
"""

import importlib
import pkgutil
from typing import Literal, NamedTuple, Protocol

from backends.snapshots import Kind
from monitor.store import Store

Role = Literal["", "dim", "ok", "warn", "crit", "accent", "title"]  # a theme gives each its colours; the word and glyph are in the text


class Cell(NamedTuple):
    text: str
    role: Role = ""
    sort: float | str | None = None  # what sorting compares; None: the text


class Column(NamedTuple):
    key: str
    title: str
    width: int  # cells wanted
    align: Literal["left", "right"] = "left"
    least: int = 4  # cells below which it is dropped rather than shown
    keep: int = 0  # 0 stays longest; columns with higher numbers are dropped first when the terminal is narrow
    grow: bool = False  # takes what is left over


class Row(NamedTuple):
    key: str  # identity across refreshes: cursor and marks follow it
    cells: tuple[Cell, ...]  # one for each column
    stale: bool = False  # its source is down: shown dimmed


class Section(NamedTuple):
    """A part of a detail: a title, lines of labelled facts, or a small table."""

    title: str
    facts: tuple[tuple[str, Cell], ...] = ()
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    text: str = ""


class Pane(Protocol):
    name: str  # "topics": also the command line's word
    kind: Kind | None
    key: str  # "2"
    title: str  # "Topics"
    columns: tuple[Column, ...]

    def rows(self, store: Store, now: float) -> list[Row]: ...

    def detail(self, store: Store, key: str, now: float) -> list[Section]:
        """What Enter on a row shows; empty when the row is no more."""
        ...

    def empty(self, store: Store) -> str:
        """Why there are no rows, and what to do next: not configured (how to), down (why), or really nothing."""
        ...


def panes() -> list[Pane]:
    """Every pane, in the order of their keys, overview (key 0) first."""
    import tui.panes

    found = [importlib.import_module(f"tui.panes.{info.name}") for info in pkgutil.iter_modules(tui.panes.__path__)]
    return sorted((module.PANE for module in found if hasattr(module, "PANE")), key=lambda pane: pane.key)
