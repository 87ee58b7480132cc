"""Two relays in processes of their own, one outbox on storage that both see, a real ZooKeeper between them, and a partner that remembers.

The audit counts what a bank would: every file is delivered, and what came twice came with the same line.
"""

import contextlib
import os
import signal
import socketserver
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from relay.config import Backoff, Election, Relay, Sender
from tests.lab.zookeeper import ZooKeeper
from tests.relay.process import Process
from tests.relay.records import request, response

TIMEOUT = 1.2  # of a session, seconds; the lab's server grants one second and more
PARALLEL = 4
DEADLINE = 15.0


class Got(NamedTuple):
    at: float  # monotonic
    who: str
    line: bytes


class Partner:
    """One port for each relay, so that it is known who sent. `delay`: seconds before each answer."""

    def __init__(self, *names: str) -> None:
        self.got: list[Got] = []
        self.delay = 0.0
        self._servers = {name: self._serve(name) for name in names}

    def _serve(self, name: str) -> socketserver.ThreadingTCPServer:
        partner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    while line := self.rfile.readline():
                        partner.got.append(Got(time.monotonic(), name, line))
                        time.sleep(partner.delay)
                        self.wfile.write(response(line.split(b"|")[2].decode(), 200))

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def address(self, name: str) -> str:
        return f"127.0.0.1:{self._servers[name].server_address[1]}"

    def close(self) -> None:
        for server in self._servers.values():
            server.shutdown()
            server.server_close()


class Rig:
    def __init__(self, place: Path, zookeeper: ZooKeeper) -> None:
        self.partner = Partner("a", "b")
        self.outbox = place / "shared" / "outbox"
        self.outbox.mkdir(parents=True)
        self.relays: dict[str, Process] = {}
        self._place = place
        self._election = Election(zookeeper=zookeeper.address(), path=f"/takeover-{uuid.uuid4().hex}", session_timeout=TIMEOUT)
        self._last = 0

    def start(self, name: str) -> Process:
        sender = Sender(
            "s",
            self.partner.address(name),
            str(self.outbox),
            connection="persistent",
            timeout=2.0,
            parallel=PARALLEL,
            scan_interval=0.1,
            settle=0.0,
            backoff=Backoff(first=0.1, max=0.2),
        )
        config = Relay(directory=str(self._place / name), senders=[sender], election=self._election)
        self.relays[name] = Process(config)
        assert self.relays[name].child.poll() is None, self.relays[name].said
        return self.relays[name]

    def put(self, count: int) -> None:
        for number in range(self._last, self._last + count):
            fresh = self.outbox / f".{number:06d}"
            fresh.write_bytes(request(number))
            fresh.rename(self.outbox / f"{number:06d}")
        self._last += count

    def said(self, name: str) -> str:
        return self.relays[name].log.read_text()

    def until(self, found: Callable[[], bool], what: str) -> None:
        ends_at = time.monotonic() + DEADLINE
        while not found():
            assert time.monotonic() < ends_at, f"{what}\n{self.audit()}\n{[self.said(name)[-2000:] for name in self.relays]}"
            time.sleep(0.01)

    def sent_by(self, name: str, since: int = 0) -> list[bytes]:
        return [got.line for got in self.partner.got[since:] if got.who == name]

    def until_all_is_delivered(self) -> None:
        wanted = {request(number) for number in range(self._last)}
        self.until(lambda: {got.line for got in self.partner.got} >= wanted, "every file is delivered")
        self.until(lambda: self.left() == [], "nothing is left")
        assert {got.line for got in self.partner.got} == wanted

    def left(self) -> list[str]:
        """Files that still wait, or that somebody has claimed."""
        waiting = [path.name for path in self.outbox.iterdir() if not path.name.startswith(".")]
        claimed = [found.name for path in self.outbox.parent.glob(".outbox.claimed.*") if path.is_dir() for found in path.iterdir()]
        return waiting + claimed

    def archived(self) -> list[str]:
        return sorted(path.name for name in ("a", "b") for path in (self._place / name / "archive").rglob("*") if path.is_file())

    def audit(self) -> dict[str, int]:
        times = Counter(got.line for got in self.partner.got)
        return {
            "files": self._last,
            "delivered": len(times),
            "twice": sum(count - 1 for count in times.values()),
            "lost": self._last - len(times),
            "by_a": len(self.sent_by("a")),
            "by_b": len(self.sent_by("b")),
        }

    def close(self) -> None:
        for relay in self.relays.values():
            with contextlib.suppress(ProcessLookupError):
                relay.child.send_signal(signal.SIGCONT)
            relay.__exit__()
        self.partner.close()


