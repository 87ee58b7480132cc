"""The server over a real socket, in one process: what each reader gets, however slow, and what a reader costs that takes nothing."""

import asyncio
import logging
import os
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

import link.server
from link import place
from link.errors import AlreadyRunning, SocketUnusable
from link.place import Credentials
from link.protocol import Beat, Command, Event, Frames, Hello, Message, Publish, Refuse, Reply, Welcome, Withdraw, encode
from link.server import CHUNK, MAX_EVENTS, Peer, Server
from tests.waiting import PATIENCE, until

WELCOME = Welcome(1, "monitor", "1.2.3", 4711, "bastion", 100.0)
HELLO = Hello((1,), "console", "1.2.3")


async def nothing(command: Command, peer: Peer) -> Reply:
    return Reply(0, True, f"{command.verb} for {peer.program}")


@asynccontextmanager
async def serving(path: Path, on_command: link.server.Handler = nothing) -> AsyncIterator[Server]:
    server = Server(path, WELCOME, on_command, clock=lambda: 123.0)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


class Caller:
    """A client in a few lines, to see exactly what the server says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames = Frames()
        self.heard: list[Message] = []

    async def hears(self, kind: type[Message]) -> Message:
        """The next message of that kind; what came before it is dropped."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while self.heard:
                    if isinstance(message := self.heard.pop(0), kind):
                        return message
                data = await self.reader.read(1 << 16)
                assert data, "the server closed the connection"
                self.heard += self.frames.feed(data)

    async def hears_until(self, last: Message) -> list[Message]:
        heard: list[Message] = []
        while not heard or heard[-1] != last:
            heard.append(await self.hears(Message))  # type: ignore[arg-type]
        return heard

    async def hears_the_end(self) -> list[Message]:
        async with asyncio.timeout(PATIENCE):
            self.heard += self.frames.feed(await self.reader.read(-1))
            return self.heard

    def says(self, message: Message) -> None:
        self.writer.write(encode(message))


@asynccontextmanager
async def calling(path: Path, hello: Message | None = HELLO) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_unix_connection(path)
    caller = Caller(reader, writer)
    if hello is not None:
        caller.says(hello)
    try:
        yield caller
    finally:
        writer.close()


def body(value: object) -> bytes:
    return msgspec.msgpack.encode(value)


