"""From the connections to the disk and back: one batch collects while the one before it is made durable, so batches size themselves.

The loop fills the collecting batch; at the end of a turn in which nothing is being stored it is closed and goes to the writer. When it is
settled its connections hear so, and the next one follows.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from relay.receiving.haste import Haste
from relay.receiving.session import Run
from relay.storage.commit import Outcome, Refusals, StorageFailed, Store, Writer
from relay.storage.seen import Seen
from relay.storage.steady import steady

if TYPE_CHECKING:
    from relay.receiving.connection import Connection

MAX_COLLECTING: Final = 8 << 20  # bytes of records that wait for the disk; above it nobody is read from


class Batch:
    """What one write and one sync will make durable. Made by the loop, read by the writer thread once it is closed."""

    __slots__ = ("chunks", "digests", "keys", "number", "runs", "size")

    def __init__(self, number: int) -> None:
        self.number = number
        self.chunks: list[bytes] = []
        self.size = 0
        self.keys: list[bytes] = []
        self.digests: list[int] = []
        self.runs: list[tuple[Connection, Run]] = []

    @property
    def data(self) -> bytes:
        return b"".join(self.chunks)

    def add(self, connection: "Connection", run: Run) -> None:
        if run.data:
            self.chunks.append(run.data)
            self.size += len(run.data)
            self.keys += run.keys
            self.digests += run.digests
        self.runs.append((connection, run))


class Batches:
    """`settled(failure)` hears of each batch before its connections do. `haste`: the loop may commit itself, when that allows it."""

    def __init__(
        self, name: str, seen: Seen, store: Store, settled: Callable[[StorageFailed | None], None], haste: Haste | None = None
    ) -> None:
        self._haste = haste
        self._seen = seen
        self._settled = settled
        self._loop = asyncio.get_running_loop()
        self.writer = Writer(name, store, self._settle_from_thread, time.time)
        self._collecting = Batch(seen.collecting)
        self._storing: Batch | None = None
        self._is_kicked = False
        self._throttled: set[Connection] = set()
        self.stored = 0  # records, since the start

    @property
    def is_empty(self) -> bool:
        """Nobody waits for anything."""
        return self._storing is None and not self._collecting.runs

    def store(self, connection: "Connection", run: Run) -> None:
        collecting = self._collecting
        if run.batch != collecting.number:
            assert self._storing is not None and self._storing.number == run.batch
            self._storing.add(connection, run)
            return
        collecting.add(connection, run)
        if collecting.size > MAX_COLLECTING:
            connection.throttle()
            self._throttled.add(connection)
        if self._storing is None:
            self._kick_soon()

    def _kick_soon(self) -> None:
        """At the end of this turn of the loop: with what the other sockets brought."""
        if not self._is_kicked:
            self._is_kicked = True
            self._loop.call_soon(self._kick)

    def forget(self, connection: "Connection") -> None:
        """It is gone; what it asked for is stored all the same."""
        self._throttled.discard(connection)

    def _kick(self) -> None:
        self._is_kicked = False
        batch = self._storing = self._collecting
        self._collecting = Batch(self._seen.begin())
        for connection in self._throttled:
            connection.unthrottle()
        self._throttled.clear()
        outcome = None if self._haste is None else self._commit_here(batch, self._haste)
        if outcome is None:
            self.writer.submit(batch)
        else:
            self._settle(batch, *outcome)

    def _commit_here(self, batch: Batch, haste: Haste) -> Outcome | None:
        began, minute = time.monotonic(), int(time.time() // 60)
        outcome = self.writer.commit(batch) if haste.is_allowed(began, minute) else None
        haste.began(minute)
        if outcome is not None:
            ended = time.monotonic()
            haste.took(ended - began, ended)
        return outcome

    def _settle_from_thread(self, batch: Batch, failure: StorageFailed | None, refusals: Refusals) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: we are being ended at once
            self._loop.call_soon_threadsafe(self._settle, batch, failure, refusals)

    def _settle(self, batch: Batch, failure: StorageFailed | None, refusals: Refusals) -> None:
        self._storing = None
        seen = self._seen
        seen.audit(batch.keys, self._collecting.keys)
        if failure is not None:
            seen.lost(batch.number, batch.keys)
        else:
            stored = batch.keys
            if refusals:
                seen.lost(batch.number, refusals)
                stored = [key for key in batch.keys if key not in refusals]
            seen.stored(batch.number, stored, steady())
            self.stored += len(stored)
        self._settled(failure)
        if failure is not None and self._haste is not None:
            self._haste.failed(time.monotonic())
        if self._collecting.runs:
            if self._haste is not None:
                self._kick_soon()  # answers first: it may block
            else:
                self._kick()
        now = self._loop.time()
        for connection, run in batch.runs:
            connection.settled(run, failure is None, refusals, now)
