"""Durations and sizes: what is written is read, and what is shown reads back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.units import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("5s", 5.0), ("1.5m", 90.0), ("1h", 3600.0), ("7d", 604_800.0), ("0s", 0.0)])
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("4096", 4096), ("64KiB", 65536), ("1MiB", 1 << 20), ("2GiB", 2 << 30), ("7B", 7)])
def test_a_size_is_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "5", "s", "5 s", "-5s", "5S", "1e3s", "1:30", "5s\n", "٥s"])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="500ms, 5s, 2m, 1h or 7d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "KiB", "64kb", "64MB", "1.5MiB", "-1", "1 MiB"])
def test_what_is_no_size_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="4096, 64KiB or 1MiB"):
        parse_size(text)


@given(st.integers(0, 10**9))
def test_what_is_shown_reads_back_as_the_same(number: int) -> None:
    assert parse_size(format_size(number)) == number
    assert parse_duration(format_duration(number / 1000)) == pytest.approx(number / 1000)
