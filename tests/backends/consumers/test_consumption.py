"""A consumer's life as readings ten seconds apart: what the operator is told, and the figures it comes from."""

from collections.abc import Callable, Mapping
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.consumers.consumption import Consumption, Observation, Siblings
from backends.snapshots import Consumer

T0 = 1_800_000_000.0
Offsets = Mapping[int, int]


class Story:
    """Readings of one consumer every `step` seconds; `sees` is the last of them."""

    def __init__(self, layout: Literal["csv", "consumers", "group"] = "csv", allowed_lag: int = 0, siblings: int = 0) -> None:
        self.layout, self.siblings = layout, Siblings(siblings)
        self.consumption = Consumption(allowed_lag)
        self.now = T0

    def read(self, offsets: Offsets, ends: Offsets | None = None, committed_at: float | None = None, members: bool = True) -> Consumer:
        times = {} if self.layout == "group" else dict.fromkeys(offsets, self.now if committed_at is None else committed_at)
        self.consumption.feed(Observation("app", self.layout, "orders", offsets, times, ends or {}, has_members=members), self.now)
        return self.consumption.consumer(self.now, self.siblings)

    def play(
        self, seconds: int, offsets: Callable[[float], Offsets], ends: Callable[[float], Offsets] | None = None, step: int = 10
    ) -> Consumer:
        """`offsets` and `ends` are functions of the seconds since the story began."""
        for _ in range(seconds // step):
            at = self.now - T0
            seen = self.read(offsets(at), ends(at) if ends else None)
            self.now += step
        self.now -= step
        return seen


def test_a_first_reading_promises_nothing() -> None:
    consumer = Story().read({0: 5, 1: 7})
    assert (consumer.verdict, consumer.records_per_min["1"], consumer.lag, consumer.time_lag_s) == ("UNKNOWN", None, None, None)
    assert consumer.reason.startswith("one reading so far")


def test_a_moving_znode_is_ok_and_its_rate_is_the_sum_of_its_partitions() -> None:
    consumer = Story().play(60, lambda at: {5: int(at * 20), 7: int(at * 15)})
    assert (consumer.verdict, consumer.records_per_min["1"]) == ("OK", 2100)
    assert consumer.reason == "2,100 records/min over 50 s"
    assert [each.records_per_min["1"] for each in consumer.detail] == [1200, 900]


def test_a_new_partition_has_no_rate_yet_and_the_total_says_of_how_many_it_is() -> None:
    story = Story()
    story.play(60, lambda at: {0: int(at)})
    story.now += 10
    consumer = story.read({0: 60, 1: 999})
    assert consumer.records_per_min["1"] == 60 and "(1 of 2 partitions)" in consumer.reason


def test_a_partition_that_is_gone_is_forgotten() -> None:
    story = Story()
    story.play(60, lambda at: {0: int(at), 1: int(at)})
    story.now += 10
    assert [each.partition for each in story.read({1: 60}).detail] == [1]


def test_a_node_that_nobody_writes_any_more_is_stopped() -> None:
    story = Story()
    story.play(100, lambda at: {0: int(at)})
    written, story.now = story.now, story.now + 170
    assert story.read({0: 90}, committed_at=written).verdict != "STOPPED"
    story.now += 20
    assert story.read({0: 90}, committed_at=written).verdict != "STOPPED", "the second reading says it"
    story.now += 10
    consumer = story.read({0: 90}, committed_at=written)
    assert consumer.verdict == "STOPPED" and "no commit for 3 min 20 s (usually every 10 s)" in consumer.reason


def test_a_node_untouched_for_hours_is_stopped_at_the_first_glance() -> None:
    story = Story()
    consumer = story.read({0: 90}, committed_at=T0 - 7200)
    assert consumer.verdict == "STOPPED" and "no commit for 2 h" in consumer.reason


def test_a_slow_committer_is_given_three_of_its_usual_gaps() -> None:
    story = Story()
    story.play(2400, lambda at: {0: int(at)}, step=300)
    written, story.now = story.now, story.now + 890
    assert story.read({0: 2100}, committed_at=written).verdict == "OK"
    story.now += 20
    story.read({0: 2100}, committed_at=written)
    story.now += 10
    assert story.read({0: 2100}, committed_at=written).verdict == "STOPPED"


def test_a_server_clock_that_is_behind_ours_does_not_make_a_busy_node_stopped() -> None:
    story = Story()
    for at in range(0, 200, 10):
        story.now = T0 + at
        consumer = story.read({0: at}, committed_at=T0 + at - 600)
    assert consumer.verdict == "OK" and consumer.records_per_min["1"] == 60


def test_a_node_that_commits_but_never_moves_while_its_siblings_do_is_stalled() -> None:
    story = Story(siblings=4)
    consumer = story.play(90, lambda _: {6: 100, 8: 200})
    assert consumer.verdict == "STALLED"
    assert consumer.reason.startswith("offsets have not moved for 1 min 20 s, while 4 other consumers do")


def test_without_siblings_that_move_standing_still_is_idle_and_no_accusation() -> None:
    story = Story()
    assert story.play(80, lambda _: {6: 100}).verdict == "UNKNOWN"
    assert story.play(400, lambda _: {6: 100}).verdict == "IDLE"


def test_one_partition_that_used_to_move_and_stands_while_others_go_on_is_stalled() -> None:
    story = Story()
    story.play(120, lambda at: {0: int(at), 1: int(at)})
    consumer = story.play(120, lambda at: {0: int(at), 1: 110})
    assert consumer.verdict == "STALLED" and "in partition 1 of 2" in consumer.reason
    assert [each.verdict for each in consumer.detail] == ["OK", "STALLED"]


def test_a_partition_that_never_moved_does_not_accuse_its_node() -> None:
    assert Story().play(900, lambda at: {0: int(at), 1: 0}).verdict == "OK"


def test_offsets_that_go_back_are_rewound_until_they_have_caught_up() -> None:
    story = Story()
    story.play(120, lambda at: {0: 10_000 + int(at)})
    story.now += 10
    consumer = story.read({0: 500})
    assert consumer.verdict == "REWOUND" and "from 10,110 to 500" in consumer.reason
    assert consumer.records_per_min["1"] is None
    story.now += 10
    again = story.read({0: 20_000})
    assert again.verdict == "REWOUND" and "from 10,110 to 500; better for 0 s" in again.reason
    story.now += 30
    assert story.read({0: 20_100}).verdict == "OK"


def test_a_rewind_that_is_never_made_good_is_news_for_five_minutes() -> None:
    story = Story()
    story.play(60, lambda at: {0: 10_000 + int(at)})
    assert story.play(200, lambda at: {0: int(at)}).verdict == "REWOUND"
    assert story.play(230, lambda at: {0: int(at)}).verdict == "OK"


def test_a_group_at_the_log_end_has_no_lag_whether_it_moves_or_not() -> None:
    story = Story("group")
    consumer = story.play(120, lambda at: {0: int(at)}, lambda at: {0: int(at)})
    assert (consumer.verdict, consumer.lag, consumer.time_lag_s) == ("OK", 0, 0.0)
    assert consumer.reason.startswith("no lag")
    assert story.play(400, lambda _: {0: 110}, lambda _: {0: 110}).verdict == "IDLE"


def test_a_group_with_members_that_does_not_move_is_stalled_and_one_without_is_stopped() -> None:
    story = Story("group")
    story.play(60, lambda at: {0: 100 + int(at)}, lambda at: {0: 150 + int(at)})
    consumer = story.play(90, lambda _: {0: 150}, lambda _: {0: 200})
    assert consumer.verdict == "STALLED" and "not moved for 1 min 20 s (usually at most 10 s); lag 50" in consumer.reason
    for _ in range(3):
        story.now += 100
        consumer = story.read({0: 150}, {0: 200}, members=False)
    assert consumer.verdict == "STOPPED" and "lag 50" in consumer.reason


def test_a_group_of_which_no_habit_is_known_may_commit_every_five_minutes() -> None:
    story = Story("group")
    consumer = story.play(330, lambda _: {0: 100}, lambda _: {0: 150})
    assert consumer.verdict == "UNKNOWN" and "no movement seen yet in 5 min 20 s; lag 50" in consumer.reason
    assert story.play(40, lambda _: {0: 100}, lambda _: {0: 150}).verdict == "STALLED"


def test_a_partition_without_a_habit_is_measured_by_its_siblings() -> None:
    consumer = Story("group").play(90, lambda at: {0: int(at), 1: 100}, lambda at: {0: int(at) + 1, 1: 150})
    assert [each.verdict for each in consumer.detail] == ["OK", "STALLED"]


def test_work_that_has_only_come_was_not_left_undone() -> None:
    """An idle topic gets a burst: nobody has failed to do what was not there."""
    story = Story("group")
    story.play(60, lambda at: {0: int(at)}, lambda at: {0: int(at)})
    story.play(3000, lambda _: {0: 50}, lambda _: {0: 50})
    for _ in range(6):
        story.now += 10
        assert story.read({0: 50}, {0: 5000}).verdict == "OK"


def test_an_allowed_lag_is_no_work() -> None:
    story = Story("group", allowed_lag=50)
    assert story.play(400, lambda _: {0: 100}, lambda _: {0: 150}).verdict == "IDLE"


def test_a_lag_that_grows_for_minutes_is_falling_behind() -> None:
    consumer = Story("group").play(420, lambda at: {0: int(at)}, lambda at: {0: int(4 * at) + 10})
    assert consumer.verdict == "FALLING_BEHIND" and consumer.lag == 10 + 3 * 410
    assert "lag grows by 180 a minute over 4 min 50 s; lag 1,240" in consumer.reason


def test_a_lag_that_swings_with_batches_is_ok() -> None:
    assert Story("group").play(300, lambda at: {0: int(at // 60) * 60}, lambda at: {0: int(at) + 5}).verdict == "OK"


def test_a_lag_that_shrinks_tells_when_it_will_be_gone() -> None:
    consumer = Story("group").play(200, lambda at: {0: int(at * 10)}, lambda at: {0: 10_000 + int(at * 2)})
    assert consumer.verdict == "OK" and "caught up in 17 min 40 s" in consumer.reason and consumer.catch_up_s == 1060


def test_who_has_caught_up_in_one_partition_and_not_in_the_other_has_no_time_to_tell() -> None:
    consumer = Story("group").play(200, lambda at: {0: int(at * 10), 1: int(at)}, lambda at: {0: 10_000 + int(at * 2), 1: 500 + int(at)})
    assert consumer.catch_up_s is None and "caught up" not in consumer.reason


def test_time_lag_is_the_age_of_the_next_record_and_unknown_before_what_was_watched() -> None:
    story = Story("group")
    consumer = story.play(300, lambda at: {0: int(at) - 60 if at >= 60 else 0}, lambda at: {0: int(at)})
    assert consumer.lag == 60 and consumer.time_lag_s == pytest.approx(60)
    far = Story("group").play(100, lambda at: {0: int(at)}, lambda at: {0: int(at) + 5000})
    assert far.time_lag_s is None and far.detail[0].time_lag_s is None
    assert "more than 1 min 30 s behind" in far.reason and "more than 1 min 30 s behind" in far.detail[0].reason


def test_a_partition_without_a_commit_has_no_lag_and_spoils_none() -> None:
    consumption = Consumption()
    seen = Observation("sink", "group", "orders", {0: 20}, {}, {0: 50, 1: 7}, uncommitted=frozenset({1}), owners={1: "a 10.0.0.1"})
    consumption.feed(seen, T0)
    consumer = consumption.consumer(T0, Siblings())
    assert (consumer.lag, consumer.partitions) == (30, 2) and "no commit in partition 1 of 2" in consumer.reason
    waiting = consumer.detail[1]
    assert (waiting.offset, waiting.end, waiting.lag, waiting.verdict, waiting.owner) == (None, 7, None, "UNKNOWN", "a 10.0.0.1")


def test_what_happened_is_told_once() -> None:
    consumption = Consumption()
    lives: list[tuple[Offsets, Offsets]] = [
        ({0: 90, 1: 5}, {0: 100}),
        ({0: 95, 1: 6}, {0: 100}),
        ({0: 10, 2: 1}, {0: 40}),
        ({0: 11, 2: 1}, {0: 41}),
    ]
    told = [consumption.feed(Observation("a", "csv", "t", offsets, {}, ends), T0 + 10 * at) for at, (offsets, ends) in enumerate(lives)]
    assert told[0] == told[1] == told[3] == []
    assert told[2] == [
        "partition 2 appeared",
        "partition 1 vanished",
        "partition 0 went back from 95 to 10",
        "partition 0 has another log, which ends at 40 and not at 100: the topic was recreated or cut",
    ]


def test_an_offset_of_before_its_topic_was_recreated_has_no_lag_until_there_is_a_new_one() -> None:
    consumption = Consumption()
    told = []
    for at, (offset, end, log) in enumerate([(90, 100, "a"), (90, 100, None), (90, 500, "b"), (90, 600, "b"), (110, 600, "b")]):
        told += consumption.feed(Observation("app", "csv", "orders", {0: offset}, {0: T0 + at}, {0: end}, log_id=log), T0 + 10 * at)
        consumer = consumption.consumer(T0 + 10 * at, Siblings())
        expected = (10, "UNKNOWN") if at < 2 else (None, "REWOUND") if at < 4 else (490, "REWOUND")
        assert (consumer.lag, consumer.verdict) == expected, at
    assert told == ["topic orders was deleted and recreated: offsets of before are of another log"]
    assert consumer.time_lag_s is None, "the record at 110 was written before this log was watched"


def test_what_was_not_read_says_nothing_new_of_it() -> None:
    """Half an hour without an answer, and then the consumer goes on as ever."""
    story = Story()
    story.play(120, lambda at: {0: int(at)})
    for _ in range(30):
        story.now += 60
        story.consumption.feed(Observation("app", "csv", None, {}, note="no answer"), story.now)
        assert story.consumption.consumer(story.now, Siblings(3)).verdict == "UNKNOWN"
    story.now += 10
    assert story.read({0: 5000}).verdict == "OK"


def test_an_offset_beyond_the_log_end_is_never_a_negative_lag() -> None:
    story = Story("group")
    story.play(60, lambda at: {0: 1000}, lambda at: {0: 1000})
    for _ in range(2):
        story.now += 10
        consumer = story.read({0: 1000}, {0: 3})
    assert (consumer.verdict, consumer.lag) == ("REWOUND", None)
    assert "beyond the log end 3: the topic was recreated or cut" in consumer.reason


def test_a_lag_of_which_a_part_is_unknown_is_unknown() -> None:
    consumer = Story("group").read({0: 5, 1: 5}, {0: 9})
    assert consumer.lag is None and [each.lag for each in consumer.detail] == [4, None]


def test_what_could_not_be_read_keeps_its_last_offsets_and_says_why() -> None:
    story = Story()
    story.play(60, lambda at: {0: int(at)})
    story.consumption.feed(Observation("app", "csv", None, {}, note="its ACL denies us to read it"), story.now + 300)
    consumer = story.consumption.consumer(story.now + 300, Siblings(3))
    assert (consumer.verdict, consumer.partitions, consumer.detail[0].verdict) == ("UNKNOWN", 1, "OK") and consumer.reason.endswith(
        "its ACL denies us to read it"
    )


def test_bad_pairs_are_counted_and_the_first_is_shown_escaped() -> None:
    consumption = Consumption()
    consumption.feed(Observation("app", "csv", None, {}, bad_pairs=3, bad_sample="\x1b[31mx"), T0)
    consumer = consumption.consumer(T0, Siblings())
    assert consumer.bad_pairs == 3 and "3 bad pairs, the first is '\\x1b[31mx'" in consumer.reason


some_offsets = st.dictionaries(st.integers(0, 3), st.integers(0, 50), max_size=4)
reading = st.tuples(st.floats(0, 4000), some_offsets, some_offsets, st.booleans(), st.booleans())


@given(st.lists(reading, min_size=1, max_size=25))
def test_no_life_gives_a_negative_figure(life: list[tuple[float, dict[int, int], dict[int, int], bool, bool]]) -> None:
    group, csv = Story("group"), Story("csv", siblings=2)
    for seconds, offsets, ends, members, is_back in life:
        for story in (group, csv):
            story.now += seconds
            consumer = story.read(offsets, ends, committed_at=story.now - (500 if is_back else 0), members=members)
            figures = [consumer.lag, consumer.time_lag_s, *consumer.records_per_min.values()]
            for each in consumer.detail:
                figures += [each.lag, *each.records_per_min.values()]
            assert all(figure is None or 0 <= figure < 1e9 for figure in figures)
            assert consumer.reason
