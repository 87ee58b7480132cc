"""Whose a file is. A file is claimed by renaming it into a hidden directory beside the outbox, `.OUTBOX.claimed.ID/`, whose lock file its
relay holds: a rename has one winner, so two relays never send one file at once, and what a dead relay had claimed goes back to the
outbox when its lock is free. Blocks; called by one thread a sender.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import socket
import time
from pathlib import Path
from typing import Final

from relay.storage.moves import move
from relay.storage.rename import rename_new

PROBED_S: Final = 1.0  # longer than taking back what a dead relay of a thousand files had


class Claims:
    """Of the outbox `place`, for the relay whose directory is `home`."""

    def __init__(self, name: str, place: Path, home: Path) -> None:
        self._place = place
        self._owner = hashlib.sha256(f"{socket.gethostname()} {home.resolve()} {name}".encode(errors="surrogateescape")).hexdigest()[:12]
        self._prefix = f".{place.name}.claimed."
        self.directory = place.parent / f"{self._prefix}{self._owner}"
        self._lock: int | None = None

    def open(self) -> int:
        """Makes the directory, takes our own claims of an earlier run back. Returns how many. Raises OSError."""
        self.directory.mkdir(exist_ok=True)
        if self.directory.stat().st_dev != self._place.stat().st_dev:  # the outbox is a mount point; a rename cannot leave it
            self.directory.rmdir()
            self._prefix = ".claimed."
            self.directory = self._place / f"{self._prefix}{self._owner}"
            self.directory.mkdir(exist_ok=True)
        self._lock = _own_lock(self.directory)
        if self._lock is None:
            raise OSError(errno.EBUSY, "another relay with the same name and directory sends from it", str(self._place))
        return self._take_back(self.directory)

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def adopt(self, *, is_fenced: bool = False) -> int:
        """Takes back what relays that are dead had claimed. Returns how many files. `is_fenced`: we are the leader of an election, and
        whoever else holds claims may not send any more, also one that is stopped and still has its lock."""
        count = 0
        with contextlib.suppress(OSError):
            for other in self.directory.parent.glob(f"{self._prefix}*"):
                if other == self.directory or not other.is_dir():
                    continue
                lock = _lock(other)
                try:
                    if lock is not None or is_fenced:
                        count += self._take_back(other)
                finally:
                    if lock is not None:
                        os.close(lock)
        return count

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}"

    def take(self, name: str) -> None:
        """Raises FileNotFoundError when somebody else has it, FileExistsError while an older file of its name is ours, OSError."""
        rename_new(f"{self._place}/{name}", f"{self.directory}/{name}")

    def give_back(self, name: str) -> None:
        """One that is not ours any more is nothing to give back."""
        with contextlib.suppress(FileNotFoundError):
            move(f"{self.directory}/{name}", str(self._place), name)

    def _take_back(self, claims: Path) -> int:
        count = 0
        for name in [path.name for path in claims.iterdir()]:
            with contextlib.suppress(FileNotFoundError):  # its owner was quicker
                move(f"{claims}/{name}", str(self._place), name)
                count += 1
        return count


def _own_lock(claims: Path) -> int | None:
    """Ours; None when a relay like us lives. Another one that looks whether we are dead (`adopt`) has it for a moment."""
    until = time.monotonic() + PROBED_S
    while (lock := _lock(claims)) is None and time.monotonic() < until:
        time.sleep(PROBED_S / 50)
    return lock


def _lock(claims: Path) -> int | None:
    """The lock of a directory of claims; None when its relay lives."""
    fd = os.open(claims.with_name(claims.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd
