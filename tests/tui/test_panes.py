"""What each pane shows of the store, cell by cell."""

import msgspec
import pytest

from backends import demo
from backends.snapshots import Offsets, Queues, Topic, Topics
from monitor.store import Store
from relay.status import ForwardStatus, RefusedLine
from tests.tui.scripted import NOW, TROUBLE, incident, snapshot, store_of
from tui.pane import Pane, Row, Section, panes
from tui.panes import relay_cells
from tui.panes.overview import Blocks, count, notice

PANES = {pane.name: pane for pane in panes()}
STORE = store_of(*incident())
RELAY = demo.relay(TROUBLE, NOW, demo.Deeds())


def cells(pane: Pane, rows: list[Row], name: str) -> dict[str, str]:
    """By column, of the row with that text in it."""
    row = next(row for row in rows if any(cell.text == name for cell in row.cells))
    return {column.key: cell.text for column, cell in zip(pane.columns, row.cells, strict=True)}


def facts(sections: list[Section]) -> dict[str, str]:
    return {name: cell.text for section in sections for name, cell in section.facts}


def test_panes_are_found_by_name_in_the_order_of_their_keys() -> None:
    assert [(pane.key, pane.name) for pane in panes()] == [
        ("0", "overview"),
        ("1", "relay"),
        ("2", "topics"),
        ("3", "offsets"),
        ("4", "heap"),
        ("5", "queues"),
    ]


@pytest.mark.parametrize("pane", panes(), ids=lambda pane: pane.name)
def test_every_row_has_a_cell_a_column_a_detail_and_its_own_key(pane: Pane) -> None:
    keys: set[str] = set()
    for section in pane.sections(STORE, NOW):
        for row in section.rows:
            assert len(row.cells) == len(section.columns)
            assert pane.detail(STORE, row.key, NOW)
            assert row.key not in keys
            keys.add(row.key)
    assert len(keys) == sum(entry.group == 0 or not pane.is_tabbed for entry in pane.entries(STORE))


@pytest.mark.parametrize("pane", panes(), ids=lambda pane: pane.name)
def test_every_cell_is_safe_to_place(pane: Pane) -> None:
    text = "".join(cell.text for section in pane.sections(STORE, NOW) for row in section.rows for cell in row.cells)
    assert text.isprintable()


def test_a_row_that_went_has_no_detail() -> None:
    assert PANES["topics"].detail(STORE, "main/nosuch", NOW) == []


def test_a_late_topic_says_how_late_and_why() -> None:
    row = cells(PANES["topics"], PANES["topics"].rows(STORE, NOW), "orders.confirmed")
    assert row["state"] == "✖ LATE"
    assert (row["loaded"], row["rate"], row["delay"]) == ("1m30s", "0", "600ms")
    assert "limit 60s" in row["reason"]


def test_a_clock_that_is_ahead_is_shown_as_it_is() -> None:
    topic = Topic("t", 1, "ok", None, -5.0, None, None, None, None, None)
    rows = PANES["topics"].rows(store_of(snapshot("k", "topics", Topics((topic,)))), NOW)
    loaded = next(cell for cell in rows[0].cells if cell.text == "-5s")
    assert loaded.role == "warn"


def test_a_stalled_consumer_stands_on_top_with_its_lag() -> None:
    first = PANES["offsets"].rows(STORE, NOW)[0]
    row = {column.key: cell.text for column, cell in zip(PANES["offsets"].columns, first.cells, strict=True)}
    assert (row["state"], row["name"], row["lag"], row["rate1"]) == ("✖ STALLED", "billing-sink", "69,463", "0")


def test_a_znode_with_bad_pairs_says_how_many_and_shows_one() -> None:
    data = incident()[2].data
    assert isinstance(data, Offsets)
    bad = msgspec.structs.replace(data.consumers[0], bad_pairs=3, bad_sample="x:\x1b")
    store = store_of(snapshot("z", "offsets", Offsets((bad,))))
    assert "3 pairs, such as 'x:␛'" in facts(PANES["offsets"].detail(store, "z/app1-node-1/", NOW))["Unreadable"]


def test_a_queue_that_nobody_reads_is_no_trouble_while_it_is_empty() -> None:
    data = incident()[5].data
    assert isinstance(data, Queues)
    idle = msgspec.structs.replace(data.queues[0], verdict="NO_CONSUMER", pending=0, consumers=0)
    waiting = msgspec.structs.replace(idle, name="w", pending=1)
    rows = PANES["queues"].rows(store_of(snapshot("b", "queues", Queues(data.broker, (idle, waiting), 0))), NOW)
    assert [row.cells[0].text for row in rows] == ["✖ NO CONSUMER", "  NO CONSUMER"]


def test_the_source_has_a_column_only_when_there_are_several() -> None:
    assert "source" in {column.key for column in PANES["queues"].groups(STORE)[0].columns}
    one = store_of(incident()[5])
    assert "source" not in {column.key for column in PANES["queues"].groups(one)[0].columns}


def test_rows_of_a_source_that_is_down_are_stale() -> None:
    stale = [row.key for row in PANES["queues"].rows(STORE, NOW) if row.stale]
    assert stale and all(key.startswith("broker-b/") for key in stale)


def test_a_sender_shows_its_failed_files() -> None:
    sections = PANES["relay"].detail(STORE, "relay/sender/busan-gw", NOW)
    assert sections[1].title == "Failed files 12"
    assert "10.20.0.7:9401" in facts(sections)["Sends to"]


