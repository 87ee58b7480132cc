"""What 10,000 connections that say nothing cost: memory of each, the CPU of looking after them, and what a good client feels of them.

    python -m bench.relay_idle [--seconds S] [--rounds N] [--connections N] [--slow N]

Goal R8. A client with one record in flight is measured at the empty server, beside the silent connections, and beside 1,000 that send a
byte of a record each second. The C server is asked the same. Memory is what the process has resident; the kernel's own is not in it.
"""

import contextlib
import resource
import socket
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from bench.rig.audit import Audit, audit, record, total
from bench.rig.load import Generator, Shape
from bench.rig.rounds import MS, WARM_UP_S, Rig, arguments, fresh, goal, in_turns, rounded, run
from bench.rig.servers import Absent, Server, limit, relay

LONE = Shape(1)
QUIET_S = 2.0  # of looking after silent connections, and no record
FILES_ELSE = 200
PATIENT = {
    "max_connections": 30_000,
    "max_connections_per_address": 30_000,
    "timeouts": {"first_byte": "10m", "idle": "10m"},  # else they are ended, which is not what is measured
}


class Figures(NamedTuple):
    connections: float
    slow_connections: float
    bytes_per_connection: float
    p50_ms_empty: float
    p50_ms_idle: float
    p50_ms_slow: float
    p99_ms_empty: float
    p99_ms_idle: float
    p99_ms_slow: float
    records_per_s: float  # of the client beside the silent ones
    cpu_us_per_record: float
    cpu_percent_empty: float  # of a core, without a record
    cpu_percent_idle: float


def main() -> int:
    words = arguments(__doc__, seconds=1.5, rounds=2)
    words.add_argument("--connections", type=int, default=10_000, help="that say nothing (%(default)s)")
    words.add_argument("--slow", type=int, default=1_000, help="that send a byte a second (%(default)s)")
    return run(words, program)


def program(rig: Rig) -> dict[str, Any]:
    generator = Generator(rig.directory)
    wanted = [each for each in (relay(receiver=PATIENT), limit(rig.directory)) if not isinstance(each, Absent)]
    rounds: dict[str, list[tuple[Figures, Audit]]] = {each.name: [] for each in wanted}
    most = most_connections(rig.words.connections)
    for turn in in_turns(wanted, rig.rounds):
        for variant in turn:
            with fresh(rig, variant) as server:
                figures, numbers = one(server, generator, rig, most)
                server.stop()
                rounds[variant.name].append((figures, audit(numbers, server.stored())))
    ours = [figures for figures, _ in rounds["relay"]]
    times = statistics.median(figures.p99_ms_idle / figures.p99_ms_empty for figures in ours)
    return {
        "load": f"{LONE}, 120 bytes, {rig.seconds:g} s x {rig.rounds}, beside {most} silent and {rig.words.slow} slow connections",
        "variants": {each.name: {"is_ours": each.name == "relay", "says": each.says, **report(rounds[each.name])} for each in wanted},
        "goals": [
            goal("R8", "10,000 idle connections", ours[0].connections, least=10_000),
            goal("R8", "<= 2.5 KB each (bytes)", statistics.median(figures.bytes_per_connection for figures in ours), most=2_500),
            goal("R8", "a good client's p99 <= 2 x of the empty server", times, most=2),
        ],
    }


def report(rounds: list[tuple[Figures, Audit]]) -> dict[str, float]:
    figures, audits = zip(*rounds, strict=True)
    medians = {name: rounded(statistics.median(getattr(each, name) for each in figures)) for name in Figures._fields}
    return {**medians, **total(audits)._asdict()}


def one(server: Server, generator: Generator, rig: Rig, connections: int) -> tuple[Figures, set[int]]:
    numbers = generator.press(server.port, Shape(64), WARM_UP_S)[1]
    empty, found = generator.press(server.port, LONE, rig.seconds)
    numbers |= found
    empty_cpu = cpu_percent(server)
    before = server.resident_kib()
    with silent(server.port, connections) as alive:
        grown = server.resident_kib() - before
        idle_cpu = cpu_percent(server)
        began = server.cpu_s()
        idle, found = generator.press(server.port, LONE, rig.seconds)
        used = server.cpu_s() - began
        numbers |= found
        kept = alive()
    with slow(server.port, rig.words.slow, first=generator.next) as alive:
        generator.next += rig.words.slow
        slowed, found = generator.press(server.port, LONE, rig.seconds)
        numbers |= found
        kept_slow = alive()
    p99s = (empty.p99_us / MS, idle.p99_us / MS, slowed.p99_us / MS)
    p50s = (empty.p50_us / MS, idle.p50_us / MS, slowed.p50_us / MS)
    each = grown * 1024 / max(kept, 1)
    return Figures(kept, kept_slow, each, *p50s, *p99s, idle.per_s, used / max(idle.acked, 1) * 1e6, empty_cpu, idle_cpu), numbers


def cpu_percent(server: Server) -> float:
    began, since = server.cpu_s(), time.monotonic()
    time.sleep(QUIET_S)
    return (server.cpu_s() - began) / (time.monotonic() - since) * 100


def most_connections(wanted: int) -> int:
    """As many as the system lets a process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - FILES_ELSE)


class Alive:
    """How many of these the server has not ended."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = sockets

    def __call__(self) -> int:
        return sum(is_alive(each) for each in self._sockets)


def is_alive(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True
    except OSError:
        return False


@contextlib.contextmanager
def silent(port: int, count: int) -> Iterator[Alive]:
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    try:
        time.sleep(0.5)  # the last of them are let in
        yield Alive(sockets)
    finally:
        for each in sockets:
            each.close()


@contextlib.contextmanager
def slow(port: int, count: int, *, first: int) -> Iterator[Alive]:
    """Each sends its record byte by byte, one a second."""
    over = threading.Event()

    def drip(sockets: list[socket.socket]) -> None:
        for place in range(len(record(0)) - 1):
            for number, each in enumerate(sockets, first):
                with contextlib.suppress(OSError):
                    each.send(record(number)[place : place + 1])
            if over.wait(1.0):
                return

    with silent(port, count) as alive:
        feeder = threading.Thread(target=drip, args=(alive._sockets,))
        feeder.start()
        try:
            yield alive
        finally:
            over.set()
            feeder.join()


if __name__ == "__main__":
    sys.exit(main())
