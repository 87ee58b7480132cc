"""A restart that nobody notices: the port is held by another (as systemd does), partners go on sending, and relays come and go."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from relay.config import Receiver, Relay
from relay.receiving.listener import Listener
from tests.relay.process import ROOT, Process
from tests.relay.records import request, response
from tests.relay.running import published

PATIENCE = 20.0
RESTARTS = 4
PARTNERS = 6
WAITING = 600  # more than the loop accepts in one turn


class Hammer(threading.Thread):
    """One connection a record, one after the other, as the oldest of our partners do it."""

    def __init__(self, port: int, first: int, stop: threading.Event, *, half_closes: bool) -> None:
        super().__init__()
        self._port = port
        self._number = first
        self._must_stop = stop
        self._half_closes = half_closes
        self.answered: list[bytes] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self._must_stop.is_set():
            self._number += 1
            line = request(self._number)
            try:
                found = self._exchange(line)
            except OSError as error:
                self.wrong.append(f"{self._number}: {type(error).__name__}")
                continue
            if found == response(self._number, 200):
                self.answered.append(line)
            else:
                self.wrong.append(f"{self._number}: {found!r}")

    def _exchange(self, line: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE) as peer:
            peer.sendall(line)
            if self._half_closes:
                peer.shutdown(socket.SHUT_WR)
            found = b""
            while not found.endswith(b"\n") and (part := peer.recv(4096)):
                found += part
            return found


@contextlib.contextmanager
def relay(config: Path, port: socket.socket, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Started on the port, as by systemd; ended by SIGTERM."""
    with log.open("wb") as out:
        command = [sys.executable, "-m", "tests.relay.activated", str(port.fileno()), "a", str(config)]
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, pass_fds=[port.fileno()])
    try:
        yield child
        child.terminate()
        assert child.wait(PATIENCE) == 0, log.read_text()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@pytest.mark.parametrize("half_closes", [False, True], ids=["plain", "with half-close"])
def test_partners_notice_nothing_of_restarts(tmp_path: Path, half_closes: bool) -> None:
    directory = tmp_path / "r"
    config = tmp_path / "config.json"
    config.write_bytes(msgspec.json.encode(Relay(directory=str(directory), receivers=[Receiver(name="a", listen="127.0.0.1:1")])))
    stop = threading.Event()
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        port.listen(4096)
        number = port.getsockname()[1]
        hammers = [Hammer(number, place * 10_000_000, stop, half_closes=half_closes) for place in range(1, PARTNERS + 1)]
        for hammer in hammers:
            hammer.start()
        try:
            for run in range(RESTARTS):
                before = sum(len(hammer.answered) for hammer in hammers)
                with relay(config, port, tmp_path / f"{run}.log"):
                    ends_at = time.monotonic() + PATIENCE
                    while sum(len(hammer.answered) for hammer in hammers) < before + 200 and not any(hammer.wrong for hammer in hammers):
                        assert time.monotonic() < ends_at, (tmp_path / f"{run}.log").read_text()
                        time.sleep(0.01)
                    if run == RESTARTS - 1:
                        stop.set()
                        for hammer in hammers:
                            hammer.join(PATIENCE)
        finally:
            stop.set()
            for hammer in hammers:
                hammer.join(PATIENCE)
    assert [wrong for hammer in hammers for wrong in hammer.wrong] == []
    answered = [line for hammer in hammers for line in hammer.answered]
    assert sorted(published(directory / "inbox/a").splitlines(keepends=True)) == sorted(answered)  # none lost, none twice
    assert len(answered) >= RESTARTS * 200


def test_whoever_stands_in_the_queue_of_a_port_of_our_own_is_served_before_it_is_closed(tmp_path: Path) -> None:
    """Without systemd newcomers are refused while no relay is there. These came before; they connect while the relay cannot look, and speak
    when it drains."""
    receiver = Receiver(name="a", listen="127.0.0.1:0", max_connections=WAITING, max_connections_per_address=WAITING)
    with Process(Relay(directory=str(tmp_path / "r"), receivers=[receiver]), place=tmp_path / "c") as found:
        found.child.send_signal(signal.SIGSTOP)
        peers = [socket.create_connection(found.address(), timeout=PATIENCE) for _ in range(WAITING)]
        found.child.terminate()
        found.child.send_signal(signal.SIGCONT)
        ends_at = time.monotonic() + PATIENCE
        while "draining" not in found.log.read_text():
            assert time.monotonic() < ends_at
            time.sleep(0.005)
        time.sleep(0.2)  # somebody on a slow line
        for number, peer in enumerate(peers):
            peer.sendall(request(number))
        answers = []
        for peer in peers:
            answers.append(peer.recv(4096))
            peer.close()
        assert found.child.wait(PATIENCE) == 0
    assert answers == [response(number, 200) for number in range(WAITING)]
    assert "Traceback" not in found.log.read_text()


async def test_closing_a_port_of_our_own_lets_its_queue_in_first_and_leaves_an_inherited_one_to_the_next() -> None:
    for is_inherited in (False, True):
        made: list[asyncio.Protocol] = []

        def accept(made: list[asyncio.Protocol] = made) -> asyncio.Protocol:
            made.append(asyncio.Protocol())
            return made[-1]

        with contextlib.ExitStack() as stack:
            given = stack.enter_context(socket.create_server(("127.0.0.1", 0))) if is_inherited else None
            listener = Listener("127.0.0.1:0", accept)
            listener.bind(None if given is None else given.dup())
            await listener.start()
            host, _, port = listener.address.rpartition(":")
            peers = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(20)]
            listener.drain()  # before the loop could look
            assert len(made) == (0 if is_inherited else 20)
            listener.close()
            with contextlib.suppress(ConnectionRefusedError):
                peers.append(stack.enter_context(socket.create_connection((host, int(port)))))
            assert len(peers) == (21 if is_inherited else 20)
            for peer in peers:
                peer.close()
            await asyncio.sleep(0.05)  # the ends of what was accepted
