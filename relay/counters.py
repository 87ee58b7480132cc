"""What one connection did, in either direction, and its number."""

import itertools
import time
from typing import Final

_ids: Final = itertools.count(1)


def next_id() -> int:
    """Of a connection, incoming or outgoing; never used again by this process."""
    return next(_ids)


def wall(at: float | None, now: float) -> float | None:
    """Epoch seconds of a moment on a clock that is never set back; `now` is what that clock says now."""
    return None if at is None else time.time() - (now - at)


class Counters:
    """Of one connection, and as `total` of all that a receiver ever had. Kept as plain numbers: they change with every read, and the sum of
    10,000 connections is at hand whenever somebody looks."""

    __slots__ = ("acks", "bytes", "duplicates", "last_record_at", "naks", "records", "total")

    def __init__(self, total: "Counters | None" = None) -> None:
        self.total = total
        self.records = 0
        self.bytes = 0
        self.acks = 0
        self.duplicates = 0
        self.naks: dict[int, int] = {}
        self.last_record_at: float | None = None

    def heard(self, size: int) -> None:
        self.bytes += size
        if (total := self.total) is not None:
            total.bytes += size

    def took(self, records: int, now: float) -> None:
        self.records += records
        self.last_record_at = now
        if (total := self.total) is not None:
            total.records += records
            total.last_record_at = now

    def acked(self, count: int) -> None:
        self.acks += count
        if (total := self.total) is not None:
            total.acks += count

    def repeated(self) -> None:
        self.duplicates += 1
        if (total := self.total) is not None:
            total.duplicates += 1

    def refuse(self, code: int, count: int = 1) -> None:
        self.naks[code] = self.naks.get(code, 0) + count
        if self.total is not None:
            self.total.refuse(code, count)
