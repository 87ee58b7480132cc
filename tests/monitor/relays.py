"""Stand-ins for the two daemons: a relay that is a link server and no more, and a process that is only a socket.

python -m tests.monitor.relays SOCKET LOCK      a relay of its own process; ends on the command `drain`
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from link.protocol import Command, Reply, Welcome
from link.server import Peer, Server
from link.start import hold_lock
from relay.status import RelayStatus

LIFETIME = 60.0  # seconds; whatever happens to the test, nothing of it is left behind


class FakeRelay:
    """Publishes its status, counts what it is told, and is gone when it is drained."""

    def __init__(self, socket: Path, *, embedded: bool = True, pid: int | None = None, drains: bool = True) -> None:
        self.socket = socket
        self.verbs: list[str] = []
        self.drained = asyncio.Event()
        self._drains = drains
        welcome = Welcome(1, "relay", "1", pid or os.getpid(), "", 0.0, embedded=embedded)
        self.server = Server(socket, welcome, self._on_command)

    async def _on_command(self, command: Command, peer: Peer) -> Reply:
        self.verbs.append(command.verb)
        if command.verb == "drain" and self._drains:
            self.drained.set()
        return Reply(0, True, f"{command.verb} done")

    async def start(self) -> None:
        await self.server.start()
        status = RelayStatus((), (), (), 0, None, None, pid=os.getpid())
        self.server.publish("status", msgspec.msgpack.encode(status))

    async def until_drained(self) -> None:
        await self.drained.wait()
        await self.server.close()


@asynccontextmanager
async def relaying(socket: Path, *, embedded: bool = True, drains: bool = True) -> AsyncIterator[FakeRelay]:
    relay = FakeRelay(socket, embedded=embedded, drains=drains)
    await relay.start()
    end = asyncio.create_task(relay.until_drained())
    try:
        yield relay
    finally:
        end.cancel()
        await asyncio.gather(end, return_exceptions=True)
        await relay.server.close()


async def main(socket: Path) -> None:
    relay = FakeRelay(socket)
    await relay.start()
    async with asyncio.timeout(LIFETIME):
        await relay.until_drained()


if __name__ == "__main__":
    with hold_lock(Path(sys.argv[2])):
        asyncio.run(main(Path(sys.argv[1])))
