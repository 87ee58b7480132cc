"""What a past means: collections in order, and the word for them."""

from pathlib import Path
from typing import Any

import pytest

from backends.agent import Occupancy
from backends.gclog.events import Collected, Event, Exhausted, Exited, Launched, Opened, Stalled
from backends.gclog.judging.account import Account
from backends.gclog.judging.verdict import Ruling, judge
from backends.heap import read_files
from tests.backends.gclog import corpus

CAPACITY = 1_000_000


def full(at: float | None, before: int, after: int, pause_s: float = 1.0, cause: str = "Ergonomics", **more: Any) -> Collected:
    """A full collection of an old generation of a million KiB; `before` and `after` in thousands."""
    old = Occupancy(before * 1000, after * 1000, more.pop("capacity", CAPACITY))
    return Collected("full", at, None, cause, old, old, "stated", pause_s, **more)


def young(at: float | None, after: int | None = None, pause_s: float = 0.01) -> Collected:
    old = None if after is None else Occupancy(after * 1000, after * 1000, CAPACITY)
    return Collected("young", at, None, "Allocation Failure", old, old, None if old is None else "stated", pause_s)


def cycle(at: float, after: int, cause: str = "Allocation Rate") -> Collected:
    """Of ZGC, in percent of its maximum."""
    heap = Occupancy(after * 1000, after * 1000, None)
    return Collected("full", at, None, cause, heap, heap, "heap", None, filled=after / 100)


def ruling(*events: Event, quiet_s: float | None = None, is_cut: bool = False) -> Ruling:
    account = Account()
    account.note_all(events)
    return judge(account.trace(is_cut), quiet_s)


def verdict(*events: Event, quiet_s: float | None = None) -> str:
    return ruling(*events, quiet_s=quiet_s).verdict


FUTILE = [full(at * 1.5, 995, 990) for at in range(1, 6)]


# HANG


def test_five_futile_full_collections_that_took_half_of_the_time_are_a_hang() -> None:
    assert verdict(*FUTILE) == "HANG"
    assert verdict(*FUTILE[:4]) == "SUSPECT"
    assert verdict(*[full(at * 10.0, 995, 990) for at in range(1, 6)]) == "SUSPECT"  # a tenth of the time: busy, not hung
    found = ruling(*FUTILE)
    assert "5 full collections in a row" in found.reason
    assert "left 99% full" in found.reason
    assert found.evidence == tuple(FUTILE)


def test_young_collections_in_between_do_not_hide_a_hang() -> None:
    assert verdict(*[event for one in FUTILE for event in (one, young((one.at or 0) + 0.1))]) == "HANG"


def test_futile_collections_hours_ago_do_not_hide_the_hang_of_now() -> None:
    """A high plateau that is collected each hour, and then really is full."""
    hours = [full(at * 3600.0, 960, 950) for at in range(1, 10)]
    assert verdict(*hours) == "SUSPECT"
    assert verdict(*hours, *[full(40_000 + at * 1.5, 995, 990) for at in range(5)]) == "HANG"


def test_a_collection_that_frees_again_clears_a_hang_and_one_that_frees_a_little_does_not() -> None:
    assert verdict(*FUTILE, full(20, 990, 950)) == "HANG"
    assert verdict(*FUTILE, full(20, 990, 870)) == "HANG"
    assert verdict(*FUTILE, full(20, 990, 400)) == "OK"


def test_a_hang_stays_however_many_collections_come_after_it() -> None:
    assert verdict(*FUTILE, *[full(20.0 + at, 990, 930) for at in range(300)]) == "HANG"


def test_five_other_collections_that_left_much_less_clear_a_hang_too() -> None:
    """CMS swept, G1 collected old regions: nobody needs a full collection any more."""
    assert verdict(*FUTILE, *[young(100.0 + at, 700) for at in range(4)]) == "HANG"
    assert verdict(*FUTILE, *[young(100.0 + at, 700) for at in range(5)]) == "OK"
    assert verdict(*FUTILE, *[young(100.0 + at, 700 if at % 5 else 990) for at in range(15)]) == "HANG"


