"""One-shot answers: the fixed shapes, the filter, and what is left out of a summary."""

import json
from typing import Any

import msgspec
import pytest

from backends.broker import Broker, BrokerTopic, Job, Queue, Subscriber
from backends.snapshots import Consumer, ConsumerPartition, Offsets, Queues, Relay, Snapshot, Topic, TopicPartition, Topics, Total
from relay.status import FailedFile, SenderStatus
from relay_console.answers import Filter, Gathered, age, as_json, counted, has_nothing, names, select, source, summary, whole

NOW = 1_800_000_000.0
PART = TopicPartition(0, 0, 9, 1, None, None, None, "ok", "a,b")


def topic(name: str, state: Any = "ok") -> Topic:
    return Topic(name, 1, state, None, 1.0, None, None, None, None, None, (PART,))


TOPICS = Snapshot("main", "topics", "ok", NOW - 3, data=Topics((topic("orders"), topic("orders.dlq", "crit"), topic("a+b"))))
RELAY = Snapshot(
    "relay",
    "relay",
    "ok",
    NOW,
    data=Relay(
        (),
        (SenderStatus("a", "h:1", "idle", 0, None, 0, 1, 1, 0, None),),
        (),
        0,
        None,
        5,
        (FailedFile("a", "x.txt", 3, None, "no answer", NOW), FailedFile("b", "y.txt", 3, 400, None, NOW)),
    ),
)
DOWN = Snapshot("old", "topics", "down", error="no broker answers", next_try_at=NOW + 5)


def chosen(snapshot: Snapshot, *words: str) -> list[str]:
    found = select(snapshot, Filter(words, names([snapshot])))
    return [item["name"] for item in msgspec.to_builtins(found.data)["topics"]]


def test_without_a_filter_everything_is_there() -> None:
    assert chosen(TOPICS) == ["orders", "orders.dlq", "a+b"]


def test_a_filter_is_a_regular_expression_and_several_are_alternatives() -> None:
    assert chosen(TOPICS, "dlq$", "^a") == ["orders.dlq", "a+b"]
    assert chosen(TOPICS, "nothing") == []


def test_it_speaks_the_language_of_the_console() -> None:
    assert chosen(TOPICS, "!DLQ") == ["orders", "a+b"]
    assert chosen(TOPICS, "~odq") == ["orders.dlq"]


def test_a_filter_that_is_exactly_a_name_means_that_one_alone() -> None:
    assert chosen(TOPICS, "orders") == ["orders"]
    assert chosen(TOPICS, "a+b") == ["a+b"]


def test_a_wrong_expression_is_said_to_be_one() -> None:
    with pytest.raises(ValueError, match="regular expression"):
        Filter(["("], frozenset())


def test_a_failed_file_goes_with_its_sender() -> None:
    found = select(RELAY, Filter(["a"], names([RELAY])))
    assert isinstance(found.data, Relay)
    assert [file.file for file in found.data.failed_files] == ["x.txt"]


def test_partitions_are_told_only_of_a_topic_that_was_asked_for_by_name() -> None:
    by_name = whole(TOPICS.data, Filter(["orders"], names([TOPICS])))
    by_pattern = whole(TOPICS.data, Filter(["^orders$"], names([TOPICS])))
    assert by_name is not None and by_pattern is not None
    assert "detail" in by_name["topics"][0] and "detail" not in by_name["topics"][1]
    assert all("detail" not in found for found in by_pattern["topics"])


RATES: dict[str, float | None] = {"1": 5.0, "5": None, "15": None}


def consumer(name: str, application: str | None) -> Consumer:
    part = ConsumerPartition(0, 5, NOW, 9, 4, RATES, "OK")
    return Consumer(name, "csv", "orders", 1, RATES, 4, None, "OK", "", 0, (part,), application=application)


def total(name: str) -> Total:
    return Total(name, 2, 2, RATES, 8, 1.5, None, "OK", "")


