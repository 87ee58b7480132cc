"""The seen process numbers on disk, so that a restart, a kill or a consumed inbox does not make us store a record twice.

A number is at any moment in a minute file that is not published yet, or here: the ledger is synced before a minute file is published,
and what it could not write holds the publishing back. A reserve of room sees to it that a full disk does not hold it back for ever.
Blocks of numbers and digests are appended to segments `0000000001.seen`; a new process opens a new segment, a block that is torn or
damaged ends the reading of its segment. A segment is removed when everything in it is too old or more than enough newer ones are known.
Block: magic, CRC-32 of what follows, time, count, length of the payload; payload: digests (8 bytes each, little endian), then the
numbers joined by newlines.
"""

import contextlib
import logging
import os
import struct
import sys
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from relay.storage.commit import Disk, write_all
from relay.storage.reserve import NO_ROOM, Reserve
from relay.storage.seen import Seen
from relay.storage.steady import steady

log = logging.getLogger(__name__)

MAGIC: Final = b"SEE2"  # with the digests of relay.storage.seen
HEAD: Final = struct.Struct("<4sIdII")  # 24 bytes
SUMMED: Final = 8  # bytes of the head before those that the sum covers
SEGMENTS: Final = 8  # of which all the numbers together are remembered: forgetting is an unlink of an eighth
MAX_WAITING: Final = 64 << 20  # bytes not on disk yet, when its disk refuses for long: 2 million numbers, then no records are taken
SYNC_AT: Final = 4 << 20  # bytes that the kernel has and the disk may not: they are kept in memory too, in case a sync fails
WRITE_AT: Final = 128 << 10  # bytes gathered before they go to the kernel


class _Segment:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.newest_at = 0.0  # by the steady clock, as the next
        self.began_at = 0.0


