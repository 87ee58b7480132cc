"""Partners that keep records in flight on several connections, know which were answered with 200, and send the others again."""

import asyncio
import contextlib
import itertools
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator

from tests.relay.records import request

DEADLINE = 20.0
CHUNK = 128  # records that are sent again at once: less than a receiver's window
AGAIN = 100  # acknowledged records that are sent again too: their partner lost the answer
PAUSE = 0.02  # seconds after a refusal or a lost connection


class Load:
    """Records are numbers here; `connections` partners with `depth` in flight each."""

    def __init__(self, connections: int = 8, depth: int = 8, payload: str = "payload", first: int = 1) -> None:
        self._connections = connections
        self._depth = depth
        self._payload = payload
        self._numbers = itertools.count(first)
        self._first = first
        self._last = first - 1
        self.acked: set[int] = set()
        self.open: set[int] = set()  # sent and not acknowledged
        self.refused: Counter[int] = Counter()  # by code
        self.allowed = {503, 429}
        self.misanswered = 0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def sent(self) -> Iterator[bytes]:
        return map(self.line, range(self._first, self._last + 1))

    @property
    def acknowledged(self) -> Iterator[bytes]:
        return map(self.line, self.acked.copy())

    def line(self, number: int) -> bytes:
        return request(number, self._payload)

    def new(self) -> int:
        self._last = next(self._numbers)
        self.open.add(self._last)
        return self._last

    def heard(self, number: int, answer: bytes) -> bool:
        """Whether it was a 200."""
        *_, key, code = answer.rstrip(b"\n").split(b"|")
        if key != b"%09d" % number or not code.isdigit():
            self.misanswered += 1
            return False
        if int(code) == 200:
            self.acked.add(number)
            self.open.discard(number)
            return True
        self.refused[int(code)] += 1
        self.misanswered += int(code) not in self.allowed
        return False

    # Under load.

    @contextlib.asynccontextmanager
    async def pressing(self, address: tuple[str, int]) -> AsyncIterator[None]:
        """Partners come back when their connection is lost."""
        self._tasks = [asyncio.create_task(self._partner(address)) for _ in range(self._connections)]
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _partner(self, address: tuple[str, int]) -> None:
        again: deque[int] = deque()
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._conversation(address, again)
            await asyncio.sleep(PAUSE)

    async def _conversation(self, address: tuple[str, int], again: deque[int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        flying: deque[int] = deque()
        try:
            while not writer.transport.is_closing():
                while len(flying) < self._depth:
                    number = again.popleft() if again else self.new()
                    flying.append(number)
                    writer.write(self.line(number))
                number = flying.popleft()
                try:
                    answer = await reader.readuntil()
                except BaseException:
                    flying.appendleft(number)
                    raise
                if not self.heard(number, answer):
                    again.append(number)
                    await asyncio.sleep(PAUSE)
        finally:
            again.extend(flying)
            writer.transport.abort()

    async def until(self, count: int) -> None:
        """So many more records are acknowledged."""
        wanted = len(self.acked) + count
        async with asyncio.timeout(DEADLINE):
            while len(self.acked) < wanted:  # noqa: ASYNC110, another task makes it true
                await asyncio.sleep(0.005)

    async def until_refused(self, count: int = 1) -> None:
        wanted = self.refused.total() + count
        async with asyncio.timeout(DEADLINE):
            while self.refused.total() < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    # What a partner does with records that were not answered, and with some whose answers got lost.

    async def send_again(self, address: tuple[str, int]) -> None:
        """All that are open, until each is acknowledged, and the newest acknowledged ones once more."""
        numbers = [*sorted(self.open), *sorted(self.acked)[-AGAIN:]]
        for start in range(0, len(numbers), CHUNK):
            async with asyncio.timeout(DEADLINE):
                await self._exchange(address, numbers[start : start + CHUNK])

    async def _exchange(self, address: tuple[str, int], numbers: Iterable[int]) -> None:
        wanted = list(numbers)
        while wanted:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"".join(map(self.line, wanted)))
            left = []
            try:
                for number in wanted:
                    if not self.heard(number, await reader.readuntil()):
                        left.append(number)
            finally:
                writer.transport.abort()
            if wanted := left:
                await asyncio.sleep(PAUSE)
