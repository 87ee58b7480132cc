"""Traces of backlogs, five seconds a sample where nothing else is said; a day is simulated in a fraction of a second."""

import random
from itertools import pairwise

import pytest

from backends.activemq.watching.trend import WINDOW, Growth, Trend, follow, slope
from tests.backends.activemq.traces import (
    Trace,
    batches,
    blips,
    bursts,
    busy,
    growth,
    level_with,
    noise,
    rare_bursts,
    steps,
    uneven_batches,
)

DAY_S = 24 * 3600.0


def play(trace: Trace, seconds: float, step_s: float = 5.0) -> list[tuple[float, Growth | None]]:
    """The verdict after each sample."""
    trend, verdicts = Trend(), []
    for number in range(int(seconds / step_s)):
        at = number * step_s
        trend = follow(trend, at, max(0, int(trace(at))))
        verdicts.append((at, trend.growth))
    return verdicts


def alarms(trace: Trace, seconds: float, step_s: float = 5.0) -> list[float]:
    """When growth began."""
    verdicts = play(trace, seconds, step_s)
    return [at for (_, before), (at, after) in pairwise([(0.0, None), *verdicts]) if after and not before]


@pytest.mark.parametrize(
    "trace",
    [level_with(30, 1), level_with(3, 2), blips(3), steps(4), batches(60, 960, 5), bursts(6), busy(7)],
    ids=["noise", "faint noise", "blips", "steps", "batches of a minute", "bursts", "busy server"],
)
def test_a_day_of_ordinary_life_gives_no_alarm(trace: Trace) -> None:
    assert alarms(trace, DAY_S) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_day_of_irregular_batches_and_bursts_gives_no_alarm(seed: int) -> None:
    assert alarms(uneven_batches(60, seed), DAY_S) == []
    assert alarms(rare_bursts(seed), DAY_S) == []


@pytest.mark.parametrize("seed", range(5))
def test_what_creeps_amid_noise_is_seen_within_twelve_minutes(seed: int) -> None:
    first = alarms(growth(0.2, 10, seed, since=1800), 3600)[0]
    assert 1800 < first <= 1800 + 720


def test_a_quick_rise_that_stands_still_is_no_creeping_one() -> None:
    verdicts = play(lambda at: 100 + min(max(0.0, at - 600), 240) * 3, 1800)
    told = [at for at, found in verdicts if found]
    assert told and min(told) < 720 and max(told) < 600 + 240 + 240


def test_the_slope_needs_six_samples_and_is_that_of_the_kept_ones() -> None:
    trend = Trend()
    for number in range(5):
        trend = follow(trend, number * 5.0, 1000 - number * 10)
        assert slope(trend) is None
    assert slope(follow(trend, 25.0, 950)) == -2.0
    for number in range(100):
        trend = follow(trend, 30.0 + number * 5.0, 500 + number * 50)
    assert slope(trend) == 10.0


@pytest.mark.parametrize("every_s", [300, 600, 840])
def test_a_long_batch_is_taken_for_growth_once_and_recognised_ever_after(every_s: int) -> None:
    assert [at < every_s for at in alarms(batches(every_s, 2000, 8), DAY_S)] == [True]


def test_batches_that_vary_by_a_tenth_are_still_the_same_batch() -> None:
    heights = [2000 + (number * 37 % 11 - 5) * 20 for number in range(300)]
    assert len(alarms(lambda at: at % 300 / 300 * heights[int(at // 300)], DAY_S)) == 1


@pytest.mark.parametrize(("per_s", "width"), [(1, 0), (1, 10), (50, 100), (1000, 0)])
def test_growth_is_seen_within_two_minutes(per_s: float, width: float) -> None:
    jitter = noise(width, 9)
    assert alarms(lambda at: 100 + per_s * at + jitter(), 120) != []


def test_growth_after_an_hour_of_calm_is_seen_within_two_minutes() -> None:
    jitter = noise(10, 10)
    first = alarms(lambda at: 500 + max(0, at - 3600) + jitter(), 2 * 3600)[0]
    assert 3600 < first <= 3720


def test_growth_says_how_much_how_long_and_how_fast() -> None:
    assert play(lambda at: 100 + 2 * at, 120)[-1][1] == Growth(risen=230, over_s=115, per_s=2.0)


def test_growth_that_outgrows_the_batches_before_it_is_seen() -> None:
    wave_then_leak: Trace = lambda at: at % 300 * 4 if at < 1500 else (at - 1500) * 4  # noqa: E731
    late = [at for at in alarms(wave_then_leak, 2400) if at > 1500]
    assert late and late[0] <= 1500 + 1.25 * 1200 / 4 + 5


def test_growth_ends_when_the_backlog_stays_level() -> None:
    verdicts = play(lambda at: min(at, 600) * 3, 900)
    assert verdicts[100][1] is not None
    assert verdicts[-1][1] is None


def test_growth_does_not_flap_over_one_bad_sample() -> None:
    dented = play(lambda at: at * 5 - (400 if at == 300 else 0), 600)
    assert all(growth is not None for at, growth in dented if at > 200 and at != 300)


def test_nothing_is_said_before_the_window_is_full() -> None:
    verdicts = play(lambda at: at * 100, 600)
    assert [growth is None for _, growth in verdicts] == [True] * (WINDOW - 1) + [False] * (len(verdicts) - WINDOW + 1)


def test_a_rise_of_less_than_a_hundredth_is_no_growth() -> None:
    assert alarms(lambda at: 1_000_000 + at * 10, 3600) == []
    assert alarms(lambda at: 1_000_000 + at * 200, 3600) != []


def test_refreshing_by_hand_does_not_shorten_the_window() -> None:
    often = alarms(lambda at: at * 2, 300, step_s=0.5)
    assert often == [pytest.approx(115, abs=12)]


def test_a_slow_pace_only_makes_the_window_longer() -> None:
    assert alarms(lambda at: at, 3600, step_s=30) == [pytest.approx(690)]


def test_memory_is_bounded_whatever_comes() -> None:
    trend, source = Trend(), random.Random(11)
    for number in range(2000):
        trend = follow(trend, number * 5.0, source.choice((0, 10**12, number)))
    assert len(trend.samples) == len(trend.lows) == WINDOW
