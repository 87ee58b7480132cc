"""The files that wait, oldest first."""

from hypothesis import given
from hypothesis import strategies as st

from relay.sending.queue import Queue


def drained(queue: Queue, before: float = float("inf")) -> list[str]:
    found = []
    while (name := queue.take(before)) is not None:
        found.append(name)
    return found


def test_oldest_first_then_by_name() -> None:
    queue = Queue()
    for name, at in (("c", 5.0), ("b", 1.0), ("a", 5.0)):
        queue.put(name, at)
    assert drained(queue) == ["b", "a", "c"]
    assert set(queue.known) == {"a", "b", "c"}


def test_a_file_that_was_taken_comes_back_to_its_own_place() -> None:
    queue = Queue()
    for at, name in enumerate("abc"):
        queue.put(name, at)
    assert queue.take(9.0) == "a"
    queue.put_back("a")
    assert drained(queue) == ["a", "b", "c"]


def test_what_has_not_settled_is_not_taken() -> None:
    queue = Queue()
    queue.put("a", 1.0)
    queue.put("b", 2.0)
    assert drained(queue, before=1.5) == ["a"]


def test_what_is_dropped_or_has_changed_is_at_its_old_place_no_more() -> None:
    queue = Queue()
    for at, name in enumerate("abc"):
        queue.put(name, at)
    queue.drop("a")
    queue.put("b", 9.0)
    assert drained(queue) == ["c", "b"]


def test_entries_of_files_that_come_and_go_do_not_pile_up() -> None:
    queue = Queue()
    for number in range(10_000):
        queue.put("f", float(number))
    assert len(queue._heap) < 2000


@given(st.lists(st.integers(0, 5), min_size=2, max_size=40), st.integers(0, 5))
def test_a_shortened_queue_keeps_the_older_half_and_takes_nothing_younger_in(ages: list[int], taken: int) -> None:
    queue = Queue()
    for number, at in enumerate(ages):
        queue.put(f"f{number:02}", at)
    ours = [name for _ in range(min(taken, len(ages) - 1)) if (name := queue.take(9.0))]
    waiting = sorted(entry for name, entry in queue.known.items() if name not in ours)
    short = queue.shortened()
    assert set(ours) <= set(short.known)
    kept = [entry.name for entry in waiting[: len(waiting) // 2 + 1]]
    for number, at in enumerate(ages):
        if f"f{number:02}" not in short.known:
            short.put(f"f{number:02}", at)
    assert drained(short) == kept
