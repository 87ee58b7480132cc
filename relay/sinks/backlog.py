"""What of an inbox waits to be forwarded: which files, in which order, how much. Only file names and sizes; nothing is sent here."""

import os
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from relay.storage.inbox import PART

PUBLISHED: Final = re.compile(r"^\d{12}_request(?:\.\d+)?\.txt$")
READ_SIZE: Final = 1 << 20  # bytes of a file in memory while its records are counted
COUNTED_AT_ONCE: Final = 64 << 20  # bytes of old files whose records are counted in one look; 0.1 s


class Growing(NamedTuple):
    """The file that is being written: what of it is on disk."""

    name: str
    size: int


class Waiting(NamedTuple):
    files: int
    records: int | None  # None until they are counted
    bytes: int
    oldest_at: float | None  # epoch seconds


def part(name: str) -> str:
    return f".{name}.part"


def in_order(names: Iterable[str], log: str) -> list[str]:
    """As they were begun, which is their order in the log of names; older than the log first, by name. A clock that stepped back shows
    only there."""
    places: dict[str, int] = {}
    for place, word in enumerate(log.split()):
        places.setdefault(word.partition("=")[0], place)
    return sorted(names, key=lambda name: (places.get(name, -1), name[:12], len(name), name))


class Backlog:
    """`look` and `forgotten` are the forwarder's, `grew` the writer thread's; `waiting` may be asked by any: values change hands whole."""

    def __init__(self, place: Path, names_log: Path) -> None:
        self._place = place
        self._names_log = names_log
        self._published: Mapping[str, int] = {}  # sizes, which change no more
        self._hidden: Mapping[str, int] = {}
        self._records: dict[str, int] = {}  # of the files that are counted
        self._is_caught_up = False
        self._fresh_at = 0.0  # when the first record came after everything was forwarded
        self.growing: Growing | None = None

    def grew(self, growing: Growing | None, records: int, now: float) -> None:
        """After each batch and each tick; `records` are new in it."""
        self.growing = growing
        if growing is not None and records:
            if self._is_caught_up:
                self._is_caught_up, self._fresh_at = False, now
            self._records[growing.name] = self._records.get(growing.name, 0) + records

    def caught_up(self) -> None:
        """All that is on disk is forwarded."""
        self._is_caught_up = True

    def look(self) -> None:
        """Reads the directory. Raises OSError."""
        published, hidden = {}, {}
        with os.scandir(self._place) as entries:
            for entry in entries:
                if PUBLISHED.match(entry.name):
                    known = self._published.get(entry.name)
                    published[entry.name] = entry.stat(follow_symlinks=False).st_size if known is None else known
                elif found := PART.match(entry.name):
                    hidden[found[1]] = entry.stat(follow_symlinks=False).st_size
        self._published, self._hidden = published, hidden
        for name in [name for name in list(self._records) if not self.has(name) and (self.growing is None or name != self.growing.name)]:
            self._records.pop(name, None)  # somebody took it

    def first(self) -> str | None:
        """The file that was begun first, as of the last look. Raises OSError."""
        try:
            log = self._names_log.read_text(errors="replace")
        except FileNotFoundError:
            log = ""
        return next(iter(in_order({*self._published, *self._hidden}, log)), None)

    def has(self, name: str) -> bool:
        return name in self._published or name in self._hidden

    def forgotten(self, name: str) -> None:
        """It is forwarded whole, and gone from the inbox."""
        self._published = {other: size for other, size in self._published.items() if other != name}
        self._records.pop(name, None)

    def count(self) -> None:
        """Of files from before our time, some. Raises OSError."""
        left = COUNTED_AT_ONCE
        for name in [name for name in self._published if name not in self._records]:
            if left <= 0:
                return
            lines = 0
            with (self._place / name).open("rb") as file:
                while data := file.read(READ_SIZE):
                    lines += data.count(b"\n")
                    left -= len(data)
            self._records[name] = lines

    def waiting(self, head: str, offset: int, lines: int) -> Waiting:
        """`head`: the file that is being forwarded, of which `offset` bytes, `lines` records, are done."""
        growing = self.growing
        sizes = {**self._hidden, **self._published}
        if growing is not None:
            sizes[growing.name] = growing.size
        if head in sizes:
            sizes[head] = max(0, sizes[head] - offset)
        left = {name: size for name, size in sizes.items() if size}
        if not left:
            return Waiting(0, 0, 0, None)
        counts = [self._records.get(name) for name in left]
        records = None if None in counts else sum(count or 0 for count in counts) - (lines if head in left else 0)
        began_at = time.mktime(time.strptime(min(left)[:12], "%Y%m%d%H%M"))
        return Waiting(len(left), records, sum(left.values()), max(began_at, self._fresh_at))
