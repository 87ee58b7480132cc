"""What is watched of a broker, cycle after cycle: its queues in one POST, and in tasks of their own what is read less often."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from backends.activemq import figures
from backends.activemq.figures import Reading
from backends.activemq.jolokia import HttpReply, parse, patience, requests
from backends.activemq.station import Station
from backends.activemq.watching import memory
from backends.activemq.watching.errand import Errand
from backends.activemq.watching.memory import Memory, is_dead_letters
from backends.activemq.watching.oldest import Ages
from backends.activemq.watching.surroundings import Around
from backends.broker import Queue
from backends.snapshots import Queues
from backends.source import Tell

FIRST_S: Final = 1.0  # the first reading waits so long for the rest, for who asks only once
REQUEST: Final = requests(figures.READS)


class Lookout:
    """`is_shown`: whether a name is not excluded. `is_busy`: whether something is being done to the queue; then nobody looks into it."""

    def __init__(self, station: Station, is_shown: Callable[[str], bool], is_busy: Callable[[str], bool], tell: Tell) -> None:
        self._station, self._is_shown, self._is_busy, self._tell = station, is_shown, is_busy, tell
        self._around, self._ages = Around(station, is_shown), Ages(station, self._is_aged)
        self._beside, self._aging = Errand(), Errand()
        self._took: float | None = None  # seconds, the last reading; None: it failed, or there was none
        self.memory: Memory | None = None

    def hurry(self) -> None:
        """Something was done to the broker: what is read less often is read with the next cycle."""
        self._around.hurry()

    def capabilities(self) -> dict[str, bool | str]:
        """What can be told and what not, by the words of Broker.capabilities."""
        return {**self._around.capabilities(), **self._ages.capabilities()}

    async def look(self, now: float, may: Callable[[], Mapping[str, bool | str]]) -> Queues:
        """One cycle. `may`: the actions, for the card of the broker. Raises JolokiaError and SecretUnavailable."""
        clock, section = asyncio.get_running_loop().time, self._station.section
        began, took, self._took = clock(), self._took, None
        reply = await self._station.client.read(REQUEST, patience(section.timeout, took))
        # rates want a clock that nobody sets, at the moment of the reply; 5,000 queues cost tens of milliseconds, so not in the loop
        at = clock()
        is_first = self.memory is None
        reading, known = await asyncio.to_thread(self._digest, reply, at)
        self.memory, self._took = known, at - began
        self._station.saw(reading)
        for news in known.news:
            self._tell(now, news.severity, section.name, news.text)
        await self._send_errands(at, is_first)
        rows = await asyncio.to_thread(self._rows, reading, known, now)
        card = figures.card(section.name, reading, {**may(), **self.capabilities()}, self._around.seen.agent)
        seen = self._around.seen
        return Queues(
            broker=card,
            queues=rows,
            hidden=reading.hidden,
            topics=seen.topics,
            subscribers=seen.subscribers,
            connections=seen.connections,
            networks=seen.networks,
            totals=seen.totals,
            around_at=seen.at,
        )

    async def close(self) -> None:
        await asyncio.gather(self._beside.close(), self._aging.close())

    def _is_aged(self, name: str) -> bool:
        reading = self._station.reading
        if reading is None or name not in reading.queues or self._is_busy(name) or self._station.was_deleted(name):
            return False
        return self._is_shown(name) or is_dead_letters(name, reading.queues[name].is_dlq)

    async def _send_errands(self, at: float, is_first: bool) -> None:
        if self._around.due(at):
            self._beside.begin(self._around.read)
        if self._ages.due(at):
            self._aging.begin(self._ages.look)
        if is_first:
            await asyncio.gather(self._beside.settle(FIRST_S), self._aging.settle(FIRST_S))

    def _digest(self, reply: HttpReply, at: float) -> tuple[Reading, Memory]:
        reading = figures.reading(parse(reply, len(figures.READS)))
        return reading, memory.advance(self.memory, reading, at, self._station.section.interval)

    def _rows(self, reading: Reading, known: Memory, now: float) -> tuple[Queue, ...]:
        return memory.rows(known, self._is_shown, self._ages.of(reading.queues, now))
