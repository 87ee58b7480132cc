"""The same moment in every spelling that producers use, and texts that are no time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.kafka.timestamps import MAX_TEXT, SANE_FUTURE, SANE_PAST, Format, parse_time

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC).timestamp()
AT = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC).timestamp()  # 12:04:05 in Seoul
FORMATS: tuple[Format, ...] = ("auto", "iso", "compact", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns")


@pytest.mark.parametrize(
    ("text", "fraction"),
    [
        ("2026-11-22 12:04:05", 0.0),
        ("2026-11-22T12:04:05", 0.0),
        ("2026-11-22 12:04:05.250", 0.25),
        ("2026-11-22 12:04:05,250", 0.25),
        ("2026-11-22T12:04:05.250000000", 0.25),
        ("2026-11-22T03:04:05Z", 0.0),
        ("2026-11-22T12:04:05+09:00", 0.0),
        ("2026-11-22T12:04:05+0900", 0.0),
        ("2026-11-22T12:04:05+09", 0.0),
        ("2026-11-22 12:04:05.5 +09:00", 0.5),
        ("2026-11-21T22:34:05-04:30", 0.0),
        ("20261122120405", 0.0),
        ("20261122120405250", 0.25),
        (f"{int(AT)}", 0.0),
        (f"{int(AT)}.25", 0.25),
        (f"{int(AT)}250", 0.25),
        (f"{int(AT)}250000", 0.25),
        (f"{int(AT)}250000000", 0.25),
        ("  2026-11-22 12:04:05\t", 0.0),
    ],
)
def test_every_spelling_of_one_moment_is_recognised(text: str, fraction: float) -> None:
    assert parse_time(text, "auto", SEOUL, NOW) == pytest.approx(AT + fraction, abs=1e-4)


def test_minutes_without_seconds_are_a_time() -> None:
    assert parse_time("2026-11-22T12:04", "auto", SEOUL, NOW) == AT - 5


@pytest.mark.parametrize(
    "text",
    ["", " ", "yesterday", "2026-13-01 00:00:00", "2026-02-30 00:00:00", "2026-11-22", "12:04:05", "20261322120405", "1e9", "-1", "12",
     "2026-11-22 25:00:00", "2026-11-22 12:04:60", "2026-11-22T12:04:05+24:00", "0000-00-00 00:00:00", "nan", "inf", "Infinity",
     "٢٠٢٦-١١-٢٢ 12:04:05", "20261122T120405", "2026-11-22 12:04:05 KST", "1" * 400, "2026-11-22 12:04:05" + " " * 9 + "x"],
)  # fmt: skip
def test_what_is_no_time_is_none(text: str) -> None:
    assert all(parse_time(text, written, SEOUL, NOW) is None for written in FORMATS)


def test_a_number_outside_of_the_believable_years_is_no_time() -> None:
    assert parse_time(str(int(NOW - SANE_PAST) - 1), "auto", UTC, NOW) is None
    assert parse_time(str(int(NOW + SANE_FUTURE) + 1), "auto", UTC, NOW) is None
    assert parse_time(str(int(NOW - SANE_PAST) + 1), "auto", UTC, NOW) is not None


def test_a_time_of_tomorrow_morning_is_kept_so_that_it_shows_as_a_clock_ahead() -> None:
    assert parse_time(str(int(NOW) + 9 * 3600), "auto", UTC, NOW) == int(NOW) + 9 * 3600


def test_a_given_format_is_not_guessed_again() -> None:
    milliseconds = f"{int(AT)}000"
    assert parse_time(milliseconds, "epoch_ms", UTC, NOW) == AT
    assert parse_time(milliseconds, "epoch_s", UTC, NOW) is None  # the year 58,000
    assert parse_time("2026-11-22 03:04:05", "epoch_ms", UTC, NOW) is None
    assert parse_time(milliseconds, "iso", UTC, NOW) is None


def test_the_hour_that_summer_time_has_twice_is_the_first_one() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_time("2026-10-25 02:30:00", "auto", berlin, NOW) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()


@given(st.text(max_size=MAX_TEXT + 8), st.sampled_from(FORMATS))
def test_any_text_is_a_believable_time_or_none(text: str, written: Format) -> None:
    at = parse_time(text, written, SEOUL, NOW)
    assert at is None or NOW - SANE_PAST <= at <= NOW + SANE_FUTURE


@given(st.integers(int(NOW - SANE_PAST) + 1, int(NOW + SANE_FUTURE)))
def test_a_written_time_is_read_back(at: int) -> None:
    moment = datetime.fromtimestamp(at, SEOUL)
    assert parse_time(moment.strftime("%Y%m%d%H%M%S"), "auto", SEOUL, NOW) == at
    assert parse_time(moment.isoformat(), "auto", UTC, NOW) == at
    assert parse_time(str(at * 1000), "auto", UTC, NOW) == at
