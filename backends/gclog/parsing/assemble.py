"""A log as it comes, in pieces of any size, into events: whole lines are cut out, the family is detected, its reader is asked. Pure.

Any way of cutting the same bytes gives the same events: a piece without a newline waits, and everything below looks only at whole lines.
"""

from collections.abc import Iterable

from backends.gclog.events import Event, Packed, unpacked
from backends.gclog.parsing import detect
from backends.gclog.parsing.legacy import Legacy
from backends.gclog.parsing.noise import Strangers, before_the_log
from backends.gclog.parsing.unified import Unified

MAX_LINE = 64 << 10  # bytes: no message of a JVM comes near; a longer line is another program's and is passed over
HEAD = 8 << 10  # bytes: the header of a JVM with every flag set is 4 KiB
BLOCK = 256 << 10  # bytes given to a reader at once: fits the processor's cache, keeps the interpreter lock for milliseconds only


class Parser:
    """Follows one log over rotations and restarts. Bounded: at most one unfinished line and what the readers hold."""

    def __init__(self) -> None:
        self.style: detect.Style | None = None
        self._strangers = Strangers()
        self._reader: Unified | Legacy | None = None
        self._rest = b""
        self._skipping = False
        self._before = b""  # of the lines before the log begins, those with a command line

    @property
    def unknown(self) -> int:
        """Lines that were not understood (gclog.noise)."""
        return self._strangers.count

    @property
    def unknown_samples(self) -> list[bytes]:
        """The first of them, cut where they are long."""
        return self._strangers.samples

    @property
    def is_cut(self) -> bool:
        """A pause has begun to be written and its end has not come."""
        return isinstance(self._reader, Legacy) and self._reader.is_open(self._rest)

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        return unpacked(self.packed(data))

    def packed(self, data: bytes) -> list[Packed]:
        """The same, with runs of young collections left as they are: how a whole log is read quickly."""
        events: list[Packed] = []
        for start in range(0, len(data), BLOCK):
            for lines in self._lines(data[start : start + BLOCK]):
                events += self._read(lines)
        return events

    def finish(self) -> list[Event]:
        """The file is whole: a last line without a newline counts as a line."""
        if self._rest and not self._skipping:
            rest, self._rest = self._rest + b"\n", b""
            return unpacked(self._read(rest))
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
            self._strangers.meet(self._rest)
            self._rest, self._skipping = b"", True

    def _short(self, lines: bytes) -> Iterable[bytes]:
        """The same lines without the overlong ones."""
        start = at = 0
        while at < len(lines):
            newline = lines.rfind(b"\n", at, at + MAX_LINE + 1)
            if newline < 0:
                if at > start:
                    yield lines[start:at]
                self._strangers.meet(lines[at : at + MAX_LINE])
                start = at = lines.find(b"\n", at) + 1
            else:
                at = newline + 1
        if at > start:
            yield lines if start == 0 else lines[start:at]

    def _read(self, lines: bytes) -> list[Packed]:
        if self.style is None:
            found = detect.style(lines)
            if found is None:
                self._meet(lines)
                return []
            self.style, start = found
            self._meet(lines[:start])
            lines = lines[start:]
            if not isinstance(self._reader, READERS[self.style]):
                self._reader = self._new_reader(self.style)
        return [] if self._reader is None else self._reader.feed(lines)

    def _meet(self, lines: bytes) -> None:
        """Lines before the first that tells the family."""
        self._strangers.meet_all(before_the_log(lines))
        if b"-XX:+Use" in lines and len(self._before) < MAX_LINE:
            self._before += b"".join(line for line in lines.splitlines(keepends=True) if b"-XX:+Use" in line)[:MAX_LINE]

    def _new_reader(self, style: detect.Style) -> Unified | Legacy:
        return Unified(self._strangers) if style == "unified" else Legacy(self._strangers, self._before)


READERS: dict[detect.Style, type[Unified] | type[Legacy]] = {"unified": Unified, "legacy": Legacy}
