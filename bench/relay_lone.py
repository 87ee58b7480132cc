"""One partner that waits for each answer, beside the disk itself: the same bytes appended and synced by nobody but a loop.

    python -m bench.relay_lone [--seconds S] [--rounds N]

Goal R6. The disk is asked right before and right after each relay of a round, in the same directory.
"""

import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.rig.audit import Audit, audit, record, total
from bench.rig.load import Generator, Shape
from bench.rig.rounds import Figures, Result, Rig, arguments, fresh, goal, in_turns, one, rounded, run, variants
from bench.rig.servers import Absent, limit, relay

SHAPE = Shape(1)
LEAST_S = 0.5  # of syncs before and after


def main() -> int:
    return run(arguments(__doc__, seconds=1, rounds=5), program)


def program(rig: Rig) -> dict[str, Any]:
    generator = Generator(rig.directory)
    wanted = [each for each in (relay(), limit(rig.directory)) if not isinstance(each, Absent)]
    rounds: dict[str, list[tuple[Figures, Audit]]] = {each.name: [] for each in wanted}
    raw: list[list[float]] = []
    for turn in in_turns(wanted, rig.rounds):
        syncs = synced(rig.directory, max(rig.seconds / 2, LEAST_S))
        for variant in turn:
            with fresh(rig, variant) as server:
                figures, answered, _ = one(server, generator, SHAPE, rig.seconds)
                server.stop()
                rounds[variant.name].append((figures, audit(answered, server.stored())))
        raw.append(sorted(syncs + synced(rig.directory, max(rig.seconds / 2, LEAST_S))))
    found: dict[str, Result | Absent] = {
        each.name: Result(tuple(figures for figures, _ in rounds[each.name]), total(a for _, a in rounds[each.name]), 0, each.says)
        for each in wanted
    }
    disk = {"p50_ms": middle(raw, 0.50), "p99_ms": middle(raw, 0.99)}
    ours = rounds["relay"]
    beyond = statistics.median(figures.p50_ms - at(syncs, 0.50) for (figures, _), syncs in zip(ours, raw, strict=True))
    times = statistics.median(figures.p99_ms / at(syncs, 0.99) for (figures, _), syncs in zip(ours, raw, strict=True))
    return {
        "load": f"{SHAPE}, 120 bytes, {rig.seconds:g} s x {rig.rounds}",
        "variants": {**variants(found, ours=["relay"]), "disk": {"says": "120 bytes appended and synced, in a loop", **disk}},
        "goals": [
            goal("R6", "p50 <= raw fdatasync + 120 us (here: us beyond it)", beyond * 1000, most=120),
            goal("R6", "p99 <= 3 x raw p99", times, most=3),
        ],
    }


def synced(directory: Path, seconds: float) -> list[float]:
    """Milliseconds of each append with its fdatasync."""
    file = directory / "raw.txt"
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    line = record(0)
    found: list[float] = []
    try:
        ends_at = time.perf_counter() + seconds
        while (began := time.perf_counter()) < ends_at:
            os.write(fd, line)
            os.fdatasync(fd)
            found.append((time.perf_counter() - began) * 1000)
    finally:
        os.close(fd)
        file.unlink()
    return found


def middle(rounds: list[list[float]], share: float) -> float:
    return rounded(statistics.median(at(syncs, share) for syncs in rounds))


def at(ordered: list[float], share: float) -> float:
    return ordered[int(len(ordered) * share)]


if __name__ == "__main__":
    sys.exit(main())
