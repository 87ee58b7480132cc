"""What one sees of an agent when one looks into it: its past, its events, the lines of its log; and the keys that lead there."""

import json
from pathlib import Path

import msgspec
import pytest

from backends import demo
from backends.agent import HangSeen, HeapEvent, HeapPoint, LogLine, Occupancy, PauseBucket
from backends.questions import HeapOf, HeapPast, LogLines, LogLinesOf
from backends.snapshots import Heap
from tests.tui.scripted import NOW, ScriptedLink, Story, incident, snapshot, store_of, story
from tests.waiting import until
from tui.detailview import Look, sheet_of
from tui.line import line_width, plain
from tui.pane import Entry, Section, panes
from tui.panes.heap_lines import lines_sections

HEAP = next(pane for pane in panes() if pane.name == "heap")
SIZES = [(80, 24), (120, 40), (200, 60)]
FULL = Occupancy(2_000_000, 1_900_000, 2_000_000)
EVENT = HeapEvent("full", NOW - 5, 3600.0, "Ergonomics", Occupancy(3_000_000, 2_100_000, 4_000_000), FULL, 2.5, "fd01:a", 1234)
POINTS = tuple(HeapPoint(NOW - 100 + 10 * index, 100_000 * (index + 1), index == 5) for index in range(10))
BUCKETS = (PauseBucket(0.01, 0, 0.0), PauseBucket(0.1, 90, 3.0), PauseBucket(1.0, 0, 0.0), PauseBucket(None, 10, 27.0))
PAST = HeapPast("agent", POINTS, "stated", 2_000_000, BUCKETS, (EVENT,), 5_000, True)


def entry(**fields: object) -> Entry:
    data = incident()[4].data
    assert isinstance(data, Heap)
    one = msgspec.structs.replace(data.files[0], name="agent", **fields)
    return HEAP.entries(store_of(snapshot("heap", "heap", Heap((one,)))))[0]


async def into(it: Story, name: str) -> None:
    """Stands on that agent and looks into it."""
    assert it.console.deck.listing.go_to(f"heap/{name}//home/user/app/{name}/log/gc.agent.log")
    it.console.deck.draw()
    await it.press("enter")


def facts(sections: list[Section]) -> dict[str, str]:
    return {name: cell.text for section in sections for name, cell in section.facts}


def section(sections: list[Section], title: str) -> Section:
    return next(each for each in sections if each.title.startswith(title))


def cells_of(table: Section, index: int = 0) -> dict[str, str]:
    return {column.key: cell.text for column, cell in zip(table.columns, table.rows[index].cells, strict=True)}


def drawn(sections: list[Section], cells: int) -> str:
    lines = sheet_of(sections, cells, Look()).lines
    assert all(line_width(line) <= cells for line in lines)
    return "\n".join(plain(line) for line in lines)


# -- facts ---------------------------------------------------------------------------------------------------------------------------------


def test_without_an_answer_the_page_has_what_the_snapshot_knows() -> None:
    found = HEAP.detail_of(entry(verdict="HANG", reason="it hangs", evidence=(EVENT,)), NOW)
    assert [each.title.split(":")[0] for each in found] == ["agent", "Evidence", "Log"]
    assert facts(found)["Why"] == "it hangs"


def test_a_leak_says_until_when_and_how_sure_that_is() -> None:
    def until_full(**fields: object) -> str:
        return facts(HEAP.detail_of(entry(verdict="LEAK", **fields), NOW))["Will be full"]

    assert until_full(full_at=NOW + 2520, full_in_s=2530.0, confidence=0.87).startswith("in 42m00s, at 20")
    assert until_full(full_at=NOW + 2520, confidence=0.87).endswith(", confidence 87%")
    assert until_full(full_at=NOW - 60).startswith("1m00s ago, if it went on so, at 20")
    assert until_full(full_in_s=7200.0) == "2h00m after its last event"
    assert "Will be full" not in facts(HEAP.detail_of(entry(), NOW))


