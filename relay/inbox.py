"""The inbox: one file a minute, complete before it can be seen, its name used once.

`.YYYYMMDDHHMM_request.txt.part` is written, and renamed to `YYYYMMDDHHMM_request.txt` when its minute is over. A name is claimed in a
log of its own before the file is made, so that a name that was published and consumed is not used again in the same minute: the next
one is `YYYYMMDDHHMM_request.1.txt`. The minute is that of the commit, in local time; when the clock steps back, the file of the later
minute is published and the earlier minute gets its next name.
"""

import errno
import itertools
import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from relay.commit import NONE, Disk, DurableFile, Refusals, StorageFailed, SyncFailed, write_all
from relay.ledger import Ledger
from relay.rename import rename_new

log = logging.getLogger(__name__)

NAMES_KEPT: Final = 2 * 86400  # seconds a claimed name is remembered: longer than any hour that comes twice
MAX_SHARE: Final = 0.05  # of the file system that `min_free` may claim
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PART: Final = re.compile(r"^\.(\d{12}_request(?:\.\d+)?\.txt)\.part$")


class Stored(Protocol):
    """A batch, as far as an inbox is concerned."""

    @property
    def data(self) -> bytes: ...
    @property
    def keys(self) -> Sequence[bytes]: ...
    @property
    def digests(self) -> Sequence[int]: ...


class Finished(NamedTuple):
    """A file that is written no more and still hidden."""

    part: Path
    name: str
    size: int
    needs_cut: bool  # behind `size` there may be lines that were refused


