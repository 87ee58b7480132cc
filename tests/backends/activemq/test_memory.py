"""A broker's figures, reading after reading: rates, verdicts with their numbers, and what starts them over."""

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from backends.activemq.figures import READS, Reading, card, reading
from backends.activemq.jolokia import JolokiaError, Reply
from backends.activemq.watching.memory import MAX_GAP_S, Memory, Oldest, advance, rows
from backends.broker import Queue

BROKER = {
    "BrokerId": "ID:vm-1",
    "BrokerVersion": "5.18.6",
    "UptimeMillis": 290_000,
    "StorePercentUsage": 1,
    "MemoryPercentUsage": 2,
    "TempPercentUsage": 0,
}
NAMES = ("type=Broker,brokerName=localhost", "brokerName=localhost,type=Broker")


def reply(value: Any, status: int = 200, error: str | None = None) -> Reply:
    return Reply(status, Raw(json.dumps(value).encode()), error)


def brokers(**attributes: Any) -> Reply:
    return reply({f"org.apache.activemq:{NAMES[0]}": BROKER | attributes})


def figures(name: str, pending: int = 0, consumers: int = 0, enqueued: int = 0, dequeued: int = 0, **more: Any) -> dict[str, Any]:
    counts = {"QueueSize": pending, "ConsumerCount": consumers, "EnqueueCount": enqueued, "DequeueCount": dequeued}
    memory = {"ExpiredCount": 0, "MemoryPercentUsage": 0, "AverageMessageSize": 1141, "CacheEnabled": True}
    return {"Name": name, **counts, "ProducerCount": 0, "InFlightCount": 0, "Paused": False, "DLQ": False, **memory, **more}


def mbean(name: str, broker: str = "localhost") -> str:
    return f"org.apache.activemq:brokerName={broker},destinationName={name},destinationType=Queue,type=Broker"


def table(*queues: dict[str, Any]) -> Reply:
    return reply({mbean(f"q{number}"): queue for number, queue in enumerate(queues)})


def read(*queues: dict[str, Any], **broker: Any) -> Reading:
    return reading([brokers(**broker), table(*queues)])


class Story:
    """One broker, polled."""

    def __init__(self, interval: float = 5.0) -> None:
        self.memory: Memory | None = None
        self.interval = interval

    def at(self, seconds: float, *queues: dict[str, Any], **broker: Any) -> Queue:
        """The first queue's row after one more reading."""
        self.memory = advance(self.memory, read(*queues, **broker), seconds, self.interval)
        return rows(self.memory, lambda name: True)[0]

    @property
    def news(self) -> list[tuple[str, str]]:
        """What the last reading brought."""
        assert self.memory is not None
        return [(each.severity, each.text) for each in self.memory.news]


def test_the_requests_name_every_attribute_and_never_ask_for_all() -> None:
    broker, queues = READS
    assert broker.mbean == "org.apache.activemq:type=Broker,brokerName=*"
    assert queues.mbean == "org.apache.activemq:type=Broker,brokerName=*,destinationType=Queue,destinationName=*"
    assert {"TotalQueuesCount", "TotalManagedQueuesCount"} < set(broker.attributes)
    assert sorted(queues.attributes) == sorted(figures("q"))


@pytest.mark.parametrize("name", NAMES)
def test_the_broker_is_read_whatever_the_order_of_its_keys(name: str) -> None:
    found = reading([reply({f"org.apache.activemq:{name}": BROKER}), table(figures("q"))])
    assert found.broker.broker_version == "5.18.6"
    assert list(found.queues) == ["q"]


def test_no_queue_at_all_is_an_empty_table() -> None:
    missing = Reply(404, error="javax.management.InstanceNotFoundException : No MBean with pattern x found for reading attributes")
    assert reading([brokers(), missing]).queues == {}


@pytest.mark.parametrize(
    ("broker", "queues", "word"),
    [
        (Reply(404, error="No MBean with pattern x"), table(), "absent"),
        (Reply(403, error="forbidden"), table(), "policy"),
        (brokers(), Reply(403, error="forbidden"), "policy"),
        (brokers(), Reply(500, error="java.lang.NullPointerException"), "rejected"),
        (brokers(), Reply(404, error="No MBean with ObjectName x found in any MBeanServer"), "broken"),
        (reply({}), table(), "broken"),
        (reply([1]), table(), "broken"),
        (brokers(), reply("a text"), "broken"),
    ],
)
def test_what_cannot_be_read_has_its_word(broker: Reply, queues: Reply, word: str) -> None:
    with pytest.raises(JolokiaError) as caught:
        reading([broker, queues])
    assert caught.value.trouble == word


