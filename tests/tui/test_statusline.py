"""The two rows on top, at any width."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from monitor.replica import LinkState
from monitor.store import MonitorStatus
from tests.tui.scripted import NOW, incident
from tui.line import line_width, plain
from tui.panes.overview import Counts
from tui.statusline import Status, Tab, health, status_line, tabs_line

MONITOR = MonitorStatus("1", 7, "bastion-1", NOW, "", 1)
STATUS = Status(("Queues", "orders.dlq"), LinkState(True), MONITOR, False, Counts(2, 1), tuple(incident()), NOW)
TABS = [
    Tab(str(key), name, name.title(), Counts(int(key == 1), int(key == 2)))
    for key, name in enumerate(("overview", "relay", "topics", "offsets"))
]


def text(status: Status, cells: int = 200) -> str:
    return plain(status_line(status, cells))


@given(st.integers(20, 250))
def test_the_rows_are_exactly_as_wide_as_the_terminal(cells: int) -> None:
    assert line_width(status_line(STATUS, cells)) == cells
    assert line_width(tabs_line(TABS, "topics", "every 1s", cells)) == cells


def test_everything_is_named_where_there_is_room() -> None:
    row = text(STATUS)
    assert "bastion-1 › Queues › orders.dlq" in row
    assert "attached [RO]  ✖ 2  ▴ 1  relay ✓<10s  main ✓<10s" in row
    assert "broker-b ✖0s" in row


def test_a_window_in_which_actions_are_allowed_says_how_long_it_lasts() -> None:
    window = replace(MONITOR, write=True, write_until=NOW + 571)
    assert " WRITE 9m   ✖ 2" in text(STATUS._replace(monitor=window, writable=True))


def test_the_bad_sources_are_named_first() -> None:
    assert "broker-b ✖0s  ✓ 6 more" in text(STATUS, 100)
    assert "orders.in" not in text(STATUS, 60)


def test_with_less_room_the_good_sources_stand_under_their_kind() -> None:
    assert "relay ✓<10s  topics ✓<10s" in text(STATUS, 160) and "broker-b ✖0s" in text(STATUS, 160)
    assert "relay ✓  topics ✓" in text(STATUS, 140) and "broker-b ✖0s" in text(STATUS, 140)


def test_where_nothing_is_wrong_it_says_so() -> None:
    assert "✓ all well" in text(STATUS._replace(counts=Counts()))


def test_a_demonstration_a_window_for_writing_and_a_pause_are_badges() -> None:
    demo = msgspec.structs.replace(MONITOR, demo=True)
    assert " DEMO " in text(STATUS._replace(monitor=demo, writable=True))
    assert " WRITE " in text(STATUS._replace(writable=True))
    assert " PAUSED 1m " in text(STATUS._replace(paused_since=NOW - 100))


def test_who_started_the_daemon_is_said() -> None:
    assert "embedded" in text(STATUS._replace(link=LinkState(True, started_by_us=True)))
    assert "✖ NO DAEMON" in text(STATUS._replace(link=LinkState(False, error="refused")))


def test_a_calm_row_has_no_clock() -> None:
    assert text(STATUS._replace(calm=True)) == text(STATUS._replace(calm=True, now=NOW + 3))


def test_a_source_that_answers_late_shows_its_true_age() -> None:
    source = incident()[0]
    assert health(source, NOW + 12) == ("✓", "ok", "<10s")
    assert health(source, NOW + 45) == ("▴", "warn", "40s")
    assert health(msgspec.structs.replace(source, observed_at=None), NOW)[2] == "…"


def test_panes_lose_their_names_but_not_their_troubles_when_it_is_narrow() -> None:
    assert plain(tabs_line(TABS, "topics", "", 24)).startswith(" 1 ✖1  2 Topics ▴1")
