"""Which names of minute files were ever claimed, and where a failure cut their files: a log of words, `NAME` or `NAME=SIZE;` for a cut.

A power cut may tear the last word: half a name is no name, and a size counts only with the mark behind it, or it would cut too much."""

import logging
import os
import re
from pathlib import Path
from typing import Final

from relay.storage.commit import FILE_MODE, Disk, write_all
from relay.storage.reserve import NO_ROOM

log = logging.getLogger(__name__)

NAMES_KEPT: Final = 5000  # words that are remembered: three days of minutes, longer than any hour that comes twice
CUT: Final = re.compile(r"^(\d{12}_request(?:\.\d+)?\.txt)=(\d+);$")
NEWEST: Final = 10  # whose files a recovery looks at when they are written in place


class Names:
    """Raises OSError; a name that could not be claimed durably is not used."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._path = path
        self._disk = disk
        self._used: set[str] = set()
        self._unwritten: dict[str, int] = {}
        self.cuts: dict[str, int] = {}  # name -> bytes that count
        self.newest: list[str] = []  # the last of them in the order of their claims

    def load(self) -> None:
        """The log is shortened if there is room for that."""
        try:
            words = self._path.read_text(errors="replace").split()
        except FileNotFoundError:
            words = []
        words = words[-NAMES_KEPT:]
        names = [word for word in words if "=" not in word]
        self.newest = names[-NEWEST:]
        self._used = set(names)
        self.cuts = {found[1]: int(found[2]) for word in words if (found := CUT.match(word))}
        try:
            self._rewrite(words)
        except OSError as error:
            if error.errno not in NO_ROOM or not words:
                raise
            log.warning("%s: %s; it is not shortened now", self._path, error.strerror)

    def _rewrite(self, words: list[str]) -> None:
        fresh = self._path.with_suffix(".new")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            write_all(self._disk, fd, "".join(f"{word}\n" for word in words).encode())
            self._disk.sync(fd)
        finally:
            os.close(fd)
        fresh.replace(self._path)
        self._disk.sync_directory(self._path.parent)

    def is_used(self, name: str) -> bool:
        return name in self._used

    def cut(self, name: str, size: int) -> None:
        """Written with the next claim."""
        self._unwritten[name] = size

    def write_cuts(self) -> None:
        if self._unwritten:
            self._write([])

    def claim(self, name: str) -> None:
        self._write([name])
        self._used.add(name)
        self.newest = [*self.newest, name][-NEWEST:]

    def _write(self, words: list[str]) -> None:
        words = [*(f"{name}={size};" for name, size in self._unwritten.items()), *words]
        self._disk.make_directory(self._path.parent)
        is_new = not self._path.exists()
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            text = "".join(f"{word}\n" for word in words)
            write_all(self._disk, fd, f"\n{text}".encode())  # newline first: a torn name before it stays a torn name
            self._disk.sync(fd)
        finally:
            os.close(fd)
        if is_new:
            self._disk.sync_directory(self._path.parent)
        self.cuts |= self._unwritten
        self._unwritten.clear()