def test_a_hang_is_told_also_when_it_is_over() -> None:
    seen = HangSeen(NOW - 90, 3600.0, 5, "5 full collections in a row free no memory", False)
    now = facts(HEAP.detail_of(entry(verdict="HANG", hang=seen), NOW))
    assert now["Hangs since"].endswith(", 1m30s ago, at the 5th futile full collection"), "why it hangs stands above"
    over = msgspec.structs.replace(seen, is_over=True, at=None, after_full=0)
    then = facts(HEAP.detail_of(entry(verdict="OK", hang=over), NOW))
    assert then["Hang seen"] == "an uptime of 1h00m, over now: 5 full collections in a row free no memory"


def test_what_the_log_does_not_say_is_unknown_on_the_page_too() -> None:
    found = HEAP.detail_of(entry(pause_share=None, promoted_kib_per_s=None, old_script_pct=None, full_last_hour=None), NOW)
    told = facts(found)
    assert [told[name] for name in ("World stopped", "Promoted", "Old script")] == ["-", "-", "-"]
    assert told["Full collections"].endswith(", - in the last hour")


# -- past ----------------------------------------------------------------------------------------------------------------------------------


def test_the_page_asks_for_the_past_and_draws_it() -> None:
    one = entry()
    assert HEAP.inquiry(one) == HeapOf("agent")
    found = HEAP.detail_of(one, NOW, PAST)
    (curve,) = section(found, "After each").curves
    assert (curve.upper, set(curve.marks), len(curve.points)) == (2_000_000, {5}, 10)
    text = drawn(found, 100)
    assert " 1.9 GiB┤── capacity ─" in text and "▲ full collection" in text
    assert section(found, "Events").title == "Events 1 of 5,000, newest first"


def test_nothing_is_asked_of_what_was_never_a_gc_log() -> None:
    assert HEAP.inquiry(entry(state="down", style=None)) is None


def test_pauses_are_bars_from_the_first_bucket_that_holds_one_to_the_last() -> None:
    table = section(HEAP.detail_of(entry(), NOW, PAST), "Pauses")
    assert table.title == "Pauses: 100, 30.0s together"
    assert table.bars is not None
    assert [(bar.label, bar.value, " ".join(bar.told.split())) for bar in table.bars.bars] == [
        ("up to 100ms", 90, "90 3.0s 10% of the time"),
        ("up to 1.0s", 0, "0"),
        ("over 1.0s", 10, "10 27.0s 90% of the time"),
    ]
    empty = msgspec.structs.replace(PAST, pauses=(), points=(), events=())
    text = drawn(HEAP.detail_of(entry(), NOW, empty), 80)
    assert "The log states no pause." in text and "no collection with sizes and a time yet" in text


def test_a_log_without_dates_has_its_own_clock() -> None:
    own = msgspec.structs.replace(
        PAST,
        is_clock=False,
        points=tuple(HeapPoint(10.0 * index, 100, False) for index in range(9)),
        events=(msgspec.structs.replace(EVENT, at=None),),
    )
    found = HEAP.detail_of(entry(), NOW, own)
    text = drawn(found, 80)
    assert "└+0s ─" in text and "─ +1m20s" in text
    assert cells_of(section(found, "Events"))["at"] == "+1h00m"


def test_an_event_says_what_it_did_and_leads_to_its_lines() -> None:
    table = section(HEAP.detail_of(entry(), NOW, PAST), "Events")
    told = cells_of(table)
    assert (told["kind"], told["cause"], told["freed"], told["of"], told["pause"]) == ("▲ full", "Ergonomics", "5%", "old", "2.5s")
    assert (told["sizes"], told["heap"]) == ("1.9 GiB → 1.8 GiB", "2.9 GiB → 2.0 GiB")
    opens = table.rows[0].opens
    assert opens is not None and opens.question == LogLinesOf("agent", "fd01:a", 1234)


