"""One connection to a partner that answers, in the order of the lines. Whatever goes wrong on it ends it: an answer that comes late
would be credited to the next record. No task and no timer of a record's own: thousands a second go through here.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, cast

from relay import tls
from relay.counters import Counters, next_id
from relay.record import Layout
from relay.sending.outbox import Claimed
from relay.sending.words import Answered, Broken, Event, Fault, Held, Sent

MAX_ANSWER: Final = 16 << 10  # bytes without a newline that are still taken for the beginning of an answer


class Channel(asyncio.Protocol):
    """Each record that is sent is heard of as `Sent`, and then exactly once more. `is_free` hears when nothing is waited for any more.

    A record's time runs from when it is the first that has no answer: a partner that answers one after the other is alive.
    """

    def __init__(self, layout: Layout, seconds: float, happened: Callable[[Event], None], is_free: "Callable[[Channel], None]") -> None:
        self.id = next_id()
        self._layout = layout
        self._seconds = seconds
        self._happened = happened
        self._is_free = is_free
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._expected: deque[tuple[bytes, str]] = deque()  # process number, name
        self._waits_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.counters = Counters()
        self.since = time.time()
        self.is_open = False
        self.last_error: str | None = None
        self.tls: str | None = None  # version, and a name of the partner's certificate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True
        if (encrypted := transport.get_extra_info("ssl_object")) is not None:
            names = tls.names_of(encrypted.getpeercert() or {})
            self.tls = " ".join([encrypted.version() or "TLS", *names[:1]])

    def send(self, files: Iterable[Claimed]) -> None:
        """In one piece. The channel is open."""
        if not self._expected:
            self._waits_since = self._loop.time()
            self._timer = self._timer or self._loop.call_later(self._seconds, self._check)
        lines = []
        for name, line, key in files:
            self._expected.append((key, name))
            lines.append(line)
            self._happened(Sent(name))
        data = b"".join(lines)
        self.counters.records += len(lines)
        self.counters.bytes += len(data)
        self.counters.last_record_at = time.time()
        self._transport.write(data)

    def _check(self) -> None:
        self._timer = None
        if not self._expected:
            return
        left = self._waits_since + self._seconds - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._check)
        else:
            self.end(f"no answer within {self._seconds:g} s")

    def data_received(self, data: bytes) -> None:
        if not self.is_open:
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if lines:
            self._waits_since = self._loop.time()
            for line in lines:
                self._answered(line)
                if not self.is_open:
                    return
        if len(self._buffer) > MAX_ANSWER:
            self.end("the answer has no end")
        elif lines and not self._expected:
            self._is_free(self)

    def _answered(self, line: bytes) -> None:
        if not self._expected:
            self.end("an answer came that nobody had asked for")
            return
        found = self._layout.read_answer(line)
        if found is None:
            self.end(f"the answer is garbled: {_shown(line)}")
        elif found.key != self._expected[0][0]:
            self.end(f"the answer is for another process number: {_shown(line)}")
        else:
            _, name = self._expected.popleft()
            if found.code == self._layout.codes.accepted:
                self.counters.acks += 1
            else:
                self.counters.refuse(found.code)
            self._happened(Answered(name, found.code))

    def eof_received(self) -> bool:
        if self._buffer:
            self.end("the partner closed the connection in the middle of an answer")
        else:
            # One that answers and closes has only refused to go on: what it did not answer is sent on another connection.
            answered = self.counters.records > len(self._expected)
            self.end("the partner closed the connection without an answer", Fault.BEHIND if answered else Fault.RECORD)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.end(in_words(error) if error else "the connection was closed")

    def end(self, why: str, fault: Fault = Fault.RECORD) -> None:
        """Closes it; what waits for an answer is broken, the first through its own fault or that one, the others because of the first."""
        if not self.is_open:
            return
        self._over(why)
        expected, self._expected = self._expected, deque()
        for _, name in expected:
            self._happened(Broken(name, why, fault))
            fault = Fault.BEHIND

    def cut(self, why: str) -> None:
        """We end it, and nobody is at fault."""
        if not self.is_open:
            return
        self._over(why)
        expected, self._expected = self._expected, deque()
        for _, name in expected:
            self._happened(Held(name))

    def _over(self, why: str) -> None:
        self.is_open = False
        self.last_error = why
        self._transport.abort()
        self._stop_timer()

    def close(self) -> None:
        """After a good end."""
        if self.is_open:
            self.is_open = False
            self._transport.close()
            self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def waiting(self) -> int:
        return len(self._expected)


def _shown(line: bytes) -> str:
    return repr(line[:80].decode(errors="backslashreplace"))


def in_words(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError):
        return "connection reset"
    if isinstance(error, ssl.SSLError):
        return tls.in_words(error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
