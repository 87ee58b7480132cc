"""How listings, details and the overview look: lines of exactly the cells there are, and what has to be on them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from link.protocol import Event
from tests.tui.scripted import NOW, incident, snapshot, store_of
from tui.detailview import detail_lines
from tui.line import Piece, ends, fit_line, line_width, plain, rule, wrap
from tui.listing import Heading, Listing
from tui.pane import Cell, Section, panes
from tui.panes.overview import Blocks
from tui.tableview import Surroundings, sortable, table_lines, under_cursor
from tui.wallview import Spot, capacity, share, wall_lines

PANES = {pane.name: pane for pane in panes()}
STORE = store_of(*incident())
EVENTS = [Event(1, NOW, "critical", "relay", "busan-gw is down\x1b"), Event(2, NOW, "warning", "main", "orders.confirmed ages")]


def listing(name: str) -> Listing:
    made = Listing(PANES[name])
    made.feed(STORE, NOW)
    return made


def around(*notices: Cell, tells: bool = True, empty: str = "nothing") -> Surroundings:
    return Surroundings(notices, empty, focused=False, tells=tells, now=NOW)


def shown(lines: object) -> str:
    return "\n".join(plain(line) for line in lines)  # type: ignore[attr-defined]


@settings(max_examples=60)
@given(st.sampled_from([name for name in PANES if name != "overview"]), st.integers(20, 220), st.integers(4, 60), st.integers(0, 40))
def test_a_table_fits_any_size_and_shows_its_cursor(name: str, cells: int, rows: int, moved: int) -> None:
    made = listing(name)
    made.move(moved)
    lines = table_lines(made, around(Cell("x" * 300, "crit")), cells, rows)
    assert len(lines) <= rows + 2  # a notice and a row are shown however few lines there are
    assert all(line_width(line) <= cells for line in lines)
    assert any(plain(line).startswith("›") for line in lines)


def test_headings_of_a_group_stand_above_its_first_row() -> None:
    made = listing("relay")
    made.move(6)
    made.first()
    text = shown(table_lines(made, around(), 80, 12))
    assert " Receivers 2" in text and "RECEIVER" in text


def test_a_scrolled_table_says_where_it_stands() -> None:
    made = listing("topics")
    made.last()
    text = shown(table_lines(made, around(), 100, 10))
    assert "17-23 of 23" in text


def test_columns_to_sort_by_are_those_of_the_group_under_the_cursor() -> None:
    made = listing("relay")
    assert sortable(made, 120)[1] == "name"
    made.last()
    assert isinstance(made.items[0], Heading) and "peer" in sortable(made, 120)


def test_a_table_without_rows_wraps_its_reason() -> None:
    made = Listing(PANES["topics"])
    made.feed(store_of(snapshot("topics", "topics", state="unconfigured")), NOW)
    lines = table_lines(made, around(empty="add a section kafka to config.yaml, with bootstrap servers"), 40, 12)
    assert "  add a section kafka to config.yaml," in shown(lines)
    assert max(line_width(line) for line in lines) <= 40


def test_a_gauge_under_the_cursor_keeps_its_colour() -> None:
    line = under_cursor((Piece("name", ""), Piece("███░", "crit"), Piece("98%", "crit")))
    assert [piece.role for piece in line] == ["cursor:", "crit", "cursor:crit"]


@settings(max_examples=60)
@given(st.integers(30, 220), st.integers(12, 60))
def test_the_overview_fits_any_size(cells: int, rows: int) -> None:
    blocks = Blocks(5.0).of(STORE, STORE.problems(), NOW, capacity(cells, rows))
    lines, spots = wall_lines(blocks, EVENTS, cells, rows, None)
    assert len(lines) <= rows
    assert all(line_width(line) <= cells for line in lines)
    assert len(spots) == len(set(spots))


@pytest.mark.parametrize("size", [(80, 21), (120, 37), (200, 57)])
def test_the_overview_tells_why_and_what_happened(size: tuple[int, int]) -> None:
    blocks = Blocks(5.0).of(STORE, STORE.problems(), NOW, capacity(*size))
    lines, spots = wall_lines(blocks, EVENTS, *size, Spot("topics", "main/orders.confirmed"))
    text = shown(lines)
    assert "no record s" in text and "busan-gw is down␛" in text and "✖ DOWN broker-b" in text
    assert Spot("topics", "main/orders.confirmed") in spots
    assert any(piece.role == "cursor:crit" for line in lines for piece in line)


def test_trouble_is_shown_before_what_is_well_and_small_needs_are_met_first() -> None:
    assert share([0, 0, 0], [1, 9, 3], 9) == [1, 5, 3]
    assert share([0, 0], [2, 2], 9) == [2, 2]
    assert share([0, 0], [5, 5], 0) == [0, 0]
    assert share([1, 4], [5, 5], 6) == [2, 4]


def test_facts_stand_side_by_side_where_there_is_room() -> None:
    section = Section("t", facts=tuple((f"fact {index}", Cell(str(index))) for index in range(6)))
    assert len(detail_lines([section], 60)) == 7
    wide = [plain(line) for line in detail_lines([section], 120)]
    assert len(wide) == 5
    assert "fact 2" in wide[3] and "fact 4" in wide[3]


def test_long_facts_are_wrapped_and_not_cut() -> None:
    words = "word " * 40
    lines = detail_lines([Section("t", facts=(("why", Cell(words)),))], 60)
    assert sum(plain(line).count("word") for line in lines) == 40


def test_text_of_a_section_is_harmless() -> None:
    assert "a␛[2J" in shown(detail_lines([Section("t", text="a\x1b[2J\nb")], 40))


def test_a_line_is_cut_or_filled_to_its_cells() -> None:
    assert plain(fit_line((Piece("배송 전"), Piece("연락")), 8)) == "배송 전…"
    assert plain(fit_line((Piece("ab"),), 4, "─")) == "ab──"


def test_the_right_end_stays_whole() -> None:
    assert plain(ends((Piece("a long title"),), (Piece(" 3s"),), 10)) == "a long… 3s"
    assert plain(rule((Piece("Queues"),), (Piece("by SIZE"),), 30)) == "── Queues ───────── by SIZE ──"


@given(st.text(alphabet="ab 한글", max_size=80), st.integers(2, 30))
def test_wrapped_words_fit(text: str, cells: int) -> None:
    from tui.format import width

    lines = wrap(text, cells)
    assert all(width(line) <= cells for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
