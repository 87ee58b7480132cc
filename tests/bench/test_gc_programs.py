"""Every benchmark of GC logs runs at a small size, says what it promises, and has nothing in the counts that must be 0."""

import pytest

from tests.bench.promises import Promise, kept, made, programs

KINDS = ("JDK 8 parallel, details", "G1 -Xlog:gc", "G1 -Xlog:gc*")
FOLLOWED = {"H5, lost", "H5, twice", "H5, quiet", "H5, quiet with rows"}
JUDGED = {"H4, false", "H4, found", "H4, soon", "H4, made, false", "H4, made, missed"}
PROMISED = {
    "throughput": Promise({f"H3 {kind}" for kind in KINDS} | {"H3 memory"}, {"lines_not_understood"}, {"scans", "memory_grown_mb"}),
    "follow": Promise(
        {f"H2, {kind}" for kind in KINDS} | FOLLOWED,
        {"lost_without_a_gap", "twice"},
        {"first_gauge", "storms", "quiet", "latency"},
    ),
    "verdicts": Promise(JUDGED, {"false_hangs", "missed_hangs_made"}, {"real"}),
}


@pytest.mark.parametrize("name", PROMISED)
def test_it_says_what_it_promises_and_counts_nothing_that_must_not_be(name: str) -> None:
    found = kept(f"gc_{name}", PROMISED[name])
    if name == "verdicts":  # its figures do not depend on the machine
        assert {goal["id"] for goal in found["goals"] if not goal["reached"]} <= {
            "H4, made, false"
        }  # a few suspicions, told in docs/heap.md
        assert found["real"]["healthy"]["logs"] > 0


def test_make_runs_all_of_them() -> None:
    assert programs("gc") == {f"gc_{name}" for name in PROMISED} == made("bench-heap", "gc")


def test_jvms_live_are_followed_and_told() -> None:
    goals = {"H4, an hour, false", "H4, an hour, missed", "H4, an hour, silent", "H4, an hour, stuck"}
    found = kept("lives", Promise(goals, {"false_alarms", "gaps"}, {"healthy", "leaks", "stuck", "silent"}))
    assert {each["name"]: each["said"][-1]["verdict"] for each in found["each"]}["steady-serial-newest"] in ("OK", "UNKNOWN")
