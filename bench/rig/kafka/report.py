"""What every program about Kafka and ZooKeeper prints: a JSON object with goals, counts that must be 0, figures of ours and of its peers.

Other programs use the machine, too, and only ever make things slower: of several rounds the best wall and the best CPU time count.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from bench.rig.kafka.meter import Cost
from bench.rig.rounds import goal, machine, rounded

S = TypeVar("S")


def run(doc: str, program: Callable[[Path, S], dict[str, Any]], full: S, quick: S) -> int:
    """`program` gets a directory and its sizes. 1 when a count that must be 0 is not; a goal that is not reached is no error."""
    words = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="small sizes, a few seconds: shows that it works, its figures mean nothing")
    is_quick = words.parse_args().quick
    name = Path(sys.argv[0]).stem
    with tempfile.TemporaryDirectory(prefix=f"{name}.") as directory:
        found = program(Path(directory), quick if is_quick else full)
        head = {"bench": name, "quick": is_quick, "machine": machine(Path(directory))}
    print(json.dumps({**head, **found}, indent=2))
    return 1 if any(found["must_be_zero"].values()) else 0


def at_most(name: str, most: float, unit: str, measured: float | None) -> dict[str, Any]:
    return goal(name, f"<= {most:g} {unit}", measured, most=most)


def at_most_all(name: str, limits: Mapping[str, float], measured: Mapping[str, float]) -> list[dict[str, Any]]:
    """A goal each figure."""
    return [at_most(name, most, figure, measured[figure]) for figure, most in limits.items()]


def ratio(theirs: float, ours: float) -> float | None:
    return rounded(theirs / ours) if ours > 0 else None


def times(theirs: Cost, ours: Cost) -> dict[str, float | None]:
    return {"wall": ratio(theirs.wall_s, ours.wall_s), "cpu": ratio(theirs.cpu_s, ours.cpu_s)}


def beside_ours(theirs: Cost, ours: Cost, again: Cost) -> dict[str, Any]:
    """What it costs as a multiple of our first reading, and of our next ones; a peer that remembers nothing has only first ones."""
    return {"times_ours": times(theirs, ours), "times_our_next": times(theirs, again)}
