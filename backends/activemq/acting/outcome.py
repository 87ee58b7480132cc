"""What came of an action: the sentences for an answer that was lost and for one that refused. Pure."""

from msgspec import Struct

from backends.activemq.operations import Stopped
from backends.broker import JobState


class Outcome(Struct, frozen=True):
    """`is_whole`: all that was asked for was done, and is known to be."""

    state: JobState
    text: str
    is_whole: bool = True


def lost(verb: str, queue: str, stop: Stopped, now: str, known: str = "") -> Outcome:
    """`now`: what was read afterwards. Nobody but the operator may decide what it means."""
    known = f"; {known}" if known else ""
    return Outcome("unknown", f"unknown: no answer to {verb} of '{queue}' ({stop.text}){known}; {now}: look before you do it again", False)


def stopped(stop: Stopped) -> Outcome:
    return Outcome("failed", f"{stop.text}; nothing was done", False)
