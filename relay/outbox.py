"""The outbox: one file, one record. Which files wait, whose they are, and where they end. Blocks; called by one thread a sender.

A file is claimed by renaming it into a hidden directory beside the outbox, `.OUTBOX.claimed.ID/`, whose lock file its relay holds: a
rename has one winner, so two relays never send one file at once, and what a dead relay had claimed goes back to the outbox when its lock
is free. Names that start with `.` or end in `.tmp`, `.part` or `~` are not finished and are left alone; so is everything that is no
regular file.
"""

import contextlib
import errno
import fcntl
import hashlib
import heapq
import itertools
import json
import os
import shutil
import socket
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from relay.record import Layout
from relay.rename import rename_new
from relay.status import FailedFile

WINDOW: Final = 1000  # oldest files taken from one scan; a scan of 100,000 costs half a second
UNFINISHED: Final = (".tmp", ".part", "~")
MAX_SHOWN: Final = 200  # failed files told to the monitor
REASON: Final = ".reason.json"


class Waiting(NamedTuple):
    changed_at: float  # first: files are sorted by age, then name
    name: str


class Scan(NamedTuple):
    files: tuple[Waiting, ...]  # the oldest that have settled, oldest first
    waiting: int  # all that will be sent
    oldest_at: float | None
    odd: tuple[str, ...]  # what is no regular file: "x: a symlink"
    unsettled: int


class Claimed(NamedTuple):
    name: str
    line: bytes  # with its newline
    key: bytes


class Unfit(NamedTuple):
    """Claimed, and never to be sent."""

    name: str
    reason: str


class Reason(NamedTuple):
    file: str
    destination: str
    tries: int
    first_try_at: float | None
    last_try_at: float | None
    last_code: int | None
    last_error: str | None


