"""Who is told that a file came into the outbox need not wait for the next scan: inotify(7), through ctypes. Never the truth.

Events are lost when they come faster than they are read (the kernel keeps 16,384), and of shared storage only our own host's are heard.
Where it cannot be had, scans alone find every file.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_CLOSE_WRITE: Final = 0x8
_MOVED_TO: Final = 0x80
_DELETE_SELF: Final = 0x400
_MOVE_SELF: Final = 0x800
_OVERFLOW: Final = 0x4000
_IGNORED: Final = 0x8000
_ONLY_DIRECTORY: Final = 0x1000000
_LOST: Final = _DELETE_SELF | _MOVE_SELF | _IGNORED  # the directory is another one now, or none

_EVENT: Final = struct.Struct("iIII")
READ_SIZE: Final = 64 << 10  # bytes, 1,500 events


class Wakeup:
    """`heard(names)`: these came, or None: look at all of them. Give `fd` to a loop, and `read` to be called when it is readable."""

    def __init__(self, place: Path, heard: Callable[[list[str] | None], None]) -> None:
        """Raises OSError when there is no inotify, or no more of it."""
        self._place = os.fsencode(place)
        self._heard = heard
        self._libc: Any = ctypes.CDLL(None, use_errno=True)
        if not hasattr(self._libc, "inotify_init1"):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self.fd: int = self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._watch = -1
        if self.fd < 0:
            raise _last_error()

    def watch(self) -> None:
        """Once, and again after the directory was replaced; does nothing when all is well. Raises OSError."""
        if self._watch < 0:
            mask = _CLOSE_WRITE | _MOVED_TO | _DELETE_SELF | _MOVE_SELF | _ONLY_DIRECTORY
            self._watch = self._libc.inotify_add_watch(self.fd, self._place, mask)
            if self._watch < 0:
                raise _last_error()

    def read(self) -> None:
        try:
            data = os.read(self.fd, READ_SIZE)
        except BlockingIOError:
            return
        names: list[str] | None = []
        at = 0
        while at < len(data):
            watch, mask, _, size = _EVENT.unpack_from(data, at)
            at += _EVENT.size + size
            if mask & _OVERFLOW or (watch == self._watch and mask & _LOST):
                names = None
                self._lose(watch)
            elif names is not None and watch == self._watch:
                names.append(os.fsdecode(data[at - size : at].rstrip(b"\0")))
        self._heard(names)

    def _lose(self, watch: int) -> None:
        if watch == self._watch:
            self._libc.inotify_rm_watch(self.fd, watch)  # fails when the directory is gone, and then it is not needed
            self._watch = -1

    def close(self) -> None:
        os.close(self.fd)


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
