"""A verdict does not flap."""

from backends.consumers.steady import Steady
from backends.snapshots import Verdict


def heard(*verdicts: Verdict, every: float = 10.0) -> list[Verdict]:
    steady = Steady()
    return [steady.hear(verdict, number * every) for number, verdict in enumerate(verdicts)]


def test_the_first_verdict_is_said_at_once() -> None:
    assert heard("STOPPED") == ["STOPPED"] and heard("OK") == ["OK"]


def test_a_stall_is_said_by_the_second_reading_that_shows_it() -> None:
    assert heard("OK", "STALLED", "STALLED") == ["OK", "OK", "STALLED"]
    assert heard("OK", "STALLED", "OK", "STALLED", "OK") == ["OK"] * 5


def test_a_rewind_is_said_at_once_because_it_has_happened() -> None:
    assert heard("OK", "REWOUND") == ["OK", "REWOUND"]


def test_falling_behind_must_last_for_two_minutes() -> None:
    behind: list[Verdict] = ["FALLING_BEHIND"] * 13
    assert heard("OK", *behind)[-2:] == ["OK", "FALLING_BEHIND"]


def test_going_back_takes_thirty_seconds_and_two_readings() -> None:
    assert heard("STALLED", "OK", "OK", "OK", "OK") == ["STALLED"] * 4 + ["OK"]
    assert heard("STALLED", "OK", "OK", every=60.0) == ["STALLED", "STALLED", "OK"]


def test_a_consumer_that_limps_is_not_well_at_each_step() -> None:
    steps: list[Verdict] = ["OK", "OK", "STALLED"]
    assert set(heard("STALLED", *steps * 5)) == {"STALLED"}


def test_words_that_are_no_alarm_come_and_go_at_once() -> None:
    assert heard("UNKNOWN", "OK", "IDLE", "OK") == ["UNKNOWN", "OK", "IDLE", "OK"]


def test_what_ended_calm_may_have_any_calm_word() -> None:
    assert heard("STALLED", "OK", "IDLE", "OK", "IDLE")[-1] == "IDLE"


def test_a_clock_that_was_set_back_only_begins_the_wait_anew() -> None:
    steady = Steady()
    for verdict, now in (("STALLED", 1000.0), ("OK", 1010.0), ("OK", 10.0), ("OK", 20.0)):
        assert steady.hear(verdict, now) == "STALLED"  # type: ignore[arg-type]
    assert steady.hear("OK", 45.0) == "OK"
