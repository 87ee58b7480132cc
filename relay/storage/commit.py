"""Group commit: what makes an acknowledgement true. One write loop and one fdatasync for everything that waited while the last one ran.

`DurableFile` knows one file and the size up to which it is known to be on disk. The rules of failure:
a failed write is taken back (the file is cut to its last durable size) and the file goes on; a failed sync ends the file, because after
one the kernel marks the pages clean and the next sync would lie (PostgreSQL's "fsyncgate"). It is cut where its last durable record
ended, never synced again, and what comes next goes to another file.
`Writer` is the thread around it. It never dies: whatever happens, the batch is answered and the next one is taken.
"""

import contextlib
import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Protocol

log = logging.getLogger(__name__)

LATENCIES: Final = 1024  # commits over which the p99 is taken: a second at full load, a quarter of an hour at one record a second
FILE_MODE: Final = 0o640


Refusals = Mapping[bytes, int]  # process number -> code, of records that were not stored although the rest of their batch was
NONE: Final[Refusals] = {}


class StorageFailed(Exception):
    """Nothing of the batch is stored. `is_space`: there is no room; else the disk itself failed."""

    def __init__(self, text: str, is_space: bool) -> None:
        super().__init__(text)
        self.is_space = is_space


Outcome = tuple[StorageFailed | None, Refusals]


class SyncFailed(Exception):
    """The file is finished: nothing after its durable size counts, and nothing more may be written to it."""


class Disk:
    """The system calls that may fail; tests put a failing disk here."""

    def open_new(self, path: Path) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        os.fdatasync(fd)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def sync_directory(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def make_directory(self, path: Path) -> None:
        """With its parents, each of them on disk: a file in a directory that a power cut takes away is lost with it."""
        if path.is_dir():
            return
        self.make_directory(path.parent)
        try:
            path.mkdir(exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None
        self.sync_directory(path.parent)

    def reserve(self, path: Path, size: int) -> None:
        """A new file whose room is taken although nothing is in it."""
        fd = self.open_new(path)
        try:
            os.posix_fallocate(fd, 0, size)
        finally:
            os.close(fd)

    def free(self, path: Path) -> tuple[int, int]:
        """Bytes that we may still use, and bytes of the whole file system."""
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def write_all(disk: Disk, fd: int, data: bytes) -> None:
    """The whole of it: a write may be short without an error. Raises OSError."""
    done = disk.write(fd, data)
    while done < len(data):
        with memoryview(data) as view:
            done += disk.write(fd, view[done:])


class DurableFile:
    """A new file, appended to in batches. `size` is what is known to be on disk."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self.size = 0
        self._disk = disk
        self._fd = disk.open_new(path)
        ours = os.fstat(self._fd)
        self._identity = ours.st_dev, ours.st_ino

    def append(self, data: bytes) -> None:
        """On disk when it returns. Raises OSError when the file is as it was before; SyncFailed when it can be used no more."""
        try:
            write_all(self._disk, self._fd, data)
        except OSError:
            self._cut_back()
            raise
        try:
            self._disk.sync(self._fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._disk.truncate(self._fd, self.size)  # whoever reads it after us must not take what is in memory for what is on disk
            raise SyncFailed(error.strerror or str(error)) from error
        self.size += len(data)

    def _cut_back(self) -> None:
        try:
            self._disk.truncate(self._fd, self.size)
        except OSError as error:
            raise SyncFailed(f"cannot be cut back: {error.strerror}") from error

    def is_at(self, path: Path) -> bool:
        """Whether the path still leads to this very file. Asked with every commit: one system call."""
        try:
            there = os.stat(path)  # noqa: PTH116, Path.stat costs twice as much
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == self._identity

    @property
    def is_removed(self) -> bool:
        """It has no name any more: what is written to it is gone when it is closed."""
        return os.fstat(self._fd).st_nlink == 0

    def close(self) -> None:
        os.close(self._fd)


class Batch(Protocol):
    """What the writer has to know of one."""

    @property
    def data(self) -> bytes: ...


class Store(Protocol):
    """Where batches go. Called by one thread at a time: the writer, or the loop by `Writer.commit`."""

    def append(self, batch: Any, now: float) -> Refusals:
        """Durable when it returns, but for the records it refuses. Raises StorageFailed when nothing of it is known to be stored."""

    def tick(self, now: float) -> None:
        """Time passed; called at least once a second."""

    def close(self, now: float) -> None:
        """Publishes what there is."""


class Writer:
    """A thread that makes batches durable, one after the other. It calls `settle(batch, failure, refusals)` itself, in the thread."""

    def __init__(
        self, name: str, store: Store, settle: Callable[[Any, StorageFailed | None, Refusals], None], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._settle = settle
        self._clock = clock
        self._jobs: SimpleQueue[Callable[[], Callable[[], None] | None] | None] = SimpleQueue()
        self._given = self._done = 0  # jobs; equal when the thread has nothing to do
        self._store_is_ours = threading.Lock()
        self.latencies: deque[float] = deque(maxlen=LATENCIES)  # seconds
        self.busy_since: float | None = None  # monotonic; a disk that hangs shows here
        self._thread = threading.Thread(target=self._run, name=f"writer of {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def submit(self, batch: Batch) -> None:
        self._give(partial(self._store_and_say, batch))

    def do(self, job: Callable[[], None]) -> None:
        """Anything else that touches the disk. What it raises is logged. Called in the loop, as are `submit` and `tick`."""
        self._give(job)

    def tick(self) -> None:
        self._give(lambda: self._store.tick(self._clock()))

    def commit(self, batch: Batch) -> Outcome | None:
        """Here and now, without the thread: blocks. None, and nothing is done, when the thread has work: never both at once."""
        if self._given != self._done or not self._store_is_ours.acquire(blocking=False):
            return None
        try:
            return self._commit(batch)
        finally:
            self._store_is_ours.release()

    def _give(self, job: Callable[[], Callable[[], None] | None]) -> None:
        self._given += 1
        self._jobs.put(job)

    def close(self) -> None:
        """Asks the thread to finish what is queued, publish, and end; `join` waits for that."""
        self._give(lambda: self._store.close(self._clock()))
        self._jobs.put(None)

    def join(self, seconds: float) -> bool:
        """Blocks. False when it still works after that time."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def commit_ms(self) -> tuple[float | None, float | None]:
        """p50 and p99 of the newest commits."""
        found = sorted(self.latencies.copy())
        if not found:
            return None, None
        return found[len(found) // 2] * 1000, found[int(len(found) * 0.99)] * 1000

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            say = None
            try:
                with self._store_is_ours:
                    say = job()
            except Exception:
                log.exception("a job of the writer failed; it goes on")
            self._done += 1  # before anybody hears of it: who does may want to commit the next batch
            if say is not None:
                say()

    def _store_and_say(self, batch: Batch) -> Callable[[], None]:
        return partial(self._settle, batch, *self._commit(batch))

    def _commit(self, batch: Batch) -> Outcome:
        failure, refusals = None, NONE
        self.busy_since = began = time.perf_counter()
        try:
            refusals = self._store.append(batch, self._clock())
        except StorageFailed as error:
            failure = error
        except Exception as error:
            log.exception("storing a batch failed in a way that has no rule")
            failure = StorageFailed(f"{type(error).__name__}: {error}", is_space=False)
        self.latencies.append(time.perf_counter() - began)
        self.busy_since = None
        return failure, refusals
