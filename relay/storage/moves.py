"""Files from one directory to another, never over one that is there, also when the other is on another file system. Blocks.

A name that is taken gets a number behind it. A name may have 255 bytes; what is put behind a longer one costs it its end.
Paths are text here, not Path objects: a sender handles them by the thousand.
"""

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relay.storage.rename import rename_new

LONGEST: Final = 255  # bytes of a name, on every file system we know


def move(source: str, directory: str, name: str) -> str:
    """Makes the directory if it is not there. Returns the name that the file got. Raises OSError."""
    is_made = False
    names = numbered(name)
    target = next(names)
    while True:
        try:
            move_new(source, f"{directory}/{target}")
        except FileExistsError:
            target = next(names)
        except FileNotFoundError:
            if is_made or not os.path.lexists(source):
                raise
            Path(directory).mkdir(parents=True, exist_ok=True)
            is_made = True
        else:
            return target


def move_new(source: str, target: str) -> None:
    """Raises FileExistsError."""
    try:
        rename_new(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _carry(source, target)


def _carry(source: str, target: str) -> None:
    """To another file system: a whole copy that is on its disk, and only then the end of the original."""
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    directory = Path(target).parent
    fresh = directory / hidden()
    try:
        shutil.copy2(source, fresh)
        sync(str(fresh))
        rename_new(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)
    sync(str(directory))
    Path(source).unlink()


def numbered(name: str) -> Iterator[str]:
    return itertools.chain((name,), (longer(name, f".{number}") for number in itertools.count(1)))


def longer(name: str, end: str) -> str:
    """With something behind it. Names that become too long keep their beginning, and a few digits that tell them apart."""
    if len(os.fsencode(name)) + len(end) <= LONGEST:
        return name + end
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
    return os.fsdecode(os.fsencode(name)[: LONGEST - len(end) - len(digest) - 1]) + "~" + digest + end


def hidden() -> str:
    """A new name that every outbox leaves alone."""
    return f".{os.getpid()}.{time.monotonic_ns()}.tmp"


@contextlib.contextmanager
def fresh(directory: Path, data: bytes) -> Iterator[Path]:
    """A hidden file with that in it, on disk, to be renamed; it is removed if it is not. Raises OSError."""
    path = directory / hidden()
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield path
    finally:
        path.unlink(missing_ok=True)


def sync(path: str) -> None:
    """A file, or a directory."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def shown(text: str) -> str:
    """For the screen, a log and a message: control characters and bytes that are no UTF-8 are spelled out."""
    return text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