def test_a_receiver_shows_what_it_refused_last() -> None:
    sections = PANES["relay"].detail(STORE, "relay/receiver/seoul-gw", NOW)
    assert [section.title for section in sections] == ["Receiver seoul-gw", "Newest refused", "Relay"]
    assert [cell.text for cell in sections[1].rows[0].cells][1:4] == ["10.30.0.9:40238", "401", "8 columns instead of 9"]
    assert facts(sections)["Commit"].endswith("records each")


def relay_with(**changes: object) -> Store:
    return store_of(snapshot("relay", "relay", msgspec.structs.replace(RELAY, **changes)))


def test_foreign_text_in_a_refused_line_is_shown_harmless_and_an_old_one_with_its_date() -> None:
    line = RefusedLine(NOW - 3 * 86400, "10.0.0.1:5", 403, "not UTF-8", "0030|REQ|\x1b[2J")
    receiver = msgspec.structs.replace(RELAY.receivers[0], newest_conflicts=(line,))
    (row,) = PANES["relay"].detail(relay_with(receivers=(receiver,)), "relay/receiver/partner-a", NOW)[1].rows
    assert row.cells[4].text == "0030|REQ|␛[2J"
    assert row.cells[0].text.startswith("11-1")


def test_of_10_000_connections_the_table_says_that_it_shows_a_part() -> None:
    group = PANES["relay"].groups(relay_with(connections_total=10_000))[3]
    assert group.counted(7) == "7 of 10,000"
    assert PANES["relay"].groups(STORE)[3].counted(6) == "6"
    titles = [section.title for section in PANES["relay"].sections(relay_with(connections_total=10_000), NOW)]
    assert titles[-1] == "Connections 6 of 10,000"


def test_what_waits_for_a_broker_has_a_column_only_where_a_receiver_forwards() -> None:
    assert "forward" not in {column.key for column in PANES["relay"].groups(STORE)[0].columns}
    forward = ForwardStatus("kafka topic in", "backing_off", 3, 1204, 99, 75.0, 90, 0, "no broker answers", NOW + 9)
    store = relay_with(receivers=(msgspec.structs.replace(RELAY.receivers[0], forward=forward, sink="kafka topic in"),))
    row = PANES["relay"].rows(store, NOW)[0]
    assert ("▴ 1,204", "warn") in [(cell.text, cell.role) for cell in row.cells]
    told = facts(PANES["relay"].detail(store, "relay/receiver/partner-a", NOW)[1:])
    assert told["Waiting"] == "1,204 records, 99 B in 3 files, the oldest 1m15s"
    assert told["Last error"] == "no broker answers"


def test_refusals_are_counted_by_code() -> None:
    assert relay_cells.codes({"401": 1, "413": 3, "400": 0}) == "413:3 401:1"
    assert relay_cells.codes({}) == "0"
    assert [relay_cells.refused(counts).text for counts in ({}, {"401": 3}, {"401": 3, "413": 1200})] == [
        "0",
        "401:3",
        "1,203: 413:1200 401:3",
    ]


@pytest.mark.parametrize("key", ["receiver/partner-a", "connection/1", "failed/busan-gw/20261122-0303-refunds.req"])
def test_everything_of_the_relay_can_be_looked_into(key: str) -> None:
    assert len(PANES["relay"].detail(STORE, f"relay/{key}", NOW)) == 2


def test_an_empty_pane_says_why() -> None:
    topics = PANES["topics"]
    assert "waiting for the monitor" in topics.empty(store_of())
    assert topics.empty(store_of(snapshot("k", "topics"))) == "Asking for the first time: k"
    assert "no topics that the configuration includes" in topics.empty(store_of(snapshot("k", "topics", Topics(()))))
    assert topics.empty(store_of(snapshot("k", "topics", state="down", error="refused"))) == "k: refused"


def test_a_source_that_is_not_well_is_told_in_one_line() -> None:
    ok = snapshot("k", "topics", Topics(()))
    assert notice(ok, NOW) is None
    down = msgspec.structs.replace(ok, state="down", error="refused", observed_at=NOW - 42, next_try_at=NOW + 8)
    told = notice(down, NOW)
    assert told is not None
    assert told.text == "✖ DOWN k, last seen 42s ago: refused (next try in 8s)"
    unset = notice(snapshot("topics", "topics", state="unconfigured", error="add kafka:"), NOW)
    assert unset is not None and unset.text == "not configured: add kafka:"


def test_the_overview_has_a_row_a_source_with_what_it_holds_and_says() -> None:
    pane = PANES["overview"]
    rows = pane.rows(STORE, NOW)
    assert rows[0].cells[0].text == "✖ DOWN"
    assert cells(pane, rows, "main")["holds"] == "23 topics"
    assert cells(pane, rows, "main")["says"] == "1 ✖ LATE"
    assert cells(pane, rows, "broker-b")["says"] == "connection refused"


def test_blocks_are_made_anew_only_when_something_changed() -> None:
    store, blocks = store_of(*incident()), Blocks(5.0)
    problems = store.problems()
    first = blocks.of(store, problems, NOW, 8)
    again = blocks.of(store, problems, NOW + 1, 8)
    assert all(one is other for one, other in zip(first, again, strict=True))
    store.apply(incident(0.0)[1])
    moved = blocks.of(store, store.problems(), NOW + 2, 8)
    assert [one is other for one, other in zip(first, moved, strict=True)] == [True, False, True, True, True]
    assert all(one is not other for one, other in zip(first, blocks.of(store, problems, NOW + 9, 8), strict=True))


def test_counts_are_those_of_the_problems() -> None:
    assert count(STORE.problems()) == (4, 5)
