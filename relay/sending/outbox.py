"""The outbox: one file, one record, which is its first line; what stands behind it is kept in the archive and sent to nobody.

Which files wait, whether one may be sent, and its line. Blocks; called by one thread a sender. Names that start with `.` or end in
`.tmp`, `.part` or `~` are not finished and are left alone; so is everything that is no regular file, and for a while whatever changed
a moment ago. Claims are in claims.py, the ends of files in endings.py.
"""

import errno
import logging
import os
import stat
from collections.abc import Container, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from relay.record import Layout, Verdict
from relay.sending.claims import Claims
from relay.sending.endings import Endings
from relay.sending.queue import Entry
from relay.sending.words import Changed, Event, Gone, Held, Unfit
from relay.storage.moves import fresh, move, shown

log = logging.getLogger(__name__)

PIECE: Final = 1000  # names looked at in one go: 1 ms when all are known, 4 when none is; between two of them others have their turn
UNFINISHED: Final = (".tmp", ".part", "~")
MAX_ODD: Final = 100  # of what is no regular file, so many are named
OF_ALL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # trouble of no single file


class Claimed(NamedTuple):
    name: str
    line: bytes  # with its newline
    key: bytes


class Pass:
    """One look at the whole outbox, piece by piece."""

    def __init__(self, place: Path) -> None:
        self._entries: Any = None  # of os.scandir, whose type has no name
        self._place = str(place)
        self._seen: set[str] = set()
        self.odd: list[str] = []  # what is no regular file: "x: a symlink"
        self.waiting = 0
        self.is_over = False

    def step(self, known: Container[str], now: float) -> list[Entry]:
        """The files of the next piece that are not known. Raises OSError."""
        if self._entries is None:
            self._entries = os.scandir(self._place)
        piece: list[os.DirEntry[str]] = list(islice(self._entries, PIECE))
        if not piece:
            self.is_over = True
            self.close()
        self._seen.update([entry.name for entry in piece])
        fresh = [entry for entry in piece if entry.name not in known]
        found = [Entry(at, entry.name) for entry in fresh if (at := self._look(entry, now)) is not None]
        self.waiting += len(piece) - len(fresh) + len(found)
        return found

    def _look(self, entry: "os.DirEntry[str]", now: float) -> float | None:
        if is_left_alone(entry.name):
            return None
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        if stat.S_ISREG(found.st_mode):
            return min(found.st_mtime, now)
        if len(self.odd) < MAX_ODD:
            self.odd.append(f"{shown(entry.name)}: {_kind(found.st_mode)}")
        return None

    def gone(self, known: Iterable[str]) -> list[str]:
        """Those that are known and not there, of a pass that is over. One that came back meanwhile is there."""
        return [name for name in known if name not in self._seen and not os.path.lexists(f"{self._place}/{name}")]

    def close(self) -> None:
        if self._entries is not None:
            self._entries.close()


class Outbox:
    """`home` is the relay's directory, `place` the outbox itself."""

    def __init__(self, name: str, place: Path, home: Path, layout: Layout, *, settle: float) -> None:
        self.place = place
        self.claims = Claims(name, place, home)
        self._name = name
        self._layout = layout
        self._settle = settle
        self.endings = Endings(name, home, self.claims)

    def open(self) -> int:
        """Makes the directories, takes our claims back. Returns how many. Raises OSError."""
        self.place.mkdir(parents=True, exist_ok=True)
        return self.claims.open()

    def close(self) -> None:
        self.claims.close()

    def look_at(self, names: Iterable[str], now: float) -> list[Entry]:
        """Those of them that wait: somebody said that they are new."""
        found = []
        for name in names:
            if is_left_alone(name):
                continue
            try:
                known = os.lstat(f"{self.place}/{name}")
            except OSError:
                continue
            if stat.S_ISREG(known.st_mode):
                found.append(Entry(min(known.st_mtime, now), name))
        return found

    def claim(self, entries: Iterable[Entry], now: float) -> list[Claimed | Event]:
        """Each with its line if it is ours now, or what happened to it instead. Raises OSError when the disk refuses more than this one;
        some of them may be ours then."""
        return [self._claim(entry, now) for entry in entries]

    def _claim(self, entry: Entry, now: float) -> Claimed | Event:
        name = entry.name
        try:
            known = os.lstat(f"{self.place}/{name}")
            if not stat.S_ISREG(known.st_mode):
                return Gone(name)
            if entry.at < known.st_mtime <= now:
                return Changed(name, known.st_mtime)
            self.claims.take(name)
        except FileNotFoundError:
            return Gone(name)
        except FileExistsError:
            return Changed(name, now)  # an older file of its name has yet to leave for the archive
        except OSError as error:
            return _held(name, "cannot be claimed", error)
        return self._read(name, now)

    def _read(self, name: str, now: float) -> Claimed | Event:
        try:
            fd = os.open(self.claims.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:  # a later leader took it
            return Gone(name)
        except PermissionError as error:
            return Unfit(name, f"cannot be read: {error.strerror}")
        except OSError as error:
            if error.errno != errno.ELOOP:
                return _held(name, "cannot be read", error)
            self.claims.give_back(name)  # a symlink took the place of the file that was seen
            return Gone(name)
        try:
            known = os.fstat(fd)
            if not stat.S_ISREG(known.st_mode) or 0 <= now - known.st_mtime < self._settle:
                self.claims.give_back(name)
                return Changed(name, known.st_mtime) if stat.S_ISREG(known.st_mode) else Gone(name)
            return self._fit(name, _first(fd, self._layout.max_bytes))
        except OSError as error:
            return _held(name, "cannot be read", error)
        finally:
            os.close(fd)

    def _fit(self, name: str, data: bytes) -> Claimed | Unfit:
        line, _, rest = data.partition(b"\n")
        if not line:
            return Unfit(name, "its first line is empty" if data else "it is empty")
        code, key = self._check(line)
        if code != self._layout.codes.accepted:
            return Unfit(name, f"does not fit the layout ({code}): {self._layout.reason(line, code)}")
        if rest:
            log.info("%s: of %s the first line is sent; what stands behind it stays in the file", self._name, shown(name))
        return Claimed(name, line + b"\n", key)

    def _check(self, line: bytes) -> Verdict:
        keys = self._layout.keys([line], line)  # the quick way; it does not say what is wrong
        return self._layout.check(line) if keys is None else Verdict(self._layout.codes.accepted, keys[0])

    def put(self, name: str, line: bytes) -> str:
        """A new file, whole or not at all. Returns its name: a taken one gets a number. Raises OSError, for a name to be left alone too."""
        if not name or "/" in name or "\0" in name or is_left_alone(name):
            raise OSError(errno.EINVAL, "no name for a file that is to be sent", name)
        with fresh(self.place, line) as path:
            return move(str(path), str(self.place), name)

    def resend(self, files: Iterable[str] | None) -> list[str]:
        return self.endings.resend(files, str(self.place))


def is_left_alone(name: str) -> bool:
    return name.startswith(".") or name.endswith(UNFINISHED)


def _first(fd: int, size: int) -> bytes:
    """The beginning of a file: its first line, or more than a line may have."""
    data = os.read(fd, size + 1)
    while len(data) <= size and b"\n" not in data and (more := os.read(fd, size + 1 - len(data))):
        data += more
    return data


def _held(name: str, what: str, error: OSError) -> Held:
    """Its own trouble; that of all files is raised."""
    if error.errno in OF_ALL:
        raise error
    return Held(name, f"{what}: {error.strerror}")


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symlink"
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a FIFO" if stat.S_ISFIFO(mode) else "no regular file"