@pytest.fixture
def rig(tmp_path: Path, zookeeper: ZooKeeper) -> Iterator[Rig]:
    found = Rig(tmp_path, zookeeper)
    yield found
    found.close()
    print(f"audit: {found.audit()}")


def test_one_sends_and_when_it_is_killed_the_other_takes_over_with_all_that_it_had_claimed(rig: Rig) -> None:
    rig.start("a")
    rig.until(lambda: "this relay sends now" in rig.said("a"), "a leads")
    rig.start("b")
    rig.put(300)
    rig.until_all_is_delivered()
    assert rig.audit() == {"files": 300, "delivered": 300, "twice": 0, "lost": 0, "by_a": 300, "by_b": 0}
    rig.partner.delay = 0.01
    rig.put(400)
    rig.until(lambda: len(rig.partner.got) > 400, "a is in the middle of it")
    rig.relays["a"].kill()
    rig.until(lambda: bool(rig.sent_by("b")), "b takes over")
    since = len(rig.partner.got)
    rig.until_all_is_delivered()
    assert rig.sent_by("a", since) == []
    assert "this relay sends now" in rig.said("b")


def test_a_leader_that_ends_in_order_hands_over_and_nothing_is_sent_twice(rig: Rig) -> None:
    rig.start("a")
    rig.until(lambda: "this relay sends now" in rig.said("a"), "a leads")
    rig.start("b")
    rig.partner.delay = 0.005
    rig.put(200)
    rig.until(lambda: len(rig.partner.got) > 50, "a is in the middle of it")
    assert rig.relays["a"].stop() == 0
    rig.until_all_is_delivered()
    audit = rig.audit()
    assert (audit["twice"], audit["lost"]) == (0, 0)
    assert audit["by_a"] and audit["by_b"]
    assert rig.archived() == sorted(f"{number:06d}" for number in range(200))


def test_a_stopped_leader_loses_the_lead_and_sends_nothing_when_it_goes_on(rig: Rig) -> None:
    a = rig.start("a")
    rig.until(lambda: "this relay sends now" in rig.said("a"), "a leads")
    rig.start("b")
    rig.partner.delay = 0.01
    rig.put(300)
    rig.until(lambda: len(rig.partner.got) > 60, "a is in the middle of it")
    os.kill(a.child.pid, signal.SIGSTOP)
    rig.until(lambda: bool(rig.sent_by("b")), "b takes over")
    rig.until_all_is_delivered()  # also what a had claimed and cannot give back
    since = len(rig.partner.got)
    os.kill(a.child.pid, signal.SIGCONT)
    rig.until(lambda: "sends no longer" in rig.said("a"), "a knows that it lost the lead")
    rig.put(200)
    rig.until_all_is_delivered()
    assert len(rig.sent_by("a", since)) <= PARALLEL, "only what was past the last check when it was stopped"
    assert set(rig.sent_by("b", since)) >= {request(number) for number in range(300, 500)}
    rig.relays["b"].kill()
    rig.put(50)
    rig.until_all_is_delivered()
    assert len(rig.archived()) == len(set(rig.archived()))


def test_without_zookeeper_nothing_is_sent_and_with_it_again_all_is(rig: Rig, zookeeper: ZooKeeper) -> None:
    rig.start("a")
    rig.until(lambda: "this relay sends now" in rig.said("a"), "a leads")
    rig.start("b")
    for take, give in ((zookeeper.hang, zookeeper.resume), (zookeeper.kill, zookeeper.start)):
        rig.put(20)
        rig.until_all_is_delivered()
        lost = rig.said("a").count("sends no longer") + rig.said("b").count("sends no longer")
        take()
        try:
            rig.until(lambda lost=lost: rig.said("a").count("sends no longer") + rig.said("b").count("sends no longer") > lost, "it stops")  # type: ignore[misc]
            since = len(rig.partner.got)
            rig.put(20)
            time.sleep(0.5)
            assert len(rig.partner.got) == since
        finally:
            give()
        rig.until_all_is_delivered()
    assert rig.audit()["twice"] == 0


def test_a_relay_whose_zookeeper_is_not_there_starts_and_waits_with_its_files(rig: Rig, zookeeper: ZooKeeper) -> None:
    zookeeper.kill()
    try:
        rig.start("a")
        rig.put(10)
        time.sleep(0.5)
        assert rig.partner.got == []
    finally:
        zookeeper.start()
    rig.until_all_is_delivered()
