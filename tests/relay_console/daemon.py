"""A daemon that says what a test tells it to: the real server of the link on the real socket, without an engine behind it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec

from backends.snapshots import Snapshot
from link.protocol import PROTOCOL, Command, Reply, Welcome
from link.server import Peer, Server
from monitor.store import MONITOR_TOPIC, MonitorStatus

Answer = Callable[[Command], Reply]
STARTED_AT = 1_800_000_000.0


def configured(folder: Path, more: str = "") -> Path:
    """A configuration whose sockets are below the folder."""
    (folder / "run").mkdir(mode=0o700)
    file = folder / "config.yaml"
    file.write_text(f"relay: {{directory: {folder}}}\n{more}")
    return file


@contextlib.asynccontextmanager
async def daemon(
    config: Path, *snapshots: Snapshot, answer: Answer | None = None, write: bool | None = None
) -> AsyncIterator[list[Command]]:
    """Publishes them and answers commands; yields those that came. `write`: it says whether actions are allowed."""
    heard: list[Command] = []

    async def reply(command: Command, peer: Peer) -> Reply:
        heard.append(command)
        return await asyncio.to_thread(answer, command) if answer else Reply(command.id, False, "nothing is answered here")

    handler: Callable[[Command, Peer], Awaitable[Reply]] = reply
    server = Server(config.parent / "run" / "monitor.sock", Welcome(PROTOCOL, "monitor", "9.9", 42, "here", STARTED_AT), handler)
    await server.start()
    for snapshot in snapshots:
        server.publish(f"source/{snapshot.source}", msgspec.msgpack.encode(snapshot))
    if write is not None:
        status = MonitorStatus("9.9", 42, "here", STARTED_AT, str(config), 0, write=write)
        server.publish(MONITOR_TOPIC, msgspec.msgpack.encode(status))
    try:
        yield heard
    finally:
        await server.close()
