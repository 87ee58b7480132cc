"""One question with plain sockets, against the real server."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from link.ask import actor, ask, ask_command, greet
from link.errors import Unreachable
from link.protocol import Command, Hello, Reply, Welcome
from link.server import Peer
from tests.link.test_client import HELLO, WELCOME, serving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "monitor.sock"


async def test_everything_that_is_known_is_one_answer(path: Path) -> None:
    async with serving(path) as server:
        server.publish("a", msgspec.msgpack.encode([1]))
        server.publish("b", msgspec.msgpack.encode("x" * 500_000))
        event = server.emit(1.0, "info", "x", "y")
        welcome, topics, events = await asyncio.to_thread(ask, path, HELLO)
        assert (welcome, events) == (WELCOME, [event])
        assert {topic: len(msgspec.msgpack.decode(body)) for topic, body in topics.items()} == {"a": 1, "b": 500_000}


async def test_a_command_is_sent_once_and_answered(path: Path) -> None:
    seen: list[tuple[str, str]] = []

    async def handler(command: Command, peer: Peer) -> Reply:
        seen.append((command.verb, peer.program))
        return Reply(0, True, "done")

    async with serving(path, handler):
        assert await asyncio.to_thread(ask_command, path, HELLO, Command(5, "x", "resend")) == Reply(5, True, "done")
    assert seen == [("resend", "console")]


async def test_who_is_there_is_answered_without_the_topics(path: Path) -> None:
    async with serving(path):
        assert await asyncio.to_thread(greet, path, HELLO) == Welcome(1, "monitor", "1.2.3", 4711, "bastion", 100.0)


async def test_a_refusal_brings_its_remedy(path: Path) -> None:
    async with serving(path):
        with pytest.raises(Unreachable, match="use relay-console 1") as caught:
            await asyncio.to_thread(ask, path, Hello((9,), "command line", "9"))
    assert caught.value.trouble == "refused"


@pytest.mark.parametrize("question", [ask, greet])
def test_nobody_there_a_dead_socket_and_a_hung_process_are_told_apart(path: Path, question: Callable[[Path, Hello, float], object]) -> None:
    ends = {}
    path.parent.mkdir(mode=0o700)
    for step in ("absent", "died", "silent"):
        with socket.socket(socket.AF_UNIX) as other:
            if step == "died":
                other.bind(os.fspath(path))
                other.close()
            elif step == "silent":
                path.unlink()
                other.bind(os.fspath(path))
                other.listen()
            with pytest.raises(Unreachable) as caught:
                question(path, HELLO, 0.02)
            ends[step] = caught.value.trouble
    assert ends == {"absent": "absent", "died": "died", "silent": "silent"}


@pytest.mark.parametrize(
    ("said", "trouble"),
    [(b"", "closed"), (b"\x00\x00\x00\x05", "closed"), (b"HTTP/1.1 200 OK\r\n", "garbled"), (b"\x00\x00\x00\x01\x01", "garbled")],
)
async def test_what_is_no_server_of_ours_is_an_error_with_words(path: Path, said: bytes, trouble: str) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(said)
        writer.close()

    path.parent.mkdir(mode=0o700)
    async with await asyncio.start_unix_server(other, path):
        with pytest.raises(Unreachable) as caught:
            await asyncio.to_thread(ask, path, HELLO)
    assert caught.value.trouble in (trouble, "closed")  # an end with bytes unread resets the connection, and what it said may be lost
    assert str(caught.value)


def test_who_acts_is_the_user_and_where_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.1.2.3 50000 10.0.0.1 22")
    monkeypatch.setenv("SUDO_USER", "minsu")
    assert "(sudo of minsu) from 10.1.2.3" in actor()
