"""Every figure of every log whose truth has two sources."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from backends.agent import HeapFile, Occupancy
from backends.heap import read_files
from tests.backends.gclog import corpus

POOLS = {
    "last_after_gc": "last_after_gc",
    "last_full": "last_full",
    "heap_last": "heap_last",
    "last_full_heap": "last_full_heap",
}
COUNTS = ("collector", "style", "young", "full")
ROUNDING_S = 1e-6  # of one printed pause


@pytest.mark.parametrize(("place", "which"), [(corpus.DATA, "in the tree"), corpus.folder()], ids=["in the tree", "all at hand"])
def test_every_figure_of_every_log_with_a_known_truth_is_exact(place: Path, which: str, capsys: pytest.CaptureFixture[str]) -> None:
    wrong: list[str] = []
    entries = corpus.entries(place)
    for entry in entries:
        (row,) = read_files([corpus.path_of(place, entry)])
        wrong += [f"{entry['file']}: {figure}" for figure in faults(entry, row)]
    with capsys.disabled():
        print(f" [{len(entries)} GC logs: {which}] ", end="")
    assert len(entries) >= 10
    assert wrong == []


def faults(entry: dict[str, Any], row: HeapFile) -> list[str]:
    """The figures that differ from the truth; where the truth is silent, so are we."""
    found = [name for name in COUNTS if entry[name] is not None and getattr(row, name) != entry[name]]
    tolerance = max(1.0, entry.get("tolerance_kib") or 0)
    found += [name for name in POOLS if not same(entry[name], getattr(row, name), tolerance)]
    if entry["pause_total_s"] is not None and abs(row.pause_total_s - entry["pause_total_s"]) > ROUNDING_S * max(1, entry["pauses"]):
        found.append("pause_total_s")
    if entry["pause_max_s"] is not None and (row.pause_max_s is None or abs(row.pause_max_s - entry["pause_max_s"]) > 1.1 * ROUNDING_S):
        found.append("pause_max_s")
    return found


def same(truth: dict[str, float | None] | None, ours: Occupancy | None, tolerance: float) -> bool:
    for name, value in (truth or {}).items():
        figure = None if ours is None else getattr(ours, name)
        if value is not None and (figure is None or abs(figure - value) > tolerance):
            return False
    return True


def test_no_log_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert all(row.error is None for row in read_files(corpus.logs()))