class Outbox:
    """`home` is the relay's directory, `place` the outbox itself."""

    def __init__(self, name: str, place: Path, home: Path, layout: Layout, *, settle: float) -> None:
        self.name = name
        self.place = place
        self._layout = layout
        self._settle = settle
        self._archive = home / "archive" / name
        self._failed = home / "failed" / name
        owner = hashlib.sha256(f"{socket.gethostname()} {home.resolve()} {name}".encode()).hexdigest()[:12]
        self._prefix = f".{place.name}.claimed."
        self._claims = place.parent / f"{self._prefix}{owner}"
        self._lock: int | None = None
        self._failed_at: float | None = None
        self._failed_known: tuple[int, tuple[FailedFile, ...]] = (0, ())

    def open(self) -> int:
        """Makes the directories, takes our claims back. Returns how many. Raises OSError."""
        self.place.mkdir(parents=True, exist_ok=True)
        self._claims.mkdir(exist_ok=True)
        if self._claims.stat().st_dev != self.place.stat().st_dev:  # the outbox is a mount point; a rename cannot leave it
            self._claims.rmdir()
            self._prefix = ".claimed."
            self._claims = self.place / f"{self._prefix}{self._claims.name.rpartition('.')[2]}"
            self._claims.mkdir(exist_ok=True)
        self._lock = _lock(self._claims)
        if self._lock is None:
            raise OSError(errno.EBUSY, "another relay with the same name and directory sends from it", str(self.place))
        return self._take_back(self._claims)

    def adopt(self) -> int:
        """Takes back what relays that are dead had claimed. Returns how many files."""
        count = 0
        with contextlib.suppress(OSError):
            for other in self._claims.parent.glob(f"{self._prefix}*"):
                if other == self._claims or not other.is_dir() or (lock := _lock(other)) is None:
                    continue
                try:
                    count += self._take_back(other)
                finally:
                    os.close(lock)
        return count

    def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_back(self, claims: Path) -> int:
        names = [path.name for path in claims.iterdir()]
        for name in names:
            _move(claims / name, self.place, name)
        return len(names)

    def scan(self, now: float) -> Scan:
        """One pass. Raises OSError when the outbox cannot be read."""
        files: list[Waiting] = []
        odd: list[str] = []
        unsettled = 0
        oldest: float | None = None
        with os.scandir(self.place) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.endswith(UNFINISHED):
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if not stat.S_ISREG(found.st_mode):
                    odd.append(f"{entry.name}: {_kind(found.st_mode)}")
                    continue
                oldest = found.st_mtime if oldest is None else min(oldest, found.st_mtime)
                if 0 <= now - found.st_mtime < self._settle:
                    unsettled += 1
                    continue
                files.append(Waiting(found.st_mtime, entry.name))
        return Scan(tuple(heapq.nsmallest(WINDOW, files)), len(files) + unsettled, oldest, tuple(sorted(odd)), unsettled)

    def claim(self, names: Sequence[str]) -> list[Claimed | Unfit]:
        """Those that are now ours; a name that another took, or that is gone, is missing in the answer."""
        found: list[Claimed | Unfit] = []
        for name in names:
            try:
                rename_new(self.place / name, self._claims / name)
            except OSError:
                continue
            if (claimed := self._read(name)) is not None:
                found.append(claimed)
        return found

    def _read(self, name: str) -> Claimed | Unfit | None:
        path = self._claims / name
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno == errno.ELOOP:  # a symlink took the place of the file that was scanned
                self.release([name])
                return None
            return Unfit(name, f"cannot be read: {error.strerror}")
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                self.release([name])
                return None
            try:
                data = file.read(self._layout.max_bytes + 1)
            except OSError as error:
                return Unfit(name, f"cannot be read: {error.strerror}")
        return self._fit(name, data.partition(b"\n")[0])

    def _fit(self, name: str, line: bytes) -> Claimed | Unfit:
        if not line:
            return Unfit(name, "its first line is empty")
        verdict = self._layout.check(line)
        if verdict.code != self._layout.codes.accepted:
            return Unfit(name, f"does not fit the layout ({verdict.code}): {self._layout.reason(line, verdict.code)}")
        return Claimed(name, line + b"\n", verdict.key)

    def release(self, names: Sequence[str]) -> None:
        """Back to the outbox, where it waits."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                _move(self._claims / name, self.place, name)

    def archive(self, name: str, now: float) -> None:
        _move(self._claims / name, self._archive / time.strftime("%Y%m%d", time.localtime(now)), name)

    def delete(self, name: str) -> None:
        (self._claims / name).unlink()

    def fail(self, reason: Reason) -> None:
        """Into failed/, its reason first: a crash between the two leaves a reason that the next one overwrites."""
        self._failed.mkdir(parents=True, exist_ok=True)
        for name in _names(reason.file):
            if os.path.lexists(self._failed / name):
                continue
            fresh = self._failed / f".{name}{REASON}.tmp"
            fresh.write_text(json.dumps(reason._asdict(), ensure_ascii=False) + "\n", errors="backslashreplace")
            fresh.replace(self._failed / f"{name}{REASON}")
            try:
                _move_new(self._claims / reason.file, self._failed / name)
            except FileExistsError:
                continue
            return

    def put(self, name: str, line: bytes) -> str:
        """A new file, whole or not at all. Returns its name: a taken one gets a number. Raises OSError, for a name to be left alone too."""
        if not name or "/" in name or "\0" in name or name.startswith(".") or name.endswith(UNFINISHED):
            raise OSError(errno.EINVAL, "no name for a file that is to be sent", name)
        fresh = self.place / f".put.{os.getpid()}.{time.monotonic_ns()}.tmp"
        try:
            with fresh.open("xb") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            return _move(fresh, self.place, name)
        finally:
            fresh.unlink(missing_ok=True)

    def resend(self, files: Sequence[str] | None) -> list[str]:
        """From failed/ back into the outbox: these, or all. Returns their names."""
        sent = []
        wanted = None if files is None else set(files)
        for path in self._failed_paths():
            if wanted is not None and path.name not in wanted:
                continue
            _move(path, self.place, path.name)
            path.with_name(path.name + REASON).unlink(missing_ok=True)
            sent.append(path.name)
        self._failed_at = None
        return sent

    def failed(self) -> tuple[int, tuple[FailedFile, ...]]:
        """How many, and the newest of them. Looks only when the directory has changed."""
        try:
            changed_at = self._failed.stat().st_mtime
        except OSError:
            return 0, ()
        if changed_at != self._failed_at:
            paths = self._failed_paths()
            shown = heapq.nlargest(MAX_SHOWN, paths, key=_changed_at)
            self._failed_known = len(paths), tuple(self._reason(path) for path in shown)
            self._failed_at = changed_at
        return self._failed_known

    def _failed_paths(self) -> list[Path]:
        try:
            found = [path for path in self._failed.iterdir() if not path.name.startswith(".") and not path.name.endswith(REASON)]
        except OSError:
            return []
        return sorted(path for path in found if path.is_file())

    def _reason(self, path: Path) -> FailedFile:
        try:
            known = json.loads(path.with_name(path.name + REASON).read_text())
            return FailedFile(self.name, path.name, int(known["tries"]), known["last_code"], known["last_error"], known["last_try_at"])
        except (OSError, ValueError, KeyError, TypeError):
            return FailedFile(self.name, path.name, 0, None, "its reason cannot be read", None)


def _move(source: Path, directory: Path, name: str) -> str:
    """Under its name, or with a number behind it when that is taken: nothing is overwritten. Returns the name it got."""
    directory.mkdir(parents=True, exist_ok=True)
    for target in _names(name):
        try:
            _move_new(source, directory / target)
            return target
        except FileExistsError:
            continue
    raise AssertionError("numbers do not end")


def _move_new(source: Path, target: Path) -> None:
    """Raises FileExistsError."""
    try:
        rename_new(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        fresh = target.with_name(f".{target.name}.tmp")
        shutil.copy2(source, fresh)
        fd = os.open(fresh, os.O_RDONLY)
        os.fsync(fd)
        os.close(fd)
        rename_new(fresh, target)
        source.unlink()


def _names(name: str) -> "itertools.chain[str]":
    return itertools.chain((name,), (f"{name}.{number}" for number in itertools.count(1)))


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symlink"
    if stat.S_ISDIR(mode):
        return "a directory"
    return "a FIFO" if stat.S_ISFIFO(mode) else "no regular file"


def _lock(claims: Path) -> int | None:
    """The lock of a directory of claims; None when its relay lives."""
    fd = os.open(claims.with_name(claims.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd
