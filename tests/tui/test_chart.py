"""Curves: as wide as there is room, gaps where nothing was seen, and nothing that a plain terminal could not show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.chart import Curve, buckets, curve_lines
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
