"""Lines that were refused, for a person to look at: when, from whom, why.

One JSON object a line in `STEM.jsonl`, the half before in `STEM.1.jsonl`. Bounded by size (the older half goes when the newer one is full)
and by age (each half spans at most half of KEPT_FOR, so that a line is kept for 15 to 30 days). Credentials are masked before anything is
written. A line that is not UTF-8 also stands there in hex.
"""

import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from relay.status import RefusedLine
from relay.storage.commit import FILE_MODE
from relay.storage.masking import masked

log = logging.getLogger(__name__)

QUARANTINE_LIMIT: Final = 16 << 20  # bytes of both halves: 100,000 refused lines, of a partner that sends nothing else
CONFLICTS_LIMIT: Final = 256 << 20  # conflicts are rare, and each one is a question to the partner
KEPT_FOR: Final = 30 * 86400.0  # seconds: a partner's question about last month's file can be answered, one about last year's not
SHOWN: Final = 8192  # bytes of one line that are kept; accepted ones have 4,096
NEWEST: Final = 20  # lines that the status carries
NEWEST_SHOWN: Final = 200  # characters of each of them: the status goes out every second
BLOCK: Final = 64 << 10  # bytes of one read from the end of a file
LIMITS: Final = {"quarantine": QUARANTINE_LIMIT, "conflicts": CONFLICTS_LIMIT}
STEMS: Final = {"quarantine": "refused", "conflicts": "conflicts"}  # of the files, by the directory they are in


class Refused(NamedTuple):
    at: float  # epoch seconds
    peer: str
    code: int
    reason: str
    line: bytes


class Entry(Struct, frozen=True, omit_defaults=True):
    """As it stands in the file."""

    at: datetime
    peer: str
    code: int
    reason: str
    line: str
    hex: str | None = None


class Quarantine:
    """Called by one thread, except for `total` and `newest`. A full or failing disk costs the entry, never more."""

    def __init__(self, directory: Path, stem: str, limit: int) -> None:
        self._directory = directory
        self._path = directory / f"{stem}.jsonl"
        self._older = directory / f"{stem}.1.jsonl"
        self._half = limit // 2
        self.total = 0  # kept since the start
        self._newest: deque[RefusedLine] = deque(maxlen=NEWEST)
        with contextlib.suppress(OSError):
            self._newest.extend(map(_short, reversed(list(newest(directory, stem, NEWEST)))))

    @property
    def newest(self) -> tuple[RefusedLine, ...]:
        """Newest first, of earlier runs too."""
        return tuple(reversed(self._newest.copy()))

    def keep(self, refused: Iterable[Refused]) -> None:
        entries = list(map(_entry, refused))
        data = b"".join(map(_encode, entries))
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if _size(self._path) + len(data) > self._half:
                self._turn()
            self._append(data)
        except OSError as error:
            log.warning("%s: %s; a refused line is not kept", self._path, error.strerror)
            return
        self.total += len(entries)
        self._newest.extend(map(_short, entries[-NEWEST:]))

    def _append(self, data: bytes) -> None:
        """All of it or nothing: half an entry would spoil the next one. Raises OSError."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
        try:
            before = os.fstat(fd).st_size
            if before and os.pread(fd, 1, before - 1) != b"\n":
                data = b"\n" + data  # of a process that was killed while it wrote
            try:
                done = 0
                while done < len(data):
                    done += os.write(fd, data[done:])
            except OSError:
                os.ftruncate(fd, before)
                raise
        finally:
            os.close(fd)

    def _turn(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.replace(self._older)

    def expire(self, now: float) -> None:
        """Removes what is too old, traffic or not. A failing disk is tried again the next time."""
        try:
            if _is_older(self._older, now - KEPT_FOR):
                self._older.unlink(missing_ok=True)
            if _is_older(self._path, now - KEPT_FOR / 2):
                self._turn()
        except OSError as error:
            log.warning("%s: %s; what is too old is not removed", self._directory, error.strerror)
        while self._newest and self._newest[0].at < now - KEPT_FOR:
            self._newest.popleft()

    def keep_file(self, name: str, lines: Iterable[bytes]) -> Path:
        """Whole lines out of a damaged spool file, in a file of their own that is never removed by us. On disk when it returns."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"recovered-{name.strip('.')}-{time.time_ns()}.txt"
        with path.open("xb") as file:
            for line in lines:
                file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        path.chmod(FILE_MODE)
        return path


def newest(directory: Path, stem: str, count: int) -> Iterator[Entry]:
    """Newest first, from the ends of the files: cheap however long they are. What is no entry is left out. Raises OSError, but for a
    file that is not there."""
    for path in (directory / f"{stem}.jsonl", directory / f"{stem}.1.jsonl"):
        for line in _lines_from_end(path):
            if count <= 0:
                return
            with contextlib.suppress(msgspec.DecodeError, msgspec.ValidationError):
                yield msgspec.json.decode(line, type=Entry)
                count -= 1


def _lines_from_end(path: Path) -> Iterator[bytes]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        at = file.seek(0, os.SEEK_END)
        rest = b""
        while at > 0:
            size = min(BLOCK, at)
            at -= size
            file.seek(at)
            first, *lines = (file.read(size) + rest).split(b"\n")
            yield from (line for line in reversed(lines) if line)
            rest = first
        if rest:
            yield rest


def _is_older(path: Path, moment: float) -> bool:
    """Whether its first entry is from before that moment; one that cannot be read counts by the last change of the file."""
    try:
        with path.open("rb") as file:
            first = file.readline(4 * SHOWN + 1024)
            changed_at = os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return False
    try:
        return msgspec.json.decode(first, type=Entry).at.timestamp() < moment
    except (msgspec.DecodeError, msgspec.ValidationError):
        return changed_at < moment


def _entry(refused: Refused) -> Entry:
    line = masked(refused.line)[:SHOWN]
    try:
        line.decode()
        digits = None
    except UnicodeDecodeError:
        digits = line.hex()
    return Entry(
        at=datetime.fromtimestamp(refused.at).astimezone(),
        peer=refused.peer,
        code=refused.code,
        reason=masked(refused.reason.encode(errors="replace")).decode(errors="replace"),
        line=line.decode(errors="backslashreplace"),
        hex=digits,
    )


def _encode(entry: Entry) -> bytes:
    return msgspec.json.encode(entry) + b"\n"


def _short(entry: Entry) -> RefusedLine:
    cut = entry.line if len(entry.line) <= NEWEST_SHOWN else entry.line[: NEWEST_SHOWN - 1] + "…"
    return RefusedLine(entry.at.timestamp(), entry.peer, entry.code, entry.reason, cut)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
