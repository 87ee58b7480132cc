"""Whether a receiver can store, as far as that is known: what failed last, and since when it is over.

A full disk is over when a record was stored. Without traffic: below relay.min_free, as soon as there is that much again; after a write that
failed, when something else could be written and the next minute has begun, because the system says that there is room also where a quota,
or the size that one file may have, says that there is none.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from relay.storage.commit import Disk, StorageFailed, Writer, write_all

HANGS_AFTER: Final = 5.0  # seconds of one commit after which the disk is said to hang; a slow one takes 50 ms
PROBE_NAME: Final = ".probe"
PROBE_SIZE: Final = 64 << 10  # bytes: more than a file that is at its limit takes, and as much as a busy batch has


class Health:
    """`trouble(severity, text)` reaches the operator. `has_room` is asked, and the probe written, in the writer's thread."""

    def __init__(
        self, writer: Writer, place: Path, disk: Disk, has_room: Callable[[], bool], refusal: int, trouble: Callable[[str, str], None]
    ) -> None:
        self._writer = writer
        self._probe = place / PROBE_NAME
        self._disk = disk
        self._has_room = has_room
        self._refusal = refusal
        self._trouble = trouble
        self._loop = asyncio.get_running_loop()
        self._failure: StorageFailed | None = None
        self._failed_in = 0  # minute
        self._is_looking = False
        self._last_error: str | None = None
        self.last_commit_at: float | None = None
        self.commits = 0

    def note(self, failure: StorageFailed | None) -> None:
        """Of each batch."""
        if failure is None:
            self.commits += 1
            self.last_commit_at = time.time()
        else:
            self._last_error = str(failure)
            self._failed_in = _minute()
        self._is_now(failure)

    def _is_now(self, failure: StorageFailed | None) -> None:
        before, self._failure = self._failure, failure
        if failure is not None:
            if before is None or before.is_space != failure.is_space:
                self._trouble("critical", f"records are refused with {self._refusal}: {failure}")
        elif before is not None:
            self._trouble("info", "records are stored again")

    def tick(self) -> None:
        """A full disk is looked at, so that its end is noticed without traffic too."""
        failure = self._failure
        if failure is None or not failure.is_space or self._is_looking:
            return
        was_write = failure.__cause__ is not None
        if not was_write or _minute() != self._failed_in:
            self._is_looking = True
            self._writer.do(partial(self._look, failure, was_write))

    def _look(self, failure: StorageFailed, was_write: bool) -> None:
        found = False
        with contextlib.suppress(OSError):
            found = self._has_room() and (not was_write or self._takes_more())
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._looked, failure, found)

    def _takes_more(self) -> bool:
        self._probe.unlink(missing_ok=True)
        fd = self._disk.open_new(self._probe)
        try:
            write_all(self._disk, fd, bytes(PROBE_SIZE))
            self._disk.sync(fd)
        finally:
            self._probe.unlink(missing_ok=True)
            os.close(fd)
        return True

    def _looked(self, failure: StorageFailed, has_room: bool) -> None:
        self._is_looking = False
        if has_room and failure is self._failure:
            self._is_now(None)

    @property
    def state(self) -> str | None:
        """`failed`, `disk_full`, or None when nothing is wrong."""
        if self._hangs_for():
            return "failed"
        if self._failure is not None:
            return "disk_full" if self._failure.is_space else "failed"
        return None

    @property
    def error(self) -> str | None:
        return f"the disk has not answered for {self._hangs_for():.0f} s" if self._hangs_for() else self._last_error

    def _hangs_for(self) -> float:
        """Seconds that the writer has waited for the disk, when that is too long."""
        since = self._writer.busy_since
        found = 0.0 if since is None else time.perf_counter() - since
        return found if found >= HANGS_AFTER else 0.0


def _minute() -> int:
    return int(time.time() // 60)
