"""TLS of one incoming connection, between the socket and the `Connection` that knows nothing of it.

The event loops' own TLS would lose answers: at the partner's close_notify they end the connection, whatever is still being stored, and they
cannot say that our side has ended without ending both. Here a partner that has said its last word hears its answers like any other.
"""

import asyncio
import contextlib
import logging
import ssl
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from relay.tls import in_words, names_of
from settings.forms import join_address

if TYPE_CHECKING:
    from relay.receiving.connection import Connection
    from relay.receiving.gate import Gate

log = logging.getLogger(__name__)

HANDSHAKE_RECORD: Final = 0x16  # how every connection by TLS begins; how none of ours does without it


class Failed(Enum):
    """Why a connection did not come to its first record; the words are those of the status."""

    NOT_TLS = "not_tls"
    HANDSHAKE = "handshake"
    NAME = "name_not_allowed"


class Encrypted(asyncio.Protocol):
    """The socket's side."""

    def __init__(self, gate: "Gate") -> None:
        self._gate = gate
        self.peer = "?"
        self.address = "?"
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._inner: Connection | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_over = False  # failed, or refused; what comes is thrown away
        self._is_ended = False  # the peer's last word, and said so inside
        self._has_eof = False
        self._is_first = True
        self.is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.socket = cast(asyncio.Transport, transport)
        found = transport.get_extra_info("peername")
        if found:
            self.address = found[0]
            self.peer = join_address(*found[:2])
        if not found or not self._gate.begin(self):
            self._is_over = True
            self.socket.abort()
            return
        tls = self._gate.tls
        self._tls = tls.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._deadline = asyncio.get_running_loop().call_later(tls.config.handshake, self._overdue)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        if self._is_first:
            self._is_first = False
            if data[0] != HANDSHAKE_RECORD:
                self._fail(Failed.NOT_TLS, "a client without TLS on a port that wants it")
                return
        self._incoming.write(data)
        if self._inner is None:
            self._shake()
        else:
            self.read()

    def eof_received(self) -> bool:
        """Also without close_notify: every whole line that came is the partner's, and half a line is never stored."""
        self._has_eof = True
        if self._inner is None or self._is_over:
            return False
        self.read()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._is_over = True
        self._stop_waiting()
        if self._inner is None:
            self._gate.leave(self)
        else:
            self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    # The handshake.

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self.flush()
            return
        except ssl.SSLError as error:
            self._fail(Failed.HANDSHAKE, in_words(error))
            return
        self._stop_waiting()
        shown: dict[str, Any] = self._tls.getpeercert() or {}
        names = names_of(shown)
        if not self._gate.tls.is_allowed(names):
            self._fail(Failed.NAME, f"the certificate of {', '.join(names) or 'nobody'} fits none of allow_names")
            return
        self._inner = self._gate.succeed(self, " ".join([self._tls.version() or "TLS", *names[:1]]))
        self._inner.connection_made(Inside(self))
        self.flush()
        self.read()

    def _overdue(self) -> None:
        self._fail(Failed.HANDSHAKE, f"no handshake within {self._gate.tls.config.handshake:g} s")

    def _fail(self, why: Failed, text: str) -> None:
        self._is_over = True
        self._stop_waiting()
        self._gate.fail(self, why, text)
        self.flush()  # OpenSSL's alert: the partner's log shall say why
        self.socket.close()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # Afterwards.

    def read(self) -> None:
        """Everything that can be decrypted, unless the inside does not want it."""
        inner = self._inner
        if inner is None or self._is_over:
            return
        while not (self.is_paused or self._is_ended or self.socket.is_closing()):
            buffer = inner.get_buffer(-1)
            size = self._decrypt(buffer)
            if size:
                inner.buffer_updated(size)
            if self._is_over:
                return
            if size < len(buffer):
                break
        if self._is_ended or self.is_paused or not self._has_eof:
            return
        self._is_ended = True
        inner.eof_received()

    def _decrypt(self, buffer: memoryview) -> int:
        size = 0
        try:
            while size < len(buffer):
                found = self._tls.read(len(buffer) - size)
                if not found:
                    self._has_eof = True
                    break
                buffer[size : size + len(found)] = found
                size += len(found)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._has_eof = True
        except ssl.SSLError as error:
            log.debug("%s: %s", self.peer, in_words(error))
            self._is_over = True
            self.socket.abort()
        self.flush()  # an answer to a new key, a ticket
        return size

    def encrypt(self, data: bytes) -> None:
        """Raises ssl.SSLError."""
        self._tls.write(data)
        self.flush()

    def end(self) -> None:
        """Says close_notify: nothing more comes from us, and we still listen."""
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()  # wants the peer's too, and need not have it
        self.flush()

    def flush(self) -> None:
        if self._outgoing.pending and not self.socket.is_closing():
            self.socket.write(self._outgoing.read())


class Inside(asyncio.Transport):
    """The transport that the `Connection` sees."""

    def __init__(self, encrypted: Encrypted) -> None:
        self._encrypted = encrypted
        self._socket = encrypted.socket

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._socket.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._encrypted.encrypt(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._encrypted.end()

    def close(self) -> None:
        if not self._socket.is_closing():
            self._encrypted.end()
            self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    def pause_reading(self) -> None:
        self._encrypted.is_paused = True
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        self._encrypted.is_paused = False
        self._socket.resume_reading()
        asyncio.get_running_loop().call_soon(self._encrypted.read)  # what was decrypted too early waits here, not in the socket

    def is_reading(self) -> bool:
        return not self._encrypted.is_paused

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._socket.set_write_buffer_limits(high=high, low=low)

    def get_write_buffer_size(self) -> int:
        return self._socket.get_write_buffer_size()
