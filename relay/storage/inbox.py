"""The inbox: one file a minute, complete before it can be seen, its name used once.

`.YYYYMMDDHHMM_request.txt.part` is written, and renamed to `YYYYMMDDHHMM_request.txt` when its minute is over. A name is claimed in a
log of its own before the file is made, so that a name that was published and consumed is not used again in the same minute: the next
one is `YYYYMMDDHHMM_request.1.txt`. The minute is that of the commit, in local time; when the clock steps back, the file of the later
minute is published and the earlier minute gets its next name.

A file that ended in a failure is cut to its last durable size. The cut goes into the log of names together with the next name, so before
any record that was refused can be sent again and stored: whatever a crash leaves behind the cut is not published beside it.
"""

import itertools
import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from relay.storage.commit import NONE, Disk, DurableFile, Refusals, StorageFailed, SyncFailed
from relay.storage.ledger import Ledger
from relay.storage.names import Names
from relay.storage.rename import rename_new
from relay.storage.reserve import NO_ROOM

log = logging.getLogger(__name__)

MAX_SHARE: Final = 0.05  # of the file system that `min_free` may claim
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


class Inbox:
    """A `relay.storage.commit.Store`. Called by the writer thread only, after the start."""

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
        self.disk = disk
        self._min_free = min_free
        self._in_place = in_place
        self._trouble = trouble
        self._file: DurableFile | None = None
        self._name = ""
        self._unused = ""
        self._minute = 0
        self._finished: list[Finished] = []
        self._is_cut = False  # the current file: behind its durable size there were lines, and the cut may not be on disk
        self._held: set[str] = set()  # why files are not published; said once

    def append(self, batch: Stored, now: float) -> Refusals:
        data = batch.data
        self._check_room(len(data))
        try:
            self._store(data, now)
        except SyncFailed as error:
            self._set_aside(error)
            raise StorageFailed(f"{self.place}: {error}", is_space=False) from error
        except OSError as error:
            raise StorageFailed(f"{self.place}: {error.strerror or error}", is_space=error.errno in NO_ROOM) from error
        self.ledger.note(batch.keys, batch.digests, now)
        return NONE

    def _store(self, data: bytes, now: float) -> None:
        """Looks after the sync whether the file has its name still: if not, the records go to another one before anybody hears of them."""
        self._append_to(self._current(now), data)
        if (gone := self._whereabouts()) is not None:
            self._leave(gone, unheard=len(data))
            self._append_to(self._current(now), data)

    def _append_to(self, file: DurableFile, data: bytes) -> None:
        try:
            file.append(data)
        except OSError:
            self._is_cut = True
            raise
        self._is_cut = False  # the sync was behind the cut

    def _whereabouts(self) -> str | None:
        """What became of the current file, if nobody will find there what was just written."""
        file = self._file
        if file is None or file.is_at(file.path):
            return None
        if file.is_removed:
            return "was removed"
        return None if self._in_place else "was moved away"  # a consumer that took it in place has these records too

    def _leave(self, what: str, unheard: int = 0) -> None:
        """The current file is not ours any more. `unheard`: bytes of its last records, which nobody heard of."""
        if (file := self._file) is None:
            return
        self._trouble(f"{file.path} {what} while it was being written; {file.size - unheard} bytes in it were acknowledged")
        self._file = None
        file.close()

    @property
    def growing(self) -> tuple[str, int] | None:
        """The file that is being written, by the name it will have, and how many bytes of it are on disk."""
        return None if self._file is None else (self._name, self._file.size)

    def has_room(self, size: int = 0) -> bool:
        """Raises OSError."""
        free, whole = self.disk.free(self.place)
        return self.ledger.is_ready and free - size >= min(self._min_free, whole * MAX_SHARE)

    def _check_room(self, size: int) -> None:
        try:
            if self._found_room(size) or (self.ledger.prepare() and self.has_room(size)):
                return
        except OSError as error:
            raise StorageFailed(f"{self.place}: {error.strerror}", is_space=error.errno in NO_ROOM) from error
        raise StorageFailed(f"{self.place}: less free space than relay.min_free and the reserve", is_space=True)

    def _found_room(self, size: int) -> bool:
        try:
            return self.has_room(size)
        except FileNotFoundError:
            self._make_place()
            return self.has_room(size)

    def _make_place(self) -> None:
        if not self.place.is_dir():
            self.disk.make_directory(self.place)
            self._trouble(f"{self.place} was removed; it is there again, what was in it is not")

    def tick(self, now: float) -> None:
        self.ledger.prepare()
        if not self._in_place and (gone := self._whereabouts()) is not None:
            self._leave(gone)
        if self._file is not None and int(now // 60) != self._minute:
            self._finish()
        self._publish()

    def flush(self, now: float) -> None:
        """Publishes what there is, although its minute is not over; more may come."""
        self._finish()
        self._publish()

    def close(self, now: float) -> None:
        self.flush(now)
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
        self._make_place()
        self.names.write_cuts()
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
        file = DurableFile(self.place / (name if self._in_place else f".{name}.part"), self.disk)
        try:
            self.disk.sync_directory(self.place)  # a durable line in a file without a durable name is lost
        except OSError:
            file.close()
            file.path.unlink(missing_ok=True)
            raise
        self._name, self._unused, self._is_cut = name, "", False
        return file

    def _finish(self) -> None:
        """The current file gets no more lines."""
        if (file := self._file) is None:
            return
        self._file = None
        file.close()
        if self._is_cut:
            self.names.cut(self._name, file.size)
        if self._in_place:
            self.ledger.sync()  # nothing holds the consumer back
        if self._is_cut or not self._in_place:
            self._finished.append(Finished(file.path, self._name, file.size, needs_cut=self._is_cut))

    def _set_aside(self, error: SyncFailed) -> None:
        """What is durable in it stays and is published; the descriptor is never synced again."""
        if (file := self._file) is None:
            return
        self._trouble(f"{file.path.name}: {error}; it ends after its last durable record and the next file is begun")
        self._file = None
        file.close()
        self.names.cut(self._name, file.size)
        self._finished.append(Finished(file.path, self._name, file.size, needs_cut=True))

    def _publish(self) -> None:
        """What cannot be published now is tried again each second."""
        if not self._finished or not self._is_remembered():
            return
        for finished in self._finished.copy():
            try:
                self._publish_one(finished)
            except FileNotFoundError:
                self._trouble(f"{finished.part} is gone: somebody removed it before it was published")
            except OSError as error:
                if error.errno in NO_ROOM:
                    self.ledger.give_room()
                self._hold(f"{finished.part} cannot be published yet: {error.strerror or error}")
                continue
            self._finished.remove(finished)
        if not self._finished:
            self._held.clear()

    def _is_remembered(self) -> bool:
        """A file that a consumer takes, and whose numbers a crash takes, would be stored again when its partner sends it again."""
        if self.ledger.sync():
            return True
        self._hold(f"{self.place}: nothing is published while the process numbers cannot be written to their disk")
        return False

    def _hold(self, why: str) -> None:
        if why not in self._held:
            self._trouble(why)
            self._held.add(why)

    def _publish_one(self, finished: Finished) -> None:
        if finished.needs_cut:
            self._cut(finished)
        if finished.size == 0:
            finished.part.unlink()
        elif finished.part.name.startswith("."):
            self._rename(finished)
        try:
            self.disk.sync_directory(self.place)
        except OSError as error:  # the file is there to see; after a power cut it may be hidden again, and is published then
            self._trouble(f"{self.place}: {error.strerror or error}")

    def _cut(self, finished: Finished) -> None:
        """On disk when it returns: a tail that a power cut brings back would be published beside what was sent again."""
        os.truncate(finished.part, finished.size)
        fd = os.open(finished.part, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.disk.sync(fd)
        finally:
            os.close(fd)

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
