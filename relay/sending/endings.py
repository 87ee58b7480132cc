"""Where files end: archive/NAME/YYYYMMDD/, nowhere (deleted), or failed/NAME/ with the reason beside them; and the way back from there.

Blocks; one thread a sender archives, another does the rest. An archived file is on disk when its directories have been synced, which is
done once for many: until then a power cut may bring it back into the claims, and it is sent again with the same number.
"""

import errno
import heapq
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from relay.sending.claims import Claims
from relay.status import FailedFile
from relay.storage.moves import fresh, longer, move, move_new, numbered, shown, sync

MAX_SHOWN: Final = 200  # failed files told to the monitor
REASON: Final = ".reason.json"


class Reason(NamedTuple):
    file: str
    destination: str
    tries: int
    first_try_at: float | None
    last_try_at: float | None
    last_code: int | None
    last_error: str | None


class Endings:
    """`home` is the relay's directory. Files come from the claims."""

    def __init__(self, name: str, home: Path, claims: Claims) -> None:
        self.name = name
        self.archive_place = home / "archive" / name
        self.failed_place = home / "failed" / name
        self._claims = claims
        self._unsynced: set[str] = set()
        self._failed_at: float | None = None
        self._failed_known: tuple[int, tuple[FailedFile, ...]] = (0, ())

    # Sent.

    def archive(self, name: str, now: float) -> None:
        directory = f"{self.archive_place}/{time.strftime('%Y%m%d', time.localtime(now))}"
        move(self._claims.path(name), directory, name)
        self._unsynced |= {directory, str(self._claims.directory)}

    def delete(self, name: str) -> None:
        Path(self._claims.path(name)).unlink()
        self._unsynced.add(str(self._claims.directory))

    def sync(self) -> None:
        """Makes durable what was archived until now."""
        waiting, self._unsynced = self._unsynced, set()
        for path in sorted(waiting):
            sync(path)

    # Failed.

    def fail(self, reason: Reason) -> None:
        """Into failed/, its reason first: a crash between the two leaves a reason that the next one overwrites."""
        self.failed_place.mkdir(parents=True, exist_ok=True)
        wanted = reason.file + ".file" if reason.file.endswith(REASON) else reason.file
        for name in numbered(wanted):
            target = f"{self.failed_place}/{name}"
            if os.path.lexists(target):
                continue
            self._write(reason, self._reason_path(name))
            try:
                move_new(self._claims.path(reason.file), target)
            except FileExistsError:
                continue
            sync(str(self.failed_place))
            return

    def _write(self, reason: Reason, path: str) -> None:
        text = json.dumps(reason._asdict(), ensure_ascii=False).encode(errors="backslashreplace")
        with fresh(self.failed_place, text + b"\n") as written:
            written.replace(path)

    def _reason_path(self, name: str) -> str:
        return f"{self.failed_place}/{longer(name, REASON)}"

    def resend(self, files: Iterable[str] | None, outbox: str) -> list[str]:
        """From failed/ back into the outbox: these, or all, by the names that `failed` shows. Returns those that were there."""
        wanted = None if files is None else set(files)
        sent = []
        for name in self._names():
            if wanted is not None and shown(name) not in wanted and name not in wanted:
                continue
            move(f"{self.failed_place}/{name}", outbox, name)
            Path(self._reason_path(name)).unlink(missing_ok=True)
            sent.append(shown(name))
        self._failed_at = None
        return sent

    def failed(self) -> tuple[int, tuple[FailedFile, ...]]:
        """How many, and the newest of them. Looks only when the directory has changed."""
        try:
            changed_at = self.failed_place.stat().st_mtime
        except OSError:
            return 0, ()
        if changed_at != self._failed_at:
            names = self._names()
            newest = heapq.nlargest(MAX_SHOWN, names, key=lambda name: _changed_at(self.failed_place / name))
            self._failed_known = len(names), tuple(self._known(name) for name in newest)
            self._failed_at = changed_at
        return self._failed_known

    def _names(self) -> list[str]:
        try:
            with os.scandir(self.failed_place) as entries:
                return sorted(
                    entry.name
                    for entry in entries
                    if not entry.name.startswith(".") and not entry.name.endswith(REASON) and entry.is_file(follow_symlinks=False)
                )
        except OSError as error:
            if error.errno == errno.ENOENT:
                return []
            raise

    def _known(self, name: str) -> FailedFile:
        try:
            known = json.loads(Path(self._reason_path(name)).read_bytes())
            return FailedFile(
                self.name,
                shown(name),
                int(known["tries"]),
                known["last_code"],
                None if known["last_error"] is None else shown(str(known["last_error"])),
                known["last_try_at"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return FailedFile(self.name, shown(name), 0, None, "its reason cannot be read", None)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
