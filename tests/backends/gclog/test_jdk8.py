"""Every shape that the options of JDK 6 to 8 give a log is read exactly."""

from pathlib import Path

import pytest

from backends.agent import HeapFile, Occupancy
from backends.gclog.rows import read
from tests.backends.gclog.jdk8 import Jdk8

SEEDS, EVENTS = 60, 14


@pytest.mark.parametrize("collector", ["Serial", "Parallel", "CMS", "G1"])
def test_a_log_of_any_options_is_read_exactly(collector: str, tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    for seed in range(SEEDS):
        jvm = Jdk8(seed, collector)
        jvm.write(EVENTS)
        log.write_text(jvm.text, newline="")
        row, truth = read(str(log)), jvm.truth
        if not truth.pauses:
            continue
        said = f"{collector}, seed {seed}, {jvm.options}\n{jvm.text}"
        assert (row.young, row.full, row.pauses) == (truth.young, truth.full, len(truth.pauses)), said
        assert row.pause_total_s == pytest.approx(sum(truth.pauses), abs=1e-9), said
        assert row.pause_max_s == max(truth.pauses), said
        assert figures(row) == [truth.last_old, truth.last_full_old, truth.last_heap, truth.last_full_heap], said
        assert row.unknown_lines == 0, said


def figures(row: HeapFile) -> list[tuple[int | None, ...] | None]:
    return [told(one) for one in (row.last_after_gc, row.last_full, row.heap_last, row.last_full_heap)]


def told(one: Occupancy | None) -> tuple[int | None, ...] | None:
    return None if one is None else (one.before_kib, one.after_kib, one.capacity_kib)
