"""The whole monitor in this process, over real sockets: what consoles get, what signals do, what becomes of the relay."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

import monitor.service
from backends.broker import QueueVerdict
from backends.snapshots import Snapshot
from backends.source import Context, Source, Tell, Unavailable, Unconfigured
from link.ask import Known, ask, ask_command
from link.protocol import Command, Hello, Reply
from link.start import hold_lock
from monitor.service import ServiceOptions, serve
from monitor.store import MonitorStatus
from tests.monitor.fakes import FakeSource, queues
from tests.monitor.relays import relaying
from tests.waiting import PATIENCE, until

HELLO = Hello((1,), "console", "1")


class Monitor:
    """A monitor that runs, asked as the command line asks."""

    def __init__(self, options: ServiceOptions) -> None:
        self.options = options
        self.task = asyncio.create_task(serve(options))

    async def knows(self) -> Known:
        return await asyncio.to_thread(ask, self.options.socket, HELLO, PATIENCE)

    async def snapshot(self, source: str) -> Snapshot | None:
        topics = (await self.knows()).topics
        body = topics.get(f"source/{source}")
        return msgspec.msgpack.decode(body, type=Snapshot) if body else None

    async def status(self) -> MonitorStatus:
        return msgspec.msgpack.decode((await self.knows()).topics["monitor"], type=MonitorStatus)

    async def does(self, target: str, verb: str) -> Reply:
        return await asyncio.to_thread(ask_command, self.options.socket, HELLO, Command(1, target, verb, actor="minsu"), PATIENCE)

    async def is_up(self) -> None:
        await until(lambda: self.options.socket.exists() or self.task.done())

    async def shows(self, source: str, **fields: Any) -> Snapshot:
        """Waits until the snapshot has these fields."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = await self.snapshot(source)
                if found is not None and all(getattr(found, name) == value for name, value in fields.items()):
                    return found

    async def ends(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.task


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> FakeSource:
    """The only source that is configured."""
    made = FakeSource(queues("DLQ"))

    def build(sections: object, context: Context) -> list[Source | Unconfigured]:
        return [made, Unconfigured("heap", "add heap:")]

    monkeypatch.setattr(monitor.service, "build_sources", build)
    monkeypatch.setattr(monitor.service, "TICK", 0.02)
    return made


@pytest.fixture
def options(tmp_path: Path, source: FakeSource) -> ServiceOptions:
    return options_in(tmp_path)


def options_in(directory: Path, **fields: Any) -> ServiceOptions:
    run = directory / "run"
    return ServiceOptions({}, run / "monitor.sock", run / "relay.sock", directory / "audit.log", "1", "/etc/config.yaml", **fields)


@asynccontextmanager
async def monitoring(options: ServiceOptions) -> AsyncIterator[Monitor]:
    running = Monitor(options)
    await running.is_up()
    try:
        yield running
    finally:
        running.task.cancel()
        await asyncio.gather(running.task, return_exceptions=True)


async def test_a_console_gets_every_source_the_monitor_itself_and_what_happened(options: ServiceOptions) -> None:
    async with monitoring(options) as running:
        await running.shows("broker-a", state="ok")
        known = await running.knows()
        assert sorted(known.topics) == ["monitor", "source/broker-a", "source/heap"]
        assert [(event.severity, event.source, event.text) for event in known.events] == [("warning", "broker-a", "q0: DLQ: because")]
        assert (known.welcome.program, known.welcome.pid, known.welcome.config) == ("monitor", os.getpid(), "/etc/config.yaml")
        status = await running.status()
        assert (status.version, status.write, status.relay_pid) == ("1", False, None)


async def test_what_a_source_is_told_of_reaches_consoles_with_its_own_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tells: list[Tell] = []

    def build(sections: object, context: Context) -> list[Source | Unconfigured]:
        tells.append(context.tell)
        return []

    monkeypatch.setattr(monitor.service, "build_sources", build)
    async with monitoring(options_in(tmp_path)) as running:
        tells[0](1_700_000_000.0, "critical", "partner-a", "its certificate has ended")
        (event,) = (await running.knows()).events
    assert (event.at, event.severity, event.source, event.text) == (1_700_000_000.0, "critical", "partner-a", "its certificate has ended")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_nothing_is_left(options: ServiceOptions, source: FakeSource, number: signal.Signals) -> None:
    async with monitoring(options) as running:
        await running.shows("broker-a", state="ok")
        os.kill(os.getpid(), number)
        assert await running.ends() == 0
        assert source.closed == 1
        assert not options.socket.exists()
        with hold_lock(options.socket.with_suffix(".lock")):
            assert True


async def test_hangup_is_not_the_end(options: ServiceOptions, caplog: pytest.LogCaptureFixture) -> None:
    async with monitoring(options) as running:
        await running.shows("broker-a", state="ok")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: "SIGHUP" in caplog.text)
        assert await running.snapshot("broker-a")


async def test_stop_is_answered_written_down_and_done(options: ServiceOptions) -> None:
    async with monitoring(options) as running:
        assert await running.does("monitor", "stop") == Reply(1, True, "the monitor is stopping")
        assert await running.ends() == 0
    assert [json.loads(line)["verb"] for line in options.audit.read_text().splitlines()] == ["stop", "stop"]


