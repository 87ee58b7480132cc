"""What a past means: traces of full collections, and the word for them."""

from pathlib import Path
from typing import Any

import pytest

from backends.agent import Occupancy
from backends.gclog.events import Collected, Exhausted, Opened
from backends.gclog.verdict import Trace, judge
from backends.heap import read_files
from tests.backends.gclog import corpus

CAPACITY = 1_000_000


def full(at: float, before: int, after: int, pause_s: float = 1.0, **more: Any) -> Collected:
    """A full collection of an old generation of a million KiB; `before` and `after` in thousands."""
    old = Occupancy(before * 1000, after * 1000, CAPACITY)
    return Collected("full", at, None, "Ergonomics", old, old, "stated", pause_s, **more)


def young(at: float, pause_s: float = 0.01) -> Collected:
    return Collected("young", at, None, "Allocation Failure", None, None, None, pause_s)


def trace(*events: Collected | Exhausted, opened: Opened | None = None, is_cut: bool = False, is_ended: bool = False) -> Trace:
    recent = tuple(event for event in events if isinstance(event, Collected))
    story = tuple(event for event in events if isinstance(event, Exhausted) or event.kind == "full")
    pauses = [event.pause_s or 0.0 for event in recent]
    return Trace(story, recent, opened, is_cut, is_ended, max(pauses, default=None))


def verdict(*events: Collected | Exhausted, quiet_s: float | None = None) -> str:
    return judge(trace(*events), quiet_s).verdict


FUTILE = [full(at * 1.5, 995, 990) for at in range(1, 6)]


def test_five_futile_full_collections_that_took_half_of_the_time_are_a_hang() -> None:
    assert verdict(*FUTILE) == "HANG"
    assert verdict(*FUTILE[:4]) == "SUSPECT"
    assert verdict(*[full(at * 10.0, 995, 990) for at in range(1, 6)]) == "SUSPECT"  # a tenth of the time: busy, not hung
    reason = judge(trace(*FUTILE)).reason
    assert "5 full collections in a row" in reason
    assert "left 99% full" in reason


def test_young_collections_in_between_do_not_hide_a_hang() -> None:
    assert verdict(*[event for one in FUTILE for event in (one, young((one.at or 0) + 0.1))]) == "HANG"


def test_a_collection_that_frees_again_clears_a_hang_and_one_that_frees_a_little_does_not() -> None:
    assert verdict(*FUTILE, full(20, 990, 950)) == "HANG"
    assert verdict(*FUTILE, full(20, 990, 400)) == "OK"


def test_one_full_collection_of_a_full_old_generation_is_a_suspicion_and_no_more() -> None:
    assert verdict(full(1, 990, 985)) == "SUSPECT"
    assert verdict(full(1, 990, 300)) == "OK"


def test_a_low_heap_that_frees_nothing_is_well() -> None:
    """System.gc() again and again: after is 100 % of before, where the old script cried."""
    assert verdict(*[full(at * 10.0, 200, 200) for at in range(1, 20)]) == "OK"


def test_the_whole_heap_is_futile_from_85_percent_because_a_log_without_details_ends_there() -> None:
    def heap(at: float, after: int) -> Collected:
        size = Occupancy(after * 1000, after * 1000, CAPACITY)
        return Collected("full", at, None, None, size, None, None, 1.0)

    assert verdict(*[heap(at * 1.1, 86) for at in range(1, 6)]) == "OK"
    assert verdict(*[heap(at * 1.1, 860) for at in range(1, 6)]) == "HANG"


def test_g1_humongous_regions_count_as_old() -> None:
    events = [full(at * 1.1, 600, 600, humongous_kib=380_000) for at in range(1, 6)]
    assert verdict(*events) == "HANG"


def test_zgc_states_percentages_and_no_pauses() -> None:
    heap = Occupancy(98304, 98304, None)
    assert verdict(*[Collected("full", at * 9.0, None, None, heap, heap, "heap", None, filled=1.0) for at in range(1, 6)]) == "HANG"


def test_the_jvms_own_mark_is_a_hang_until_memory_is_free_again() -> None:
    mark = Exhausted(5.0, None, "Out Of Memory (main)")
    assert verdict(full(1, 900, 500), mark) == "HANG"
    assert "Out Of Memory (main)" in judge(trace(mark)).reason
    assert verdict(mark, full(6, 990, 100)) == "OK"


def test_half_of_a_minute_in_collections_that_do_free_memory_is_thrashing() -> None:
    assert verdict(*[full(at * 2.0, 900, 500, pause_s=1.2) for at in range(1, 30)]) == "THRASHING"
    assert verdict(*[full(at * 9.0, 900, 500, pause_s=1.2) for at in range(1, 30)]) == "OK"


def test_each_full_collection_leaving_more_than_the_last_is_a_leak_that_says_when() -> None:
    ruling = judge(trace(*[full(at * 600.0, 800, 300 + at * 50) for at in range(1, 6)]))
    assert ruling.verdict == "LEAK"
    assert "35% -> 55%" in ruling.reason
    assert "1 h 30 min" in ruling.reason  # 45 % to go at 5 % each 10 minutes


def test_three_full_collections_in_a_minute_of_a_crowded_heap_are_a_suspicion() -> None:
    assert verdict(*[full(at * 10.0, 950, 840) for at in range(1, 4)]) == "SUSPECT"


def test_a_pause_that_does_not_end_is_stuck_after_three_times_the_longest() -> None:
    opened = trace(full(1, 900, 300, pause_s=20.0), opened=Opened(2.0, None, "Full (Ergonomics)"))
    assert judge(opened, 59.0).verdict == "OK"
    assert judge(opened, 61.0).verdict == "STUCK"
    assert "Full (Ergonomics)" in judge(opened, 61.0).reason
    assert judge(trace(full(1, 900, 300), is_cut=True), 31.0).verdict == "STUCK"


def test_a_quiet_log_is_silent_after_ten_minutes_or_twenty_of_its_gaps() -> None:
    often, seldom = [young(at * 1.0) for at in range(9)], [young(at * 300.0) for at in range(9)]
    assert verdict(*often, quiet_s=599.0) == "OK"
    assert verdict(*often, quiet_s=601.0) == "SILENT"
    assert verdict(*seldom, quiet_s=5999.0) == "OK"
    assert verdict(*seldom, quiet_s=6001.0) == "SILENT"
    assert verdict(*FUTILE, quiet_s=6001.0) == "HANG"


def test_a_process_that_ended_says_so_and_whether_it_hung() -> None:
    assert judge(trace(young(1.0), is_ended=True)).verdict == "ENDED"
    assert "it hung" in judge(trace(*FUTILE, is_ended=True)).reason


def test_without_a_collection_nothing_is_known() -> None:
    assert verdict() == "UNKNOWN"


@pytest.mark.parametrize("path", [path for path in corpus.logs() if "leakdie" in path.name], ids=lambda path: path.name)
def test_every_jvm_that_died_of_its_leak_hung(path: Path) -> None:
    (row,) = read_files([path])
    assert row.verdict == "HANG", row.reason


@pytest.mark.parametrize(
    "path", [path for path in corpus.logs() if "churn" in path.name or "sysgc" in path.name], ids=lambda path: path.name
)
def test_no_healthy_jvm_hangs(path: Path) -> None:
    (row,) = read_files([path])
    assert row.verdict in ("OK", "SUSPECT", "ENDED"), row.reason
