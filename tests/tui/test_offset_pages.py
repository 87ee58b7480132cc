"""What the pages of consumers say: totals, groups, trends, histories."""

import msgspec
import pytest

from backends import demo
from backends.questions import History, HistoryOf, PartitionHistory, Point
from backends.snapshots import Consumer, GroupStatus, Member, Offsets
from monitor.store import Store
from tests.tui.scripted import NOW, TROUBLE, incident, snapshot, store_of
from tui.pane import Section, panes
from tui.panes.offset_detail import ranges
from tui.panes.offset_history import history_page, lags, speeds

PANES = {pane.name: pane for pane in panes()}
OFFSETS = PANES["offsets"]
STORE = store_of(*incident())
STALLED = "groups/billing-sink/orders.confirmed"


def facts(section: Section) -> dict[str, str]:
    return {name: cell.text for name, cell in section.facts}


def column(section: Section, key: str) -> list[str]:
    index = [each.key for each in section.columns].index(key)
    return [row.cells[index].text for row in section.rows]


def consumer(**changes: object) -> Consumer:
    data = incident()[3].data
    assert isinstance(data, Offsets)
    return msgspec.structs.replace(data.consumers[0], **changes)


def store_with(one: Consumer) -> Store:
    return store_of(snapshot("groups", "offsets", Offsets((one,))))


def test_applications_and_totals_stand_below_the_consumers_the_totals_last() -> None:
    consumers, applications = OFFSETS.sections(STORE, NOW)
    assert len(consumers.rows) == 9
    assert column(applications, "name") == ["all of groups", "app1", "app2", "all of leanstream"]
    assert column(applications, "consumers") == ["3", "3", "3", "6"]
    assert column(applications, "state")[0] == "✖ STALLED"


def test_one_consumer_has_no_total() -> None:
    data = incident()[3].data
    assert isinstance(data, Offsets) and data.total is not None
    one = Offsets(data.consumers[:1], (), msgspec.structs.replace(data.total, consumers=1))
    assert len(OFFSETS.entries(store_of(snapshot("groups", "offsets", one)))) == 1


def test_the_overview_counts_consumers_not_totals() -> None:
    from tui.panes.overview import Counts, block

    made = block(OFFSETS, STORE, Counts(), NOW, 20)
    assert made.total == 9 and len(made.rows) == 9


def test_a_consumer_says_how_far_it_is_behind_and_when_it_will_have_caught_up() -> None:
    one = consumer(lag=900, time_lag_s=75.0, catch_up_s=42.0)
    row = OFFSETS.sections(store_with(one), NOW)[0]
    assert (column(row, "lag"), column(row, "behind"), column(row, "catch_up")) == (["900"], ["1m15s"], ["in 42s"])
    assert facts(OFFSETS.detail(store_with(one), STALLED, NOW)[0])["Lag"] == "900, 1m15s behind, caught up in 42s"


def test_what_is_not_known_of_a_consumer_is_not_made_up() -> None:
    one = consumer(lag=None, time_lag_s=None, catch_up_s=None, group=None)
    row = OFFSETS.sections(store_with(one), NOW)[0]
    assert [column(row, key) for key in ("lag", "behind", "catch_up", "group", "members")] == [["-"], ["-"], ["-"], [""], [""]]


def test_a_group_tells_its_state_its_protocol_and_who_has_which_partition() -> None:
    members = (Member("m-1", "billing", "10.0.0.1", (0, 1, 2, 7)), Member("m-2", "billing\x1b", "10.0.0.2", ()))
    one = consumer(group=GroupStatus("preparing_rebalance", "consumer", "uniform", members, NOW - 61))
    sections = OFFSETS.detail(store_with(one), STALLED, NOW)
    assert facts(sections[0])["Group"] == "▴ PREPARING REBALANCE, 2 members, asked 1m01s ago"
    assert facts(sections[0])["Protocol"] == "consumer protocol, assignor uniform"
    assert (column(sections[2], "partitions"), column(sections[2], "client")) == (["0-2, 7", "none of this topic"], ["billing", "billing␛"])


@pytest.mark.parametrize(("partitions", "text"), [((), ""), ((3,), "3"), ((5, 4, 1), "1, 4-5"), (tuple(range(100)), "0-99")])
def test_partitions_are_written_as_ranges(partitions: tuple[int, ...], text: str) -> None:
    assert ranges(partitions) == text


def test_trends_come_with_the_answer_and_are_empty_before() -> None:
    entry = next(entry for entry in OFFSETS.entries(STORE) if entry.key == STALLED)
    assert OFFSETS.inquiry(entry) == HistoryOf("billing-sink", "orders.confirmed")
    before = OFFSETS.detail_of(entry, NOW)[1]
    assert set(column(before, "rates")) == {" " * 12}
    after = OFFSETS.detail_of(entry, NOW, demo.history(HistoryOf("billing-sink", "orders.confirmed"), TROUBLE, NOW))[1]
    assert column(after, "rates")[0].endswith("▁▁▁▁▁▁"), "it stands still"
    assert column(after, "lags")[0].endswith("█"), "and its lag grows"


def test_a_total_asks_nothing_and_lists_what_it_is_made_of() -> None:
    entry = next(entry for entry in OFFSETS.entries(STORE) if entry.key == "/application/leanstream/app2")
    assert OFFSETS.inquiry(entry) is None
    head, parts = OFFSETS.detail_of(entry, NOW)
    assert facts(head)["Together"] == "3 consumers, 48 partitions"
    assert column(parts, "name") == ["app2-node-1", "app2-node-2", "app2-node-3"]


POINTS = (Point(NOW - 120, 100, 110), Point(NOW - 60, 700, 690), Point(NOW - 30, 40, None), Point(NOW, 40, 90))


def test_a_rate_is_between_two_readings_and_an_offset_that_went_back_is_a_gap() -> None:
    assert [value for _, value in speeds(POINTS)] == [600.0, None, 0.0]
    assert [value for _, value in lags(POINTS)] == [10, None, None, 50]
    assert speeds((Point(NOW, 1, 1), Point(NOW, 5, 5))) == [(NOW, None)]


def history(*points: Point) -> list[Section]:
    one = consumer()
    return history_page(one, one.detail[0])(History(one.name, one.topic, (PartitionHistory(0, points),)), NOW)


def test_the_history_of_a_partition_has_curves_and_the_newest_readings_first() -> None:
    head, drawn, table = history(*POINTS)
    assert head.title == "Partition 0 of orders.confirmed, read by billing-sink"
    assert drawn.title == "History: 4 readings over 2m00s" and [curve.title for curve in drawn.curves] == ["Lag", "Records a minute"]
    assert column(table, "moved") == ["0", "-660", "+600", "-"]
    assert column(table, "rate") == ["0", "-", "600", "-"]
    assert column(table, "lag") == ["50", "-", "0", "10"]


def test_a_history_that_is_not_there_yet_shows_the_partition_alone() -> None:
    one = consumer()
    assert len(history_page(one, one.detail[0])(None, NOW)) == 1
    assert "No reading of this partition" in history()[1].text