def test_a_full_heap_that_works_is_a_suspicion_and_no_hang() -> None:
    """It was crowded for five seconds at its start; now it lives on the little that is left."""
    assert verdict(*FUTILE, *[young(10.0 + at * 2, 960) for at in range(20)]) == "HANG"
    assert verdict(*FUTILE, *[young(10.0 + at * 2, 960) for at in range(60)]) == "SUSPECT"
    assert verdict(*FUTILE, *[young(10.0 + at * 2, 960, pause_s=0.9) for at in range(60)]) == "HANG"
    assert verdict(*FUTILE, *[event for at in range(60) for event in (young(10.0 + at * 3, 960), full(11.0 + at * 3, 990, 960))]) == "HANG"


def test_a_heap_that_still_grows_is_not_at_its_end() -> None:
    growing = [full(at * 1.5, 98 * at, 97 * at, capacity=100_000 * at) for at in range(1, 9)]
    assert verdict(*growing) != "HANG"


def test_room_that_was_given_back_is_room() -> None:
    """The old generation is 95 % full of what it has, and half full of what it had."""
    assert verdict(full(1, 900, 300), *[full(at * 30.0, 480, 475, capacity=500_000) for at in range(2, 9)]) == "OK"


def test_collections_that_were_asked_for_are_no_hang() -> None:
    assert verdict(*[full(at * 1.1, 960, 955, cause="System.gc()") for at in range(1, 20)]) == "SUSPECT"
    dumped = ruling(full(1, 960, 955, cause="Heap Dump Initiated GC"))
    assert (dumped.verdict, "asked for" in dumped.reason) == ("SUSPECT", True)


def test_without_times_a_hang_is_full_collections_with_nothing_between() -> None:
    assert verdict(*[full(None, 995, 990) for _ in range(5)]) == "HANG"
    rarely = [event for _ in range(9) for event in (full(None, 960, 955), *[young(None, 960)] * 9)]
    assert verdict(*rarely) == "SUSPECT"


def test_one_full_collection_of_a_full_old_generation_is_a_suspicion_and_no_more() -> None:
    assert verdict(full(1, 990, 985)) == "SUSPECT"
    assert verdict(full(1, 990, 300)) == "OK"


def test_the_suspicion_of_a_small_heap_at_start_goes_when_the_heap_has_grown() -> None:
    start = full(1, 98, 95, capacity=100_000)
    assert verdict(start) == "SUSPECT"
    assert verdict(start, *[young(at * 5.0, 200) for at in range(2, 9)]) == "OK"


def test_a_low_heap_that_frees_nothing_is_well() -> None:
    """System.gc() again and again: after is 100 % of before, where the old script cried."""
    assert verdict(*[full(at * 10.0, 200, 200) for at in range(1, 20)]) == "OK"


def test_the_whole_heap_is_futile_from_85_percent_because_a_log_without_details_ends_there() -> None:
    def heap(at: float, after: int) -> Collected:
        size = Occupancy(after * 1000, after * 1000, CAPACITY)
        return Collected("full", at, None, None, size, None, None, 1.0)

    assert verdict(*[heap(at * 1.1, 84) for at in range(1, 6)]) == "OK"
    assert verdict(*[heap(at * 1.1, 860) for at in range(1, 6)]) == "HANG"


def test_g1_humongous_regions_count_as_old() -> None:
    assert verdict(*[full(at * 1.1, 600, 600, humongous_kib=380_000) for at in range(1, 6)]) == "HANG"


def test_zgc_hangs_when_threads_wait_for_cycles_that_free_nothing() -> None:
    stalled = [cycle(at * 9.0, 100, "Allocation Stall") for at in range(1, 6)]
    assert (verdict(*stalled[:4]), verdict(*stalled)) == ("SUSPECT", "HANG")
    waits = [Stalled(1.5 + at, None, 0.4) for at in range(3)]
    assert verdict(cycle(1, 100), *waits, *[cycle(at * 9.0, 100) for at in range(2, 6)]) == "HANG"
    assert verdict(*[cycle(at * 0.02, 100, "Allocation Stall") for at in range(1, 20)]) == "SUSPECT"  # a moment of it
    assert verdict(*[cycle(at * 0.02, 100, "Allocation Stall") for at in range(1, 120)]) == "HANG"
    assert verdict(*[cycle(at * 300.0, 96, "Proactive") for at in range(1, 20)]) == "SUSPECT"  # full, and nobody waits
    assert verdict(*[cycle(at * 9.0, 88) for at in range(1, 20)]) == "OK"


