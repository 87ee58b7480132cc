"""Something asked beside the readings: one at a time, in a task of its own, so that no reading waits for it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Errand:
    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does nothing while the last one is under way. A bug in the last one is raised here, where the engine hears of it."""
        task = self._task
        if task is not None and not task.done():
            return
        self._task = None
        if task is not None and not task.cancelled():
            task.result()
        self._task = asyncio.create_task(work())

    async def settle(self, seconds: float) -> None:
        """Waits for the one that is under way, but no longer."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)

    async def close(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody asks for it any more
