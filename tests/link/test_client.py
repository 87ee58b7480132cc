"""The client against the real server, in one process: what an operator is told in each kind of trouble, and that it comes back alone."""

import asyncio
import errno
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

import link.client
import link.errors
from link.client import Client, ClientState
from link.protocol import Beat, Command, Event, Hello, Publish, Reply, Welcome, Withdraw, encode
from link.server import Peer, Server
from tests.waiting import until

WELCOME = Welcome(1, "monitor", "1.2.3", 4711, "bastion", 100.0)
HELLO = Hello((1,), "console", "1.2.3")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "monitor.sock"


async def echo(command: Command, peer: Peer) -> Reply:
    return Reply(0, True, f"{command.target} {command.verb} {command.arguments} {command.expect} by {command.actor}")


@asynccontextmanager
async def serving(path: Path, on_command: link.server.Handler = echo) -> AsyncIterator[Server]:
    server = Server(path, WELCOME, on_command)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


class Listener:
    """A client, and everything it was told."""

    def __init__(self, path: Path, hello: Hello = HELLO) -> None:
        self.messages: list[Publish | Withdraw | Event | Beat] = []
        self.states: list[ClientState] = []
        self.client = Client(path, hello, self.messages.append, self.states.append)

    async def hears(self, kind: type[Publish | Withdraw | Event | Beat]) -> None:
        await until(lambda: any(isinstance(message, kind) for message in self.messages))

    async def is_connected(self) -> None:
        await until(lambda: self.client.state.connected)

    async def is_told(self, words: str) -> ClientState:
        await until(lambda: words in (self.client.state.error or ""))
        return self.client.state


@asynccontextmanager
async def listening(path: Path, hello: Hello = HELLO) -> AsyncIterator[Listener]:
    listener = Listener(path, hello)
    task = asyncio.create_task(listener.client.run())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_hears_everything_from_the_welcome_on(path: Path) -> None:
    async with serving(path) as server:
        server.publish("a", msgspec.msgpack.encode([1]))
        server.emit(1.0, "info", "x", "y")
        async with listening(path) as listener:
            await listener.hears(Beat)
            server.withdraw("a")
            await listener.hears(Withdraw)
            assert [type(message) for message in listener.messages] == [Event, Publish, Beat, Withdraw]
            assert listener.states == [ClientState(True, welcome=WELCOME)]


async def test_a_server_that_is_not_there_yet_is_found_as_soon_as_it_is(path: Path) -> None:
    async with listening(path) as listener:
        state = await listener.is_told("not running: there is no socket")
        assert state.trouble == "absent"
        async with serving(path):
            listener.client.retry_now()
            await listener.is_connected()


async def test_a_server_that_comes_back_is_attached_again(path: Path) -> None:
    async with listening(path) as listener:
        async with serving(path):
            await listener.is_connected()
        state = await listener.is_told("not running")
        assert state.welcome == WELCOME
        async with serving(path):
            await listener.is_connected()


async def test_a_socket_without_a_process_means_it_died(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))
    async with listening(path) as listener:
        assert (await listener.is_told("it died")).trouble == "died"


async def test_a_refusal_is_shown_with_its_remedy(path: Path) -> None:
    async with serving(path), listening(path, Hello((7,), "console", "7.0")) as listener:
        state = await listener.is_told("speaks protocol 1")
        assert state.trouble == "refused"
        assert "kill -TERM 4711" in (state.error or "")


async def test_what_is_no_server_of_ours_is_named_as_such(path: Path) -> None:
    async def banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await reader.read()
        writer.close()

    path.parent.mkdir(mode=0o700)
    async with await asyncio.start_unix_server(banner, path), listening(path) as listener:
        assert (await listener.is_told("is none of ours")).trouble == "garbled"


async def test_silence_is_told_and_the_first_word_after_it_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link.client, "SILENCE", 0.02)
    async with serving(path) as server, listening(path) as listener:
        state = await listener.is_told("the monitor (pid 4711) hangs or is suspended")
        assert (state.trouble, state.connected) == ("silent", False)
        states = len(listener.states)
        server.emit(1.0, "info", "x", "awake")
        await until(lambda: ClientState(True, welcome=WELCOME) in listener.states[states:])


async def test_a_process_that_takes_the_connection_and_says_nothing_hangs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link.client, "SILENCE", 0.02)
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(os.fspath(path))
        hung.listen()
        async with listening(path) as listener:
            assert (await listener.is_told("hangs or is suspended")).trouble == "silent"


async def test_a_command_carries_all_it_was_given_and_brings_the_reply(path: Path) -> None:
    async with serving(path), listening(path) as listener:
        await listener.is_connected()
        reply = await listener.client.command("broker", "purge", {"queue": "q"}, {"pending": 3}, actor="minsu")
        assert reply == Reply(1, True, "broker purge {'queue': 'q'} {'pending': 3} by minsu")


async def test_a_command_without_a_connection_is_a_reply_that_says_so(path: Path) -> None:
    async with listening(path) as listener:
        await listener.is_told("not running")
        reply = await listener.client.command("broker", "purge")
        assert (reply.ok, reply.text.partition(":")[0]) == (False, "not sent")


async def test_a_command_that_gets_no_answer_says_that_it_may_have_happened(path: Path) -> None:
    async def sleepy(command: Command, peer: Peer) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(path, sleepy), listening(path) as listener:
        await listener.is_connected()
        reply = await listener.client.command("broker", "purge", deadline=0.01)
        assert reply == Reply(1, False, "no answer within 0.01 s; whether 'purge' happened is not known")


async def test_a_command_whose_server_dies_is_answered_at_once(path: Path) -> None:
    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(encode(WELCOME))
        await reader.readexactly(len(encode(HELLO)) + 10)
        writer.transport.abort()

    path.parent.mkdir(mode=0o700)
    async with await asyncio.start_unix_server(dying, path), listening(path) as listener:
        await listener.is_connected()
        reply = await listener.client.command("broker", "purge")
        assert "whether it happened is not known" in reply.text


async def test_a_command_too_large_for_a_frame_is_not_sent(path: Path) -> None:
    async with serving(path), listening(path) as listener:
        await listener.is_connected()
        reply = await listener.client.command("broker", "send", {"body": "x" * (17 << 20)})
        assert (reply.ok, reply.text.partition(":")[0]) == (False, "not sent")


def test_the_socket_of_another_user_names_both_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = link.errors.unreachable(tmp_path / "no" / "such.sock", PermissionError(errno.EACCES, "Permission denied"))
    owner = link.errors.user_name(tmp_path.stat().st_uid)
    assert error.trouble == "denied"
    assert str(error).endswith(f"such.sock belongs to {owner}; you are {link.errors.user_name(os.geteuid())}")


def test_reading_once_costs_no_asyncio() -> None:
    code = "import sys, link.client; print(sorted({'asyncio', 'logging', 'subprocess'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[]\n"
