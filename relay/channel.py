"""One connection to a partner that answers, in the order of the lines. Whatever goes wrong on it ends it: an answer that comes late
would be credited to the next record.
"""

import asyncio
import time
from collections import deque
from typing import Final, cast

from relay.connection import next_id
from relay.record import Layout
from relay.session import Counters

MAX_ANSWER: Final = 16 << 10  # bytes without a newline that are still taken for the beginning of an answer


class TryFailed(Exception):
    """No answer to be believed; `is_behind`: because of another record on the same connection."""

    def __init__(self, text: str, *, is_behind: bool = False) -> None:
        super().__init__(text)
        self.is_behind = is_behind


class Channel(asyncio.Protocol):
    """One connection to the partner."""

    def __init__(self, layout: Layout) -> None:
        self.id = next_id()
        self._layout = layout
        self._buffer = b""
        self._expected: deque[tuple[bytes, asyncio.Future[int]]] = deque()
        self.counters = Counters()
        self.since = time.time()
        self.is_open = False
        self.last_error: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    async def exchange(self, line: bytes, key: bytes, seconds: float) -> int:
        """The code that the partner answered. Raises TryFailed, and then the channel is of no more use."""
        if not self.is_open:
            raise TryFailed(self.last_error or "the connection was closed")
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._expected.append((key, answer))
        self._transport.write(line)
        self.counters.records += 1
        self.counters.bytes += len(line)
        self.counters.last_record_at = time.time()
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            error = f"no answer within {seconds:g} s"
            is_first = bool(self._expected) and self._expected[0][1] is answer
            self.end(error)
            raise TryFailed(error, is_behind=not is_first) from None
        except asyncio.CancelledError:
            self.end("the relay is being stopped")
            raise

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self.is_open and b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            self._answered(line)
        if len(self._buffer) > MAX_ANSWER:
            self.end("the answer has no end")

    def _answered(self, line: bytes) -> None:
        if not self._expected:
            self.end("an answer came that nobody had asked for")
            return
        key, answer = self._expected[0]
        found = self._layout.read_answer(line)
        shown = line[:80].decode(errors="backslashreplace")
        if found is None:
            self.end(f"the answer is garbled: {shown!r}")
        elif found.key != key:
            self.end(f"the answer is for another process number: {shown!r}")
        else:
            self._expected.popleft()
            if found.code == self._layout.codes.accepted:
                self.counters.acks += 1
            else:
                self.counters.refuse(found.code)
            if not answer.done():
                answer.set_result(found.code)

    def eof_received(self) -> bool:
        self.end("the partner closed the connection" + (" in the middle of an answer" if self._buffer else " without an answer"))
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.end(in_words(error) if error else "the connection was closed")

    def end(self, why: str) -> None:
        """Closes it; whoever waits for an answer hears why, the first as the one at fault."""
        if not self.is_open:
            return
        self.is_open = False
        self.last_error = why
        self._transport.abort()
        for place, (_, answer) in enumerate(self._expected):
            if not answer.done():
                answer.set_exception(TryFailed(why, is_behind=place > 0))
        self._expected.clear()

    def close(self) -> None:
        """After a good end."""
        if self.is_open:
            self.is_open = False
            self._transport.close()

    @property
    def waiting(self) -> int:
        return len(self._expected)


def in_words(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError):
        return "connection reset"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
