"""What is remembered of one partition: the past is thinned out, never made up, and never asked beyond what was watched."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.consumers.readings import KEPT_S, MAX_KEPT, Readings, spacing_for
from backends.questions import MAX_POINTS, Point

Life = Iterable[tuple[float, int, int | None]]


def readings(life: Life, spacing: float = 15.0) -> Readings:
    made = Readings(spacing)
    for reading in life:
        made.feed(*reading)
    return made


def lagging(*lags: int, step: float = 10.0, per_s: int = 10) -> Readings:
    """Readings of a partition to which `per_s` records a second are written, with these lags."""
    return readings([(step * n, int(step * n * per_s) + 100_000 - lag, int(step * n * per_s) + 100_000) for n, lag in enumerate(lags)], 0.0)


def test_the_newest_reading_is_always_kept_and_the_others_at_the_spacing() -> None:
    made = readings((float(at), at, at + 1) for at in range(0, 101, 10))
    assert made.points(99) == tuple(Point(float(at), at, at + 1) for at in (0, 20, 40, 60, 80, 100))


def test_an_hour_of_a_partition_is_240_points_and_no_more() -> None:
    made = readings((float(at), at, at) for at in range(0, 9000, 5))
    points = made.points(MAX_POINTS)
    assert len(points) == MAX_POINTS and points[-1].at == 8995 and points[0].at >= 8995 - KEPT_S


def test_thinned_out_points_are_some_of_those_that_were_read_with_the_first_and_the_last() -> None:
    made = readings(((10.0 * n, 7 * n, None) for n in range(100)), 0.0)
    points = made.points(8)
    assert len(points) == 8 and (points[0], points[-1]) == (Point(0.0, 0, None), Point(990.0, 693, None))
    assert all(point.offset == 7 * point.at / 10 for point in points)
    assert made.points(1) == (Point(990.0, 693, None),)


def test_many_partitions_share_one_memory() -> None:
    assert spacing_for(100) == spacing_for(2000) == KEPT_S / MAX_POINTS
    assert 32_000 * KEPT_S / spacing_for(32_000) == MAX_KEPT


def test_a_record_was_written_between_two_readings_of_the_log_end_by_proportion() -> None:
    made = readings([(0, 0, 100), (20, 0, 200), (40, 0, 200), (60, 0, 300)])
    assert made.written_at(150) == 10
    assert made.written_at(200) == 40  # the end stood there until 40
    assert made.written_at(300) is None, "it is not written yet"
    assert made.written_at(99) is None, "it was written before we watched"


def test_a_log_end_that_was_not_known_is_passed_over() -> None:
    assert readings([(0, 0, 100), (20, 0, None), (40, 0, 300)]).written_at(200) == 20


def test_the_log_of_a_topic_that_was_recreated_says_nothing_of_the_old_one() -> None:
    made = readings([(0, 0, 5), (20, 0, 1000), (40, 0, 10), (60, 0, 30)])
    assert made.written_at(20) == 50 and made.written_at(7) is None


def test_nothing_is_interpolated_between_two_logs_where_a_reading_between_them_was_left_out() -> None:
    """Readings are kept every 15 s: the last end of the old log (50) gives its place to the first of the new one."""
    made = readings([(0, 0, 0), (10, 0, 50), (12, 0, 10), (30, 0, 20), (50, 0, 30)], 15.0)
    assert made.written_at(15) is None and made.written_at(25) == 40 and made.watched_since() == 30
    unknown_between = readings([(0, 0, 30), (20, 0, None), (40, 0, 10), (60, 0, 40)])
    assert unknown_between.written_at(5) is None


def test_a_clock_that_was_set_back_begins_anew() -> None:
    assert readings([(100, 1, 2), (120, 2, 3), (50, 3, 4)]).points(9) == (Point(50.0, 3, 4),)


def test_a_lag_that_swings_with_each_commit_does_not_grow_and_does_not_shrink() -> None:
    trend = lagging(*[100 * (n % 6) for n in range(90)]).trend(60, 890)
    assert trend is not None and not trend.grows and not trend.shrinks


def test_a_lag_grows_by_its_floors_though_it_swings() -> None:
    """A commit a minute, and each leaves 120 records more than the one before."""
    trend = lagging(*[200 * (n % 6) + 120 * (n // 6) for n in range(120)], per_s=20).trend(60, 1190)
    assert trend is not None and trend.grows


def test_traffic_that_grows_makes_no_consumer_fall_behind() -> None:
    """The lag doubles because twice as much is written between two commits."""
    life = [(10.0 * n, int(50 * n * n + 500 * n), int(50 * n * n + 500 * n) + 50 + 10 * n) for n in range(60)]
    trend = readings(life, 0.0).trend(5, 590)
    assert trend is not None and not trend.grows


def test_what_grew_for_long_and_does_so_no_more_does_not_grow() -> None:
    trend = lagging(*[1000 * n for n in range(60)], *[60_000 - 400 * n for n in range(12)], per_s=200).trend(5, 710)
    assert trend is not None and not trend.grows


def test_a_few_readings_have_no_trend() -> None:
    assert lagging(1, 2, 3).trend(0, 20) is None
    assert lagging(*range(20), step=1.0).trend(0, 19) is None


def test_a_lag_that_shrinks_tells_how_fast() -> None:
    trend = lagging(*range(10_000, 0, -100)).trend(0, 990)
    assert trend is not None and trend.shrinks and trend.per_s == pytest.approx(-10)


life = st.lists(st.tuples(st.floats(0, 1e5), st.integers(0, 2**62), st.none() | st.integers(0, 2**62)), max_size=60)


@given(life, st.integers(0, 2**62), st.integers(0, 300), st.floats(0, 1e5))
def test_no_life_breaks_it_and_what_it_tells_lies_within_what_was_watched(
    samples: list[tuple[float, int, int | None]], offset: int, points: int, wait: float
) -> None:
    made = readings(samples)
    told = made.points(points)
    assert len(told) <= max(points, 1) and {(point.at, point.offset, point.end) for point in told} <= set(samples)
    written_at = made.written_at(offset)
    times = [at for at, _, _ in samples]
    assert written_at is None or min(times) <= written_at <= max(times)
    made.trend(wait, max(times, default=0.0))
