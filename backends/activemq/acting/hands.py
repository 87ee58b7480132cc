"""What does something to a broker's queues. Every verb passes the same gate: allowed, understood, of a queue that may be touched, counted
again and found as it was agreed to; then one job does it, and its answer says what the counts say.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from backends.activemq import counts, looking
from backends.activemq.acting import arguments, moving, previews, sending, upkeep
from backends.activemq.acting.arguments import Cancel, Import, ImportAsked, OnQueue, Send, Some, SomeTo
from backends.activemq.acting.jobs import Book, Busy, Task
from backends.activemq.acting.outcome import Outcome
from backends.activemq.counts import Counts, Seen
from backends.activemq.looking import Refused
from backends.activemq.messages.browse import Desk
from backends.activemq.station import Station
from backends.activemq.targets import why_protected, why_unnameable, why_unusable
from backends.broker import Job
from backends.questions import CHANGED, Preview, PreviewOf
from backends.source import Answer, Unavailable

Tell = Callable[[str, str], None]  # severity, text
Rate = Callable[[str], float | None]  # at which messages come to a queue, a second; None: not known


def _nobody(severity: str, text: str) -> None:
    """For who wants no events."""


def _unknown(queue: str) -> float | None:
    return None


class Deed(Struct, frozen=True):
    """An action that passed the gate."""

    station: Station
    desk: Desk
    task: Task
    form: Any  # of the verb's class
    agreed: Seen | None  # None: nothing is counted for this verb


Handler = Callable[[Deed], Awaitable[Outcome]]


class Verb(Struct, frozen=True):
    """`is_counted`: it is refused unless the operator said what was seen, and when that changed."""

    form: type[Any]
    handler: Handler
    is_counted: bool = False
    capability: str = ""  # the verb itself where it is empty
    asked: type[Any] | None = None  # what a preview is told, where that is not the form


async def _create(deed: Deed) -> Outcome:
    return await upkeep.create(deed.station, deed.task, deed.form.queue)


async def _purge(deed: Deed) -> Outcome:
    return await upkeep.purge(deed.station, deed.task, await _agreed(deed))


async def _delete(deed: Deed) -> Outcome:
    before = await _agreed(deed)
    assert deed.agreed is not None  # for it is counted
    return await upkeep.delete(deed.station, deed.task, before, deed.agreed)


async def _pause(deed: Deed) -> Outcome:
    return await upkeep.pause(deed.station, deed.task, await looking.source(deed.station, deed.form.queue))


async def _resume(deed: Deed) -> Outcome:
    return await upkeep.resume(deed.station, deed.task, await looking.source(deed.station, deed.form.queue))


async def _some(deed: Deed) -> Outcome:
    return await moving.handle(deed.station, deed.desk, deed.task, deed.form, await _agreed(deed))


async def _send(deed: Deed) -> Outcome:
    return await _sent(deed, sending.sent_items(deed.station, deed.form))


async def _import(deed: Deed) -> Outcome:
    return await _sent(deed, sending.imported_items(deed.station, deed.form))


async def _sent(deed: Deed, items: list[sending.Item]) -> Outcome:
    before = await looking.source(deed.station, deed.form.queue)
    await sending.check_delay(deed.station, items)
    return await sending.handle(deed.station, deed.task, items, before)


async def _agreed(deed: Deed) -> Counts:
    """The counts just before. Raises Unavailable and Refused."""
    now = await looking.source(deed.station, deed.form.queue)
    if deed.agreed is not None and (said := counts.why_changed(deed.agreed, now)) is not None:
        raise Changed(said)
    return now


class Changed(Refused):
    """What was agreed to is not what would be done: it is asked again."""


VERBS: Final[Mapping[str, Verb]] = {
    "purge": Verb(OnQueue, _purge, is_counted=True),
    "delete": Verb(OnQueue, _delete, is_counted=True),
    "create": Verb(OnQueue, _create),
    "pause": Verb(OnQueue, _pause),
    "resume": Verb(OnQueue, _resume),
    "move": Verb(SomeTo, _some, is_counted=True),
    "copy": Verb(SomeTo, _some, is_counted=True),
    "remove": Verb(Some, _some, is_counted=True),
    "retry": Verb(Some, _some, is_counted=True),
    "send": Verb(Send, _send),
    "import": Verb(Import, _import, capability="send", asked=ImportAsked),
}

_BY_NAME: Final = {"create": why_unusable, "delete": why_unnameable}  # the broker is told the name, not the MBean


class Hands:
    """Made without I/O. One broker's."""

    def __init__(self, station: Station, desk: Desk, tell: Tell = _nobody, rate: Rate = _unknown) -> None:
        self._station, self._desk, self._tell, self._rate = station, desk, tell, rate
        self._book = Book()

    def jobs(self) -> tuple[Job, ...]:
        """Newest first: those that run, and the last ones that ended."""
        return self._book.jobs()

    def is_busy(self, queue: str) -> bool:
        """Whether something is being done to it."""
        return self._book.why_busy(queue) is not None

    def why_not(self, verb: str) -> str | None:
        """Why it is refused whatever the broker says; None: it may be asked for."""
        its = VERBS.get(verb)
        if its is None and verb != "cancel":
            return _no_such(verb)
        said = self._station.may.why_not((its.capability if its else "") or verb)
        return None if said is None else f"{verb}: {said}"

    async def preview(self, question: PreviewOf) -> Preview:
        """Counts, and changes nothing. Raises Unavailable."""
        verb = VERBS.get(question.verb)
        if verb is None:
            return previews.refused(question.verb, _no_such(question.verb))
        if (said := self.why_not(question.verb)) is not None:
            return previews.refused(question.verb, said)
        try:
            given = msgspec.json.decode(question.arguments, type=dict[str, Any])
            form = arguments.told(question.verb, verb.asked or verb.form, given)
            self._check(question.verb, form)
            if (said := self._book.why_busy(form.queue, getattr(form, "to", None))) is not None:
                raise Refused(said)
            asked = previews.Asked(self._station, self._desk, question.verb, form, self._rate(form.queue))
            return await previews.of(asked)
        except (Refused, ValueError) as why:
            return previews.refused(question.verb, str(why))

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        """Done once, or not at all; never raises but when it is cancelled, and leaves nothing half done in memory then."""
        if (said := self.why_not(verb)) is not None:
            return Answer(False, said)
        try:
            if verb == "cancel":
                return self._cancel(arguments)
            its = VERBS[verb]
            return await self._done(verb, its, *self._understood(verb, its, arguments, expect))
        except (Refused, Busy, ValueError) as why:
            return Answer(False, str(why))

    def _understood(self, verb: str, its: Verb, given: Mapping[str, Any], expect: Mapping[str, Any]) -> tuple[Any, Seen | None]:
        """Raises ValueError and Refused."""
        form = arguments.told(verb, its.form, given)
        self._check(verb, form)
        return form, counts.seen(verb, expect) if its.is_counted else None

    def _check(self, verb: str, form: Any) -> None:
        """Whether the queues are such that this may be done to them. Raises Refused."""
        queue, to = form.queue, getattr(form, "to", None)
        if (said := why_protected(queue)) is not None:
            raise Refused(said)
        if verb in _BY_NAME and (said := _BY_NAME[verb](queue)) is not None:
            raise Refused(said)
        if to is not None and (said := why_unusable(to)) is not None:
            raise Refused(f"{verb}: {said}")
        if to == queue:
            raise Refused(f"{verb}: '{queue}' is where the messages are already")

    async def _done(self, verb: str, its: Verb, form: Any, agreed: Seen | None) -> Answer:
        station = self._station
        task = self._book.begin(verb, form.queue, getattr(form, "to", None), station.clock())
        outcome = Outcome("unknown", f"{verb} of '{form.queue}' was given up while it ran: look before you do it again", False)
        why_nothing: str | None = None
        try:
            outcome = await its.handler(Deed(station, self._desk, task, form, agreed))
        except Changed as why:
            why_nothing = f"{CHANGED}: {why}"
        except (Refused, ValueError, Unavailable) as why:
            why_nothing = str(why)
        finally:
            if why_nothing is None:
                self._book.end(task, outcome.state, outcome.text, station.clock())
            else:
                self._book.forget(task)
        if why_nothing is not None:
            return Answer(False, f"{why_nothing}; nothing was done")
        if outcome.state == "unknown":
            self._tell("warning", outcome.text)
        return Answer(outcome.is_whole, outcome.text)

    def _cancel(self, given: Mapping[str, Any]) -> Answer:
        wanted: Cancel = arguments.told("cancel", Cancel, given)
        if (said := self._book.cancel(wanted.job)) is not None:
            return Answer(False, said)
        return Answer(True, f"job {wanted.job} ends after the request that it is in, and says how far it came")


def _no_such(verb: str) -> str:
    return f"'{verb}' is nothing that can be done to a queue; there are {', '.join((*VERBS, 'cancel'))}"