def told(message: Message) -> object:
    assert isinstance(message, Publish)
    return msgspec.msgpack.decode(message.body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "monitor.sock"


async def test_who_attaches_is_welcomed_and_caught_up_at_the_first_beat(path: Path) -> None:
    async with serving(path) as server:
        server.publish("source/main", body("old"))
        server.publish("source/main", body("new"))
        server.publish("source/gone", body(1))
        server.withdraw("source/gone")
        event = server.emit(5.0, "warning", "main", "lag")
        async with calling(path) as caller:
            welcome, first, topic, beat = await caller.hears_until(Beat(123.0))
            assert (welcome, first, beat) == (WELCOME, event, Beat(123.0))
            assert told(topic) == "new"


async def test_everybody_hears_news_in_order(path: Path) -> None:
    async with serving(path) as server, calling(path) as one, calling(path) as two:
        await one.hears(Beat)
        await two.hears(Beat)
        for number in range(3):
            server.emit(float(number), "info", "x", "happened")
        server.publish("a", body(1))
        server.withdraw("a")
        for caller in (one, two):
            assert [getattr(await caller.hears(Event), "sequence", None) for _ in range(3)] == [1, 2, 3]
            assert told(await caller.hears(Publish)) == 1
            assert await caller.hears(Withdraw) == Withdraw("a")


async def test_who_wants_only_answers_hears_no_topics(path: Path) -> None:
    async with serving(path) as server:
        server.publish("a", body(1))
        async with calling(path, Hello((1,), "command line", "1", wants="answers")) as caller:
            assert await caller.hears_until(Beat(123.0)) == [WELCOME, Beat(123.0)]
            server.publish("a", body(2))
            caller.says(Command(9, "monitor", "refresh"))
            assert await caller.hears_until(Reply(9, True, "refresh for command line"))


async def test_a_reader_that_takes_nothing_costs_one_chunk_and_wakes_to_the_newest_of_each_topic(path: Path) -> None:
    big = bytes(200_000)
    async with serving(path) as server:
        with socket.socket(socket.AF_UNIX) as stalled:
            stalled.connect(os.fspath(path))
            stalled.sendall(encode(HELLO))
            async with calling(path) as other:
                await other.hears(Beat)
            assert server.peers, "the stalled reader is attached"
            tracemalloc.start()
            for number in range(300):
                for topic in ("a", "b", "c"):
                    server.publish(topic, body([number, big]))
                server.emit(0.0, "info", "x", f"event {number}")
                await asyncio.sleep(0)
            held, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            # The three newest bodies, one that is half sent, one chunk; 180 MB were published.
            assert held < 5 * len(big) + CHUNK + 100_000
            heard = await asyncio.to_thread(read_until_beat_after, stalled, 299)
    bodies = [told(message) for message in heard if isinstance(message, Publish)]
    assert len(bodies) <= 8, "no queue of old bodies"
    assert [value[0] for value in bodies[-3:] if isinstance(value, list)] == [299] * 3
    assert [message.sequence for message in heard if isinstance(message, Event)] == list(range(1, 301))


def read_until_beat_after(connection: socket.socket, newest: int) -> list[Message]:
    """Reads until each of three topics was heard with its newest number."""
    connection.settimeout(PATIENCE)
    frames, heard, current = Frames(), list[Message](), set[str]()
    while len(current) < 3:
        for message in frames.feed(connection.recv(1 << 16)):
            heard.append(message)
            if isinstance(message, Publish) and msgspec.msgpack.decode(message.body)[0] == newest:
                current.add(message.topic)
    return heard


async def test_a_reader_that_missed_more_events_than_are_kept_sees_the_hole(path: Path) -> None:
    async with serving(path) as server:
        for number in range(MAX_EVENTS + 7):
            server.emit(float(number), "info", "x", "storm")
        async with calling(path) as caller:
            heard = [message for message in await caller.hears_until(Beat(123.0)) if isinstance(message, Event)]
            assert [heard[0].sequence, heard[-1].sequence, len(heard)] == [8, MAX_EVENTS + 7, MAX_EVENTS]


async def test_a_long_event_is_cut(path: Path) -> None:
    async with serving(path) as server:
        assert len(server.emit(0.0, "info", "x", "y" * 100_000).text) == link.server.MAX_EVENT_TEXT


async def test_commands_run_concurrently_and_each_gets_its_own_reply(path: Path) -> None:
    second_ran = asyncio.Event()

    async def handler(command: Command, peer: Peer) -> Reply:
        if command.verb == "first":
            await second_ran.wait()
        second_ran.set()
        return Reply(0, True, command.verb)

    async with serving(path, handler), calling(path) as caller:
        caller.says(Command(1, "x", "first"))
        caller.says(Command(2, "x", "second"))
        assert await caller.hears(Reply) == Reply(2, True, "second")
        assert await caller.hears(Reply) == Reply(1, True, "first")


async def test_a_handler_with_a_bug_answers_and_leaves_its_traceback_in_the_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(command: Command, peer: Peer) -> Reply:
        raise ZeroDivisionError("the bug")

    async with serving(path, handler), calling(path) as caller:
        caller.says(Command(1, "x", "purge"))
        assert await caller.hears(Reply) == Reply(1, False, "internal error in 'purge' (ZeroDivisionError); see the log")
    assert "the bug" in caplog.text


async def test_a_client_that_sends_more_commands_than_it_takes_replies_is_no_longer_read(path: Path) -> None:
    started: list[int] = []
    gate = asyncio.Event()

    async def handler(command: Command, peer: Peer) -> Reply:
        started.append(command.id)
        await gate.wait()
        return Reply(0, True, "")

    async with serving(path, handler), calling(path) as caller, calling(path) as other:
        await caller.hears(Beat)
        for number in range(link.server.MAX_UNANSWERED):
            caller.says(Command(number, "x", "y"))
            await caller.writer.drain()
        await until(lambda: len(started) == link.server.MAX_UNANSWERED)
        caller.says(Command(100, "x", "y"))
        other.says(Command(200, "x", "y"))
        await until(lambda: 200 in started)
        assert 100 not in started
        gate.set()
        await until(lambda: 100 in started)


async def test_a_command_may_carry_a_message_of_8_mib_and_each_client_has_one_such_at_a_time(path: Path) -> None:
    started: list[int] = []
    gate = asyncio.Event()

    async def handler(command: Command, peer: Peer) -> Reply:
        started.append(command.id)
        await gate.wait()
        return Reply(0, True, str(len(command.arguments["body_base64"] or "")))  # type: ignore[arg-type]

    body = "x" * ((8 << 20) * 4 // 3)
    async with serving(path, handler), calling(path) as caller, calling(path) as other:
        await caller.hears(Beat)
        caller.says(Command(1, "x", "send", {"body_base64": body}))
        await until(lambda: started == [1])
        caller.says(Command(2, "x", "send", {"body_base64": ""}))
        other.says(Command(3, "x", "send", {"body_base64": ""}))
        await until(lambda: 3 in started)
        assert 2 not in started
        gate.set()
        assert await caller.hears(Reply) == Reply(1, True, str(len(body)))
        await until(lambda: 2 in started)


@pytest.mark.parametrize(
    ("hello", "reason", "how"),
    [
        (Hello((2, 3), "console", "9.0"), "speaks protocol 1; console 9.0 speaks 2, 3", "use relay-console 1.2.3, or stop pid 4711"),
        (Hello((), "console", "9.0"), "speaks none", "use relay-console 1.2.3"),
        (Beat(1.0), "the first message is Hello, not Beat", "docs/link-protocol.md"),
    ],
)
async def test_who_cannot_talk_to_us_is_told_why_and_what_would_work(path: Path, hello: Message, reason: str, how: str) -> None:
    async with serving(path) as server, calling(path, hello) as caller:
        (refuse,) = await caller.hears_the_end()
        assert isinstance(refuse, Refuse)
        assert reason in refuse.reason
        assert how in refuse.how
        assert server.peers == ()


async def test_garbage_is_refused_and_the_next_client_is_served(path: Path) -> None:
    async with serving(path):
        async with calling(path, None) as caller:
            caller.writer.write(b"GET / HTTP/1.1\r\n\r\n")
            (refuse,) = await caller.hears_the_end()
            assert isinstance(refuse, Refuse)
        async with calling(path) as caller:
            assert await caller.hears(Welcome) == WELCOME


async def test_another_user_is_refused_and_root_is_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(path):
        monkeypatch.setattr(place, "credentials", lambda connection: Credentials(1, os.geteuid() + 54321, 1))
        async with calling(path) as caller:
            (refuse,) = await caller.hears_the_end()
            assert isinstance(refuse, Refuse)
            assert "belongs to" in refuse.reason
            assert f"uid {os.geteuid() + 54321}" in refuse.reason
        monkeypatch.setattr(place, "credentials", lambda connection: Credentials(1, 0, 0))
        async with calling(path) as caller:
            assert await caller.hears(Welcome) == WELCOME


async def test_a_connection_that_never_says_hello_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link.server, "HELLO_DEADLINE", 0.02)
    async with serving(path), calling(path, None) as caller:
        with pytest.raises((ConnectionError, AssertionError)):
            await caller.hears(Welcome)


async def test_one_client_too_many_is_refused_with_a_sentence(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link.server, "MAX_CLIENTS", 1)
    async with serving(path), calling(path) as first:
        await first.hears(Welcome)
        async with calling(path) as second:
            assert await second.hears_the_end() == [Refuse("1 programs are attached to this monitor already", "close one of them")]


async def test_peers_are_those_who_were_welcomed_and_are_still_there(path: Path) -> None:
    async with serving(path) as server:
        async with calling(path) as caller:
            await caller.hears(Welcome)
            (peer,) = server.peers
            assert (peer.pid, peer.uid, peer.program, peer.since) == (os.getpid(), os.geteuid(), "console", 123.0)
        await until(lambda: not server.peers)


async def test_closing_hands_out_what_is_owed_and_removes_the_socket(path: Path) -> None:
    async with serving(path) as server, calling(path) as caller:
        await caller.hears(Beat)
        server.publish("big", body(bytes(3_000_000)))
        server.withdraw("monitor")
        server.publish("last", body("word"))
        ended = asyncio.create_task(caller.hears_the_end())
        await server.close()
        assert told((await ended)[-1]) == "word"
        assert not path.exists()


async def test_closing_does_not_wait_for_a_reader_that_takes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link.server, "FLUSH_DEADLINE", 0.02)
    async with serving(path) as server, calling(path) as caller:
        await caller.hears(Beat)
        server.publish("big", body(bytes(3_000_000)))
        async with asyncio.timeout(PATIENCE):
            await server.close()
        assert server.peers == ()


