"""The old generation of the producer agents: their GC logs, followed. One source for all of them, one row a file.

Here are the configuration and the source; `gclog` reads, and is imported with the first look.
"""

import glob
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from backends.agent import HeapFile
from backends.snapshots import Heap, Kind
from backends.source import ACT_DEADLINE_S, Answer, Context, Source, Unasked, Unavailable
from backends.worker import Busy, Worker
from settings.forms import Name

if TYPE_CHECKING:
    from backends.gclog.follow import Follower

SECTION = "heap"
INTERVAL_S = 2.0
DEADLINE_S = 15.0  # the first look at a hundred large logs takes 2 s
MAX_FILES = 512  # of one glob: a row each; more is a glob that took in a whole disk
ARCHIVE = re.compile(r"(.+?)(\.\d+)(\.current)?$")


class Agent(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    path: str  # globs allowed


Section = list[Agent]


def sources(section: Section, context: Context) -> Sequence[Source]:
    return [Heaps(section)] if section else []


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

    def __init__(self, agents: Sequence[Agent]) -> None:
        self._agents = agents
        self._followers: dict[str, Follower] = {}
        self._worker = Worker("heap")
        self._given_up = threading.Event()  # the caller no longer waits: end the look after this file

    async def observe(self, now: float) -> Heap:
        try:
            return await self._worker.run(lambda: self._look(now))
        except Busy:
            error = "the last look at the GC logs has not ended: a file system does not answer; try ls on the paths of heap:"
            raise Unavailable(error) from None
        except BaseException:
            self._given_up.set()
            raise

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, f"GC logs are only read; they know no {verb}")

    async def close(self) -> None:
        self._given_up.set()
        self._worker.close(self._forget)

    def _look(self, now: float) -> Heap:
        self._given_up.clear()
        rows: list[HeapFile] = []
        wanted: set[str] = set()
        for agent in self._agents:
            for name, path in followed(agent):
                if self._given_up.is_set():
                    return Heap(tuple(rows))
                wanted.add(name)
                rows.append(self._row(name, path, now))
        for gone in self._followers.keys() - wanted:
            self._followers.pop(gone).close()
        return Heap(tuple(rows))

    def _row(self, name: str, path: str, now: float) -> HeapFile:
        from backends.gclog.follow import Follower
        from backends.gclog.rows import live, why
        from backends.gclog.tail import newest_current

        follower = self._followers.setdefault(name, Follower())
        error = None
        try:
            follower.look(newest_current(path))
        except OSError as trouble:
            error = why(trouble, path)
        return live(path, name, follower, now, error)

    def _forget(self) -> None:
        for follower in self._followers.values():
            follower.close()
        self._followers.clear()


def followed(agent: Agent) -> Iterator[tuple[str, str]]:
    """(name of the row, path) of each log of this agent: one for a plain path, there or not; one for each log that matches a glob."""
    path = str(Path(agent.path).expanduser())
    if not glob.has_magic(path):
        yield agent.name, path
        return
    logs = sorted(live_logs(glob.glob(path)))[:MAX_FILES]  # noqa: PTH207  an absolute pattern is not for Path.glob
    if len(logs) < 2:
        yield agent.name, logs[0] if logs else path
        return
    shared = os.path.commonpath([str(Path(log).parent) for log in logs])
    for log in logs:
        yield f"{agent.name}/{Path(log).relative_to(shared)}", log


def live_logs(paths: Iterable[str]) -> set[str]:
    """The logs among the files of a glob: the archives of one log (`gc.log.3`, `gc.log.4.current`) are not logs of their own."""
    found = set(paths)
    logs = set()
    for path in found:
        archive = ARCHIVE.fullmatch(path)
        if archive is None:
            logs.add(path)
        elif archive[1] not in found:
            logs.add(archive[1] if archive[3] else path)
    return {log for log in logs if (archive := ARCHIVE.fullmatch(log)) is None or archive[1] not in logs}
