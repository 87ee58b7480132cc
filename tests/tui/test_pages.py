"""Stories: going into a row, its partition, a record, and back; what is asked meanwhile; and from a topic to its consumers."""

import base64
import json
from pathlib import Path

import msgspec
import pytest

from backends import demo
from backends.questions import History, HistoryOf, Records, RecordsOf
from backends.snapshots import Offsets, Topics
from tests.tui.scripted import NOW, TROUBLE, ScriptedLink, Story, incident, snapshot, story
from tests.waiting import until
from tui.app import Console
from tui.pane import Entry

SIZES = [(80, 24), (120, 40), (200, 60)]


async def into(it: Story, key: str) -> None:
    """Stands on that row of the list and looks into it."""
    assert it.console.deck.listing.go_to(key)
    it.console.deck.draw()
    await it.press("enter")


def lets_time_pass(link: ScriptedLink, source: str, seconds: float) -> None:
    """A newer snapshot of a source, the same but for its moment."""
    known = link.store.snapshots[source]
    link.store.apply(msgspec.structs.replace(known, observed_at=(known.observed_at or 0) + seconds))


@pytest.mark.parametrize("size", SIZES)
async def test_a_topic_leads_to_its_partition_to_its_records_to_one_of_them_and_back(size: tuple[int, int]) -> None:
    async with story(*incident(), size=size, view="topics") as it:
        await into(it, "main/payments.settled")
        it.sees("Partitions 12", "json loaded at /meta/loaded_at", "› payments.settled")
        await it.press("j", "j", "j", "enter")
        it.sees("Newest 50 of 400,000 records of payments.settled", "› partition 2", "KR-2026")
        await it.press("j", "enter")
        it.sees("Offset 6,", "Headers 2", "trace-id: ", '"currency": "KRW"', "set by its producer")
        await it.press("escape")
        it.sees("Newest 50 of 400,000 records of payments.settled")
        await it.press("backspace", "q")
        it.sees("Topics 23")
        assert not it.console.deck.detail_focused and it.console.is_running


async def test_esc_leads_back_to_the_same_row() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/orders.created")
        await it.press("j", "j", "j", "j", "enter", "j", "j", "enter", "escape")
        deck = it.console.deck
        assert deck.spot is not None and deck.spot.row.key.startswith("3/") and deck.spot.line - deck.detail.sheet.spots[0].line == 2
        await it.press("escape")
        assert deck.spot.row.key == "3"


async def test_older_records_are_a_row_at_the_end() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/ledger.tx")
        await it.press("j", "enter", "G", "enter")
        assert [question.before for _, question in it.link.asked if isinstance(question, RecordsOf)] == [None, 3_069]
        it.sees("50 of 3,069 records before offset 3,069 of ledger.tx, partition 0", "› before 3,069", "3,068")


async def test_the_newest_of_all_partitions_have_no_older_ones_to_page_to() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/ledger.tx")
        await it.press("enter")
        it.sees("Newest 50 of 6,025 records of ledger.tx", "PART", "▴ aborted")
        assert all(spot.row.key != "older" for spot in it.console.deck.detail.sheet.spots)


async def test_a_record_that_was_cut_is_asked_for_whole() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/legacy.blob")
        await it.press("j", "enter")
        it.sees("▪ cut")
        it.link.is_listening.clear()
        await it.press("enter")
        it.sees("asking…", "Value 64 KiB of 3.1 MiB")
        it.link.is_listening.set()
        await it.pilot.pause()
        it.sees("Value 3.1 MiB", "00000000  ")
        assert it.link.asked[-1] == ("main", RecordsOf("legacy.blob", 0, 5_204, 1, True))


async def test_a_record_that_fell_to_retention_meanwhile_is_shown_as_it_was_read() -> None:
    link = ScriptedLink(*incident())
    async with story(link=link, view="topics") as it:
        await into(it, "main/legacy.blob")
        await it.press("j", "enter")
        link.tells = lambda question: Records("legacy.blob", (), 0)
        await it.press("enter")
        it.sees("it is no more in the topic: this is what was read before", "Value 64 KiB of 3.1 MiB")


async def test_what_cannot_be_told_is_said_in_words_and_asked_again_by_f5() -> None:
    link = ScriptedLink(*incident())
    link.tells = lambda question: "main: broker 2 does not answer\x1b[31m; it is tried again with F5"
    async with story(link=link, view="topics") as it:
        await into(it, "main/orders.created")
        await it.press("j", "enter")
        it.sees("main: broker 2 does not answer␛[31m")
        link.tells = lambda question: demo.records(question, TROUBLE, NOW) if isinstance(question, RecordsOf) else ""
        await it.press("f5")
        it.sees("50 of 400,000 records", "read ")
        it.sees_no("does not answer")
        assert link.sent == []


