"""The benchmarks of the relay can be started; what they measure is not for a machine that does other things meanwhile."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(path.stem for path in (ROOT / "bench").glob("relay_*.py"))


def test_each_says_what_it_measures() -> None:
    children = {
        name: subprocess.Popen([sys.executable, "-m", f"bench.{name}", "--help"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for name in PROGRAMS
    }
    said = {name: child.communicate(timeout=30)[0] for name, child in children.items()}
    assert {name: child.returncode for name, child in children.items()} == dict.fromkeys(PROGRAMS, 0)
    assert all("usage:" in text for text in said.values())


def test_make_runs_every_one_that_has_a_peer() -> None:
    """`relay_faults` has none: it has its own commands."""
    found = re.search(r"for name in ([a-z0-9 ]+); do", (ROOT / "Makefile").read_text())
    assert found is not None
    assert {f"relay_{name}" for name in found[1].split()} == {*PROGRAMS} - {"relay_faults"}
