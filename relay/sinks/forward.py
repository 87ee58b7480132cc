"""File then forward: partners are answered from the disk, and a thread brings to the broker what the inbox holds, in order.

It follows the files of the inbox in the order in which they were begun, the hidden one that is being written as far as it is durable.
How far it is, is on disk after each block: after a crash a block may be delivered again, and none is left out. What the broker will never
take is set aside in the quarantine, in a file that nobody removes: its partner was told that it is stored.
"""

import contextlib
import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from relay.record import Layout
from relay.sinks.backlog import Backlog, Growing, part
from relay.sinks.outlet import Outlet
from relay.sinks.pace import Pace
from relay.sinks.position import Position, PositionFile
from relay.status import ForwardStatus
from relay.storage.commit import FILE_MODE, NONE, Disk, StorageFailed, write_all
from relay.storage.moves import move

log = logging.getLogger(__name__)

BLOCK: Final = 1 << 20  # bytes of one delivery: 8,000 records, which a broker near by takes in 0.1 s
LEAST_BLOCK: Final = 16 << 10  # a broker that does not take the block in its time is offered a quarter of it, down to this
LOOK_INTERVAL: Final = 1.0  # seconds; what is written by our own receiver wakes us at once


class Forwarder:
    """A thread between an inbox and an outlet. `trouble(severity, text)` reaches the operator from any thread."""

    def __init__(
        self,
        place: Path,
        memory: Path,
        quarantine: Path,
        archive: Path | None,
        outlet: Outlet,
        layout: Layout,
        disk: Disk,
        trouble: Callable[[str, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`archive`: where files go that are forwarded whole; None removes them."""
        self._place = place
        self._quarantine = quarantine
        self._archive = archive
        self._outlet = outlet
        self._layout = layout
        self._disk = disk
        self._trouble = trouble
        self._clock = clock
        self._backlog = Backlog(place, memory / "names")
        self._file = PositionFile(memory / "forwarded", disk)
        self._position = Position()
        self._head: str | None = None
        self._pace = Pace()
        self._block = BLOCK
        self._looked_at = -LOOK_INTERVAL
        self._last_error: str | None = None
        self._is_unnoted = False  # the position on disk is behind; said once
        self._forwarded = self._refused = 0
        self._forwarded_at: float | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"forwarder of {place}", daemon=True)

    # From other threads.

    def load(self) -> None:
        """Where the last process was. Before the start. Raises OSError."""
        self._position = self._file.load()

    def start(self) -> None:
        self._thread.start()

    def stop(self, seconds: float) -> bool:
        """Ends after the block that is being delivered; the rest is forwarded by the next process. Blocks. False: it still delivers."""
        self._stop.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def grew(self, growing: Growing | None, records: int, now: float) -> None:
        """So much of the file that is being written is on disk."""
        self._backlog.grew(growing, records, now)
        self._wake.set()

    def status(self, now: float) -> ForwardStatus:
        position, next_try_at = self._position, self._pace.next_try_at
        waiting = self._backlog.waiting(position.name, position.offset, position.lines)
        state = "backing_off" if next_try_at is not None else "forwarding" if waiting.files else "idle"
        return ForwardStatus(
            to=self._outlet.name,
            state=state,
            files=waiting.files,
            records=waiting.records,
            bytes=waiting.bytes,
            oldest_waiting_s=None if waiting.oldest_at is None else max(0.0, now - waiting.oldest_at),
            forwarded=self._forwarded,
            refused=self._refused,
            last_error=self._last_error,
            next_try_at=None if next_try_at is None else now + next_try_at - self._clock(),
            last_forwarded_at=self._forwarded_at,
        )

    # In the thread.

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                pause = self.step()
            except Exception:
                log.exception("a bug in the forwarder of %s; it goes on", self._place)
                pause = LOOK_INTERVAL
            if pause and self._pace.next_try_at is None:
                self._wake.wait(pause)
            elif pause:
                self._stop.wait(pause)
        self._outlet.close()
        self._file.close()

    def step(self) -> float:
        """One block at most. Returns for how many seconds there is nothing to do unless something comes."""
        now = self._clock()
        try:
            if now - self._looked_at >= LOOK_INTERVAL:
                self._looked_at = now
                self._backlog.look()
                self._backlog.count()
            if not self._pace.may_try(now):
                return min(LOOK_INTERVAL, (self._pace.next_try_at or now) - now)
            is_more = self._advance()
        except StorageFailed as error:
            self._block = max(LEAST_BLOCK, self._block // 4)
            return self._failed(str(error))
        except OSError as error:
            return self._failed(f"{error.filename or self._place}: {error.strerror or error}")
        if self._pace.next_try_at is not None:
            self._pace.succeeded()
            self._trouble("info", f"records are forwarded again to {self._outlet.name}")
        return 0.0 if is_more else LOOK_INTERVAL

    def _failed(self, text: str) -> float:
        if self._pace.next_try_at is None:
            self._trouble("warning", f"records wait in the inbox: {text}")
        self._last_error = text
        self._pace.failed(self._clock())
        return LOOK_INTERVAL if self._pace.next_try_at is None else min(LOOK_INTERVAL, self._pace.next_try_at - self._clock())

    def _advance(self) -> bool:
        """Whether there may be more at once. Raises StorageFailed, OSError."""
        name = self._head or self._choose()
        if name is None:
            self._backlog.caught_up()
            return False
        self._head = name
        fd, is_published = self._open(name)
        if fd is None:
            self._head = None
            return True
        try:
            growing = self._backlog.growing
            if not self._position.fits(fd):
                self._trouble("warning", f"{name} is not as it was when a part of it was forwarded; all of it is forwarded again")
                self._position = Position(name)
            end = os.fstat(fd).st_size if is_published else self._position.offset
            if not is_published and growing is not None and growing.name == name:
                end = growing.size
            if self._position.offset < end:
                self._forward(fd, end)
                return True
        finally:
            os.close(fd)
        if is_published:
            self._retire(name)
            self._head = None
            return True
        if growing is not None and growing.name == name:
            self._backlog.caught_up()
        return False  # a hidden file that is not written any more is about to be published

    def _choose(self) -> str | None:
        """The file that we are in, else the one that was begun first."""
        self._backlog.look()
        if self._backlog.has(self._position.name):
            return self._position.name
        name = self._backlog.first()
        if name is not None:
            self._position = Position(name)
        return name

    def _open(self, name: str) -> tuple[int | None, bool]:
        """And whether it is published. None when it is gone, or was published this very moment."""
        for path, is_published in ((self._place / name, True), (self._place / part(name), False)):
            with contextlib.suppress(FileNotFoundError):
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW), is_published
        return None, False

    def _forward(self, fd: int, end: int) -> None:
        position = self._position
        data = os.pread(fd, min(end - position.offset, max(self._block, self._layout.max_bytes)), position.offset)
        if not data:
            raise OSError(errno.EIO, "is shorter than what was written to it", position.name)
        block = data[: data.rfind(b"\n") + 1] or data  # no newline at all: nothing that we wrote
        lines = block.removesuffix(b"\n").split(b"\n")
        good, keys, bad = self._sorted(lines, block.removesuffix(b"\n"))
        refusals = self._outlet.deliver(good, keys) if good else NONE
        if refusals:
            bad += [line for line, key in zip(good, keys, strict=True) if key in refusals]
        if bad:
            self._set_aside(position.name, bad)
        self._position = position.moved(fd, len(block), len(lines))
        self._forwarded += len(lines) - len(bad)
        self._forwarded_at = time.time()
        self._block = min(BLOCK, self._block * 2)
        self._note()

    def _sorted(self, lines: list[bytes], block: bytes) -> tuple[Sequence[bytes], Sequence[bytes], list[bytes]]:
        """Right lines, their process numbers, and the others: the layout was changed, or somebody else wrote into the inbox."""
        keys = self._layout.keys(lines, block)
        if keys is not None:
            return lines, keys, []
        verdicts = [(line, self._layout.check(line)) for line in lines]
        accepted = self._layout.codes.accepted
        good = [(line, verdict.key) for line, verdict in verdicts if verdict.code == accepted]
        bad = [line for line, verdict in verdicts if verdict.code != accepted]
        return [line for line, _ in good], [key for _, key in good], bad

    def _note(self) -> None:
        """A position that cannot be written costs a crash some duplicates, no record."""
        try:
            self._file.note(self._position)
        except OSError as error:
            if not self._is_unnoted:
                self._trouble("warning", f"how far the forwarding is cannot be written down: {error.strerror or error}")
            self._is_unnoted = True
        else:
            self._is_unnoted = False

    def _set_aside(self, name: str, lines: Sequence[bytes]) -> None:
        """On disk when it returns. Raises OSError."""
        self._disk.make_directory(self._quarantine)
        path = self._quarantine / f"unforwarded-{name}"
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            write_all(self._disk, fd, b"".join(line + b"\n" for line in lines))
            self._disk.sync(fd)
        finally:
            os.close(fd)
        self._disk.sync_directory(self._quarantine)
        self._refused += len(lines)
        self._trouble("critical", f"{len(lines)} stored records are not for {self._outlet.name} (too large, or not of this layout): {path}")

    def _retire(self, name: str) -> None:
        """Out of the inbox, durably, before the position leaves it: else a power cut would bring it back and all of it be sent again."""
        if self._archive is None:
            (self._place / name).unlink()
        else:
            day = self._archive / time.strftime("%Y%m%d")
            self._disk.make_directory(day)
            move(str(self._place / name), str(day), name)
            self._disk.sync_directory(day)
        self._disk.sync_directory(self._place)
        self._backlog.forgotten(name)
