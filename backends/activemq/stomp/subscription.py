"""What came for one subscription and nobody has taken yet. The connection bounds how much that may be."""

import asyncio
from collections import deque
from collections.abc import Callable

from backends.activemq.stomp.vocabulary import Frame, StompTrouble


class Subscription:
    """`put` and `fail` by the connection, `take` by one reader, all in the loop. `free` is told of each byte that is no longer held."""

    def __init__(self, id: str, free: Callable[[int], None]) -> None:
        self.id = id
        self.held = 0  # bytes
        self.newest = ""  # what an acknowledgement of the last frame must name; "": there is none to give
        self.taken_at = asyncio.get_running_loop().time()
        self._free = free
        self._frames: deque[tuple[Frame, int]] = deque()
        self._fault: str | None = None
        self._news = asyncio.Event()

    def put(self, frame: Frame, size: int) -> None:
        self._frames.append((frame, size))
        self.held += size
        self.newest = frame.headers.get("ack", self.newest)
        self._news.set()

    def fail(self, why: str) -> None:
        """Once all that came has been taken."""
        self._fault = self._fault or why
        self._news.set()

    def drop(self) -> None:
        self._frames.clear()
        size, self.held = self.held, 0
        self._free(size)

    async def take(self, within: float) -> Frame:
        """The next frame. Raises StompTrouble; TimeoutError when none comes in time."""
        self.taken_at = asyncio.get_running_loop().time()
        while not self._frames:
            if self._fault is not None:
                raise StompTrouble(self._fault)
            self._news.clear()
            async with asyncio.timeout(within):
                await self._news.wait()
        frame, size = self._frames.popleft()
        self.held -= size
        self._free(size)
        return frame
