"""What the last ten minutes cost and moved."""

import pytest

from backends.agent import Basis, Occupancy
from backends.gclog.events import Collected, Paused
from backends.gclog.judging.rates import Rates, rates


def young(at: float | None, heap: tuple[int, int], old: tuple[int, int] | None = None, pause_s: float | None = 0.1) -> Collected:
    pools = None if old is None else Occupancy(*old, 1000)
    basis: Basis | None = None if old is None else "stated"
    return Collected("young", at, None, None, Occupancy(*heap, 2000), pools, basis, pause_s)


def full(at: float, heap: tuple[int, int], old: tuple[int, int], pause_s: float = 1.0) -> Collected:
    return Collected("full", at, None, None, Occupancy(*heap, 2000), Occupancy(*old, 1000), "stated", pause_s)


def test_what_the_heap_grew_by_between_collections_was_allocated() -> None:
    found = rates([young(10, (500, 100)), young(20, (600, 150)), young(30, (650, 200))])
    assert found.window_s == 20.0
    assert found.allocated_kib_per_s == (500 + 500) / 20
    assert found.pause_share == pytest.approx(0.2 / 20)
    assert found.promoted_kib_per_s is None  # the log does not tell the old generation


def test_what_young_collections_add_to_the_old_generation_was_promoted() -> None:
    found = rates(
        [young(10, (500, 100), (40, 50)), young(20, (600, 150), (50, 70)), full(25, (400, 90), (70, 60)), young(30, (600, 100), (60, 75))]
    )
    assert found.promoted_kib_per_s == (20 + 15) / 20


def test_a_collection_that_also_freed_old_memory_tells_no_promotion() -> None:
    mixed = young(20, (600, 100), (90, 40))
    assert rates([young(10, (500, 150), (80, 90)), mixed]).promoted_kib_per_s is None
    assert rates([young(10, (500, 150), (80, 90)), mixed, young(30, (600, 120), (40, 50))]).promoted_kib_per_s == 10 / 10


def test_what_a_sweep_freed_in_between_was_allocated_all_the_same() -> None:
    """CMS: the old generation lost 300 between the two, the young one gained 400."""
    assert rates([young(10, (900, 500), (400, 450)), young(20, (600, 200), (150, 160))]).allocated_kib_per_s == 400 / 10


def test_a_heap_that_shrank_in_between_tells_nothing_of_allocation() -> None:
    assert rates([young(10, (900, 500)), young(20, (300, 200))]).allocated_kib_per_s is None
    assert rates([young(10, (900, 500)), young(20, (300, 200)), young(30, (400, 200))]).allocated_kib_per_s == 200 / 10


def test_a_remark_that_freed_whole_regions_is_not_allocation_undone() -> None:
    remark = Paused(15, None, "Remark", 0.01, Occupancy(350, 150, 2000))
    assert rates([young(10, (900, 300)), remark, young(20, (400, 200))]).allocated_kib_per_s == (50 + 250) / 10


def test_cycles_beside_the_program_do_not_tell_what_came_while_they_ran() -> None:
    heap = Occupancy(900, 300, None)
    cycles = [Collected("full", at, None, None, heap, heap, "heap", None, filled=0.3) for at in (10.0, 20.0, 30.0)]
    assert rates(cycles) == Rates(20.0, None, None, None)


def test_only_the_last_ten_minutes_count() -> None:
    events = [young(at * 60.0, (500, 100)) for at in range(60)]
    found = rates([*events, young(3541, (9100, 100))])
    assert found.window_s == pytest.approx(541)
    assert found.allocated_kib_per_s == (9 * 400 + 9000) / 541


def test_without_times_or_with_one_event_there_is_no_rate() -> None:
    assert rates([]) == Rates()
    assert rates([young(5, (500, 100))]) == Rates()
    assert rates([young(None, (500, 100)), young(None, (500, 100))]) == Rates()


def test_pauses_of_all_the_time_are_all_of_it_and_no_more() -> None:
    assert rates([full(at * 1.0, (900, 800), (900, 800), 1.5) for at in range(9)]).pause_share == 1.0


def test_moments_between_cycles_that_tell_nothing_of_the_time_while_they_ran_give_no_rate() -> None:
    """Shenandoah: it allocates while its cycles run; only from one of them to a collection with a pause behind it something is known."""
    heap = Occupancy(48000, 48000, 49152)
    cycles = [Collected("cycle", at, None, None, heap, heap, "heap", None) for at in (10.0, 20.0, 30.0)]
    degenerated = Collected("degenerated", 30.5, None, None, heap, heap, "heap", 0.2)
    assert rates([*cycles, degenerated]).allocated_kib_per_s is None
