"""The past of an agent, folded from the events of its log: points, pauses, the newest events."""

import random

import pytest

from backends.agent import HeapEvent, HeapPoint, Occupancy, PauseBucket
from backends.gclog.events import Collected, Event, Exhausted, Exited, Kind, Launched, Paused, Regioned, Regions, Sized, Stalled
from backends.gclog.parsing.assemble import Parser
from backends.gclog.past.fold import Past
from backends.gclog.past.series import BUCKETS, Series, thinned
from backends.gclog.rows import read
from backends.questions import MAX_HEAP_EVENTS, MAX_HEAP_POINTS
from tests.backends.gclog.corpus import logs

EPOCH = 1_700_000_000.0


def old(after: int, before: int = 900, capacity: int = 1000) -> Occupancy:
    return Occupancy(before, after, capacity)


def collected(at: float | None, after: int, kind: Kind = "young", wall: float | None = None, pause_s: float | None = 0.004) -> Collected:
    return Collected(kind, at, wall, "why", Occupancy(950, after + 50, 2000), old(after), "stated", pause_s)


def past(*events: Event) -> Past:
    made = Past()
    for event in events:
        made.note(event)
    return made


def points(*events: Event) -> list[tuple[float, int, bool]]:
    told = past(*events).told("agent", MAX_HEAP_POINTS, 0)
    return [(point.at, point.used_kib, point.is_full) for point in told.points]


def test_each_collection_leaves_a_point_and_full_ones_are_marked() -> None:
    told = past(collected(1.0, 100), collected(2.5, 300), collected(4.0, 50, "full")).told("agent", 240, 100)
    assert told.points == (HeapPoint(1.0, 100, False), HeapPoint(2.5, 300, False), HeapPoint(4.0, 50, True))
    assert (told.basis, told.capacity_kib, told.is_clock, told.of) == ("stated", 1000, False, 3)


def test_a_log_without_an_old_generation_tells_of_the_whole_heap() -> None:
    whole = Collected("young", 1.0, None, None, Occupancy(900, 400, 2000), None, None, 0.001)
    told = past(whole).told("agent", 240, 100)
    assert (told.points, told.basis, told.capacity_kib) == ((HeapPoint(1.0, 400, False),), "heap", 2000)


def test_a_log_that_states_a_percentage_tells_its_capacity_by_it() -> None:
    sizes = Occupancy(900, 500, None)
    told = past(Collected("full", 1.0, None, None, sizes, sizes, "heap", None, filled=0.25)).told("agent", 240, 0)
    assert told.capacity_kib == 2000


def test_a_full_collection_inside_a_young_one_is_marked_where_that_tells_what_was_left() -> None:
    """The serial collector of JDK 11: only the outer pause states the pools."""
    inner = Collected("full", 2.0, None, None, Occupancy(900, 400, 2000), None, None, 0.009)
    assert points(collected(1.0, 700), inner, collected(2.0, 300), collected(3.0, 350)) == [
        (1.0, 700, False),
        (2.0, 300, True),
        (3.0, 350, False),
    ]


def test_what_cannot_be_told_makes_no_points() -> None:
    told = past(Collected("young", 1.0, None, None, None, None, None, 0.001)).told("agent", 240, 100)
    assert (told.points, told.basis, told.capacity_kib, told.of) == ((), None, None, 1)


def test_detail_lines_behind_a_collection_correct_it() -> None:
    bare = Collected("young", 1.0, None, None, Occupancy(900, 500, 2000), None, None, 0.001)
    sized = Sized(Occupancy(901, 501, 2001), old(450), "inferred")
    told = past(bare, sized, collected(2.0, 470)).told("agent", 240, 100)
    assert [point.used_kib for point in told.points] == [450, 470]
    assert (told.events[1].old, told.events[1].heap) == (old(450), Occupancy(901, 501, 2001))