@pytest.mark.parametrize("failed", ["ERROR: No such attribute", {"error_type": "x", ".error": True}, None, True])
def test_a_broker_attribute_that_failed_is_unknown_and_the_others_stay(failed: Any) -> None:
    found = read(figures("q"), StorePercentUsage=failed, UptimeMillis=failed)
    assert (found.broker.store_percent_usage, found.broker.uptime_millis, found.broker.memory_percent_usage) == (None, None, 2)


@pytest.mark.parametrize(
    "damage", [{"QueueSize": None}, {"QueueSize": "ERROR: x"}, {"DequeueCount": 10**30}, {"ConsumerCount": {".error": True}}]
)
def test_one_odd_queue_costs_that_queue_and_is_counted(damage: dict[str, Any]) -> None:
    found = read(figures("good"), figures("odd") | damage)
    assert (list(found.queues), found.hidden) == (["good"], 1)


def test_old_brokers_without_pause_and_flags_are_read() -> None:
    old = {key: value for key, value in figures("q").items() if key not in ("Paused", "DLQ", "Name")}
    row = Story().at(0, old)
    assert (row.name, row.paused, row.dlq) == ("q0", False, False)


@pytest.mark.parametrize("damage", [{"AverageMessageSize": "ERROR: x"}, {"CacheEnabled": {".error": True}}, {"ExpiredCount": 10**30}])
def test_what_a_queue_can_do_without_costs_only_itself(damage: dict[str, Any]) -> None:
    found = read(figures("good"), figures("odd", 3) | damage)
    assert (sorted(found.queues), found.queues["odd"].queue_size, found.hidden) == (["good", "odd"], 3, None)


@pytest.mark.parametrize(
    ("told", "has"),
    [
        ({"JMSJobScheduler": {"objectName": "org.apache.activemq:brokerName=b,name=JMS,service=JobScheduler,type=Broker"}}, True),
        ({"JMSJobScheduler": None}, False),
        ({"JMSJobScheduler": "ERROR: No such attribute"}, None),
        ({"JMSJobScheduler": {"error_type": "x", ".error": True}}, None),
        ({}, None),
    ],
)
def test_a_broker_schedules_when_it_names_its_scheduler(told: dict[str, Any], has: bool | None) -> None:
    assert read(figures("q"), **told).broker.has_scheduler is has


def test_the_card_of_a_broker_has_its_limits_and_what_is_known_of_it() -> None:
    limits = {"StoreLimit": 3, "MemoryLimit": 2, "TempLimit": 1, "TotalMessageCount": 9, "CurrentConnectionsCount": 4}
    known = card("b", read(figures("q"), **limits, Persistent=True, Slave=False), {"purge": "denied: x"}, "2.6.0")
    assert (known.name, known.id, known.version, known.uptime_s, known.store_pct) == ("b", "ID:vm-1", "5.18.6", 290.0, 1)
    assert (known.store_limit_bytes, known.memory_limit_bytes, known.temp_limit_bytes) == (3, 2, 1)
    assert (known.messages, known.connections, known.persistent, known.standby, known.agent) == (9, 4, True, False, "2.6.0")
    assert known.capabilities == {"purge": "denied: x"}


def test_queues_that_jmx_hides_are_counted_where_the_broker_knows_them() -> None:
    assert read(figures("a,b"), TotalQueuesCount=26, TotalManagedQueuesCount=22).hidden == 4
    assert read(figures("a,b"), TotalQueuesCount=3, TotalManagedQueuesCount=4).hidden == 0
    assert read(figures("a,b")).hidden is None


def test_of_several_brokers_in_one_jvm_the_first_is_ours_with_its_own_queues() -> None:
    two = reply({f"org.apache.activemq:type=Broker,brokerName={name}": BROKER | {"BrokerId": name} for name in ("b", "a")})
    queues = reply({mbean("x", "a"): figures("x"), mbean("y", "b"): figures("y")})
    found = reading([two, queues])
    assert (found.broker.broker_id, list(found.queues)) == ("a", ["x"])


def test_rates_need_two_readings() -> None:
    story = Story()
    first = story.at(100, figures("q", enqueued=1000, dequeued=500))
    second = story.at(105, figures("q", enqueued=1050, dequeued=520))
    assert (first.enqueue_per_s, first.dequeue_per_s) == (None, None)
    assert (second.enqueue_per_s, second.dequeue_per_s) == (10.0, 4.0)


