"""What the pane says of a topic, from what is known of its partitions."""

from msgspec.structs import replace

from backends.kafka.config import Limit
from backends.kafka.faults import Fault
from backends.kafka.freshness import LARGE, OPEN_S, Known, Part, Reading, assess
from backends.snapshots import Topic

NOW = 1_800_000_000.0
LIMIT = Limit("*", warn=300.0, crit=900.0)
SILENT = Fault("silent", "the broker does not answer")
DENIED = Fault("denied", "the brokers deny access to this topic; grant Describe and Read")


def reading(age: float, **changes: object) -> Reading:
    """A record loaded `age` seconds ago, sent 2 s before that and written to Kafka 1 s ago."""
    made = Reading(end=10, read_at=NOW, state="ok", offset=9, record_at=NOW - 1, loaded_at=NOW - age, sent_at=NOW - age - 2, sample="x")
    return replace(made, **changes)


def part(number: int, of: Reading | None, **changes: object) -> Part:
    return replace(Part(number, leader=1, start=0, end=10, reading=of), **changes)


def topic(*parts: Part, fault: Fault | None = None, limit: Limit | None = LIMIT) -> Topic:
    return assess("orders", parts, fault, Known(1.5, limit), NOW)


def test_the_newest_record_of_all_partitions_gives_the_ages() -> None:
    seen = topic(part(0, reading(60)), part(1, reading(3)), part(2, reading(400)))
    assert (seen.state, seen.loaded_age_s, seen.sent_age_s, seen.record_age_s, seen.load_delay_s) == ("ok", 3, 5, 1, 2)
    assert (seen.worst_partition, seen.records_per_s, seen.partitions, len(seen.detail)) == (2, 1.5, 3, 3)


def test_the_three_clocks_are_kept_apart() -> None:
    seen = topic(part(0, reading(60, sent_at=None)), part(1, reading(90, loaded_at=None, record_at=NOW - 7)))
    assert (seen.loaded_age_s, seen.sent_age_s, seen.record_age_s, seen.load_delay_s) == (60, 92, 1, None)


def test_limits_judge_the_loaded_age_and_the_record_age_where_there_is_none() -> None:
    assert topic(part(0, reading(299))).state == "ok"
    assert topic(part(0, reading(301))).state == "warn"
    late = topic(part(0, reading(3 * 3600)))
    assert (late.state, late.reason) == ("crit", "newest record was loaded 3 h ago; limit 15 min")
    written = topic(part(0, reading(0, loaded_at=None, sent_at=None, record_at=NOW - 1000)))
    assert (written.state, written.reason) == ("crit", "newest record was written 16 min 40 s ago; limit 15 min")
    assert topic(part(0, reading(3 * 3600)), limit=None).state == "ok"


def test_a_topic_without_records_is_empty_and_not_old() -> None:
    assert topic(part(0, None, end=0), part(1, None, end=0)).state == "empty"
    expired = topic(part(0, None, start=10))
    assert (expired.state, expired.reason) == ("empty", "no records left: all are past their retention")


def test_an_empty_partition_beside_a_fresh_one_does_no_harm() -> None:
    seen = topic(part(0, None, end=0), part(1, reading(3)))
    assert (seen.state, seen.worst_partition) == ("ok", 1)


def test_a_record_that_is_not_understood_is_unparsable_with_its_reason() -> None:
    odd = reading(0, state="unparsable", is_missed=True, loaded_at=None, sent_at=None, reason="loaded: there is no column 5")
    seen = topic(part(0, odd))
    assert (seen.state, seen.reason, seen.record_age_s) == ("unparsable", "loaded: there is no column 5", 1)


def test_a_tombstone_is_fresh_by_its_record_time() -> None:
    seen = topic(part(0, Reading(10, NOW, "tombstone", 9, record_at=NOW - 4, reason="the newest record is a tombstone (null value)")))
    assert (seen.state, seen.record_age_s, seen.reason) == ("ok", 4, "the newest record is a tombstone (null value)")


def test_a_partition_without_leader_is_named() -> None:
    seen = topic(part(0, reading(3)), part(1, reading(9), leader=None, end=None, fault=Fault("leaderless", "no leader")))
    assert (seen.state, seen.reason) == ("leaderless", "partition 1 of 2: no leader")
    assert [each.state for each in seen.detail] == ["ok", "leaderless"]


def test_a_denied_topic_is_denied_with_or_without_its_partitions() -> None:
    assert topic(fault=DENIED).state == "denied"
    seen = topic(part(0, None, fault=DENIED))
    assert (seen.state, seen.reason) == ("denied", DENIED.text)


def test_a_topic_that_is_not_there_is_unknown() -> None:
    seen = topic(fault=Fault("unknown", "there is no such topic"))
    assert (seen.state, seen.partitions, seen.reason) == ("unknown", 0, "there is no such topic")


