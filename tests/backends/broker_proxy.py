"""What stands between us and a real broker's HTTP: it carries requests over, remembers them, and loses an answer when it is told to."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any


class Proxy:
    """`drop_answer_to`: the beginning of an operation's name; the broker does it, and the connection ends before its answer came."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.heard: list[list[dict[str, Any]]] = []
        self.drop_answer_to = self.keep_answer_to = ""
        self._behind = port
        self._before: dict[str, Callable[[], None]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/jolokia/"

    def operations(self) -> list[str]:
        """All that were sent, in their order."""
        return [each["operation"] for request in self.heard for each in request if each["type"] == "exec"]

    def before(self, operation: str, do: Callable[[], None]) -> None:
        """Once, when the operation came and has not reached the broker."""
        self._before[operation] = do

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head, body = await _message(reader)
                request = json.loads(body)
                self.heard.append(request)
                names = [each.get("operation", "") for each in request]
                for name in names:
                    if name in self._before:
                        await asyncio.to_thread(self._before.pop(name))
                answer = await self._carry(head + body)
                if self._is_told(self.keep_answer_to, names):
                    await reader.read()
                    break
                if self._is_told(self.drop_answer_to, names):
                    break
                writer.write(answer)
                await writer.drain()
        writer.close()

    @staticmethod
    def _is_told(operation: str, names: list[str]) -> bool:
        return bool(operation) and any(name.startswith(operation) for name in names)

    async def _carry(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._behind)
        try:
            writer.write(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            head, body = await _message(reader)
            head = head.replace(b"Connection: close\r\n", b"")
            if b"content-length:" not in head.lower() and b"transfer-encoding:" not in head.lower():  # it went up to the end
                head = head.replace(b"\r\n\r\n", b"\r\nContent-Length: %d\r\n\r\n" % len(body))
            return head + body
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one; a body without a length goes up to the end, or is chunked."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if b":" in line)
    if b"content-length" in fields:
        return head, await reader.readexactly(int(fields[b"content-length"]))
    return head, await reader.read()


@asynccontextmanager
async def proxy(port: int) -> AsyncIterator[Proxy]:
    ours = Proxy(port)
    server = await asyncio.start_server(ours.serve, "127.0.0.1", 0, limit=1 << 20)
    ours.port = server.sockets[0].getsockname()[1]
    try:
        yield ours
    finally:
        server.close()


class Deaf:
    """Between us and a broker's STOMP: what the broker answers is lost as soon as we have committed something."""

    def __init__(self, port: int) -> None:
        self.address = ""
        self.sent = b""
        self._behind = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, there = await asyncio.open_connection("127.0.0.1", self._behind)
        answers = asyncio.create_task(self._answers(theirs, writer))
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65536):
                self.sent += data
                there.write(data)
                await there.drain()
        there.close()
        with contextlib.suppress(asyncio.CancelledError):
            await answers

    async def _answers(self, theirs: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await theirs.read(65536):
                if b"COMMIT\n" in self.sent:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def deaf(port: int) -> AsyncIterator[Deaf]:
    ours = Deaf(port)
    server = await asyncio.start_server(ours.serve, "127.0.0.1", 0)
    ours.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield ours
    finally:
        server.close()
