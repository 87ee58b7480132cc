"""Follows one file that another process writes, rotates, truncates or replaces. Knows nothing of garbage collection.

Pieces come in the order in which they were written. `Changed` stands between two files (or two lives of one): the unfinished line before
it will never be finished. What a rotation moved aside between two looks is read from where it went, by its name beside ours:
`gc.log` becomes `gc.log.3` (unified logging, logrotate), `gc.log.0.current` becomes `gc.log.0` (JDK 8).
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, structs

CHUNK = 256 << 10  # bytes read at once
FINGERPRINT = 64  # first bytes of a file: another beginning is another file, whatever its inode
NEIGHBOUR = re.compile(r"\.\d+(\.current)?$")


class Changed(Struct, frozen=True):
    """What follows comes from another file, or from this one begun anew."""


class Opened(Struct, frozen=True):
    descriptor: int
    inode: tuple[int, int]
    offset: int
    fingerprint: bytes
    seen_at: int  # its modification time at the last look, nanoseconds


class Tail:
    """One followed path. Holds at most one descriptor between two looks; not for several threads at once."""

    def __init__(self) -> None:
        self._file: Opened | None = None
        self.modified_at: float | None = None  # of the newest state seen

    def open_at_end(self, path: str) -> int:
        """Starts to follow at the present end; returns that offset. Raises OSError."""
        self.close()
        self._file = self._open(path)
        size = os.fstat(self._file.descriptor).st_size
        self._move(size)
        return size

    @property
    def descriptor(self) -> int | None:
        return None if self._file is None else self._file.descriptor

    def poll(self, path: str) -> Iterator[bytes | Changed]:
        """What was written since the last look. Raises OSError when there is nothing to read; what was read before stays read."""
        if self._file is None:
            self._file = self._open(path)
            yield from self._rest()
            return
        yield from self._truncated(path)
        yield from self._rest()
        now = Path(path).stat()  # raises when the name is gone: the descriptor is kept for when the writer still holds it
        inode = now.st_dev, now.st_ino
        if inode == self._file.inode:
            return
        # A new file that is empty may be logrotate's, while the JVM goes on in the renamed one: not followed until somebody writes to it.
        if now.st_size > 0 or _newer(path, self._file.seen_at, self._file.inode, inode):
            yield from self._replaced(path)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file.descriptor)
            self._file = None

    def _open(self, path: str) -> Opened:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a FIFO in a log's place must not block
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise OSError(f"not a regular file: {path}")
            self.modified_at = found.st_mtime
            return Opened(descriptor, (found.st_dev, found.st_ino), 0, os.pread(descriptor, FINGERPRINT, 0), found.st_mtime_ns)
        except BaseException:
            os.close(descriptor)
            raise

    def _move(self, offset: int) -> None:
        file = self._file
        assert file is not None
        fingerprint = file.fingerprint
        if len(fingerprint) < FINGERPRINT:
            fingerprint = os.pread(file.descriptor, FINGERPRINT, 0)
        self._file = structs.replace(file, offset=offset, fingerprint=fingerprint)

    def _rest(self) -> Iterator[bytes]:
        """From the offset to the end as it is now."""
        assert self._file is not None
        found = os.fstat(self._file.descriptor)
        self.modified_at = found.st_mtime
        self._file = structs.replace(self._file, seen_at=found.st_mtime_ns)
        while piece := os.pread(self._file.descriptor, CHUNK, self._file.offset):
            self._move(self._file.offset + len(piece))
            yield piece

    def _truncated(self, path: str) -> Iterator[bytes | Changed]:
        """Shorter than what was read, or another beginning: it was emptied and begun anew. A copy beside it has what we missed."""
        file = self._file
        assert file is not None
        if not file.fingerprint:  # it was empty: what was written and moved aside since then is in a copy that is newer
            for copy in _newer(path, file.seen_at, file.inode):
                yield from pieces(copy)
                yield Changed()
            return
        size = os.fstat(file.descriptor).st_size
        if size >= file.offset and os.pread(file.descriptor, len(file.fingerprint), 0) == file.fingerprint:
            return
        for copy in numbered_neighbours(path):
            yield from _rest_of_copy(copy, file)
        self._file = structs.replace(file, offset=0, fingerprint=b"")
        yield Changed()

    def _replaced(self, path: str) -> Iterator[bytes | Changed]:
        """The name belongs to another file: the old one is whole now, then those that came and went between two looks, then the new one."""
        former = self._file
        assert former is not None
        yield from self._rest()
        left_at = os.fstat(former.descriptor).st_mtime_ns
        fresh = self._open(path)
        os.close(former.descriptor)
        self._file = fresh
        for name in _newer(path, left_at, former.inode, fresh.inode):
            yield Changed()
            yield from pieces(name)
        yield Changed()
        yield from self._rest()


def pieces(path: str, start: int = 0) -> Iterator[bytes]:
    """A whole file, as far as it can be read."""
    try:
        with Path(path).open("rb") as file:
            file.seek(start)
            while piece := file.read(CHUNK):
                yield piece
    except OSError:
        return


def newest_current(path: str) -> str:
    """The file to follow: the path itself, or the `path.N.current` that a rotating JDK 8 writes (the newest: restarts leave old ones)."""
    if Path(path).exists():
        return path
    candidates = []
    for name in numbered_neighbours(path):
        if name.endswith(".current"):
            try:
                candidates.append((Path(name).stat().st_mtime_ns, name))
            except OSError:
                continue
    return max(candidates)[1] if candidates else path


def numbered_neighbours(path: str) -> list[str]:
    """The numbered files of the same log: of `gc.log`, and of `gc.log.4.current`."""
    root = Path(NEIGHBOUR.sub("", path))
    try:
        found = list(root.parent.iterdir())
    except OSError:
        return []
    return [str(one) for one in found if one.name.startswith(root.name) and NEIGHBOUR.fullmatch(one.name[len(root.name) :])]


def _newer(path: str, than: int, *known: tuple[int, int]) -> list[str]:
    """The numbered files written after `than`, oldest first, without the known ones."""
    found = []
    for name in numbered_neighbours(path):
        try:
            state = Path(name).stat()
        except OSError:
            continue
        if state.st_mtime_ns > than and (state.st_dev, state.st_ino) not in known:
            found.append((state.st_mtime_ns, name))
    return [name for _, name in sorted(found)]


def _rest_of_copy(copy: str, file: Opened) -> Iterator[bytes]:
    try:
        found = Path(copy).stat()
        if (found.st_dev, found.st_ino) == file.inode or found.st_size < file.offset:
            return
        with Path(copy).open("rb") as other:
            if other.read(len(file.fingerprint)) != file.fingerprint:
                return
    except OSError:
        return
    yield from pieces(copy, file.offset)