def test_where_a_log_has_only_the_whole_heap_its_events_say_so() -> None:
    whole = msgspec.structs.replace(PAST, basis="heap", events=(msgspec.structs.replace(EVENT, old=EVENT.heap, pause_s=0.0001),))
    table = section(HEAP.detail_of(entry(old_basis="heap"), NOW, whole), "Events")
    told = cells_of(table)
    assert (told["of"], told["sizes"], told["pause"], "heap" in told) == ("heap", "2.9 GiB → 2.0 GiB", "<1ms", False)
    assert all(len(row.cells) == len(table.columns) for row in table.rows)


def test_events_that_know_little_are_rows_all_the_same() -> None:
    bare = HeapEvent("exhausted", None, None, "", None, None, None)
    twice = msgspec.structs.replace(EVENT, kind="stall", old=None, heap=None, cause="worker\x1b[1m")
    table = section(HEAP.detail_of(entry(), NOW, msgspec.structs.replace(PAST, events=(bare, EVENT, twice))), "Events")
    assert [cells_of(table, 0)[key] for key in ("kind", "at", "cause", "sizes", "capacity", "pause")] == [
        "✖ no memory",
        "-",
        "-",
        "-",
        "-",
        "-",
    ]
    assert table.rows[0].opens is None, "nobody knows where it stands"
    assert (cells_of(table, 2)["kind"], cells_of(table, 2)["cause"]) == ("▴ stall", "worker␛[1m")
    assert len({row.key for row in table.rows}) == 3, "two events of one line are two rows"


@pytest.mark.parametrize("cells", [60, 80, 120, 200])
def test_the_page_fits_every_width(cells: int) -> None:
    for each in HEAP.entries(store_of(*incident(200.0))):
        text = drawn(HEAP.detail_of(each, NOW, demo.past(HeapOf(each.item.name), 200.0, NOW)), cells)
        assert "── Pauses: " in text and "── Events 100 of 240" in text


# -- lines ---------------------------------------------------------------------------------------------------------------------------------

LINES = (LogLine(0, "before\t1"), LogLine(9, "[Full GC \x1b[31m" + "x" * 200 + "]"), LogLine(300, "[bold]after[/]"))


def test_lines_of_the_log_are_shown_harmless_and_whole_the_marked_one_first() -> None:
    (page,) = lines_sections("agent", 299, LogLines("agent", "/x/gc.log.3", LINES, 1, "rotated away"))
    assert page.title == "gc.log.3 at byte 299, in /x" and page.here == "9"
    sheet = sheet_of([page], 80, Look())
    text = "\n".join(plain(line) for line in sheet.lines)
    assert text.count("x") - 1 == 200 and "␛[31m" in text and "\x1b" not in text, "a long line goes on below itself"
    assert "[bold]after[/]" in text and "before␉1" in text and "rotated away" in text
    assert [spot.row.cells[0].text for spot in sheet.spots] == ["-1", "▲", "+1"]
    assert sheet.here is not None and sheet.here.row.copies.startswith("[Full GC \x1b"), "copied as it is"
    assert sheet.header(sheet.here.line + 1) is not None, "its titles stay where a line goes on"


def test_a_line_of_thousands_of_characters_is_cut_in_the_end() -> None:
    (page,) = lines_sections("agent", 9, LogLines("agent", "/x", (LogLine(0, "y" * 4096),), None))
    lines = sheet_of([page], 60, Look()).lines
    assert len(lines) < 20 and plain(lines[-1]).rstrip().endswith("…")


def test_lines_that_are_gone_are_said_to_be() -> None:
    (page,) = lines_sections("agent", 9, LogLines("agent", "/x", (), None))
    assert "no line there" in page.text
    assert facts(lines_sections("agent", 9, LogLines("agent", "/x", (), None, "the file was removed"))) == {"Note": "the file was removed"}
    assert lines_sections("agent", None, None)[0].title == "The end of the log of agent"