def test_shenandoah_hangs_by_degenerated_and_full_collections_that_free_nothing() -> None:
    def stopped(at: float, kind: Any) -> Collected:
        heap = Occupancy(98_000, 97_000, 98_304)
        return Collected(kind, at, None, "Allocation Failure", heap, heap, "heap", 1.0)

    row = [stopped(at * 1.2, "full" if at % 2 else "degenerated") for at in range(1, 6)]
    assert verdict(*row) == "HANG"
    assert verdict(*row[:4]) == "SUSPECT"


def test_shenandoah_hangs_by_concurrent_cycles_without_a_rest_that_free_nothing() -> None:
    def cleanup(at: float, before: int, after: int) -> Collected:
        heap = Occupancy(before, after, 24_000)
        return Collected("cycle", at, None, None, heap, heap, "heap", None)

    crowded = [cleanup(0.5 * number, 23_000, 22_500) for number in range(60)]
    assert verdict(*crowded[:10]) == "SUSPECT"
    found = ruling(*crowded)
    assert found.verdict == "HANG" and "30 collections in a row, without a rest for 14 s, free no memory" in found.reason
    assert verdict(*(cleanup(0.02 * number, 23_000, 22_500) for number in range(60))) == "SUSPECT", "a moment of it is none"
    assert verdict(*(cleanup(5.0 * number, 23_000, 22_500) for number in range(60))) == "SUSPECT", "nor with time to work in between"
    assert verdict(*(cleanup(0.5 * number, 23_500, 21_800) for number in range(60))) == "OK", "a high plateau that frees something"
    assert verdict(*crowded, *(cleanup(30 + number, 20_000, 8_000) for number in range(6))) == "OK"


def test_the_jvms_own_mark_is_a_hang_until_memory_is_free_again() -> None:
    mark = Exhausted(5.0, None, "Out Of Memory (main)")
    assert verdict(full(1, 900, 500), mark) == "HANG"
    assert "Out Of Memory (main)" in ruling(mark).reason
    assert verdict(mark, full(6, 990, 100)) == "OK"


@pytest.mark.parametrize("what", ["Metaspace", "unable to create native thread", "Direct buffer memory"])
def test_memory_that_is_not_the_heap_is_no_hang_of_the_heap(what: str) -> None:
    assert verdict(full(1, 900, 500), Exhausted(5.0, None, f"java.lang.OutOfMemoryError: {what}")) == "OK"


def test_another_process_begins_well() -> None:
    assert verdict(*FUTILE, Launched(0.1)) == "UNKNOWN"
    assert verdict(*FUTILE, Launched(0.1), full(1, 900, 300)) == "OK"


# THRASHING, SUSPECT


def test_half_of_a_minute_in_collections_that_do_free_memory_is_thrashing() -> None:
    assert verdict(*[full(at * 2.0, 900, 500, pause_s=1.2) for at in range(1, 30)]) == "THRASHING"
    assert verdict(*[full(at * 9.0, 900, 500, pause_s=1.2) for at in range(1, 30)]) == "OK"


def test_a_thousand_collections_are_thrashing_in_however_little_time() -> None:
    row = [full(at * 0.005, 900, 500, pause_s=0.004) for at in range(1, 1100)]
    assert verdict(*row) == "THRASHING" and verdict(*row[:900]) != "THRASHING"


def test_thrashing_for_lack_of_metaspace_says_so() -> None:
    reason = ruling(*[full(at * 2.0, 900, 500, 1.2, "Metadata GC Threshold") for at in range(1, 30)]).reason
    assert "metaspace is too small" in reason


def test_thrashing_is_of_the_last_minute() -> None:
    busy = [full(at * 2.0, 900, 500, pause_s=1.2) for at in range(1, 30)]
    assert verdict(*busy, quiet_s=50.0) == "THRASHING"
    assert verdict(*busy, quiet_s=70.0) == "OK"


def test_zgc_thrashes_when_threads_wait_for_collections_that_do_free_memory() -> None:
    waited = [cycle(at * 3.0, 60, "Allocation Stall") for at in range(1, 12)]
    assert verdict(*waited) == "THRASHING"
    assert verdict(*[cycle(at * 3.0, 60) for at in range(1, 12)]) == "OK"


