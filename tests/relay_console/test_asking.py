"""Answers from a daemon: whatever it is or says, an answer or one line with the right exit code."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from backends.snapshots import Snapshot
from link.protocol import PROTOCOL, Command, Reply, Welcome
from link.server import Peer, Server
from relay_console import asking
from relay_console.errors import ServiceUnavailable, TryAgain

NOW = 1_800_000_000.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir(mode=0o700)
    file = tmp_path / "config.yaml"
    file.write_text(f"relay: {{directory: {tmp_path}}}\n")
    return file


@pytest.fixture
async def server(config: Path) -> AsyncIterator[Server]:
    async def reply(command: Command, peer: Peer) -> Reply:
        return Reply(command.id, True, f"{command.target} {command.verb} {command.arguments} by {bool(command.actor)}")

    server = Server(config.parent / "run" / "monitor.sock", Welcome(PROTOCOL, "monitor", "9.9", 42, "here", NOW), reply)
    await server.start()
    yield server
    await server.close()


async def test_what_the_daemon_knows_is_the_answer_in_the_order_of_the_panes(config: Path, server: Server) -> None:
    for kind in ("queues", "topics", "relay"):
        server.publish(f"source/{kind}", msgspec.msgpack.encode(Snapshot(kind, kind, "ok", NOW)))
    server.publish("monitor", msgspec.msgpack.encode({"anything": 1}))
    found = await asyncio.to_thread(asking.gather, config, None, None)
    assert [snapshot.source for snapshot in found.snapshots] == ["relay", "topics", "queues"]
    assert (found.attached, found.version, found.pid, found.started_at) == (True, "9.9", 42, NOW)


async def test_a_daemon_of_another_version_is_named(config: Path, server: Server) -> None:
    server.publish("source/x", msgspec.msgpack.encode({"name": 5}))
    with pytest.raises(ServiceUnavailable, match=r"version 9\.9"):
        await asyncio.to_thread(asking.gather, config, None, None)


async def test_a_command_carries_who_acts(config: Path, server: Server) -> None:
    found = await asyncio.to_thread(asking.command, server.path, "relay", "pause", {"name": "a"})
    assert found is not None
    assert found.text == "relay pause {'name': 'a'} by True"


async def test_a_command_to_nobody_is_none(config: Path) -> None:
    assert asking.command(config.parent / "run" / "monitor.sock", "relay", "pause", {}) is None


async def test_a_daemon_that_goes_away_while_asked_is_to_be_tried_again(config: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    listener = await asyncio.start_unix_server(hang_up, config.parent / "run" / "monitor.sock")
    with pytest.raises(TryAgain):
        await asyncio.to_thread(asking.gather, config, None, None)
    listener.close()


async def test_what_is_no_daemon_of_ours_is_unavailable(config: Path) -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n" * 3)
        await reader.read()
        writer.close()

    listener = await asyncio.start_unix_server(chat, config.parent / "run" / "monitor.sock")
    with pytest.raises(ServiceUnavailable, match="none of ours"):
        await asyncio.to_thread(asking.gather, config, None, None)
    listener.close()
