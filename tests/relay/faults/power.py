"""A disk whose power can fail at any call, and what it then leaves behind: only what was synced is sure to be there.

`Cable` does every call for real except the syncs, and remembers what a sync made durable: the bytes of a file, the names of a directory.
`image` builds what is found when the power is back. Of what was not synced anything may be there: a directory is in any of its states
since its last sync; a file has what was synced, or all, or a part of what came after, or zeros in its place. Bytes that a failed sync was
to write are never made durable by a later one.
"""

import contextlib
import fcntl
import os
import random
import stat
from pathlib import Path

from tests.relay.disk import Faulty

Listing = dict[str, int]  # name -> inode


class PowerCut(BaseException):
    """Nothing that stands behind it happens."""


class Cable(Faulty):
    """`cut_in`: calls from now at which the power fails; None is never."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        super().__init__()
        self.root = root
        self.cut_in: int | None = None
        self.calls = 0
        self._chance = chance
        self._held: dict[int, int] = {}  # inode -> a descriptor of ours, so that no inode is used twice
        self._durable: dict[int, bytes] = {}
        self._opened: dict[int, int] = {}  # descriptor -> inode, of those that a killed relay never closes
        self._spoilt: dict[int, list[tuple[int, int]]] = {}
        self._states: dict[Path, list[Listing]] = {}
        self._look()
        for place, states in self._states.items():
            self._states[place] = states[-1:]
        for inode in self._held:
            self._durable[inode] = self._content(inode)

    # The calls.

    def open_new(self, path: Path) -> int:
        self._step()
        fd = super().open_new(path)
        self._opened[fd] = os.fstat(fd).st_ino
        self._look()
        self._step()
        return fd

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if self._is_due():
            super().write(fd, bytes(data)[: self._chance.randint(0, len(data))])
        self._step()
        end = os.lseek(fd, 0, os.SEEK_END if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND else os.SEEK_CUR)
        written = super().write(fd, data)
        inode = os.fstat(fd).st_ino
        self._spoilt[inode] = [part for part in self._spoilt.get(inode, []) if not end <= part[0] <= part[1] <= end + written]
        return written

    def sync(self, fd: int) -> None:
        self._step()
        inode = os.fstat(fd).st_ino
        self._hold(inode, fd)
        content = self._content(inode)
        if self.bad_syncs:
            self.bad_syncs -= 1
            before = len(self._durable.get(inode, b""))
            self._spoilt.setdefault(inode, []).append((before, len(content)))
            raise OSError(5, "Input/output error")
        for begin, end in self._spoilt.get(inode, []):
            end = min(end, len(content))
            content = content[:begin] + bytes(max(0, end - begin)) + content[end:] if begin < end else content
        self._durable[inode] = content
        self._step()

    def truncate(self, fd: int, size: int) -> None:
        self._step()
        super().truncate(fd, size)
        inode = os.fstat(fd).st_ino
        self._spoilt[inode] = [(begin, end) for begin, end in self._spoilt.get(inode, []) if begin < size]

    def sync_directory(self, path: Path) -> None:
        self._step()
        if self.bad_directory_syncs:
            self.bad_directory_syncs -= 1
            raise OSError(5, "Input/output error")
        self._look()
        self._states[path] = self._states[path][-1:]
        self._step()

    def reserve(self, path: Path, size: int) -> None:
        os.close(self.open_new(path))

    # What is durable.

    def _is_due(self) -> bool:
        return self.cut_in is not None and self.cut_in <= 1

    def _step(self) -> None:
        self.calls += 1
        self._look()
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in <= 0:
                self.cut_in = None
                raise PowerCut

    def _look(self) -> None:
        """The names as they are now, where they have changed."""
        for place in [self.root, *sorted(path for path in self.root.rglob("*") if path.is_dir())]:
            listing: Listing = {}
            for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
                listing[entry.name] = entry.inode()
                if entry.is_file(follow_symlinks=False) and entry.inode() not in self._held:
                    self._held[entry.inode()] = os.open(entry.path, os.O_RDONLY)
            states = self._states.setdefault(place, [{}])
            if states[-1] != listing:
                states.append(listing)

    def _hold(self, inode: int, fd: int) -> None:
        if inode not in self._held:
            self._held[inode] = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY)

    def _content(self, inode: int) -> bytes:
        fd = self._held[inode]
        return os.pread(fd, os.fstat(fd).st_size, 0)

    # What is found afterwards.

    def image(self, target: Path) -> None:
        """Closes everything; the disk is of no more use."""
        self._look()
        self._build(self.root, target)
        for fd in self._held.values():
            os.close(fd)
        self._held.clear()
        for fd, inode in self._opened.items():
            with contextlib.suppress(OSError):
                if os.fstat(fd).st_ino == inode:
                    os.close(fd)

    def _build(self, place: Path, target: Path) -> None:
        target.mkdir()
        for name, inode in self._chance.choice(self._states[place]).items():
            if inode in self._held and not stat.S_ISDIR(os.fstat(self._held[inode]).st_mode):
                (target / name).write_bytes(self._left_of(inode))
            elif (place / name) in self._states:
                self._build(place / name, target / name)

    def _left_of(self, inode: int) -> bytes:
        synced, now = self._durable.get(inode, b""), self._content(inode)
        if synced == now:
            return now
        size = self._chance.randint(min(len(synced), len(now)), max(len(synced), len(now)))
        behind = now[len(synced) : size]
        kept = synced[: max(size, 0)] if len(now) < len(synced) else synced
        return kept + self._chance.choice([b"", behind, bytes(len(behind)), now[len(synced) :]])
