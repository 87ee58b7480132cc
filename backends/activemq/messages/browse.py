"""Messages of a queue for somebody who looks: over STOMP where it is there, else through Jolokia. Nothing is taken from the queue.

A queue is looked up by Jolokia first, each time: to browse over STOMP what is not there would make it. STOMP has whole bodies and shows
more messages; types of properties, groups, and anything of a map or an object, only Jolokia tells.
"""

import asyncio
from collections.abc import Callable
from difflib import get_close_matches
from typing import Final, TypeVar

from msgspec import Struct

from backends.activemq import looking
from backends.activemq.counts import GONE, Counts, Missing
from backends.activemq.looking import Refused
from backends.activemq.messages import ways
from backends.activemq.messages.pages import Look, Page, Roll, Window, cut, is_complete, merged, unseen, untold, untyped, why_not_all
from backends.activemq.station import Station
from backends.activemq.stomp import client as stomp_client
from backends.activemq.stomp.client import StompClient, StompTrouble
from backends.messages import Message, Messages, Way
from backends.questions import WHOLE_BYTES, MessagesOf
from backends.source import Unavailable
from backends.wording import listed

QUEUE_S: Final = 5.0  # that a question waits for the one before it
STOMP: Final[Way] = "stomp"
JOLOKIA: Final[Way] = "jolokia"
MARKED: Final = "for that the broker has given the messages of this queue a property 'transformation'"

L = TypeVar("L", bound=Look)


class Ids(Struct, frozen=True):
    """Of messages, in the order of the queue. `is_all`: there are no others, or as many as were asked for; `note` says why not."""

    ids: tuple[str, ...]
    is_all: bool
    note: str = ""


