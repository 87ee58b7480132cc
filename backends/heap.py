"""The old generation of the producer agents: their GC logs, followed. One source for all of them, one row a file.

Here are the configuration and the source; `gclog` reads, and is imported with the first look.
"""

import asyncio
import glob
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from backends.agent import HeapFile
from backends.questions import Found, HeapOf, HeapPast, LogLines, LogLinesOf, Question
from backends.snapshots import Heap, Kind
from backends.source import ACT_DEADLINE_S, Answer, Context, Source, Tell, Unasked, Unavailable, nobody
from backends.wording import count, listed
from backends.worker import Busy, Worker
from settings.forms import Name

if TYPE_CHECKING:
    from backends.gclog.follow import Follower
    from backends.gclog.past.reading import Readings

SECTION = "heap"
INTERVAL_S = 2.0
DEADLINE_S = 15.0  # the first look at a hundred large logs takes 2 s
MAX_FILES = 512  # of one glob: a row each; more is a glob that took in a whole disk
QUEUE_S = 5.0  # that a question waits for the one before it
ANSWER_S = 10.0  # for an answer; a first one of 16 MiB takes less than 1 s
AGAIN_S = 0.02  # until an answer that nobody waits for any more has ended


class Agent(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    path: str  # globs allowed


Section = list[Agent]


def sources(section: Section, context: Context) -> Sequence[Source]:
    return [Heaps(section, context.tell)] if section else []


def read_files(paths: Iterable[str | Path], now: float | None = None) -> list[HeapFile]:
    """Whole logs, plain or gzip, `-` for standard input. `now` is accepted for the caller's sake: a file that is only read has no now."""
    from backends.gclog.rows import read

    return [read(str(path)) for path in paths]


class Heaps(Unasked):
    """All configured logs. Reads on a thread of its own; a log that cannot be read is a row that says so."""

    name = "heap"
    kind: Kind = "heap"
    interval = INTERVAL_S
    deadline = DEADLINE_S
    act_deadline = ACT_DEADLINE_S

    def __init__(self, agents: Sequence[Agent], tell: Tell = nobody) -> None:
        self._agents = agents
        self._tell = tell
        self._followers: dict[str, Follower] = {}
        self._lost: list[str] = []  # sentences that a look found, to be told when it is over
        self._worker = Worker("heap")
        self._given_up = threading.Event()  # the caller no longer waits: end the look after this file
        self._desk = Worker("heap-questions")  # whoever looks disturbs no look of ours
        self._turn = asyncio.Lock()
        self._readings: Readings | None = None

    async def observe(self, now: float) -> Heap:
        try:
            found = await self._worker.run(lambda: self._look(now))
            for text in self._lost:
                self._tell(now, "warning", self.name, text)
            return found
        except Busy:
            error = "the last look at the GC logs has not ended: a file system does not answer; try ls on the paths of heap:"
            raise Unavailable(error) from None
        except BaseException:
            self._given_up.set()
            raise

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, f"GC logs are only read; they know no {verb}")

    async def ask(self, question: Question) -> Found:
        """The past of an agent, and lines of its log; one question at a time."""
        if not isinstance(question, HeapOf | LogLinesOf):
            return await super().ask(question)
        is_left = threading.Event()  # by whoever asked: the answer ends at its next step
        try:
            async with asyncio.timeout(QUEUE_S):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable("other questions about GC logs are being answered; ask again in a moment", "stale") from None
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._answered(lambda: self._answer(question, is_left.is_set))
        except TimeoutError:
            raise Unavailable(f"{question.name}: its log was not read within {ANSWER_S:g} s: a file system does not answer") from None
        finally:
            is_left.set()
            self._turn.release()

    async def close(self) -> None:
        self._given_up.set()
        self._worker.close(self._forget)
        self._desk.close(self._forget_questions)

    async def _answered(self, answer: Callable[[], HeapPast | LogLines]) -> Found:
        while True:
            try:
                return await self._desk.run(answer)
            except Busy:
                await asyncio.sleep(AGAIN_S)

    def _answer(self, question: HeapOf | LogLinesOf, is_left: Callable[[], bool]) -> HeapPast | LogLines:
        """Blocking. Raises Unavailable."""
        from backends.gclog.past.lines import lines
        from backends.gclog.past.reading import GivenUp, Readings
        from backends.gclog.rows import why

        path = self._path_of(question.name)
        try:
            if isinstance(question, LogLinesOf):
                return lines(question, path)
            if self._readings is None:
                self._readings = Readings()
            follower = self._followers.get(question.name)
            return self._readings.past(question, path, None if follower is None else follower.account.region_kib, is_left)
        except OSError as trouble:
            raise Unavailable(why(trouble, path), "denied" if isinstance(trouble, PermissionError) else "down") from None
        except GivenUp:
            raise Unavailable(f"{question.name}: nobody waits for this answer any more") from None

    def _path_of(self, name: str) -> str:
        """Of the log of this row. Raises Unavailable."""
        known = [row for agent in self._agents if name == agent.name or name.startswith(f"{agent.name}/") for row in followed(agent)[0]]
        for row, path in known:
            if row == name:
                return path
        names = [row for row, _ in known] or [agent.name for agent in self._agents]
        near = get_close_matches(name, names)
        raise Unavailable(f"no GC log is followed as '{name}'" + (f"; did you mean {listed(near)}?" if near else ""))

    def _look(self, now: float) -> Heap:
        self._given_up.clear()
        self._lost = []
        rows: list[HeapFile] = []
        wanted: set[str] = set()
        for agent in self._agents:
            logs, more = followed(agent)
            for name, path in logs:
                if self._given_up.is_set():
                    return Heap(tuple(rows))
                wanted.add(name)
                rows.append(self._row(name, path, now))
            rows += [left_out(agent, more)] if more else []
        for gone in self._followers.keys() - wanted:
            self._followers.pop(gone).close()
        return Heap(tuple(rows))

    def _row(self, name: str, path: str, now: float) -> HeapFile:
        from backends.gclog.follow import Follower
        from backends.gclog.rows import live

        follower = self._followers.setdefault(name, Follower())
        trouble, gaps = None, follower.gaps
        try:
            follower.look(path)
        except OSError as error:
            trouble = error
        if follower.gaps > gaps and follower.gap is not None:
            self._lost.append(f"{name}: {follower.gap}")
        return live(path, name, follower, now, trouble)

    def _forget(self) -> None:
        for follower in self._followers.values():
            follower.close()
        self._followers.clear()

    def _forget_questions(self) -> None:
        self._readings = None


def followed(agent: Agent) -> tuple[list[tuple[str, str]], int]:
    """(name of the row, path) of each log of this agent: one for a plain path, there or not; one for each log that matches a glob. And how
    many logs are left out, being more than MAX_FILES."""
    path = str(Path(agent.path).expanduser())
    if not glob.has_magic(path):
        return [(agent.name, path)], 0
    from backends.gclog.files.family import live_logs

    logs = sorted(live_logs(glob.glob(path)))  # noqa: PTH207  an absolute pattern is not for Path.glob
    if len(logs) < 2:
        return [(agent.name, logs[0] if logs else path)], 0
    shared = os.path.commonpath([str(Path(log).parent) for log in logs])
    rows = [(f"{agent.name}/{Path(log).relative_to(shared)}", log) for log in logs[:MAX_FILES]]
    return rows, len(logs) - len(rows)


def left_out(agent: Agent, more: int) -> HeapFile:
    """A row that says that logs have none."""
    from backends.gclog.rows import nothing

    error = f"{count(more, 'log')} more match {agent.path}, and the first {MAX_FILES} alone are followed; give heap[] narrower patterns"
    return nothing(agent.path, f"{agent.name}/(left out)", error)
