"""A connection between its session and its transport."""

import asyncio
from pathlib import Path
from typing import Any

from relay.config import Receiver, Relay
from relay.receiving.connection import Connection
from tests.relay.records import request
from tests.relay.running import running, until


class Narrow(asyncio.Transport):
    """Takes no more than one answer: the second one makes it say, from within the writing, that the peer does not read."""

    def __init__(self, protocol: Connection) -> None:
        super().__init__()
        self._protocol = protocol
        self.written: list[bytes] = []
        self.reads = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))
        self._protocol.pause_writing()

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        pass


async def test_who_blocks_while_he_is_answered_is_not_read_from_although_there_is_room_for_more(tmp_path: Path) -> None:
    """The window is full, so nothing is read; the answers that empty it are the ones that block. Else the buffer would grow for ever."""
    config = Relay(directory=str(tmp_path / "r"), receivers=[Receiver(name="a", listen="127.0.0.1:0")])
    async with running(config) as relay:
        connection = Connection(relay.receivers[0])
        transport = Narrow(connection)
        connection.connection_made(transport)
        lines = b"".join(request(number) for number in range(256))
        connection.get_buffer(-1)[: len(lines)] = lines
        connection.buffer_updated(len(lines))
        assert not transport.reads, "the window is full"
        await until(lambda: bool(transport.written), "it is answered")
        assert not transport.reads
        connection.resume_writing()
        assert transport.reads
        connection.connection_lost(None)
