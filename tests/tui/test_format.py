"""Numbers, ages and foreign text as they stand on the screen."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import format as fmt


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.4, "0s"),
        (42, "42s"),
        (372, "6m12s"),
        (3 * 3600 + 300, "3h05m"),
        (50 * 3600, "2d"),
        (14 * 3600, "14h"),
        (-3, "-3s"),
        (-0.2, "0s"),
    ],
)
def test_an_age_is_short_and_keeps_its_sign(seconds: float | None, text: str) -> None:
    assert fmt.age(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0"), (0.01, "<0.1"), (0.4, "0.4"), (12, "12"), (1204, "1,204"), (98_300, "98,300"), (1_234_567, "1.2M")],
)
def test_a_rate_keeps_what_matters(value: float | None, text: str) -> None:
    assert fmt.rate(value) == text


@pytest.mark.parametrize(("count", "text"), [(None, "-"), (512, "512 B"), (1843, "1.8 KiB"), (12 << 20, "12 MiB"), (3 << 50, "3072 TiB")])
def test_a_size_has_a_binary_unit(count: int | None, text: str) -> None:
    assert fmt.size(count) == text


def test_what_is_not_known_is_never_a_zero() -> None:
    assert [fmt.number(None), fmt.percent(None, 1), fmt.percent(1, None), fmt.span(None), fmt.clock(None), fmt.moment(None)] == ["-"] * 6


def test_controls_are_symbols_and_markup_is_text() -> None:
    assert fmt.visible("[red]a[/]\x1b[31m\x00\x7f\r\n") == "[red]a[/]␛[31m␀␡␍␊"


def test_what_steers_without_being_seen_is_replaced() -> None:
    assert fmt.visible("a\u202eb\u200b\ufeffc\x9b") == "a\ufffdb\ufffd\ufffdc\ufffd"


def test_hangul_in_parts_is_put_together() -> None:
    assert fmt.visible(unicodedata.normalize("NFD", "한글")) == "한글"


def test_stacked_marks_do_not_paint_over_other_lines() -> None:
    assert len(fmt.visible("x" + "\u0334" * 40)) == 1 + fmt.MAX_MARKS


@given(st.text())
def test_no_text_from_outside_can_steer_a_terminal(text: str) -> None:
    shown = fmt.visible(text)
    assert all(char.isprintable() for char in shown)
    shown.encode()


@given(st.text(), st.integers(1, 40), st.sampled_from(["left", "right"]))
def test_padded_text_has_exactly_its_cells(text: str, cells: int, align: str) -> None:
    shown = fmt.pad(fmt.visible(text), cells, align)
    assert cells - 1 <= fmt.width(shown) <= cells + 1
    if text.isascii():
        assert fmt.width(shown) == cells


def test_clipped_text_says_so() -> None:
    assert fmt.clip("orders.confirmed", 8) == "orders.…"
    assert fmt.clip("배송 전 연락", 6) == "배송 …"
    assert fmt.clip("x", 0) == ""


def test_a_gauge_is_as_long_as_it_was_asked_to_be() -> None:
    assert fmt.bar(0.5, 8) == "████░░░░"
    assert fmt.bar(2.0, 4) == "████"
    assert fmt.bar(None, 4) == "····"


def test_a_trend_shows_gaps_where_nothing_was_seen() -> None:
    assert fmt.sparkline([0, None, 4, 8], 5) == " ▁·▅█"


@given(st.text(alphabet="─│╭╮╰╯└✖▴▾▪✓›…█░→▁▂▃▄▅▆▇␀␛한a"))
def test_ascii_drawing_keeps_the_cells(text: str) -> None:
    drawn = fmt.to_ascii(text)
    assert len(drawn) == len(text)
    assert all(char.isascii() or char == "한" for char in drawn)


@pytest.mark.parametrize(("interval", "text"), [(1, "<5s"), (5, "<10s"), (10, "<30s"), (60, "<2m"), (7200, "<4h00m")])
def test_a_source_in_time_is_younger_than_a_steady_bound(interval: float, text: str) -> None:
    assert fmt.fresh_bound(interval) == text


def test_a_coarse_age_moves_seldom() -> None:
    assert [fmt.coarse_age(age) for age in (3, 42, 49, 61, 3700, 200_000)] == ["0s", "40s", "40s", "1m", "1h", "2d"]


def test_one_file_is_not_files() -> None:
    assert [fmt.count(1, "file"), fmt.count(1204, "file"), fmt.count(2, "query", "queries")] == ["1 file", "1,204 files", "2 queries"]
