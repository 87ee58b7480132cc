"""A peer on loopback that answers every HTTP request with the bytes of a script: what no real broker does on demand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

Talk = Callable[["Conversation"], Coroutine[Any, Any, None]]


class Conversation:
    """One connection of the client."""

    def __init__(self, peer: "Peer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer = peer
        self.number = peer.connections
        self._reader = reader
        self._writer = writer

    async def hear(self) -> bytes:
        """One whole request."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        size = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await self._reader.readexactly(size)
        self.peer.heads.append(head.decode())
        self.peer.bodies.append(body)
        self.peer.heard.set()
        return body

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def reply(self, body: bytes, status: str = "200 OK", content_type: str = "text/plain;charset=utf-8", **headers: str) -> None:
        await self.say(http(body, status, content_type, **headers))

    def reset(self) -> None:
        self._writer.transport.abort()


class Peer:
    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.heard = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/jolokia/"


def http(body: bytes, status: str = "200 OK", content_type: str = "text/plain;charset=utf-8", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def peer(talk: Talk) -> AsyncIterator[Peer]:
    """Listens while the context lasts; `talk` holds each conversation and the connection is closed when it returns."""
    ours = Peer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(Conversation(ours, reader, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    ours.port = server.sockets[0].getsockname()[1]
    try:
        yield ours
    finally:
        server.close()
