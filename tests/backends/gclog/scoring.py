"""What is said of a made trace while it is followed: false words, what was missed, how often it changed its mind."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from backends.agent import HeapVerdict
from backends.gclog.events import Collected, Event
from backends.gclog.judging.account import Account
from backends.gclog.judging.verdict import rule
from tests.backends.gclog.traces import Trace

EVERY = 25  # events between two looks; and after each full collection
RANK = {"HANG": 3, "STUCK": 3, "THRASHING": 2, "LEAK": 2, "SUSPECT": 1}


class Score(NamedTuple):
    looks: int
    false_looks: int
    false_words: tuple[HeapVerdict, ...]
    is_said: bool  # what must be said was said
    first_at: float | None  # when for the first time
    flaps: int  # times that what must be said was taken back
    left: float | None  # how much of the capacity was free when it was said first


def looks(events: Sequence[Event]) -> list[tuple[Event, HeapVerdict]]:
    account, said = Account(), []
    for number, event in enumerate(events):
        account.note(event)
        if number % EVERY == 0 or (isinstance(event, Collected) and event.kind in ("full", "degenerated")):
            said.append((event, rule(account.findings()).verdict))
    return said


def score(trace: Trace, seed: int) -> Score:
    said = looks(list(trace.events(seed)))
    wrong = [verdict for event, verdict in said if verdict not in ("OK", "UNKNOWN", *trace.allowed) and _at(event) >= trace.learns_s]
    right = [verdict == trace.must for _, verdict in said]
    first = next((event for (event, _), is_right in zip(said, right, strict=True) if is_right), None)
    flaps = sum(before and not after for before, after in pairwise(right)) if trace.must else 0
    at = getattr(first, "at", None)
    return Score(len(said), len(wrong), tuple(sorted(set(wrong))), any(right), at, flaps, _free(first))


def _at(event: Event) -> float:
    """Infinite where the log has no times: there is nothing to learn."""
    at = getattr(event, "at", None)
    return math.inf if at is None else float(at)


def _free(event: Event | None) -> float | None:
    old = event.old if isinstance(event, Collected) else None
    if old is None or old.after_kib is None or not old.capacity_kib:
        return None
    return 1 - old.after_kib / old.capacity_kib
