"""How old the first message of each queue is. JMX has no figure for it: the statistics plugin tells it of all queues at once, else first
messages are looked at over STOMP, of a few queues each time.

What is known is a time, of the producer's clock, and stays true for as long as nothing leaves the queue. `Ages` at the end asks; the rest
is pure.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from heapq import nsmallest
from typing import Final

from msgspec import Struct

from backends.activemq.figures import Figures
from backends.activemq.station import Station
from backends.activemq.stomp.client import StompTrouble, addressable
from backends.activemq.watching.memory import Oldest
from backends.broker import OldestBasis

HEADS_PER_CYCLE: Final = 8  # queues looked into between two readings: 4 to 50 ms each
ROUND_S: Final = 1.0  # after the reading; to look into a queue that was deleted meanwhile would make it again
STATISTICS_S: Final = 30.0
STATISTICS_SHARE: Final = 0.05  # of the time, at most, that the plugin is asked: 5,000 queues take it 1.5 to 4 s
KEEP_S: Final = 120.0  # what was read of a queue that moves on is told for so long, with its time
RETRY_S: Final = 60.0  # after a refusal; doubled after each
MAX_RETRY_S: Final = 600.0

EVERY_QUEUE: Final = "Destination.>"


class First(Struct, frozen=True):
    """The first message of a queue as it was at `read_at`, by whichever way."""

    sent_at: float  # epoch seconds, as the two others
    read_at: float
    basis: OldestBasis
    dequeue_count: int  # of the queue, in the reading before


class Turns(Struct, frozen=True):
    """What is known, and when each queue was looked into."""

    known: Mapping[str, First] = {}
    looked: Mapping[str, float] = {}


def whose_turn(turns: Turns, queues: Mapping[str, Figures], is_wanted: Callable[[str], bool], count: int = HEADS_PER_CYCLE) -> list[str]:
    """The queues to look into now: the largest that never had their turn, then those whose last one is longest ago. What nothing has left
    since is known already."""
    found = [name for name, figures in queues.items() if figures.queue_size > 0 and not _is_sure(turns, name, figures) and is_wanted(name)]
    return nsmallest(count, found, key=lambda name: (turns.looked.get(name, float("-inf")), -queues[name].queue_size, name))


def _is_sure(turns: Turns, name: str, figures: Figures) -> bool:
    first = turns.known.get(name)
    return first is not None and first.dequeue_count == figures.dequeue_count


def learnt(turns: Turns, found: Mapping[str, First | None], queues: Mapping[str, Figures], at: float) -> Turns:
    """The turns after these were looked into. None: the queue had no message, or its first has no time. Queues that went are forgotten, and
    what was known of those that emptied or were made again."""
    first = {name: each for name, each in {**turns.known, **found}.items() if each is not None}
    looked = {**turns.looked, **dict.fromkeys(found, at)}
    return Turns(
        {name: each for name, each in first.items() if name in queues and _still_tells(each, queues[name])},
        {name: when for name, when in looked.items() if name in queues},
    )


def _still_tells(first: First, figures: Figures) -> bool:
    return figures.queue_size > 0 and figures.dequeue_count >= first.dequeue_count


def ages(turns: Turns, queues: Mapping[str, Figures], now: float) -> dict[str, Oldest]:
    """By queue. Where messages have left since, the first one is another: then the age is that of the reading, for KEEP_S."""
    found: dict[str, Oldest] = {}
    for name, first in turns.known.items():
        figures = queues.get(name)
        if figures is None or not _still_tells(first, figures):
            continue
        is_same = first.dequeue_count == figures.dequeue_count
        if is_same or now - first.read_at <= KEEP_S:
            found[name] = Oldest((now if is_same else first.read_at) - first.sent_at, first.basis, first.read_at)
    return found


def of_statistics(
    told: Iterable[Mapping[str, str | int | float]], queues: Mapping[str, Figures], is_wanted: Callable[[str], bool], at: float
) -> dict[str, First | None]:
    """By queue. The plugin names no time for a queue without messages."""
    found: dict[str, First | None] = {}
    for each in told:
        name = str(each.get("destinationName", "")).removeprefix("queue://")
        if name in queues and is_wanted(name):
            found[name] = _first(each.get("firstMessageTimestamp"), at, "statistics", queues[name])
    return found


def _first(timestamp: str | float | None, at: float, basis: OldestBasis, figures: Figures) -> First | None:
    """`timestamp`: ms of the epoch; 0 where the producer set none."""
    try:
        sent_ms = int(timestamp or 0)
    except ValueError:
        return None
    return First(sent_ms / 1000, at, basis, figures.dequeue_count) if sent_ms > 0 else None


class Ages:
    """Asks the broker, beside its readings. Made without I/O."""

    def __init__(self, station: Station, is_wanted: Callable[[str], bool]) -> None:
        self._station = station
        self._wants = is_wanted
        self.turns = Turns()
        self._of: str | None = None  # the id of the broker that was asked last
        self._heads = _Pace()
        self._statistics = _Pace()

    def capabilities(self) -> dict[str, bool | str]:
        """Whether ages are told and why not, by the words of Broker.capabilities."""
        told: dict[str, bool | str] = {"oldest_age": self._heads.why_not or True}
        if self._station.stomp is None:
            told["oldest_age"] = f"no STOMP: set {self._station.key}.stomp to the address of the broker's STOMP connector"
        elif self._station.section.statistics_plugin:
            told["statistics_plugin"] = self._statistics.why_not or True
        return told

    def due(self, at: float) -> bool:
        """`at`: seconds of the loop's clock."""
        reading = self._station.reading
        if self._station.stomp is None or reading is None:
            return False
        return reading.broker.broker_id != self._of or at >= min(self._heads.next_at, self._next_statistics())

    def of(self, queues: Mapping[str, Figures], now: float) -> dict[str, Oldest]:
        return ages(self.turns, queues, now)

    async def look(self) -> None:
        """Only where it is due, and at once after a reading. Trouble is told by `capabilities`."""
        reading, clock = self._station.reading, asyncio.get_running_loop().time
        if reading is None:
            return
        if reading.broker.broker_id != self._of:
            self.turns, self._of, self._heads, self._statistics = Turns(), reading.broker.broker_id, _Pace(), _Pace()
        if clock() >= self._next_statistics():
            await self._by_statistics(reading.queues, clock)
        if clock() >= self._heads.next_at and not self._is_told():
            await self._by_heads(reading.queues, clock)

    def _is_wanted(self, name: str) -> bool:
        return self._wants(name) and addressable(name) is None

    def _next_statistics(self) -> float:
        return self._statistics.next_at if self._station.section.statistics_plugin else float("inf")

    def _is_told(self) -> bool:
        """The plugin answers, so nobody needs to look into queues."""
        return self._station.section.statistics_plugin and self._statistics.why_not is None

    async def _by_statistics(self, queues: Mapping[str, Figures], clock: Callable[[], float]) -> None:
        stomp, began = self._station.stomp, clock()
        assert stomp is not None
        try:
            told = await stomp.statistics(EVERY_QUEUE)
        except StompTrouble as trouble:
            self._statistics.failed(str(trouble), clock())
            return
        now = self._station.clock()
        found = await asyncio.to_thread(of_statistics, told, queues, self._is_wanted, now)
        self.turns = learnt(self.turns, found, queues, now)
        self._statistics.worked(began + max(STATISTICS_S, (clock() - began) / STATISTICS_SHARE))

    async def _by_heads(self, queues: Mapping[str, Figures], clock: Callable[[], float]) -> None:
        """One that cannot be looked into ends the round: the others would only cost time. It is the last to have its turn again."""
        stomp = self._station.stomp
        assert stomp is not None
        ends_at = clock() + ROUND_S
        names = await asyncio.to_thread(whose_turn, self.turns, queues, self._is_wanted)
        found: dict[str, First | None] = {}
        for place, name in enumerate(names):
            if clock() > ends_at:
                break
            if not self._is_wanted(name):  # something is being done to it since, or it was deleted: looking into it would make it again
                continue
            try:
                frame = await stomp.head(name)
            except StompTrouble as trouble:
                self.turns = learnt(self.turns, found | {name: self.turns.known.get(name)}, queues, self._station.clock())
                if place == 0:
                    self._heads.failed(str(trouble), clock())
                return
            timestamp = None if frame is None else frame.headers.get("timestamp")
            found[name] = _first(timestamp, self._station.clock(), "browse", queues[name])
        self.turns = learnt(self.turns, found, queues, self._station.clock())
        if names:
            self._heads.worked(0.0)


class _Pace:
    """When something is tried next, and what was wrong with it."""

    def __init__(self) -> None:
        self.next_at = 0.0
        self.why_not: str | None = None
        self._failures = 0

    def worked(self, next_at: float) -> None:
        self.next_at, self.why_not, self._failures = next_at, None, 0

    def failed(self, why_not: str, at: float) -> None:
        self.next_at, self.why_not = at + min(MAX_RETRY_S, RETRY_S * 2.0 ** min(self._failures, 10)), why_not
        self._failures += 1