def test_a_refresh_by_hand_keeps_the_rates_and_what_the_next_are_measured_from() -> None:
    story = Story()
    story.at(0, figures("q", enqueued=0))
    story.at(5, figures("q", enqueued=50))
    assert story.at(5.2, figures("q", enqueued=60, pending=3)).enqueue_per_s == 10
    assert story.at(10, figures("q", enqueued=100)).enqueue_per_s == 10


@pytest.mark.parametrize("after", [{"BrokerId": "ID:vm-2"}, {"UptimeMillis": 10}, {"BrokerId": None}])
def test_a_restarted_broker_starts_over_even_when_its_counters_have_overtaken(after: dict[str, Any]) -> None:
    story = Story()
    story.at(0, figures("q", enqueued=10))
    assert story.at(5, figures("q", enqueued=500), **after).enqueue_per_s is None
    assert story.at(10, figures("q", enqueued=505), **after).enqueue_per_s == 1


@pytest.mark.parametrize("counters", [{"enqueued": 5, "dequeued": 100}, {"enqueued": 100, "dequeued": 5}])
def test_a_counter_that_went_back_is_a_gap_and_never_a_negative_rate(counters: dict[str, int]) -> None:
    story = Story()
    story.at(0, figures("q", enqueued=50, dequeued=50))
    row = story.at(5, figures("q", **counters))
    assert (row.enqueue_per_s, row.dequeue_per_s) == (None, None)


def test_a_restart_is_news_with_both_ids_and_the_time_since() -> None:
    story = Story()
    story.at(0, figures("q"))
    assert story.news == []
    story.at(5, figures("q"), BrokerId="ID:vm-2", UptimeMillis=3_000)
    said = "the broker was restarted: ID:vm-1 -> ID:vm-2, up 3 s; counters, rates and trends start over"
    assert story.news == [("warning", said)]
    story.at(10, figures("q"), BrokerId="ID:vm-2", UptimeMillis=8_000)
    assert story.news == []


def test_a_broker_that_was_up_before_we_lost_the_other_one_took_over() -> None:
    story = Story()
    story.at(0, figures("q"))
    story.at(20, figures("q"), BrokerId="ID:spare-1", UptimeMillis=90_000_000)
    assert story.news[0][1].startswith("another broker answers (failed over?): ID:vm-1 -> ID:spare-1, up 90000 s")


def test_a_restart_is_news_after_a_long_silence_too() -> None:
    story = Story()
    story.at(0, figures("q"))
    story.at(MAX_GAP_S * 20, figures("q"), BrokerId="ID:vm-2", UptimeMillis=60_000)
    assert [severity for severity, _ in story.news] == ["warning"]


def test_counters_that_went_back_are_news_of_one_queue_with_its_numbers() -> None:
    story = Story()
    story.at(0, figures("q", enqueued=1204, dequeued=1200), figures("other", enqueued=5))
    story.at(5, figures("q", enqueued=3), figures("other", enqueued=6))
    said = "the counters of 'q' went back (enqueued 1,204 -> 3, dequeued 1,200 -> 0): statistics reset, or deleted and made again; "
    assert story.news == [("info", said + "rates start over")]


def test_counters_of_a_thousand_queues_that_went_back_are_one_sentence() -> None:
    story = Story()
    story.at(0, *(figures(f"q{number:04}", enqueued=7) for number in range(1000)))
    story.at(5, *(figures(f"q{number:04}", enqueued=0) for number in range(1000)))
    assert len(story.news) == 1 and "the counters of 1,000 queues, 'q0000' among them, went back (enqueued 7 -> 0" in story.news[0][1]


def test_a_long_silence_starts_over() -> None:
    story = Story()
    story.at(0, figures("q", enqueued=10))
    assert story.at(MAX_GAP_S + 1, figures("q", enqueued=20)).enqueue_per_s is None
    slow = Story(interval=300)
    slow.at(0, figures("q", enqueued=10))
    assert slow.at(600, figures("q", enqueued=610)).enqueue_per_s == 1


def test_a_queue_that_vanished_is_forgotten() -> None:
    story = Story()
    story.at(0, figures("a", enqueued=5), figures("b", enqueued=5))
    story.at(5, figures("a", enqueued=5))
    assert story.memory is not None and list(story.memory.watches) == ["a"]


