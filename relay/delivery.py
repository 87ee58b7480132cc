"""The state machine of sending to one destination: what happened in, what to do out. No sockets, no files, no clock, no randomness.

A destination is UP, BACKING_OFF after a failed try, or PROBING with one file; a file is QUEUED, CLAIMED, SENT, and then archived, failed,
or QUEUED again. Both tables stand below; a pair that is not in them is a bug.
A failed try puts the destination into back-off, not every file through its tries. A file is at fault, and ends in failed/ after its
retries, only if it fails alone: another file was answered while it was not, or nothing else has failed when the next one is answered.
While one file keeps the only place, every few probes are made with the next file, or one poisoned record would block all for ever.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, NamedTuple

from relay.config import Backoff, Codes

PROBE_ANOTHER_EVERY: Final = 3  # of the probes after the oldest file has used its retries, one is made with the next file


class Destination(Enum):
    UP = "up"
    BACKING_OFF = "backing_off"
    PROBING = "probing"


class Result(Enum):
    SUCCEEDED = "succeeded"  # the partner answered, yes or no: it is alive
    FAILED = "failed"
    DUE = "due"  # the pause is over
    NOTHING = "nothing"  # the file was gone or unfit: nothing was learned


NEXT: Final = {
    (Destination.UP, Result.SUCCEEDED): Destination.UP,
    (Destination.UP, Result.FAILED): Destination.BACKING_OFF,
    (Destination.BACKING_OFF, Result.SUCCEEDED): Destination.UP,  # of another file that was already on its way
    (Destination.BACKING_OFF, Result.FAILED): Destination.BACKING_OFF,
    (Destination.BACKING_OFF, Result.DUE): Destination.PROBING,
    (Destination.PROBING, Result.SUCCEEDED): Destination.UP,
    (Destination.PROBING, Result.FAILED): Destination.BACKING_OFF,
    (Destination.UP, Result.NOTHING): Destination.UP,
    (Destination.BACKING_OFF, Result.NOTHING): Destination.BACKING_OFF,
    (Destination.PROBING, Result.NOTHING): Destination.BACKING_OFF,
}


class File(Enum):
    QUEUED = "queued"
    CLAIMED = "claimed"  # chosen: to be claimed, connected and sent
    SENT = "sent"
    ARCHIVED = "archived"
    FAILED = "failed"


class Step(Enum):
    CHOSEN = "chosen"
    SENT = "sent"
    GONE = "gone"  # another relay took it, or its owner took it back
    UNFIT = "unfit"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    BROKEN = "broken"  # no answer to be believed
    GIVEN_UP = "given up"


NEXT_FILE: Final = {
    (File.QUEUED, Step.CHOSEN): File.CLAIMED,
    (File.QUEUED, Step.GIVEN_UP): File.FAILED,
    (File.CLAIMED, Step.GONE): File.QUEUED,
    (File.CLAIMED, Step.UNFIT): File.FAILED,
    (File.CLAIMED, Step.SENT): File.SENT,
    (File.CLAIMED, Step.BROKEN): File.QUEUED,
    (File.SENT, Step.BROKEN): File.QUEUED,
    (File.SENT, Step.ACCEPTED): File.ARCHIVED,
    (File.SENT, Step.REFUSED): File.FAILED,
}


# What happened.


class Sent(NamedTuple):
    name: str


class Gone(NamedTuple):
    name: str


class Unfit(NamedTuple):
    name: str
    reason: str


class Answered(NamedTuple):
    """By a well-formed answer with the right process number."""

    name: str
    code: int


class Broken(NamedTuple):
    """No such answer. `is_behind`: it was not this file's fault, another one's answer broke the connection they shared."""

    name: str
    error: str
    is_behind: bool = False


Event = Sent | Gone | Unfit | Answered | Broken


# What to do.


class Attempt(NamedTuple):
    """Claim it, send it, wait for its answer."""

    name: str


class Archive(NamedTuple):
    name: str


class Fail(NamedTuple):
    """`is_queued`: it waits in the outbox and is to be claimed first."""

    name: str
    tries: int
    first_try_at: float | None
    last_try_at: float | None
    last_code: int | None
    last_error: str | None
    is_queued: bool


class Release(NamedTuple):
    """Back into the outbox."""

    name: str


Action = Attempt | Archive | Fail | Release


class _Tries:
    """What we know of one file. Epoch seconds."""

    def __init__(self) -> None:
        self.state = File.QUEUED
        self.tries = 0
        self.failures = 0  # since the destination's last success: whose fault they were is not known yet
        self.alone = 0  # tries that failed while nothing else did, and others succeeded
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.code: int | None = None
        self.error: str | None = None
        self.not_before = 0.0


class Delivery:
    """`jitter` gives a factor around 1. Feed it what happened, ask `choose` what may start, `wake_at` when to ask again."""

    def __init__(
        self,
        codes: Codes,
        backoff: Backoff,
        *,
        retries: int,
        parallel: int,
        is_strict: bool,
        gives_up: bool,
        jitter: Callable[[], float],
    ) -> None:
        self._codes = codes
        self._backoff = backoff
        self._retries = retries
        self._parallel = 1 if is_strict else parallel
        self._is_strict = is_strict
        self._gives_up = gives_up
        self._jitter = jitter
        self._queue: list[str] = []  # oldest first, as the last scan found them
        self._tries: dict[str, _Tries] = {}  # of files in flight, and of those that failed before
        self._in_flight: set[str] = set()
        self._failing: set[str] = set()  # files that failed since the last success
        self._probes = 0
        self._failures = 0  # back-offs in a row
        self._due_at = 0.0
        self._alive_at: float | None = None  # the last time the partner answered
        self.state = Destination.UP
        self.retries = 0  # tries after the first of a file, since the start
        self.sent = 0
        self.failed = 0
        self.last_error: str | None = None
        self.last_sent_at: float | None = None

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def first(self) -> str | None:
        """The oldest that waits."""
        return self._queue[0] if self._queue else None

    @property
    def next_try_at(self) -> float | None:
        return self._due_at if self.state is Destination.BACKING_OFF else None

    def offer(self, names: Iterable[str]) -> None:
        """The files that wait, oldest first: a new scan. Files that are gone are forgotten."""
        self._queue = [name for name in names if name not in self._in_flight]
        known = {*self._queue, *self._in_flight}
        for name in [name for name in self._tries if name not in known]:
            del self._tries[name]
            self._failing.discard(name)

    def choose(self, now: float) -> list[Action]:
        """What may start now."""
        if self._gives_up:
            return [self._begin(name, now) for name in self._ready(now)[: self._parallel - len(self._in_flight)]]
        if self.state is Destination.BACKING_OFF and now >= self._due_at and self._queue and not self._in_flight:
            self._turn(Result.DUE)
            return [self._begin(self._probe(), now)]
        if self.state is not Destination.UP:
            return []
        ready = self._queue[:1] if self._is_strict else self._ready(now)
        if self._is_strict and ready and self._not_before(ready[0]) > now:
            return []
        return [self._begin(name, now) for name in ready[: self._parallel - len(self._in_flight)]]

    def wake_at(self, now: float) -> float | None:
        """When `choose` will have something that it has not now, if nothing happens before."""
        if self.state is Destination.BACKING_OFF and not self._gives_up:
            return self._due_at if self._queue and not self._in_flight else None
        later = [at for name in self._queue if (at := self._not_before(name)) > now]
        return min(later, default=None)

    def feed(self, event: Event, now: float) -> list[Action]:
        found = self._tries[event.name]
        if isinstance(event, Sent):
            found.state = NEXT_FILE[found.state, Step.SENT]
            return []
        self._in_flight.discard(event.name)
        match event:
            case Gone(name):
                found.state = NEXT_FILE[found.state, Step.GONE]
                del self._tries[name]
                self._failing.discard(name)
                self._turn(Result.NOTHING)
                return []
            case Unfit(name, reason):
                found.state = NEXT_FILE[found.state, Step.UNFIT]
                found.error = reason
                found.tries, found.first_at, found.last_at = 0, None, None
                self._turn(Result.NOTHING)
                return [self._fail(name)]
            case Answered(name, code):
                return self._answered(name, code, now)
            case Broken(name, error, is_behind):
                return self._broken(name, error, None, now, is_behind=is_behind)

    def _answered(self, name: str, code: int, now: float) -> list[Action]:
        found = self._tries[name]
        found.code = code
        codes = self._codes
        if code == codes.accepted:
            found.state = NEXT_FILE[found.state, Step.ACCEPTED]
            self.sent += 1
            self.last_sent_at = now
            del self._tries[name]
            return [Archive(name), *self._alive(name, now)]
        permanent = {codes.wrong_type, codes.columns, codes.length, codes.encoding, codes.conflict, codes.too_long}
        if code in permanent or (400 <= code < 500 and code not in (codes.busy, codes.storage)):
            found.state = NEXT_FILE[found.state, Step.REFUSED]
            found.error = self.last_error = f"refused with {code}"
            return [self._fail(name), *self._alive(name, now)]
        meaning = {codes.busy: " (too busy)", codes.storage: " (cannot store)"}.get(code, "")
        return self._broken(name, f"answered {code}{meaning}", code, now, is_behind=False)

    def _alive(self, name: str, now: float) -> list[Action]:
        """The partner answered for this file."""
        self._alive_at = now
        self._turn(Result.SUCCEEDED)
        self._failures = self._probes = 0
        self._failing.discard(name)
        is_alone = len(self._failing) == 1  # several that failed together: that was the partner, not the files
        actions: list[Action] = []
        for other in self._failing.copy():
            found = self._tries[other]
            found.alone += found.failures if is_alone else 0
            found.failures = 0
            if found.alone > self._retries and found.state is File.QUEUED:
                found.state = NEXT_FILE[found.state, Step.GIVEN_UP]
                self._queue.remove(other)
                actions.append(self._fail(other, is_queued=True))
        self._failing.clear()
        return actions

    def _broken(self, name: str, error: str, code: int | None, now: float, *, is_behind: bool) -> list[Action]:
        found = self._tries[name]
        found.state = NEXT_FILE[found.state, Step.BROKEN]
        found.error = self.last_error = error
        found.code = code if code is not None else found.code
        if is_behind:
            found.tries -= 1
            self._put_back(name)
            return [Release(name)]
        if self.state is Destination.UP and self._alive_at is not None and found.last_at is not None and self._alive_at > found.last_at:
            found.alone += 1  # others were answered meanwhile
        else:
            found.failures += 1
            self._failing.add(name)
            self._back_off(now)
        found.not_before = now + self._pause(found.tries)
        if found.alone > self._retries or (self._gives_up and found.tries > self._retries):
            found.state = NEXT_FILE[File.QUEUED, Step.GIVEN_UP]
            return [self._fail(name)]
        self._put_back(name)
        return [Release(name)]

    def _back_off(self, now: float) -> None:
        """Files that were on their way when the pause began do not lengthen it."""
        if self.state is not Destination.BACKING_OFF:
            self._turn(Result.FAILED)
            self._failures += 1
            self._due_at = now + self._pause(self._failures)

    def _put_back(self, name: str) -> None:
        """To the front: what was chosen was the oldest. The next scan puts it in its exact place."""
        if name not in self._queue:
            self._queue.insert(0, name)

    def _fail(self, name: str, *, is_queued: bool = False) -> Fail:
        found = self._tries.pop(name)
        self._failing.discard(name)
        self.failed += 1
        self.last_error = f"{name}: {found.error}"
        return Fail(name, found.tries, found.first_at, found.last_at, found.code, found.error, is_queued)

    def _begin(self, name: str, now: float) -> Attempt:
        found = self._tries.setdefault(name, _Tries())
        found.state = NEXT_FILE[found.state, Step.CHOSEN]
        found.tries += 1
        found.first_at = found.first_at or now
        found.last_at = now
        self.retries += found.tries > 1
        self._queue.remove(name)
        self._in_flight.add(name)
        return Attempt(name)

    def _probe(self) -> str:
        """The oldest; now and then the next one, once the oldest has used its retries."""
        oldest = self._queue[0]
        found = self._tries.get(oldest)
        if self._is_strict or len(self._queue) < 2 or found is None or found.alone + found.failures <= self._retries:
            return oldest
        self._probes += 1
        return self._queue[1] if self._probes % PROBE_ANOTHER_EVERY == 0 else oldest

    def _ready(self, now: float) -> list[str]:
        room = self._parallel - len(self._in_flight)
        found: list[str] = []
        for name in self._queue:
            if len(found) >= room:
                break
            if self._not_before(name) <= now:
                found.append(name)
        return found

    def _not_before(self, name: str) -> float:
        found = self._tries.get(name)
        return found.not_before if found else 0.0

    def _turn(self, result: Result) -> None:
        self.state = NEXT[self.state, result]

    def _pause(self, count: int) -> float:
        limits = self._backoff
        grown = limits.first * limits.factor ** min(count - 1, 60)
        return min(grown, limits.max) * self._jitter()
