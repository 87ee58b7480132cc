"""The relay restarted under load: what its partners notice.

    python -m bench.relay_restart [--seconds S] [--rounds N] [--restarts N]

Goal R10. A small parent does what systemd does for a unit with a socket: it holds the listening socket, hands it to the relay as
descriptor 3, and when that relay has ended after SIGTERM it starts the next one. Beside it the same relay that opens its port itself, and
the C server that is ended and started. Two kinds of partners: a connection for each record, 32 at a time, and 16 connections with 16
records in flight that are made again when they end, and send again what was not answered. Then every acknowledged number is looked for.
"""

import os
import shutil
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig.audit import Audit, audit, total
from bench.rig.build import NoCompiler
from bench.rig.load import Generator, Pressed, Shape
from bench.rig.rounds import MS, Rig, arguments, goal, in_turns, rounded, run
from bench.rig.servers import ROOT, Absent, Variant, cpu_s, free_port, limit, relay, tail

SHAPES = {"one-shot": Shape(32, mode="oneshot"), "persistent": Shape(16, 16, "again")}
READY_S = 20.0
END_S = 30.0
FIRST = 3  # where the protocol of socket activation puts descriptors: sd_listen_fds(3)
BACKLOG = 4096
START = 'cd "$0" && { [ -z "$LISTEN_FDS" ] || export LISTEN_PID=$$; } && exec "$@"'


class Way(NamedTuple):
    name: str
    server: Variant
    is_activated: bool
    says: str


class Figures(NamedTuple):
    pressed: Pressed
    cpu_us_per_record: float
    restarts: int
    down_ms: float  # the longest from SIGTERM to the start of the next process
    audit: Audit


def main() -> int:
    words = arguments(__doc__, seconds=4, rounds=1)
    words.add_argument("--restarts", type=int, default=2, help="in each round (%(default)s)")
    return run(words, program)


def program(rig: Rig) -> dict[str, Any]:
    generator = Generator(rig.directory)
    server = limit(rig.directory)
    if isinstance(server, Absent):
        raise NoCompiler
    ways = [
        Way("activated", relay(), True, "the relay; its parent holds the listening socket"),
        Way("alone", relay(), False, "the relay; it opens its port itself"),
        Way("limit", server, False, "the C server, ended by SIGTERM"),
    ]
    found: dict[str, list[Figures]] = {f"{way.name}, {name}": [] for way in ways for name in SHAPES}
    for turn in in_turns(ways, rig.rounds):
        for way in turn:
            for name, shape in SHAPES.items():
                found[f"{way.name}, {name}"].append(restarted(rig, generator, way, shape))
    shown = {f"{way.name}, {name}": report(way, found[f"{way.name}, {name}"]) for way in ways for name in SHAPES}
    activated = [shown[f"activated, {name}"] for name in SHAPES]
    return {
        "load": "; ".join(f"{name}: {shape}" for name, shape in SHAPES.items()) + f"; {rig.seconds:g} s x {rig.rounds}",
        "variants": shown,
        "goals": [
            *(goal("R10", f"{what}: 0", sum(each[what] for each in activated), most=0) for what in ("connect_refused", "reset", "lost")),
            goal("R10", "one-shot partners whose connection ended without an answer: 0", activated[0]["unanswered"], most=0),
        ],
    }


def report(way: Way, rounds: list[Figures]) -> dict[str, Any]:
    pressed = [figures.pressed for figures in rounds]
    return {
        "is_ours": way.name != "limit",
        "says": way.says,
        "restarts": sum(figures.restarts for figures in rounds),
        "records_per_s": rounded(statistics.median(each.per_s for each in pressed)),
        "cpu_us_per_record": rounded(statistics.median(figures.cpu_us_per_record for figures in rounds)),
        "p50_ms": rounded(statistics.median(each.p50_us for each in pressed) / MS),
        "p99_ms": rounded(statistics.median(each.p99_us for each in pressed) / MS),
        "longest_pause_ms": rounded(max(each.pause_us for each in pressed) / MS),
        "down_ms": rounded(max(figures.down_ms for figures in rounds)),
        "connect_refused": sum(each.connect_refused for each in pressed),
        "reset": sum(each.reset for each in pressed),
        "unanswered": sum(each.unanswered for each in pressed),
        "refused": sum(each.refused for each in pressed),
        **total(figures.audit for figures in rounds)._asdict(),
    }


def restarted(rig: Rig, generator: Generator, way: Way, shape: Shape) -> Figures:
    place = rig.place(way.name)
    place.mkdir()
    unit = Unit(way, place)
    try:
        numbers = unit.answers(generator)
        load = generator.start(unit.port, shape, rig.seconds)
        pause = rig.seconds / (rig.words.restarts + 1)
        downs = []
        for _ in range(rig.words.restarts):
            time.sleep(pause)
            downs.append(unit.restart())
        pressed, found = load.finish()
        unit.end()
        return Figures(
            pressed,
            unit.cpu_s / max(pressed.acked, 1) * 1e6,
            len(downs),
            max(downs, default=0.0) * 1000,
            audit(numbers | found, unit.stored()),
        )
    finally:
        unit.close()
        shutil.rmtree(place, ignore_errors=True)


class Unit:
    """One program that is kept running. `cpu_s` is of all its processes that have ended."""

    def __init__(self, way: Way, place: Path) -> None:
        self._place = place
        self._server = way.server
        self.port = free_port()
        self._socket = socket.create_server(("127.0.0.1", self.port), backlog=BACKLOG) if way.is_activated else None
        self._command = way.server.command(self.port, place)
        self.cpu_s = 0.0
        self._pid = self._start()

    def _start(self) -> int:
        log = str(self._place / "log")
        actions: list[tuple[Any, ...]] = [
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        environment = dict(os.environ)
        if self._socket:
            actions.append((os.POSIX_SPAWN_DUP2, self._socket.fileno(), FIRST))
            environment["LISTEN_FDS"] = "1"
        return os.posix_spawn("/bin/sh", ["sh", "-c", START, str(ROOT), *self._command], environment, file_actions=actions)

    def answers(self, generator: Generator) -> set[int]:
        """Waits until a record is acknowledged. The numbers that were."""
        ends_at = time.monotonic() + READY_S
        numbers: set[int] = set()
        while not numbers:
            if time.monotonic() > ends_at:
                raise SystemExit(f"{self._command} answers nobody:\n{tail(self._place / 'log')}")
            numbers |= generator.press(self.port, Shape(1), 0.2)[1]
        return numbers

    def restart(self) -> float:
        """Seconds from SIGTERM to the start of the next process."""
        since = time.monotonic()
        self.end()
        self._pid = self._start()
        return time.monotonic() - since

    def end(self) -> None:
        self.cpu_s += cpu_s(self._pid)
        os.kill(self._pid, signal.SIGTERM)
        if not wait(lambda: os.waitpid(self._pid, os.WNOHANG)[0] == self._pid):
            raise SystemExit(f"{self._command} did not end in {END_S:g} s")
        self._pid = 0

    def stored(self) -> list[Path]:
        return self._server.stored(self._place)

    def close(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        if self._socket:
            self._socket.close()


def wait(is_so: Callable[[], bool]) -> bool:
    ends_at = time.monotonic() + END_S
    while not is_so():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.001)
    return True


if __name__ == "__main__":
    sys.exit(main())
