"""Plain tables: aligned by what the eye sees, coloured only where a person looks."""

from relay_console.tables import Title, Word, render, table, wants_colour
from tui.chart import Bar, Bars, Curve
from tui.pane import Cell, Column, Row, Section

COLUMNS = (Title("NAME"), Title("LAG", "right"))


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks() -> None:
    lines = list(table((*COLUMNS, Title("WHY")), [(Word("orders"), Word("12"), Word("")), (Word("a"), Word("1,204"), Word("x"))], False))
    assert lines == ["NAME      LAG  WHY", "orders     12", "a       1,204  x"]


def test_hangul_takes_two_cells() -> None:
    lines = list(table(COLUMNS, [(Word("주문"), Word("1")), (Word("ab"), Word("2"))], False))
    assert lines == ["NAME  LAG", "주문    1", "ab      2"]


def test_colours_surround_the_text_and_do_not_move_it() -> None:
    lines = list(table(COLUMNS, [(Word("down", "crit"), Word("1"))], True))
    assert lines[1] == "\x1b[31mdown\x1b[0m    1"


def test_titles_stand_over_tables_only_where_there_are_several() -> None:
    first = Section("Receivers", columns=(Column("a", "A", 4),), rows=(Row("1", (Cell("x"),)),))
    second = Section("Facts", facts=(("State", Cell("ok")), ("Inbox", Cell("/x"))), text="one\ntwo")
    assert list(render([first], False)) == ["A", "x"]
    assert list(render([first, second], False)) == ["Receivers", "A", "x", "", "Facts", "State  ok", "Inbox  /x", "one", "two"]


def test_curves_and_bars_are_drawn_as_wide_as_the_page() -> None:
    curve = Curve("Used", tuple((float(at), float(at % 5)) for at in range(50)), rows=3)
    lines = list(render([Section("", curves=(curve,), bars=Bars((Bar("up to 1ms", 3, "3"),)))], False, 60))
    assert lines[0] == " Used   min 0   max 4   now 4"
    assert lines[-1].startswith(" up to 1ms █")
    assert max(map(len, lines)) <= 60
    assert "\x1b[36m" in "".join(render([Section("", curves=(curve,))], True))


def test_colour_is_wanted_on_a_terminal_alone_and_can_be_refused() -> None:
    assert wants_colour(True, False, {})
    assert not wants_colour(False, False, {})
    assert not wants_colour(True, True, {})
    assert not wants_colour(True, False, {"NO_COLOR": "1"})
    assert not wants_colour(True, False, {"TERM": "dumb"})
    assert wants_colour(True, False, {"NO_COLOR": ""})
