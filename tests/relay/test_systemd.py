"""What systemd gives us and is told: sockets, readiness, signs of life."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.config import Receiver, Relay
from relay.systemd import Inherited, Notifier, Sockets, listening
from tests.relay.records import request, response
from tests.relay.running import DEADLINE, partner, running, until

UNITS = Path(__file__).parents[2] / "packaging/systemd"


def heard(manager: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Systemd's end of $NOTIFY_SOCKET, and its address as systemd writes it."""
    path = str(tmp_path / "notify") if request.param == "file" else f"@relay-console-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as found:
        found.bind("\0" + path[1:] if path.startswith("@") else path)
        found.setblocking(False)
        yield found, path


def test_what_it_is_told_reaches_it_on_either_kind_of_socket(manager: tuple[socket.socket, str]) -> None:
    environment = {"NOTIFY_SOCKET": manager[1]}
    notifier = Notifier(environment)
    notifier.ready()
    notifier.status("a listening")
    notifier.status("a listening")
    notifier.status("a\ndraining")
    notifier.alive(0.0)
    notifier.reloading()
    notifier.stopping()
    *said, reloading, stopping = heard(manager[0])
    assert said == ["READY=1", "STATUS=a listening", "STATUS=a draining"]  # and no sign of life: nobody asked for one
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", reloading)
    assert stopping == "STOPPING=1"
    assert environment == {}  # what we start must not speak for us


def test_signs_of_life_come_at_half_of_the_time_that_it_waits(manager: tuple[socket.socket, str]) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager[1], "WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())})
    for second in range(9):  # asked once a second
        notifier.alive(float(second))
    assert heard(manager[0]) == ["WATCHDOG=1"] * 3


@pytest.mark.parametrize("more", [{"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "soon"}])
def test_signs_of_life_that_another_is_asked_for_are_not_ours(manager: tuple[socket.socket, str], more: dict[str, str]) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager[1], "WATCHDOG_USEC": "10000000"} | more)
    notifier.alive(0.0)
    assert heard(manager[0]) == []


def test_a_manager_that_is_gone_or_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
    Notifier({}).ready()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "deaf")})
        for number in range(2000):
            notifier.status(str(number))


@pytest.mark.parametrize("environment", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}])
def test_sockets_of_another_process_are_not_ours(environment: dict[str, str]) -> None:
    assert listening(environment).left == []
    assert environment == {}


def bound(kind: int = socket.AF_INET, address: tuple[str, int] = ("127.0.0.1", 0)) -> socket.socket:
    found = socket.socket(kind)
    found.bind(address)
    found.listen()
    return found


def test_a_socket_goes_to_the_receiver_of_its_name_or_else_of_its_address() -> None:
    with bound() as first, bound() as second, bound() as third:
        host, port = second.getsockname()
        sockets = Sockets([Inherited("b", first), Inherited("unknown", second), Inherited("c", third)])
        assert sockets.take("a", "127.0.0.1:1") is None
        assert sockets.take("b", f"{host}:{port}") is first
        assert sockets.take("b", f"{host}:{port}") is second
        assert sockets.take("b", f"{host}:{port}") is None
        assert [each.name for each in sockets.left] == ["c"]


async def test_a_relay_listens_on_what_it_was_given_and_leaves_it_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Relay(directory=str(tmp_path / "r"), receivers=[Receiver(name="a", listen="127.0.0.1:1")])
    with bound() as ours:
        port = ours.getsockname()[1]
        for number in range(2):
            monkeypatch.setattr("relay.service.listening", lambda _: Sockets([Inherited("a", ours.dup())]))
            async with running(config) as relay, partner(relay.status()) as peer:
                assert relay.status().receivers[0].listen == f"127.0.0.1:{port}"
                await peer.send(request(number))
                assert await peer.answer() == response(number, 200)
            _, writer = await asyncio.open_connection("127.0.0.1", port)  # nobody accepts, and nobody refuses
            writer.close()


async def test_a_relay_says_when_it_is_ready_how_it_is_and_that_it_ends(
    tmp_path: Path, manager: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager[1])
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    said: list[str] = []

    def hears(text: str) -> bool:
        said.extend(heard(manager[0]))
        return text in said

    config = Relay(directory=str(tmp_path / "r"), receivers=[Receiver(name="a", listen="127.0.0.1:0")])
    async with running(config) as relay:
        await until(lambda: hears("READY=1"), "it is ready")
        await until(lambda: hears("WATCHDOG=1"), "it lives")
        assert "STATUS=a listening" in said
        relay.receivers[0].writer.close()  # a thread that is gone is a bug which only a new start heals
        await until(lambda: not relay.receivers[0].writer.is_alive, "the writer's thread ends")
        hears("")
        said.clear()
        await asyncio.sleep(1.2)
        assert not hears("WATCHDOG=1")
    assert hears("STOPPING=1")


# The units that we ship.


@pytest.mark.parametrize("unit", sorted(UNITS.iterdir()), ids=lambda path: path.name)
def test_a_unit_is_one_that_systemd_understands(unit: Path, tmp_path: Path) -> None:
    for line in unit.read_text().splitlines():
        assert re.fullmatch(r"(#.*|\[(Unit|Service|Socket|Install)\]|[A-Z][A-Za-z]+=.*|)", line), line
    if (analyze := shutil.which("systemd-analyze")) is None:
        return  # the rest is its word
    for path in UNITS.iterdir():  # with a program that is there
        (tmp_path / path.name).write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text(), flags=re.MULTILINE))
    command = [analyze, "verify", "--recursive-errors=no", "--man=no", str(tmp_path / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE * 4, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_waits_longer_for_a_drain_than_a_drain_takes() -> None:
    from relay.parts import DRAIN_DEADLINE, WRITE_DEADLINE

    (seconds,) = re.findall(r"^TimeoutStopSec=(\d+)s$", (UNITS / "relay-console-relay.service").read_text(), re.MULTILINE)
    assert int(seconds) > DRAIN_DEADLINE + WRITE_DEADLINE + 5
