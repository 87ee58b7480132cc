"""The past of an agent, read from the end of its log: archives included, only so far back.

What was read is kept for each agent, as a fold: who asks again pays for what was written since. No file stays open between two questions.
The newest megabyte is fed line by line, so that events have a place; what is older comes in blocks, and its events have none.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from backends.gclog.events import Launched, Named, Packed, Regioned
from backends.gclog.files.family import CHUNK, FINGERPRINT, newest_current
from backends.gclog.parsing.assemble import HEAD, Parser
from backends.gclog.parsing.stamps import Stamps
from backends.gclog.past.archives import (
    EDGE,
    UNREADABLE,
    Log,
    clock_of,
    files_of,
    first_stamps,
    in_order,
    length_of,
    opened,
    unpacked,
)
from backends.gclog.past.archives import identity as identity
from backends.gclog.past.fold import Past
from backends.questions import MAX_HEAP_EVENTS, MAX_HEAP_POINTS, HeapOf, HeapPast
from backends.wording import count

BUDGET: Final = 16 << 20  # bytes of text for a first answer: 0.5 s, a day of most agents
EXACT: Final = 1 << 20  # bytes fed line by line: 500 events of two kilobytes; 80 ms
MAX_KEPT: Final = 16  # agents: those that somebody looks at
TRIES: Final = 3  # of a reading that a rotation comes across

Stopped = Callable[[], bool]


class GivenUp(Exception):
    """Nobody waits for the answer any more."""


class Mark(Struct, frozen=True):
    """How far we came."""

    identity: str
    offset: int
    fingerprint: bytes


class Part(Struct, frozen=True):
    """Of one file."""

    log: Log
    start: int
    end: int


class Readings:
    """Of all agents that were asked for lately. Not for several threads at once."""

    def __init__(self, most: int = MAX_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str], Reading] = OrderedDict()

    def past(self, question: HeapOf, path: str, region_kib: float | None, is_stopped: Stopped) -> HeapPast:
        """`region_kib`: the size of a G1 region, where somebody knows it. Raises OSError and GivenUp."""
        key = question.name, path
        reading = self._kept.pop(key, None) or Reading()  # one that fails midway is not kept
        reading.look(path, region_kib, is_stopped)
        self._kept[key] = reading
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        points, events = min(max(question.points, 1), MAX_HEAP_POINTS), min(max(question.events, 0), MAX_HEAP_EVENTS)
        return reading.past.told(question.name, points, events, reading.note)


class Reading:
    """Of one agent."""

    def __init__(self, budget: int = BUDGET) -> None:
        self.past = Past()
        self.note = ""
        self._budget = budget
        self._parser = Parser()
        self._mark: Mark | None = None
        self._stamps: dict[tuple[str, int], Stamps] = {}  # of the files, as long as they do not change
        self._is_stopped: Stopped = lambda: False

    def look(self, path: str, region_kib: float | None, is_stopped: Stopped) -> None:
        """Reads what is new, or all within the budget. Raises OSError and GivenUp."""
        self._is_stopped = is_stopped
        for attempt in range(TRIES):
            logs = self._logs(path)
            try:
                if not self._goes_on(logs):
                    self._begin(logs, region_kib)
                return
            except UNREADABLE as trouble:
                self._mark = None
                if isinstance(trouble, FileNotFoundError) and attempt < TRIES - 1:
                    continue  # a file was rotated away between two steps
                if isinstance(trouble, OSError):
                    raise
                raise OSError(str(trouble)) from None

    def _logs(self, path: str) -> list[Log]:
        files, live = files_of(path), newest_current(path)
        known, self._stamps = self._stamps, {}
        for log in (log for log in files if log.path != live):
            key = log.identity, log.mtime_ns
            self._stamps[key] = known[key] if key in known else first_stamps(log)
        logs = in_order(files, lambda log: self._stamps.get((log.identity, log.mtime_ns), (None, None)), live)
        # An empty new file may be logrotate's, while the JVM goes on in the one that was renamed.
        return logs[:-1] if len(logs) > 1 and not logs[-1].size else logs

    # From nothing

    def _begin(self, logs: list[Log], region_kib: float | None) -> None:
        self.past, self._parser, self._mark = Past(), Parser(), None
        parts, left_out = self._within(logs)
        if region_kib is not None:
            self.past.note(Regioned(region_kib))
        total, done, notes = sum(part.end - part.start for part in parts), 0, []
        for number, part in enumerate(parts):
            done += part.end - part.start
            try:
                self._part(part, number, part.end + (total - done) - EXACT)
            except FileNotFoundError:
                raise
            except UNREADABLE as trouble:
                if number == len(parts) - 1:
                    raise
                notes.append(f"{part.log.path} cannot be read ({getattr(trouble, 'strerror', None) or trouble})")
        if left_out:
            read = f"the newest {total / 2**20:.0f} MiB of {(total + left_out) / 2**20:,.0f} MiB"
            notes.insert(0, f"{read}, in {count(len(logs), 'file')}" if len(logs) > 1 else read)
        self.note = "; ".join(notes)

    def _within(self, logs: list[Log]) -> tuple[list[Part], int]:
        """The newest parts, oldest first, and how many bytes were left out. Of a packed file there is no end without its beginning."""
        parts: list[Part] = []
        room, left_out = self._budget, 0
        for log in reversed(logs):
            length = length_of(log)
            start = length if left_out or (log.is_packed and length > room) else max(0, length - room)
            left_out += start
            room -= length - start
            if start < length or log is logs[-1]:
                parts.insert(0, Part(log, start, length))
        return parts, left_out

    def _part(self, part: Part, number: int, exact_from: int) -> None:
        if number:
            self._parser.change_file()
        if part.log.is_packed:
            return self._packed(part, exact_from)
        with opened(part.log) as descriptor:
            if part.start:
                self._header(descriptor)
            edge = max(part.start, part.end - EDGE)
            self.past.date(clock_of(os.pread(descriptor, part.end - edge, edge), part.log.modified_at))
            self._feed(part, _from_descriptor(descriptor, part), exact_from, is_cut=part.start > 0)
            self._reached(descriptor, part)

    def _packed(self, part: Part, exact_from: int) -> None:
        with unpacked(part.log) as file:
            data = file.read(self._budget)
        with opened(part.log) as descriptor:
            self._reached(descriptor, Part(part.log, 0, part.log.size))
        self.past.date(clock_of(data[-EDGE:], part.log.modified_at))
        self._feed(part, (data[start : start + CHUNK] for start in range(0, len(data), CHUNK)), exact_from, is_cut=False)

    def _header(self, descriptor: int) -> None:
        """What the beginning of a file says of the collector, for the rest of it."""
        head = os.pread(descriptor, HEAD, 0)
        for event in self._parser.feed(head[: head.rfind(b"\n") + 1]):
            if isinstance(event, Named | Regioned):
                self.past.note(event)
        self._parser.change_file()

    # From where we were

    def _goes_on(self, logs: list[Log]) -> bool:
        """False when we cannot: the file we were in is gone, or begun anew, or too much was written meanwhile."""
        mark = self._mark
        place = next((index for index, log in enumerate(logs) if mark is not None and log.identity == mark.identity), None)
        if mark is None or place is None or logs[place].size < mark.offset or not self.past.of:
            return False
        own = Part(logs[place], mark.offset, logs[place].size)
        later = [Part(log, 0, length_of(log)) for log in logs[place + 1 :] if log.size]
        if sum(part.end - part.start for part in (own, *later)) > self._budget:
            return False
        if (own.start < own.end or later) and not self._goes_on_in(own, mark):
            return False
        try:
            for number, part in enumerate(later, 1):
                self._part(part, number, part.end - EXACT)
        except FileNotFoundError:
            raise
        except UNREADABLE:
            return False
        return True

    def _goes_on_in(self, own: Part, mark: Mark) -> bool:
        """False: it is not the file that we were in, or another JVM has begun in it, with another clock."""
        with opened(own.log) as descriptor:
            if os.pread(descriptor, len(mark.fingerprint), 0) != mark.fingerprint:
                return False
            if own.log.is_packed:
                return own.start == own.end
            launches = self._feed(own, _from_descriptor(descriptor, own), 0, is_cut=False)
            self._reached(descriptor, own)
        return self.past.has_dates or not launches

    # Both

    def _reached(self, descriptor: int, part: Part) -> None:
        fingerprint = os.pread(descriptor, min(FINGERPRINT, part.end), 0)
        self._mark = Mark(part.log.identity, part.end, fingerprint)

    def _feed(self, part: Part, pieces: Iterator[bytes], exact_from: int, *, is_cut: bool) -> bool:
        """`exact_from`: the offset from which events get a place. `is_cut`: it begins inside a line. Whether a JVM was started in it."""
        offset, launched = part.start, False
        for piece in pieces:
            if self._is_stopped():
                raise GivenUp
            if is_cut:
                start = piece.find(b"\n") + 1
                piece, offset, is_cut = piece[start:], offset + start, False
            if offset + len(piece) <= exact_from:
                launched |= self._note(self._parser.packed(piece), None, None)
                offset += len(piece)
                continue
            for line in _lines(piece):
                offset += len(line)
                if events := self._parser.feed(line):
                    launched |= self._note(events, part.log.identity, offset)
        return launched

    def _note(self, events: Sequence[Packed], file: str | None, place: int | None) -> bool:
        for event in events:
            self.past.note(event, file, place)
        return any(isinstance(event, Launched) for event in events)


def _from_descriptor(descriptor: int, part: Part) -> Iterator[bytes]:
    """Up to the end as it was; a file that was cut meanwhile ends earlier."""
    offset = part.start
    while piece := os.pread(descriptor, min(CHUNK, part.end - offset), offset):
        yield piece
        offset += len(piece)


def _lines(piece: bytes) -> list[bytes]:
    """With their ends, of which a carriage return is none."""
    *lines, rest = piece.split(b"\n")
    return [*(line + b"\n" for line in lines), *([rest] if rest else [])]
