"""Order, filter, cursor and marks of a table."""

import pytest

from backends.broker import Broker, Queue, QueueVerdict
from backends.snapshots import Queues
from tests.tui.scripted import NOW, incident, snapshot, store_of
from tui.listing import Heading, Listing
from tui.pane import Entry, panes

PANES = {pane.name: pane for pane in panes()}
BROKER = Broker("b", None, None, None, None, None, None)


def queue(name: str, pending: int = 0, verdict: QueueVerdict = "OK", rate: float | None = None) -> Queue:
    return Queue(name, pending, 1, 1, 0, 0, 0, rate, None, None, False, False, verdict, "")


def fed(*queues: Queue) -> Listing:
    listing = Listing(PANES["queues"], 0)
    feed(listing, *queues)
    return listing


def feed(listing: Listing, *queues: Queue) -> None:
    listing.feed(store_of(snapshot("b", "queues", Queues(BROKER, queues, 0))), NOW)


def names(listing: Listing) -> list[str]:
    return [item.item.name for item in listing.items if isinstance(item, Entry)]


def test_the_worst_stands_on_top_and_equals_by_name() -> None:
    assert names(fed(queue("b"), queue("a"), queue("z", 9, "NO_CONSUMER"), queue("y", 1, "GROWING"))) == ["z", "y", "a", "b"]


def test_what_is_not_known_is_last_in_either_direction() -> None:
    listing = fed(queue("a", rate=None), queue("b", rate=2.0), queue("c", rate=1.0))
    listing.set_sort("enqueue", False, NOW)
    assert names(listing) == ["c", "b", "a"]
    listing.set_sort("enqueue", True, NOW)
    assert names(listing) == ["b", "c", "a"]


def test_the_cursor_follows_its_row() -> None:
    listing = fed(queue("a"), queue("b"), queue("c"))
    listing.move(1)
    feed(listing, queue("0"), queue("a"), queue("b"), queue("c"))
    assert listing.current is not None and listing.current.item.name == "b"


def test_the_cursor_of_a_row_that_went_stands_on_the_one_in_its_place() -> None:
    listing = fed(queue("a"), queue("b"), queue("c"))
    listing.move(1)
    feed(listing, queue("a"), queue("c"))
    assert listing.current is not None and listing.current.item.name == "c"


def test_a_cursor_in_an_empty_table_is_nowhere() -> None:
    listing = fed()
    listing.move(1)
    listing.last()
    assert listing.current is None
    assert listing.marked() == []
    assert listing.mark_range() == "no row to mark"


def test_marks_of_rows_that_went_are_gone() -> None:
    listing = fed(queue("a"), queue("b"))
    listing.mark()
    listing.mark()
    feed(listing, queue("b"))
    assert listing.marks == {"b/b"}


def test_without_marks_the_row_under_the_cursor_is_meant() -> None:
    listing = fed(queue("a"), queue("b"))
    listing.move(1)
    assert [entry.item.name for entry in listing.marked()] == ["b"]


def test_a_range_whose_beginning_went_is_told() -> None:
    listing = fed(queue("a"), queue("b"))
    listing.mark_range()
    feed(listing, queue("b"))
    assert "no more" in listing.mark_range()


def test_inverting_marks_only_what_the_filter_shows() -> None:
    listing = fed(queue("a1"), queue("a2"), queue("b1"))
    listing.set_filter("^a", NOW)
    listing.invert_marks()
    assert listing.marks == {"b/a1", "b/a2"}
    assert (listing.shown, listing.total) == (2, 3)


def test_a_broken_filter_leaves_the_old_one() -> None:
    listing = fed(queue("a"), queue("b"))
    listing.set_filter("^a", NOW)
    with pytest.raises(ValueError, match="not a regular"):
        listing.set_filter("(", NOW)
    assert (listing.filter_text, names(listing)) == ("^a", ["a"])


def test_the_cursor_never_stands_on_a_heading() -> None:
    listing = Listing(PANES["relay"])
    listing.feed(store_of(*incident()), NOW)
    for _ in range(len(listing.items)):
        assert isinstance(listing.items[listing.index], Entry)
        listing.move(1)
    listing.first()
    assert isinstance(listing.items[0], Heading) and listing.index == 2


def test_a_column_that_only_one_group_has_orders_that_group() -> None:
    listing = Listing(PANES["relay"])
    listing.feed(store_of(*incident()), NOW)
    listing.set_sort("waiting", True, NOW)
    senders = [item.item.name for item in listing.items if isinstance(item, Entry) and item.group == 1]
    assert senders == ["busan-gw", "partner-a"]


def test_the_next_column_comes_round() -> None:
    listing = fed(queue("a"))
    listing.next_sort(["state", "name"], NOW)
    assert listing.sort == "name"
    listing.next_sort(["state", "name"], NOW)
    assert listing.sort == "state"


def test_ten_thousand_rows_are_ordered_without_making_their_cells() -> None:
    listing = fed(*(queue(f"q{index:05}", index) for index in range(10_000)))
    assert len(listing.items) == 10_000
    assert listing.current is not None and listing.current.item.name == "q00000"