class Ledger:
    """Called by the writer thread only, after `load`. No method raises for a full or failing disk: numbers then wait in memory."""

    def __init__(
        self, directory: Path, keep_s: float, most: int, disk: Disk, *, is_eager: bool = False, clock: Callable[[], float] = steady
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._reserve = Reserve(directory / "reserve", disk)
        self._keep_s = keep_s
        self._most = most
        self._disk = disk
        self._write_at = 0 if is_eager else WRITE_AT
        self._segments: list[_Segment] = []  # oldest first; the last one is open if _fd is
        self._number = 0
        self._fd: int | None = None
        self._waiting: list[bytes] = []  # blocks not known to be on disk
        self._written = 0  # how many of those the kernel has
        self._gathered = 0  # bytes of the others
        self._unsynced = 0  # bytes of all of them
        self._is_refused = False  # the disk did not take them; tried again once a second
        self._counts: list[tuple[int, float]] = []  # of the waiting ones

    def load(self, seen: Seen, now: float) -> None:
        """Newest first into `seen`; what it does not want is removed. Raises OSError."""
        self._disk.make_directory(self._directory)
        self._reserve.hold()
        paths = sorted(path for path in self._directory.iterdir() if path.suffix == ".seen" and path.stem.isdigit())
        self._number = int(paths[-1].stem) if paths else 0
        wanted = True
        for path in reversed(paths):
            segment, wanted_before = _Segment(path), wanted
            blocks = list(_blocks(path.read_bytes())) if wanted else []
            for at, keys, digests in reversed(blocks):
                wanted = wanted and seen.restore(keys, digests, at, now)
                segment.count += len(keys)
                segment.newest_at = max(segment.newest_at, at - now + self._clock())
            if wanted_before and not blocks and path.stat().st_size:
                _set_aside(path)
            elif blocks and segment.newest_at >= self._clock() - self._keep_s:
                self._segments.insert(0, segment)
            else:
                _remove(path)

    @property
    def is_ready(self) -> bool:
        """Whether it can take the numbers of more records: the reserve is there, and not too much waits for a disk that refuses."""
        return self._reserve.is_held and self._unsynced <= MAX_WAITING

    def prepare(self) -> bool:
        """Makes the reserve again when it had to be given back, and tries again what was refused. Returns `is_ready`."""
        if self._is_refused:
            self.sync()
        self._reserve.hold()
        return self.is_ready

    def give_room(self) -> bool:
        """Of the reserve, to somebody who must write on the same disk. False when there is none."""
        return self._reserve.release()

    def note(self, keys: Sequence[bytes], digests: Sequence[int], at: float) -> None:
        """These are on disk in a minute file."""
        block = _block(keys, digests, at)
        self._waiting.append(block)
        self._counts.append((len(keys), self._clock()))
        self._gathered += len(block)
        self._unsynced += len(block)
        if self._is_refused:
            return
        if self._unsynced > SYNC_AT:
            self.sync()
        elif self._gathered > self._write_at:
            self._write()

    def sync(self) -> bool:
        """Whether everything noted is on disk. What the disk refuses stays in memory."""
        if not self._waiting:
            return True
        if not self._write() or self._fd is None:
            return False
        try:
            self._disk.sync(self._fd)
        except OSError as error:
            log.warning("%s: %s; the numbers are written again", self._directory, error.strerror)
            self._abandon()
            self._is_refused = True
            return False
        if os.fstat(self._fd).st_nlink == 0:
            log.warning("%s: somebody removed it; the numbers are written again", self._segments.pop().path)
            self._abandon()
            return self.sync()
        self._waiting.clear()
        self._counts.clear()
        self._written = self._unsynced = 0
        self._is_refused = False
        self._retire()
        return True

    def close(self) -> None:
        self.sync()
        self._abandon()

    def _write(self) -> bool:
        try:
            self._write_waiting()
        except OSError as error:
            if error.errno in NO_ROOM and self._reserve.release():
                return self._write()
            log.warning("%s: %s; remembered numbers wait in memory", self._directory, error.strerror)
            self._is_refused = True
            return False
        return True

    def _write_waiting(self) -> None:
        """What the kernel has not yet. Raises OSError; the torn segment is then removed, unless it has other numbers."""
        data = b"".join(self._waiting[self._written :])
        try:
            if self._fd is None:
                self._open()
            assert self._fd is not None
            write_all(self._disk, self._fd, data)
        except OSError:
            self._abandon()
            if self._segments and self._segments[-1].count == 0:
                _remove(self._segments.pop().path)
            raise
        self._gathered = 0
        segment = self._segments[-1]
        for count, at in self._counts[self._written :]:
            segment.count += count
            segment.newest_at = max(segment.newest_at, at)
        self._written = len(self._waiting)

    def _open(self) -> None:
        self._disk.make_directory(self._directory)
        self._number += 1
        path = self._directory / f"{self._number:010}.seen"
        self._fd = self._disk.open_new(path)
        self._segments.append(_Segment(path))
        self._segments[-1].began_at = self._counts[0][1]
        self._disk.sync_directory(self._directory)

    def _abandon(self) -> None:
        """The open segment ends; what was not known to be on disk goes to the next one. A number may stand twice, which harms nothing."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._written = 0
        self._gathered = sum(map(len, self._waiting))

    def _retire(self) -> None:
        newest = self._segments[-1]
        if newest.count >= self._most / SEGMENTS or newest.newest_at - newest.began_at > self._keep_s / SEGMENTS:
            self._abandon()
        total = sum(segment.count for segment in self._segments)
        while len(self._segments) > 1:
            oldest = self._segments[0]
            if newest.newest_at - oldest.newest_at <= self._keep_s and total - oldest.count < self._most:
                return
            total -= oldest.count
            del self._segments[0]
            _remove(oldest.path)


def _set_aside(path: Path) -> None:
    """A segment in which no block can be read: torn in its first one by a kill, damaged, or of another version. Never taken for nothing."""
    kept = path.with_suffix(".unread")
    log.warning("%s: no process number in it can be read; if it is not from a crash they are forgotten. It is kept as %s", path, kept.name)
    with contextlib.suppress(OSError):
        path.replace(kept)


def _remove(path: Path) -> None:
    """A file too many harms nothing; the next start looks again."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s: %s", path, error.strerror)


def _block(keys: Sequence[bytes], digests: Sequence[int], at: float) -> bytes:
    numbers = array("Q", digests)
    if sys.byteorder == "big":
        numbers.byteswap()
    payload = numbers.tobytes() + b"\n".join(keys)
    head = HEAD.pack(MAGIC, 0, at, len(keys), len(payload))
    return MAGIC + struct.pack("<I", zlib.crc32(payload, zlib.crc32(head[SUMMED:]))) + head[SUMMED:] + payload


def _blocks(data: bytes) -> Iterator[tuple[float, list[bytes], Sequence[int]]]:
    place = 0
    while place + HEAD.size <= len(data):
        magic, total, at, count, size = HEAD.unpack_from(data, place)
        head = data[place + SUMMED : place + HEAD.size]
        payload = data[place + HEAD.size : place + HEAD.size + size]
        if magic != MAGIC or len(payload) != size or zlib.crc32(payload, zlib.crc32(head)) != total:
            return
        numbers = array("Q", payload[: count * 8])
        if sys.byteorder == "big":
            numbers.byteswap()
        yield at, payload[count * 8 :].split(b"\n"), numbers
        place += HEAD.size + size
