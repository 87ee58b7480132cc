"""Which partitions are read first when not all can be."""

from hypothesis import given
from hypothesis import strategies as st

from backends.kafka.client import Key
from backends.kafka.config import Budget
from backends.kafka.fetch import Span
from backends.kafka.freshness import Reading
from backends.kafka.plan import HUGE, plan

SPAN = Span(0, 10)
KIB = 1 << 10


def read(at: float, taken: int = KIB) -> Reading:
    return Reading(5, at, "ok", taken=taken)


def keys(readings: dict[Key, Reading | None], silent: set[Key] = frozenset(), **budget: int) -> list[Key]:  # type: ignore[assignment]
    known = {key: reading for key, reading in readings.items() if reading is not None}
    return list(plan(dict.fromkeys(readings, SPAN), known, silent, Budget(**budget)).spans)


def test_what_was_never_read_comes_first_then_the_longest_unread() -> None:
    assert keys({("a", 0): read(30), ("b", 0): read(10), ("c", 0): None}) == [("c", 0), ("b", 0), ("a", 0)]


def test_the_first_partition_of_every_topic_comes_before_the_second_of_any() -> None:
    many: dict[Key, Reading | None] = {("wide", number): None for number in range(100)}
    assert keys({**many, ("z", 0): None}, partitions=2) == [("wide", 0), ("z", 0)]


def test_what_did_not_answer_comes_last() -> None:
    assert keys({("a", 0): read(1), ("b", 0): read(99)}, silent={("a", 0)}) == [("b", 0), ("a", 0)]


def test_huge_records_come_last_and_one_of_them_comes_always() -> None:
    readings: dict[Key, Reading | None] = {("huge", number): read(number, 20 * HUGE) for number in range(3)}
    readings |= {("small", number): read(100) for number in range(3)}
    chosen = keys(readings, bytes=30 * HUGE)
    assert chosen == [("small", 0), ("small", 1), ("small", 2), ("huge", 0)]
    assert keys(readings, bytes=HUGE) == chosen


def test_bytes_end_a_cycle() -> None:
    readings: dict[Key, Reading | None] = {("t", number): read(number, HUGE - 1) for number in range(9)}
    assert keys(readings, bytes=3 * HUGE) == [("t", 0), ("t", 1), ("t", 2)]


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.integers(0, 9)),
        st.none() | st.builds(read, st.floats(1, 100), st.integers(0, 30 * HUGE)),
        min_size=1,
    ),
    st.integers(HUGE, 64 * HUGE),
    st.integers(1, 8),
)
def test_everything_is_read_in_the_end_and_no_cycle_takes_more_than_it_may(
    readings: dict[Key, Reading | None], room: int, partitions: int
) -> None:
    left, cycles = dict(readings), 0
    while left:
        known = {key: reading for key, reading in left.items() if reading is not None}
        made = plan(dict.fromkeys(left, SPAN), known, (), Budget(room, partitions))
        assert made.spans and len(made.spans) <= partitions + 1
        expected = [known[key].taken if key in known else KIB for key in made.spans]
        assert sum(expected) <= made.room and (sum(expected) <= room or max(expected) >= HUGE)
        left = {key: reading for key, reading in left.items() if key not in made.spans}
        cycles += 1
    assert cycles <= len(readings)
