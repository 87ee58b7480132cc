"""The load: relay_gen.c, whose numbers go on from one run to the next so that no two records are alike."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from bench.rig.audit import acknowledged
from bench.rig.build import build

PATIENCE_S = 30.0  # beyond its seconds

Mode = Literal["lines", "again", "oneshot", "relp"]


class Shape(NamedTuple):
    """`depth` records in flight on each of `connections`; of one-shot connections, as many at a time."""

    connections: int
    depth: int = 1
    mode: Mode = "lines"

    def __str__(self) -> str:
        if self.mode == "oneshot":
            return f"a connection for each record, {self.connections} at a time"
        return f"{self.connections} connections x {self.depth} in flight"


class Pressed(msgspec.Struct, frozen=True):
    """What relay_gen prints; its words are explained there."""

    acked: int
    in_time: int
    refused: int
    wall: float
    cpu: float
    p50_us: float
    p99_us: float
    max_us: float
    pause_us: float
    next: int
    connect_refused: int
    reset: int
    unanswered: int
    strange: int

    @property
    def per_s(self) -> float:
        return self.in_time / self.wall if self.wall else 0.0


class Running:
    def __init__(self, generator: "Generator", child: subprocess.Popen[bytes], acks: Path, seconds: float) -> None:
        self._generator = generator
        self._child = child
        self._acks = acks
        self._seconds = seconds

    def finish(self) -> tuple[Pressed, set[int]]:
        """The figures, and the numbers that were acknowledged."""
        output = self._child.communicate(timeout=self._seconds + PATIENCE_S)[0]
        found = msgspec.json.decode(output, type=Pressed)
        self._generator.next = max(self._generator.next, found.next)
        return found, acknowledged(self._acks)


class Generator:
    """Raises NoCompiler."""

    def __init__(self, directory: Path) -> None:
        self._program = build("relay_gen", directory)
        self._directory = directory
        self._runs = 0
        self.next = 1

    def start(self, port: int, shape: Shape, seconds: float, *, first: int | None = None) -> Running:
        self._runs += 1
        acks = self._directory / f"acks.{self._runs}"
        words: Iterable[object] = (
            self._program,
            "127.0.0.1",
            port,
            shape.connections,
            shape.depth,
            seconds,
            first or self.next,
            acks,
            shape.mode,
        )
        return Running(self, subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE), acks, seconds)

    def press(self, port: int, shape: Shape, seconds: float) -> tuple[Pressed, set[int]]:
        return self.start(port, shape, seconds).finish()
