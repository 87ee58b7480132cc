"""Durable acknowledgements a second: the real relay, everything on, beside a thread per connection with fsync per record.

    python -m bench.relay_acks [--seconds S] [--rounds N] [--kills N]

16 connections with 16 records in flight each, 120 bytes a record. Ours and the peer take turns in one run; medians. Then our relay is
killed with SIGKILL under the same load, started again, and what it had acknowledged is looked for in the inbox. Prints one JSON object.
Goal R1 (GOALS.md): >= 40 times the peer; first step >= 20,000 a second; acknowledged and lost 0. The load comes from relay_gen.c where
there is a C compiler, else from an asyncio client that costs more CPU than the relay and is the limit then.
"""

import argparse
import array
import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONNECTIONS, DEPTH, SIZE = 16, 16, 120
READY_S = 20.0
TICKS = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).parents[1]


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=float, default=1.5, help="of load in each round")
    words.add_argument("--rounds", type=int, default=3)
    words.add_argument("--kills", type=int, default=4)
    words.add_argument("--peer", nargs=2, metavar=("PORT", "FILE"), help=argparse.SUPPRESS)
    words.add_argument("--load", nargs=3, metavar=("PORT", "SECONDS", "ACKFILE"), help=argparse.SUPPRESS)
    words.add_argument("--first", type=int, default=1, help=argparse.SUPPRESS)
    found = words.parse_args()
    if found.peer:
        return serve_peer(int(found.peer[0]), Path(found.peer[1]))
    if found.load:
        return asyncio.run(press(int(found.load[0]), float(found.load[1]), Path(found.load[2]), found.first))
    with tempfile.TemporaryDirectory(prefix="relay-acks.") as directory:
        report = Bench(Path(directory), found.seconds).run(found.rounds, found.kills)
    print(json.dumps(report, indent=2))
    return 0 if report["kill"]["lost"] == 0 and report["kill"]["twice"] == 0 else 1


