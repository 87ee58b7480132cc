"""The files of one log: the one that is written, and those that rotations moved aside, copied or packed. Knows nothing of collections.

A file is known by its inode and by how it begins. Neither alone is enough: a file system gives the inode of a deleted file to the next one,
and a JVM begins each of its logs with the same words. What is not known came after the last look, whatever its modification time says.
"""

import errno
import gzip
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from msgspec import Struct, structs

CHUNK = 256 << 10  # bytes read at once
FINGERPRINT = 1 << 10  # first bytes of a file: JDK 8 begins each of its logs with the same 200, the free memory comes after them
ANCHOR = 256  # last bytes read of a file, with the stamps of the last lines: another file has others there
NEIGHBOUR = re.compile(r"\.\d+(\.current)?$")
MOVED = re.compile(r"(?:\.(?P<number>\d+)(?P<current>\.current)?|-\d{8}(?:-?\d+)?)(?P<packed>\.gz)?")  # the second form: dates of logrotate
ARCHIVE = re.compile(rf"(?P<root>.+?){MOVED.pattern}", re.DOTALL)
MAX_OPEN = 64  # files of a log looked at, each through a descriptor for that long; rings have 5 to 20
TRIES = 16  # of reading a directory while the log is rotated
MAX_HOLE = 256 << 20  # bytes of nothing read before the text of a packed file
DIGEST = 16  # bytes
UNREADABLE = (OSError, EOFError, zlib.error)

PACKED_SUFFIX = ".gz"

Inode = tuple[int, int]


class Beside(Struct, frozen=True):
    """A file of the log as it was found in the directory."""

    path: str
    inode: Inode
    size: int
    modified_ns: int
    number: int | None
    is_current: bool
    is_packed: bool
    descriptor: int = -1  # open in a snapshot, if it may be read
    head: bytes = b""  # in a snapshot: the first bytes of its text, behind the hole that may stand there; none when they cannot be read


class Mark(Struct, frozen=True):
    """How a file began when it was last seen."""

    size: int
    modified_ns: int
    length: int
    digest: bytes

    def fits(self, head: bytes) -> bool:
        return len(head) >= self.length > 0 and _digest(head[: self.length]) == self.digest


class Known:
    """The files beside a log that were there at the last change. Some 200 bytes each."""

    def __init__(self) -> None:
        self._marks: dict[Inode, Mark] = {}

    def learn(self, files: Sequence[Beside], *others: tuple[Inode, bytes]) -> None:
        """These are all there are now. `others`: files that were read to their ends, by what is known of their beginnings."""
        heads = dict(others)
        marks = {inode: Mark(0, 0, len(head), _digest(head)) for inode, head in others}
        for file in files:
            head = heads.get(file.inode, file.head)
            marks[file.inode] = Mark(file.size, file.modified_ns, len(head), _digest(head))
        self._marks = marks

    def has(self, file: Beside) -> bool:
        head, mark = file.head, self._marks.get(file.inode)
        if mark is not None and (mark.fits(head) or (mark.length == 0 and mark.size == file.size)):
            return True
        return file.is_packed and any(mark.fits(head) for mark in self._marks.values())

    def covers(self, files: Sequence[Beside]) -> bool:
        return all(file.inode in self._marks for file in files)

    def changed(self, file: Beside) -> bool:
        """Written, or made, since."""
        mark = self._marks.get(file.inode)
        return mark is None or (file.size, file.modified_ns) != (mark.size, mark.modified_ns)

    def __len__(self) -> int:
        return len(self._marks)


def root_of(path: str) -> str:
    """`gc.log` of `gc.log.4.current`."""
    return NEIGHBOUR.sub("", path)


def live_logs(paths: Iterable[str]) -> set[str]:
    """The logs among these files: the archives of one (`gc.log.3`, `gc.log.4.current`, `gc.log-20251125`) are not logs of their own, and
    nobody writes a packed file."""
    found = {path for path in paths if not path.endswith(PACKED_SUFFIX)}
    archives = {path: archive for path in found if (archive := ARCHIVE.fullmatch(path)) is not None}
    logs = found - archives.keys()
    for path, archive in archives.items():
        if archive["root"] not in found:
            logs.add(archive["root"] if archive["current"] else path)
    return {log for log in logs if log not in archives or archives[log]["root"] not in logs}


def beside(path: str) -> list[Beside]:
    """The files that a rotation left beside this log, in no order."""
    folder, root = os.path.split(root_of(path))
    found = []
    for name in _names(folder):
        if not name.startswith(root) or (form := MOVED.fullmatch(name, len(root))) is None:
            continue
        file = os.path.join(folder, name)  # noqa: PTH118  a hundred of these a second: Path costs ten times as much
        try:
            state = os.stat(file)  # noqa: PTH116
        except OSError:
            continue
        if stat.S_ISREG(state.st_mode):
            number = None if form["number"] is None else int(form["number"])
            inode = state.st_dev, state.st_ino
            found.append(Beside(file, inode, state.st_size, state.st_mtime_ns, number, bool(form["current"]), bool(form["packed"])))
    return found