OFFSETS = Snapshot(
    "lean",
    "offsets",
    "ok",
    NOW,
    data=Offsets((consumer("app1-node-1", "app1"), consumer("app1-node-2", "app1"), consumer("b", None)), (total("app1"),), total("lean")),
)


def asked(*words: str) -> dict[str, Any]:
    wanted = Filter(words, names([OFFSETS]))
    found = whole(select(OFFSETS, wanted).data, wanted)
    assert found is not None
    return found


def test_an_application_named_exactly_means_its_nodes_and_a_node_itself_alone() -> None:
    found = asked("app1")
    assert [each["name"] for each in found["consumers"]] == ["app1-node-1", "app1-node-2"]
    assert [each["name"] for each in found["applications"]] == ["app1"]
    found = asked("app1-node-2")
    assert [each["name"] for each in found["consumers"]] == ["app1-node-2"] and not found["applications"]


def test_a_total_over_all_is_told_only_where_all_are_shown() -> None:
    assert asked()["total"]["lag"] == 8
    assert asked("app1")["total"] is None
    assert len(asked()["consumers"][0]["detail"]) == 1


def test_status_counts_consumers_and_applications_and_keeps_the_total() -> None:
    found = summary(OFFSETS.data)
    assert found is not None
    assert found["counts"] == {"consumers": {"total": 3, "OK": 3}, "applications": {"total": 1, "OK": 1}}
    assert found["total"]["records_per_min"] == {"1": 5.0, "5": None, "15": None}
    assert counted(OFFSETS.data) == "3 consumers (3 OK); 1 application (1 OK)"


# SPEC 10, word for word: these names are fixed; more may be added.
TOPIC_FIELDS = "name partitions state records_per_s loaded_age_s sent_age_s record_age_s load_delay_s worst_partition reason"
TOPIC_DETAIL = "partition start end leader loaded_at sent_at record_at state sample"
CONSUMER_FIELDS = "name layout topic partitions records_per_min lag time_lag_s verdict reason bad_pairs detail"
CONSUMER_DETAIL = "partition offset committed_at end lag records_per_min verdict"


def test_the_promised_names_of_topics_and_offsets_are_there() -> None:
    topics = whole(TOPICS.data, Filter(["orders"], names([TOPICS])))
    assert topics is not None
    assert set(TOPIC_FIELDS.split()) <= set(topics["topics"][0])
    assert set(TOPIC_DETAIL.split()) <= set(topics["topics"][0]["detail"][0])
    found = asked()["consumers"][0]
    assert set(CONSUMER_FIELDS.split()) <= set(found)
    assert set(CONSUMER_DETAIL.split()) <= set(found["detail"][0])
    assert set(found["records_per_min"]) == set(found["detail"][0]["records_per_min"]) == {"1", "5", "15"}


def test_a_summary_counts_its_lists_and_keeps_the_rest() -> None:
    found = summary(RELAY.data)
    assert found is not None
    assert found["counts"]["senders"] == {"total": 1, "idle": 1}
    assert found["counts"]["failed_files"] == {"total": 2}
    assert found["disk_free_bytes"] == 5 and "senders" not in found
    queue = Queue("q", 1, 0, 0, 0, 0, 0, None, None, None, False, False, "NO_CONSUMER", "")
    queues = summary(Queues(Broker("b", None, "6", None, 1.0, None, None), (queue,), 0))
    assert queues is not None
    assert queues["broker"]["version"] == "6" and queues["counts"]["queues"] == {"total": 1, "NO_CONSUMER": 1}


def test_of_a_list_that_is_bounded_all_are_counted() -> None:
    topic = BrokerTopic("prices", 0, 0, 0, 0)
    queues = Queues(Broker("b", None, "6", None, 1.0, None, None), (), 0, topics=(topic,), totals={"topics": 1200})
    told = summary(queues)
    assert told is not None and told["counts"]["topics"] == {"total": 1200}
    assert counted(queues) == "1200 topics"