async def test_a_command_that_runs_at_closing_is_answered(path: Path) -> None:
    running = asyncio.Event()

    async def handler(command: Command, peer: Peer) -> Reply:
        running.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(path, handler) as server, calling(path) as caller:
        caller.says(Command(1, "x", "move"))
        await running.wait()
        await server.close()
        reply = await caller.hears(Reply)
        assert reply == Reply(1, False, "monitor is stopping; whether 'move' happened is not known")


async def test_the_socket_is_ours_alone(path: Path) -> None:
    async with serving(path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_a_socket_left_by_a_dead_process_is_replaced_and_a_live_one_is_not(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(path))
    async with serving(path), calling(path) as caller:
        assert await caller.hears(Welcome) == WELCOME
        with pytest.raises(AlreadyRunning, match=f"pid {os.getpid()} listens") as caught:
            await Server(path, WELCOME, nothing).start()
        assert caught.value.pid == os.getpid()
        assert path.exists()


async def test_closing_leaves_the_socket_of_a_successor_alone(path: Path) -> None:
    async with serving(path) as server:
        path.unlink()
        async with serving(path):
            await server.close()
            async with calling(path) as caller:
                assert await caller.hears(Welcome) == WELCOME


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda path: path.parent.mkdir(mode=0o755), "is open to others; run: chmod 700"),
        (lambda path: path.parent.write_text("a file"), "cannot make the directory"),
        (lambda path: (path.parent.mkdir(mode=0o700), path.write_text("a file")), "is in the way and no socket"),
    ],
)
async def test_a_place_that_cannot_hold_our_socket_is_named(path: Path, prepare: object, message: str) -> None:
    assert callable(prepare)
    prepare(path)
    with pytest.raises(SocketUnusable, match=message):
        await Server(path, WELCOME, nothing).start()