class Desk:
    """Answers one question about messages at a time."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._turn = asyncio.Lock()
        self._silent: tuple[str | None, str] | None = None  # id of the broker that denies getMessage, and its own words

    async def messages(self, question: MessagesOf) -> Messages:
        """Raises Unavailable with a sentence."""
        if question.translated and (why := self._station.may.why_not("translate")) is not None:
            raise Unavailable(f"maps and objects are not translated, for the broker marks every message for that: {why}", "denied")
        try:
            await asyncio.wait_for(self._turn.acquire(), QUEUE_S)
        except TimeoutError:
            raise Unavailable("other questions about messages are being answered; ask again in a moment", "stale") from None
        try:
            queue = await self._counted(question.queue)
            return await (self._page(queue, question) if question.id is None else self._one(queue, question, question.id))
        finally:
            self._turn.release()

    async def ids(self, queue: str, selector: str | None = None, first: int | None = None) -> Ids:
        """Of the messages that the selector matches, the first of them or all, as far as the broker shows them. Raises Unavailable."""
        counts = await self._counted(queue)
        roll, window, notes = await self._filled(lambda: Roll(first), counts, selector or None)
        is_all = roll.stop == "full" or len(roll.ids) == first or is_complete(roll, window, counts)
        return Ids(tuple(roll.ids), is_all, "; ".join([*notes, *why_not_all(roll, window, counts)]))

    async def _page(self, queue: Counts, question: MessagesOf) -> Messages:
        page, window, notes = await self._filled(lambda: Page(question), queue, question.selector or None, translated=question.translated)
        notes += [*why_not_all(page, window, queue), *unseen(page)]
        found = page.found
        if window.way == STOMP:
            found, more = await self._completed(queue, found, is_whole=question.whole)
            notes += more
        return _answer(queue, page, window, [*notes, *untold(found)], found)

    async def _one(self, queue: Counts, question: MessagesOf, its: str) -> Messages:
        """One message: whole from STOMP and its types from Jolokia, or from Jolokia alone, which finds more of them but not whole."""
        notes: list[str] = []
        page, way = Page(question), STOMP
        if (stomp := self._stomp(queue.name, notes)) is not None:
            try:
                await ways.by_stomp(stomp, page, queue.name, ways.by_id(its), translated=question.translated)
            except StompTrouble as trouble:
                notes.append(_instead(str(trouble)))
        found, more = await self._completed(queue, page.found, is_whole=True)
        if not found:
            told = await ways.one(self._station, queue, its)
            if told is None:
                raise Unavailable(f"no message {its} in '{queue.name}': it was taken meanwhile, or the broker does not show it")
            way, page, found = JOLOKIA, Page(question), [cut(told, WHOLE_BYTES)]
            page.looked = 1
        return _answer(queue, page, self._window(way, True, ""), [*notes, *more, *untold(found)], found)

    async def _counted(self, name: str) -> Counts:
        """Its counts now. Raises Unavailable."""
        station = self._station
        try:
            mbean = station.mbean(name) or await looking.find(station, name)
            now = GONE if mbean is None else await looking.count(station, mbean)
        except Refused as refused:
            raise Unavailable(str(refused)) from None
        if isinstance(now, Missing):
            raise Unavailable(await asyncio.to_thread(self._no_queue, name) if now.is_gone else f"'{name}': {now.why}")
        if now.name != name:
            raise Unavailable(f"JMX has one name for '{name}' and '{now.name}', and tells of '{now.name}' only: '{name}' cannot be browsed")
        return now

    def _no_queue(self, name: str) -> str:
        known = () if self._station.reading is None else tuple(self._station.reading.mbeans)
        lower = {each.lower(): each for each in known if each != name}
        like = [lower[each] for each in get_close_matches(name.lower(), lower)]
        return f"no queue '{name}' on {self._station.section.name}" + (f"; did you mean {listed(like)}?" if like else "")

    async def _filled(
        self, new: Callable[[], L], queue: Counts, selector: str | None, *, translated: bool = False
    ) -> tuple[L, Window, list[str]]:
        """What was looked through, by which way, and what is to be said of that. Raises Unavailable."""
        notes: list[str] = []
        if queue.pending == 0:
            return new(), self._window(JOLOKIA if self._station.stomp is None else STOMP, True, selector), notes
        if (stomp := self._stomp(queue.name, notes)) is not None:
            look = new()
            try:
                is_end = await ways.by_stomp(stomp, look, queue.name, selector, translated=translated)
            except StompTrouble as trouble:
                notes.append(_instead(str(trouble)))
            else:
                return look, self._window(STOMP, is_end, selector), [MARKED] if translated else []
        look = new()
        is_end = await ways.by_jolokia(self._station, look, queue, selector)
        return look, self._window(JOLOKIA, is_end, selector), notes

    def _window(self, way: Way, is_end: bool, selector: str | None) -> Window:
        return Window(way, self._station.key, self._station.stomp is not None, is_end, selector is not None)

    def _stomp(self, name: str, notes: list[str]) -> StompClient | None:
        stomp = self._station.stomp
        if stomp is not None and (why := stomp_client.addressable(name)) is not None:
            notes.append(_instead(why))
            return None
        return stomp

    async def _completed(self, queue: Counts, messages: list[Message], *, is_whole: bool) -> tuple[list[Message], list[str]]:
        """The messages with what Jolokia tells of them: of all, or else only of those that STOMP has no body for."""
        broker = None if self._station.reading is None else self._station.reading.broker.broker_id
        wanted = [each.id for each in messages if is_whole or each.kind == "empty"]
        if self._silent is not None and self._silent[0] == broker:
            known, why = dict[str, Message](), self._silent[1]
        else:
            known, why, is_final = await ways.some(self._station, queue, wanted)
            self._silent = (broker, why) if is_final else None
        found = [cut(merged(each, known[each.id]), WHOLE_BYTES) if each.id in known else each for each in messages]
        return found, untyped(found, why) if is_whole else []


def _answer(queue: Counts, page: Page, window: Window, notes: list[str], found: list[Message]) -> Messages:
    note = "; ".join(dict.fromkeys(notes))
    return Messages(queue.name, tuple(found), queue.pending, page.looked, page.skipped, window.is_end, window.way, note)


def _instead(why: str) -> str:
    return f"STOMP: {why}; read through Jolokia instead"
