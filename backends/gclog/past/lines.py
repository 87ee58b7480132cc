"""The lines of a log around one event, read from the file that held it, wherever a rotation has moved that since. Nothing else is read."""

import os
from typing import Final

from backends.agent import MAX_LINE_SHOWN, LogLine
from backends.gclog.files.family import newest_current
from backends.gclog.past.archives import UNREADABLE, Log, files_of, opened, unpacked
from backends.questions import MAX_LOG_LINES, LogLines, LogLinesOf
from backends.wording import count

REACH: Final = 1 << 20  # bytes before and behind the place: a thousand lines of a kilobyte
PACKED_REACH: Final = 32 << 20  # bytes of text of a packed file, which is read from its beginning
GONE: Final = "the file that held this event is gone: newer ones have taken its place"
CUT: Final = "cut"
HOLE: Final = "zero bytes before a line, where the file was emptied while it was written, are left out"
HOLE_BYTES: Final = 64  # at least; a few may be somebody's text
ANEW: Final = "the file was begun anew since this event: its lines are gone"


def lines(question: LogLinesOf, path: str) -> LogLines:
    """Raises OSError for a log that cannot be read at all."""
    logs = files_of(path)
    live = newest_current(path)
    log = _wanted(logs, question.file, live)
    if log is None:
        return LogLines(question.name, live, (), None, GONE)
    before = min(max(question.before, 0), MAX_LOG_LINES - 1)
    after = min(max(question.after, 0), MAX_LOG_LINES - 1 - before)
    try:
        start, data, place = _around(log, question.place)
    except UNREADABLE as trouble:
        reason = getattr(trouble, "strerror", None) or trouble
        return LogLines(question.name, log.path, (), None, f"{log.path} cannot be read: {reason}")
    if place is None:
        return LogLines(question.name, log.path, (), None, ANEW)
    return _picked(question, log, start, data, place, (before, after))


def _wanted(logs: list[Log], file: str | None, live: str) -> Log | None:
    if file is None:
        return next((log for log in logs if log.path == live), logs[-1])
    return next((log for log in logs if log.identity == file), None)


def _around(log: Log, place: int | None) -> tuple[int, bytes, int | None]:
    """Where these bytes begin, the bytes, and the place; None when it is not there any more, or no line ends there."""
    if log.is_packed:
        with unpacked(log) as file:
            data = file.read(PACKED_REACH if place is None else min(PACKED_REACH, place + REACH))
        size = len(data)
        start = max(0, (size if place is None else place) - REACH)
        data = data[start:]
    else:
        with opened(log) as descriptor:
            size = os.fstat(descriptor).st_size
            start = max(0, (size if place is None else place) - REACH)
            data = _read(descriptor, start, min(size, (size if place is None else place) + REACH))
    if place is None:
        return start, data, size
    behind = place - start
    is_there = 0 < behind <= len(data) and (data[behind - 1 : behind] == b"\n" or behind == len(data))
    return start, data, place if is_there else None


def _read(descriptor: int, start: int, end: int) -> bytes:
    pieces = []
    while piece := os.pread(descriptor, end - start, start):
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _picked(question: LogLinesOf, log: Log, start: int, data: bytes, place: int, most: tuple[int, int]) -> LogLines:
    """The marked line is the one that ends at the place; without a place in the question none is marked."""
    before, after = most
    behind, is_marked = place - start, question.place is not None
    above = _split(data[:behind], start)
    if start and len(above) > 1 and not data.startswith(b"\0"):
        del above[0]  # it begins somewhere before
    above = above[-(before + 1 if is_marked else before or 1) :]
    below = _split(data[behind:], place)[:after] if is_marked else []
    notes: list[str] = []
    shown = tuple(_line(at, line, notes) for at, line in (*above, *below))
    return LogLines(question.name, log.path, shown, len(above) - 1 if is_marked and above else None, _said(notes))


def _split(data: bytes, start: int) -> list[tuple[int, bytes]]:
    found = []
    at = 0
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        found.append((start + at, data[at:end]))
        at = end
    return found


def _line(at: int, line: bytes, notes: list[str]) -> LogLine:
    hole = len(line) - len(line.lstrip(b"\0"))
    if hole >= HOLE_BYTES:
        notes.append(HOLE)
        at, line = at + hole, line[hole:]
    text = line.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")
    if len(text) > MAX_LINE_SHOWN:
        notes.append(CUT)
    return LogLine(at, text[:MAX_LINE_SHOWN])


def _said(notes: list[str]) -> str:
    cut = notes.count(CUT)
    said = [f"{count(cut, 'line')} cut at {MAX_LINE_SHOWN:,} characters"] if cut else []
    return "; ".join([*said, *([HOLE] if HOLE in notes else [])])
