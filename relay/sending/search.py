"""Which files wait, found out without a look at each of them each second: known names are only listed, new ones are heard of at once.

The scan is the truth: the whole of the outbox, in pieces between which others have their turn. A name that inotify told is looked at
alone. What has vanished is noticed by the scan, what has changed when it is about to be claimed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from relay.sending.delivery import Delivery
from relay.sending.outbox import Outbox, Pass
from relay.sending.queue import MOST
from relay.sending.wakeup import Wakeup

log = logging.getLogger(__name__)

SCAN_SHARE: Final = 10  # scans may take at most a tenth of the time
MOST_HINTS: Final = 4096  # names heard of and not looked at yet; with more of them a scan is cheaper

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]


class Search:
    """Puts what it finds into the queue of `delivery`. `wake` is called when there is something to look at."""

    def __init__(
        self, name: str, outbox: Outbox, delivery: Delivery, *, interval: float, in_thread: InThread, wake: Callable[[], None]
    ) -> None:
        self._name = name
        self._outbox = outbox
        self._delivery = delivery
        self._interval = interval
        self._in_thread = in_thread
        self._wake = wake
        self._wakeup: Wakeup | None = None
        self._hints: list[str] = []
        self._pass: Pass | None = None
        self._began_at = 0.0
        self.next_at = 0.0  # of the next scan
        self.has_looked = False  # once at all of it; before that nobody knows which file is the oldest
        self.beyond = 0  # files that wait, and are too many to be remembered
        self.odd: str | None = None
        self.error: str | None = None

    def open(self) -> None:
        try:
            self._wakeup = Wakeup(self._outbox.place, self.heard)
            asyncio.get_running_loop().add_reader(self._wakeup.fd, self._wakeup.read)
            self._wakeup.watch()
        except OSError as error:
            log.warning("%s: new files are found by scans alone: inotify: %s", self._name, error.strerror or error)
            self._deafen()

    async def close(self) -> None:
        self._deafen()
        if self._pass is not None:
            await self._in_thread(self._pass.close)  # behind the piece that may be looked at

    def _deafen(self) -> None:
        if self._wakeup is not None:
            asyncio.get_running_loop().remove_reader(self._wakeup.fd)
            self._wakeup.close()
            self._wakeup = None

    @property
    def is_busy(self) -> bool:
        """There is more to look at, now."""
        return self._pass is not None or bool(self._hints)

    def hurry(self) -> None:
        """The next scan is due."""
        self.next_at = 0.0
        self._wake()

    def heard(self, names: list[str] | None) -> None:
        """These are new, or it is not known what is."""
        if names is None or len(self._hints) + len(names) > MOST_HINTS:
            self._hints.clear()
            self.next_at = 0.0
        else:
            known = self._delivery.queue.known
            self._hints += [name for name in names if name not in known]
        self._wake()

    async def look(self) -> None:
        """At the files we heard of, and at a piece of the outbox when it is time; the first time at all of it."""
        try:
            if self._hints and self.has_looked:
                hints, self._hints = self._hints, []
                for entry in await self._in_thread(lambda: self._outbox.look_at(hints, time.time())):
                    self._delivery.found(entry.name, entry.at)
            is_hungry = self.beyond > 0 and not self._delivery.queued
            if self._pass is None and (time.monotonic() >= self.next_at or is_hungry):
                self._begin()
            if self._pass is not None:
                await self._step(self._pass)
                while not self.has_looked:
                    await self._step(self._pass)
        except OSError as error:
            self.error = f"{self._outbox.place}: {error.strerror or error}"
            self._end()

    def _begin(self) -> None:
        self._began_at = time.monotonic()
        self.next_at = self._began_at + self._interval
        self._pass = Pass(self._outbox.place)
        self._delivery.queue.begin()
        if self._wakeup is not None:
            with contextlib.suppress(OSError):  # the directory is gone again; the scan will say so
                self._wakeup.watch()

    async def _step(self, found: Pass) -> None:
        delivery = self._delivery
        known = delivery.queue.known
        for entry in await self._in_thread(lambda: found.step(known, time.time())):
            delivery.found(entry.name, entry.at)
        if len(known) > MOST:
            delivery.queue = await self._in_thread(delivery.queue.shortened)
        if found.is_over:
            delivery.vanished(await self._in_thread(lambda: found.gone(delivery.queue.known)))
            self.beyond = max(0, found.waiting - delivery.queued) if delivery.queue.has_forgotten else 0
            self.odd = f"left alone: {'; '.join(sorted(found.odd)[:3])}" if found.odd else None
            self.error = None
            self._end()

    def _end(self) -> None:
        if self._pass is not None:
            self._pass.close()
            self.next_at = max(self.next_at, time.monotonic() + (time.monotonic() - self._began_at) * SCAN_SHARE)
        self._pass = None
        self._delivery.queue.end()
        self.has_looked = True