async def test_the_old_answer_stays_while_a_new_one_is_on_its_way() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/orders.created")
        await it.press("j", "enter")
        it.link.is_listening.clear()
        await it.press("ctrl+r")
        it.sees("asking…", "50 of 400,000 records")
        it.link.is_listening.set()
        await it.pilot.pause()
        it.sees_no("asking…")


async def test_an_answer_that_comes_after_its_page_was_left_is_nobody_s() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/orders.created")
        it.link.is_listening.clear()
        await it.press("j", "enter")
        it.sees("asking…")
        await it.press("escape", "j", "enter")
        it.sees("Newest records of orders.created, partition 1")
        it.link.is_listening.set()
        await it.pilot.pause()
        it.sees("Newest 50 of 400,000 records of orders.created, partition 1")
        assert it.console.is_running


async def test_keys_are_not_held_up_by_a_source_that_does_not_answer() -> None:
    async with story(*incident(), view="offsets") as it:
        it.link.is_listening.clear()
        for _ in range(4):
            await it.press("j")
            await it.passes(2)
        assert it.console.deck.listing.current is not None
        assert len(it.link.asked) == 2, "of the detail that follows the cursor only one question is on its way"
        it.sees("── app1-node-2 ─")


async def test_the_detail_asks_for_its_trends_with_every_new_snapshot_and_not_between() -> None:
    async with story(*incident(), view="offsets") as it:
        assert it.link.asked == [("groups", HistoryOf("billing-sink", "orders.confirmed"))]
        it.sees("RATE LATELY")
        await it.passes(2)
        assert len(it.link.asked) == 1
        lets_time_pass(it.link, "groups", 5)
        await it.passes(2)
        assert len(it.link.asked) == 2


async def test_a_cursor_that_runs_over_rows_asks_about_once_a_second() -> None:
    async with story(*incident(), view="offsets") as it:
        await it.press("j", "j", "j", "j", "j")
        assert len(it.link.asked) == 1
        await it.passes(1)
        assert [question.consumer for _, question in it.link.asked if isinstance(question, HistoryOf)] == ["billing-sink", "app1-node-3"]


async def test_nothing_is_asked_while_the_screen_is_paused() -> None:
    async with story(*incident(), view="offsets") as it:
        await it.press("p")
        lets_time_pass(it.link, "groups", 5)
        await it.passes(3)
        await it.press("j", "j", "enter")
        assert len(it.link.asked) == 1
        await it.press("enter")
        it.sees("paused: p goes on and asks")
        assert len(it.link.asked) == 1
        await it.press("p")
        await it.passes(1)
        it.sees("History: ")
        assert len(it.link.asked) == 2


async def test_nothing_is_asked_for_a_detail_that_nobody_sees() -> None:
    async with story(*incident(), view="offsets", size=(80, 24)) as it:
        await it.passes(2)
        assert it.link.asked == []
        await it.press("enter")
        assert len(it.link.asked) == 1


@pytest.mark.parametrize("size", SIZES)
async def test_a_consumer_leads_to_the_history_of_a_partition_which_lives(size: tuple[int, int]) -> None:
    async with story(*incident(), size=size, view="offsets") as it:
        await into(it, "groups/billing-sink/orders.confirmed")
        it.sees("Partitions 12", "LAG LATELY")
        await it.press("enter")
        it.sees("Partition 0 of orders.confirmed, read by billing-sink", "Records a minute", "History: ")
        asked = len(it.link.asked)
        assert it.link.asked[-1] == ("groups", HistoryOf("billing-sink", "orders.confirmed", 0, 240))
        lets_time_pass(it.link, "groups", 5)
        await it.passes(2)
        assert len(it.link.asked) == asked + 1
        it.sees_no("asking…")
        await it.press("G")
        it.sees("2025-11-22 08:2", "/min")


async def test_curves_and_pages_draw_nothing_that_a_wide_terminal_would_break() -> None:
    async with story(*incident(), ascii=True, view="offsets") as it:
        await into(it, "groups/billing-sink/orders.confirmed")
        await it.press("enter")
        it.sees("Lag   min ", "+##", "`08:")
        assert all(ord(char) < 128 for char in it.text())


