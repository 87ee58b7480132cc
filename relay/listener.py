"""The listening socket of one receiver: taken early, listened on late, listened on again when the loop gave up for want of descriptors."""

import asyncio
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
        self.address = listen

    def bind(self) -> None:
        """Takes the port without accepting yet. Raises OSError."""
        listen = self._listen
        host, port = (listen[:-2].strip("[]"), 0) if listen.endswith(":0") else split_address(listen)  # 0: any, for tests
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_UNSENT)  # inherited by what is accepted
            found.bind(address)
            found.setblocking(False)
        except OSError:
            found.close()
            raise
        self._socket = found
        host, port = found.getsockname()[:2]
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

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

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
