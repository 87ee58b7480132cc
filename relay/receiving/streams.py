"""TCP of incoming connections: one epoll for all sockets of a listener, and each turn takes everything that is ready.

The event loops' own transports accept one connection a turn and call back for each socket; what comes together is then committed apart.
Here a turn accepts and reads until nothing is left, so one commit serves all of it, and a connection costs fewer system calls: its address
comes with `accept`, TCP_NODELAY and buffer sizes from the listening socket, and each read and write says itself that it must not block. The
sockets are those of C below `socket.socket`, whose Python parts of accept and close would be a sixth of what a one-shot connection costs.
To a protocol a `Stream` is an asyncio transport like any other.
"""

import asyncio
import contextlib
import errno
import logging
import select
import socket
from collections.abc import Callable
from socket import MSG_DONTWAIT
from typing import Any, Final

log = logging.getLogger(__name__)

MAX_READY: Final = 512  # sockets of one turn: some 10 ms of work, then the loop has its turn
MAX_ACCEPTED: Final = 256  # connections of one turn
READ_SIZE: Final = 64 << 10
ACCEPT_AGAIN: Final = 0.2  # seconds without accepting when there is no file descriptor to be had
OUT_OF_MEANS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
IN: Final = select.EPOLLIN
OUT: Final = select.EPOLLOUT
DEAD: Final = select.EPOLLERR | select.EPOLLHUP
NOBODY: Final = asyncio.BaseProtocol()


class Streams:
    """Takes over the listening socket. `accept` makes the protocol of each connection."""

    def __init__(self, listening: socket.socket, accept: Callable[[], asyncio.BaseProtocol]) -> None:
        listening.setblocking(False)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited: an answer must not wait for the one before it
        self._listening: socket.socket | None = listening
        self._listening_fd = listening.fileno()
        self._kind = int(listening.family), int(listening.type), listening.proto
        self._make = accept
        self._loop = asyncio.get_running_loop()
        self.epoll = select.epoll()
        self.epoll.register(self._listening_fd, IN)
        self.streams: dict[int, Stream] = {}
        self._lost: list[tuple[asyncio.BaseProtocol, Exception | None]] = []
        self._loop.add_reader(self.epoll.fileno(), self._turn)

    def close(self) -> None:
        """Accepts no more. The connections live on."""
        if self._listening is not None:
            with contextlib.suppress(OSError):
                self.epoll.unregister(self._listening_fd)
            self._listening.close()
            self._listening = None
            self._end()

    def accept_waiting(self) -> None:
        """Whoever is in the queue of the port now."""
        for _ in range(socket.SOMAXCONN):
            if not self._accept():
                return

    def forget(self, fd: int, protocol: asyncio.BaseProtocol, error: Exception | None) -> None:
        """The socket is closed; its protocol hears so after this turn."""
        del self.streams[fd]
        if not self._lost:
            self._loop.call_soon(self._tell)
        self._lost.append((protocol, error))

    def _tell(self) -> None:
        lost, self._lost = self._lost, []
        for protocol, error in lost:
            try:
                protocol.connection_lost(error)
            except Exception:
                log.exception("the end of a connection failed")
        self._end()

    def _end(self) -> None:
        if self._listening is None and not self.streams and not self.epoll.closed:
            self._loop.remove_reader(self.epoll.fileno())
            self.epoll.close()

    def _turn(self) -> None:
        streams, listening = self.streams, self._listening_fd
        for fd, events in self.epoll.poll(0, MAX_READY):
            stream = streams.get(fd)
            if stream is None:
                if fd == listening:
                    self._accept()
                continue
            try:
                stream.happened(events)
            except Exception:
                log.exception("a connection failed; the others go on")
                stream.abort()

    def _accept(self) -> bool:
        """Whether there may be more."""
        for _ in range(MAX_ACCEPTED):
            if self._listening is None:
                return False
            try:
                fd, address = self._listening._accept()  # type: ignore[attr-defined]
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno in OUT_OF_MEANS:
                    self._rest(error)
                    return False
                continue  # that connection is gone already; accept(2): as if it had not been
            self._begin(socket.SocketType(*self._kind, fd), address)
        return True

    def _begin(self, found: socket.SocketType, address: Any) -> None:
        stream = Stream(self, found, address, self._make())
        try:
            self.epoll.register(stream.fd, IN)
        except OSError as error:
            log.warning("a connection is refused: %s", error.strerror)
            found.close()
            return
        self.streams[stream.fd] = stream
        try:
            stream.begin()
        except Exception:
            log.exception("a connection failed at its beginning; the others go on")
            stream.abort()

    def _rest(self, error: OSError) -> None:
        """Without this the waiting connection would wake us again and again."""
        log.warning("no connection is accepted for %g s: %s", ACCEPT_AGAIN, error.strerror)
        with contextlib.suppress(OSError):
            self.epoll.unregister(self._listening_fd)
        self._loop.call_later(ACCEPT_AGAIN, self._accept_again)

    def _accept_again(self) -> None:
        if self._listening is not None:
            with contextlib.suppress(FileExistsError):
                self.epoll.register(self._listening_fd, IN)