class Names:
    """Which names were ever claimed. Raises OSError; a name that could not be claimed durably is not used."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._used: set[str] = set()
        self.last: str | None = None

    def load(self, now: float) -> None:
        oldest = _minute(now - NAMES_KEPT)
        try:
            names = self._path.read_text(errors="replace").split()
        except FileNotFoundError:
            names = []
        self.last = names[-1] if names else None
        self._used = {name for name in names if name >= oldest}
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(f"{name}\n" for name in names if name in self._used))
        fd = os.open(fresh, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        fresh.replace(self._path)
        self._disk.sync_directory(self._path.parent)

    def is_used(self, name: str) -> bool:
        return name in self._used

    def claim(self, name: str) -> None:
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            write_all(self._disk, fd, f"\n{name}\n".encode())  # newline first: a torn name before it stays a torn name
            self._disk.sync(fd)
        finally:
            os.close(fd)
        self._used.add(name)
        self.last = name


class Inbox:
    """A `relay.commit.Store`. Called by the writer thread only, after the start."""

    def __init__(
        self,
        place: Path,
        names: Names,
        ledger: Ledger,
        disk: Disk,
        *,
        min_free: int,
        in_place: bool,
        trouble: Callable[[str], None] = log.error,
    ) -> None:
        self.place = place
        self.names = names
        self.ledger = ledger
        self._disk = disk
        self._min_free = min_free
        self._in_place = in_place
        self._trouble = trouble
        self._file: DurableFile | None = None
        self._name = ""
        self._unused = ""
        self._minute = 0
        self._finished: list[Finished] = []

    def append(self, batch: Stored, now: float) -> Refusals:
        data = batch.data
        self._check_room(len(data))
        try:
            file = self._current(now)
            file.append(data)
        except SyncFailed as error:
            self._set_aside(error)
            raise StorageFailed(f"{self.place}: {error}", is_space=False) from error
        except OSError as error:
            raise StorageFailed(f"{self.place}: {error.strerror or error}", is_space=error.errno in NO_ROOM) from error
        self.ledger.note(batch.keys, batch.digests, now)
        return NONE

    def has_room(self, size: int = 0) -> bool:
        free, whole = self._disk.free(self.place)
        return free - size >= min(self._min_free, whole * MAX_SHARE)

    def _check_room(self, size: int) -> None:
        try:
            if self.has_room(size):
                return
        except OSError as error:
            raise StorageFailed(f"{self.place}: {error.strerror}", is_space=False) from error
        raise StorageFailed(f"{self.place}: less free space than relay.min_free", is_space=True)

    def tick(self, now: float) -> None:
        if self._file is not None and int(now // 60) != self._minute:
            self._finish()
        self._publish()

    def close(self, now: float) -> None:
        self._finish()
        self._publish()
        self.ledger.close()

    def publish(self, finished: Finished) -> None:
        """Of the recovery: a file of an earlier process, all of whose lines are right."""
        self._finished.append(finished)
        self._publish()

    def _current(self, now: float) -> DurableFile:
        minute = int(now // 60)
        file = self._file
        if file is not None and (minute != self._minute or (self._in_place and not file.is_at(file.path))):
            self._finish()
            self._publish()
            file = None
        if file is None:
            file = self._file = self._open(now)
            self._minute = minute
        return file

    def _open(self, now: float) -> DurableFile:
        minute = _minute(now)
        if self._unused.startswith(minute) and not os.path.lexists(self.place / self._unused):
            return self._make(self._unused)  # claimed for a file that could not be made
        for number in itertools.count():
            name = f"{minute}_request.{number}.txt" if number else f"{minute}_request.txt"
            part = self.place / f".{name}.part"
            if self.names.is_used(name) or os.path.lexists(self.place / name) or os.path.lexists(part):
                continue
            self.names.claim(name)
            self._unused = name
            return self._make(name)
        raise AssertionError("numbers do not end")

    def _make(self, name: str) -> DurableFile:
        file = DurableFile(self.place / (name if self._in_place else f".{name}.part"), self._disk)
        try:
            self._disk.sync_directory(self.place)  # a durable line in a file without a durable name is lost
        except OSError:
            file.close()
            file.path.unlink(missing_ok=True)
            raise
        self._name, self._unused = name, ""
        return file

    def _finish(self) -> None:
        """The current file gets no more lines."""
        if (file := self._file) is None:
            return
        self._file = None
        file.close()
        if not self._in_place:
            self._finished.append(Finished(file.path, self._name, file.size, needs_cut=False))

    def _set_aside(self, error: SyncFailed) -> None:
        """What is durable in it stays and is published; the descriptor is never synced again."""
        if (file := self._file) is None:
            return
        self._trouble(f"{file.path.name}: {error}; it ends after its last durable record and the next file is begun")
        self._file = None
        file.close()
        self._finished.append(Finished(file.path, self._name, file.size, needs_cut=True))

    def _publish(self) -> None:
        """What cannot be published now is tried again each second."""
        if not self._finished:
            return
        self.ledger.sync()
        for finished in self._finished.copy():
            try:
                self._publish_one(finished)
            except FileNotFoundError:
                self._trouble(f"{finished.part} is gone: somebody removed it before it was published")
            except OSError as error:
                self._trouble(f"{finished.part} cannot be published yet: {error.strerror or error}")
                continue
            self._finished.remove(finished)

    def _publish_one(self, finished: Finished) -> None:
        if finished.needs_cut:
            os.truncate(finished.part, finished.size)
        if finished.size == 0:
            finished.part.unlink()
        elif finished.part.name.startswith("."):
            self._rename(finished)
        try:
            self._disk.sync_directory(self.place)
        except OSError as error:  # the file is there to see; after a power cut it may be hidden again, and is published then
            self._trouble(f"{self.place}: {error.strerror or error}")

    def _rename(self, finished: Finished) -> None:
        name = finished.name
        while True:
            try:
                rename_new(finished.part, self.place / name)
                return
            except FileExistsError:  # somebody else's file has our name; it is not ours to overwrite
                name = self._next(name)
                self.names.claim(name)

    def _next(self, name: str) -> str:
        for number in itertools.count(1):
            found = f"{name[:12]}_request.{number}.txt"
            if not self.names.is_used(found) and not os.path.lexists(self.place / found):
                return found
        raise AssertionError("numbers do not end")


def _minute(at: float) -> str:
    return time.strftime("%Y%m%d%H%M", time.localtime(at))
