"""A full disk: at the start one clear line, while running a refusal that partners understand, and nothing that was acknowledged is lost."""

import contextlib
import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.stories.home import Home, until

PRLIMIT = shutil.which("prlimit") or "/usr/bin/prlimit"


class Disk(Protocol):
    """`full`: what a program is run with that begins on a full disk; `said`: what the screen tells of one that has become full."""

    full: list[str]
    said: str

    def fill(self, home: Home) -> None: ...
    def free(self, home: Home) -> None: ...


class FileSystem:
    """A file system of 1 MiB under the relay's directory."""

    said = "✖ DISK FULL +partner-a"

    def __init__(self, place: Path) -> None:
        self.full: list[str] = []
        self._filler = place / "filler"

    def fill(self, home: Home) -> None:
        with self._filler.open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def free(self, home: Home) -> None:
        self._filler.unlink()


class FileSize:
    """No file of the relay may have a byte: what a full disk looks like to it, where nobody may mount one."""

    said = "Last error +.*File too large"

    def __init__(self) -> None:
        self.full = [PRLIMIT, "--fsize=0:"]

    def fill(self, home: Home) -> None:
        if (pid := home.pid("relay")) is not None:
            self._limit(pid, 0)

    def free(self, home: Home) -> None:
        self._limit(home.running("relay"), resource.RLIM_INFINITY)

    def _limit(self, pid: int, size: int) -> None:
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


@pytest.fixture(params=["file system", "file size"])
def disk(request: pytest.FixtureRequest, home: Home) -> Iterator[Disk]:
    home.relay.mkdir()
    with contextlib.ExitStack() as stack:
        if request.param == "file system" and mounted(home.relay):
            stack.callback(subprocess.run, ["umount", "--lazy", str(home.relay)], check=True, timeout=20)
            yield FileSystem(home.relay)
        else:
            yield FileSize()


def mounted(place: Path) -> bool:
    """False where we may not: then the other way is taken twice, and nothing is left out."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", str(place)]
    with contextlib.suppress(OSError):
        return os.geteuid() == 0 and subprocess.run(command, check=False, capture_output=True, timeout=20).returncode == 0
    return False


def test_a_disk_that_is_full_at_the_start_is_one_line(disk: Disk, home: Home) -> None:
    disk.fill(home)
    for words in (["relay"], ["--headless"]):
        done = home.run(*words, wrapper=disk.full)
        assert done.returncode == 69
        (line,) = done.stderr.splitlines()
        assert str(home.relay) in line and ("No space left on device" in line or "File too large" in line)
        assert not list((home.relay / "run").glob("*.sock"))


def test_a_disk_that_fills_up_is_answered_503_and_what_was_acknowledged_is_there_afterwards(disk: Disk, home: Home) -> None:
    home.daemon()
    console = home.console("--view", "relay")
    console.sees("✓ all well", "LISTENING")
    with home.partner() as partner:
        assert [partner.send(f"before {number}") for number in range(5)] == ["200"] * 5
        disk.fill(home)
        assert [partner.send(f"while it is full {number}") for number in range(5)] == ["503"] * 5
        console.sees("503:5", disk.said)
        disk.free(home)
        until(lambda: partner.send("after") == "200", "a record that is taken again", 10)
        console.sees("✓ all well", "LISTENING +partner-a", within=10)
    assert home.run("stop").returncode == 0
    assert home.inbox() == partner.sent


def test_a_console_whose_daemon_cannot_start_on_a_full_disk_says_so(home: Home) -> None:
    home.relay.mkdir()
    if mounted(home.relay):
        try:
            FileSystem(home.relay).fill(home)
            console = home.console(size=(200, 50))
            console.sees("NO DAEMON", "could not be started: .*the disk is full")
        finally:
            subprocess.run(["umount", "--lazy", str(home.relay)], check=True, timeout=20)
    else:
        console = home.console(size=(200, 50), wrapper=FileSize().full)
        console.sees("NO DAEMON", "could not be started: ")
    console.press("q")
    assert console.ends() == 0


def test_a_log_that_cannot_be_written_never_shows_on_the_screen(home: Home) -> None:
    console = home.console("--demo", "-vv", "--log-file", "/dev/full")
    console.sees("› Overview ", "orders.created")
    for key in "12345":
        console.press(key)
    console.sees("› Queues ", "orders.in")
    assert b"Logging error" not in console.output and b"Traceback" not in console.output
    console.press("q")
    assert console.ends() == 0
    assert console.text().strip() == ""
