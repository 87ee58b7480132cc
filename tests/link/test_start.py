"""`connect_or_start` with real processes: one daemon however many ask, and the reason when it does not come up."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import link.start
from link.ask import ask_command
from link.errors import AlreadyRunning, SocketUnusable, StartFailed, Unreachable
from link.protocol import Command, Hello
from link.start import Started, connect_or_start, hold_lock

HELLO = Hello((1,), "test", "1")
PATIENCE = 20.0  # seconds; a Python process with asyncio is up in 0.3, on a busy machine in 3


class Place:
    """A socket, its lock and log, and the ways to bring the daemon behind it up and down."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "run" / "monitor.sock"
        self.lock = directory / "run" / "monitor.lock"
        self.log = directory / "log" / "monitor.log"

    def argv(self, mode: str = "serve") -> list[str]:
        return [sys.executable, "-m", "tests.link.daemon", str(self.socket), str(self.lock), mode]

    def connect_or_start(self, mode: str = "serve", deadline: float = PATIENCE) -> Started:
        return connect_or_start(self.socket, self.lock, self.argv(mode), self.log, deadline)

    def stop(self) -> None:
        ask_command(self.socket, HELLO, Command(1, "monitor", "stop"), PATIENCE)
        self.wait_until_free()

    def wait_until_free(self) -> None:
        ends_at = time.monotonic() + PATIENCE
        while True:
            try:
                with hold_lock(self.lock):
                    return
            except AlreadyRunning:
                assert time.monotonic() < ends_at


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)
    for child in link.start._children:
        child.kill()
        child.wait(PATIENCE)
    link.start._children.clear()


def test_the_first_one_starts_it_and_the_next_finds_it(place: Place) -> None:
    first = place.connect_or_start()
    assert first.started
    assert place.connect_or_start() == Started(False, first.pid)
    assert place.log.read_text() == "starting\n"
    assert place.log.stat().st_mode & 0o777 == 0o600
    assert os.getsid(first.pid) == first.pid != os.getsid(0), "a session of its own outlives our terminal"
    place.stop()
    assert not place.socket.exists()


def test_many_at_once_start_one(place: Place) -> None:
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: place.connect_or_start(), range(4)))
    assert sorted(result.started for result in results) == [False, False, False, True]
    assert len({result.pid for result in results}) == 1
    place.stop()


def test_a_killed_one_is_replaced_although_its_socket_is_left(place: Place) -> None:
    first = place.connect_or_start()
    os.kill(first.pid, signal.SIGKILL)
    place.wait_until_free()
    assert place.socket.exists()
    second = place.connect_or_start()
    assert second.started
    assert second.pid != first.pid
    place.stop()


def test_the_last_words_of_one_that_ends_at_once_are_in_the_error_without_control_characters(place: Place) -> None:
    place.log.parent.mkdir()
    place.log.write_text("an old line of an earlier run\n")
    with pytest.raises(StartFailed) as caught:
        place.connect_or_start("crash")
    assert "exit code 69): address already in use: 127.0.0.1:9400 [31m" in str(caught.value)
    assert str(place.log) in str(caught.value)


def test_one_that_does_not_come_up_in_time_is_named_with_its_log(place: Place) -> None:
    with pytest.raises(StartFailed, match=rf"was started and did not answer within 0.1 s: .*{place.log}"):
        place.connect_or_start("slow", deadline=0.1)


def test_a_program_that_is_not_there_is_named(place: Place) -> None:
    with pytest.raises(StartFailed, match="cannot start /no/such/program: No such file"):
        connect_or_start(place.socket, place.lock, ["/no/such/program"], place.log, 1.0)


def test_one_that_hangs_is_named_and_no_second_one_is_started(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link.start, "GREETING", 0.05)
    with hold_lock(place.lock), pytest.raises(StartFailed, match=f"pid {os.getpid()} holds .* it hangs: kill {os.getpid()}"):
        place.connect_or_start(deadline=0.1)
    assert not place.log.exists()


def test_one_that_refuses_us_is_not_replaced(place: Place) -> None:
    first = place.connect_or_start()
    with pytest.raises(Unreachable, match="speaks protocol 1"):
        connect_or_start(place.socket, place.lock, place.argv(), place.log, 1.0, hello=Hello((99,), "newer", "9"))
    assert place.connect_or_start() == Started(False, first.pid)
    place.stop()


def test_a_second_daemon_on_the_same_lock_ends_with_the_pid_of_the_first(place: Place) -> None:
    first = place.connect_or_start()
    second = subprocess.run(place.argv(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (second.returncode, second.stderr) == (69, f"already running: pid {first.pid} holds {place.lock}\n")
    place.stop()


def test_a_lock_is_free_again_after_its_holder(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "relay.lock"
    with hold_lock(lock):
        with pytest.raises(AlreadyRunning) as caught, hold_lock(lock):
            pass
        assert caught.value.pid == os.getpid()
    with hold_lock(lock):
        assert lock.read_text() == f"{os.getpid()}\n"


def test_a_lock_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "relay.lock").mkdir()
    with pytest.raises(SocketUnusable, match="cannot open the lock file"), hold_lock(tmp_path / "relay.lock"):
        pass
