"""How long an event loop was kept from its other work."""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator

from monitor.service import GARBAGE

PULSE_S = 0.001


class LoopWatch:
    """The longest time in which the loop did nothing else, as a task sees it that wants to run every millisecond."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(PULSE_S)
            self.longest_s = max(self.longest_s, time.perf_counter() - before - PULSE_S)


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[LoopWatch]:
    gc.set_threshold(GARBAGE)  # as the daemon does
    watch = LoopWatch()
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    try:
        yield watch
        await asyncio.sleep(3 * PULSE_S)  # a hold-up at the very end is seen, too
    finally:
        task.cancel()
