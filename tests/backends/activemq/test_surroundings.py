"""What there is beside queues, from replies as both generations give them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from backends.activemq.jolokia import Reply
from backends.activemq.watching.surroundings import MAX_ROWS, PARTS, READS, REQUEST, Surroundings, surroundings
from backends.broker import BrokerConnection, BrokerTopic, Network, Subscriber

OURS = "org.apache.activemq:type=Broker,brokerName=localhost"
NO_MATCH = Reply(404, error="javax.management.InstanceNotFoundException : No MBean with pattern x found for reading attributes")
DENIED = Reply(403, error="Reading attribute Name is forbidden for MBean x")
VERSION = Reply(200, Raw(b'{"agent": "2.6.0", "protocol": "8.2"}'))


def rows(table: Any) -> Reply:
    return Reply(200, Raw(json.dumps(table).encode()))


def topic(name: str, enqueued: int = 0, consumers: int = 0) -> dict[str, Any]:
    counts = {"ConsumerCount": consumers, "ProducerCount": 0, "EnqueueCount": enqueued, "DequeueCount": 0}
    return {f"{OURS},destinationType=Topic,destinationName={name}": {"Name": name, **counts}}


def consumer(destination: str, kind: str = "Queue", number: int = 1, **more: Any) -> dict[str, Any]:
    keys = f"{OURS},destinationType={kind},destinationName={destination},endpoint=Consumer,clientId=c,consumerId={number}"
    figures = {"DestinationName": destination, "ClientId": "c:1", "ConnectionId": "ID:c-1", "SubscriptionName": None, "Selector": None}
    counts = {"PendingQueueSize": 7, "DispatchedQueueSize": 2, "DequeueCounter": 40, "PrefetchSize": 1000}
    return {keys: {**figures, "Active": True, "SlowConsumer": False, **counts, **more}}


def connection(client: str, **more: Any) -> dict[str, Any]:
    keys = f"{OURS},connector=clientConnectors,connectorName=stomp,connectionViewType=clientId,connectionName={client}"
    figures = {"ClientId": client, "RemoteAddress": "tcp://10.0.0.7:36094", "UserName": None, "Active": True, "Slow": False}
    return {keys: {**figures, "Blocked": False, "DispatchQueueSize": 0, "ConnectedTimestamp": 1795634982712, **more}}


def connector(name: str = "lab", duplex: bool = False) -> dict[str, Any]:
    return {f"{OURS},connector=networkConnectors,networkConnectorName={name}": {"Name": name, "Duplex": duplex}}


def bridge(name: str = "lab", kind: str = "networkConnectors") -> dict[str, Any]:
    """Their keys come in another order."""
    keys = f"org.apache.activemq:brokerName=localhost,connector={kind},networkConnectorName={name},networkBridge=tcp_//h_1,type=Broker"
    figures = {"RemoteBrokerName": "far", "RemoteAddress": "tcp://10.0.0.8:61616", "CreatedByDuplex": kind != "networkConnectors"}
    return {keys: {**figures, "EnqueueCounter": 5397, "DequeueCounter": 5343}}


def around(
    *replies: Reply, before: Surroundings | None = None, over_s: float | None = None, at: float = 100.0, is_shown: Any = lambda name: True
) -> Surroundings:
    """Replies in the order of the request; those that are not given match nothing."""
    told = [*replies, *[NO_MATCH] * (len(READS) - len(replies)), VERSION][: len(READS) + 1]
    return surroundings(told, "localhost", is_shown, before or Surroundings(), at, over_s)


def test_one_request_names_every_attribute_and_asks_jolokia_for_its_version() -> None:
    elements = json.loads(REQUEST)
    assert all(each["attribute"] for each in elements[:-1])
    assert elements[-1] == {"type": "version"}
    assert "WireFormatInfo" not in REQUEST.decode()


def test_a_broker_with_nothing_but_queues_has_empty_lists() -> None:
    assert around() == Surroundings(at=100.0, agent="2.6.0")


def test_topics_have_rates_from_their_second_reading_on_and_advisory_ones_are_left_out() -> None:
    first = around(rows(topic("news", 100, 2) | topic("ActiveMQ.Advisory.Queue", 5)))
    assert first.topics == (BrokerTopic("news", 2, 0, 100, 0, None),)
    second = around(rows(topic("news", 160)), before=first, over_s=30.0)
    assert second.topics[0].enqueue_per_s == 2.0
    assert around(rows(topic("news", 5)), before=second, over_s=30.0).topics[0].enqueue_per_s is None


def test_names_that_are_excluded_are_no_topics_and_have_no_subscribers() -> None:
    found = around(rows(topic("a.b") | topic("c")), rows(consumer("a.b") | consumer("c")), is_shown=lambda name: not name.startswith("a."))
    assert ([each.name for each in found.topics], [each.destination for each in found.subscribers]) == (["c"], ["c"])


def test_a_consumer_of_a_queue_has_what_is_in_flight_and_its_waiting_messages_are_the_queue_s() -> None:
    found = around(NO_MATCH, rows(consumer("q", Selector="convert_string_expressions:x = 'y'", SlowConsumer=True)))
    assert found.subscribers == (Subscriber("q", "queue", "c:1", None, True, "x = 'y'", None, 2, 40, 1000, True, "ID:c-1"),)


def test_a_durable_subscriber_is_offline_when_it_has_no_connection() -> None:
    offline = consumer("news", "Topic", Active=False, Durable=False, ConnectionId="NOTSET", SubscriptionName="dur:1")
    found = around(NO_MATCH, NO_MATCH, rows(offline))
    assert found.subscribers == (Subscriber("news", "topic", "c:1", "dur:1", False, None, 7, 2, 40, 1000, False, None),)


def test_a_connection_says_since_when_and_through_which_connector_it_is_there() -> None:
    found = around(*[NO_MATCH] * 3, rows(connection("billing", Slow=True, DispatchQueueSize=3)))
    since = 1795634982.712
    assert found.connections == (BrokerConnection("billing", "10.0.0.7:36094", "stomp", None, True, True, False, 3, since),)


def test_a_network_connector_is_its_bridges_or_alone_where_nobody_answers() -> None:
    connected = around(*[NO_MATCH] * 4, rows(connector()), rows(bridge()))
    alone = around(*[NO_MATCH] * 4, rows(connector(duplex=True)))
    assert connected.networks == (Network("lab", "far", "tcp://10.0.0.8:61616", False, True, 5397, 5343),)
    assert alone.networks == (Network("lab", None, None, True, False, None, None),)


def test_the_bridge_of_another_broker_s_duplex_connector_is_there_without_a_connector() -> None:
    found = around(*[NO_MATCH] * 4, NO_MATCH, rows(bridge("theirs", "duplexNetworkConnectors")))
    assert [(each.name, each.duplex, each.active) for each in found.networks] == [("theirs", True, True)]


def test_another_broker_in_the_same_jvm_has_its_own() -> None:
    theirs = {key.replace("brokerName=localhost", "brokerName=other"): value for key, value in topic("theirs").items()}
    assert [each.name for each in around(rows(topic("ours") | theirs)).topics] == ["ours"]


@pytest.mark.parametrize(
    ("failed", "why"),
    [
        (DENIED, "denied: status 403 Reading attribute Name is forbidden for MBean x"),
        (Reply(500, error="java.lang.NullPointerException"), "status 500 java.lang.NullPointerException"),
        (Reply(404, error="No MBean with ObjectName x found in any MBeanServer"), "one of them went while all were read"),
        (rows("a text"), "no table in the reply"),
    ],
)
def test_a_part_that_fails_keeps_what_it_had_and_leaves_the_others(failed: Reply, why: str) -> None:
    before = around(rows(topic("old")), NO_MATCH, NO_MATCH, rows(connection("a")))
    found = around(failed, rows(consumer("q")), NO_MATCH, rows(connection("b")), before=before)
    assert found.why_not == {"topics": why}
    assert (found.topics, [each.client_id for each in found.connections], len(found.subscribers)) == (before.topics, ["b"], 1)
    assert around(rows(topic("new")), before=found).why_not == {}


def test_one_of_two_kinds_of_subscribers_is_not_taken_for_all() -> None:
    assert "subscribers" in around(NO_MATCH, rows(consumer("q")), DENIED).why_not


def test_an_odd_attribute_costs_itself_and_an_odd_row_costs_that_row() -> None:
    odd = connection("a", ConnectedTimestamp="ERROR: x") | connection("b", RemoteAddress={".error": True}) | connection("c")
    found = around(*[NO_MATCH] * 3, rows(odd))
    assert [(each.client_id, each.since is None) for each in found.connections] == [("a", True), ("c", False)]


def test_of_too_many_those_stay_that_somebody_should_look_at_and_the_total_is_told() -> None:
    many: dict[str, Any] = {}
    for number in range(MAX_ROWS + 500):
        many |= consumer(f"q{number:05}", number=number, SlowConsumer=number == MAX_ROWS + 300)
    found = around(NO_MATCH, rows(many))
    assert (len(found.subscribers), found.totals) == (MAX_ROWS, {"subscribers": MAX_ROWS + 500})
    assert [each.destination for each in found.subscribers if each.slow] == [f"q{MAX_ROWS + 300:05}"]
    assert list(found.subscribers) == sorted(found.subscribers, key=lambda each: each.destination)
    assert around(NO_MATCH, DENIED, before=found).totals == found.totals


def test_a_jolokia_that_does_not_say_its_version_costs_only_that() -> None:
    told = [NO_MATCH] * len(READS)
    assert surroundings([*told, DENIED], "localhost", lambda name: True, Surroundings(), 1.0, None).agent is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["Name", "agent", "DestinationName"]), inner, max_size=9),
    max_leaves=10,
)
tables = st.dictionaries(st.sampled_from([*topic("t"), *consumer("q"), *connection("c"), *connector(), *bridge(), "x", ""]), values)


@given(st.lists(tables | values, min_size=len(READS) + 1, max_size=len(READS) + 1))
def test_whatever_a_broker_says_is_lists_or_reasons(tables: list[Any]) -> None:
    found = surroundings([rows(each) for each in tables], "localhost", lambda name: True, Surroundings(), 1.0, 30.0)
    assert set(found.why_not) <= set(PARTS)
