"""A log as it comes, in pieces of any size, into events: whole lines are cut out, the family is detected, its reader is asked. Pure.

Any way of cutting the same bytes gives the same events: a piece without a newline waits, and everything below looks only at whole lines.
"""

from collections.abc import Iterable

from backends.gclog import detect
from backends.gclog.events import Event
from backends.gclog.legacy import Legacy
from backends.gclog.unified import Unified

MAX_LINE = 64 << 10  # bytes: no message of a JVM comes near; a longer line is another program's and is passed over
BLOCK = 256 << 10  # bytes given to a reader at once: fits the processor's cache, keeps the interpreter lock for milliseconds only


class Parser:
    """Follows one log over rotations and restarts. Bounded: at most one unfinished line and what the readers hold."""

    def __init__(self) -> None:
        self.style: detect.Style | None = None
        self.overlong = 0  # lines passed over
        self._reader: Unified | Legacy | None = None
        self._rest = b""
        self._skipping = False

    @property
    def unknown(self) -> int:
        """Events that began and could not be understood, and lines that were passed over."""
        return self.overlong + (self._reader.unknown if isinstance(self._reader, Legacy) else 0)

    @property
    def is_cut(self) -> bool:
        """A pause has begun to be written and its end has not come."""
        return isinstance(self._reader, Legacy) and self._reader.is_open(self._rest)

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        events: list[Event] = []
        for start in range(0, len(data), BLOCK):
            for lines in self._lines(data[start : start + BLOCK]):
                events += self._read(lines)
        return events

    def finish(self) -> list[Event]:
        """The file is whole: a last line without a newline counts as a line."""
        if self._rest and not self._skipping:
            rest, self._rest = self._rest + b"\n", b""
            return self._read(rest)
        return []

    def change_file(self) -> None:
        """What follows comes from another file of the same agent: the unfinished line will never be finished.
        What is known of the collector stays known (a rotated file has no header), unless the new file is of the other family."""
        self._rest, self._skipping = b"", False
        self.style = None
        if isinstance(self._reader, Legacy):
            self._reader.forget_open()

    def know_region(self, region_kib: float) -> None:
        """The size of a G1 region, from another file of the same agent."""
        if isinstance(self._reader, Unified):
            self._reader.region_kib = region_kib

    def _lines(self, piece: bytes) -> Iterable[bytes]:
        if b"\0" in piece:
            piece = piece.replace(b"\0", b"")  # the hole that copytruncate leaves before a JVM that keeps its offset
        end = piece.rfind(b"\n") + 1
        if end == 0:
            self._keep(piece)
            return
        lines, rest = self._rest + piece[:end], piece[end:]
        self._rest = b""
        if self._skipping:
            self._skipping = False
            lines = lines[lines.find(b"\n") + 1 :]
        yield from self._short(lines)
        self._keep(rest)

    def _keep(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._rest += piece
        if len(self._rest) > MAX_LINE:
            self._rest, self._skipping = b"", True
            self.overlong += 1

    def _short(self, lines: bytes) -> Iterable[bytes]:
        """The same lines without the overlong ones."""
        start = at = 0
        while at < len(lines):
            newline = lines.rfind(b"\n", at, at + MAX_LINE + 1)
            if newline < 0:
                if at > start:
                    yield lines[start:at]
                self.overlong += 1
                start = at = lines.find(b"\n", at) + 1
            else:
                at = newline + 1
        if at > start:
            yield lines if start == 0 else lines[start:at]

    def _read(self, lines: bytes) -> list[Event]:
        if self.style is None:
            found = detect.style(lines)
            if found is None:
                return []
            self.style, start = found
            lines = lines[start:]
            if not isinstance(self._reader, READERS[self.style]):
                self._reader = READERS[self.style]()
        return [] if self._reader is None else self._reader.feed(lines)


READERS: dict[detect.Style, type[Unified] | type[Legacy]] = {"unified": Unified, "legacy": Legacy}
