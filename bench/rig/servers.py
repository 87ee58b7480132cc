"""Servers as processes of their own: ours and those beside it, each in an empty directory, and what they cost."""

import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig.build import NoCompiler, build
from bench.rig.load import Mode
from link.protocol import PROTOCOL, Hello, encode

ROOT = Path(__file__).parents[2]
READY_S = 20.0
LOWEST_PORT = 10_000
END_S = 30.0
TICKS = os.sysconf("SC_CLK_TCK")
QUIET_S = 1.0  # a file that does not grow for so long will not


class Variant(NamedTuple):
    name: str
    command: Callable[[int, Path], list[str]]  # of a port and an empty directory
    stored: Callable[[Path], list[Path]]  # of that directory: the files in which records end
    speaks: Mode = "lines"
    environment: Mapping[str, str] = {}
    says: str = ""  # what a reader of the figures should know
    status: str = ""  # the socket where a console would look on, below the directory


class Absent(NamedTuple):
    """A peer that cannot be had here."""

    name: str
    why: str


class Server:
    """One that runs."""

    def __init__(self, variant: Variant, child: subprocess.Popen[bytes], port: int, place: Path) -> None:
        self.variant = variant
        self.child = child
        self.port = port
        self.place = place

    def cpu_s(self) -> float:
        """User and system, of its children too."""
        return cpu_s(self.child.pid)

    def resident_kib(self) -> int:
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines())
        return int(fields["VmRSS"].split()[0])

    def stored(self) -> list[Path]:
        return self.variant.stored(self.place)

    def settle(self, size: int) -> None:
        """Until it has stored `size` bytes, or stores no more: one that answers before it writes is given the time to write."""
        found, since = -1, time.monotonic()
        while found < size and time.monotonic() - since < QUIET_S:
            before, found = found, sum(path.stat().st_size for path in self.stored())
            if found != before:
                since = time.monotonic()
            time.sleep(0.005)

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(END_S)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


@contextlib.contextmanager
def running(variant: Variant, place: Path) -> Iterator[Server]:
    """Ready to answer; stopped in order at the end."""
    place.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = place.with_suffix(".log")
    command = variant.command(port, place)
    with log.open("ab") as said:
        child = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **variant.environment}, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
    server = Server(variant, child, port, place)
    try:
        ends_at = time.monotonic() + READY_S
        while not answers(port):
            if child.poll() is not None or time.monotonic() > ends_at:
                raise SystemExit(f"{variant.name} did not start ({command}):\n{tail(log)}")
            time.sleep(0.02)
        with watched(place / variant.status) if variant.status else contextlib.nullcontext():
            yield server
    finally:
        server.stop()


@contextlib.contextmanager
def watched(path: Path) -> Iterator[None]:
    """Somebody to whom the relay tells its status, as it does to a console."""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(path))
        link.sendall(encode(Hello((PROTOCOL,), "bench", "")))

        def hear() -> None:
            with contextlib.suppress(OSError):
                while link.recv(1 << 16):
                    continue

        threading.Thread(target=hear, daemon=True).start()
        yield


def tail(log: Path) -> str:
    """What it said last."""
    return log.read_text(errors="replace")[-2000:]


def free_port() -> int:
    """Below those that clients are given: one of them, trying again while nobody listens, would connect to itself and keep the port."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(LOWEST_PORT, max(lowest, LOWEST_PORT + 1000))
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def cpu_s(pid: int) -> float:
    """Nanoseconds of the process's own clock, ticks of the children it has buried, and the same of those that live."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    used = time.clock_gettime((~pid << 3) | 2) + (int(fields[13]) + int(fields[14])) / TICKS  # clock_getcpuclockid(3) makes this number
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            used += sum(cpu_s(int(child)) for child in (task / "children").read_text().split())
    return used


# Ours.


def relay(name: str = "relay", *, receiver: Mapping[str, Any] | None = None) -> Variant:
    """The relay as it is delivered. `receiver`: what its configuration says beside a name and an address."""

    def command(port: int, place: Path) -> list[str]:
        wanted = {"name": "bench", "listen": f"127.0.0.1:{port}", **(receiver or {})}
        return relay_command(place, {"receivers": [wanted]})

    return Variant(name, command, inbox, status="relay/run/relay.sock")


def relay_command(place: Path, wanted: Mapping[str, Any]) -> list[str]:
    """Writes the configuration file."""
    config = place / "config.yaml"
    config.write_text(json.dumps({"relay": {"directory": str(place / "relay"), **wanted}}))
    return [sys.executable, "-m", "relay_console", "relay", "-c", str(config)]


def inbox(place: Path) -> list[Path]:
    """Published files, and the hidden one that is being written: a line in both would be a duplicate."""
    try:
        return [path for path in (place / "relay/inbox/bench").iterdir() if path.name.endswith((".txt", ".part"))]
    except FileNotFoundError:
        return []


# Beside it.


def one_file(place: Path) -> list[Path]:
    file = place / "stored.txt"
    return [file] if file.exists() else []


def python_peer(kind: str, name: str, says: str) -> Variant:
    def command(port: int, place: Path) -> list[str]:
        return [sys.executable, "-m", "bench.rig.peers", kind, str(port), str(place / "stored.txt")]

    return Variant(name, command, one_file, says=says)


THREADS = python_peer("threads", "threads", "a thread for each connection, one of them at a time writes and syncs its record")
SHARING = python_peer(
    "sharing", "threads-sharing", "the same without the lock: the kernel lets threads that wait share a commit of its journal"
)
SKELETON = python_peer("skeleton", "skeleton", "a thread for each connection, recv(1024) once, append and close; nothing is synced")
BARE = python_peer("bare", "bare", "a minimal group commit on uvloop: no checks, no duplicates, no limits, no statistics")


def limit(directory: Path, how: str = "sync") -> Variant | Absent:
    """The C server."""
    try:
        program = build("relay_limit", directory)
    except NoCompiler as error:
        return Absent("limit", str(error))
    says = "a C server with epoll and group commit" if how == "sync" else "a C server that syncs nothing"
    return Variant("limit", lambda port, place: [str(program), str(port), str(place / "stored.txt"), how], one_file, says=says)
