"""What the pane says of a topic, from what is known of its partitions."""

from msgspec.structs import replace

from backends.kafka_client import Fault
from backends.kafka_config import Limit
from backends.kafka_freshness import Known, Part, Reading, assess
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