async def test_actions_need_the_right_to_write(tmp_path: Path, source: FakeSource) -> None:
    async with monitoring(options_in(tmp_path)) as running:
        assert not (await running.does("broker-a", "purge")).ok
    async with monitoring(options_in(tmp_path, write=True)) as running:
        assert (await running.does("broker-a", "purge")).ok
        assert (await running.knows()).events[-1].text == "minsu: purge: done"
    assert len(source.acts) == 1


async def test_a_second_monitor_ends_with_69_and_says_who_runs(options: ServiceOptions, caplog: pytest.LogCaptureFixture) -> None:
    async with monitoring(options) as running:
        await running.shows("broker-a", state="ok")
        assert await serve(options) == 69
        assert f"already running: pid {os.getpid()}" in caplog.text
        assert await running.snapshot("broker-a")


async def test_a_socket_that_cannot_be_is_69_and_a_sentence(options: ServiceOptions, caplog: pytest.LogCaptureFixture) -> None:
    options.socket.parent.mkdir(mode=0o777)
    options.socket.parent.chmod(0o777)
    assert await serve(options) == 69
    assert "is open to others; run: chmod 700" in caplog.text


async def test_what_is_too_large_to_show_is_a_source_that_is_down(options: ServiceOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("link.protocol.MAX_FRAME", 500)
    monkeypatch.setattr(FakeSource, "observe", _observe_much)
    async with monitoring(options) as running:
        found = await running.shows("broker-a", state="down")
        assert "cannot be shown: a message of" in (found.error or "")


async def _observe_much(self: FakeSource, now: float) -> object:
    many: list[QueueVerdict] = ["DLQ"] * 50
    return queues(*many)


async def test_a_bug_in_its_own_wiring_ends_it_with_1(
    options: ServiceOptions, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: object) -> None:
        raise ZeroDivisionError("the bug")

    monkeypatch.setattr(monitor.service.Service, "_now", broken)
    async with monitoring(options) as running:
        assert await running.ends() == 1
    assert "the bug" in caplog.text


async def test_an_embedded_relay_is_drained_at_the_end(options: ServiceOptions) -> None:
    async with relaying(options.relay_socket) as relay, monitoring(options) as running:
        await until_relay(running, os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running.ends() == 0
        assert relay.verbs == ["drain"]
        assert not options.relay_socket.exists()


async def test_a_relay_of_its_own_is_left_running(options: ServiceOptions) -> None:
    async with relaying(options.relay_socket, embedded=False) as relay, monitoring(options) as running:
        await until_relay(running, os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running.ends() == 0
        assert relay.verbs == []


async def test_a_monitor_alone_drains_no_relay(tmp_path: Path, source: FakeSource) -> None:
    options = options_in(tmp_path, drains_relay=False)
    async with relaying(options.relay_socket) as relay, monitoring(options) as running:
        await until_relay(running, os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running.ends() == 0
        assert relay.verbs == []


async def test_a_second_signal_does_not_wait_for_the_drain(options: ServiceOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor.service, "IMPATIENT", 0.0)
    async with relaying(options.relay_socket, drains=False) as relay, monitoring(options) as running:
        await until_relay(running, os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: relay.verbs == ["drain"])
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running.ends() == 0


async def test_two_signals_at_once_are_one(options: ServiceOptions) -> None:
    async with relaying(options.relay_socket) as relay, monitoring(options) as running:
        await until_relay(running, os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        assert await running.ends() == 0
        assert relay.drained.is_set()
        assert not options.relay_socket.exists()


async def until_relay(running: Monitor, pid: int | None) -> int | None:
    """Waits until the monitor says that this relay, or with None any, is there."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await running.status()).relay_pid if "monitor" in (await running.knows()).topics else None
            if found is not None and pid in (None, found):
                return found
            await asyncio.sleep(0.02)


def with_relay(directory: Path, **fields: Any) -> ServiceOptions:
    """A relay that is a process of its own."""
    run = directory / "run"
    argv = [sys.executable, "-m", "tests.monitor.relays", str(run / "relay.sock"), str(run / "relay.lock")]
    return options_in(directory, relay_argv=argv, relay_log=directory / "relay.log", **fields)


async def test_a_relay_is_started_brought_back_adopted_by_the_next_monitor_and_drained(tmp_path: Path, source: FakeSource) -> None:
    options = with_relay(tmp_path)
    async with monitoring(options) as running:
        first = await until_relay(running, None)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        second = await until_relay(running, None)
        while second == first:
            second = await until_relay(running, None)
        running.task.cancel()  # as good as kill -9: nothing is drained
        await asyncio.gather(running.task, return_exceptions=True)
    async with monitoring(options) as running:
        assert await until_relay(running, None) == second
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running.ends() == 0
        assert not options.relay_socket.exists()


async def test_why_the_relay_does_not_come_up_stands_where_an_operator_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relay = FakeSource(Unavailable("relay: not running"), kind="relay", name="relay", interval=1.0)
    monkeypatch.setattr(monitor.service, "build_sources", lambda sections, context: [relay])
    options = msgspec.structs.replace(with_relay(tmp_path), relay_argv=[sys.executable, "-c", "import sys; sys.exit('port 9400 is taken')"])
    async with monitoring(options) as running:
        found = await running.shows("relay", state="down")
        assert "the relay could not be started: it was started and ended at once (exit code 1): port 9400 is taken" in (found.error or "")


def test_the_monitor_never_imports_textual_nor_a_client_library() -> None:
    heavy = {"textual", "kazoo", "confluent_kafka", "stomp", "aiohttp", "click"}
    code = f"import sys, monitor.service; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[]\n"