async def test_a_partition_without_history_says_so() -> None:
    link = ScriptedLink(*incident())
    link.tells = lambda question: History("billing-sink", "orders.confirmed", ())
    async with story(link=link, view="offsets") as it:
        await into(it, "groups/billing-sink/orders.confirmed")
        await it.press("enter")
        it.sees("No reading of this partition is kept yet")


@pytest.mark.parametrize("looks_in", [False, True])
async def test_a_topic_and_its_consumers_are_one_key_apart(looks_in: bool) -> None:
    async with story(*incident(), view="topics") as it:
        assert it.console.deck.listing.go_to("main/search.queries")
        if looks_in:
            await it.press("enter", "j", "enter")
        await it.press("c")
        it.sees("› Offsets", "Offsets 1 of 13  of topic search.queries", "search-index")
        it.sees_no("billing-sink")
        await it.press("c")
        it.sees("› Topics", "Topics 23")
        deck = it.console.deck
        assert deck.listing.current is not None and deck.listing.current.item.name == "search.queries"
        await it.press("q", "escape")
        assert deck.active == "topics" and deck.listings["offsets"].scope is None
        assert deck.detail_focused is looks_in
        it.sees("Newest 50 of 400,000 records of search.queries, partition 0") if looks_in else it.sees("Topics 23")


async def test_consumers_of_another_cluster_are_none_of_this_topic() -> None:
    groups = incident()[3].data
    assert isinstance(groups, Offsets)
    far = Offsets(tuple(msgspec.structs.replace(each, cluster="far") for each in groups.consumers))
    async with story(*incident()[:2], snapshot("groups", "offsets", far), view="topics") as it:
        assert it.console.deck.listing.go_to("main/search.queries")
        await it.press("c")
        it.sees("no consumer of search.queries is watched", "› Topics")
        await it.press("3")
        assert it.console.deck.listing.go_to("groups/warehouse/inventory.delta")
        await it.press("c")
        it.sees("topic inventory.delta of cluster far is not watched", "› Offsets")


async def test_a_consumer_that_names_no_topic_says_why() -> None:
    async with story(*incident(), view="offsets") as it:
        assert it.console.deck.listing.go_to("leanstream/app1-node-1/")
        await it.press("c")
        it.sees("app1-node-1 does not say which topic it reads")
        assert it.console.deck.listing.go_to("/application/leanstream/app1")
        await it.press("c")
        it.sees("a total has no topic of its own")


async def test_a_filter_of_the_other_pane_is_back_when_one_comes_back() -> None:
    async with story(*incident(), view="offsets", filter="node-2") as it:
        await it.press("2", "escape")
        assert it.console.deck.listing.go_to("main/search.queries")
        await it.press("c")
        it.sees("of topic search.queries")
        it.sees_no("/node-2")
        await it.press("escape", "3")
        it.sees("/node-2")


async def test_a_value_is_turned_into_its_other_forms() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/clicks")
        await it.press("j", "enter", "enter")
        it.sees('   "currency": "KRW"', " t form ")
        await it.press("t")
        it.sees(' {"order":"KR-')
        await it.press("t")
        it.sees("00000000  7b 22 6f 72 64 65 72 22  3a 22", '|{"order":"')
        await it.press("t")
        it.sees('   "currency": "KRW"')


async def test_the_detail_may_have_the_screen_alone() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/clicks")
        await it.press("z")
        it.sees_no("Topics 23")
        await it.press("z")
        it.sees("Topics 23")


async def test_a_page_whose_row_is_no_more_says_so_and_stays() -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/clicks")
        data = it.link.store.snapshots["main"].data
        assert isinstance(data, Topics)
        left = msgspec.structs.replace(data, topics=tuple(topic for topic in data.topics if topic.name != "clicks"))
        it.link.store.apply(snapshot("main", "topics", left, observed_at=NOW + 5))
        await it.passes(1)
        it.sees("── clicks ─", "its row is no more in the list")
        await it.press("escape")
        it.sees_no("its row is no more")


@pytest.mark.parametrize("size", SIZES)
async def test_a_page_whose_source_is_down_says_so_once_also_where_no_list_is_beside_it(size: tuple[int, int]) -> None:
    async with story(*incident(), size=size, view="queues") as it:
        await into(
            it, next(item.key for item in it.console.deck.listing.items if isinstance(item, Entry) and item.key.startswith("broker-b/"))
        )
        assert it.text().count("DOWN broker-b, last seen") == 1
        it.sees("connection refused")


