"""Conversations with a session, written down: `assert play(desk) >> Received(b"...") << Store(b"...") >> Stored() << Send(b"...")`.

`>>` is what happens, `<<` is what the session must ask for next, and the assertion holds when it asked for nothing else.
A `Desk` stands for the receiver behind the sessions: it has the duplicates, gathers batches, and decides them when told to.
"""

from typing import NamedTuple

from relay.config import Codes, ReceiverTimeouts, Records
from relay.receiving.intake import Intake
from relay.receiving.session import Action, Do, Keep, Run, Send, Session
from relay.receiving.session import Store as StoreAction
from relay.record import Layout
from relay.storage.commit import NONE, Refusals
from relay.storage.seen import Seen

PAUSE, RESUME, FINISH, CLOSE, ABORT = Do.PAUSE, Do.RESUME, Do.FINISH, Do.CLOSE, Do.ABORT
__all__ = ["ABORT", "CLOSE", "FINISH", "PAUSE", "RESUME", "Keep", "Send"]


class Received(NamedTuple):
    data: bytes


class Ended(NamedTuple):
    pass


class Stored(NamedTuple):
    """The oldest batch that is not decided is on disk."""


class Lost(NamedTuple):
    """The oldest batch that is not decided is not stored, and never will be."""


class Refused(NamedTuple):
    """The oldest batch that is not decided is stored, but for the records with these numbers."""

    codes: dict[bytes, int]


class Kicked(NamedTuple):
    """The batch that collects goes to the disk; what comes now is in the next one."""


class Later(NamedTuple):
    """Time passes, and the sweep comes by."""

    seconds: float
    unsent: int = 0


class Blocked(NamedTuple):
    pass


class Unblocked(NamedTuple):
    pass


class Drained(NamedTuple):
    pass


class Store(NamedTuple):
    """Expected: these bytes are to be stored; b"" waits for another's record."""

    data: bytes


Event = Received | Ended | Stored | Lost | Refused | Kicked | Later | Blocked | Unblocked | Drained


class Desk:
    def __init__(self, layout: Layout | None = None, timeouts: ReceiverTimeouts | None = None, *, most: int = 1000) -> None:
        self.layout = layout or Layout(Records(), Codes())
        self.timeouts = timeouts or ReceiverTimeouts()
        self.seen = Seen(86400.0, most)
        self.intake = Intake(self.layout, self.seen)
        self.now = 1000.0
        self.batches: dict[int, list[tuple[Play, Run]]] = {}

    def kick(self) -> None:
        self.seen.begin()

    def decide(self, is_stored: bool, refusals: Refusals = NONE) -> None:
        number = min(self.batches)
        if number == self.seen.collecting:
            self.kick()
        runs = self.batches.pop(number)
        keys = [key for _, run in runs for key in run.keys]
        assert self.seen.audit(keys, [key for found in self.batches.values() for _, run in found for key in run.keys]) == 0
        if is_stored:
            self.seen.lost(number, refusals)
            self.seen.stored(number, [key for key in keys if key not in refusals], self.now)
        else:
            self.seen.lost(number, keys)
        for play, run in runs:
            play.take(play.session.settled(run, is_stored, self.now, refusals))


class Play:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.session = Session(desk.intake, desk.timeouts, desk.now)
        self.actions: list[Action] = []
        self.sent = b""
        self.stored = b""

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, StoreAction):
                self.desk.batches.setdefault(action.run.batch, []).append((self, action.run))
                self.stored += action.run.data
            elif isinstance(action, Send):
                self.sent += action.data
        self.actions += actions

    def __rshift__(self, event: Event) -> "Play":
        session, desk = self.session, self.desk
        match event:
            case Received(data):
                self.take(session.received(data, desk.now))
            case Ended():
                self.take(session.ended(desk.now))
            case Stored() | Lost() | Refused():
                desk.decide(not isinstance(event, Lost), event.codes if isinstance(event, Refused) else NONE)
            case Kicked():
                desk.kick()
            case Later(seconds, unsent):
                desk.now += seconds
                self.take(session.tick(desk.now, unsent))
            case Blocked():
                self.take(session.blocked())
            case Unblocked():
                self.take(session.unblocked(desk.now))
            case Drained():
                self.take(session.drain(desk.now))
        return self

    def __lshift__(self, expected: Send | Store | Keep | Do) -> "Play":
        assert self.actions, f"nothing more is asked for; expected {expected}"
        found = self.actions.pop(0)
        shown = Store(found.run.data) if isinstance(found, StoreAction) else found
        assert shown == expected, f"asked for {shown}, expected {expected}"
        return self

    def __bool__(self) -> bool:
        assert not self.actions, f"also asked for {self.actions}"
        return True


def play(desk: Desk | None = None) -> Play:
    return Play(desk or Desk())
