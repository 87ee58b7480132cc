"""What the list of agents shows, at every width, and of logs that say little."""

import msgspec
import pytest

from backends.agent import HeapFile, Occupancy
from backends.snapshots import Heap
from monitor.store import Store
from tests.tui.scripted import NOW, incident, snapshot, store_of
from tui.line import plain
from tui.listing import Listing
from tui.pane import panes
from tui.panes import heap_cells
from tui.tableview import Surroundings, table_lines

HEAP = next(pane for pane in panes() if pane.name == "heap")
GIB = 1 << 20  # KiB
HUNG = Occupancy(2_790_000, 2_760_000, 2_795_520)


def file(**fields: object) -> HeapFile:
    data = incident()[4].data
    assert isinstance(data, Heap)
    return msgspec.structs.replace(data.files[0], **fields)


def nothing_known(**fields: object) -> HeapFile:
    """As of a log in which no collection was read yet."""
    sizes = dict.fromkeys(("old_basis", "last_after_gc", "last_full", "heap_last", "last_full_heap", "humongous_kib", "old_script_pct"))
    times = dict.fromkeys(("pause_max_s", "last_event_at", "last_full_at", "full_last_hour", "window_s", "pause_share"))
    none = {**sizes, **times, "allocated_kib_per_s": None, "promoted_kib_per_s": None}
    return file(**{**none, "verdict": "UNKNOWN", "reason": "no collection seen yet", "pauses": 0, "full": 0, **fields})


def store_with(*files: HeapFile) -> Store:
    return store_of(snapshot("heap", "heap", Heap(files)))


def row(one: HeapFile) -> dict[str, str]:
    (made,) = HEAP.rows(store_with(one), NOW)
    return {column.key: cell.text for column, cell in zip(HEAP.columns, made.cells, strict=True)}


def screen(cells: int, rows: int, *files: HeapFile) -> str:
    listing = Listing(HEAP)
    listing.feed(store_with(*files), NOW)
    around = Surroundings((), "nothing", focused=False, tells=True, now=NOW)
    return "\n".join(plain(line) for line in table_lines(listing, around, cells, rows))


HANGING = file(
    name="agent",
    verdict="HANG",
    reason="7 full collections in a row free no memory, 91% of the time stopped; the last freed 1.1% and left 99% full",
    old_basis="stated",
    last_after_gc=HUNG,
    last_full=HUNG,
    full_last_hour=7,
    old_script_pct=98.9,
    pause_max_s=6.2,
    pause_share=0.91,
    allocated_kib_per_s=12.0 * 1024,
    promoted_kib_per_s=512.0,
    last_event_at=NOW - 4,
)
SHOWN = {
    80: ("✖ HANG", "agent", "██████████", " 99%", "2.7 GiB → 2.6 GiB  freed 1%"),
    120: ("✖ HANG", "agent", "2.6 GiB of 2.7 GiB", "freed 1%", "FULL/h", " 7 ", " 4s"),
    200: ("stated", "2.6 GiB of 2.7 GiB", "freed 1%", "OLD %", " 99% ", "FULL/h", " 6.2s", " 91%", "12 MiB", "512 KiB", " 4s", "7 full"),
}


@pytest.mark.parametrize(("cells", "rows"), [(80, 24), (120, 40), (200, 60)])
def test_what_matters_most_is_there_at_every_width(cells: int, rows: int) -> None:
    text = screen(cells, rows, HANGING)
    for word in SHOWN[cells]:
        assert word in text, text


@pytest.mark.parametrize(("cells", "rows"), [(80, 24), (120, 24), (200, 24)])
def test_the_reason_under_the_cursor_is_told_whole_where_its_column_is_not_wide_enough(cells: int, rows: int) -> None:
    text = " ".join(screen(cells, rows, HANGING).split())
    assert HANGING.reason in text


def test_the_widest_names_leave_room_for_what_they_are_about() -> None:
    text = screen(80, 24, msgspec.structs.replace(HANGING, name="producer-agent/seoul-dc-2/rack-17/gc.agent.log"))
    assert "✖ HANG" in text and "██████████" in text and " 99%" in text


