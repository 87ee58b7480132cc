"""Curves: as wide as there is room, gaps where nothing was seen, and nothing that a plain terminal could not show."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.chart import Bar, Bars, Curve, Drawing, bar_lines, buckets, curve_lines, spread
from tui.format import to_ascii
from tui.line import line_width, plain

POINTS = tuple((1000.0 + 5 * index, float(index)) for index in range(9))


@given(
    st.lists(st.tuples(st.floats(0, 1e10), st.one_of(st.none(), st.floats(0, 1e15))), max_size=40).map(
        lambda made: sorted(made, key=lambda point: point[0])
    ),
    st.integers(1, 200),
)
def test_a_curve_fits_its_room_whatever_it_shows(points: list[tuple[float, float | None]], cells: int) -> None:
    curve = Curve("Lag", tuple(points), "records", rows=4)
    lines = curve_lines(curve, cells)
    assert len(lines) in (1, 6)
    assert all(line_width(line) <= cells for line in lines[1:])
    assert all(to_ascii(plain(line)).isascii() for line in lines)


def test_a_curve_rises_with_its_figures_and_names_its_ends() -> None:
    text = [plain(line) for line in curve_lines(Curve("Lag", POINTS, "records", rows=3), 40)]
    assert text[0] == " Lag   min 0   max 8   now 8 records"
    assert text[1].startswith(" 8┤") and text[3].startswith(" 0┤") and text[1].endswith("█")
    assert text[3][3] == "▁", "a figure of 0 was seen: it is no gap"
    assert text[4].startswith("  └") and text[4].endswith(":20") and "─" in text[4]


def test_what_was_not_seen_is_a_gap() -> None:
    gap = [(0.0, 4.0), (10.0, None), (20.0, None), (30.0, 4.0)]
    assert buckets(gap, 4) == [4.0, None, None, 4.0]
    assert buckets([(0.0, 1.0), (30.0, 3.0)], 3) == [1.0, 3.0, 3.0], "between two readings the later one holds"
    assert buckets([], 3) == [] and buckets(gap, 0) == []
    assert buckets([(5.0, 1.0), (5.0, 9.0)], 2)[0] == 9.0


@pytest.mark.parametrize(("points", "text"), [((), "no readings yet"), (((1.0, None),), "no readings yet"), (((1.0, 3.0),), "now 3")])
def test_too_little_to_draw_is_one_line(points: tuple[tuple[float, float | None], ...], text: str) -> None:
    (line,) = curve_lines(Curve("Lag", points), 80)
    assert text in plain(line)


def test_a_flat_nought_is_drawn_on_the_ground() -> None:
    lines = curve_lines(Curve("Lag", ((1.0, 0.0), (2.0, 0.0)), rows=2), 30)
    assert set(plain(lines[2])[3:]) == {"▁"} and set(plain(lines[1])[3:]) == {" "}


MIXED = Curve("Old", ((0.0, 10.0), (10.0, 80.0), (20.0, 20.0), (30.0, 60.0)), rows=4, marks=frozenset({2}), marked="full", is_level=True)
LEVEL = MIXED._replace(upper=100.0, bound="capacity")


@given(
    st.lists(st.tuples(st.floats(0, 1e10), st.one_of(st.none(), st.floats(0, 1e15))), min_size=2, max_size=40),
    st.integers(1, 200),
    st.floats(0, 1e15),
    st.sampled_from(["blocks", "braille"]),
)
def test_marks_and_bounds_fit_their_room_also_where_a_clock_ran_backwards(
    points: list[tuple[float, float | None]], cells: int, upper: float, drawing: Drawing
) -> None:
    curve = Curve("Old", tuple(points), rows=4, marks=frozenset({0, len(points) - 1}), marked="full", upper=upper, is_level=True)
    lines = curve_lines(curve, cells, drawing)
    assert len(lines) in (1, 7, 8)
    assert all(line_width(line) <= cells for line in lines[1:])
    assert drawing == "braille" or all(to_ascii(plain(line)).isascii() for line in lines)


def test_a_level_holds_until_the_next_figure() -> None:
    assert buckets([(0.0, 1.0), (30.0, 3.0)], 3, is_level=True) == [1.0, 1.0, 3.0]
    assert buckets([(0.0, 1.0), (10.0, None), (30.0, 3.0)], 4, is_level=True) == [1.0, None, 3.0, 3.0]


def test_a_marked_figure_is_what_its_column_shows_and_stands_out() -> None:
    values, marked = spread(MIXED, 2)
    assert (values, marked) == ([80.0, 20.0], {1}), "the low after a full collection is not hidden by what came later"
    lines = curve_lines(MIXED, 40)
    assert plain(lines[0]).endswith("▲ full")
    column = plain(lines[-2]).index("▲")
    before = list(itertools.takewhile(lambda piece: piece.role != "mark", lines[-3]))
    assert line_width(before) == column and len(before) < len(lines[-3]), "in the columns too"


def test_what_bounds_the_figures_stands_above_them_or_runs_through_them() -> None:
    text = [plain(line) for line in curve_lines(LEVEL, 40)]
    assert text[1].startswith(" 100┤── capacity ─") and len(text[1]) <= 40
    text = [plain(line) for line in curve_lines(LEVEL._replace(upper=40.0), 40)]
    assert text[1].startswith(" 80┤") and text[2].startswith(" 40┤─"), "figures above what was the bound later are shown as they were"


def test_braille_draws_a_line_with_twice_the_columns() -> None:
    text = [plain(line) for line in curve_lines(LEVEL, 40, "braille")]
    dots = {char for line in text for char in line if 0x2800 <= ord(char) < 0x2900}
    assert len(dots) > 3 and "\u2800" not in dots, "what is empty is a blank, which is copied as one"
    assert not any(char in "▁▂▃▅▆▇█" for line in text for char in line)
    flat = [plain(line) for line in curve_lines(Curve("Lag", ((1.0, 0.0), (2.0, 0.0)), rows=2), 30, "braille")]
    assert set(flat[2][3:]) == {"⣀"}


def test_a_time_of_more_than_a_day_has_its_date() -> None:
    days = curve_lines(Curve("Old", ((0.0, 1.0), (200_000.0, 2.0))), 60)
    assert plain(days[-1]).count("-") == 2 and plain(days[-1]).count(":") == 2
    assert "+7" in plain(curve_lines(Curve("Old", ((1.0, 1.0), (7.0, 2.0)), when=lambda at: f"+{at:.0f}"), 60)[-1])


def test_a_narrow_head_leaves_out_the_least_and_keeps_the_newest() -> None:
    (head, *_) = curve_lines(LEVEL, 32)
    assert plain(head) == " Old   max 80   now 60   ▲ full"
    assert plain(curve_lines(LEVEL, 24)[0]) == " Old   now 60   ▲ full"


def test_bars_have_one_scale_and_whatever_is_not_0_is_seen() -> None:
    bars = Bars((Bar("a", 100, "100"), Bar("bb", 1, "1"), Bar("c", 0, "0")))
    text = [plain(line) for line in bar_lines(bars, 40)]
    lengths = [line.count("█") for line in text]
    assert lengths[0] > 20 and lengths[1:] == [1, 0]
    assert all(len(line) <= 40 for line in text)
    assert [line.count("█") for line in map(plain, bar_lines(bars, 12))] == [0, 0, 0], "without room the figures stand alone"
    assert bar_lines(Bars(()), 40) == []
