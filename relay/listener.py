"""The listening socket of one receiver: taken early, listened on late, listened on again when the loop gave up for want of descriptors.

It may be one that systemd opened: it was there before us, and what is in its queue when we end waits for the relay that comes after us.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from settings.forms import split_address

BACKLOG: Final = 4096  # the kernel cuts it to net.core.somaxconn
KERNEL_UNSENT: Final = 64 << 10  # bytes of answers that the kernel takes; else 4 MiB a socket before we notice that its peer does not read


class Listener:
    """`accept` makes the protocol of each connection."""

    def __init__(self, listen: str, accept: Callable[[], asyncio.BaseProtocol]) -> None:
        self._listen = listen
        self._accept = accept
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._must_relisten = False
        self._is_inherited = False
        self._arriving: set[asyncio.Task[object]] = set()
        self.address = listen

    def bind(self, inherited: socket.socket | None = None) -> None:
        """Takes the port without accepting yet. Raises OSError."""
        self._is_inherited = inherited is not None
        found = inherited or self._bound()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_UNSENT)  # inherited by what is accepted
        found.setblocking(False)
        self._socket = found
        host, port = found.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

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
        await self._serve()

    async def _serve(self) -> None:
        assert self._socket is not None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, sock=self._socket.dup(), backlog=BACKLOG)

    def relisten(self) -> None:
        """The event loop gave up accepting (it was out of file descriptors): the next tick begins again."""
        self._must_relisten = True

    async def tick(self) -> None:
        if self._must_relisten and self._socket is not None:
            self._must_relisten = False
            if self._server is not None:
                self._server.close()
            await self._serve()

    def drain(self) -> None:
        """Accepts no more. Closing a port resets whoever is in its queue: of one that is ours alone they are let in first."""
        self._must_relisten = False
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._socket is None or self._is_inherited:
            return
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # at the latest BlockingIOError
            while True:
                peer, _ = self._socket.accept()
                peer.setblocking(False)
                arriving = loop.create_task(loop.connect_accepted_socket(self._accept, peer))
                self._arriving.add(arriving)
                arriving.add_done_callback(self._arrived)
        self.close()

    def _arrived(self, arriving: "asyncio.Task[object]") -> None:
        self._arriving.discard(arriving)
        if not arriving.cancelled():
            arriving.exception()  # it may be gone already; nobody else needs to know

    @property
    def is_quiet(self) -> bool:
        """Nobody is on the way from the queue to us."""
        return not self._arriving

    def close(self) -> None:
        """An inherited socket stays open: systemd has it too."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