def test_the_gauge_says_what_it_is_based_on() -> None:
    assert row(file(old_basis="stated"))["basis"] == "stated"
    assert row(file(old_basis="inferred"))["basis"] == "inferred"
    whole = file(old_basis="heap", last_after_gc=None, heap_last=Occupancy(3 * GIB, GIB, 4 * GIB))
    assert (row(whole)["basis"], row(whole)["used"], row(whole)["figure"]) == ("whole heap", "25%", "1.0 GiB of 4.0 GiB")


def test_humongous_regions_are_old_to_the_jvm() -> None:
    one = file(old_basis="regions", last_after_gc=Occupancy(None, GIB, 4 * GIB), humongous_kib=GIB)
    assert (row(one)["used"], row(one)["figure"]) == ("50%", "2.0 GiB of 4.0 GiB")
    assert row(msgspec.structs.replace(one, old_basis="stated"))["used"] == "25%"


def test_the_last_full_collection_says_how_much_it_freed() -> None:
    assert row(file(last_full=Occupancy(2048, 1024, 4096)))["full"] == "2.0 MiB → 1.0 MiB  freed 50%"
    heap_alone = file(last_full=None, last_full_heap=Occupancy(4096, 1024, 8192))
    assert row(heap_alone)["full"] == "4.0 MiB → 1.0 MiB  freed 75%"
    assert row(file(last_full=Occupancy(4096, 4097, 8192)))["full"] == "4.0 MiB → 4.0 MiB  freed 0%"
    assert heap_cells.freed(Occupancy(None, 1, 1)) is None and heap_cells.freed(Occupancy(0, 0, 1)) is None


def test_what_the_log_does_not_say_is_never_a_nought() -> None:
    told = row(nothing_known())
    unknown = {key: text for key, text in told.items() if key not in ("state", "name", "source", "reason", "gauge")}
    assert set(unknown.values()) == {"-"}
    assert (told["state"], told["gauge"], told["reason"]) == ("? UNKNOWN", "··········", "no collection seen yet")
    only_used = file(last_after_gc=Occupancy(None, 4096, None))
    assert (row(only_used)["figure"], row(only_used)["used"]) == ("4.0 MiB of ?", "-")


def test_a_share_too_small_for_a_percent_is_not_a_nought() -> None:
    assert [heap_cells.share_cell(share).text for share in (None, 0.0, 0.001, 0.25)] == ["-", "0%", "<1%", "25%"]
    assert [heap_cells.share_cell(share).role for share in (0.05, 0.25, 0.75)] == ["", "warn", "crit"]


def test_a_log_that_cannot_be_read_says_why() -> None:
    told = row(nothing_known(state="down", error="/x/gc.log is absent\x1b[2J"))
    assert (told["state"], told["reason"]) == ("✖ DOWN", "/x/gc.log is absent␛[2J")


def test_agents_are_ordered_by_how_bad_it_is() -> None:
    words = ("OK", "LEAK", "ENDED", "HANG", "SILENT", "THRASHING", "SUSPECT", "STUCK")
    rows = HEAP.rows(store_with(*(file(name=word, verdict=word) for word in words)), NOW)
    assert [made.cells[1].text for made in rows] == ["HANG", "STUCK", "THRASHING", "LEAK", "SUSPECT", "SILENT", "OK", "ENDED"]


def test_the_overview_and_the_counts_on_top_take_a_hang_for_critical_and_a_leak_for_a_warning() -> None:
    from tui.panes.overview import block, count, counts_by_kind

    store = store_with(HANGING, file(name="b", verdict="LEAK"), file(name="c"), file(name="d", verdict="ENDED"))
    problems = store.problems()
    assert count(problems) == (1, 1)
    made = block(HEAP, store, counts_by_kind(store, problems)["heap"], NOW, 2)
    assert (made.total, made.counts) == (4, (1, 1))
    assert [made_row.cells[0].text for made_row in made.rows] == ["✖ HANG", "▴ LEAK"]