class Stream(asyncio.Transport):
    """One socket. `connection_lost` comes soon after, never within, the call that ends it."""

    __slots__ = (
        "_address",
        "_has_ended",
        "_high",
        "_is_blocked",
        "_is_closing",
        "_is_lost",
        "_is_reading",
        "_mask",
        "_must_end",
        "_protocol",
        "_socket",
        "_streams",
        "_unsent",
        "fd",
    )

    def __init__(self, streams: Streams, found: socket.SocketType, address: Any, protocol: asyncio.BaseProtocol) -> None:
        self._streams = streams
        self._socket = found
        self._address = address
        self._protocol = protocol
        self.fd = found.fileno()
        self._mask = IN
        self._unsent = b""
        self._high = 64 << 10
        self._is_reading = True
        self._has_ended = False  # the peer will say no more
        self._must_end = False  # our side is to be shut down when everything is sent
        self._is_blocked = False  # the protocol was told to pause
        self._is_closing = False
        self._is_lost = False

    def begin(self) -> None:
        self._protocol.connection_made(self)
        if self._is_reading and not self._is_closing:
            self._read()  # a one-shot client's record is often there already

    # What happens.

    def happened(self, events: int) -> None:
        if events & OUT and not self._is_lost:
            self._write_on()
        if self._is_lost:
            return
        if self._is_reading and not self._has_ended and not self._is_closing:
            if events & ~OUT:
                self._read()
        elif events & DEAD:  # reported however little we want to hear
            self._lose(ConnectionResetError(errno.ECONNRESET, "the peer is gone"))

    def _read(self) -> None:
        protocol = self._protocol
        try:
            if isinstance(protocol, asyncio.BufferedProtocol):
                size = self._socket.recv_into(protocol.get_buffer(-1), 0, MSG_DONTWAIT)
                if size:
                    protocol.buffer_updated(size)
                    return
            elif data := self._socket.recv(READ_SIZE, MSG_DONTWAIT):
                assert isinstance(protocol, asyncio.Protocol)
                protocol.data_received(data)
                return
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        self._has_ended = True
        assert isinstance(protocol, asyncio.BufferedProtocol | asyncio.Protocol)
        if not protocol.eof_received():
            self.close()
        self._listen()

    def _write_on(self) -> None:
        try:
            done = self._socket.send(self._unsent, MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error)
            return
        self._unsent = self._unsent[done:]
        if self._is_blocked and len(self._unsent) <= self._high // 4:
            self._is_blocked = False
            self._protocol.resume_writing()
        if not self._unsent:
            self._all_is_sent()

    def _all_is_sent(self) -> None:
        if self._is_closing:
            self._lose(None)
            return
        if self._must_end:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)
        self._listen()

    def _listen(self) -> None:
        """Tells the kernel what we wait for, if that is something else than before."""
        if self._is_lost:
            return
        mask = IN if self._is_reading and not self._has_ended and not self._is_closing else 0
        if self._unsent:
            mask |= OUT
        if mask != self._mask:
            self._mask = mask
            self._streams.epoll.modify(self.fd, mask)

    def _lose(self, error: Exception | None) -> None:
        if self._is_lost:
            return
        self._is_lost = self._is_closing = True
        self._unsent = b""
        self._socket.close()  # and out of the epoll
        self._streams.forget(self.fd, self._protocol, error)
        self._protocol = NOBODY  # no cycle is left behind: thousands a second would be the garbage collector's

    # What the protocol asks for.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_closing or not data:
            return
        if self._unsent:
            self._unsent += bytes(data)
        else:
            try:
                done = self._socket.send(data, MSG_DONTWAIT)
            except BlockingIOError:
                done = 0
            except OSError as error:
                self._lose(error)
                return
            if done == len(data):
                return
            self._unsent = bytes(data[done:])
            self._listen()
        if len(self._unsent) > self._high and not self._is_blocked:
            self._is_blocked = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        self._must_end = True
        if not self._unsent and not self._is_closing:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_WR)

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        """After what is unsent; the peer is heard no more."""
        if self._is_closing:
            return
        self._is_closing = True
        if self._unsent:
            self._listen()
        else:
            self._lose(None)

    def abort(self) -> None:
        self._lose(None)

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._is_reading = False
        self._listen()

    def resume_reading(self) -> None:
        self._is_reading = True
        self._listen()

    def is_reading(self) -> bool:
        return self._is_reading and not self._is_closing

    def get_write_buffer_size(self) -> int:
        return len(self._unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._high // 4, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """`low` is always a quarter of `high`."""
        self._high = READ_SIZE if high is None else high

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": self._address, "socket": self._socket}.get(name, default)
