"""The relay as a source: it says what the relay last said, and why it cannot when the relay is not there."""

import asyncio
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from backends.relay import RelaySource, Section, sources
from backends.source import Context, Unavailable
from link.protocol import PROTOCOL, Command, Reply, Welcome
from link.server import Peer, Server
from relay.status import RelayStatus
from tests.waiting import PATIENCE, until

NOW = 1_800_000_000.0


class FakeRelay:
    """A real link server that says it is a relay and writes down what it is told."""

    def __init__(self, socket: Path, started_at: float = NOW) -> None:
        self.commands: list[Command] = []
        self.server = Server(socket, Welcome(PROTOCOL, "relay", "1", 4711, "here", started_at), self._take)

    async def _take(self, command: Command, peer: Peer) -> Reply:
        self.commands.append(command)
        return Reply(command.id, True, "partner-a is paused")

    def says(self, pid: int) -> None:
        status = RelayStatus((), (), (), 0, None, None, pid=pid)
        self.server.publish("status", msgspec.msgpack.encode(status))


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return folder / "relay.sock"


def source_of(socket: Path, events: list[tuple[float, str, str, str]] | None = None) -> RelaySource:
    return RelaySource(socket, "1", lambda *event: (events if events is not None else []).append(event))


async def test_there_is_always_one_relay_even_with_an_empty_section(socket: Path) -> None:
    (found,) = sources(Section(), Context({}, str(socket), "1"))
    assert (found.name, found.kind) == ("relay", "relay")
    await found.close()


async def test_what_the_relay_said_last_is_observed(socket: Path) -> None:
    relay, source = FakeRelay(socket), source_of(socket)
    await relay.server.start()
    try:
        relay.says(pid=1)
        relay.says(pid=2)
        assert (await source.observe(NOW)).pid == 2
    finally:
        await source.close()
        await relay.server.close()


async def test_what_happens_in_the_relay_is_passed_on_once_and_in_order_also_when_the_link_broke(socket: Path) -> None:
    events: list[tuple[float, str, str, str]] = []
    relay, source = FakeRelay(socket), source_of(socket, events)
    relay.server.emit(NOW, "critical", "partner-a", "its certificate has ended")
    await relay.server.start()
    try:
        relay.says(pid=1)
        await source.observe(NOW)
        relay.server.emit(NOW + 1, "info", "relay", "the configuration was read again")
        await until(lambda: len(events) == 2)
        await source.close()
        relay.server.emit(NOW + 2, "warning", "partner-a", "while nobody listened")
        await source.observe(NOW)
        await until(lambda: len(events) == 3)
    finally:
        await source.close()
        await relay.server.close()
    assert [(at - NOW, text) for at, _, _, text in events] == [
        (0, "its certificate has ended"),
        (1, "the configuration was read again"),
        (2, "while nobody listened"),
    ]


async def test_another_relay_begins_its_events_anew(socket: Path) -> None:
    events: list[tuple[float, str, str, str]] = []
    source = source_of(socket, events)
    try:
        for started_at, text in ((NOW, "of the first"), (NOW + 60, "of the second")):
            relay = FakeRelay(socket, started_at)
            relay.server.emit(started_at, "info", "relay", text)
            await relay.server.start()
            relay.says(pid=1)
            async with asyncio.timeout(PATIENCE):
                while not events or events[-1][3] != text:
                    with suppress(Unavailable):
                        await source.observe(NOW)
                    await _a_moment()
            await relay.server.close()
    finally:
        await source.close()
    assert [each[3] for each in events] == ["of the first", "of the second"]


async def test_a_relay_that_does_not_run_is_unavailable_and_found_when_it_comes(socket: Path) -> None:
    source = source_of(socket)
    with pytest.raises(Unavailable, match=r"^not running: "):
        await source.observe(NOW)
    relay = FakeRelay(socket)
    await relay.server.start()
    relay.says(pid=3)
    try:
        for _ in range(20):
            try:
                found = await source.observe(NOW)
                break
            except Unavailable:
                await _a_moment()
        assert found.pid == 3
    finally:
        await source.close()
        await relay.server.close()


async def test_what_a_dead_relay_said_is_not_taken_for_news(socket: Path) -> None:
    relay, source = FakeRelay(socket), source_of(socket)
    await relay.server.start()
    relay.says(pid=1)
    await source.observe(NOW)
    await relay.server.close()
    with pytest.raises(Unavailable):
        for _ in range(20):
            await source.observe(NOW)
            await _a_moment()
    await source.close()


async def test_actions_become_commands_to_the_relay_and_unknown_ones_are_refused(socket: Path) -> None:
    relay, source = FakeRelay(socket), source_of(socket)
    await relay.server.start()
    relay.says(pid=1)
    try:
        await source.observe(NOW)
        answer = await source.act("pause", {"name": "partner-a"}, {})
        assert (answer.ok, answer.text) == (True, "partner-a is paused")
        assert [(command.target, command.verb, command.arguments) for command in relay.commands] == [
            ("relay", "pause", {"name": "partner-a"})
        ]
        assert not (await source.act("format", {}, {})).ok
    finally:
        await source.close()
        await relay.server.close()


async def test_a_status_of_another_version_says_what_to_do(socket: Path) -> None:
    relay, source = FakeRelay(socket), source_of(socket)
    await relay.server.start()
    relay.server.publish("status", msgspec.msgpack.encode({"receivers": 7}))
    try:
        with pytest.raises(Unavailable, match="restart both"):
            await source.observe(NOW)
    finally:
        await source.close()
        await relay.server.close()


async def _a_moment() -> None:
    """Lets the link reconnect; bounded by the loops above."""
    await asyncio.sleep(0.1)
