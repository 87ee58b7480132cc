"""The listening socket of one receiver: taken early, listened on late.

It may be one that systemd opened: it was there before us, and what is in its queue when we end waits for the relay that comes after us.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from relay.receiving.streams import Streams
from settings.forms import join_address, split_address

BACKLOG: Final = 4096  # the kernel cuts it to net.core.somaxconn
KERNEL_UNSENT: Final = 64 << 10  # bytes of answers that the kernel takes; else 4 MiB a socket before we notice that its peer does not read


class Listener:
    """`accept` makes the protocol of each connection."""

    def __init__(self, listen: str, accept: Callable[[], asyncio.BaseProtocol]) -> None:
        self._listen = listen
        self._accept = accept
        self._socket: socket.socket | None = None
        self._streams: Streams | None = None
        self._is_inherited = False
        self.address = listen

    def bind(self, inherited: socket.socket | None = None) -> None:
        """Takes the port without accepting yet. Raises OSError."""
        self._is_inherited = inherited is not None
        found = inherited or self._bound()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_UNSENT)  # inherited by what is accepted
        found.setblocking(False)
        self._socket = found
        self.address = join_address(*found.getsockname()[:2])

    def _bound(self) -> socket.socket:
        listen = self._listen
        host, port = (listen[:-2].strip("[]"), 0) if listen.endswith(":0") else split_address(listen)  # 0: any, for tests
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
        except OSError:
            found.close()
            raise
        return found

    async def start(self) -> None:
        """Accepts. Raises OSError when another process took the port meanwhile."""
        assert self._socket is not None
        self._socket.listen(BACKLOG)
        self._streams = Streams(self._socket.dup(), self._accept)

    def drain(self) -> None:
        """Accepts no more. Closing a port resets whoever is in its queue: of one that is ours alone they are let in first."""
        if self._streams is not None and not self._is_inherited:
            self._streams.accept_waiting()
        self._stop()
        if not self._is_inherited:
            self.close()

    def close(self) -> None:
        """An inherited socket stays open: systemd has it too."""
        self._stop()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _stop(self) -> None:
        if self._streams is not None:
            self._streams.close()
            self._streams = None
