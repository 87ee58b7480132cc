"""How bad each state and verdict is, and how it is written: glyph, word and colour together, so that none carries it alone. Pure.

`monitor.severity` decides what counts as a problem, and a test holds this file to it: here is only how a word looks.
A word nobody has listed is shown as unknown.
"""

from typing import NamedTuple

from tui.pane import Cell, Role


class Look(NamedTuple):
    glyph: str
    role: Role
    rank: int  # 0 is worst: what a table shows on top


CRIT = Look("✖", "crit", 0)
WARN = Look("▴", "warn", 1)
ODD = Look("?", "dim", 3)  # not known: neither good nor bad
FINE = Look(" ", "", 4)
QUIET = Look(" ", "dim", 5)

LOOKS: dict[str, Look] = {
    # sources
    "ok": FINE,
    "stale": WARN,
    "down": CRIT,
    "denied": CRIT,
    "unconfigured": QUIET,
    # receivers, senders and connections of the relay
    "listening": FINE,
    "idle": FINE,
    "sending": FINE,
    "open": FINE,
    "reading": FINE,
    "answering": FINE,
    "storing": FINE,
    "waiting": FINE,
    "waiting for an answer": FINE,
    "connecting": FINE,
    "closing": QUIET,
    "ending": QUIET,
    "peer does not read": WARN,
    "forwarding": FINE,
    "standby": QUIET,
    "lost": WARN,
    "paused": WARN,
    "draining": WARN,
    "backing_off": WARN,
    "probing": CRIT,
    "disk_full": CRIT,
    "failed": CRIT,
    # topics
    "warn": WARN,
    "crit": CRIT,
    "empty": QUIET,
    "unparsable": ODD,
    "leaderless": CRIT,
    "unknown": ODD,
    # partitions and records
    "emptied": QUIET,
    "no record": QUIET,
    "tombstone": Look("▾", "dim", 4),
    "marker": QUIET,
    "markers": QUIET,
    "aborted": Look("▴", "warn", 2),
    "not text": ODD,
    "binary": ODD,
    "large": Look("▪", "dim", 4),
    "cut": Look("▪", "dim", 4),
    "hole": QUIET,
    "ahead": WARN,
    "silent": WARN,
    "deleted": CRIT,
    "recreated": WARN,
    "new": FINE,
    # Kafka groups
    "stable": FINE,
    "preparing_rebalance": WARN,
    "completing_rebalance": WARN,
    "assigning": WARN,
    "reconciling": WARN,
    "dead": CRIT,
    # consumers
    "OK": FINE,
    "STALLED": CRIT,
    "STOPPED": CRIT,
    "REWOUND": CRIT,
    "FALLING_BEHIND": WARN,
    "IDLE": QUIET,
    "UNKNOWN": ODD,
    # agents
    "SUSPECT": WARN,
    "LEAK": WARN,
    "THRASHING": CRIT,
    "HANG": CRIT,
    "STUCK": CRIT,
    "SILENT": ODD,
    "ENDED": QUIET,
    # subscribers, connections and networks of a broker
    "SLOW": WARN,
    "BLOCKED": WARN,
    "OFFLINE": WARN,
    # what is done to a queue
    "running": Look("▸", "accent", 4),
    "done": QUIET,
    "cancelled": QUIET,
    # queues
    "GROWING": WARN,
    "NO_CONSUMER": CRIT,
    "DLQ": WARN,
    "PAUSED": WARN,
}

# Words that say more to an operator than the names of states do.
_SPOKEN = {
    "probing": "DOWN",
    "lost": "UNDECIDED",
    "backing_off": "RETRYING",
    "peer does not read": "UNREAD",
    "waiting for an answer": "WAITING",
    "crit": "LATE",
    "warn": "AGING",
    "ok": "OK",
}


def look(word: str) -> Look:
    return LOOKS.get(word, ODD)


def spoken(word: str) -> str:
    return _SPOKEN.get(word, word.upper().replace("_", " "))


def verdict(word: str) -> Cell:
    """`✖ STALLED`, `▴ GROWING`, `  OK`."""
    seen = look(word)
    return Cell(f"{seen.glyph} {spoken(word)}", seen.role, seen.rank)


def rank(word: str) -> int:
    return look(word).rank
