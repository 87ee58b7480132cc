"""Room that is kept for what must be written although the disk is full: it is given back before the numbers of acknowledged records are
refused their place, or a complete minute file its name. While it is gone, no new records are taken."""

import errno
import logging
from pathlib import Path
from typing import Final

from relay.storage.commit import Disk

log = logging.getLogger(__name__)

NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAX_RESERVE: Final = 4 << 20  # bytes: the numbers of one batch, which has 8 MiB of records at most, and those gathered before it
MAX_SHARE: Final = 0.01  # of the file system


class Reserve:
    """One file. No method raises for a disk in trouble."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self.is_held = False

    def hold(self) -> bool:
        """Whether it is there; made when there is room for it."""
        if self.is_held:
            return True
        try:
            _, whole = self._disk.free(self._path.parent)
            size = min(MAX_RESERVE, max(1, int(whole * MAX_SHARE)))
            if not self._path.is_file() or self._path.stat().st_size != size:  # what an earlier process left is as good
                self._path.unlink(missing_ok=True)
                self._disk.reserve(self._path, size)
        except OSError as error:
            log.debug("%s: %s", self._path, error.strerror)
            self.release()
            return False
        self.is_held = True
        return True

    def release(self) -> bool:
        """Gives the room back. False when there was none."""
        self.is_held = False
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
