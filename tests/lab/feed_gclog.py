"""Writes the log of a JDK 8 agent that hangs, line by line, in the format of -XX:+PrintGCDetails -XX:+PrintGCDateStamps."""

from datetime import datetime
from pathlib import Path

from tests.lab.truth import LEGACY, TIMEZONE

HEADER = (
    "OpenJDK 64-Bit Server VM (25.402-b06) for linux-amd64 JRE (1.8.0_402-b06), built on Jan 17 2024 08:30:21 by openjdk with gcc 10.2.1",
    "Memory: 4k page, physical 16384000k(8192000k free), swap 0k(0k free)",
    "CommandLine flags: -XX:InitialHeapSize=31457280 -XX:MaxHeapSize=31457280 -XX:+PrintGC -XX:+PrintGCDateStamps"
    " -XX:+PrintGCDetails -XX:+PrintGCTimeStamps -XX:+UseParallelGC",
)
YOUNG_EVERY_S = 10
EDEN_KIB = 8192


class GcLogFeed:
    name = "gc-log"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._born_at = 0.0
        self._next_at = 0.0

    def open(self) -> None:
        """Nothing is held open: each step appends."""

    def step(self, now: float) -> None:
        lines: list[str] = []
        if not self._born_at:
            self._born_at = now - LEGACY.history_s
            lines += [*HEADER, *self._history()]
            self._next_at = now
        while self._next_at <= now:
            lines.append(full_line(self._next_at, self._next_at - self._born_at))
            self._next_at += LEGACY.full_every_s
        if lines:
            with self._path.open("a") as log:
                log.write("".join(f"{line}\n" for line in lines))

    def close(self) -> None:
        """As `open`."""

    def _history(self) -> list[str]:
        """Young collections that each promote an equal share, until the old generation is full."""
        count = (LEGACY.history_s - 2) // YOUNG_EVERY_S
        lines = []
        for index in range(1, count + 1):
            uptime = float(index * YOUNG_EVERY_S)
            before = LEGACY.full_before_kib * (index - 1) // count
            after = LEGACY.full_before_kib * index // count
            lines.append(young_line(self._born_at + uptime, uptime, before, after))
        return lines


def stamp(at: float, uptime: float) -> str:
    moment = datetime.fromtimestamp(at, TIMEZONE)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}{moment:%z}: {uptime:.3f}: "


def young_line(at: float, uptime: float, old_before: int, old_after: int) -> str:
    young, heap = f"({LEGACY.young_kib}K)", f"({LEGACY.young_kib + LEGACY.old_kib}K)"
    pools = f"[PSYoungGen: {EDEN_KIB}K->1008K{young}] {old_before + EDEN_KIB}K->{old_after + 1008}K{heap}"
    return f"{stamp(at, uptime)}[GC (Allocation Failure) {pools}, 0.0054310 secs] {times(0.01)}"


def full_line(at: float, uptime: float) -> str:
    before, after, old = LEGACY.full_before_kib, LEGACY.full_after_kib, LEGACY.old_kib
    young = f"[PSYoungGen: {EDEN_KIB}K->{EDEN_KIB}K({LEGACY.young_kib}K)]"
    heap = f"{before + EDEN_KIB}K->{after + EDEN_KIB}K({LEGACY.young_kib + old}K)"
    pools = f"{young} [ParOldGen: {before}K->{after}K({old}K)] {heap}"
    metaspace = "[Metaspace: 2650K->2650K(1056768K)]"
    pause = LEGACY.full_pause_s
    return f"{stamp(at, uptime)}[Full GC (Ergonomics) {pools}, {metaspace}, {pause:.7f} secs] {times(pause)}"


def times(pause: float) -> str:
    return f"[Times: user={pause:.2f} sys=0.00, real={pause:.2f} secs]"
