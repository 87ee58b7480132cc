"""What becomes of files when their fate is decided: out of the claims, into the archive, into failed/, or back. The disk may refuse; then
it is tried again, and nothing new is begun for a while.

The archive has a thread of its own, which takes many files at a time and makes them durable together: it never holds up sending.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from relay.counters import wall
from relay.sending.endings import Reason
from relay.sending.outbox import Outbox
from relay.sending.words import Action, Archive, Attempt, Fail, Release
from relay.storage.moves import shown

log = logging.getLogger(__name__)

AGAIN_AFTER: Final = 1.0  # seconds that a disk has, which refused
SYNC_AFTER: Final = 0.1  # seconds in which archived files are made durable together; until then a power cut has them sent again

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class Filing:
    """`destination` stands in the reasons of failed files."""

    def __init__(self, name: str, outbox: Outbox, *, destination: str, is_deleting: bool, in_thread: InThread) -> None:
        self._name = name
        self._outbox = outbox
        self._destination = destination
        self._is_deleting = is_deleting
        self._in_thread = in_thread
        self._archives: list[Action] = []
        self._archiving: asyncio.Task[None] | None = None
        self._syncing: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"archive of {name}")
        self._refused: list[Action] = []
        self.refused_until = 0.0  # on the monotonic clock
        self.error: str | None = None

    async def do(self, actions: Iterable[Action], now: float) -> None:
        """Returns when all but the archive is done."""
        urgent: list[Action] = []
        for action in actions:
            (self._archives if isinstance(action, Archive) else urgent).append(action)
        if self.error is not None and now >= self.refused_until:
            urgent, self._refused, self.error = self._refused + urgent, [], None
        if urgent:
            await self._in_thread(lambda: self._carry_out(urgent))
        if self._archives and self._archiving is None:
            self._archiving = asyncio.create_task(self._archive())

    def refuse(self, error: OSError, what: str) -> None:
        """Nothing is begun for a while. From any thread."""
        self.error = f"{what}: {error.strerror or error}"
        self.refused_until = time.monotonic() + AGAIN_AFTER

    async def finish(self) -> None:
        """All that was sent is in the archive, unless the disk refuses it."""
        while self._archiving is not None or self._archives:
            if self._archiving is None:
                self._archiving = asyncio.create_task(self._archive())
            await self._archiving

    async def close(self) -> None:
        await self.finish()
        if self._syncing is not None:
            self._syncing.cancel()
            await asyncio.get_running_loop().run_in_executor(self._thread, self._sync)
        self._thread.shutdown(wait=False)

    async def _archive(self) -> None:
        try:
            while self._archives:
                actions, self._archives = self._archives, []
                await asyncio.get_running_loop().run_in_executor(self._thread, self._carry_out, actions)
                if self._syncing is None:
                    self._syncing = asyncio.get_running_loop().call_later(SYNC_AFTER, self._begin_sync)
        finally:
            self._archiving = None

    def _begin_sync(self) -> None:
        self._syncing = None
        self._thread.submit(self._sync)

    def _sync(self) -> None:
        try:
            self._outbox.endings.sync()
        except OSError as error:
            log.warning("%s: what was sent may not be in the archive after a power cut: %s", self._name, error)

    def _carry_out(self, actions: Iterable[Action]) -> None:
        for action in actions:
            try:
                self._carry_out_one(action)
            except FileNotFoundError:
                log.warning("%s: %s is gone, and not ours any more", self._name, shown(action.name))
            except OSError as error:
                self.refuse(error, action.name)
                self._refused.append(action)

    def _carry_out_one(self, action: Action) -> None:
        outbox = self._outbox
        match action:
            case Archive(name):
                if self._is_deleting:
                    outbox.endings.delete(name)
                else:
                    outbox.endings.archive(name, time.time())
            case Fail(name):
                if action.is_queued:
                    outbox.claims.take(name)
                now = time.monotonic()
                times = (wall(action.first_try_at, now), wall(action.last_try_at, now))
                outbox.endings.fail(Reason(name, self._destination, action.tries, *times, action.last_code, action.last_error))
            case Release(name):
                outbox.claims.give_back(name)
            case Attempt():
                raise AssertionError("attempts are begun, not carried out")
