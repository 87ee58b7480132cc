"""Trouble for the relay, at length: kills, power cuts, full and failing disks, bad partners; and what was lost, which must be nothing.

    python -m bench.relay_faults SCENARIO|all [--rounds N]
    python -m bench.relay_faults worlds [--rounds N] [--seed FIRST]
    python -m bench.relay_faults playbooks [--rounds N]

A scenario is a real relay in a process of its own under load, N times in trouble; `worlds` are whole lives of a receiver, from seeds, on a
disk that forgets what was not synced; `playbooks` are the hypothesis tests of session and delivery with N examples each. Without a
scenario: all of them with a few rounds. Those that mount an image need root and say so. Prints one JSON object; exit code 1 when a record
was lost, torn, stored twice or answered wrongly.
"""

import argparse
import asyncio
import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.relay.faults import peers, place, scenarios  # noqa: E402
from tests.relay.faults.audit import Audit  # noqa: E402
from tests.relay.faults.world import World  # noqa: E402

Scenario = Callable[[int, Path], Awaitable[Audit]]


class Plan(NamedTuple):
    scenario: Scenario
    rounds: int
    few: int  # rounds


SCENARIOS = {
    "kill": Plan(scenarios.kill, 200, 3),
    "power_cut": Plan(scenarios.power_cut, 50, 4),
    "full_disk": Plan(scenarios.full_disk, 50, 3),
    "failed_sync": Plan(scenarios.failed_sync, 20, 4),
    "refused_writes": Plan(scenarios.refused_writes, 50, 4),
    "refused_changes": Plan(scenarios.refused_changes, 50, 4),
    "slow_sync": Plan(scenarios.slow_sync, 10, 1),
    "read_only": Plan(scenarios.read_only, 20, 2),
    "directory_removed": Plan(scenarios.directory_removed, 50, 4),
    "moving_consumer": Plan(scenarios.moving_consumer, 400, 20),
    "hanging_neighbour": Plan(scenarios.hanging_neighbour, 20, 2),
    "idle": Plan(peers.idle, 10_000, 500),
    "slowloris": Plan(peers.slowloris, 1000, 100),
    "reset_at_every_byte": Plan(peers.reset_at_every_byte, 10, 1),
    "never_reads": Plan(peers.never_reads, 10, 1),
}
ROOTS = ("power_cut", "full_disk", "read_only")
WORLDS, EXAMPLES = 2000, 20_000
STEPS, CUTS = 40, 3


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("scenario", nargs="?", choices=[*SCENARIOS, "all", "worlds", "playbooks"], help="without one: all, a few rounds")
    words.add_argument("--rounds", type=int)
    words.add_argument("--seed", type=int, default=0, help="of the first world")
    found = words.parse_args()
    match found.scenario:
        case "worlds":
            report = [worlds(found.seed, found.rounds or WORLDS)]
        case "playbooks":
            return playbooks(found.rounds or EXAMPLES)
        case None | "all":
            report = [play(name, found.rounds or (plan.rounds if found.scenario else plan.few)) for name, plan in SCENARIOS.items()]
            report.append(worlds(found.seed, found.rounds or (WORLDS if found.scenario else 50)))
        case name:
            report = [play(name, found.rounds or SCENARIOS[name].rounds)]
    totals = {key: sum(int(str(each.get(key, 0))) for each in report) for key in ("sent", "acknowledged", "stored", *FAULTS)}
    print(json.dumps({"audits": report, "totals": totals}, indent=2))
    return 1 if any(totals[key] for key in FAULTS) or any("failed" in each for each in report) else 0


FAULTS = ("duplicates", "torn", "lost", "misanswered")


def play(name: str, rounds: int) -> dict[str, object]:
    if name in ROOTS and (why := place.why_not(to_break=name == "read_only")) is not None:
        return {"scenario": name, "not_played": why}
    scenario, began = SCENARIOS[name].scenario, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="relay-faults.") as directory, contextlib.redirect_stdout(sys.stderr):
        try:
            found = asyncio.run(_awaited(scenario(rounds, Path(directory))))
        except (AssertionError, TimeoutError) as error:
            return {"scenario": name, "rounds": rounds, "failed": f"{type(error).__name__}: {error}"[:2000]}
    return {**found.plain(), "took_s": round(time.monotonic() - began, 1)}


async def _awaited(found: Awaitable[Audit]) -> Audit:
    return await found


def worlds(first: int, count: int) -> dict[str, object]:
    logging.disable(logging.CRITICAL)
    began, total, bad = time.monotonic(), dict.fromkeys(("sent", "acknowledged", "stored", *FAULTS), 0), []
    cuts = 0
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory(prefix="relay-world.") as directory, contextlib.redirect_stdout(io.StringIO()):
            world = World(seed, Path(directory) / "world", in_place=seed % 2 == 1)
            world.life(STEPS, CUTS)
            found = world.audit(f"world {seed}")
        cuts += world.cuts
        for key in total:
            total[key] += getattr(found, key)
        if not found.is_clean:
            bad.append(seed)
    logging.disable(logging.NOTSET)
    took = round(time.monotonic() - began, 1)
    return {"scenario": "worlds", "rounds": count, **total, "power_cuts": cuts, "bad_seeds": bad, "took_s": took}


def playbooks(examples: int) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "tests/relay/test_playbooks.py"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PLAYBOOK_EXAMPLES": str(examples)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
