"""What is done to queues and their messages, from the key to the yes: what it is about, the slip, the counts, the question.

One task carries each action to its last word; nothing here holds up the loop. What may be done, and what is sent, is `tui.actions.queues`;
how the questions look is `tui.slip` and `tui.confirming`; what follows from yes is `tui.carrying`.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from backends.messages import Message, Messages
from backends.questions import MessagesOf, Preview, PreviewOf
from backends.snapshots import Queues, Snapshot
from monitor.replica import ask
from tui.actions import queues
from tui.actions.plan import Argument
from tui.actions.queues import YES, Chosen
from tui.actions.sending import MAX_FILE, Mistake, file_of, send_arguments
from tui.carrying import Carrying, Tally
from tui.confirming import Ask, Confirmation
from tui.format import size
from tui.slip import Slip, Wrong
from tui.trail import Page

if TYPE_CHECKING:
    from tui.app import Console
    from tui.screens.typed import Confirming, Typed


class Shown(NamedTuple):
    """A question on the screen, and whether one goes on from it."""

    screen: "Typed"
    answer: "asyncio.Future[bool]"


class Hands:
    def __init__(self, console: "Console") -> None:
        self._console = console
        self.carrying = Carrying(console)
        self._last: Typed | None = None  # question that was shown

    # -- what it is about ---------------------------------------------------------------------------------------------------------------

    def chosen(self) -> Chosen:
        deck = self._console.deck
        if not deck.detail_focused or deck.trail.entry is None:
            return Chosen(tuple(deck.moves.marked()))
        page = deck.trail.page
        question = page.opening.question if page.opening is not None else None
        if not isinstance(question, MessagesOf):
            return Chosen((deck.trail.entry,))
        return Chosen((deck.trail.entry,), self._messages(page, question), question.selector)

    def _messages(self, page: Page, question: MessagesOf) -> tuple[Message, ...]:
        """The marked ones, the one under the cursor, or the one that the page shows."""
        if question.id is not None:
            below = self._console.deck.trail.pages[-2].found
            known = [found for found in (page.found, below) if isinstance(found, Messages)]
            return next(((each,) for found in known for each in found.messages if each.id == question.id), ())
        if not isinstance(page.found, Messages):
            return ()
        spot = self._console.deck.spot
        wanted = page.marks or ({spot.row.id} if spot is not None else set())
        return tuple(each for each in page.found.messages if each.id in wanted)

    def why_not(self, verb: str) -> str | None:
        return queues.why_not(verb, self.chosen(), self._snapshots(), writable=self._console.writable)

    def _snapshots(self) -> list[Snapshot]:
        return self._console.link.store.of_kind("queues")

    # -- from the key to the last word --------------------------------------------------------------------------------------------------

    def do_on_queue(self, verb: str) -> None:
        chosen = self.chosen()
        if (reason := self.why_not(verb)) is not None:
            self._console.deck.say(reason, "warn")
            return
        verb = queues.meant(verb, chosen)
        slip = queues.slip_for(verb, chosen, self._snapshots())
        asks = [] if slip is not None else queues.asks_for(verb, chosen, {}, {})
        first = self._fill_in(slip) if slip is not None else self._confirm(verb, chosen, asks, "")
        self._console.beside(self._do(verb, chosen, slip, first), "action")

    @property
    def is_between(self) -> bool:
        """One went on from a question whose next one is not on the screen yet: keys are nobody's."""
        return self._last is not None and self._last.went_on

    async def _do(self, verb: str, chosen: Chosen, slip: Slip | None, first: "Shown") -> None:
        """`first` is on the screen already: keys that were typed quickly are for it."""
        try:
            shown: Shown | None = first if slip is None else await self._filled_in(verb, chosen, slip, first)
            tally = Tally()
            while shown is not None:
                confirmed = await self._confirmed(shown)
                self._last = None
                changed = await self.carrying.carry_out(confirmed, tally)
                note = f"{_sentence(changed[0][1])} Here is what it would be now." if changed else ""
                shown = self._confirm(verb, chosen, [ask for ask, _ in changed], note) if changed else None
            if tally.done:
                self._is_done()
        finally:
            self._last = None

    async def _filled_in(self, verb: str, chosen: Chosen, slip: Slip, shown: "Shown") -> "Shown | None":
        """The question that follows; None: the slip was left."""
        while await shown.answer:
            try:
                asks = queues.asks_for(verb, chosen, slip.values, await _arguments(verb, slip.values))
            except Mistake as mistake:
                slip.is_wrong(Wrong(mistake.key, str(mistake)))
                shown = self._fill_in(slip)
            else:
                return self._confirm(verb, chosen, asks, "")
        return None

    async def _confirmed(self, shown: "Shown") -> list[tuple[Ask, Preview]]:
        """Empty: it was not."""
        from tui.screens.typed import Confirming

        assert isinstance(shown.screen, Confirming)
        counting = self._console.beside(self._count(shown.screen), "preview")
        try:
            return shown.screen.confirmation.doable if await shown.answer else []
        finally:
            counting.cancel()

    async def _count(self, screen: "Confirming") -> None:
        confirmation = screen.confirmation
        for index, each in enumerate(confirmation.asks):
            arguments = msgspec.json.encode(each.arguments).decode()
            found = await ask(self._console.link, each.target, PreviewOf(each.verb, arguments))
            confirmation.is_told(index, found if isinstance(found, Preview | str) else "the answer is not understood")
            screen.redraw()

    def _fill_in(self, slip: Slip) -> "Shown":
        from tui.screens.typed import Filling

        return self._show(Filling(slip))

    def _confirm(self, verb: str, chosen: Chosen, asks: list[Ask], note: str) -> "Shown":
        from tui.screens.typed import Confirming

        return self._show(Confirming(Confirmation(queues.title_of(verb, chosen), YES[verb], asks, note)))

    def _show(self, screen: "Typed") -> "Shown":
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def answered(result: bool | None) -> None:
            if not answer.done():
                answer.set_result(bool(result))

        self._last = screen
        self._console.push_screen(screen, answered)
        return Shown(screen, answer)

    def _is_done(self) -> None:
        """What is on the screen is old now."""
        deck = self._console.deck
        deck.listing.marks.clear()
        for page in deck.trail.pages:
            page.marks.clear()
            if page.place:
                page.ask_again()
        deck.draw()

    # -- stopping -----------------------------------------------------------------------------------------------------------------------

    def do_cancel_job(self) -> None:
        if (reason := self.why_not_cancel()) is not None:
            self._console.deck.say(reason, "warn")
            return
        self.carrying.cancel(self._others_job())

    def why_not_cancel(self) -> str | None:
        return None if self.carrying.running or self._others_job() is not None else "nothing is being done here"

    def _others_job(self) -> tuple[str, int] | None:
        """Source and id of what somebody does to the queue that one looks at."""
        for snapshot, queue in self.chosen().queues if self._console.writable else []:
            jobs = snapshot.data.jobs if isinstance(snapshot.data, Queues) else ()
            if (job := next((job for job in jobs if job.state == "running" and queue.name in (job.queue, job.to)), None)) is not None:
                return snapshot.source, job.id
        return None


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


async def _arguments(verb: str, values: Mapping[str, str]) -> dict[str, Argument]:
    """What a slip to send comes to. Raises Mistake."""
    if verb != "send":
        return {}
    path = file_of(values)
    return send_arguments(values, None if path is None else await asyncio.to_thread(_read, path))


def _read(name: str) -> bytes:
    """Raises Mistake."""
    path = Path(name).expanduser()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise Mistake("body", f"{path} cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_FILE:
        raise Mistake("body", f"{path} is too large: {size(MAX_FILE)} are the most")
    return data