def test_regions_get_their_size_when_the_log_tells_it_at_last() -> None:
    def g1(at: float, after: int) -> Collected:
        heap = Occupancy(90000, 80000, 100000)
        return Collected("young", at, None, None, heap, None, None, 0.001, regions=Regions(after, after, 2))

    before = past(g1(1.0, 10), g1(2.0, 20)).told("agent", 240, 10)
    assert (before.basis, [point.used_kib for point in before.points]) == ("heap", [80000, 80000])
    told = past(g1(1.0, 10), g1(2.0, 20), Regioned(1024), g1(3.0, 30)).told("agent", 240, 10)
    assert (told.basis, told.capacity_kib) == ("regions", 100000)
    assert [point.used_kib for point in told.points] == [12 * 1024, 22 * 1024, 32 * 1024]  # humongous regions are old to the JVM
    assert [event.old.after_kib for event in told.events if event.old] == [30 * 1024, 20 * 1024, 10 * 1024]


def test_pauses_fall_into_fixed_buckets_up_to_the_longest() -> None:
    told = past(
        collected(1.0, 1, pause_s=0.001),
        collected(2.0, 1, pause_s=0.0011),
        Paused(3.0, None, "Remark", 0.002),
        collected(4.0, 1, pause_s=None),
    ).told("agent", 240, 0)
    assert told.pauses == (PauseBucket(0.001, 1, 0.001), PauseBucket(0.002, 2, 0.0031))
    assert past(collected(1.0, 1, pause_s=45.0)).told("agent", 240, 0).pauses[-1] == PauseBucket(None, 1, 45.0)
    assert Past().told("agent", 240, 0).pauses == ()


def test_everything_that_happened_is_listed_newest_first_with_its_place() -> None:
    made = Past()
    story: list[tuple[Event, str]] = [
        (Launched(0.1), "start"),
        (collected(1.0, 10), "young"),
        (Paused(2.0, None, "Remark", 0.01), "pause"),
        (Stalled(3.0, None, 0.5), "stall"),
        (Exhausted(4.0, None, "Out Of Memory (main)"), "exhausted"),
        (Exited(5.0, None), "exit"),
    ]
    for number, (event, _) in enumerate(story):
        made.note(event, "8:15", number * 100)
    told = made.told("agent", 240, 100)
    assert [event.kind for event in told.events] == [kind for _, kind in reversed(story)]
    assert [event.place for event in told.events] == [500, 400, 300, 200, 100, 0]
    assert told.events[4] == HeapEvent("young", None, 1.0, "why", Occupancy(950, 60, 2000), old(10), 0.004, "8:15", 100)
    assert (told.events[1].cause, told.events[3].cause) == ("Out Of Memory (main)", "Remark")
    assert [event.kind for event in made.told("agent", 240, 2).events] == ["exit", "exhausted"]


def test_only_the_newest_events_are_kept_and_all_are_counted() -> None:
    made = past(*(collected(float(at), 10) for at in range(MAX_HEAP_EVENTS + 50)))
    told = made.told("agent", 10, MAX_HEAP_EVENTS * 2)
    assert (len(told.events), told.of) == (MAX_HEAP_EVENTS, MAX_HEAP_EVENTS + 50)
    assert told.events[0].uptime_s == MAX_HEAP_EVENTS + 49


# Time


def test_lines_with_dates_are_dated_by_themselves() -> None:
    told = past(collected(1.0, 10, wall=EPOCH), collected(2.0, 20, wall=EPOCH + 1)).told("agent", 240, 10)
    assert told.is_clock
    assert [point.at for point in told.points] == [EPOCH, EPOCH + 1]
    assert [(event.at, event.uptime_s) for event in told.events] == [(EPOCH + 1, 2.0), (EPOCH, 1.0)]


def test_a_log_whose_only_clock_is_the_calendar_has_no_uptime() -> None:
    told = past(collected(EPOCH, 10, wall=EPOCH)).told("agent", 240, 10)
    assert (told.points[0].at, told.events[0].uptime_s) == (EPOCH, None)


def test_lines_without_dates_are_dated_by_the_last_write_of_their_file() -> None:
    made = Past()
    made.date(EPOCH)
    made.note(collected(1.0, 10))
    told = made.told("agent", 240, 10)
    assert (told.is_clock, told.points[0].at, told.events[0].at, told.events[0].uptime_s) == (True, EPOCH + 1, EPOCH + 1, 1.0)


def test_what_came_before_the_first_date_is_dated_by_it() -> None:
    assert [at for at, _, _ in points(collected(1.0, 10), collected(3.0, 20, wall=EPOCH))] == [EPOCH - 2, EPOCH]


