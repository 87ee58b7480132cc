"""The files of one agent's log: the one that is written, and those that a rotation moved aside, packed or not, in the order of writing.

The number in a name says nothing of age: a ring of files wraps around, and logrotate counts the other way.
"""

import gzip
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from backends.gclog.events import Collected, Event, Opened, Paused
from backends.gclog.files.family import PACKED_SUFFIX, beside, newest_current, open_regular
from backends.gclog.files.family import UNREADABLE as UNREADABLE
from backends.gclog.files.text import PACKED
from backends.gclog.parsing.assemble import Parser
from backends.gclog.parsing.stamps import Stamps

DEFLATED: Final = PACKED + b"\x08"
MAX_RATIO: Final = 1100  # of deflate: 1,032
MAX_ARCHIVES: Final = 64  # the newest: a ring has 5 to 20
EDGE: Final = 64 << 10  # bytes at either end of a file that hold a stamp, headers with every flag included
COPIED_S, APART_S = 2.0, 10.0  # files that were written at one moment though their own clocks are far apart: they were copied


class Log(Struct, frozen=True):
    path: str
    identity: str
    size: int  # bytes as they lie there
    mtime_ns: int
    is_packed: bool = False

    @property
    def modified_at(self) -> float:
        return self.mtime_ns / 1e9


def identity(found: os.stat_result) -> str:
    """Of a file, whatever it is called: a rotation renames it."""
    return _identity(found.st_dev, found.st_ino)


def _identity(device: int, inode: int) -> str:
    return f"{device:x}:{inode:x}"


def files_of(path: str) -> list[Log]:
    """The log that is written now, last, and its archives in no order. Raises OSError when there is neither."""
    live = newest_current(path)
    found: dict[str, Log] = {}
    files = beside(path)
    names = {file.path for file in files}
    for file in files:
        log = Log(file.path, _identity(*file.inode), file.size, file.modified_ns, file.is_packed)
        if file.path != live and not (file.is_packed and file.path.removesuffix(PACKED_SUFFIX) in names):  # it is being packed just now
            found[log.identity] = log
    archives = sorted(found.values(), key=lambda log: log.mtime_ns)[-MAX_ARCHIVES:]
    try:
        state = Path(live).stat()
    except FileNotFoundError:
        if not archives:
            raise
        return archives
    if not stat.S_ISREG(state.st_mode):
        raise OSError(f"not a regular file: {live}")
    return [*(log for log in archives if log.identity != identity(state)), Log(live, identity(state), state.st_size, state.st_mtime_ns)]


def in_order(files: Sequence[Log], first: Callable[[Log], Stamps], live: str) -> list[Log]:
    """Oldest first, the live one last: by the date in its first line, else by its last write."""
    stamped = [(log, *first(log)) for log in files]
    clocks = [at for log, at, wall in stamped if at is not None and wall is None]
    written = [log.modified_at for log, at, wall in stamped if at is not None and wall is None]
    is_copied = len(clocks) > 1 and max(written) - min(written) < COPIED_S and max(clocks) - min(clocks) > APART_S

    def key(one: tuple[Log, float | None, float | None]) -> tuple[bool, float, float]:
        log, at, wall = one
        by_clock = is_copied and wall is None and at is not None
        return log.path == live, log.modified_at if wall is None and not by_clock else (wall or 0.0), at or 0.0

    return [log for log, _, _ in sorted(stamped, key=key)]


def first_stamps(log: Log) -> Stamps:
    """Of its first event; (None, None) where it has none, or cannot be read."""
    try:
        with unpacked(log) as file:
            events = Parser().feed(file.read(EDGE))
    except UNREADABLE:
        return None, None
    return next(_stamps(events), (None, None))


def clock_of(data: bytes, modified_at: float) -> float | None:
    """How far the log's own clock is from epoch seconds, by these last bytes of a file and its last write. None for lines with dates."""
    parser = Parser()
    stamps = list(_stamps([*parser.feed(data), *parser.finish()]))
    if not stamps or any(wall is not None for _, wall in stamps):
        return None
    return modified_at - (stamps[-1][0] or 0.0)


def _stamps(events: Sequence[Event]) -> Iterator[Stamps]:
    for event in events:
        if isinstance(event, Collected | Paused | Opened) and (event.at is not None or event.wall is not None):
            yield event.at, event.wall


# What they hold


class Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@contextmanager
def opened(log: Log) -> Iterator[int]:
    """A descriptor of this very file. Raises OSError, FileNotFoundError too when its name belongs to another one meanwhile."""
    descriptor = open_regular(log.path)
    try:
        if identity(os.fstat(descriptor)) != log.identity:
            raise FileNotFoundError(f"another file has come in the place of {log.path}")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def unpacked(log: Log) -> Iterator[Readable]:
    """Its text from the beginning. Raises UNREADABLE, reading too."""
    with opened(log) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
        if not log.is_packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as inner:
            yield inner


def length_of(log: Log) -> int:
    """Bytes of its text: of a packed file as its last four bytes say, which is right for one packed at a stroke, below 4 GiB."""
    if not log.is_packed:
        return log.size
    try:
        with opened(log) as descriptor:
            told = int.from_bytes(os.pread(descriptor, 4, max(0, log.size - 4)), "little")
            is_packed = os.pread(descriptor, len(DEFLATED), 0) == DEFLATED
    except OSError:
        return log.size
    return told if is_packed and log.size < told < log.size * MAX_RATIO else log.size
