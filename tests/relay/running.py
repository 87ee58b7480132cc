"""A whole relay in this process, and the partners' side of its sockets. Every wait has a deadline."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from relay.config import Relay
from relay.options import Options
from relay.service import Service
from relay.status import RelayStatus
from relay.storage.commit import Disk

DEADLINE = 5.0


def options(directory: Path, reread: Callable[[], Relay] | None = None) -> Options:
    return Options(directory / "run" / "relay.sock", directory / "run" / "relay.lock", version="test", reread=reread)


@contextlib.asynccontextmanager
async def running(config: Relay, reread: Callable[[], Relay] | None = None, disk: Disk | None = None) -> AsyncIterator[Service]:
    """Drained at the end, as by SIGTERM."""
    async with contextlib.AsyncExitStack() as stack:
        service = Service(config, options(Path(config.directory), reread), disk)
        await service.start(stack)
        task = asyncio.create_task(service.run())
        try:
            yield service
        finally:
            if not service.is_stopping:
                service.stop()
            async with asyncio.timeout(DEADLINE + 5):
                assert await task == 0


async def until(found: Callable[[], bool], what: str) -> None:
    ends_at = time.monotonic() + DEADLINE
    while not found():
        assert time.monotonic() < ends_at, f"not within {DEADLINE} s: {what}"
        await asyncio.sleep(0.01)


class Partner:
    """One connection to a receiver."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        async with asyncio.timeout(DEADLINE):
            self.writer.write(data)
            await self.writer.drain()

    async def answer(self) -> bytes:
        async with asyncio.timeout(DEADLINE):
            return await self.reader.readline()

    async def rest(self) -> bytes:
        """Everything up to the end that the relay gives the connection; b"" also for a reset."""
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""


@contextlib.asynccontextmanager
async def partner(status: RelayStatus, receiver: int = 0) -> AsyncIterator[Partner]:
    host, _, port = status.receivers[receiver].listen.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        yield Partner(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def published(inbox: Path) -> bytes:
    """All lines that a consumer can see, in the order of the names."""
    return b"".join(path.read_bytes() for path in sorted(inbox.iterdir()) if not path.name.startswith("."))
