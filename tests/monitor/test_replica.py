"""The console's side: a store that follows a monitor over a real socket, and the same store over an engine in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from backends.questions import Records, RecordsOf
from backends.snapshots import Snapshot
from backends.source import Answer, Unavailable, Unconfigured
from link.errors import StartFailed
from link.protocol import Command, Hello, Reply, Welcome
from link.server import Peer, Server
from link.start import Started
from monitor.replica import Link, LocalLink, SocketLink, ask
from monitor.revive import Start
from monitor.store import MonitorStatus
from tests.monitor.fakes import FakeSource, queues
from tests.waiting import until

HELLO = Hello((1,), "console", "1")
STATUS = MonitorStatus("1", 4711, "bastion", 1.0, "/etc/config.yaml", 1)


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "run" / "monitor.sock"


async def handler(command: Command, peer: Peer) -> Reply:
    return Reply(0, True, f"{command.target} {command.verb} {command.actor != ''}")


def snapshot(source: str) -> Snapshot:
    return Snapshot(source, "queues", "ok", observed_at=1.0, data=queues("DLQ"), interval_s=5.0)


def publish(server: Server, *sources: str) -> None:
    for source in sources:
        server.publish(f"source/{source}", msgspec.msgpack.encode(snapshot(source)))


@asynccontextmanager
async def monitoring(socket: Path, pid: int = 4711) -> AsyncIterator[Server]:
    server = Server(socket, Welcome(1, "monitor", "1", pid, "bastion", 1.0), handler)
    await server.start()
    server.publish("monitor", msgspec.msgpack.encode(STATUS))
    try:
        yield server
    finally:
        await server.close()


class Console:
    """A link that runs, and how often it rang."""

    def __init__(self, link: Link) -> None:
        self.link, self.store = link, link.store
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1

    @property
    def sources(self) -> list[str]:
        return list(self.store.snapshots)

    @property
    def events(self) -> list[str]:
        return [event.text for event in self.store.events]

    async def sees(self, error: str) -> None:
        await until(lambda: error in (self.link.state.error or ""))


@asynccontextmanager
async def attached(link: Link) -> AsyncIterator[Console]:
    console = Console(link)
    task = asyncio.create_task(link.run(console.ring))
    try:
        yield console
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_store_follows_the_monitor(socket: Path) -> None:
    async with monitoring(socket) as server, attached(SocketLink(socket, HELLO, clock=lambda: 50.0)) as console:
        publish(server, "broker-a", "broker-b")
        server.emit(2.0, "warning", "broker-a", "DLQ")
        await until(lambda: console.events == ["DLQ"] and len(console.sources) == 2)
        assert console.store.monitor == STATUS
        assert console.store.snapshots["broker-a"] == snapshot("broker-a")
        state = console.link.state
        assert (state.connected, state.error, state.last_heard_at, state.started_by_us) == (True, None, 50.0, False)
        assert state.welcome == server.welcome
        server.withdraw("source/broker-a")
        await until(lambda: console.sources == ["broker-b"])


async def test_a_burst_rings_once_a_turn(socket: Path) -> None:
    async with monitoring(socket) as server, attached(SocketLink(socket, HELLO)) as console:
        await until(lambda: console.store.monitor)
        rings = console.rings
        for number in range(200):
            server.emit(1.0, "info", "x", str(number))
        await until(lambda: len(console.events) == 200)
        assert console.rings - rings < 20


async def test_after_a_reconnect_what_is_gone_is_forgotten_and_no_event_is_told_twice(socket: Path) -> None:
    async with attached(SocketLink(socket, HELLO)) as console:
        async with monitoring(socket) as server:
            publish(server, "a", "b")
            server.emit(1.0, "info", "x", "one")
            await until(lambda: console.events and len(console.sources) == 2)
        async with monitoring(socket) as server:  # the same monitor as far as anybody can tell
            publish(server, "b")
            server.emit(1.0, "info", "x", "one")
            server.emit(1.0, "info", "x", "two")
            await until(lambda: console.events == ["one", "two"] and console.sources == ["b"])


async def test_the_events_of_a_new_monitor_come_after_those_of_the_old_one(socket: Path) -> None:
    async with attached(SocketLink(socket, HELLO)) as console:
        async with monitoring(socket) as server:
            server.emit(1.0, "info", "x", "old")
            await until(lambda: console.events)
        async with monitoring(socket, pid=4712) as server:
            server.emit(1.0, "info", "x", "new")
            await until(lambda: console.events == ["old", "new"])


async def test_what_a_newer_monitor_says_in_other_words_is_left_out(socket: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with monitoring(socket) as server, attached(SocketLink(socket, HELLO)) as console:
        server.publish("source/odd", msgspec.msgpack.encode({"name": 3}))
        server.publish("weather", msgspec.msgpack.encode("sunny"))
        publish(server, "a")
        await until(lambda: console.sources == ["a"])
    assert "topic source/odd is not understood" in caplog.text


async def test_a_command_says_who_acts(socket: Path) -> None:
    async with monitoring(socket), attached(SocketLink(socket, HELLO)) as console:
        await until(lambda: console.link.state.connected)
        assert await console.link.command("broker-a", "purge") == Reply(1, True, "broker-a purge True")


async def test_without_a_start_a_missing_monitor_is_only_told(socket: Path) -> None:
    async with attached(SocketLink(socket, HELLO)) as console:
        await console.sees("monitor: not running")
        assert (await console.link.command("a", "b")).ok is False


class Starter:
    """Brings up a monitor in this process, as `connect_or_start` does in another one."""

    def __init__(self, socket: Path, *, failures: int = 0) -> None:
        self.socket, self.failures = socket, failures
        self.loop = asyncio.get_running_loop()
        self.starts = 0
        self.servers: list[Server] = []

    def __call__(self) -> Started:
        self.starts += 1
        if self.starts <= self.failures:
            raise StartFailed("it ended at once: config.yaml:3:1: unknown key")
        asyncio.run_coroutine_threadsafe(self._bring_up(), self.loop).result(10)
        return Started(True, 4000 + self.starts)

    async def _bring_up(self) -> None:
        server = Server(self.socket, Welcome(1, "monitor", "1", 4000 + self.starts, "", 1.0), handler)
        await server.start()
        self.servers.append(server)

    async def dies(self) -> None:
        """Without a goodbye, and its socket stays."""
        server = self.servers.pop()
        server._inode = None
        await server.close()


@asynccontextmanager
async def starting(socket: Path, failures: int = 0) -> AsyncIterator[tuple[Starter, Console]]:
    starter = Starter(socket, failures=failures)
    start: Start = starter
    async with attached(SocketLink(socket, HELLO, start)) as console:
        yield starter, console
    for server in starter.servers:
        await server.close()


async def test_a_monitor_that_is_not_there_is_started_and_we_remember_that_it_was_us(socket: Path) -> None:
    async with starting(socket) as (starter, console):
        await until(lambda: console.link.state.connected)
        assert (starter.starts, console.link.state.started_by_us) == (1, True)


async def test_a_monitor_that_dies_is_brought_back(socket: Path) -> None:
    async with starting(socket) as (starter, console):
        await until(lambda: console.link.state.connected)
        await starter.dies()
        await until(lambda: starter.starts == 2 and console.link.state.connected)


async def test_a_monitor_that_was_stopped_on_purpose_stays_stopped_until_somebody_starts_it(socket: Path) -> None:
    async with starting(socket) as (starter, console):
        await until(lambda: console.link.state.connected)
        server = starter.servers.pop()
        server.publish("monitor", msgspec.msgpack.encode(STATUS))
        server.withdraw("monitor")
        await server.close()
        await console.sees("the monitor was stopped")
        assert starter.starts == 1
        async with monitoring(socket):
            await until(lambda: console.link.state.connected)
        await until(lambda: starter.starts == 2)  # that one ended without a goodbye


async def test_why_a_monitor_cannot_be_started_is_shown_until_it_can(socket: Path) -> None:
    async with starting(socket, failures=1) as (_, console):
        await console.sees("the monitor could not be started: it ended at once: config.yaml:3:1: unknown key")
        await until(lambda: console.link.state.connected)
        assert console.link.state.error is None


async def test_a_local_link_is_an_engine_with_the_same_face() -> None:
    source = FakeSource(queues("DLQ"))
    async with attached(LocalLink([source, Unconfigured("heap", "add heap:")], "1")) as console:
        await until(lambda: "broker-a" in console.sources and console.store.snapshots["broker-a"].state == "ok")
        assert console.rings
        assert console.link.state.connected
        assert console.store.monitor is not None
        assert (console.store.monitor.demo, console.store.monitor.write) == (True, True)
        assert console.store.snapshots["heap"].state == "unconfigured"
        assert console.events == ["q0: DLQ: because"]
        assert await console.link.command("broker-a", "purge", {"queue": "q0"}) == Reply(0, True, "done")
        assert source.acts == [("purge", {"queue": "q0"}, {})]
        assert console.events[-1] == "purge: done"


@pytest.mark.parametrize(
    ("target", "verb", "came_of_it", "reply"),
    [
        ("broker-a", "purge", Unavailable("gone"), (False, "gone")),
        ("broker-a", "purge", Answer(False, "it changed"), (False, "it changed")),
        ("broker-a", "purge", TypeError("bug"), (False, "internal error in 'purge' (TypeError); see the log")),
        ("nobody", "purge", Answer(True, ""), (False, "there is no source 'nobody'")),
        ("nobody", "refresh", Answer(True, ""), (False, "there is no source 'nobody'")),
        ("monitor", "refresh", Answer(True, ""), (True, "asking now")),
    ],
)
async def test_a_local_link_answers_commands(target: str, verb: str, came_of_it: Answer | Exception, reply: tuple[bool, str]) -> None:
    source = FakeSource()
    source.act_answer = came_of_it
    async with attached(LocalLink([source])) as console:
        answer = await console.link.command(target, verb)
        assert (answer.ok, answer.text) == reply


async def test_a_question_is_answered_or_said_why_not(socket: Path) -> None:
    async with attached(LocalLink([FakeSource()])) as console:
        assert await ask(console.link, "broker-a", RecordsOf("orders")) == Records("t", (), 0)
        assert await ask(console.link, "nobody", RecordsOf("orders")) == "there is no source 'nobody'; there are broker-a"
    async with monitoring(socket), attached(SocketLink(socket, HELLO)) as console:
        await until(lambda: console.link.state.connected)
        told = await ask(console.link, "broker-a", RecordsOf("orders"))  # that monitor answers without any data
        assert isinstance(told, str) and "is the daemon of another version?" in told
