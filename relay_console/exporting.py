"""Files of messages: written so that they are whole or not there, and read line by line before anything is done with them."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from relay_console.errors import ActionFailed

STDIO: Final = "-"
BATCH_BYTES: Final = 512 << 10  # of lines in one command
MAX_LINE: Final = (12 << 20) - (64 << 10)  # bytes of one message: what a command may carry, less its envelope
CHUNK: Final = 1 << 20


class Part:
    """FILE.part, which becomes FILE when it is complete; `-` is standard output, and complete at once. A context; raises ActionFailed."""

    def __init__(self, name: str, *, may_replace: bool) -> None:
        self.name = name
        self._path = None if name == STDIO else Path(name)
        self._may_replace = may_replace
        self.part = f"{name}.part"
        self._is_empty = True
        if self._path is not None and not may_replace and self._path.exists():
            raise ActionFailed(f"{name} is there already; give another name, or --force to replace it")

    def __enter__(self) -> "Part":
        self._file = sys.stdout.buffer if self._path is None else self._opened()
        return self

    def _opened(self) -> IO[bytes]:
        """Message bodies are for whoever asked for them. A part that was left behind is made anew: no two write into one."""
        with self._blamed():
            Path(self.part).unlink(missing_ok=True)
            return os.fdopen(os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")

    def write(self, data: bytes) -> None:
        with self._blamed():
            self._is_empty = False
            self._file.write(data)

    def complete(self) -> None:
        with self._blamed():
            self._file.flush()
            if self._path is None:
                return
            os.fsync(self._file.fileno())
            if self._may_replace:
                Path(self.part).replace(self._path)
            else:
                self._publish(self._path)

    def _publish(self, path: Path) -> None:
        """Without replacing one that came meanwhile, where the file system has hard links."""
        try:
            os.link(self.part, path)
        except FileExistsError:
            raise ActionFailed(f"{self.name} has come meanwhile; what was read stands in {self.part}") from None
        except OSError:
            Path(self.part).rename(path)
        else:
            Path(self.part).unlink()

    def __exit__(self, *_: object) -> None:
        """What was written stays; a part without anything in it is nobody's loss."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._file.close()
                if self._is_empty:
                    Path(self.part).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _blamed(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ActionFailed(f"{self.name}: {error.strerror or error}") from None


@contextlib.contextmanager
def opened(name: str) -> Iterator[IO[bytes]]:
    """To be read from its beginning, more than once: standard input is kept in a nameless file meanwhile. Raises ActionFailed."""
    try:
        with tempfile.TemporaryFile() if name == STDIO else Path(name).open("rb") as file:
            if name == STDIO:
                while data := sys.stdin.buffer.read(CHUNK):
                    file.write(data)
            yield file
    except OSError as error:
        raise ActionFailed(f"{name}: {error.strerror or error}") from None


class Batch(Struct, frozen=True):
    numbers: tuple[int, ...]  # of its lines in the file, from 1
    lines: bytes


def lines(file: IO[bytes], first: int = 1) -> Iterator[tuple[int, bytes]]:
    """Number and line, without its end, from that number on; empty ones are left out. A line that is too long comes cut."""
    file.seek(0)
    number = 0
    while line := file.readline(MAX_LINE + 2):
        number += 1
        while not line.endswith(b"\n") and len(line) > MAX_LINE and (rest := file.readline(CHUNK)):
            line = line[: MAX_LINE + 1] if not rest.endswith(b"\n") else line[: MAX_LINE + 1] + b"\n"
        line = line.rstrip(b"\r\n")
        if number >= first and line.strip():
            yield number, line


class Checked(Struct, frozen=True):
    count: int
    bytes: int
    last: int  # number of the last line
    faults: list[tuple[int, str]]


def check(file: IO[bytes], first: int, read: Callable[[bytes], object], most: int) -> Checked:
    """Every line, before any is sent. `read` raises ValueError with a sentence; at most so many faults are looked for."""
    count = size = last = 0
    faults: list[tuple[int, str]] = []
    for number, line in lines(file, first):
        count, size, last = count + 1, size + len(line), number
        if (fault := _fault(line, read)) is not None:
            faults.append((number, fault))
            if len(faults) >= most:
                break
    return Checked(count, size, last, faults)


def _fault(line: bytes, read: Callable[[bytes], object]) -> str | None:
    if len(line) > MAX_LINE:
        return f"the line is longer than {MAX_LINE:,} bytes, which is what can be sent at once"
    try:
        line.decode()
        read(line)
    except UnicodeDecodeError as error:
        return f"byte {error.start + 1} of the line is no UTF-8"
    except ValueError as error:
        return str(error)
    return None


def batches(file: IO[bytes], first: int) -> Iterator[Batch]:
    """As many whole lines as fit BATCH_BYTES; a longer one alone."""
    kept: dict[int, bytes] = {}
    size = 0
    for number, line in lines(file, first):
        if kept and size + len(line) + 1 > BATCH_BYTES:
            yield Batch(tuple(kept), b"\n".join(kept.values()))
            kept, size = {}, 0
        kept[number] = line
        size += len(line) + 1
    if kept:
        yield Batch(tuple(kept), b"\n".join(kept.values()))