def snapshot(stack: ExitStack, path: str) -> list[Beside]:
    """The same, opened: the next rotation renames or deletes them. Taken when none is under way, half of whose renames done would show a
    file twice, or not at all. The newest when they are many."""
    for _ in range(TRIES):
        with ExitStack() as attempt:
            found = sorted(beside(path), key=lambda file: file.modified_ns)[-MAX_OPEN:]
            files = [_opened(attempt, file) for file in found]
            again = {file.path: file.inode for file in beside(path)}
            if all(again.pop(file.path, None) == file.inode for file in files) and (not again or len(files) == MAX_OPEN):
                stack.push(attempt.pop_all())
                return files
    raise endless(path)


def endless(path: str) -> OSError:
    """The next look sees to it."""
    return OSError(errno.EAGAIN, f"{path} is rotated faster than it can be looked at")


def newest_current(path: str) -> str:
    """The file to follow: the path itself, or the `path.N.current` that a rotating JDK 8 writes (the newest: restarts leave old ones)."""
    if os.path.exists(path):  # noqa: PTH110
        return path
    currents = [(file.modified_ns, file.path) for file in beside(path) if file.is_current]
    return max(currents)[1] if currents else path


def in_order(files: Sequence[Beside], after: int | None, *, are_copies: bool = False) -> list[Beside]:
    """Oldest first. `after`: the number that the file got that was written before all of these.

    A ring of files goes on from there and wraps around to 0; logrotate, which alone copies and packs, counts down to 1, the newest.
    Modification times only help where numbers do not tell: those of quick rotations are equal, and a clock may be set back meanwhile."""
    by_time = sorted(files, key=lambda file: (file.modified_ns, file.number or 0))
    numbers = {file.number for file in files}
    if None in numbers or len(numbers) < len(files):
        return by_time
    ages = sorted(files, key=lambda file: -(file.number or 0))
    if are_copies or any(file.is_packed for file in files):
        return ages
    if after is None:
        return by_time
    top = max((file.number or 0 for file in files), default=0)
    if top < after and 0 not in numbers:
        return ages
    ring = sorted(files, key=lambda file: ((file.number or 0) - after) % (max(after, top) + 1))
    return ring


def open_regular(path: str) -> int:
    """A descriptor. Raises OSError; a FIFO in a log's place blocks nobody."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"not a regular file: {path}")
    return descriptor


def _head_of(file: Beside) -> bytes:
    if file.descriptor < 0:
        return b""
    try:
        if not file.is_packed:
            return os.pread(file.descriptor, FINGERPRINT, hole_of(file.descriptor))
        with unpacked(file) as text:
            return _head_of_packed(text)
    except UNREADABLE:
        return b""  # it may just be packed


@contextmanager
def unpacked(file: Beside) -> Iterator[gzip.GzipFile]:
    """Its text, from the beginning. Raises UNREADABLE, reading too."""
    with os.fdopen(os.dup(file.descriptor), "rb") as plain, gzip.GzipFile(fileobj=plain) as text:
        plain.seek(0)
        yield text


def open_as(file: Beside) -> int | None:
    """A descriptor of this very file; None when it may not be read, or the name belongs to another one meanwhile."""
    try:
        descriptor = open_regular(file.path)
    except OSError:
        return None
    state = os.fstat(descriptor)
    if (state.st_dev, state.st_ino) == file.inode:
        return descriptor
    os.close(descriptor)
    return None


def _opened(stack: ExitStack, file: Beside) -> Beside:
    descriptor = open_as(file)
    if descriptor is None:
        return file
    stack.callback(os.close, descriptor)
    file = structs.replace(file, descriptor=descriptor)
    return structs.replace(file, head=_head_of(file))


def _head_of_packed(text: gzip.GzipFile) -> bytes:
    head = text.read(FINGERPRINT)
    for _ in range(MAX_HOLE // CHUNK):
        if not head or head.strip(b"\0"):
            break
        head = text.read(CHUNK)
    begun = head.lstrip(b"\0")
    return (begun + text.read(FINGERPRINT - len(begun)))[:FINGERPRINT] if 0 < len(begun) < FINGERPRINT else begun[:FINGERPRINT]


def text_of(file: Beside, start: int) -> Generator[bytes, None, None]:
    """From an offset in the text on. Raises UNREADABLE."""
    if file.descriptor < 0:
        raise OSError(f"{file.path} may not be read")
    if not file.is_packed:
        while piece := os.pread(file.descriptor, CHUNK, start):
            start += len(piece)
            yield piece
        return
    with unpacked(file) as text:
        text.seek(start)
        while piece := text.read(CHUNK):
            yield piece


def hole_of(descriptor: int) -> int:
    """Where the text of a file begins: copytruncate leaves a hole before a JVM that keeps its offset. The size when there is no text."""
    if os.pread(descriptor, 1, 0) not in (b"\0", b""):
        return 0
    try:
        at = os.lseek(descriptor, 0, os.SEEK_DATA)  # a hole of gigabytes costs nothing
    except OSError:
        at = 0  # a hole only, or a file system without holes
    while piece := os.pread(descriptor, CHUNK, at):
        text = piece.lstrip(b"\0")
        if text:
            return at + len(piece) - len(text)
        at += len(piece)
    return at


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")  # noqa: PTH208
    except OSError:
        return []


def _digest(head: bytes) -> bytes:
    return hashlib.blake2b(head, digest_size=DIGEST).digest()
