"""How far a forwarder is: a file of the inbox, and the bytes of it that the broker has.

Two slots are written in turn, each in one sector with a sum of its own: a torn write costs the newer position and leaves the older one,
so what is read may be behind the truth and never before it. The position knows the bytes that stand before it; where a file of its name
has others there (it was repaired, or it is another file) it begins at the start again.
"""

import logging
import os
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from relay.storage.commit import FILE_MODE, Disk
from relay.storage.seen import digest

log = logging.getLogger(__name__)

SLOT: Final = 512  # bytes: a sector is written whole or not at all
LOOKS_BACK: Final = 256  # bytes before the position by which its file is known again: a process number and more


class Position(NamedTuple):
    name: str = ""
    offset: int = 0
    lines: int = 0  # before the offset
    digest: int = 0  # of the bytes before the offset, LOOKS_BACK at most

    def fits(self, fd: int) -> bool:
        """Whether the file has before the offset what was there when it was noted. Raises OSError."""
        return self.offset == 0 or _digest_before(fd, self.offset) == self.digest

    def moved(self, fd: int, size: int, lines: int) -> "Position":
        """Behind so many more bytes of the same file. Raises OSError."""
        return Position(self.name, self.offset + size, self.lines + lines, _digest_before(fd, self.offset + size))


def _digest_before(fd: int, offset: int) -> int:
    start = max(0, offset - LOOKS_BACK)
    return digest(os.pread(fd, offset - start, start))


class PositionFile:
    """Called by one thread. Raises OSError."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._fd: int | None = None
        self._sequence = 0

    def load(self) -> Position:
        """The newest one that is whole; the start when there is none."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return Position()
        found = [slot for slot in (_read(data[:SLOT]), _read(data[SLOT : 2 * SLOT])) if slot is not None]
        if not found:
            log.warning("%s: no position can be read; what the oldest file holds is forwarded from its beginning", self._path)
            return Position()
        self._sequence, position = max(found)
        return position

    def note(self, position: Position) -> None:
        """On disk when it returns."""
        fd = self._open() if self._fd is None else self._fd
        sequence = self._sequence + 1
        text = " ".join(map(str, (sequence, *position)))
        os.pwrite(fd, f"{text} {zlib.crc32(text.encode()):08x}".ljust(SLOT - 1).encode() + b"\n", sequence % 2 * SLOT)
        self._disk.sync(fd)
        self._sequence = sequence  # after a failure the same slot is written again, never the good one

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        """Both slots have their room on the disk before the first is used: noting never needs more."""
        self._disk.make_directory(self._path.parent)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            if os.fstat(fd).st_size < 2 * SLOT:
                os.pwrite(fd, b" " * (2 * SLOT), 0)
                self._disk.sync(fd)
                self._disk.sync_directory(self._path.parent)
        except OSError:
            os.close(fd)
            raise
        self._fd = fd
        return fd


def _read(slot: bytes) -> tuple[int, Position] | None:
    text, _, crc = slot.rstrip(b" \n").rpartition(b" ")
    try:
        if int(crc, 16) != zlib.crc32(text):
            return None
        sequence, name, offset, lines, tail = text.decode().split(" ")
        return int(sequence), Position(name, int(offset), int(lines), int(tail))
    except ValueError:
        return None