def test_a_filter_on_queues_keeps_their_subscribers_and_jobs() -> None:
    rows = tuple(Queue(name, 1, 0, 0, 0, 0, 0, None, None, None, False, False, "OK", "") for name in ("orders", "users"))
    jobs = tuple(Job(number, "move", name, "x", 1, 2, 1.0, None, "running", "") for number, name in enumerate(("users", "orders")))
    reader = Subscriber("orders", "queue", "app", None, True, None, None, 1, 2, 3, False)
    data = Queues(Broker("b", None, "6", None, 1.0, None, None), rows, 0, subscribers=(reader,), jobs=jobs)
    found = asked_of(Snapshot("b", "queues", "ok", 1.0, data=data), "orders")
    assert [queue["name"] for queue in found["queues"]] == ["orders"]
    assert [each["destination"] for each in found["subscribers"]] == ["orders"]
    assert [job["queue"] for job in found["jobs"]] == ["orders"]


QUEUE_FIELDS = (
    "name pending consumers producers enqueued dequeued in_flight enqueue_per_s dequeue_per_s oldest_age_s paused dlq verdict reason"
)
BROKER_FIELDS = "name id version uptime_s store_pct memory_pct temp_pct capabilities"


def test_the_promised_names_of_queues_are_there() -> None:
    queue = Queue("q", 1, 0, 0, 0, 0, 0, None, None, None, False, False, "OK", "")
    broker = Broker("b", None, "6", None, 1.0, None, None, {"browse": True, "purge": "denied: by policy"})
    found = asked_of(Snapshot("b", "queues", "ok", 1.0, data=Queues(broker, (queue,), 2)))
    assert set(QUEUE_FIELDS.split()) <= set(found["queues"][0]) and set(BROKER_FIELDS.split()) <= set(found["broker"])
    assert found["hidden"] == 2 and found["broker"]["capabilities"]["purge"] == "denied: by policy"
    assert {"topics", "subscribers", "connections", "networks", "jobs", "totals", "around_at"} <= set(found)


def asked_of(snapshot: Snapshot, *words: str) -> dict[str, Any]:
    wanted = Filter(words, names([snapshot]))
    found = whole(select(snapshot, wanted).data, wanted)
    assert found is not None
    return found


def test_a_line_of_status_counts_in_words() -> None:
    assert counted(TOPICS.data) == "3 topics (2 ok, 1 crit)"
    assert counted(RELAY.data) == "1 sender (1 idle); 2 failed files"
    assert counted(Topics(())) == "nothing"
    assert counted(None) == ""


def test_the_object_has_the_promised_shape_and_unknown_is_null() -> None:
    gathered = Gathered((TOPICS, DOWN), True, "0.1.0", 42, NOW - 60)
    shown = json.loads(as_json(gathered, [source(each, summary(each.data), NOW) for each in gathered.snapshots], NOW))
    assert {key: shown[key] for key in ("schema", "generated_at", "monitor")} == {
        "schema": 1,
        "generated_at": NOW,
        "monitor": {"version": "0.1.0", "pid": 42, "attached": True, "started_at": NOW - 60},
    }
    assert [set(each) for each in shown["sources"]] == [
        {"name", "kind", "state", "observed_at", "age_s", "error", "next_try_at", "data"}
    ] * 2
    assert shown["sources"][0]["age_s"] == 3.0
    assert shown["sources"][1]["data"] is None and shown["sources"][1]["observed_at"] is None


def test_a_figure_that_is_no_number_is_null() -> None:
    gathered = Gathered((), False, "0.1.0", 1, None)
    assert json.loads(as_json(gathered, [{"rate": float("nan"), "age": float("inf")}], NOW))["sources"] == [{"rate": None, "age": None}]


def test_an_age_is_never_negative() -> None:
    assert age(msgspec.structs.replace(TOPICS, observed_at=NOW + 2), NOW) == 0.0
    assert age(DOWN, NOW) is None


def test_there_is_nothing_only_when_no_source_knows_anything_and_one_should() -> None:
    unconfigured = Snapshot("topics", "topics", "unconfigured")
    assert has_nothing([DOWN])
    assert not has_nothing([DOWN, TOPICS])
    assert not has_nothing([unconfigured])
