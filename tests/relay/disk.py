"""A disk that does what it is told: real files, and faults when and where a test wants them."""

import errno
import os
from pathlib import Path

from relay.storage.commit import Disk


class Faulty(Disk):
    """`room`: bytes that may still be written; `bad_syncs`: how many syncs fail from now on; `log`: every call that changed something."""

    def __init__(self) -> None:
        self.room: int | None = None
        self.bad_syncs = 0
        self.bad_cuts = 0
        self.bad_opens = 0
        self.bad_directory_syncs = 0
        self.short = False
        self.log: list[str] = []
        self.synced: list[int] = []
        self.free_bytes = 10 << 30

    def open_new(self, path: Path) -> int:
        if self.bad_opens:
            self.bad_opens -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.log.append(f"open {path.name}")
        return super().open_new(path)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if self.short and len(data) > 1:
            return super().write(fd, bytes(data)[: len(data) // 2])
        if self.room is None:
            return super().write(fd, data)
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(fd, bytes(data)[: self.room])
        self.room -= written
        return written

    def sync(self, fd: int) -> None:
        if self.bad_syncs:
            self.bad_syncs -= 1
            self.log.append("bad sync")
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.synced.append(fd)
        super().sync(fd)

    def truncate(self, fd: int, size: int) -> None:
        if self.bad_cuts:
            self.bad_cuts -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().truncate(fd, size)

    def sync_directory(self, path: Path) -> None:
        if self.bad_directory_syncs:
            self.bad_directory_syncs -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync_directory(path)

    def free(self, path: Path) -> tuple[int, int]:
        return self.free_bytes, 100 << 30
