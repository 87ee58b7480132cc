"""What is done to a queue as a whole: purged, deleted, created, paused, resumed. Each is looked at again afterwards: a broker answers 200
also where nothing happened.
"""

from backends.activemq import counts, looking
from backends.activemq import operations as op
from backends.activemq.acting.jobs import Task
from backends.activemq.acting.outcome import Outcome, lost, stopped
from backends.activemq.counts import Counts, Missing, Seen, Sight
from backends.activemq.jolokia import Exec
from backends.activemq.looking import Refused
from backends.activemq.operations import Stopped, do
from backends.activemq.station import Station
from backends.questions import CHANGED
from backends.wording import count


async def purge(station: Station, task: Task, before: Counts) -> Outcome:
    try:
        await _emptied(station, task, before)
    except Stopped as stop:
        return await _not_purged(station, task.verb, stop, before)
    return _purged(before, await looking.again(station, before.name, before.mbean))


async def _emptied(station: Station, task: Task, before: Counts) -> None:
    """Raises Stopped."""
    task.of = before.pending

    async def look() -> None:
        now = await looking.count(station, before.mbean)
        if isinstance(now, Counts):
            task.done = min(before.pending, max(0, now.dequeued - before.dequeued))

    await op.watched(station, task.verb, Exec(before.mbean, op.PURGE), before.pending, look)


async def _not_purged(station: Station, verb: str, stop: Stopped, before: Counts) -> Outcome:
    if stop.is_void:
        return stopped(stop)
    after = await looking.again(station, before.name, before.mbean)
    if stop.is_lost:
        return lost(verb, before.name, stop, f"it {counts.now_and_before(before, after)}")
    return Outcome("failed", f"{stop.text}: {counts.arrow(before.name, before, after)}", False)


def _purged(before: Counts, after: Sight) -> Outcome:
    text = f"purged {counts.arrow(before.name, before, after)} pending"
    if not isinstance(after, Counts):
        return Outcome("done", text + (f" ({after.why})" if after.why else ""), is_whole=after.is_gone)
    seen = counts.change(before, after)
    if seen is not None and seen.came > 0:
        text += f"; {seen.came:,} came meanwhile"
    if after.in_flight > 0:
        text += f"; {after.in_flight:,} still with a consumer (in flight)"
    is_whole = after.pending == 0 or (seen is not None and after.pending <= seen.came)
    return Outcome("done", text, is_whole=is_whole)


async def delete(station: Station, task: Task, before: Counts, agreed: Seen) -> Outcome:
    """Emptied first, so that what is lost with the queue is what the operator agreed to lose. Raises Unavailable before that."""
    broker = await looking.broker(station)
    try:
        await _emptied(station, task, before)
    except Stopped as stop:
        return await _not_purged(station, task.verb, stop, before)
    between = await looking.again(station, before.name, before.mbean)
    if task.is_cancelled:
        return Outcome("cancelled", f"cancelled before it was deleted: purged {counts.arrow(before.name, before, between)} pending", False)
    if (said := _why_not_yet(before, between, agreed)) is not None:
        return Outcome("failed", f"{CHANGED}: {said}; it was purged and not deleted", False)
    station.deletes(before.name)
    try:
        await do(station, task.verb, Exec(broker, op.REMOVE_QUEUE, (before.name,)))
    except Stopped as stop:
        after = await looking.again(station, before.name, before.mbean)
        if stop.is_lost:
            return lost(task.verb, before.name, stop, f"it {counts.now_and_before(before, after)}")
        return Outcome("failed", f"{stop.text}; it was purged and not deleted: {counts.arrow(before.name, before, after)}", False)
    return _deleted(before, await looking.again(station, before.name, before.mbean))


def _why_not_yet(before: Counts, between: Sight, agreed: Seen) -> str | None:
    """What came while it was purged is deleted too, as far as it was agreed to."""
    if isinstance(between, Missing):
        return f"it cannot be read after the purge ({between.why or 'gone'})"
    if between.pending > max(0, agreed.most - before.pending):
        return f"{count(between.pending, 'message')} came while '{before.name}' was purged"
    return counts.why_changed(agreed, between)


def _deleted(before: Counts, after: Sight) -> Outcome:
    had = f"with {before.pending:,} pending"
    if isinstance(after, Counts):
        by = f"{count(after.producers, 'producer')} and {count(after.consumers, 'consumer')} on it"
        text = f"deleted '{before.name}' {had}, but it is there: {after.pending:,} pending, {by}; a connected client has created it again"
        return Outcome("done", text, False)
    if after.is_gone:
        return Outcome("done", f"deleted '{before.name}' {had}: it is gone")
    return Outcome("done", f"the broker says that '{before.name}' {had} is deleted; it cannot be looked at ({after.why})", False)


async def create(station: Station, task: Task, queue: str) -> Outcome:
    """Raises Unavailable and Refused while nothing is done yet."""
    if (its := await looking.find(station, queue)) is not None:
        now = await looking.count(station, its)
        raise Refused(f"'{queue}' is there already" + (f", with {now.pending:,} pending" if isinstance(now, Counts) else ""))
    try:
        await do(station, task.verb, Exec(await looking.broker(station), op.ADD, (queue,)))
    except Stopped as stop:
        if stop.is_void:
            return stopped(stop)
        after = await looking.again(station, queue, None)
        if stop.is_lost:
            return lost(task.verb, queue, stop, "it is there now" if isinstance(after, Counts) else "it is not there")
        return Outcome("failed", stop.text, False)
    after = await looking.again(station, queue, None)
    if isinstance(after, Counts):
        return Outcome("done", f"created '{queue}'")
    return Outcome("failed", f"the broker answered, but there is no queue '{queue}'" + (f" ({after.why})" if after.why else ""), False)


async def pause(station: Station, task: Task, before: Counts) -> Outcome:
    return await _switched(station, task, before, op.PAUSE, True)


async def resume(station: Station, task: Task, before: Counts) -> Outcome:
    return await _switched(station, task, before, op.RESUME, False)


async def _switched(station: Station, task: Task, before: Counts, operation: str, is_to_be: bool) -> Outcome:
    try:
        await do(station, task.verb, Exec(before.mbean, operation))
    except Stopped as stop:
        if stop.is_void:
            return stopped(stop)
        now = _state(await looking.again(station, before.name, before.mbean))
        if stop.is_lost:
            return lost(task.verb, before.name, stop, f"it is {now} now")
        return Outcome("failed", f"{stop.text}; '{before.name}' is {now}", False)
    after = await looking.again(station, before.name, before.mbean)
    is_so = isinstance(after, Counts) and after.paused is is_to_be
    pending = f", {after.pending:,} pending" if isinstance(after, Counts) else ""
    done = f"{task.verb}d '{before.name}'"
    return Outcome("done", f"{done}: it is {_state(after)}{pending}", is_so)


def _state(sight: Sight) -> str:
    if not isinstance(sight, Counts):
        return "gone" if sight.is_gone else f"in an unknown state ({sight.why})"
    return {True: "paused", False: "not paused", None: "not known to be paused or not"}[sight.paused]
