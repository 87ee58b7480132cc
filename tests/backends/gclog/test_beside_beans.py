"""Logs of real JVMs from 8 to 28 beside what their own GarbageCollectorMXBeans said when they were done.

`Beans.java` made them, which allocates in five ways, under options drawn by chance; it printed the counters of its beans and what each pool
held after the last collection (`truth.json`: `heap_kib`, `old_kib`), and stopped at once. What a bean counts otherwise than a log does (the
young part of a full collection of Serial, the cycles of CMS and Shenandoah) is not in there.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from backends.heap import read_files

PLACE: Final = Path(__file__).parent / "data" / "beside_beans"
TRUTH: Final[dict[str, dict[str, Any]]] = json.loads((PLACE / "truth.json").read_text())
IN_PRINT_KIB: Final = {"8": 4, "8 G1": 1 << 10}  # how far a size in print may be from that of a bean: `K`, `M` with one digit
UNIFIED_KIB: Final = 1 << 10  # `M`
TAILS_KIB: Final = 3 << 10  # what is free at the ends of G1's old regions belongs to the log's figure and not to the bean's
AFTERWARDS: Final = 3  # ZGC and Shenandoah go on while the program reads its beans


@pytest.mark.parametrize("name", TRUTH)
def test_the_figures_of_a_log_are_those_of_the_jvm(name: str) -> None:
    truth = TRUTH[name]
    (row,) = read_files([PLACE / name])
    is_g1 = row.collector == "G1"
    in_print = IN_PRINT_KIB["8 G1" if is_g1 else "8"] if truth["jvm"] == "8" else UNIFIED_KIB
    assert (row.young, row.full) == (truth.get("young", row.young), truth.get("full", row.full))
    if "heap_kib" in truth:
        assert row.heap_last is not None and row.heap_last.after_kib == pytest.approx(truth["heap_kib"], abs=2 * in_print)
    if "old_kib" in truth and row.old_kib is not None:
        assert row.old_kib == pytest.approx(truth["old_kib"], abs=TAILS_KIB if is_g1 else in_print if row.old_basis == "heap" else 4)
    if "pauses" in truth and row.pauses:  # without gc* ZGC does not tell its pauses
        assert 0 <= row.pauses - truth["pauses"] <= AFTERWARDS
    if "cycles" in truth:
        assert 0 <= row.young + row.full - truth["cycles"] <= 1


def test_all_collectors_are_there() -> None:
    found = {(TRUTH[name]["jvm"], row.collector) for name in TRUTH for row in read_files([PLACE / name]) if row.collector}
    assert {collector for jvm, collector in found if jvm == "8"} == {"Serial", "ParNew", "Parallel", "CMS", "G1"}
    newest = {"Serial", "Parallel", "G1", "ZGC generational", "Shenandoah", "Shenandoah generational"}
    assert {collector for jvm, collector in found if jvm == "28"} == newest
