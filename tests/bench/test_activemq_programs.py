"""Every benchmark of ActiveMQ runs at a small size, says what it promises, and has nothing in the counts that must be 0."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 240
PROMISED: dict[str, tuple[set[str], set[str], set[str]]] = {  # goals, counts that must be 0, and what else stands there
    "poll": ({"Q1", "Q1, bytes", "Q1, loop"}, {"queues_not_seen"}, {"brokers"}),
    "trend": ({"Q2", "Q2, calm"}, {"false_alarms", "growth_not_seen"}, {"false_alarms", "detection"}),
    "plug": ({"Q3, killed", "Q3, hung", "Q3, back"}, {"rates_that_cannot_be_true"}, {"brokers", "interval_s"}),
}


@pytest.mark.parametrize("name", PROMISED)
def test_it_says_what_it_promises_and_counts_nothing_that_must_not_be(name: str) -> None:
    command = [sys.executable, "-m", f"bench.activemq_{name}", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    goals, zero, others = PROMISED[name]
    assert (found["bench"], found["quick"]) == (f"activemq_{name}", True)
    assert {goal["id"] for goal in found["goals"]} == goals
    assert all(goal["measured"] is not None and goal["wanted"] for goal in found["goals"])
    assert found["must_be_zero"] == dict.fromkeys(zero, 0)
    assert others <= found.keys()


def test_make_runs_all_of_them() -> None:
    programs = {path.stem for path in (ROOT / "bench").glob("activemq_*.py")}
    found = re.search(r"bench-activemq:.*\n.*for name in ([a-z0-9 ]+); do", (ROOT / "Makefile").read_text())
    assert found is not None
    assert programs == {f"activemq_{name}" for name in PROMISED} == {f"activemq_{name}" for name in found[1].split()}
