"""Messages moved, copied, removed, and retried from where dead letters go. Between its requests a job is told how far it is, and can be
cancelled; what is said of it is what the counts say afterwards.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from backends.activemq import counts, looking
from backends.activemq import operations as op
from backends.activemq.acting.arguments import Some, SomeTo
from backends.activemq.acting.jobs import Task
from backends.activemq.acting.outcome import Outcome, lost, stopped
from backends.activemq.counts import Counts, Sight
from backends.activemq.jolokia import Exec
from backends.activemq.messages.browse import Desk
from backends.activemq.operations import Pace, Stopped, do
from backends.activemq.station import Station
from backends.source import Unavailable
from backends.wording import count

CHUNK: Final = 500  # messages a request: about a second on a slow disk, so that a job is soon cancelled

# The broker's words for one message that it does not find, or whose id is none: the others go on.
_NOT_FOUND: Final = ("Could not find message", "For input string", "NumberFormatException", "No original destination")


class Deed(Struct, frozen=True):
    """One of the four, and its operations: on one message, and on those that match, as many as are wanted."""

    verb: str
    done: str  # as in "moved 5 messages"
    one: str
    matching: str | None  # None: found first, and then done one by one


DEEDS: Final = {
    deed.verb: deed
    for deed in (
        Deed("move", "moved", op.MOVE_ONE, op.MOVE_MATCHING),
        Deed("copy", "copied", op.COPY_ONE, op.COPY_FIRST),
        Deed("remove", "removed", op.REMOVE_ONE, op.REMOVE_MATCHING),
        Deed("retry", "retried", op.RETRY_ONE, None),
    )
}


class Tally(Struct, frozen=True):
    """How far it came, as the broker says. `of`: how many were wanted, None where that is not known."""

    done: int = 0
    of: int | None = None
    missing: int = 0  # of those named by their ids
    stop: Stopped | None = None
    is_cancelled: bool = False
    note: str = ""  # why there may be more


async def handle(station: Station, desk: Desk, task: Task, some: Some, before: Counts) -> Outcome:
    """Raises Unavailable and Refused while nothing is done yet, and nothing after that."""
    deed = DEEDS[task.verb]
    to = some.to if isinstance(some, SomeTo) else None
    target = None if to is None else await looking.target(station, to)
    tally = await _run(station, desk, task, deed, some, before)
    if tally.done == 0 and tally.stop is not None and tally.stop.is_void:
        return stopped(tally.stop)
    after = await looking.again(station, before.name, before.mbean)
    if to is None:
        return _told(deed, some, tally, before, after)
    there = await looking.again(station, to, None if target is None else target.mbean)
    return _told_of_two(deed, some, tally, (before, after), (to, target, there))


async def _run(station: Station, desk: Desk, task: Task, deed: Deed, some: Some, before: Counts) -> Tally:
    if some.each:
        return await _one_by_one(station, task, deed, some.each, before)
    if deed.verb == "copy":
        return await _copy(station, task, some, before)
    if deed.matching is not None:
        return await _in_chunks(station, task, deed.matching, some, before)
    if some.is_all and before.dlq:
        return await _retry_all(station, task, before)
    try:
        found = await desk.ids(before.name, some.selector, some.first)
    except Unavailable as error:
        raise looking.Refused(error.error) from None
    tally = await _one_by_one(station, task, deed, found.ids, before)
    return tally if found.is_all else replace(tally, note=found.note or "there may be more than the broker shows")


async def _one_by_one(station: Station, task: Task, deed: Deed, ids: Sequence[str], before: Counts) -> Tally:
    tally, pace = Tally(of=len(ids)), Pace()
    task.of = len(ids)
    for its in ids:
        if task.is_cancelled:
            return replace(tally, is_cancelled=True)
        await pace.wait()
        arguments = (its,) if task.to is None else (its, task.to)
        try:
            is_done = op.is_true(await do(station, task.verb, Exec(before.mbean, deed.one, arguments), before.pending))
        except Stopped as stop:
            if not any(words in stop.reason for words in _NOT_FOUND):
                return replace(tally, stop=stop)
            is_done = False
        tally = replace(tally, done=tally.done + is_done, missing=tally.missing + (not is_done))
        task.done = tally.done
    return tally


async def _in_chunks(station: Station, task: Task, operation: str, some: Some, before: Counts) -> Tally:
    """As many as were pending when it began, and not those that came meanwhile."""
    left = before.pending if some.first is None else min(some.first, before.pending)
    task.of = None if some.selector else left
    tally = Tally(of=task.of)
    while left > 0:
        if task.is_cancelled:
            return replace(tally, is_cancelled=True)
        wanted = min(CHUNK, left)
        selector = op.selected(some.selector)
        arguments = (selector, wanted) if task.to is None else (selector, task.to, wanted)
        try:
            said = op.number(await do(station, task.verb, Exec(before.mbean, operation, arguments), before.pending))
        except Stopped as stop:
            return replace(tally, stop=stop)
        tally = replace(tally, done=tally.done + said)
        task.done, left = tally.done, left - said
        if said < wanted:
            break
    return tally


async def _copy(station: Station, task: Task, some: Some, before: Counts) -> Tally:
    """In one request: another one would begin at the head again."""
    wanted = before.pending if some.first is None else min(some.first, before.pending)
    task.of = None if some.selector else wanted
    arguments: tuple[str | int, ...] = (op.selected(some.selector), task.to or "")
    call = Exec(before.mbean, op.COPY_MATCHING, arguments)
    if some.first is not None:
        call = Exec(before.mbean, op.COPY_FIRST, (*arguments, some.first))
    try:
        said = op.number(await do(station, task.verb, call, before.pending))
    except Stopped as stop:
        return Tally(of=task.of, stop=stop)
    task.done = said
    return Tally(said, task.of)


async def _retry_all(station: Station, task: Task, before: Counts) -> Tally:
    task.of = before.pending

    async def look() -> None:
        now = await looking.count(station, before.mbean)
        if isinstance(now, Counts):
            task.done = max(0, now.dequeued - before.dequeued)

    try:
        said = op.number(await op.watched(station, task.verb, Exec(before.mbean, op.RETRY_ALL), before.pending, look))
    except Stopped as stop:
        return Tally(of=before.pending, stop=stop)
    task.done = said
    return Tally(said, before.pending)


def _told(deed: Deed, some: Some, tally: Tally, before: Counts, after: Sight) -> Outcome:
    """Of one queue: removed, or retried to wherever each came from."""
    if tally.stop is not None and tally.stop.is_lost:
        return lost(deed.verb, before.name, tally.stop, f"it {counts.now_and_before(before, after)}", _at_least(deed, tally))
    head = f"{deed.done} {_of(tally)} from {before.name}"
    if deed.verb == "retry":
        head = f"retried {_of(tally)} of {before.name}, each to where it came from"
    used = counts.in_use(before.name, counts.change(before, after), 0, tally.done)
    return _ended(tally, f"{head}: {counts.arrow(before.name, before, after)}{used}{_why_short(some, tally, before)}")


def _told_of_two(deed: Deed, some: Some, tally: Tally, source: tuple[Counts, Sight], target: tuple[str, Counts | None, Sight]) -> Outcome:
    before, after = source
    to, target_before, target_after = target
    if tally.stop is not None and tally.stop.is_lost:
        both = f"it {counts.now_and_before(before, after)}; '{to}' {counts.now_and_before(target_before, target_after)}"
        return lost(deed.verb, before.name, tally.stop, both, _at_least(deed, tally))
    went = tally.done if deed.verb == "move" else 0
    there = counts.change(target_before, target_after)
    arrived = tally.done if there is None else min(tally.done, there.came)
    arrows = f"{counts.arrow(before.name, before, after)}, {counts.arrow(to, target_before, target_after)}"
    used = counts.in_use(before.name, counts.change(before, after), 0, went) + counts.in_use(to, there, arrived, 0)
    short = _why_short(some, tally, before)
    if arrived < tally.done:
        head = f"the broker says {count(tally.done, 'message')} {_were(tally.done)} {deed.done}; {to} has got {arrived:,} more"
        gone = f"dropped there as a duplicate, and gone from {before.name}" if deed.verb == "move" else "not copied again"
        short += f"; what {to} had before is {gone}"
        return replace(_ended(tally, f"{head}: {arrows}{used}{short}"), is_whole=False)
    return _ended(tally, f"{deed.done} {_of(tally)} from {before.name} to {to}: {arrows}{used}{short}")


def _ended(tally: Tally, text: str) -> Outcome:
    if tally.is_cancelled:
        return Outcome("cancelled", f"cancelled: {text}", is_whole=False)
    if tally.stop is not None:
        return Outcome("failed", f"{tally.stop.text}; before that: {text}", is_whole=False)
    return Outcome("done", text, is_whole=tally.missing == 0 and (tally.done > 0 or tally.of == 0))


def _of(tally: Tally) -> str:
    if tally.of is not None and tally.done != tally.of:
        return f"{tally.done:,} of {count(tally.of, 'message')}"
    return count(tally.done, "message")


def _at_least(deed: Deed, tally: Tally) -> str:
    return f"{count(tally.done, 'message')} {_were(tally.done)} {deed.done} before that" if tally.done else ""


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _why_short(some: Some, tally: Tally, before: Counts) -> str:
    if tally.note:
        return f"; {tally.note}"
    if tally.missing:
        return f"; {tally.missing:,} not found: taken meanwhile, or further back than the broker looks"
    if before.is_seen_in_part and (some.selector or some.each):
        return "; the broker looked only at the head of the queue, which it has in memory (CacheEnabled is false): there may be more"
    if not tally.done and some.selector:
        return "; none matched"
    return ""
