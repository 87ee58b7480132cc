"""Records into a queue of ActiveMQ Classic over STOMP 1.2: persistent, a transaction a batch, believed by its receipt.

A receipt for each record costs 2 to 20 times as much (the broker's small answers wait for our delayed TCP acknowledgements); only a
record that is alone is quicker without a transaction. A SEND that is refused inside of one makes an ERROR, and the COMMIT behind it takes
what was not refused all the same: so an ERROR means that nothing of the batch is acknowledged, whatever receipt comes after it.
A connection that said ERROR, or gave no receipt in time, is thrown away: a late receipt must not be credited to the next batch. What was
committed at that moment is there once more when the partner sends again, with the same `process-no`.

stomp.py connects, listens and beats; it waits for ever for a silent peer, so every wait and every write here has its own deadline.
"""

import contextlib
import itertools
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from relay.config import ActiveMQSink, Codes
from relay.storage.commit import NONE, Refusals, StorageFailed
from settings.forms import split_address
from settings.secret import SecretUnavailable

HEART_BEAT_MS: Final = 4000  # in both directions; a broker that is silent for half as long again is left
GUARD_S: Final = 0.2  # how often a write is looked at that may have been stuck for too long
DIAGNOSIS_S: Final = 0.5  # for asking the system why there is no connection; stomp.py keeps it to itself
LONGEST_TEXT: Final = 200  # characters of what the broker says; a stack trace follows it
TOO_LARGE: Final = re.compile(r"maximum (frame size|data length) was exceeded", re.IGNORECASE)  # StompWireFormat, StompCodec
_ESCAPES: Final = ((b"\\", b"\\\\"), (b"\r", b"\\r"), (b"\n", b"\\n"), (b":", b"\\c"))
_TO_ESCAPE: Final = re.compile(rb"[\\\r\n:]")


class _Broken(Exception):
    """The connection is of no more use. The text says why, for an operator."""


class _TooLarge(_Broken):
    """A frame was larger than the broker takes; which one it does not say."""


class ActiveMQOutlet:
    """A `relay.sinks.outlet.Outlet`. stomp.py is imported when the first record comes."""

    def __init__(self, config: ActiveMQSink, codes: Codes) -> None:
        self._config = config
        self._too_long = codes.too_long
        self._destination = escaped(f"/queue/{config.queue}".encode())
        self._numbers = itertools.count(1)
        self._connection: _Connection | None = None

    @property
    def name(self) -> str:
        return f"activemq queue {self._config.queue} at {self._config.stomp}"

    def deliver(self, lines: Sequence[bytes], keys: Sequence[bytes]) -> Refusals:
        if not lines:
            return NONE
        until = time.monotonic() + self._config.timeout
        try:
            try:
                self._transact(lines, keys, until)
            except _TooLarge:
                return self._without_the_large(lines, keys, until)
        except _Broken as error:
            self._drop()
            raise StorageFailed(f"{self.name}: {error}", is_space=False) from None
        except BaseException:
            self._drop()
            raise
        return NONE

    def close(self) -> None:
        if self._connection is not None:
            self._connection.leave()
        self._connection = None

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.cut()
        self._connection = None

    def _transact(self, lines: Sequence[bytes], keys: Sequence[bytes], until: float, *, keep: bool = True) -> None:
        """All or nothing; without `keep` nothing, but the broker has seen them. Raises _Broken."""
        connection = self._connected(until)
        number = b"%d" % next(self._numbers)
        if keep and len(lines) == 1:
            connection.say(self._send(b"receipt:%b\n" % number, lines[0], keys[0]), number.decode(), until)
            return
        inside = b"transaction:%b\n" % number
        frames = [b"BEGIN\n%b\n\0" % inside]
        frames += [self._send(inside, line, key) for line, key in zip(lines, keys, strict=True)]
        frames.append(b"%b\n%breceipt:%b\n\n\0" % (b"COMMIT" if keep else b"ABORT", inside, number))
        connection.say(b"".join(frames), number.decode(), until)

    def _send(self, more: bytes, line: bytes, key: bytes) -> bytes:
        head = b"destination:%b\npersistent:true\nprocess-no:%b\ncontent-length:%d\n" % (self._destination, escaped(key), len(line))
        return b"SEND\n%b%b\n%b\0" % (head, more, line)

    def _without_the_large(self, lines: Sequence[bytes], keys: Sequence[bytes], until: float) -> Refusals:
        """Finds the longest that the broker takes, in a number of tries that grows with the logarithm, and delivers what is no longer."""
        self._drop()
        sizes = sorted({len(line) for line in lines})
        low, high = 0, len(sizes) - 1  # sizes below `low` are taken, from `high` on they are not
        while low < high:
            middle = (low + high) // 2
            index = next(index for index, line in enumerate(lines) if len(line) == sizes[middle])
            if self._is_taken(lines[index], keys[index], until):
                low = middle + 1
            else:
                high = middle
        fitting = [index for index, line in enumerate(lines) if len(line) < sizes[high]]
        if fitting:
            self._transact([lines[index] for index in fitting], [keys[index] for index in fitting], until)
        return {key: self._too_long for line, key in zip(lines, keys, strict=True) if len(line) >= sizes[high]}

    def _is_taken(self, line: bytes, key: bytes, until: float) -> bool:
        try:
            self._transact([line], [key], until, keep=False)
        except _TooLarge:
            self._drop()
            return False
        return True

    def _connected(self, until: float) -> "_Connection":
        if self._connection is not None and self._connection.is_gone:
            self._drop()
        if self._connection is None:
            try:
                password = None if self._config.password is None else self._config.password.read()
            except SecretUnavailable as error:
                raise _Broken(str(error)) from None
            self._connection = _Connection(split_address(self._config.stomp), password)
            self._connection.open(self._config.user, until)
        return self._connection


