"""A page as a value: where its cursor goes, what it is told, and what its rows open into."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backends.questions import Question, Records, RecordsOf
from tests.tui.scripted import NOW, snapshot
from tui.detailview import Look, Sheet, sheet_of
from tui.line import plain
from tui.pane import Cell, Column, Entry, Opening, Row, Section
from tui.panes import topics
from tui.trail import ONCE, Page, Trail, _opening

COLUMNS = (Column("name", "NAME", 12, grow=True),)


def table(rows: int, *, opens: bool = True, begin: int = 0) -> Section:
    opening = Opening("deeper", None, lambda found, now: [Section("Deeper")]) if opens else None
    return Section(
        "Table", columns=COLUMNS, rows=tuple(Row(str(index), (Cell(f"row {index}"),), opens=opening) for index in range(begin, rows))
    )


def text(lines: int) -> Section:
    return Section("Text", text="\n".join(f"line {index}" for index in range(lines)))


def sheet(*sections: Section) -> Sheet:
    return sheet_of(sections, 60, Look())


def named(page: Page, made: Sheet) -> str:
    spot = page.current(made)
    return "" if spot is None else spot.row.key


@settings(max_examples=150)
@given(
    st.lists(st.one_of(st.integers(0, 30).map(table), st.integers(0, 30).map(text)), min_size=1, max_size=4),
    st.integers(3, 30),
    st.lists(st.sampled_from([1, -1, 8, -8]), max_size=60),
)
def test_however_one_moves_the_page_is_never_left(sections: list[Section], rows: int, steps: list[int]) -> None:
    made, page = sheet(*sections), Page()
    page.arrive(made, rows)
    for step in steps:
        page.move(made, step, rows)
        assert 0 <= page.top <= max(0, len(made.lines) - rows)
        assert page.current(made) is None or page.current(made) in made.spots


@given(st.integers(1, 40), st.integers(4, 12))
def test_every_row_is_reached_and_seen_step_by_step(count: int, rows: int) -> None:
    made, page = sheet(text(10), table(count)), Page()
    page.arrive(made, rows)
    seen = [named(page, made)]
    for _ in range(count - 1):
        page.move(made, 1, rows)
        spot = page.current(made)
        assert spot is not None and page.top < spot.line < page.top + rows
        seen.append(spot.row.key)
    assert seen == [str(index) for index in range(count)]


def test_text_above_the_rows_is_scrolled_to_from_the_first_one_and_back() -> None:
    made, page = sheet(text(30), table(3)), Page()
    page.arrive(made, 8)
    assert page.top > 0
    for _ in range(60):
        page.move(made, -1, 8)
    assert page.top == 0
    for _ in range(60):
        page.move(made, 1, 8)
    assert named(page, made) == "2" and page.top == len(made.lines) - 8


def test_rows_that_lead_nowhere_do_not_scroll_what_stands_above_them_away() -> None:
    made, page = sheet(text(30), table(3, opens=False)), Page()
    page.arrive(made, 8)
    assert page.top == 0


def test_lines_that_come_above_the_cursor_do_not_push_it_off_the_screen() -> None:
    page = Page()
    page.arrive(sheet(table(5)), 8)
    page.move(sheet(table(5)), 1, 8)
    later = sheet(text(20), table(5))
    page.cursor = (1, "1")
    page.arrive(later, 8)
    spot = page.current(later)
    assert spot is not None and page.top < spot.line < page.top + 8


def test_the_cursor_follows_its_row_and_falls_back_to_the_first() -> None:
    page = Page()
    page.arrive(sheet(table(5)), 20)
    page.move(sheet(table(5)), 1, 20)
    assert named(page, sheet(table(5))) == "1"
    assert named(page, sheet(table(9, begin=1))) == "1"
    assert named(page, sheet(table(9, begin=4))) == "4"
    assert named(page, sheet(text(3))) == ""


def test_the_titles_of_columns_stay_above_rows_that_are_scrolled() -> None:
    made = sheet(table(20))
    header = made.header(made.spots[7].line)
    assert header is not None and "NAME" in plain(header)
    assert made.header(0) is None


def test_a_page_asks_once_or_with_every_newer_snapshot_and_never_twice_at_a_time() -> None:
    page, question = Page(), RecordsOf("t")
    assert page.needs(question, 1.0)
    assert not page.needs(None, 1.0)
    page.asked, page.seen, page.is_asking = question, 1.0, True
    assert not page.needs(question, 2.0)
    page.is_told(Records("t", (), 0), NOW)
    assert not page.needs(question, 1.0)
    assert page.needs(question, 2.0)
    assert page.needs(RecordsOf("other"), 1.0)
    page.ask_again()
    assert page.needs(question, 1.0)


def test_trouble_leaves_the_old_answer_and_a_new_answer_ends_the_trouble() -> None:
    page = Page()
    page.is_told(Records("t", (), 7), NOW)
    page.is_told("no broker answers", NOW)
    assert (page.found, page.look(focused=True).trouble) == (Records("t", (), 7), "no broker answers")
    page.is_told(Records("t", (), 8), NOW)
    assert page.look(focused=True).trouble == ""


def opening(question: Question | None = None, live: bool = False, title: str = "deeper") -> Opening:
    return Opening(title, question, lambda found, now: [Section(title)], live)


def test_a_page_says_when_it_was_told_unless_it_lives() -> None:
    for live, notice in ((False, "read "), (True, "")):
        page = Page(opening(RecordsOf("t"), live))
        page.seen = ONCE
        page.is_asking = True
        assert page.look(focused=False).notice.text == "asking…"
        page.is_told(Records("t", (), 0), NOW)
        assert page.look(focused=False).notice.text.startswith(notice)


def test_a_page_is_made_of_what_its_row_opens_into_now_if_that_asks_the_same() -> None:
    def row(title: str, question: Question | None) -> Section:
        return Section("s", columns=COLUMNS, rows=(Row("r", (Cell("x"),), opens=opening(question, title=title)),))

    page = Page(opening(RecordsOf("t"), title="before"), (0, "r"))
    assert _opening([row("now", RecordsOf("t"))], page).title == "now"
    assert _opening([row("now", RecordsOf("other"))], page).title == "before"
    assert _opening([], page).title == "before"


def test_another_row_in_the_list_is_another_trail_unless_keys_move_in_this_one() -> None:
    def entry(key: str, **item: Any) -> Entry:
        from backends.snapshots import Topic

        topic = Topic(key, 1, "ok", None, None, None, None, None, None, None)
        return Entry(key, 0, topic, snapshot("k", "topics", observed_at=NOW))

    trail = Trail()
    trail.stand_on(entry("a"), held=False)
    first = trail.page
    trail.stand_on(entry("a"), held=False)
    assert trail.page is first
    trail.stand_on(entry("b"), held=True)
    assert trail.is_gone and trail.entry is not None and trail.entry.key == "a"
    trail.stand_on(entry("b"), held=False)
    assert trail.page is not first and not trail.is_gone
    trail.read(topics.PANE, NOW)
    assert trail.titles == ["b"] and not trail.back()
    trail.stand_on(None, held=False)
    trail.read(topics.PANE, NOW)
    assert trail.shown == [] and trail.question(topics.PANE) is None and trail.seen() is None
