"""A peer on loopback that speaks as much STOMP as a test tells it to, right or wrong: what no real broker does on demand."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

Talk = Callable[["Conversation"], Coroutine[Any, Any, None]]
CONNECTED = b"CONNECTED\nversion:1.2\nheart-beat:4000,4000\nserver:ActiveMQ/0.0\n\n\0\n"


class Conversation:
    """One connection of the client."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.commands: list[str] = []
        self.reader, self.writer = reader, writer

    async def hear(self) -> tuple[str, dict[str, str], bytes]:
        """The next frame that is no heart-beat; a body without content-length has no zero byte."""
        head = (await self.reader.readuntil(b"\n\n")).decode().lstrip("\n")
        command, *lines = head.rstrip("\n").split("\n")
        headers = dict(line.split(":", 1) for line in lines)
        if "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]) + 1)
        else:
            body = await self.reader.readuntil(b"\0")
        self.commands.append(command)
        return command, headers, body[:-1]

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def welcome(self) -> dict[str, str]:
        _, headers, _ = await self.hear()
        await self.say(CONNECTED)
        return headers

    async def confirm(self, headers: dict[str, str]) -> None:
        await self.say(b"RECEIPT\nreceipt-id:%b\n\n\0\n" % headers["receipt"].encode())

    async def confirm_all(self) -> None:
        while True:
            _, headers, _ = await self.hear()
            if "receipt" in headers:
                await self.confirm(headers)

    def reset(self) -> None:
        self.writer.transport.abort()


def message(subscription: str, body: bytes, **headers: str) -> bytes:
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    return f"MESSAGE\nsubscription:{subscription}\npriority:4\n{lines}\n".encode() + body + b"\0\n"


def end(subscription: str) -> bytes:
    return f"MESSAGE\nsubscription:{subscription}\nmessage-id:0\nbrowser:end\n\n\0\n".encode()


@asynccontextmanager
async def stomp_peer(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Its address, while the context lasts; `talk` holds each conversation and the connection is closed when it returns."""
    count = 0
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await talk(Conversation(count, reader, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@asynccontextmanager
async def in_front_of(broker: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """A peer that takes TLS and passes all on to a broker that does not."""
    host, _, port = broker.rpartition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # where one side ends, the other does, too

    async def talk(conversation: Conversation) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(pump(conversation.reader, writer))
                both.create_task(pump(reader, conversation.writer))
        except* ConnectionError:
            pass
        finally:
            writer.close()

    async with stomp_peer(talk, context) as address:
        yield address
