"""Waiting for something that will happen by itself: with a deadline, and never longer than it takes."""

import asyncio
from collections.abc import Callable
from typing import Final

PATIENCE: Final = 10.0  # seconds before a test is given up; nothing here takes a tenth of it


async def until(holds: Callable[[], object], patience: float = PATIENCE) -> None:
    """Returns as soon as it holds. Raises TimeoutError."""
    async with asyncio.timeout(patience):
        while not holds():  # noqa: ASYNC110, what is waited for has no event of its own
            await asyncio.sleep(0.001)