def test_another_jvm_comes_after_the_one_before_though_its_clock_begins_anew() -> None:
    found = points(collected(50.0, 10), collected(60.0, 20), Launched(0.5), collected(1.0, 5), collected(2.0, 7))
    assert [at for at, _, _ in found] == [-9.5, 0.5, 1.0, 2.0]


def test_another_jvm_with_dates_is_where_they_say() -> None:
    story = (collected(50.0, 10, wall=EPOCH), Launched(0.5), collected(1.0, 5, wall=EPOCH + 600))
    assert [at for at, _, _ in points(*story)] == [EPOCH, EPOCH + 600]
    start = past(*story).told("agent", 240, 10).events[1]
    assert (start.kind, start.at) == ("start", EPOCH + 599.5)


def test_stamps_a_few_milliseconds_out_of_order_move_nothing() -> None:
    assert points(collected(10.0, 10), collected(9.99, 20), collected(11.0, 30)) == [(10.0, 20, False), (11.0, 30, False)]


def test_collections_without_any_stamp_are_numbered() -> None:
    assert [at for at, _, _ in points(collected(None, 10), collected(None, 20), collected(None, 30))] == [0.0, 1.0, 2.0]


# Thinning


def test_thinning_keeps_every_peak_every_height_of_full_collections_and_the_newest() -> None:
    made = Past()
    for second in range(5000):
        made.note(collected(float(second), 999 if second == 1234 else second % 100))
        if second == 3333:
            made.note(collected(second + 0.5, 1, "full"))
    told = made.told("agent", 100, 0)
    assert len(told.points) <= 100
    assert HeapPoint(1234.0, 999, False) in told.points
    assert HeapPoint(3333.5, 1, True) in told.points
    assert told.points[-1] == HeapPoint(4999.0, 99, False)
    assert [point.at for point in told.points] == sorted(point.at for point in told.points)


def test_any_number_of_points_takes_bounded_room() -> None:
    series, chance = Series(), random.Random(7)
    at, highest = 0.0, 0.0
    for _ in range(30_000):
        at += chance.expovariate(1.0)
        highest = max(highest, figure := chance.random())
        series.add(at, figure, is_full=chance.random() < 0.1)
    found = series.points()
    assert BUCKETS // 2 < len(found) <= BUCKETS * 2
    assert max(figure for _, figure, _ in found) == highest


@pytest.mark.parametrize("most", [1, 2, 3, 10, 99])
def test_a_page_gets_no_more_points_than_it_asked_for(most: int) -> None:
    found = thinned([(float(at), at % 7, at % 5 == 0) for at in range(100)], most)
    assert 0 < len(found) <= most
    assert found[-1][0] == 99.0


# Runs


def test_a_run_of_young_collections_says_what_its_lines_say_one_by_one() -> None:
    line = "%d.500: [GC (Allocation Failure) [PSYoungGen: 8700K->954K(9216K)] 18700K->%dK(97216K), 0.0%d0000 secs]\n"
    text = "".join(line % (at, 11954 + at, at % 9 + 1) for at in range(10, 60)).encode()
    together, single = Past(), Past()
    for packed in Parser().packed(text):
        together.note(packed)
    for event in Parser().feed(text):
        single.note(event)
    assert together.told("agent", 240, 500) == single.told("agent", 240, 500)
    assert together.of == 50


def test_every_log_of_the_tree_has_the_past_that_its_row_ends_with() -> None:
    for path in logs():
        made, parser = Past(), Parser()
        for packed in [*parser.packed(path.read_bytes()), *parser.finish()]:
            made.note(packed)
        row, told = read(str(path)), made.told("agent", MAX_HEAP_POINTS, MAX_HEAP_EVENTS)
        assert sum(bucket.pauses for bucket in told.pauses) == row.pauses, path
        assert sum(bucket.total_s for bucket in told.pauses) == pytest.approx(row.pause_total_s), path
        last = row.last_after_gc or row.heap_last
        if last is not None and last.after_kib is not None:
            assert told.points[-1].used_kib == max(0, last.after_kib) + (row.humongous_kib or 0), path
            assert sum(point.is_full for point in told.points) == row.full, path
