"""The benchmark of verdicts on GC logs runs at a small size, says what it promises, and has nothing in the counts that must be 0."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIMIT_S = 240


def test_it_says_what_it_promises_and_counts_nothing_that_must_not_be() -> None:
    command = [sys.executable, "-m", "bench.gc_verdicts", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["bench"], found["quick"]) == ("gc_verdicts", True)
    assert {goal["id"] for goal in found["goals"]} == {"H4, false", "H4, found", "H4, soon", "H4, made, false", "H4, made, missed"}
    assert all(goal["measured"] is not None for goal in found["goals"]), found["goals"]
    assert {goal["id"] for goal in found["goals"] if not goal["reached"]} <= {"H4, made, false"}  # a few suspicions, told in docs/heap.md
    assert found["must_be_zero"] == {"false_hangs": 0, "missed_hangs_made": 0}
    assert found["real"]["healthy"]["logs"] > 0
