"""The state machine of sending to one destination: what happened in, what to do out. No sockets, no files, no clock, no randomness.

A failed try puts the destination into back-off, not every file through its tries. A file is at fault, and ends in failed/ after its
retries, only if it fails alone: again and again another file was answered while it was not. What failed while nothing else was answered
may have been the partner, and counts once, however often it failed.
While one file keeps the only place, every few probes are made with the next file, or one poisoned record would block all for ever; not
in strict order, which says that it shall.
"""

import math
from collections.abc import Callable, Iterable
from typing import Final

from relay.config import Backoff, Codes
from relay.sending.queue import Queue
from relay.sending.tries import Tries, pause
from relay.sending.words import (
    NEXT,
    NEXT_FILE,
    Action,
    Answered,
    Archive,
    Attempt,
    Broken,
    Changed,
    Destination,
    Event,
    Fail,
    Fault,
    File,
    Gone,
    Held,
    Release,
    Result,
    Sent,
    Step,
    Unfit,
)

PROBE_ANOTHER_EVERY: Final = 3  # of the probes, once the oldest file is suspect, one is made with the next file


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
        self._permanent = {codes.wrong_type, codes.columns, codes.length, codes.encoding, codes.conflict, codes.too_long}
        self._backoff = backoff
        self._retries = retries
        self._parallel = 1 if is_strict else parallel
        self._is_strict = is_strict
        self._gives_up = gives_up
        self._jitter = jitter
        self.queue = Queue()
        self._tries: dict[str, Tries] = {}  # of files in flight, and of those that failed before
        self._in_flight: set[str] = set()
        self._paused: set[str] = set()  # they wait, and not in the queue
        self._failing: set[str] = set()
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
        return len(self.queue.known) - len(self._in_flight)

    @property
    def oldest_at(self) -> float | None:
        """Of the files that wait, when the oldest changed."""
        first = self.queue.oldest()
        return min([self.queue.known[name].at for name in self._paused] + ([first.at] if first else []), default=None)

    @property
    def next_try_at(self) -> float | None:
        return self._due_at if self.state is Destination.BACKING_OFF else None

    # Which files there are.

    def found(self, name: str, at: float) -> None:
        """A file that waits. One of a name that is known is looked at again when that one has ended."""
        if name not in self.queue.known:
            self.queue.put(name, at)

    def vanished(self, names: Iterable[str]) -> None:
        """They wait no more: somebody took them away."""
        for name in names:
            if name not in self._in_flight:
                self._forget(name)

    # What may start.

    def choose(self, now: float, before: float = math.inf) -> list[Action]:
        """Files that have not changed since `before`, which is of the same clock as their ages."""
        if self.state is Destination.BACKING_OFF and not self._gives_up:
            return self._probe(now, before) if now >= self._due_at and not self._in_flight else []
        if self.state is Destination.PROBING:
            return []
        self._wake(name for name in self._paused.copy() if self._tries[name].not_before <= now)
        if self._is_strict and self._is_blocked():
            return []
        chosen: list[Action] = []
        while len(self._in_flight) < self._parallel and (name := self.queue.take(before)) is not None:
            chosen.append(self._begin(name, now))
        return chosen

    def wake_at(self, now: float) -> float | None:
        """When `choose` will have something that it has not now, if nothing happens before; the settling of a file aside."""
        if self.state is Destination.BACKING_OFF and not self._gives_up:
            return self._due_at if self.queued and not self._in_flight else None
        return min((self._tries[name].not_before for name in self._paused), default=None)

    def _is_blocked(self) -> bool:
        """By a file that is older than the first of the queue, and has its pause."""
        first = self.queue.oldest()
        return any(first is None or self.queue.known[name] < first for name in self._paused)

    def _probe(self, now: float, before: float) -> list[Action]:
        """The oldest; now and then the next one, when the oldest may be at fault."""
        self._wake(self._paused.copy())
        name = self.queue.take(before)
        if name is None:
            return []
        if not self._is_strict and self._is_suspect(name):
            self._probes += 1
            other = self.queue.take(before) if self._probes % PROBE_ANOTHER_EVERY == 0 else None
            if other is not None:
                self.queue.put_back(name)
                name = other
        self._turn(Result.DUE)
        return [self._begin(name, now)]

    def _is_suspect(self, name: str) -> bool:
        found = self._tries.get(name)
        return found is not None and (found.alone > 0 or found.tries > self._retries)

    def _begin(self, name: str, now: float) -> Attempt:
        found = self._tries.get(name)
        if found is None:
            found = self._tries[name] = Tries()
        found.state = NEXT_FILE[found.state, Step.CHOSEN]
        found.tries += 1
        if found.first_at is None:
            found.first_at = now
        found.last_at = now
        self.retries += found.tries > 1
        self._in_flight.add(name)
        return Attempt(name)

    def recall(self) -> list[Action]:
        """All that is in flight waits again, whatever happens to it."""
        names, self._in_flight = self._in_flight, set()
        for name in names:
            self._tries[name].state = File.QUEUED
            self.queue.put_back(name)
        self._turn(Result.NOTHING)
        return [Release(name) for name in names]

    # What happened.

    def feed(self, event: Event, now: float) -> list[Action]:
        found = self._tries[event.name]
        if isinstance(event, Sent):
            found.state = NEXT_FILE[found.state, Step.SENT]
            return []
        self._in_flight.discard(event.name)
        match event:
            case Answered(name, code):
                return self._answered(name, code, now)
            case Broken():
                return self._broken(event, None, now)
            case Gone(name):
                found.state = NEXT_FILE[found.state, Step.GONE]
                self._turn(Result.NOTHING)
                self._forget(name)
                return []
            case Changed(name, at):
                self._back(name, Step.CHANGED)
                self.queue.put(name, at)
                return []
            case Held(name, error):
                self._back(name, Step.HELD)
                if error is None:
                    self.queue.put_back(name)
                else:
                    self.last_error = f"{name}: {error}"
                    self._rest(name, now + self._backoff.max)
                return [Release(name)]
            case Unfit(name, reason):
                found.state = NEXT_FILE[found.state, Step.UNFIT]
                found.error = reason
                found.tries, found.first_at, found.last_at = 0, None, None
                self._turn(Result.NOTHING)
                return [self._fail(name)]

    def _back(self, name: str, step: Step) -> None:
        """The try is taken back: it was none."""
        found = self._tries[name]
        found.state = NEXT_FILE[found.state, step]
        found.tries -= 1
        self._turn(Result.NOTHING)

    def _answered(self, name: str, code: int, now: float) -> list[Action]:
        found = self._tries[name]
        found.code = code
        codes = self._codes
        if code == codes.accepted:
            found.state = NEXT_FILE[found.state, Step.ACCEPTED]
            self.sent += 1
            self.last_sent_at = now
            self._forget(name)
            return [Archive(name), *self._alive(now)]
        if code in self._permanent or (400 <= code < 500 and code not in (codes.busy, codes.storage)):
            found.state = NEXT_FILE[found.state, Step.REFUSED]
            found.error = f"refused with {code}"
            return [self._fail(name), *self._alive(now)]
        meaning = {codes.busy: " (too busy)", codes.storage: " (cannot store)"}.get(code, "")
        return self._broken(Broken(name, f"answered {code}{meaning}"), code, now)

    def _alive(self, now: float) -> list[Action]:
        """The partner answered yes or no, to another file than those that are failing."""
        self._alive_at = now
        self._turn(Result.SUCCEEDED)
        self._failures = self._probes = 0
        failing, self._failing = self._failing, set()
        is_alone = len(failing) == 1  # several that failed together: that was the partner, not the files
        actions: list[Action] = []
        for name in failing:
            found = self._tries[name]
            found.alone += is_alone
            if found.alone > self._retries and found.state is File.QUEUED:
                found.state = NEXT_FILE[found.state, Step.GIVEN_UP]
                actions.append(self._fail(name, is_queued=True))
        return actions

    def _broken(self, event: Broken, code: int | None, now: float) -> list[Action]:
        name, error, fault = event
        if fault is Fault.BEHIND:
            self._back(name, Step.BROKEN)
            self.queue.put_back(name)
            return [Release(name)]
        found = self._tries[name]
        found.state = NEXT_FILE[found.state, Step.BROKEN]
        found.error = self.last_error = error
        found.code = code if code is not None else found.code
        self._blame(name, fault, now)
        if found.alone > self._retries or (self._gives_up and found.tries > self._retries):
            found.state = NEXT_FILE[found.state, Step.GIVEN_UP]
            return [self._fail(name)]
        self._rest(name, now + self._pause(found.tries))
        return [Release(name)]

    def _rest(self, name: str, until: float) -> None:
        self._tries[name].not_before = until
        self._paused.add(name)

    def _blame(self, name: str, fault: Fault, now: float) -> None:
        found = self._tries[name]
        is_others = self._alive_at is not None and found.last_at is not None and self._alive_at > found.last_at
        if fault is Fault.RECORD and is_others and self.state is Destination.UP:
            found.alone += 1  # others were answered meanwhile
            return
        if fault is Fault.RECORD:
            self._failing.add(name)
        if self.state is not Destination.BACKING_OFF:  # files that were on their way when the pause began do not lengthen it
            self._turn(Result.FAILED)
            self._failures += 1
            self._due_at = now + self._pause(self._failures)

    def _fail(self, name: str, *, is_queued: bool = False) -> Fail:
        found = self._tries[name]
        self._forget(name)
        self.failed += 1
        self.last_error = f"{name}: {found.error}"
        return Fail(name, found.tries, found.first_at, found.last_at, found.code, found.error, is_queued)

    def _forget(self, name: str) -> None:
        self.queue.drop(name)
        self._tries.pop(name, None)
        self._failing.discard(name)
        self._paused.discard(name)

    def _wake(self, names: Iterable[str]) -> None:
        for name in names:
            self._paused.discard(name)
            self.queue.put_back(name)

    def _turn(self, result: Result) -> None:
        self.state = NEXT[self.state, result]

    def _pause(self, count: int) -> float:
        return pause(self._backoff, count) * self._jitter()
