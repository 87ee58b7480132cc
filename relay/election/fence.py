"""The fence: a file beside the outbox, on the storage that the relays share, with the number of the latest term.

A new leader raises it before it sends; who finds a greater number there than its own has been overtaken, whatever it believes of its
session. It only ever goes up, under a lock, and is on disk before anybody relies on it. `.OUTBOX.fence` beside the outbox; inside of
it, `.fence`, where the outbox is a mount point or a link and what is beside it is not shared.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from relay.storage.moves import sync

LONGEST: Final = 512  # bytes; a number and who holds it


class FenceDamaged(OSError):
    """What stands there is no fence. It is never taken for nothing: somebody may be sending by it."""


class Standing(NamedTuple):
    number: int
    holder: str


NOBODY: Final = Standing(0, "nobody")


class Fence:
    """Blocks, as the storage does. Everything here raises OSError."""

    def __init__(self, outbox: Path) -> None:
        """The outbox must be there."""
        is_shared = outbox.parent.stat().st_dev == outbox.stat().st_dev and not outbox.is_symlink()
        self.path = outbox.parent / f".{outbox.name}.fence" if is_shared else outbox / ".fence"

    def read(self) -> Standing:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return NOBODY
        try:
            text = os.read(fd, LONGEST)
        finally:
            os.close(fd)
        number, _, holder = text.rstrip(b"\n").partition(b" ")
        if not text.endswith(b"\n") or not number.isdigit():
            raise FenceDamaged("it is damaged; make sure that no other relay sends, and remove it")
        return Standing(int(number), holder.decode(errors="replace"))

    def raise_to(self, number: int, holder: str) -> Standing:
        """What stands there afterwards: ours, or a later term. Durable when it returns. It never waits for the lock: who has it may be
        a relay that somebody stopped."""
        with self._locked():
            standing = self.read()
            if standing.number < number:
                self._write(Standing(number, holder))
                return self.read()
            return standing

    def _write(self, standing: Standing) -> None:
        fresh = self.path.with_name(f"{self.path.name}.tmp")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        try:
            os.write(fd, f"{standing.number} {standing.holder}".encode()[: LONGEST - 1] + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        fresh.replace(self.path)
        sync(str(self.path.parent))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        fd = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BlockingIOError(errno.EAGAIN, "another relay is raising it; if that one hangs, end it") from None
            yield
        finally:
            os.close(fd)
