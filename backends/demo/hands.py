"""What is done to a queue of the demonstration, and remembered there: counts change, jobs of many messages take some seconds."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from backends.broker import Job, JobState
from backends.demo.outgoing import imported, sent
from backends.demo.previews import Plan, Refused, changed, plan
from backends.demo.stock import Letter, Stock
from backends.messages import Message
from backends.source import Answer, Unavailable
from backends.wording import count

STEP_S: Final = 0.25  # between two steps of a job
STEP: Final = 50  # messages of a step, at least
STEPS: Final = 24  # of a job, at most
Moment = Callable[[], tuple[float, float]]  # seconds since the start, and epoch seconds
_MOVED: Final = {"move": "moved", "copy": "copied", "retry": "sent back", "remove": "removed"}


class Hands:
    """Of one broker. `moment` is asked anew for every step."""

    def __init__(self, stock: Stock, moment: Moment) -> None:
        self._stock = stock
        self._moment = moment
        self._cancelled: set[int] = set()
        self._jobs = 0
        self._numbers = itertools.count(1)  # of messages that are sent

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        if verb == "cancel":
            return self._cancel(arguments)
        at, now = self._moment()
        try:
            found = plan(verb, arguments, self._stock, at, now - at)
            if (why := changed(verb, expect, self._stock, at)) is not None:
                return Answer(False, why)
            return await self._done(found, arguments, at, now)
        except (Refused, ValueError) as trouble:
            return Answer(False, str(trouble))
        except Unavailable as trouble:
            return Answer(False, trouble.error)

    def _done(self, found: Plan, arguments: Mapping[str, Any], at: float, now: float) -> Awaitable[Answer]:
        if found.verb == "send":
            return self._put(found, sent(arguments, now, self._numbers))
        if found.verb == "import":
            return self._put(found, imported(str(arguments.get("lines") or ""), now, self._numbers))
        return self._carry(found) if found.letters else self._at_once(found, at)

    async def _at_once(self, found: Plan, at: float) -> Answer:
        stock, queue = self._stock, found.queue
        before = stock.pending(queue, at)
        match found.verb:
            case "purge":
                stock.purge(queue, at)
                return Answer(True, f"purged {queue}: {before:,} -> {stock.pending(queue, at):,} pending (demonstration)")
            case "delete":
                stock.delete(queue)
                return Answer(True, f"deleted {queue} with {count(before, 'message')} (demonstration)")
            case "create":
                stock.create(queue, at)
                return Answer(True, f"created {queue} (demonstration)")
            case "pause":
                stock.pause(queue, at)
                return Answer(True, f"paused {queue}: {before:,} pending (demonstration)")
            case "resume":
                stock.resume(queue, at)
                return Answer(True, f"resumed {queue}: {before:,} pending (demonstration)")
            case _:
                return Answer(False, f"no message of {queue} was chosen, or none is there any more")

    async def _carry(self, found: Plan) -> Answer:
        """Moves, copies, sends back or removes what was chosen, as far as it is still there."""
        queue, to, at = found.queue, found.to, self._moment()[0]
        before = self._counts(at, queue, to)
        known = set(self._stock.letters(to, at)) if to is not None and self._stock.has(to) else set()

        def step(letters: tuple[Letter, ...], at: float) -> int:
            there = set(self._stock.letters(queue, at))
            left = [letter for letter in letters if letter in there]
            if found.verb != "copy":
                self._stock.take(queue, left)
            if to is not None:
                self._stock.put(to, [letter for letter in left if letter not in known], at)
            return len(left)

        done, state = await self._job(found, found.letters, step)
        after = self._counts(self._moment()[0], queue, to)
        counted = ", ".join(f"{name} {before[name]:,} -> {after[name]:,}" for name in after)
        where = f" from {queue}" + (f" to {to}" if to is not None else "")
        text = f"{_MOVED[found.verb]} {count(done, 'message')}{where}: {counted} (demonstration)"
        return _over(state, text)

    async def _put(self, found: Plan, messages: tuple[Message, ...]) -> Answer:
        def step(letters: tuple[Letter, ...], at: float) -> int:
            self._stock.put(found.queue, letters, at)
            return len(letters)

        before = self._counts(self._moment()[0], found.queue)
        done, state = await self._job(found, messages, step)
        after = self._counts(self._moment()[0], found.queue)
        counted = ", ".join(f"{name} {before[name]:,} -> {after[name]:,}" for name in after)
        return _over(state, f"sent {count(done, 'message')}: {counted} (demonstration)")

    async def _job(
        self, found: Plan, letters: tuple[Letter, ...], step: Callable[[tuple[Letter, ...], float], int]
    ) -> tuple[int, JobState]:
        self._jobs += 1
        job = Job(self._jobs, found.verb, found.queue, found.to, 0, len(letters), self._moment()[1], None, "running", "")
        self._stock.work.insert(0, job)
        size, done = max(STEP, -(-len(letters) // STEPS)), 0
        state: JobState = "cancelled"  # unless it comes to its end
        try:
            for start in range(0, len(letters), size):
                if start:
                    await asyncio.sleep(STEP_S)
                if job.id in self._cancelled:
                    break
                done += step(letters[start : start + size], self._moment()[0])
                self._tell(replace(job, done=done, text=f"{done:,} of {len(letters):,}"))
            else:
                state = "done"
        finally:
            text = f"{state}: {done:,} of {len(letters):,}"
            self._tell(replace(job, done=done, ended_at=self._moment()[1], state=state, text=text))
        return done, state

    def _tell(self, job: Job) -> None:
        self._stock.work = [job if each.id == job.id else each for each in self._stock.work]

    def _cancel(self, arguments: Mapping[str, Any]) -> Answer:
        job = next((each for each in self._stock.work if str(each.id) == str(arguments.get("job"))), None)
        if job is None or job.state != "running":
            return Answer(False, f"no job {arguments.get('job')} is running")
        self._cancelled.add(job.id)
        return Answer(True, f"job {job.id} ends after this step (demonstration)")

    def _counts(self, at: float, *queues: str | None) -> dict[str, int]:
        return {queue: self._stock.pending(queue, at) for queue in queues if queue is not None}


def _over(state: JobState, text: str) -> Answer:
    return Answer(state == "done", text if state == "done" else f"{state}: {text}")
