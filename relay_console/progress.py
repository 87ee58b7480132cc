"""One action from its beginning to its answer, however long it takes: how far it is on a terminal, and Ctrl-C to cancel it.

It runs in a thread of its own, for the socket it went through says nothing until all is done; how far it is another question tells.
"""

import functools
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from backends.broker import Job
from backends.questions import Jobs, JobsOf
from link.protocol import Reply
from relay_console.asking import Value
from relay_console.brokers import Brokers
from relay_console.cli import say
from relay_console.errors import Trouble
from tui.format import visible

LOOK: Final = 1.0  # seconds between two looks at how far it is
LOOK_DEADLINE: Final = 5.0  # seconds for one look; without it the action goes on all the same


class Line:
    """A line on standard error that is written over again and again; none where that is no terminal."""

    def __init__(self) -> None:
        self.is_shown = sys.stderr.isatty()
        self._is_written = False

    def put(self, text: str) -> None:
        if self.is_shown:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self._is_written = True

    def clear(self) -> None:
        if self._is_written:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._is_written = False


class Outcome(NamedTuple):
    reply: Reply
    is_interrupted: bool  # somebody pressed Ctrl-C meanwhile
    job: Job | None = None  # of one that failed: how far it came; None: it did not begin, or nobody knows


class _Worker(threading.Thread):
    """`reply`, or what was raised instead."""

    def __init__(self, brokers: Brokers, broker: str, verb: str, arguments: Mapping[str, Value], expect: Mapping[str, Value]) -> None:
        super().__init__(name=verb, daemon=True)
        self.reply: Reply | None = None
        self.error: BaseException | None = None
        self.is_over = threading.Event()  # a join that Ctrl-C interrupts takes the thread for one that has ended
        self._act: Callable[[], Reply] = functools.partial(brokers.act, broker, verb, arguments, expect)

    def run(self) -> None:
        try:
            self.reply = self._act()
        except BaseException as error:  # whoever waits raises it
            self.error = error
        finally:
            self.is_over.set()


class Doing:
    """One action on one broker's queue."""

    def __init__(self, brokers: Brokers, broker: str, verb: str, arguments: Mapping[str, Value], expect: Mapping[str, Value]) -> None:
        self._brokers, self._broker, self._verb = brokers, broker, verb
        self._queue = arguments["queue"]
        self._worker = _Worker(brokers, broker, verb, arguments, expect)
        self._began_at = time.time()
        self._line = Line()
        self._is_interrupted = False

    def wait(self) -> Outcome:
        """Raises Trouble, and KeyboardInterrupt at the second Ctrl-C, which leaves the action to itself."""
        self._worker.start()
        try:
            while not self._worker.is_over.is_set():
                try:
                    self._wait_a_little()
                except KeyboardInterrupt:
                    self._line.clear()
                    if self._is_interrupted:
                        say(f"'{self._verb}' is left to itself; relay-console queues tells what became of it")
                        raise
                    self._is_interrupted = True
                    self._cancel()
        finally:
            self._line.clear()
        if self._worker.reply is None:
            assert self._worker.error is not None
            raise self._worker.error
        reply = self._worker.reply
        return Outcome(reply, self._is_interrupted, None if reply.ok else self._job())

    def _wait_a_little(self) -> None:
        if not self._worker.is_over.wait(LOOK) and self._line.is_shown and (job := self._job()) is not None:
            far = f"{job.done:,} of {job.of:,}" if job.of is not None else f"{job.done:,}"
            self._line.put(visible(f"{job.verb} {job.queue}: {far}  {job.text}"))

    def _job(self) -> Job | None:
        """Ours, as far as it is known."""
        try:
            found = self._brokers.tell(self._broker, JobsOf(), deadline=LOOK_DEADLINE)
        except Trouble:
            return None
        jobs = found.jobs if isinstance(found, Jobs) else ()
        ours = (job for job in jobs if (job.verb, job.queue) == (self._verb, self._queue) and job.began_at >= self._began_at)
        return next(ours, None)

    def _cancel(self) -> None:
        """It ends between two requests, and its own answer says what was done."""
        job = self._job()
        if job is None or job.state != "running":
            say("it cannot be cancelled now; waiting for its answer, a second Ctrl-C does not wait")
            return
        say("cancelling; waiting for its answer, a second Ctrl-C does not wait")
        try:
            reply = self._brokers.act(self._broker, "cancel", {"job": job.id}, {})
        except Trouble as trouble:
            say(*trouble.lines)
            return
        if not reply.ok:
            say(reply.text)


def do(brokers: Brokers, broker: str, verb: str, arguments: Mapping[str, Value], expect: Mapping[str, Value]) -> Outcome:
    """Raises Trouble, and KeyboardInterrupt."""
    return Doing(brokers, broker, verb, arguments, expect).wait()