def test_a_quarter_of_a_minute_is_a_suspicion() -> None:
    assert verdict(*[full(at * 4.0, 900, 500, pause_s=1.2) for at in range(1, 30)]) == "SUSPECT"
    assert verdict(*[young(at * 1.0, 500, pause_s=0.6) for at in range(1, 90)]) == "SUSPECT"


def test_three_full_collections_in_a_minute_of_a_crowded_heap_are_a_suspicion() -> None:
    assert verdict(*[full(at * 10.0, 950, 840) for at in range(1, 4)]) == "SUSPECT"
    assert verdict(*[full(at * 10.0, 950, 840, cause="System.gc()") for at in range(1, 4)]) == "OK"


def test_a_plateau_at_92_percent_that_frees_15_percent_each_time_is_well() -> None:
    assert verdict(*[full(at * 300.0, 1000, 920 - at % 2 * 70) for at in range(1, 40)]) == "OK"


# STUCK, SILENT, ENDED, UNKNOWN


def test_a_pause_that_does_not_end_is_stuck_after_three_times_the_longest() -> None:
    events = full(1, 900, 300, pause_s=20.0), Opened(2.0, None, "Full (Ergonomics)")
    assert ruling(*events, quiet_s=59.0).verdict == "OK"
    assert ruling(*events, quiet_s=61.0).verdict == "STUCK"
    assert "Full (Ergonomics)" in ruling(*events, quiet_s=61.0).reason
    assert ruling(full(1, 900, 300), quiet_s=31.0, is_cut=True).verdict == "STUCK"


def test_a_log_that_is_only_read_is_neither_stuck_nor_silent() -> None:
    assert ruling(full(1, 900, 300), Opened(2.0, None, "Full (Ergonomics)"), is_cut=True).verdict == "OK"


def test_a_hang_that_takes_long_pauses_stays_a_hang() -> None:
    assert verdict(*FUTILE, Opened(20.0, None, "Full (Ergonomics)"), quiet_s=90.0) == "HANG"


def test_a_quiet_log_is_silent_after_ten_minutes_or_twenty_of_its_gaps() -> None:
    often, seldom = [young(at * 1.0) for at in range(9)], [young(at * 300.0) for at in range(9)]
    assert verdict(*often, quiet_s=599.0) == "OK"
    assert verdict(*often, quiet_s=601.0) == "SILENT"
    assert verdict(*seldom, quiet_s=5999.0) == "OK"
    assert verdict(*seldom, quiet_s=6001.0) == "SILENT"
    assert verdict(*FUTILE, quiet_s=6001.0) == "HANG"
    assert verdict(quiet_s=601.0) == "SILENT"


def test_a_process_that_ended_says_so_and_whether_it_hung() -> None:
    assert verdict(young(1.0), Exited(2.0, None)) == "ENDED"
    assert "it hung" in ruling(*FUTILE, Exited(20.0, None)).reason


def test_without_a_collection_nothing_is_known() -> None:
    assert verdict() == "UNKNOWN"


# Logs of real JVMs


@pytest.mark.parametrize("path", [path for path in corpus.logs() if "leakdie" in path.name], ids=lambda path: path.name)
def test_every_jvm_that_died_of_its_leak_hung(path: Path) -> None:
    (row,) = read_files([path])
    assert row.verdict == "HANG", row.reason
    assert row.hang is not None
    assert not row.hang.is_over
    assert 1 <= len(row.evidence) <= 8


@pytest.mark.parametrize("path", [path for path in corpus.logs() if path.name.endswith("-leak-gc.log")], ids=lambda path: path.name)
def test_a_jvm_that_hung_and_was_freed_is_well_and_its_hang_is_told(path: Path) -> None:
    (row,) = read_files([path])
    assert row.verdict in ("OK", "ENDED"), row.reason
    assert row.hang is not None
    assert row.hang.is_over
    assert 1 <= row.hang.after_full <= 12


@pytest.mark.parametrize(
    "path", [path for path in corpus.logs() if "churn" in path.name or "sysgc" in path.name], ids=lambda path: path.name
)
def test_no_healthy_jvm_hangs(path: Path) -> None:
    (row,) = read_files([path])
    assert row.verdict in ("OK", "SUSPECT", "ENDED"), row.reason
    assert row.hang is None