def test_a_silent_broker_leaves_the_old_reading_with_its_true_time() -> None:
    seen = topic(part(0, reading(500, read_at=NOW - 400), fault=SILENT), part(1, reading(3)))
    assert (seen.state, seen.reason) == ("ok", "partition 0 of 2: the broker does not answer")
    assert (seen.detail[0].state, seen.detail[0].read_at, seen.detail[0].loaded_at) == ("silent", NOW - 400, NOW - 500)


def test_what_was_not_read_yet_says_so() -> None:
    seen = topic(part(0, None), part(1, None))
    assert (seen.state, seen.reason) == ("unknown", "not read yet")


def test_many_partitions_of_one_kind_are_counted_after_the_first_few() -> None:
    seen = topic(*(part(number, None, fault=SILENT) for number in range(20)), part(20, reading(3)))
    assert seen.reason == "partition 0, 1, 2, 3, 4, 5, 6, 7 and 12 more of 21: the broker does not answer"


def test_a_clock_ahead_gives_a_negative_age_and_is_named() -> None:
    seen = topic(part(0, reading(-3600)))
    assert (seen.state, seen.loaded_age_s) == ("ok", -3600)
    assert seen.reason is not None and "loaded time is 1 h ahead of our clock" in seen.reason


def test_a_record_that_came_while_we_read_is_not_taken_for_a_clock_ahead() -> None:
    seen = topic(part(0, reading(-0.4, read_at=NOW + 0.5, record_at=NOW + 0.4, sent_at=NOW)))
    assert seen.loaded_age_s is not None and seen.loaded_age_s < 0 and seen.reason is None


def state(of: Reading | None, **changes: object) -> str:
    return part(0, of, **changes).state(NOW)


def test_every_state_of_a_partition_has_its_own_word() -> None:
    assert state(reading(3)) == "ok"
    assert state(None, end=0) == "empty" and state(None, start=10) == "emptied"
    assert state(None) == "waiting" and state(reading(3), fault=SILENT) == "silent"
    assert [state(reading(3, state=word)) for word in ("tombstone", "markers", "unparsable", "not text")] == [
        "tombstone", "markers", "unparsable", "not text"
    ]  # fmt: skip


def test_an_aborted_record_is_lost_at_once_and_an_open_one_when_no_transaction_lasts_that_long() -> None:
    assert state(reading(3, fate="aborted")) == "aborted"
    assert state(reading(3, fate="open", record_at=NOW - OPEN_S + 1)) == "ok"
    assert state(reading(3, fate="open", record_at=NOW - OPEN_S - 1)) == "aborted"
    seen = topic(part(0, reading(3, fate="aborted")), part(1, reading(9)))
    assert (seen.state, seen.reason) == (
        "ok", "partition 0 of 2: the newest record was aborted: its producer lives, its transactions do not succeed"
    )  # fmt: skip


def test_values_that_are_no_text_are_fine_unless_times_were_expected() -> None:
    binary = reading(0, state="not text", loaded_at=None, sent_at=None, reason="values are not text (gzip): judged by record time")
    assert (topic(part(0, binary)).state, topic(part(0, replace(binary, is_missed=True))).state) == ("ok", "unparsable")
    assert topic(part(0, replace(binary, record_at=NOW - 1000))).state == "crit"


def test_partitions_that_wait_for_their_turn_are_counted() -> None:
    seen = topic(part(0, reading(3), is_waiting=True), part(1, None, is_waiting=True), part(2, reading(9)))
    assert (seen.state, seen.reason) == ("ok", "2 partitions wait for their turn")
    assert [each.reason for each in seen.detail] == ["waits for its turn", "waits for its turn", None]
    assert topic(part(0, None, is_waiting=True)).reason == "1 partition waits for its turn"


def test_a_size_is_told_from_a_mebibyte_on_and_a_gap_when_it_is_more_than_a_marker() -> None:
    assert topic(part(0, reading(3, value_bytes=LARGE))).reason == "the newest record is large: 1.0 MiB"
    assert topic(part(0, reading(3, value_bytes=LARGE - 1))).reason is None
    assert topic(part(0, reading(3, offset=8))).detail[0].reason is None
    assert "is 2 offsets before the log end" in (topic(part(0, reading(3, offset=7))).detail[0].reason or "")


def test_a_partition_says_itself_what_is_wrong_with_it() -> None:
    seen = topic(part(0, reading(3), fault=SILENT), part(1, reading(-3600)))
    assert [each.reason for each in seen.detail] == [
        "the broker does not answer",
        "loaded time is 1 h ahead of our clock; sent time is 59 min 58 s ahead of our clock",
    ]


def test_what_the_payloads_leave_open_is_said_last() -> None:
    known = Known(note="columns 1, 2, 4 hold times; 4 is taken for loaded and 2 for sent", topic_id="abc")
    seen = assess("orders", [part(0, reading(3))], None, known, NOW)
    assert (seen.state, seen.reason, seen.topic_id) == ("ok", known.note, "abc")
