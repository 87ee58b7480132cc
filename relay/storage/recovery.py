"""After a crash: what is in the hidden files of the inbox is published, once, and only whole lines that would be accepted.

A tail without newline was never acknowledged and is cut off. Whole lines that are not right can only come from a damaged disk or from
another layout; they go to a file in the quarantine that is never removed. Each step leaves a state from which the next start begins anew.
"""

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from relay.record import Layout
from relay.storage.commit import write_all
from relay.storage.inbox import PART, Finished, Inbox
from relay.storage.quarantine import Quarantine, Refused
from relay.storage.seen import Seen, digest

log = logging.getLogger(__name__)

READ_SIZE: Final = 4 << 20  # bytes of a spool file in memory at once
LEFTOVER: Final = re.compile(r"^\.\d{12}_request(?:\.\d+)?\.txt\.new$")


class Recovered(NamedTuple):
    files: int
    records: int
    torn: int  # tails without newline
    damaged: int  # whole lines that were not right


class _Salvage(NamedTuple):
    size: int  # bytes up to and with the last newline
    torn: bytes
    records: int
    keys: list[bytes]  # the newest, as many as are worth remembering
    digests: list[int]
    damaged: int
    changed_at: float


def recover(inbox: Inbox, layout: Layout, seen: Seen, quarantine: Quarantine, now: float, *, in_place: bool) -> Recovered:
    """Before the first connection. Fills `seen` from the hidden files and the ledger. Raises OSError."""
    inbox.disk.make_directory(inbox.place)
    for path in inbox.place.iterdir():
        if LEFTOVER.match(path.name):
            path.unlink()
    parts = sorted((path for path in inbox.place.iterdir() if PART.match(path.name) and path.is_file()), key=lambda path: path.name)
    if in_place:
        parts += [path for name in inbox.names.newest if (path := inbox.place / name).is_file()]
    for name, size in inbox.names.cuts.items():
        _cut(inbox.place / (name if in_place else f".{name}.part"), size)
    salvages = [(path, _salvage(path, layout, seen.most)) for path in parts]
    for _, found in reversed(salvages):
        seen.restore(found.keys, found.digests, found.changed_at, now)
    inbox.ledger.load(seen, now)
    for path, found in salvages:
        if found.keys:
            inbox.ledger.note(found.keys, found.digests, found.changed_at)
        _finish(inbox, layout, quarantine, path, found, now)
    torn = sum(1 for _, found in salvages if found.torn)
    return Recovered(len(parts), sum(found.records for _, found in salvages), torn, sum(found.damaged for _, found in salvages))


def _cut(path: Path, size: int) -> None:
    """Behind it stands what was refused, and perhaps stored in a later file since."""
    if path.is_file() and path.stat().st_size > size:
        log.warning("%s: what was refused after a failure is cut off", path.name)
        os.truncate(path, size)


def _finish(inbox: Inbox, layout: Layout, quarantine: Quarantine, path: Path, found: _Salvage, now: float) -> None:
    size = found.size
    if found.torn:
        quarantine.keep([Refused(now, path.name, layout.codes.length, "cut off by a crash, never acknowledged", found.torn)])
    if found.damaged:
        size = _rewrite(inbox, path, layout, quarantine)
    elif found.torn:
        os.truncate(path, size)
    _write_again(inbox, path)
    inbox.disk.sync_directory(inbox.place)
    if match := PART.match(path.name):
        inbox.publish(Finished(path, match[1], size, needs_cut=False))


def _salvage(path: Path, layout: Layout, most: int) -> _Salvage:
    keys: list[bytes] = []
    digests: list[int] = []
    damaged = size = records = 0
    torn = b""
    for lines, block, tail in _blocks(path):
        size += len(block) + 1 if lines else 0
        good = layout.keys(lines, block)
        if good is None:
            verdicts = [layout.check(line) for line in lines]
            lines = [line for line, verdict in zip(lines, verdicts, strict=True) if verdict.code == layout.codes.accepted]
            good = [verdict.key for verdict in verdicts if verdict.code == layout.codes.accepted]
            damaged += len(verdicts) - len(good)
        keys += good
        digests += map(digest, lines)
        records += len(lines)
        if len(keys) > 2 * most:
            del keys[: -most or None], digests[: -most or None]
        torn = tail
    return _Salvage(size, torn, records, keys, digests, damaged, path.stat().st_mtime)


def _rewrite(inbox: Inbox, path: Path, layout: Layout, quarantine: Quarantine) -> int:
    """The right lines alone, under the same name. Returns their size."""

    def lines(*, right: bool) -> Iterator[bytes]:
        for found, _, _ in _blocks(path):
            yield from (line for line in found if (layout.check(line).code == layout.codes.accepted) is right)

    kept = quarantine.keep_file(path.name, lines(right=False))
    log.error("%s: damaged lines are in %s", path.name, kept)
    hidden = path.name if path.name.startswith(".") else f".{path.name}"
    fresh = path.with_name(hidden.removesuffix(".part") + ".new")
    size = 0
    with fresh.open("wb") as file:
        for line in lines(right=True):
            size += file.write(line + b"\n")
        file.flush()
        inbox.disk.sync(file.fileno())
    fresh.replace(path)
    return size


def _blocks(path: Path) -> Iterator[tuple[list[bytes], bytes, bytes]]:
    """Whole lines, the same joined, and what follows the last newline so far."""
    tail = b""
    with path.open("rb") as file:
        while data := file.read(READ_SIZE):
            *lines, tail = (tail + data).split(b"\n")
            yield lines, b"\n".join(lines), tail


def _write_again(inbox: Inbox, path: Path) -> None:
    """What was read, at the same place: after a failed sync of our predecessor the kernel holds lines that are not on the disk and takes
    them for written; a sync alone would say that all is well, and they would be acknowledged when they are sent again."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        place = 0
        while data := os.pread(fd, READ_SIZE, place):
            os.lseek(fd, place, os.SEEK_SET)
            write_all(inbox.disk, fd, data)
            place += len(data)
        inbox.disk.sync(fd)
    finally:
        os.close(fd)
