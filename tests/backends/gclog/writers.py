"""JVMs that write GC logs, and what is done to these logs: each way in which a log is rotated, as the JVM or logrotate does it.

Every collection has a number of its own, so one that is lost or read twice shows. Nothing here looks at a clock.
"""

import gzip
import os
import shutil
from pathlib import Path
from typing import BinaryIO, ClassVar

ARCHIVES = 3


class Writer:
    """One agent. `written` are the numbers of the collections whose lines are whole."""

    header = b""
    name: ClassVar[str] = "gc.log"

    def __init__(self, folder: Path, archives: int = ARCHIVES) -> None:
        self.folder, self.archives = folder, archives
        self.path = folder / self.name
        self.written: list[int] = []
        self.rotations = 0
        self._count = self._lives = 0
        self._rest = b""
        self._file: BinaryIO = self.open()

    def line(self) -> bytes:
        """Unified logging writes a line at a stroke. No two lines end in the same way, as no two pauses take the same time."""
        name = b"Pause Young (Normal) (G1 Evacuation Pause)"
        return b"[%d.500s][info][gc] GC(%d) %b 15M->7M(64M) 1.%03dms\n" % (self._count, self._count, name, self._count)

    def open(self) -> BinaryIO:
        return self.path.open("ab", buffering=0)

    def write(self) -> None:
        """The rest of a line that was begun, or a line."""
        if not self._rest:
            self._count += 1
            self._rest = self.line()
        self._file.write(self._rest)
        self._rest = b""
        self.written.append(self._count)

    def half(self, share: float) -> None:
        if self._rest:
            self.write()
        self._count += 1
        text = self.line()
        cut = min(len(text) - 1, max(1, int(len(text) * share)))
        self._file.write(text[:cut])
        self._rest = text[cut:]

    def rotate(self) -> None:
        raise NotImplementedError

    def restart(self) -> None:
        """Killed, perhaps within a line, and started again."""
        self._rest = b""
        self._file.close()
        self.reopen()

    def reopen(self) -> None:
        self._file = self.open()

    def finish(self) -> None:
        if self._rest:
            self.write()

    def close(self) -> None:
        self._file.close()


class Ring(Writer):
    """Unified logging: the base is renamed to the next of its archives. A JVM that starts archives what it finds."""

    def rotate(self) -> None:
        self.finish()
        self._file.close()
        self._archive()

    def _archive(self) -> None:
        self.path.rename(self.path.with_name(f"{self.name}.{self.rotations % self.archives}"))
        self.rotations += 1
        self.reopen()

    def restart(self) -> None:
        self._rest = b""
        self._file.close()
        self._archive()


class Jdk8Ring(Writer):
    """`gc.log.0.current`, at its limit `gc.log.0`, and so on. A JVM that starts begins at 0 and leaves the old `.current` where it is."""

    header = b'OpenJDK 64-Bit Server VM (25.252-b09) for linux-amd64 JRE (1.8.0_252-b09), built on Apr 22 2020 by "x" with gcc 4.8.5\n'

    def __init__(self, folder: Path, archives: int = ARCHIVES) -> None:
        self._number = 0
        super().__init__(folder, archives)

    def line(self) -> bytes:
        sizes = b"[PSYoungGen: 8700K->954K(9216K)] 18700K->11954K(97216K)"
        return b"%d.500: [GC (Allocation Failure) %b, 0.029%04d secs]\n" % (self._count, sizes, self._count)

    def open(self) -> BinaryIO:
        file = self._current().open("wb", buffering=0)
        self._lives += 1
        file.write(self.header + b"Memory: 4k page, physical 32778180k(%dk free), swap 0k(0k free)\n" % (12_000_000 + self._lives))
        return file

    def _current(self) -> Path:
        return self.path.with_name(f"{self.name}.{self._number}.current")

    def rotate(self) -> None:
        self.finish()
        self._file.close()
        self._current().rename(self.path.with_name(f"{self.name}.{self._number}"))
        self._number = (self._number + 1) % self.archives
        self.rotations += 1
        self.reopen()

    def restart(self) -> None:
        self._rest = b""
        self._file.close()
        self._number = 0
        self.reopen()


class Logrotate(Writer):
    """logrotate renames and creates; the JVM goes on in the renamed file until it is told (`jcmd VM.log rotate`)."""

    is_packing: ClassVar[bool] = False

    def restart(self) -> None:
        """Between two lines: one that appends behind half a line spoils both, however they are read."""
        self.finish()
        super().restart()

    def rotate(self) -> None:
        self._shift()
        self.path.rename(self._archive(1))
        self.path.touch()

    def signal(self) -> None:
        self.finish()
        self._file.close()
        self.reopen()

    def _archive(self, number: int) -> Path:
        return self.path.with_name(f"{self.name}.{number}")

    def _shift(self) -> None:
        """What is packed is packed a rotation later (delaycompress)."""
        self.rotations += 1
        last = self._archive(self.archives)
        last.unlink(missing_ok=True)
        last.with_name(last.name + ".gz").unlink(missing_ok=True)
        for number in range(self.archives - 1, 0, -1):
            plain, packed = self._archive(number), self._archive(number).with_name(f"{self.name}.{number}.gz")
            moved = self._archive(number + 1)
            if packed.exists():
                packed.rename(moved.with_name(moved.name + ".gz"))
            elif plain.exists() and self.is_packing:
                pack(plain, moved.with_name(moved.name + ".gz"))
            elif plain.exists():
                plain.rename(moved)


class PackingLogrotate(Logrotate):
    """Packed a rotation later (delaycompress); the JVM is told after each rotation, as what it writes to a deleted file can be read only by
    those who have it open."""

    is_packing = True

    def rotate(self) -> None:
        super().rotate()
        self.signal()


class CopyTruncate(Logrotate):
    """logrotate copies and truncates; the JVM appends, and goes on at the new beginning."""

    def rotate(self) -> None:
        self._shift()
        self._copy(self._archive(1))
        os.truncate(self.path, 0)

    def _copy(self, copy: Path) -> None:
        """logrotate leaves holes as they are."""
        text = self.path.read_bytes()
        hole = len(text) - len(text.lstrip(b"\0"))
        with copy.open("wb") as file:
            file.seek(hole)
            file.write(text[hole:])
            file.truncate(len(text))

    def signal(self) -> None:
        """Nobody tells it."""


class HoleCopyTruncate(CopyTruncate):
    """A JVM that keeps its offset over the truncation: a hole, then text. One that starts empties the file."""

    def open(self) -> BinaryIO:
        return self.path.open("wb", buffering=0)


def pack(plain: Path, packed: Path) -> None:
    packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
    shutil.copystat(plain, packed)
    plain.unlink()


class PackedCopyTruncate(CopyTruncate):
    """The copy is packed at once."""

    def rotate(self) -> None:
        super().rotate()
        copy = self._archive(1)
        pack(copy, copy.with_name(copy.name + ".gz"))


KINDS: tuple[type[Writer], ...] = (Ring, Jdk8Ring, Logrotate, PackingLogrotate, CopyTruncate, HoleCopyTruncate, PackedCopyTruncate)