class Bench:
    def __init__(self, directory: Path, seconds: float) -> None:
        self.directory = directory
        self.seconds = seconds
        self.port = free_port()
        self.next = 1
        self.generator = self._generator()
        receiver = {"name": "bench", "listen": f"127.0.0.1:{self.port}"}
        self.config = directory / "config.yaml"
        self.config.write_text(json.dumps({"relay": {"directory": str(directory / "relay"), "receivers": [receiver]}}))

    def _generator(self) -> list[str]:
        program = self.directory / "relay_gen"
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            return []
        subprocess.run([compiler, "-O2", "-o", str(program), str(ROOT / "bench/relay_gen.c")], check=True)
        return [str(program)]

    def run(self, rounds: int, kills: int) -> dict[str, Any]:
        ours, peer = [], []
        for _ in range(rounds):
            with self.relay() as child:
                ours.append(self.measure(child))
            with self.thread_per_connection() as child:
                peer.append(self.measure(child))
        shutil.rmtree(self.directory / "relay")
        mine, theirs = median(ours), median(peer)
        return {
            "load": f"{CONNECTIONS} connections x {DEPTH} in flight, {SIZE} bytes, {self.seconds:g} s x {rounds}, medians",
            "generator": "C epoll" if self.generator else "asyncio",
            "ours": mine,
            "peer": {"name": "thread per connection, fsync per record", **theirs},
            "ratio": round(mine["acks_per_s"] / theirs["acks_per_s"], 1),
            "kill": self.kill(kills),
            "goal": {"acks_per_s": 20_000, "ratio": 40, "lost": 0},
        }

    def measure(self, child: subprocess.Popen[bytes]) -> dict[str, float]:
        began = cpu_s(child.pid)
        found = self.load(self.seconds)
        used = cpu_s(child.pid) - began
        return {
            "acks_per_s": found["acked"] / found["wall"],
            "cpu_us_per_record": used / max(found["acked"], 1) * 1e6,
            "p50_us": found["p50_us"],
            "p99_us": found["p99_us"],
            "refused": found["refused"],
        }

    def load(self, seconds: float) -> dict[str, float]:
        done = self.start_load(seconds, self.directory / "acks").communicate(timeout=seconds + READY_S)[0]
        return self.finished(done)

    def start_load(self, seconds: float, acks: Path) -> subprocess.Popen[bytes]:
        if self.generator:
            where = ["127.0.0.1", str(self.port), str(CONNECTIONS), str(DEPTH)]
            command = [*self.generator, *where, str(seconds), str(self.next), str(acks)]
        else:
            command = [sys.executable, __file__, "--load", str(self.port), str(seconds), str(acks), "--first", str(self.next)]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    def finished(self, output: bytes) -> dict[str, float]:
        found: dict[str, float] = json.loads(output)
        self.next = int(found["next"])
        return found

    def kill(self, rounds: int) -> dict[str, int]:
        """SIGKILL in the middle of the load, `rounds` times; then every number that was acknowledged must be in the inbox, once."""
        acked: set[int] = set()
        for number in range(rounds):
            file = self.directory / f"acks.{number}"
            with self.relay() as child:
                load = self.start_load(5.0, file)
                time.sleep(0.5 + number * 0.1)
                child.send_signal(signal.SIGKILL)
                child.wait()
                self.finished(load.communicate(timeout=READY_S)[0])
            numbers = array.array("Q")
            numbers.frombytes(file.read_bytes())
            acked.update(numbers)
        with self.relay():
            pass
        stored = [int(line.split(b"|", 3)[2]) for path in self.inbox() for line in path.read_bytes().splitlines()]
        return {
            "rounds": rounds,
            "acked": len(acked),
            "lost": len(acked.difference(stored)),
            "twice": len(stored) - len(set(stored)),
            "stored_not_acked": len(set(stored).difference(acked)),
        }

    def inbox(self) -> list[Path]:
        return [path for path in (self.directory / "relay/inbox/bench").iterdir() if not path.name.startswith(".")]

    @contextlib.contextmanager
    def relay(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "relay_console", "relay", "-c", str(self.config)]
        with self.child(command) as child:
            yield child

    @contextlib.contextmanager
    def thread_per_connection(self) -> Iterator[subprocess.Popen[bytes]]:
        with self.child([sys.executable, __file__, "--peer", str(self.port), str(self.directory / "peer.txt")]) as child:
            yield child

    @contextlib.contextmanager
    def child(self, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        with (self.directory / "log").open("ab") as log:
            child = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            ends_at = time.monotonic() + READY_S
            while not answers(self.port):
                if child.poll() is not None or time.monotonic() > ends_at:
                    raise SystemExit(f"{command} did not start:\n{(self.directory / 'log').read_text()}")
                time.sleep(0.02)
            yield child
        finally:
            if child.poll() is None:
                child.terminate()
            child.wait(READY_S)


def median(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(found[key] for found in rounds), 1) for key in rounds[0]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


# The peer: what the relay replaces, made durable in the plain way.


def serve_peer(port: int, path: Path) -> int:
    lock = threading.Lock()
    file = path.open("ab", buffering=0)

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                columns = line.split(b"|")
                code = b"200" if len(columns) == 9 and columns[0] == b"%04d" % len(line) and columns[1] == b"REQ" else b"400"
                if code == b"200":
                    with lock:
                        file.write(line)
                        os.fsync(file.fileno())
                answer = b"|RES|" + columns[2] + b"|" + code + b"\n"
                connection.sendall(b"%04d" % (len(answer) + 4) + answer)

    server = socket.create_server(("127.0.0.1", port), backlog=1024)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


# The load where there is no C compiler.


class Client(asyncio.Protocol):
    def __init__(self, load: "Load") -> None:
        self._load = load
        self._flying: deque[tuple[int, float]] = deque()
        self._part = b""
        self.gone = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._fill()

    def _fill(self) -> None:
        lines = []
        while len(self._flying) < DEPTH and not self._load.is_over:
            number = self._load.next
            self._load.next += 1
            line = b"%04d|REQ|%012d|20260101000000|HOST01|JOB_A|STEP1|0|" % (SIZE, number)
            lines.append(line.ljust(SIZE - 1, b"x") + b"\n")
            self._flying.append((number, time.monotonic()))
        if lines:
            self._transport.write(b"".join(lines))
        elif not self._flying:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        *lines, self._part = (self._part + data).split(b"\n")
        now = time.monotonic()
        for line in lines:
            number, since = self._flying.popleft()
            self._load.latencies.append(now - since)
            if line == b"0026|RES|%012d|200" % number:
                self._load.acked.append(number)
            else:
                self._load.refused += 1
        self._fill()

    def connection_lost(self, error: Exception | None) -> None:
        self.gone.set_result(None)


class Load:
    def __init__(self, first: int) -> None:
        self.next = first
        self.acked = array.array("Q")
        self.refused = 0
        self.latencies: list[float] = []
        self.is_over = False


async def press(port: int, seconds: float, acks: Path, first: int) -> int:
    load = Load(first)
    loop = asyncio.get_running_loop()
    began = time.monotonic()
    clients = [(await loop.create_connection(lambda: Client(load), "127.0.0.1", port))[1] for _ in range(CONNECTIONS)]
    over = loop.call_later(seconds, setattr, load, "is_over", True)
    await asyncio.wait([client.gone for client in clients], timeout=seconds + 2)
    over.cancel()
    acks.write_bytes(load.acked.tobytes())
    found = sorted(load.latencies) or [0.0]
    report = {
        "acked": len(load.acked),
        "refused": load.refused,
        "wall": min(time.monotonic() - began, seconds),
        "p50_us": found[len(found) // 2] * 1e6,
        "p99_us": found[len(found) * 99 // 100] * 1e6,
        "next": load.next,
    }
    print(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
