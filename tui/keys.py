"""Every key of the console as data: dispatch, the hints, the help screen and docs/keys.md are made from this table. No Textual.

A key is written as the character it types, or by its name (`enter`, `pageup`, `ctrl+l`). Keys that lose something are on Shift with a
letter that a Korean input method cannot send. Ctrl-A, B (tmux, screen), S, Q (flow control), W (browsers) are left alone.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from tui.line import Line, Piece

# move: wherever there is something to move in; rows: in a list and in a page; the name of a pane: there, in its list and its pages
# messages, message: on the page with messages of a queue, or with one of them, too; tabs: in a list whose pane has tabs
Where = Literal["anywhere", "move", "rows", "list", "detail", "relay", "topics", "offsets", "queues", "tabs", "messages", "message"]


class Key(NamedTuple):
    keys: tuple[str, ...]
    action: str  # the console's `do_ACTION`
    text: str  # what it does, for the help
    where: Where = "list"
    short: str = ""  # for the line of hints; "" is not hinted
    argument: str = ""


KEYS: tuple[Key, ...] = (
    Key(("j", "down"), "down", "next row", "move"),
    Key(("k", "up"), "up", "row before", "move"),
    Key(("pagedown", "ctrl+d"), "page_down", "a screenful down", "move"),
    Key(("pageup", "ctrl+u"), "page_up", "a screenful up", "move"),
    Key(("g", "home"), "first", "first row", "move"),
    Key(("G", "end"), "last", "last row", "move"),
    Key(("enter",), "open", "look into the row", "move", short="open"),
    Key(("escape", "backspace"), "back", "back: out of the page, the filter, the marks", "anywhere"),
    Key(("/",), "filter", "filter: a regular expression, !what does not match, ~letters in order", short="filter"),
    Key(("o",), "sort_next", "order by the next column", short="sort"),
    Key(("O",), "sort_reverse", "reverse the order"),
    Key(("space",), "mark", "mark the row", short="mark"),
    Key(("v",), "mark_range", "mark from here; again at the other end"),
    Key(("*",), "mark_invert", "invert the marks"),
    Key(("t",), "form", "the next form: of a value text, JSON or hex, of a chart blocks or braille", "detail", short="form"),
    Key(("z",), "zoom", "show or hide the detail beside the list; in the detail, the list beside it", "rows"),
    Key(("c",), "cross", "the consumers of this topic, in Offsets", "topics", short="consumers"),
    Key(("c",), "cross", "the topic of this consumer, in Topics", "offsets", short="topic"),
    Key(("y",), "copy", "copy: the row, all that are marked, or the value on the page", "rows", short="copy"),
    Key(("w",), "save", "write to a file: the table, the rows that are marked, or the page", "rows", short="write"),
    Key(("r",), "resend", "send the failed file again, or all that are marked", "relay", short="resend"),
    Key(("R",), "resend_all", "send all failed files of this sender again", "relay"),
    Key(("P",), "pause_relay", "pause the receiver or sender, or let it go on", "relay", short="pause it"),
    Key(("D",), "drain_relay", "drain the receiver or sender: finish, publish, stay paused", "relay", short="drain"),
    Key(("X",), "disconnect", "disconnect the connection", "relay", short="disconnect"),
    Key(("space",), "mark", "mark the message", "messages", short="mark"),
    Key(("v",), "mark_range", "mark from here; again at the other end", "messages"),
    Key(("*",), "mark_invert", "invert the marks", "messages"),
    Key(("s",), "selector", "only those that a selector finds (SQL 92); an empty one leads back to all", "messages", short="selector"),
    Key(("/",), "text", "only those that hold a text; an empty one leads back to all", "messages", short="text"),
    Key(("D",), "on_queue", "remove the message, or all that are marked", "message", short="remove", argument="remove"),
    Key(("h", "left"), "previous_tab", "tab before", "tabs"),
    Key(("l", "right"), "next_tab", "next tab", "tabs", short="next tab"),
    Key(("b",), "browse", "browse the messages of the queue", "queues", short="browse"),
    Key(("S",), "on_queue", "send a message to the queue", "queues", short="send", argument="send"),
    Key(("M",), "on_queue", "move messages to another queue: all, some, or those that are marked", "queues", short="move", argument="move"),
    Key(("C",), "on_queue", "copy messages to another queue: all, some, or those that are marked", "queues", argument="copy"),
    Key(("R",), "on_queue", "send dead letters back to where they came from", "queues", short="retry", argument="retry"),
    Key(("P",), "on_queue", "pause the queue, or let it go on", "queues", argument="pause"),
    Key(("n",), "on_queue", "create a queue", "queues", argument="create"),
    Key(("X",), "on_queue", "purge the queue: all of its messages are lost", "queues", short="purge", argument="purge"),
    Key(("D",), "on_queue", "delete the queue", "queues", short="delete", argument="delete"),
    Key(("x",), "cancel_job", "cancel what is being done to the queue; what was done of it stays done", "queues"),
    Key(("c",), "cross", "from a queue to who reads it, and from there to what it reads, in another tab", "queues"),
    Key(("tab",), "next_pane", "next pane", "anywhere"),
    Key(("shift+tab",), "previous_pane", "pane before", "anywhere"),
    Key((":",), "command", "type a command; Tab completes it", "anywhere", short="command"),
    Key(("?", "f1"), "help", "these keys", "anywhere", short="help"),
    Key(("p",), "pause", "pause the screen; the data is still collected", "anywhere", short="pause"),
    Key(("f5", "ctrl+r"), "refresh", "ask every source now; on a page, ask again what it shows", "anywhere"),
    Key(("q",), "quit", "back; from a pane, quit", "anywhere", short="quit"),
    Key(("ctrl+c",), "interrupt", "cancel; twice within 2 s quits", "anywhere"),
    Key(("ctrl+l",), "redraw", "draw the whole screen anew", "anywhere"),
    Key(("ctrl+z",), "suspend", "back to the shell; fg returns", "anywhere"),
)

NAMES = {"space": "Space", "enter": "Enter", "escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "shift+tab": "Shift-Tab", "tab": "Tab"}
ARROWS = {"up": "↑", "down": "↓", "left": "←", "right": "→"}


def pane_keys(panes: Iterable[tuple[str, str, str]]) -> tuple[Key, ...]:
    """One for each pane: of its key, name and title."""
    return tuple(Key((key,), "pane", title, "anywhere", argument=name) for key, name, title in panes)


def label(key: str) -> str:
    """As people write it: `Ctrl-L`, `PgDn`, `↓`."""
    if key.startswith("ctrl+"):
        return "Ctrl-" + key.removeprefix("ctrl+").upper()
    return ARROWS.get(key) or NAMES.get(key) or (key.capitalize() if len(key) > 1 else key)


def labels(key: Key) -> str:
    return " ".join(label(name) for name in key.keys)


def live(keys: Iterable[Key], where: Iterable[str]) -> list[Key]:
    """Those that work there, most particular first; a key that means something more particular there does not mean the other."""
    places = tuple(where)
    found: list[Key] = []
    taken: set[str] = set()
    for key in (key for place in places for key in keys if key.where == place):
        if not taken.issuperset(key.keys):
            found.append(key)
            taken.update(key.keys)
    return found


def find(keys: Iterable[Key], pressed: str) -> Key | None:
    return next((key for key in keys if pressed in key.keys), None)


def hints(keys: Iterable[Key]) -> Line:
    return tuple(piece for key in keys for piece in (Piece(f" {label(key.keys[0])}", "key"), Piece(f" {key.short} ", "hint")))