async def test_a_path_too_long_for_a_socket_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(SocketUnusable, match=r"the system allows 107; set a shorter relay\.directory"):
        await Server(tmp_path / ("x" * 120) / "monitor.sock", WELCOME, nothing).start()


async def test_a_directory_of_another_user_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    with pytest.raises(SocketUnusable, match=r"belongs to .*; you are uid 54321"):
        await Server(path, WELCOME, nothing).start()


async def test_the_server_works_on_uvloop_as_the_relay_runs_it(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    import uvloop

    async def story() -> list[Message]:
        async with serving(path) as server, calling(path) as caller:
            server.publish("big", body(bytes(1_000_000)))
            await caller.hears(Beat)
            caller.says(Command(1, "x", "y"))
            return [await caller.hears(Reply)]

    def run() -> list[Message]:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(story())

    caplog.set_level(logging.WARNING)
    assert await asyncio.to_thread(run) == [Reply(1, True, "y for console")]
    assert caplog.text == ""


async def test_what_is_only_offered_is_made_when_somebody_comes_to_read_it_and_once(path: Path) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(len(made) + 1)
        return body(made[-1])

    async with serving(path) as server:
        server.offer("status", make)
        server.offer("status", make)
        assert made == [] and not server.has_readers
        async with calling(path, msgspec.structs.replace(HELLO, wants="answers")) as caller:
            await caller.hears(Welcome)
            assert made == [] and not server.has_readers
        for _ in range(2):
            async with calling(path) as caller:
                assert await caller.hears(Publish) == Publish("status", msgspec.Raw(body(1)))
                assert server.has_readers
        assert made == [1]
        server.publish("status", body(7))
        async with calling(path) as caller:
            assert await caller.hears(Publish) == Publish("status", msgspec.Raw(body(7)))
