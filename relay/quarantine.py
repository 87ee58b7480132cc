"""Lines that were refused, for a person to look at: when, from whom, why. Bounded: the older half goes when the newer half is full.

One JSON object a line in `STEM.jsonl`, the half before in `STEM.1.jsonl`. A line that is not UTF-8 also stands there in hex.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

log = logging.getLogger(__name__)

QUARANTINE_LIMIT: Final = 16 << 20  # bytes of both halves: 100,000 refused lines, of a partner that sends nothing else
CONFLICTS_LIMIT: Final = 256 << 20  # conflicts are rare, and each one is a question to the partner
SHOWN: Final = 8192  # bytes of one line that are kept; accepted ones have 4,096


class Refused(NamedTuple):
    at: float  # epoch seconds
    peer: str
    code: int
    reason: str
    line: bytes


class Quarantine:
    """Called by one thread, except for `total`. A full or failing disk costs the entry, never more."""

    def __init__(self, directory: Path, stem: str, limit: int) -> None:
        self._directory = directory
        self._path = directory / f"{stem}.jsonl"
        self._older = directory / f"{stem}.1.jsonl"
        self._half = limit // 2
        self.total = 0  # kept since the start

    def keep(self, entries: Iterable[Refused]) -> None:
        data = b"".join(map(_entry, entries))
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if _size(self._path) + len(data) > self._half:
                with contextlib.suppress(FileNotFoundError):
                    self._path.replace(self._older)
            with self._path.open("ab") as file:
                file.write(data)
        except OSError as error:
            log.warning("%s: %s; a refused line is not kept", self._path, error.strerror)
            return
        self.total += data.count(b"\n")

    def keep_file(self, name: str, lines: Iterable[bytes]) -> Path:
        """Whole lines out of a damaged spool file, in a file of their own that is never removed by us. On disk when it returns."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"recovered-{name.strip('.')}-{time.time_ns()}.txt"
        with path.open("xb") as file:
            for line in lines:
                file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return path


def _entry(refused: Refused) -> bytes:
    line = refused.line[:SHOWN]
    found: dict[str, str | int] = {
        "at": datetime.fromtimestamp(refused.at).astimezone().isoformat(timespec="milliseconds"),
        "peer": refused.peer,
        "code": refused.code,
        "reason": refused.reason,
        "line": line.decode(errors="backslashreplace"),
    }
    try:
        line.decode()
    except UnicodeDecodeError:
        found["hex"] = line.hex()
    return json.dumps(found, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