async def test_a_page_scrolls_where_it_has_no_rows() -> None:
    async with story(*incident(), size=(80, 24), view="topics") as it:
        await into(it, "main/clicks")
        await it.press("j", "enter", "enter")
        it.sees("Headers 2", "more lines below")
        await it.press("G")
        it.sees('"meta": {')
        it.sees_no("Headers 2")
        await it.press("pageup", "pageup", "k")
        it.sees("Headers 2")


# -- copying and writing --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def clipboard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the terminal was told, read back."""
    monkeypatch.delenv("TMUX", raising=False)
    told: list[str] = []

    def read(console: Console, sequence: str) -> None:
        assert sequence.startswith("\x1b]52;c;") and sequence.endswith("\x07")
        told.append(base64.b64decode(sequence[7:-1]).decode())

    monkeypatch.setattr(Console, "to_terminal", read)
    return told


async def test_copying_takes_the_row_the_marked_ones_or_the_value(clipboard: list[str]) -> None:
    async with story(*incident(), view="topics") as it:
        assert it.console.deck.listing.go_to("main/orders.created")
        await it.press("y")
        it.sees("copied the row, ", "to the terminal's clipboard")
        assert clipboard[-1].startswith("OK\torders.created\t12\t")
        await it.press("space", "space", "y")
        it.sees("copied 2 rows")
        assert len(clipboard[-1].splitlines()) == 2
        await it.press("escape")
        await into(it, "main/clicks")
        await it.press("j", "enter", "y")
        assert json.loads(clipboard[-1])["currency"] == "KRW"
        await it.press("enter", "y")
        assert json.loads(clipboard[-1])["currency"] == "KRW" and "\n  " in clipboard[-1]
        it.sees("copied Value ")


async def test_too_much_to_copy_is_refused_with_the_way_out(clipboard: list[str]) -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/legacy.blob")
        await it.press("j", "enter", "y")
        it.sees("too much to copy", "w writes it to a file")
        assert clipboard == []


async def writes(it: Story, name: str) -> None:
    await it.press("w")
    prompt = it.console.line._prompt
    assert prompt is not None
    prompt.value = f":write {name}"
    await it.press("enter")
    await until(lambda: it.console.deck.hints.message is not None)
    await it.pilot.pause()


async def test_a_table_is_written_as_csv_with_whole_texts_and_as_json(tmp_path: Path) -> None:
    async with story(*incident(), view="topics", filter="orders") as it:
        await writes(it, str(tmp_path / "t.csv"))
        it.sees("wrote 3 rows of Topics to ")
        lines = (tmp_path / "t.csv").read_text().splitlines()
        assert lines[0] == "STATE,TOPIC,PART,REC/s,LOADED,SENT,RECORD,DELAY,REASON"
        assert lines[1].endswith("no record since 90s (limit 60s)")
        await it.press("space")
        await writes(it, str(tmp_path / "t.json"))
        it.sees("wrote 1 row of Topics to ")
        (topic,) = json.loads((tmp_path / "t.json").read_text())
        assert (topic["source"], topic["name"], topic["state"]) == ("main", "orders.confirmed", "crit")


async def test_of_several_groups_the_one_under_the_cursor_is_written(tmp_path: Path) -> None:
    async with story(*incident(), view="offsets") as it:
        await it.press("G")
        await writes(it, str(tmp_path / "o.csv"))
        it.sees("wrote 4 rows of Applications")
        assert "APPLICATION" in (tmp_path / "o.csv").read_text().splitlines()[0]


async def test_records_are_written_one_a_line_with_their_bytes(tmp_path: Path) -> None:
    async with story(*incident(), view="topics") as it:
        await into(it, "main/legacy.blob")
        await it.press("j", "enter", "w")
        it.sees(":write legacy.blob-partition_0-2025", ".jsonl")
        await it.press("escape")
        await writes(it, str(tmp_path / "r.jsonl"))
        records = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
        assert len(records) == 50 and records[0]["cut"] is True
        told = demo.records(RecordsOf("legacy.blob", 0), TROUBLE, NOW).records[0]
        assert base64.b64decode(records[0]["value"]["base64"]) == told.value


async def test_a_file_that_exists_is_left_alone_and_errors_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("mine")
    async with story(*incident(), view="topics") as it:
        await writes(it, str(tmp_path / "t.csv"))
        it.sees("exists already and is left as it is")
        assert (tmp_path / "t.csv").read_text() == "mine"
        await writes(it, str(tmp_path / "no" / "t.csv"))
        it.sees("cannot be written: No such file or directory")
        await writes(it, str(tmp_path / "t.txt"))
        it.sees("the name must end in .csv, .json or .jsonl")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]
