"""Variants in turn: each of them once a round, in another order, a fresh server and directory each time; medians of the rounds."""

import argparse
import contextlib
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from bench.rig.audit import SIZE, Audit, audit, total
from bench.rig.build import NoCompiler
from bench.rig.load import Generator, Shape
from bench.rig.servers import Absent, Server, Variant, running

T = TypeVar("T")

WARM_UP_S = 0.2
MS = 1000.0  # us


class Figures(NamedTuple):
    """Of one round."""

    records_per_s: float
    cpu_us_per_record: float
    p50_ms: float
    p99_ms: float


class Result(NamedTuple):
    """Of all rounds of one variant."""

    rounds: tuple[Figures, ...]
    audit: Audit
    refused: int  # answers other than 200
    says: str

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = {"says": self.says} if self.says else {}
        for place, name in enumerate(Figures._fields):
            found[name] = rounded(statistics.median(figures[place] for figures in self.rounds))
        found["records_per_s_by_round"] = [round(figures.records_per_s) for figures in self.rounds]
        return {**found, "refused": self.refused, **self.audit._asdict()}


class Rig(NamedTuple):
    """What every program is told, and where it works."""

    directory: Path
    seconds: float
    rounds: int
    words: argparse.Namespace

    def place(self, name: str) -> Path:
        """An empty name for a directory."""
        return next(path for number in range(1 << 20) if not (path := self.directory / f"{name}.{number}").exists())


def arguments(doc: str, *, seconds: float, rounds: int) -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--seconds", type=float, default=seconds, help="of load in each round (%(default)s)")
    words.add_argument("--rounds", type=int, default=rounds, help="(%(default)s)")
    words.add_argument("--directory", type=Path, default=None, help="on the disk to be measured; the system's temporary one if not said")
    return words


def run(words: argparse.ArgumentParser, program: Callable[[Rig], dict[str, Any]]) -> int:
    """Prints the report. 1 when ours lost, tore or doubled a record, 2 without a compiler; a goal that is not reached is no error."""
    found = words.parse_args()
    name = Path(sys.argv[0]).stem
    with tempfile.TemporaryDirectory(prefix=f"{name}.", dir=found.directory) as directory:
        rig = Rig(Path(directory), found.seconds, found.rounds, found)
        try:
            report = program(rig)
        except NoCompiler as error:
            print(json.dumps({"bench": name, "variants": None, "goals": [], "why": f"the load cannot be made: {error}"}, indent=2))
            return 2
        print(json.dumps({"bench": name, "machine": machine(rig.directory), **report}, indent=2))
    return 1 if any(harm(variant) for variant in report["variants"].values() if variant.get("is_ours")) else 0


def harm(variant: dict[str, Any]) -> int:
    return sum(variant.get(key, 0) for key in ("lost", "torn", "duplicates"))


def machine(directory: Path) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "file_system": file_system(directory),
    }


def file_system(directory: Path) -> str:
    """Its type; a synced write on tmpfs is none."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    homes = [(mount[1], mount[2]) for mount in mounts if directory.resolve().is_relative_to(mount[1])]
    return max(homes, key=lambda home: len(home[0]), default=("", "unknown"))[1]  # in a chroot no mount may be its home


def measure(rig: Rig, generator: Generator, variants: Sequence[Variant | Absent], shape: Shape) -> dict[str, Result | Absent]:
    """Takes turns."""
    rounds: dict[str, list[Figures]] = {}
    audits: dict[str, list[Audit]] = {}
    refused: dict[str, int] = {}
    present = [variant for variant in variants if isinstance(variant, Variant)]
    for turn in in_turns(present, rig.rounds):
        for variant in turn:
            with fresh(rig, variant) as server:
                figures, answered, nays = one(server, generator, shape, rig.seconds)
                server.stop()
                rounds.setdefault(variant.name, []).append(figures)
                audits.setdefault(variant.name, []).append(audit(answered, server.stored()))
                refused[variant.name] = refused.get(variant.name, 0) + nays
    found: dict[str, Result | Absent] = {}
    for each in variants:
        if isinstance(each, Absent):
            found[each.name] = each
        else:
            found[each.name] = Result(tuple(rounds[each.name]), total(audits[each.name]), refused[each.name], each.says)
    return found


def in_turns(variants: Sequence[T], rounds: int) -> Iterator[list[T]]:
    for number in range(rounds):
        first = number % len(variants)
        yield [*variants[first:], *variants[:first]]


@contextlib.contextmanager
def fresh(rig: Rig, variant: Variant) -> Iterator[Server]:
    """A server whose directory is gone afterwards."""
    place = rig.place(variant.name)
    try:
        with running(variant, place) as server:
            yield server
    finally:
        shutil.rmtree(place, ignore_errors=True)


def one(server: Server, generator: Generator, shape: Shape, seconds: float) -> tuple[Figures, set[int], int]:
    """One round: its figures, every number that was acknowledged, how many were refused."""
    shape = shape._replace(mode=server.variant.speaks) if server.variant.speaks != "lines" else shape
    warm, warmed = generator.press(server.port, shape, WARM_UP_S)
    server.settle(warm.acked * SIZE)
    began = server.cpu_s()
    found, answered = generator.press(server.port, shape, seconds)
    server.settle((warm.acked + found.acked) * SIZE)
    used = server.cpu_s() - began
    figures = Figures(found.per_s, used / max(found.acked, 1) * 1e6, found.p50_us / MS, found.p99_us / MS)
    return figures, warmed | answered, warm.refused + found.refused + warm.strange + found.strange


# The report.


def variants(found: dict[str, Result | Absent], *, ours: Sequence[str]) -> dict[str, Any]:
    return {
        name: {"peer": None, "why": each.why} if isinstance(each, Absent) else {"is_ours": name in ours, **each.report()}
        for name, each in found.items()
    }


def ratio(found: dict[str, Result | Absent], name: str, other: str, figure: str = "records_per_s") -> float | None:
    """Of two variants that stood side by side: the median of the ratios of the rounds. None when one of them is absent or gave nothing."""
    one_side, other_side = found[name], found[other]
    if isinstance(one_side, Absent) or isinstance(other_side, Absent):
        return None
    return ratio_of(one_side.rounds, other_side.rounds, figure)


def ratio_of(rounds: Sequence[object], others: Sequence[object], figure: str) -> float | None:
    pairs = [(getattr(a, figure), getattr(b, figure)) for a, b in zip(rounds, others, strict=True)]
    return statistics.median(a / b for a, b in pairs) if all(b for _, b in pairs) else None


def beside(found: dict[str, Result | Absent], name: str) -> dict[str, float | None]:
    """Our rate over that of each other one."""
    return {other: value and rounded(value) for other in found if other != name for value in (ratio(found, name, other),)}


def goal(name: str, wanted: str, measured: float | None, *, least: float | None = None, most: float | None = None) -> dict[str, Any]:
    """`reached` is null when it could not be measured."""
    if measured is None:
        return {"id": name, "wanted": wanted, "measured": None, "reached": None}
    is_reached = (least is None or measured >= least) and (most is None or measured <= most)
    return {"id": name, "wanted": wanted, "measured": rounded(measured), "reached": is_reached}


def rounded(value: float) -> float:
    """Three digits tell enough."""
    return round(value) if abs(value) >= 1000 else float(f"{value:.3g}")
