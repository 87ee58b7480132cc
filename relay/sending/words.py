"""The words of sending: states of a destination and of a file, what happened, what to do. docs/relay-sender.md shows the two tables."""

from enum import Enum
from typing import Final, NamedTuple


class Destination(Enum):
    UP = "up"
    BACKING_OFF = "backing off"  # after a failed try
    PROBING = "probing"  # with one file


class Result(Enum):
    SUCCEEDED = "succeeded"  # the partner answered, yes or no: it is alive
    FAILED = "failed"
    DUE = "due"  # the pause is over
    NOTHING = "nothing"  # the file could not be sent, through no fault of the partner's: nothing was learned


NEXT: Final = {
    (Destination.UP, Result.SUCCEEDED): Destination.UP,
    (Destination.UP, Result.FAILED): Destination.BACKING_OFF,
    (Destination.UP, Result.NOTHING): Destination.UP,
    (Destination.BACKING_OFF, Result.SUCCEEDED): Destination.UP,  # of another file that was already on its way
    (Destination.BACKING_OFF, Result.FAILED): Destination.BACKING_OFF,
    (Destination.BACKING_OFF, Result.DUE): Destination.PROBING,
    (Destination.BACKING_OFF, Result.NOTHING): Destination.BACKING_OFF,
    (Destination.PROBING, Result.SUCCEEDED): Destination.UP,
    (Destination.PROBING, Result.FAILED): Destination.BACKING_OFF,
    (Destination.PROBING, Result.NOTHING): Destination.BACKING_OFF,
}


class File(Enum):
    QUEUED = "queued"
    CLAIMED = "claimed"  # chosen: to be claimed, connected and sent
    SENT = "sent"
    ARCHIVED = "archived"  # or deleted
    FAILED = "failed"


class Step(Enum):
    CHOSEN = "chosen"
    SENT = "sent"
    GONE = "gone"  # another relay took it, or its owner took it back
    CHANGED = "changed"  # since it was seen: it waits again, at its new age
    HELD = "held"  # we may not send now, are being stopped, or our disk refused: no try
    UNFIT = "unfit"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    BROKEN = "broken"  # no answer to be believed
    GIVEN_UP = "given up"


NEXT_FILE: Final = {
    (File.QUEUED, Step.CHOSEN): File.CLAIMED,
    (File.QUEUED, Step.GIVEN_UP): File.FAILED,
    (File.CLAIMED, Step.SENT): File.SENT,
    (File.CLAIMED, Step.GONE): File.QUEUED,
    (File.CLAIMED, Step.CHANGED): File.QUEUED,
    (File.CLAIMED, Step.HELD): File.QUEUED,
    (File.CLAIMED, Step.BROKEN): File.QUEUED,
    (File.CLAIMED, Step.UNFIT): File.FAILED,
    (File.SENT, Step.ACCEPTED): File.ARCHIVED,
    (File.SENT, Step.REFUSED): File.FAILED,
    (File.SENT, Step.BROKEN): File.QUEUED,
    (File.SENT, Step.HELD): File.QUEUED,
}


class Fault(Enum):
    """Whose it was that a try got no answer."""

    RECORD = "record"  # the one whose answer was waited for
    PARTNER = "partner"  # there was no connection: no record's fault
    BEHIND = "behind"  # another one's answer broke the connection they shared: not even a try


# What happened.


class Sent(NamedTuple):
    name: str


class Gone(NamedTuple):
    name: str


class Changed(NamedTuple):
    name: str
    at: float  # epoch seconds


class Held(NamedTuple):
    """`error`: of our own disk, with this file; it waits for a while."""

    name: str
    error: str | None = None


class Unfit(NamedTuple):
    """Claimed, and never to be sent."""

    name: str
    reason: str


class Answered(NamedTuple):
    """By a well-formed answer with the right process number."""

    name: str
    code: int


class Broken(NamedTuple):
    """No such answer."""

    name: str
    error: str
    fault: Fault = Fault.RECORD


Event = Sent | Gone | Changed | Held | Unfit | Answered | Broken


# What to do.


class Attempt(NamedTuple):
    """Claim it, send it, wait for its answer."""

    name: str


class Archive(NamedTuple):
    name: str


class Fail(NamedTuple):
    """Into failed/. `is_queued`: it waits in the outbox and is to be claimed first."""

    name: str
    tries: int
    first_try_at: float | None
    last_try_at: float | None
    last_code: int | None
    last_error: str | None
    is_queued: bool


class Release(NamedTuple):
    """Back into the outbox, if it was claimed."""

    name: str


Action = Attempt | Archive | Fail | Release
