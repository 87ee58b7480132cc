"""Rates from offsets that carry their own time. No clock runs here: every moment is written down."""

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backends.rates import LONGEST, SPACING, Throughput, Track, total

NONE = {"1": None, "5": None, "15": None}


def track(*samples: tuple[float, int]) -> Track:
    made = Track()
    for at, offset in samples:
        made.feed(at, offset)
    return made


def steady(per_min: float, seconds: int, step: int = 10) -> Track:
    return track(*((float(at), int(at * per_min / 60)) for at in range(0, seconds + 1, step)))


def test_one_reading_is_no_rate() -> None:
    assert track((0, 100)).rates(0) == NONE


def test_two_readings_give_the_shortest_window_and_a_longer_one_waits_until_half_of_it_was_watched() -> None:
    assert steady(600, 10).rates(0) == {"1": 600, "5": None, "15": None}
    assert steady(600, 150).rates(0) == {"1": 600, "5": 600, "15": None}
    assert steady(600, 450).rates(0) == {"1": 600, "5": 600, "15": 600}


def test_the_time_of_the_commit_counts_and_not_that_of_the_reading() -> None:
    """Commits every 7 s, read at odd moments: the rate is exact all the same."""
    assert track(*((7.0 * n, 70 * n) for n in range(20))).rates(3.2)["1"] == 600


def test_each_window_sees_its_own_past() -> None:
    made = track(*((float(at), 10 * min(at, 840)) for at in range(0, 901, 10)))  # moved for 14 min, then stood still for 1
    rates = made.rates(0)
    assert rates["1"] == 0 and rates["5"] == 600 * 240 / 300 and rates["15"] == 600 * 840 / 900


def test_a_silence_longer_than_usual_counts_as_standing_still() -> None:
    made = steady(600, 600)
    assert made.rates(15)["1"] == 600  # within two usual gaps: not yet a silence
    assert made.rates(30)["1"] == 300
    assert made.rates(60)["1"] == 0
    assert made.rates(3600) == {"1": 0, "5": 0, "15": 0}


def test_a_node_that_was_not_written_while_we_watched_has_the_rate_nought_after_a_whole_window() -> None:
    made = track((0, 500), (0, 500))
    assert made.rates(30)["1"] is None
    assert made.rates(61)["1"] == 0


def test_an_offset_that_goes_back_is_a_reset_and_a_gap() -> None:
    made = track((0, 1000), (10, 1100), (20, 50))
    assert made.reset is not None and (made.reset.before, made.reset.after) == (1100, 50)
    assert made.rates(0) == NONE
    made.feed(30, 150)
    assert made.rates(0)["1"] == 600


def test_a_clock_that_goes_back_is_a_gap_but_no_reset() -> None:
    made = track((100, 10), (110, 20), (50, 30))
    assert made.rates(0) == NONE and made.reset is None
    made.feed(60, 40)
    assert made.rates(0)["1"] == 60


def test_a_commit_after_an_hour_is_spread_over_that_hour() -> None:
    assert track((0, 0), (10, 10), (3610, 3610)).rates(0)["1"] == 60


def test_a_node_written_every_second_keeps_few_samples() -> None:
    made = track(*((float(at), at) for at in range(4000)))
    assert len(made._times) <= LONGEST / (SPACING - 1) + 3
    assert made.rates(0) == {"1": 60, "5": 60, "15": 60}


def test_a_total_is_the_sum_of_what_is_known() -> None:
    assert total([{"1": 1.0, "5": None, "15": None}, {"1": 2.0, "5": 3.0, "15": None}]) == {"1": 3.0, "5": 3.0, "15": None}
    assert total([]) == NONE


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 2**62)), max_size=60), st.floats(0, 1e6))
def test_no_history_gives_a_negative_or_endless_rate(samples: list[tuple[float, int]], silence: float) -> None:
    for rate in track(*samples).rates(silence).values():
        assert rate is None or (rate >= 0 and math.isfinite(rate))


@given(st.lists(st.tuples(st.floats(0.5, 40), st.integers(0, 5000)), min_size=3, max_size=80))
def test_the_rate_of_a_counter_lies_between_its_slowest_and_its_fastest_stretch(steps: list[tuple[float, int]]) -> None:
    at, offset, samples = 0.0, 0, [(0.0, 0)]
    for seconds, records in steps:
        at, offset = at + seconds, offset + records
        samples.append((at, offset))
    made = track(*samples)
    speeds = [(right[1] - left[1]) * 60 / (right[0] - left[0]) for left, right in pairwise(samples)]
    for rate in made.rates(0).values():
        assert rate is None or min(speeds) - 1e-6 <= rate <= max(speeds) + 1e-6


def test_throughput_needs_two_readings_of_every_partition() -> None:
    flow = Throughput()
    assert flow.feed(0, {0: 10, 1: 0}) is None
    assert flow.feed(10, {0: 30, 1: 10}) == 3.0
    assert flow.feed(20, {0: 30, 1: None}) is None
    assert flow.feed(30, {0: 50, 1: 10}) is None  # the reading before was not whole
    assert flow.feed(40, {0: 60, 1: 10}) == 1.0


def test_throughput_of_a_recreated_topic_is_a_gap() -> None:
    flow = Throughput()
    flow.feed(0, {0: 100})
    assert flow.feed(10, {0: 5}) is None
    assert flow.feed(10.5, {0: 4}) is None
    assert flow.feed(20.5, {0: 14}) == 1.0


def test_a_reading_right_after_another_keeps_the_figure_instead_of_making_noise() -> None:
    flow = Throughput()
    flow.feed(0, {0: 0})
    flow.feed(10, {0: 100})
    assert flow.feed(10.1, {0: 140}) == 10.0
