"""What every benchmark of a group promises, and how that is held: it runs at a small size, and nothing is in the counts that must be 0.

What it measures at that size on a machine that does other things means nothing, so no figure is judged.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
LIMIT_S = 240


class Promise(NamedTuple):
    goals: set[str]
    zero: set[str]  # counts that must be 0
    others: set[str]  # and what else stands there


def kept(program: str, promise: Promise) -> dict[str, Any]:
    """What it printed."""
    command = [sys.executable, "-m", f"bench.{program}", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["bench"], found["quick"]) == (program, True)
    assert {goal["id"] for goal in found["goals"]} == promise.goals
    assert all(goal["measured"] is not None and goal["wanted"] for goal in found["goals"]), found["goals"]
    assert found["must_be_zero"] == dict.fromkeys(promise.zero, 0)
    assert promise.others <= found.keys()
    return found


def programs(group: str) -> set[str]:
    """All that there are."""
    return {path.stem for path in (ROOT / "bench").glob(f"{group}_*.py")}


def made(target: str, group: str) -> set[str]:
    """All that `make` runs for this target."""
    found = re.search(rf"{target}:.*\n.*for name in ([a-z0-9 ]+); do", (ROOT / "Makefile").read_text())
    assert found is not None
    return {f"{group}_{name}" for name in found[1].split()}
