"""One sender's candidacy for sending, as a table: what the session, the election and the fence say in, what to tell out. No I/O, no clock.

Candidates stand in a row in ZooKeeper, in the order of their coming; the first is the leader once its number stands in the fence.
A pair that is not in the table changes nothing: what is said of a connection that is gone is late, and late words are harmless.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, NamedTuple


class State(Enum):
    AWAY = "away"  # no session: none yet, or it expired, and our place in the row with it
    UNSURE = "unsure"  # the connection is lost; whether the session lives will be seen when it is back
    JOINING = "joining"  # connected; our place in the row is not known
    STANDBY = "standby"
    FENCING = "fencing"  # first in the row; the fence does not show our number yet
    LEADER = "leader"


class Connected(NamedTuple):
    pass


class Suspended(NamedTuple):
    """The connection broke; nobody knows yet whether the session will outlive that."""


class Expired(NamedTuple):
    pass


class Missing(NamedTuple):
    """We have no place in the row: we never had one, or somebody took it away."""


class Behind(NamedTuple):
    """`ahead`: who is first, in its own words."""

    number: int
    ahead: str


class First(NamedTuple):
    number: int


class Fenced(NamedTuple):
    """The fence shows our number."""

    number: int


class Refused(NamedTuple):
    """The fence shows a later number than ours."""

    number: int
    holder: str


class Unfenced(NamedTuple):
    """The fence can be neither read nor written."""

    error: str


Event = Connected | Suspended | Expired | Missing | Behind | First | Fenced | Refused | Unfenced

_CONNECTED: Final = (State.JOINING, State.STANDBY, State.FENCING, State.LEADER)

NEXT: Final[Mapping[tuple[State, type[Event]], State]] = {
    (State.AWAY, Connected): State.JOINING,
    (State.UNSURE, Connected): State.JOINING,
    (State.UNSURE, Expired): State.AWAY,
    **{(state, Suspended): State.UNSURE for state in _CONNECTED},
    **{(state, Expired): State.AWAY for state in _CONNECTED},
    **{(state, Connected): State.JOINING for state in _CONNECTED},  # it broke and came back before we heard of the first
    **{(state, Missing): State.JOINING for state in _CONNECTED},
    **{(state, Behind): State.STANDBY for state in _CONNECTED},
    (State.JOINING, First): State.FENCING,
    (State.STANDBY, First): State.FENCING,
    (State.FENCING, First): State.FENCING,
    (State.LEADER, First): State.LEADER,
    (State.FENCING, Fenced): State.LEADER,
    (State.LEADER, Fenced): State.LEADER,
    (State.FENCING, Refused): State.FENCING,
    (State.FENCING, Unfenced): State.FENCING,
    (State.LEADER, Refused): State.FENCING,
    (State.LEADER, Unfenced): State.FENCING,
}


class Tell(NamedTuple):
    """To the operator."""

    severity: str
    text: str


class Candidacy:
    """`number` is that of our place in the row, None while we have none; a later place has a greater one."""

    def __init__(self) -> None:
        self.state = State.AWAY
        self.number: int | None = None
        self.why: str | None = None  # why we do not send; None while we do
        self._term: int | None = None  # the last that we led
        self._has_new_term = False

    def feed(self, event: Event) -> list[Tell]:
        was = self.state
        following = NEXT.get((was, type(event)))
        if following is None:
            return []
        self.state = following
        match event:
            case Behind(number, _) | First(number):
                self.number = number
            case Missing() | Expired():
                self.number = None
        why = self.why
        if not (isinstance(event, First) and was is State.FENCING):  # what the fence said still holds
            self.why = _why(event, following)
        if following is State.LEADER:
            return self._lead() if was is not State.LEADER else []
        if was is State.LEADER:
            return [Tell("warning", f"sends no longer: {self.why}")]
        return [Tell("critical", self.why)] if isinstance(event, Refused | Unfenced) and self.why and self.why != why else []

    def _lead(self) -> list[Tell]:
        if self.number == self._term:
            return [Tell("info", f"sends again, still in term {self.number}")]
        self._term, self._has_new_term = self.number, True
        return [Tell("info", f"this relay sends now, in term {self.number}")]

    def take_new_term(self) -> bool:
        """True once after each term that began."""
        is_new = self._has_new_term and self.state is State.LEADER
        self._has_new_term = self._has_new_term and not is_new
        return is_new


def _why(event: Event, state: State) -> str | None:
    match event:
        case Suspended():
            return "the connection to ZooKeeper is lost"
        case Expired():
            return "the session with ZooKeeper expired"
        case Missing():
            return "it has no place in the election"
        case Behind(_, ahead):
            return f"{ahead} sends"
        case Refused(number, holder):
            return (
                f"the fence is at term {number} of {holder}, later than any that ZooKeeper gives us; if its data was replaced, "
                "make sure that no other relay sends and remove the fence file"
            )
        case Unfenced(error):
            return error
        case Fenced():
            return None
    return None if state is State.LEADER else "the election is not over"