@pytest.mark.parametrize(
    ("queue", "verdict", "reason"),
    [
        (figures("q"), "OK", "0 pending, 0 consumers"),
        (figures("q", 1200, 1), "OK", "1,200 pending, 1 consumer"),
        (figures("q", 214), "NO_CONSUMER", "214 pending, no consumer"),
        (figures("q", 7, 2, Paused=True), "PAUSED", "paused with 7 pending, 2 consumers"),
        (figures("ActiveMQ.DLQ", 1), "DLQ", "1 dead letter, 0 consumers"),
        (figures("ActiveMQ.DLQ"), "OK", "0 pending, 0 consumers"),
        (figures("orders.dlq", 214, 1), "DLQ", "214 dead letters, 1 consumer"),
        (figures("DLQ.orders", 2, Paused=True), "DLQ", "2 dead letters, 0 consumers"),
        (figures("whatever", 2, DLQ=True), "DLQ", "2 dead letters, 0 consumers"),
        (figures("not.dlq.this", 2, 1), "OK", "2 pending, 1 consumer"),
    ],
)
def test_each_verdict_comes_with_its_numbers(queue: dict[str, Any], verdict: str, reason: str) -> None:
    row = Story().at(0, queue)
    assert (row.verdict, row.reason) == (verdict, reason)


def test_messages_that_no_consumer_touches_for_a_minute_are_stuck() -> None:
    story = Story()
    verdicts = [story.at(at, figures("q", 15, 1, 15, 0, InFlightCount=4)).verdict for at in range(0, 65, 5)]
    assert verdicts == ["OK"] * 12 + ["STUCK"]
    reason = story.at(75, figures("q", 15, 1, 15, 0, InFlightCount=4)).reason
    assert reason == "nothing dequeued for 75 s: 15 pending, 1 consumer, 4 in flight and not acknowledged"
    assert "none handed to a consumer" in story.at(80, figures("q", 15, 1, 15, 0)).reason


