"""The transport of incoming connections, beside real sockets: what asyncio promises a protocol holds here too."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from relay.receiving.streams import Stream, Streams
from tests.relay.running import DEADLINE, until


class Echo(asyncio.Protocol):
    """Notes what it hears; `b"!"` is a bug."""

    def __init__(self, heard: "list[Echo]") -> None:
        self.data = b""
        self.ended = 0
        self.lost: list[Exception | None] = []
        self.paused: list[bool] = []
        self.stays = True
        heard.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.stream = cast(Stream, transport)

    def data_received(self, data: bytes) -> None:
        if data == b"!":
            raise ValueError("a bug")
        self.data += data

    def eof_received(self) -> bool:
        self.ended += 1
        return self.stays

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.append(error)

    def pause_writing(self) -> None:
        self.paused.append(True)

    def resume_writing(self) -> None:
        self.paused.append(False)


class Port:
    def __init__(self) -> None:
        self.heard: list[Echo] = []
        listening = socket.create_server(("127.0.0.1", 0))
        self.address = listening.getsockname()
        self.streams = Streams(listening, lambda: Echo(self.heard))

    async def connect(self) -> "tuple[socket.socket, Echo]":
        count = len(self.heard)
        client = socket.socket()
        client.setblocking(False)
        async with asyncio.timeout(DEADLINE):
            await asyncio.get_running_loop().sock_connect(client, self.address)
        await until(lambda: len(self.heard) > count, "it is accepted")
        return client, self.heard[-1]


@contextlib.asynccontextmanager
async def port() -> AsyncIterator[Port]:
    found = Port()
    try:
        yield found
    finally:
        found.streams.close()
        for stream in list(found.streams.streams.values()):
            stream.abort()
        await until(lambda: found.streams.epoll.closed, "the epoll is closed with the last connection")


async def read(client: socket.socket, size: int = 1 << 20) -> bytes:
    async with asyncio.timeout(DEADLINE):
        return await asyncio.get_running_loop().sock_recv(client, size)


async def test_what_is_written_arrives_and_who_wrote_it_is_known() -> None:
    async with port() as here:
        client, echo = await here.connect()
        with client:
            client.send(b"hello")
            await until(lambda: echo.data == b"hello", "it is read")
            echo.stream.write(b"answer")
            assert await read(client) == b"answer"
            assert echo.stream.get_extra_info("peername") == client.getsockname()


async def test_a_peer_that_has_ended_may_still_be_answered() -> None:
    async with port() as here:
        client, echo = await here.connect()
        with client:
            client.shutdown(socket.SHUT_WR)
            await until(lambda: echo.ended == 1, "its end is heard, once")
            echo.stream.write(b"late")
            echo.stream.close()
            assert await read(client) == b"late"
            assert await read(client) == b""
        await until(lambda: echo.lost == [None], "it is told")


async def test_a_peer_that_does_not_read_is_waited_for_and_gets_everything() -> None:
    async with port() as here:
        client, echo = await here.connect()
        with client:
            whole = bytes(range(256)) * 80_000
            echo.stream.write(whole)
            assert echo.paused == [True]
            assert echo.stream.get_write_buffer_size() > 0
            echo.stream.write_eof()
            got = b""
            while piece := await read(client):
                got += piece
            assert got == whole
            assert echo.paused == [True, False]
            assert not echo.lost


async def test_a_close_sends_what_is_waiting_and_an_abort_does_not() -> None:
    async with port() as here:
        for name in ("close", "abort"):
            client, echo = await here.connect()
            with client:
                echo.stream.write(b"x" * 20_000_000)
                getattr(echo.stream, name)()
                assert echo.stream.is_closing()
                echo.stream.write(b"never")
                size = 0
                with contextlib.suppress(ConnectionError):
                    while piece := await read(client):
                        size += len(piece)
                assert (size == 20_000_000) is (name == "close")
            await until(lambda found=echo: len(found.lost) == 1, "it is told once")  # type: ignore[misc]


async def test_who_is_paused_is_not_read_from_and_a_reset_is_noticed_all_the_same() -> None:
    async with port() as here:
        client, echo = await here.connect()
        echo.stream.pause_reading()
        client.send(b"later")
        await asyncio.sleep(0.05)
        assert echo.data == b""
        echo.stream.resume_reading()
        await until(lambda: echo.data == b"later", "it is read then")
        echo.stream.pause_reading()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        await until(lambda: len(echo.lost) == 1, "it is told")
        assert isinstance(echo.lost[0], ConnectionError)


async def test_a_bug_in_one_connection_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async with port() as here:
        bad, broken = await here.connect()
        good, echo = await here.connect()
        with bad, good:
            bad.send(b"!")
            await until(lambda: len(broken.lost) == 1, "that one is cut")
            good.send(b"fine")
            await until(lambda: echo.data == b"fine", "the other goes on")
    assert "a bug" in caplog.text


async def test_connections_live_on_when_no_more_are_accepted_and_those_in_the_queue_are_let_in() -> None:
    async with port() as here:
        client, echo = await here.connect()
        with client, socket.create_connection(here.address) as waiting:
            here.streams.accept_waiting()
            assert len(here.heard) == 2
            here.streams.close()
            with pytest.raises(ConnectionRefusedError), socket.create_connection(here.address):
                pass
            client.send(b"on")
            waiting.send(b"in")
            await until(lambda: [each.data for each in here.heard] == [b"on", b"in"], "both are heard")
            assert not echo.lost


class Poor:
    """A listening socket of a process without file descriptors; then with one."""

    def __init__(self, real: socket.socket, fails: int) -> None:
        self._real = real
        self.fails = fails

    def _accept(self) -> Any:
        if self.fails:
            self.fails -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._real._accept()  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


async def test_without_file_descriptors_it_rests_and_accepts_again_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Echo] = []
    poor = Poor(socket.create_server(("127.0.0.1", 0)), 2)
    streams = Streams(cast(socket.socket, poor), lambda: Echo(heard))
    with socket.create_connection(poor.getsockname()) as client:
        await until(lambda: len(heard) == 1, "it is accepted in the end")
        assert poor.fails == 0
        assert caplog.text.count("Too many open files") == 2
        client.send(b"in")
        await until(lambda: heard[0].data == b"in", "and heard")
        heard[0].stream.abort()
    streams.close()
    await until(lambda: streams.epoll.closed, "all is over")
