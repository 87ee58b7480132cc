"""What is being done to a broker's queues and was done lately. No I/O, no clock.

One job at a time works on a queue, so that counts read before and after tell what it did. A job is cancelled between two of its requests.
"""

from collections import deque
from typing import Final

from backends.broker import Job, JobState

KEPT: Final = 20  # ended ones: what a screen shows

DOING: Final = {  # the verb, as a sentence says it of a queue
    "purge": "purged",
    "delete": "deleted",
    "create": "created",
    "pause": "paused",
    "resume": "resumed",
    "move": "moved",
    "copy": "copied",
    "retry": "retried",
    "remove": "cleared of messages",
    "send": "sent to",
    "import": "sent to",
}


NOW: Final = {  # the verb, as a job says of itself what it does
    "purge": "purging",
    "delete": "purging, then deleting",
    "create": "creating",
    "pause": "pausing",
    "resume": "resuming",
    "move": "moving",
    "copy": "copying",
    "retry": "retrying",
    "remove": "removing from",
    "send": "sending to",
    "import": "importing into",
}


class Busy(Exception):
    """Another job works on one of the queues."""


class Task:
    """A job under way: it says how far it is, and is told to end."""

    def __init__(self, id: int, verb: str, queue: str, to: str | None, at: float) -> None:
        self.id, self.verb, self.queue, self.to, self.began_at = id, verb, queue, to, at
        self.done = 0
        self.of: int | None = None
        self.text = f"{NOW[verb]} {queue}" + ("" if to is None else f" to {to}")
        self.is_cancelled = False

    def job(self, state: JobState = "running", ended_at: float | None = None, text: str | None = None) -> Job:
        said = self.text if text is None else text
        return Job(self.id, self.verb, self.queue, self.to, self.done, self.of, self.began_at, ended_at, state, said)


class Book:
    def __init__(self) -> None:
        self._running: list[Task] = []
        self._ended: deque[Job] = deque(maxlen=KEPT)
        self._last = 0

    def why_busy(self, *queues: str | None) -> str | None:
        for task in self._running:
            for queue in queues:
                if queue is not None and queue in (task.queue, task.to):
                    return f"'{queue}' is being {_doing(task, queue)}: job {task.id}; wait for its end, or cancel it"
        return None

    def begin(self, verb: str, queue: str, to: str | None, at: float) -> Task:
        """Raises Busy with a sentence. Whoever begins a task ends or forgets it."""
        if (said := self.why_busy(queue, to)) is not None:
            raise Busy(said)
        self._last += 1
        task = Task(self._last, verb, queue, to, at)
        self._running.append(task)
        return task

    def end(self, task: Task, state: JobState, text: str, at: float) -> None:
        self._running.remove(task)
        self._ended.appendleft(task.job(state, at, text))

    def forget(self, task: Task) -> None:
        """It did nothing after all, and is no news."""
        self._running.remove(task)

    def cancel(self, id: int) -> str | None:
        """None: it was told. Else why there is nothing to cancel."""
        for task in self._running:
            if task.id == id:
                task.is_cancelled = True
                return None
        ended = next((job for job in self._ended if job.id == id), None)
        return f"there is no job {id}" if ended is None else f"job {id} has ended already: {ended.text}"

    def jobs(self) -> tuple[Job, ...]:
        """Newest first."""
        return tuple(sorted((*(task.job() for task in self._running), *self._ended), key=lambda job: -job.id))


def _doing(task: Task, queue: str) -> str:
    return DOING[task.verb] if queue == task.queue else f"{DOING[task.verb]} to"