def test_one_dequeued_message_a_minute_is_not_stuck() -> None:
    story = Story()
    assert {story.at(at, figures("q", 15, 1, 15, at // 55)).verdict for at in range(0, 600, 5)} == {"OK"}


def test_waiting_for_a_consumer_does_not_count_as_stuck() -> None:
    story = Story()
    for at in range(0, 120, 5):
        story.at(at, figures("q", 15, 0))
    assert story.at(120, figures("q", 15, 1)).verdict == "OK"
    assert story.at(180, figures("q", 15, 1)).verdict == "STUCK"


def test_a_backlog_that_rises_though_its_consumer_works_is_growing() -> None:
    story = Story()
    verdicts = [story.at(at, figures("q", 30 + at, 1, 30 + 2 * at, at)).verdict for at in range(0, 120, 5)]
    assert verdicts == ["OK"] * 23 + ["GROWING"]
    row = story.at(120, figures("q", 150, 1, 270, 120))
    assert row.reason == "150 pending, 115 more in 115 s (1.0/s), 1 consumer, taking 1.0/s"


def test_a_backlog_that_rises_without_consumers_is_only_that() -> None:
    story = Story()
    assert {story.at(at, figures("q", 30 + at, 0)).verdict for at in range(0, 300, 5)} == {"NO_CONSUMER"}


def test_resetting_the_statistics_ends_neither_growth_nor_being_stuck() -> None:
    growing = Story()
    for at in range(0, 120, 5):
        growing.at(at, figures("q", 30 + at, 1, 30 + 2 * at, at))
    assert growing.at(120, figures("q", 150, 1, 4, 2)).verdict == "GROWING"
    stuck = Story()
    for at in range(0, 65, 5):
        stuck.at(at, figures("q", 15, 1, 15))
    row = stuck.at(65, figures("q", 15, 1, 0))
    assert (row.verdict, row.enqueue_per_s) == ("STUCK", None)
    assert stuck.at(70, figures("q", 14, 1, 0, 1)).verdict == "OK"


def test_a_queue_that_was_made_again_starts_over_whatever_it_holds() -> None:
    growing = Story()
    for at in range(0, 120, 5):
        growing.at(at, figures("q", 30 + at, 1, 30 + 2 * at, at))
    assert growing.at(120, figures("q", 5, 1, 5)).verdict == "OK"
    stuck = Story()
    for at in range(0, 65, 5):
        stuck.at(at, figures("q", 15, 1, 15))
    assert stuck.at(65, figures("q", 3, 1, 3)).verdict == "OK"


def test_a_restart_in_the_midst_of_growth_is_no_growth_until_a_window_has_passed_again() -> None:
    story = Story()
    for at in range(0, 120, 5):
        story.at(at, figures("q", 30 + at, 1, 30 + 2 * at, at))
    after = {"BrokerId": "ID:vm-2"}
    verdicts = [story.at(at, figures("q", 30 + at, 1, 2 * (at - 115), at - 115), **after).verdict for at in range(120, 240, 5)]
    assert verdicts == ["OK"] * 23 + ["GROWING"]


def test_batches_every_minute_are_ok_with_a_consumer_and_without_one_they_are_waiting() -> None:
    story, verdicts = Story(), set[str]()
    for at in range(0, 1800, 5):
        pending = at % 60 * 16
        verdicts.add(story.at(at, figures("q", pending, 1, at * 16, at * 16 - pending)).verdict)
    assert verdicts == {"OK"}


def test_the_backlog_has_a_slope_that_is_negative_while_it_shrinks() -> None:
    story = Story()
    assert [story.at(at, figures("q", 1000 - 2 * at, 1, 2000, 1000 + 2 * at)).pending_per_s for at in range(0, 25, 5)] == [None] * 5
    assert story.at(25, figures("q", 950, 1, 2000, 1050)).pending_per_s == -2.0
    still = Story()
    assert [still.at(at, figures("q", 7)).pending_per_s for at in range(0, 30, 5)] == [None] * 5 + [0.0]


def test_a_queue_that_has_used_up_its_memory_says_so_in_the_reason() -> None:
    full = figures("q", 6000, 1, MemoryPercentUsage=69, CacheEnabled=False)
    assert Story().at(0, full).reason == "6,000 pending, 1 consumer, 69 % of its memory limit used, not all of them in memory"
    row = Story().at(0, figures("q", 6000, 1, MemoryPercentUsage=59, ExpiredCount=4, AverageMessageSize=5028))
    assert (row.reason, row.memory_pct, row.expired, row.message_bytes, row.cached) == ("6,000 pending, 1 consumer", 59, 4, 5028, True)


def test_the_age_of_the_oldest_message_is_told_with_how_it_was_found() -> None:
    memory = advance(None, read(figures("a", 1), figures("b", 1)), 0, 5)
    a, b = rows(memory, lambda name: True, {"a": Oldest(61.5, "browse", 1000.0)})
    assert (a.oldest_age_s, a.oldest_basis, a.oldest_read_at) == (61.5, "browse", 1000.0)
    assert (b.oldest_age_s, b.oldest_basis, b.oldest_read_at) == (None, None, None)


def test_rows_are_sorted_and_filtered_but_dead_letters_stay() -> None:
    memory = advance(None, read(figures("b"), figures("ActiveMQ.DLQ"), figures("a"), figures("ActiveMQ.x")), 0, 5)
    assert [row.name for row in rows(memory, lambda name: not name.startswith("ActiveMQ."))] == ["ActiveMQ.DLQ", "a", "b"]


def test_names_are_kept_as_they_came() -> None:
    odd = ["[red]odd[/]", "esc\x1b[31m", "a,b", "한글", "x" * 300, "\u202egnp"]
    memory = advance(None, read(*(figures(name) for name in odd)), 0, 5)
    assert sorted(odd) == [row.name for row in rows(memory, lambda name: True)]


def test_a_count_below_zero_is_shown_as_none_waiting() -> None:
    row = Story().at(0, figures("q", -3, 0, InFlightCount=-1))
    assert (row.pending, row.in_flight, row.verdict) == (0, 0, "OK")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(list(figures(""))), inner, max_size=9),
    max_leaves=20,
)
counts = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 100) | values
queue_tables = st.dictionaries(
    st.sampled_from([mbean("a"), mbean("b"), mbean("c", "other"), "x", ""]),
    st.fixed_dictionaries(dict.fromkeys(figures(""), counts)) | values,
)


@given(
    values | st.dictionaries(st.sampled_from([f"org.apache.activemq:{NAMES[0]}", "x"]), values), st.lists(queue_tables | values, max_size=4)
)
def test_whatever_a_broker_says_is_a_table_that_travels_or_a_jolokia_error(broker: Any, tables: list[Any]) -> None:
    memory = None
    for number, queues in enumerate(tables):
        try:
            memory = advance(memory, reading([brokers() if number % 2 else reply(broker), reply(queues)]), number * 5.0, 5.0)
        except JolokiaError:
            continue
        found = rows(memory, lambda name: True)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=tuple[Queue, ...]) == found
        for row in found:
            assert all(rate is None or (rate >= 0 and math.isfinite(rate)) for rate in (row.enqueue_per_s, row.dequeue_per_s))
            assert row.pending_per_s is None or math.isfinite(row.pending_per_s)
