"""The other benchmarks of GC logs run at a small size, say what they promise, and have nothing in the counts that must be 0."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 240
PROMISED: dict[str, tuple[set[str], set[str], set[str]]] = {  # beginnings of goals, counts that must be 0, and what else stands there
    "throughput": ({"H3"}, {"lines_not_understood"}, {"scans", "memory_grown_mb"}),
    "follow": ({"H2", "H5"}, {"lost_without_a_gap", "twice"}, {"first_gauge", "storms", "quiet", "latency"}),
}


@pytest.mark.parametrize("name", PROMISED)
def test_it_says_what_it_promises_and_counts_nothing_that_must_not_be(name: str) -> None:
    command = [sys.executable, "-m", f"bench.gc_{name}", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    goals, zero, others = PROMISED[name]
    assert (found["bench"], found["quick"]) == (f"gc_{name}", True)
    assert {goal["id"][:2] for goal in found["goals"]} == goals
    assert all(goal["measured"] is not None and goal["wanted"] for goal in found["goals"])
    assert found["must_be_zero"] == dict.fromkeys(zero, 0)
    assert others <= found.keys()


def test_make_runs_all_of_them() -> None:
    programs = {path.stem for path in (ROOT / "bench").glob("gc_*.py")}
    found = re.search(r"bench-heap:.*\n.*for name in ([a-z0-9 ]+); do", (ROOT / "Makefile").read_text())
    assert found is not None
    assert programs == {f"gc_{name}" for name in found[1].split()}
