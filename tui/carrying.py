"""What follows from yes: the commands, one after the other, how far each is, what came of it, and stopping it."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from backends.broker import Job
from backends.questions import CHANGED, Jobs, JobsOf, Preview
from link.protocol import Reply
from monitor.replica import ask
from tui.actions.queues import DOING
from tui.confirming import Ask
from tui.format import number, visible

if TYPE_CHECKING:
    from tui.app import Console

ACT_DEADLINE: Final = 3700.0  # seconds: a source gives up after an hour and says so
PACE: Final = 1.0  # seconds between two looks at how far an action is


@dataclass
class Running:
    """A command that is being carried out."""

    ask: Ask
    number: int
    of: int
    job: Job | None = None
    is_stopped: bool = False  # no other follows

    def text(self) -> str:
        """`moving orders → orders.old: 1,500 of 6,000`."""
        to = self.ask.arguments.get("to")
        what = f"{DOING[self.ask.verb]} {visible(self.ask.queue)}" + (f" → {visible(str(to))}" if to else "")
        far = "" if self.job is None else f": {number(self.job.done)}" + ("" if self.job.of is None else f" of {number(self.job.of)}")
        return (f"{self.number} of {self.of}: " if self.of > 1 else "") + what + far


@dataclass
class Tally:
    """Of the commands of one action."""

    of: int = 0
    done: int = 0
    failed: int = 0

    @property
    def is_well(self) -> bool:
        return not self.failed

    def add(self, reply: Reply) -> None:
        self.done += 1
        self.failed += not reply.ok

    def text(self, reply: Reply) -> str:
        return (f"{self.done} of {self.of}, {self.failed} failed: " if self.of > 1 else "") + reply.text


class Carrying:
    def __init__(self, console: "Console") -> None:
        self._console = console
        self.running: list[Running] = []

    async def carry_out(self, confirmed: list[tuple[Ask, Preview]], tally: Tally) -> list[tuple[Ask, str]]:
        """One after the other; returns those whose counts had changed, with what the source says."""
        changed: list[tuple[Ask, str]] = []
        tally.of = tally.done + len(confirmed)
        for index, (each, preview) in enumerate(confirmed, 1):
            running = Running(each, index, len(confirmed))
            reply = await self._run(running, preview)
            if not reply.ok and reply.text.startswith(CHANGED):
                changed.append((each, reply.text))
                continue
            tally.add(reply)
            self._console.deck.say(tally.text(reply), "message" if tally.is_well else "error", lasts=True)
            if running.is_stopped and index < len(confirmed):
                self._console.deck.say(f"stopped: {index} of {len(confirmed)} done; {reply.text}", "warn", lasts=True)
                break
        return changed

    async def _run(self, running: Running, preview: Preview) -> Reply:
        self.running.append(running)
        watching = self._console.beside(self._watch(running), "progress")
        self._console.deck.hints.draw()
        each = running.ask
        try:
            return await self._console.link.command(each.target, each.verb, each.arguments, preview.expect, deadline=ACT_DEADLINE)
        finally:
            watching.cancel()
            self.running.remove(running)
            self._console.deck.hints.draw()

    async def _watch(self, running: Running) -> None:
        while True:
            found = await ask(self._console.link, running.ask.target, JobsOf())
            if isinstance(found, Jobs):
                running.job = next((job for job in found.jobs if _is_of(job, running.ask)), running.job)
                self._console.deck.hints.draw()
            await asyncio.sleep(PACE)

    # -- stopping -----------------------------------------------------------------------------------------------------------------------

    def cancel(self, others: tuple[str, int] | None) -> None:
        """What this console does, or else what somebody else does: source and id of the job."""
        found = others
        if self.running:
            mine = self.running[0]
            mine.is_stopped = True
            found = None if mine.job is None else (mine.ask.target, mine.job.id)
        if found is None:
            self._console.deck.say("it has hardly begun; nothing follows it", "warn")
        else:
            self._console.beside(self._cancel(*found), "cancel")

    async def _cancel(self, source: str, job: int) -> None:
        reply = await self._console.link.command(source, "cancel", {"job": job})
        self._console.deck.say(reply.text, "message" if reply.ok else "error")

    def text(self) -> str:
        """How far it is, for the line of hints."""
        if not self.running:
            return ""
        more = f" (and {len(self.running) - 1} more)" if len(self.running) > 1 else ""
        return self.running[0].text() + more


def _is_of(job: Job, wanted: Ask) -> bool:
    return job.state == "running" and (job.verb, job.queue) == (wanted.verb, wanted.queue)
