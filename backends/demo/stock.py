"""What is in the queues of a broker of the demonstration: the traffic of its script, and what the operator did to it. No I/O, no clock.

Times are seconds since the start. What an action brings into a queue with consumers is gone after a while, as it would be; else it stays.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from backends.broker import Job
from backends.demo.traffic import QUEUES, Flow
from backends.messages import Message

TAKEN_AFTER: Final = 12.0  # seconds; two looks see what was moved into a queue whose consumers work
JOBS_KEPT: Final = 10
CATCHES_UP: Final = 4  # times its usual rate: how a queue drains that was paused


class Scripted(NamedTuple):
    """A message of the script, by the queue that it came into and its number there."""

    queue: str
    number: int


Letter = Scripted | Message


class Added(NamedTuple):
    letter: Letter
    at: float


class Held(NamedTuple):
    """A queue that is paused, or was until `since`: nothing from `tail` on was taken before."""

    tail: int
    since: float
    is_paused: bool


class Stock:
    """One broker's queues. Every deed takes the moment at which it is done."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self._flows = {name: Flow(name) for name in QUEUES[broker]}
        self._created: dict[str, float] = {}
        self._floor: dict[str, int] = {}  # a purge took all that have a smaller number
        self._taken: dict[str, set[int]] = {}
        self._added: dict[str, list[Added]] = {}
        self._arrived: dict[str, int] = {}  # by deeds, ever
        self._held: dict[str, Held] = {}
        self.work: list[Job] = []  # newest first

    def jobs(self) -> tuple[Job, ...]:
        return tuple(self.work[:JOBS_KEPT])

    def names(self) -> list[str]:
        return [*self._flows, *self._created]

    def has(self, queue: str) -> bool:
        return queue in self._flows or queue in self._created

    def flow(self, queue: str) -> Flow | None:
        """Its traffic; None: what was created here has none."""
        return self._flows.get(queue)

    def is_paused(self, queue: str) -> bool:
        held = self._held.get(queue)
        return held is not None and held.is_paused

    def consumers(self, queue: str) -> int:
        flow = self._flows.get(queue)
        return 0 if flow is None else flow.consumers

    def pending(self, queue: str, at: float) -> int:
        start, end = self._span(queue, at)
        gone = sum(start <= number < end for number in self._taken.get(queue, ()))
        return end - start - gone + sum(1 for _ in self._still_there(queue, at))

    def in_flight(self, queue: str, at: float) -> int:
        """Nothing is handed out by a queue that is paused."""
        return 0 if self.is_paused(queue) else min(self.pending(queue, at), self.consumers(queue))

    def enqueued(self, queue: str, at: float) -> int:
        flow = self._flows.get(queue)
        return (0 if flow is None else flow.head(at)) + self._arrived.get(queue, 0)

    def dequeue_per_s(self, queue: str, at: float) -> float:
        flow = self._flows.get(queue)
        if flow is None or self.is_paused(queue):
            return 0.0
        is_behind = self._tail(flow, at) < flow.tail(at)
        return round(flow.rate * CATCHES_UP, 1) if is_behind else flow.dequeue_per_s(at)

    def letters(self, queue: str, at: float) -> list[Letter]:
        """In the order of the queue, oldest first."""
        start, end = self._span(queue, at)
        taken = self._taken.get(queue, set())
        found: list[Letter] = [Scripted(queue, number) for number in range(start, end) if number not in taken]
        return found + [added.letter for added in self._still_there(queue, at)]

    def oldest_at(self, queue: str, at: float) -> float | None:
        """When the first of them came."""
        start, end = self._span(queue, at)
        taken = self._taken.get(queue, set())
        flow = self._flows.get(queue)
        if flow is not None and (first := next((number for number in range(start, end) if number not in taken), None)) is not None:
            return flow.came(first)
        added = next(iter(self._still_there(queue, at)), None)
        return None if added is None else added.at

    def create(self, queue: str, at: float) -> None:
        if not self.has(queue):
            self._created[queue] = at

    def delete(self, queue: str) -> None:
        """With all that was in it. Created again it is another one, and nobody uses it."""
        self._flows.pop(queue, None)
        for known in (self._created, self._floor, self._taken, self._added, self._arrived, self._held):
            known.pop(queue, None)

    def purge(self, queue: str, at: float) -> None:
        self._floor[queue] = self._span(queue, at)[1]
        self._added.pop(queue, None)

    def pause(self, queue: str, at: float) -> None:
        flow = self._flows.get(queue)
        self._held[queue] = Held(0 if flow is None else self._tail(flow, at), at, True)

    def resume(self, queue: str, at: float) -> None:
        if (held := self._held.get(queue)) is not None and held.is_paused:
            flow = self._flows.get(queue)
            self._held[queue] = Held(0 if flow is None else self._tail(flow, at), at, False)

    def take(self, queue: str, letters: Iterable[Letter]) -> None:
        """Those are no longer in it, whether they still were or not."""
        taken = set(letters)
        self._taken.setdefault(queue, set()).update(
            letter.number for letter in taken if isinstance(letter, Scripted) and letter.queue == queue
        )
        self._added[queue] = [added for added in self._added.get(queue, ()) if added.letter not in taken]

    def put(self, queue: str, letters: Iterable[Letter], at: float) -> None:
        """A queue that is not there is made, as a broker does."""
        self.create(queue, at)
        new = [Added(letter, at) for letter in letters]
        self._added[queue] = [*self._still_there(queue, at), *new]
        self._arrived[queue] = self._arrived.get(queue, 0) + len(new)

    def _span(self, queue: str, at: float) -> tuple[int, int]:
        """Numbers of the script's messages: from, and up to."""
        flow = self._flows.get(queue)
        if flow is None:
            return 0, 0
        end = flow.head(at)
        return min(end, max(self._tail(flow, at), self._floor.get(queue, 0))), end

    def _tail(self, flow: Flow, at: float) -> int:
        usual, held = flow.tail(at), self._held.get(flow.name)
        if held is None:
            return usual
        passed = 0 if held.is_paused else int(flow.rate * CATCHES_UP * max(0.0, at - held.since))
        return min(usual, held.tail + passed)

    def _still_there(self, queue: str, at: float) -> Iterator[Added]:
        held, has_consumers = self._held.get(queue), self.consumers(queue) > 0
        for added in self._added.get(queue, ()):
            since = added.at if held is None else max(added.at, held.since)
            if not has_consumers or self.is_paused(queue) or at - since < TAKEN_AFTER:
                yield added