class _Connection:
    """One STOMP connection, from its first frame to its end. The methods `on_…` are called in stomp.py's threads."""

    def __init__(self, address: tuple[str, int], password: str | None) -> None:
        self._address = address
        self._password = password
        self._heard = threading.Condition()
        self._is_connected = False
        self._receipt = ""
        self._error: str | None = None
        self.is_gone = False
        self._stuck_at: float | None = None  # when a write that is going on becomes too long
        self._over = threading.Event()
        self._stomp: Any = None
        self._socket: socket.socket | None = None

    def open(self, user: str | None, until: float) -> None:
        """Raises _Broken."""
        from stomp import Connection12
        from stomp.exception import StompException

        logging.getLogger("stomp.py").setLevel(logging.CRITICAL)  # it logs tracebacks of what we say in a sentence
        self._stomp = Connection12(
            [self._address],
            heartbeats=(HEART_BEAT_MS, HEART_BEAT_MS),
            timeout=max(until - time.monotonic(), 0.001),
            reconnect_attempts_max=1,
            auto_decode=False,
        )
        self._stomp.set_listener("zz-outlet", self)  # after stomp.py's own, which are called in the order of their names
        try:
            self._stomp.connect(user, self._password, wait=False, with_connect_command=True)
            self._socket = self._stomp.transport.socket
        except (StompException, OSError, AttributeError):
            self.cut()
            raise _Broken(self._why_not(until)) from None
        threading.Thread(target=self._guard, name="activemq-guard", daemon=True).start()
        self._wait(lambda: self._is_connected, until, "no answer to CONNECT in time")

    def say(self, frames: bytes, receipt: str, until: float) -> None:
        """Returns when the broker has answered with that receipt. Raises _Broken."""
        from stomp.exception import StompException

        self._stuck_at = until
        try:
            self._stomp.transport.send(frames)
        except (StompException, OSError, AttributeError):  # the last: its thread took the socket away meanwhile
            self._wait(lambda: False, min(until, time.monotonic() + GUARD_S), "the connection broke while we were sending")
        finally:
            self._stuck_at = None
        self._wait(lambda: self._receipt == receipt, until, "no receipt in time; it may be stopped, overloaded or out of space")

    def leave(self) -> None:
        """Politely, if that does not take long."""
        self._stuck_at = time.monotonic() + GUARD_S
        with contextlib.suppress(Exception):
            self._stomp.transport.send(b"DISCONNECT\n\n\0")
        self.cut()

    def cut(self) -> None:
        self.is_gone = True
        self._over.set()
        with contextlib.suppress(Exception):  # its own thread may be closing the same socket
            self._stomp.transport.disconnect_socket()

    def _wait(self, is_there: Callable[[], bool], until: float, otherwise: str) -> None:
        with self._heard:
            self._heard.wait_for(lambda: self._error is not None or self.is_gone or is_there(), max(until - time.monotonic(), 0))
            error, is_gone = self._error, self.is_gone
        if error is not None:
            raise _TooLarge(error) if TOO_LARGE.search(error) else _Broken(f"the broker says: {self._plain(error)}")
        if not is_there():
            raise _Broken("the connection broke" if is_gone else otherwise)

    def _plain(self, text: str) -> str:
        """Its first line, without the password, should it ever stand there."""
        line = text.strip().partition("\n")[0][:LONGEST_TEXT]
        return line.replace(self._password, "***") if self._password else line

    def _why_not(self, until: float) -> str:
        try:
            with socket.create_connection(self._address, min(max(until - time.monotonic(), 0.05), DIAGNOSIS_S)):
                return "the connection broke"
        except TimeoutError:
            return "no connection in time"
        except OSError as error:
            return f"no connection: {error.strerror or error}"

    def _guard(self) -> None:
        """Ends a write that the broker does not read: a blocked `sendall` knows no deadline."""
        while not self._over.wait(GUARD_S):
            stuck_at = self._stuck_at
            if stuck_at is not None and time.monotonic() > stuck_at and self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    # What stomp.py tells.

    def on_connected(self, _: Any) -> None:
        with self._heard:
            self._is_connected = True
            self._heard.notify_all()

    def on_receipt(self, frame: Any) -> None:
        with self._heard:
            self._receipt = frame.headers.get("receipt-id", "")
            self._heard.notify_all()

    def on_error(self, frame: Any) -> None:
        body = frame.body if isinstance(frame.body, str) else (frame.body or b"").decode(errors="replace")
        with self._heard:
            if self._error is None:
                self._error = frame.headers.get("message") or body or "ERROR"
            self._heard.notify_all()

    def on_disconnected(self) -> None:
        with self._heard:
            self.is_gone = True
            self._heard.notify_all()


def escaped(text: bytes) -> bytes:
    """The value of a header, STOMP 1.2."""
    if _TO_ESCAPE.search(text):
        for plain, code in _ESCAPES:
            text = text.replace(plain, code)
    return text