# -- keys ----------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_enter_leads_to_the_agent_to_an_event_to_its_lines_and_esc_back(size: tuple[int, int]) -> None:
    async with story(*incident(), size=size, view="heap") as it:
        it.sees("▴ SUSPECT", "▴ LEAK", "freed")
        await into(it, "producer-agent-2")
        it.sees("› producer-agent-2", "▴ SUSPECT", "5 full collections freed almost nothing", "── After each collection")
        await it.press("enter")
        it.sees("› byte ", "gc.agent.log at byte 12,377,947, in /home/user/app/", "3895M->2620M(4096M) 2634.500ms")
        deck = it.console.deck
        assert deck.spot is not None and deck.spot.row.cells[0].text == "▲"
        await it.press("escape")
        it.sees("› producer-agent-2", "▲ full")
        await it.press("escape")
        it.sees("Heap 5")
        assert not deck.detail_focused
        asked = [type(question) for _, question in it.link.asked]
        assert asked.count(LogLinesOf) == 1 and HeapOf in asked and it.link.sent == []


@pytest.mark.parametrize("size", SIZES)
async def test_a_page_begins_with_the_verdict_and_not_with_its_events(size: tuple[int, int]) -> None:
    async with story(*incident(), size=size, view="heap") as it:
        await into(it, "legacy-agent")
        it.sees("Verdict ", "▴ LEAK", "Will be full ", "confidence 97%", "┤── capacity ─")


async def test_a_line_is_copied_and_the_page_is_written(tmp_path: Path) -> None:
    async with story(*incident(), view="heap") as it:
        await into(it, "producer-agent-2")
        await it.press("enter", "y")
        await until(lambda: "copied a row of producer-agent-2 › byte " in it.text())
        await it.types(f":write {tmp_path}/lines.json")
        await it.press("enter")
        await until(lambda: "wrote producer-agent-2 › byte " in it.text())
        (written,) = json.loads((tmp_path / "lines.json").read_text())
        assert written["lines"][written["marked"]][1].endswith("ms")
        await it.press("escape")
        await it.types(f":write {tmp_path}/agent.json")
        await it.press("enter")
        await until(lambda: "wrote producer-agent-2 to " in it.text())
        row, past = json.loads((tmp_path / "agent.json").read_text())
        assert row["verdict"] == "SUSPECT" and len(past["points"]) == 240


async def test_a_chart_is_drawn_anew_in_braille_and_back() -> None:
    async with story(*incident(), view="heap") as it:
        await into(it, "producer-agent-1")
        it.sees("t form", "█")
        await it.press("t")
        assert any(0x2800 < ord(char) < 0x2900 for char in it.text())
        await it.press("escape", "j", "enter")
        assert any(0x2800 < ord(char) < 0x2900 for char in it.text()), "it stays so"
        await it.press("t")
        assert not any(0x2800 < ord(char) < 0x2900 for char in it.text())


async def test_in_ascii_everything_is_ascii_and_there_is_one_way_to_draw() -> None:
    async with story(*incident(), view="heap", ascii=True, drawing="braille") as it:
        await into(it, "producer-agent-2")
        it.sees("+-- capacity --", "^ full collection", "^ full ")
        it.sees_no("t form")
        await it.press("t", "enter")
        it.sees("Pause Full")
        assert it.text().isascii()


async def test_a_daemon_that_knows_no_past_says_so_and_the_page_stays() -> None:
    link = ScriptedLink(*incident())
    link.tells = lambda question: "heap: it knows nothing of the kind 'heap'"
    async with story(link=link, view="heap") as it:
        await into(it, "producer-agent-2")
        it.sees("it knows nothing of the kind", "▴ SUSPECT", "Evidence: 5 events")


async def test_the_past_is_asked_anew_with_every_snapshot_and_the_lines_once() -> None:
    async with story(*incident(), view="heap") as it:
        await into(it, "producer-agent-2")
        await it.press("enter")
        for step in (1.0, 2.0):
            known = it.link.store.snapshots["heap"]
            it.link.store.apply(msgspec.structs.replace(known, observed_at=NOW + step))
            await it.passes(2)
        assert sum(isinstance(question, LogLinesOf) for _, question in it.link.asked) == 1
        await it.press("f5", "escape")
        await it.passes(2)
        assert sum(isinstance(question, LogLinesOf) for _, question in it.link.asked) == 2
        assert sum(isinstance(question, HeapOf) for _, question in it.link.asked) >= 2
