"""Which columns stand in a width, and how wide."""

from hypothesis import given
from hypothesis import strategies as st

from tui.fit import GAP, fit, header, row_line
from tui.line import line_width, plain
from tui.pane import Cell, Column

COLUMNS = (
    Column("state", "STATE", 12),
    Column("name", "NAME", 20, least=10, grow=True),
    Column("rate", "REC/s", 8, "right"),
    Column("delay", "DELAY", 8, "right", keep=3),
    Column("reason", "REASON", 20, least=12, keep=6, grow=True),
)


def keys(cells: int, natural: dict[str, int] | None = None) -> list[str]:
    return [COLUMNS[place.column].key for place in fit(COLUMNS, cells, natural)]


def test_the_least_important_column_goes_first() -> None:
    assert keys(100) == ["state", "name", "rate", "delay", "reason"]
    assert keys(50) == ["state", "name", "rate", "delay"]
    assert keys(40) == ["state", "name", "rate"]


def test_a_long_name_is_worth_more_than_an_optional_column() -> None:
    assert "delay" not in keys(56, {"name": 26})
    assert "delay" in keys(56, {"name": 8})


def test_words_take_what_is_left_over_and_names_no_more_than_they_need() -> None:
    places = fit(COLUMNS, 120, {"name": 24})
    assert places[1].width == 24
    assert places[-1].left + places[-1].width == 120


@given(st.integers(1, 250), st.integers(0, 60))
def test_a_number_is_never_cut(cells: int, natural: int) -> None:
    places = fit(COLUMNS, cells, {"name": natural})
    assert all(place.left + place.width <= cells for place in places)
    assert all(place.width == COLUMNS[place.column].width for place in places if COLUMNS[place.column].align == "right" and len(places) > 1)


def test_titles_stand_over_their_cells() -> None:
    places = fit(COLUMNS, 60, {"name": 16})
    titles = plain(header(COLUMNS, places, "rate"))
    row = plain(row_line(COLUMNS, places, [Cell("OK"), Cell("orders"), Cell("1,204"), Cell("3s")]))
    assert titles.index("REC/s▾") + len("REC/s▾") == row.index("1,204") + len("1,204")
    assert line_width(header(COLUMNS, places)) == line_width(row_line(COLUMNS, places, [Cell("")] * 4))
    assert GAP == 2
