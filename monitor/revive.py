"""Keeps a process alive behind a socket: starts it when nobody is there, at once, then with growing pauses while that is of no use.

The console does so with the monitor, the monitor with the relay.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from link.client import Client
from link.errors import GONE, LinkError
from link.start import Started

FIRST_PAUSE: Final = 0.25  # seconds between two tries; doubled after each
MAX_PAUSE: Final = 30.0
STEADY: Final = 60.0  # seconds of life after which a death is a new one and not the next of a row
CONNECT_DEADLINE: Final = 3.0  # seconds from its first answer to our connection

Start: TypeAlias = Callable[[], Started]


class Reviver:
    """`start` blocks (it runs in a thread) and raises LinkError; without one nothing is ever started. `told` hears what came of each try.

    Its owner calls `look` whenever the state of the client changed.
    """

    def __init__(
        self,
        client: Client,
        start: Start | None,
        told: Callable[[Started | LinkError], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._start = start
        self._told = told
        self._clock = clock
        self._sleep = sleep
        self._changed = asyncio.Event()
        self._is_let_go = False
        self._is_starting = False
        self._tried_at = -math.inf
        self._pause = 0.0

    def look(self) -> None:
        self._changed.set()

    def let_go(self) -> None:
        """It ends on purpose: it is not brought back."""
        self._is_let_go = True

    def take_up(self) -> None:
        """Somebody started it again."""
        self._is_let_go = False

    @property
    def is_wanted(self) -> bool:
        """It is started whenever it is gone."""
        return self._start is not None and not self._is_let_go

    async def settled(self) -> None:
        """No start is under way."""
        await self.until(lambda: not self._is_starting)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Looks whenever something changed. No await lies between look and wait, so no change is missed."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Until it is cancelled. What it started lives on."""
        while True:
            await self.until(lambda: self.is_wanted and self._is_gone())
            if self._clock() - self._tried_at > STEADY:
                self._pause = 0.0
            await self._sleep(self._pause)
            if self._start is not None and self.is_wanted and self._is_gone():  # still, after the pause
                await self._try(self._start)

    async def _try(self, start: Start) -> None:
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), MAX_PAUSE)
        self._tried_at = self._clock()
        self._is_starting = True
        try:
            self._told(await asyncio.to_thread(start))
            self._client.retry_now()
            with contextlib.suppress(TimeoutError):  # it may be gone again
                async with asyncio.timeout(CONNECT_DEADLINE):
                    await self.until(lambda: not self._is_gone())
        except LinkError as error:
            self._told(error)
        finally:
            self._is_starting = False
            self._changed.set()

    def _is_gone(self) -> bool:
        return self._client.state.trouble in GONE
