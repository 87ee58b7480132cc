"""What needs no broker: names, arguments, what may be said from counts, jobs. And a peer that says what no broker says on demand."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.activemq import counts
from backends.activemq.acting import arguments
from backends.activemq.acting.arguments import Send, Some, SomeTo
from backends.activemq.acting.hands import VERBS, Hands
from backends.activemq.acting.jobs import KEPT, Book, Busy
from backends.activemq.capabilities import ACTIONS, Capabilities
from backends.activemq.config import BrokerSection
from backends.activemq.counts import GONE, Change, Counts, Missing
from backends.activemq.jolokia import Client, Read, Reply
from backends.activemq.messages.browse import Desk
from backends.activemq.station import Station
from backends.activemq.targets import mangled, why_protected, why_unnameable, why_unusable
from backends.messages import Property
from backends.questions import CHANGED, PreviewOf
from backends.source import Unavailable
from settings.secret import Secret
from tests.backends.http_peer import Conversation, Talk, peer

SEEN = Counts("m", "orders", pending=100, in_flight=2, consumers=0, producers=1, enqueued=500, dequeued=400)
SECTION = BrokerSection("b", "http://127.0.0.1:1/api/jolokia/", write=True, timeout=1.0)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("a,b", "several queues"),
        ("a.>", "wildcard"),
        ("a.*.b", "wildcard"),
        ("a?consumer.prefetchSize=1", "options"),
        ("topic://prices", "lost"),
        ("queue://orders", "plain name"),
        ("TEMP-QUEUE://x", "no queue"),
        ("failover://x", "kind of destination"),
        (" a", "blank"),
        ("a\t", "U+0009"),
        ("a\nb", "U+000A"),
        ("x" * 513, "513 characters"),
        ("ActiveMQ.Advisory.Queue", "left alone"),
        ("ActiveMQ.Statistics.Broker", "left alone"),
    ],
)
def test_a_name_that_a_broker_reads_otherwise_is_no_target(name: str, why: str) -> None:
    assert why in (why_unusable(name) or "")


@pytest.mark.parametrize("name", ["orders", "주문.새것", "a b", "a/b", "a:b", "a=b", "ActiveMQ.DLQ", "x" * 512, "🐰"])
def test_other_names_are_targets_however_odd_they_look(name: str) -> None:
    assert (why_unusable(name), why_protected(name), why_unnameable(name)) == (None, None, None)


def test_a_queue_that_is_there_is_deleted_by_its_name_unless_that_would_mean_another() -> None:
    assert [name for name in ("a,b", "a.>", "a.*", " a", "a ", "a?x=1", "queue://a", "\x01a") if why_unnameable(name)] == [
        " a",
        "a ",
        "a?x=1",
        "queue://a",
        "\x01a",
    ]


def test_jmx_has_one_name_for_several_queues() -> None:
    assert {mangled(name) for name in ("a,b", "a:b", 'a"b', "a'b", "a_b")} == {"a_b"}
    assert mangled("a?b=c*") == "a&qe;b&amp;c&ast;"


@pytest.mark.parametrize(
    ("verb", "given", "said"),
    [
        ("purge", {}, "purge: there must be `queue`"),
        ("purge", {"queue": ""}, "queue: expected `str` of length >= 1"),
        ("purge", {"queue": 5}, "purge: queue: expected `str`, got `int`"),
        ("purge", {"queue": "a", "force": True}, "purge: there is no argument `force`"),
        ("move", {"queue": "a"}, "move: there must be `to`"),
        ("move", {"queue": "a", "to": "b", "first": 0}, "first: expected `int` >= 1"),
        ("move", {"queue": "a", "to": "b", "first": "5"}, "first: expected `int | null`, got `str`"),
        ("move", {"queue": "a", "to": "b", "ids": "x", "first": 5}, "ids are named one by one"),
        ("move", {"queue": "a", "to": "b", "ids": "\n"}, "ids names no message"),
        ("move", {"queue": "a", "to": "b", "ids": "\n".join(map(str, range(10_001)))}, "10,001 ids; 10,000 are the most"),
        ("remove", {"queue": "a"}, "all of a queue is purge"),
        ("send", {"queue": "a", "body": "x", "count": 0}, "count: expected `int` >= 1"),
        ("send", {"queue": "a", "body": "x", "priority": 10}, "priority: expected `int` <= 9"),
        ("send", {"queue": "a", "body": "x", "kind": "object"}, "kind: invalid enum value 'object'"),
    ],
)
def test_arguments_that_are_wrong_are_named(verb: str, given: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        arguments.told(verb, VERBS[verb].form, given)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give either body (text) or body_base64 (bytes)"),
        ({"body": "a", "body_base64": "YQ=="}, "give either body"),
        ({"body_base64": "?"}, "body_base64 is not base64"),
        ({"body_base64": "/w==", "kind": "text"}, "no UTF-8 at byte 0"),
        ({"body": "[1]", "kind": "map"}, "must be a JSON object"),
        ({"body": "a", "reply_to": "ftp://x"}, "reply_to is 'ftp://x'"),
        ({"body": "a", "properties": "{"}, "properties is no JSON"),
        ({"body": "a", "properties": "[]"}, "must be a JSON object"),
        ({"body": "a", "properties": '{"a": [1]}'}, "send: "),
        ({"body": "a", "properties": '{"a": {"type": "Byte", "value": 200}}'}, "send: "),
    ],
)
def test_a_message_that_cannot_be_sent_says_why(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        arguments.outgoing(Send("a", **given))
    assert said in str(caught.value)


def test_a_message_is_built_from_its_arguments() -> None:
    properties = '{"colour": "red", "small": {"type": "Int", "value": 5}, "big": true}'
    message = arguments.outgoing(Send("a", body="안녕", reply_to="r", properties=properties, group_id="", ttl_s=5))
    assert (message.kind, message.body, message.persistent, message.priority, message.ttl_s) == ("text", "안녕".encode(), True, 4, 5)
    assert (message.reply_to, message.group_id) == ("queue://r", None)
    assert set(message.properties) == {Property("colour", "String", "red"), Property("small", "Int", 5), Property("big", "Boolean", True)}
    assert arguments.outgoing(Send("a", body_base64="/w==")).kind == "bytes"


def test_ids_are_lines_and_each_counts_once() -> None:
    assert Some("a", ids="ID:1\n ID:2 \r\n\nID:1\n").each == ("ID:1", "ID:2")
    assert (Some("a").is_all, SomeTo("a", to="b", selector="x = 1").is_all) == (True, False)


def test_what_is_agreed_to_leaves_room_only_where_messages_come() -> None:
    assert counts.expect(SEEN, 0.0) == {"name": "orders", "pending": 100, "most": 100, "consumers": 0, "in_flight": 2}
    assert counts.expect(SEEN, 0.1)["most"] == 110  # ten
    assert counts.expect(replace(SEEN, pending=1001), 0.1)["most"] == 1102  # a tenth
    assert counts.expect(SEEN, 5.0)["most"] == 250  # thirty seconds' worth


@given(st.integers(0, 10**9), st.floats(0, 10**6), st.integers(0, 10**9))
def test_what_was_seen_holds_as_long_as_no_more_is_there_than_was_agreed_to(pending: int, per_s: float, now: int) -> None:
    agreed = counts.seen("purge", counts.expect(replace(SEEN, pending=pending), per_s))
    assert agreed.most >= agreed.pending
    assert (counts.why_changed(agreed, replace(SEEN, pending=now)) is None) == (now <= agreed.most)


def test_a_consumer_that_appeared_and_another_queue_are_changes() -> None:
    agreed = counts.seen("purge", counts.expect(SEEN, 0.0))
    assert counts.why_changed(agreed, replace(SEEN, consumers=1)) == "'orders' has 1 consumer now, none was seen"
    assert counts.why_changed(agreed, replace(SEEN, name="other")) == "what was seen is 'orders', this is 'other'"
    assert counts.why_changed(replace(agreed, consumers=2), replace(SEEN, consumers=3)) is None


@pytest.mark.parametrize("told", [{}, {"pending": 1}, {"name": "a", "pending": "1", "most": 1, "consumers": 0}])
def test_who_does_not_say_what_was_seen_does_nothing(told: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="say what you saw: name, pending, most and consumers"):
        counts.seen("purge", told)


def test_counts_are_shown_from_before_to_after() -> None:
    assert counts.arrow("orders", SEEN, replace(SEEN, pending=1204)) == "orders 100 -> 1,204"
    assert counts.arrow("new", None, replace(SEEN, pending=3)) == "new 0 -> 3"
    assert counts.arrow("orders", SEEN, GONE) == "orders 100 -> gone"
    assert counts.arrow("orders", SEEN, Missing(False, "silent")) == "orders 100 -> not known"
    assert counts.now_and_before(SEEN, replace(SEEN, pending=0)) == "has 0 pending now, 100 before"
    assert counts.now_and_before(SEEN, GONE) == "is gone now, had 100 pending before"
    assert counts.now_and_before(None, SEEN) == "has 100 pending now, was not there before"
    assert counts.now_and_before(None, GONE) == "is not there now"
    assert counts.now_and_before(None, Missing(False, "silent")) == "cannot be read now (silent), was not there before"


def test_what_others_did_meanwhile_is_told_apart() -> None:
    after = replace(SEEN, pending=60, enqueued=505, dequeued=445)
    assert counts.change(SEEN, after) == Change(came=5, went=45, shrunk=40)
    assert counts.in_use("orders", counts.change(SEEN, after), 0, 40) == "; orders was in use meanwhile (5 came, 5 were taken)"
    assert counts.in_use("orders", counts.change(SEEN, replace(SEEN, pending=60, dequeued=440)), 0, 40) == ""
    assert counts.change(SEEN, replace(SEEN, enqueued=0)) is None  # deleted and made again


def test_attributes_that_an_older_broker_lacks_are_not_known() -> None:
    its = {"Name": "a", "QueueSize": 1, "InFlightCount": 0, "ConsumerCount": 0, "ProducerCount": 0, "EnqueueCount": 1, "DequeueCount": 0}
    missing = Reply(404, error="No such attribute: Paused")
    replies = [Reply(200, raw(its)), missing, Reply(200, raw({"DLQ": True})), Reply(200, raw({"CacheEnabled": "ERROR"})), missing]
    found = counts.counted("m", replies)
    assert isinstance(found, Counts)
    assert (found.pending, found.paused, found.dlq, found.cached, found.browse_page) == (1, None, True, None, None)
    assert len(counts.reads("m")) == len(replies) and all(isinstance(each, Read) for each in counts.reads("m"))
    assert counts.counted("m", [Reply(404), *replies[1:]]) == GONE


def raw(value: object) -> Any:
    import msgspec

    return msgspec.Raw(json.dumps(value).encode())


def test_one_job_works_on_a_queue_and_the_last_ones_are_remembered() -> None:
    book = Book()
    moving = book.begin("move", "a", "b", 1.0)
    for queue in ("a", "b"):
        with pytest.raises(Busy, match=f"'{queue}' is being moved.*job 1"):
            book.begin("purge", queue, None, 1.0)
    other = book.begin("purge", "c", None, 2.0)
    assert [job.id for job in book.jobs()] == [2, 1] and {job.state for job in book.jobs()} == {"running"}
    assert (book.cancel(1), moving.is_cancelled, other.is_cancelled) == (None, True, False)
    book.end(moving, "cancelled", "cancelled: moved 1 of 2", 3.0)
    assert book.cancel(1) == "job 1 has ended already: cancelled: moved 1 of 2"
    assert book.cancel(99) == "there is no job 99"
    for _ in range(KEPT + 5):
        book.end(book.begin("pause", "a", None, 4.0), "done", "", 5.0)
    assert len(book.jobs()) == KEPT + 1 and book.jobs()[-1].id == 2  # the one that runs is not forgotten


def test_capabilities_are_told_as_found() -> None:
    may = Capabilities(BrokerSection("b", "http://h/", write=True), "activemq[0]")
    assert may.table() == {**dict.fromkeys(ACTIONS, True), "stomp": "activemq[0].stomp is not set"}
    may.deny("purge", "by policy")
    assert may.table()["purge"] == "denied: by policy"
    with_stomp = Capabilities(BrokerSection("b", "http://h/", stomp="h:61613"), "activemq[0]")
    assert (with_stomp.table()["stomp"], with_stomp.table("connection refused")["stomp"]) == (True, "connection refused")
    assert with_stomp.table()["purge"] == "read-only: activemq[0].write is false in the configuration"


def hands_at(url: str) -> tuple[Hands, Client]:
    client = Client(url, lambda: None, 1.0)
    station = Station(replace(SECTION, jolokia=url), "activemq[0]", client, None, lambda: 0.0)
    return Hands(station, Desk(station)), client


MBEAN = "org.apache.activemq:type=Broker,brokerName=b,destinationType=Queue,destinationName=orders"


def answering(exec_reply: bytes, status: str, content_type: str) -> Talk:
    """A broker with one queue, that says this to any operation."""

    async def talk(it: Conversation) -> None:
        while True:
            requests = json.loads(await it.hear())
            if any(each["type"] == "exec" for each in requests):
                await it.reply(exec_reply, status, content_type)
            else:
                await it.reply(json.dumps([reading(each) for each in requests]).encode())

    return talk


ITS = {
    "Name": "orders",
    "QueueSize": 5,
    "InFlightCount": 0,
    "ConsumerCount": 0,
    "ProducerCount": 0,
    "EnqueueCount": 5,
    "DequeueCount": 0,
}


def reading(request: Mapping[str, Any], its: Mapping[str, Any] = ITS) -> Mapping[str, Any]:
    attributes = {name: its[name] for name in request["attribute"] if name in its}
    if "BrokerName" in request["attribute"]:
        return {"status": 200, "value": {"org.apache.activemq:type=Broker,brokerName=b": {"BrokerName": "b"}}}
    if not attributes:
        return {"status": 404, "error": "No such attribute"}
    return {"status": 200, "value": {MBEAN: attributes} if "*" in request["mbean"] else attributes}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HORSE", "correct-horse")


SURE = "; nothing was done"
UNSURE = "look before you do it again"


@pytest.mark.parametrize(
    ("reply", "status", "content_type", "words", "end"),
    [
        (b"<h1>429</h1>", "429 Too Many Requests", "text/html", "429 from Jolokia: too many requests", SURE),
        (b"<h1>401</h1>", "401 Unauthorized", "text/html", "401 from Jolokia", SURE),
        (b"<h1>403</h1>", "403 Forbidden", "text/html", "lacks the role", SURE),
        (b"", "302 Found", "text/html", "redirects to", SURE),
        (b"400 (Bad Request)\n\nno\n", "400 Bad Request", "text/plain", "Jolokia could not answer", SURE),
        (
            b'[{"status":403,"error":"Operation purge() forbidden"}]',
            "200 OK",
            "application/json",
            "denied by the broker: Operation purge()",
            SURE,
        ),
        (b'[{"status":404,"error":"x"}]', "200 OK", "application/json", "no such queue any more", SURE),
        (b'[{"status":500,"error":"disk"}]', "200 OK", "application/json", "could not do it: disk: orders 5 -> 5", ""),
        (b"<h1>503</h1>", "503 Service Unavailable", "text/html", "unknown: no answer to purge of 'orders' (HTTP 503", UNSURE),
        (b"<html>", "200 OK", "text/html", "unknown: no answer to purge of 'orders'", UNSURE),
        (b'[{"status":20', "200 OK", "application/json", "unknown: no answer to purge of 'orders'", UNSURE),
        (b"[]", "200 OK", "application/json", "unknown: no answer to purge of 'orders'", UNSURE),
    ],
)
async def test_what_the_answer_to_an_operation_tells_is_said_and_no_more(
    reply: bytes, status: str, content_type: str, words: str, end: str
) -> None:
    async with peer(answering(reply, status, content_type)) as ours:
        hands, client = hands_at(ours.url)
        answer = await hands.act("purge", {"queue": "orders"}, counts.expect(replace(SEEN, pending=5), 0.0))
        await client.close()
        assert sum(b'"exec"' in body for body in ours.bodies) == 1
    assert not answer.ok
    assert words in answer.text and answer.text.endswith(end)


async def test_the_broker_says_yes_and_nothing_happened() -> None:
    async with peer(answering(b'[{"status":200,"value":null}]', "200 OK", "application/json")) as ours:
        hands, client = hands_at(ours.url)
        answer = await hands.act("purge", {"queue": "orders"}, counts.expect(replace(SEEN, pending=5), 0.0))
        paused = await hands.act("pause", {"queue": "orders"}, {})
        created = await hands.act("create", {"queue": "orders"}, {})
        await client.close()
    assert (answer.ok, answer.text) == (False, "purged orders 5 -> 5 pending")
    assert (paused.ok, paused.text) == (False, "paused 'orders': it is not known to be paused or not, 5 pending")
    assert (created.ok, created.text) == (False, "'orders' is there already, with 5 pending; nothing was done")


async def test_a_queue_that_is_fed_while_it_is_purged_is_not_deleted() -> None:
    """It is asked again, and both that it was purged and that it is there still are said."""
    done: list[str] = []

    async def talk(it: Conversation) -> None:
        while True:
            requests = json.loads(await it.hear())
            its = {**ITS, **({"QueueSize": 40, "EnqueueCount": 45, "DequeueCount": 5} if done else {})}
            done.extend(each["operation"] for each in requests if each["type"] == "exec")
            yes = {"status": 200, "value": None}
            await it.reply(json.dumps([yes if each["type"] == "exec" else reading(each, its) for each in requests]).encode())

    async with peer(talk) as ours:
        hands, client = hands_at(ours.url)
        answer = await hands.act("delete", {"queue": "orders"}, counts.expect(replace(SEEN, pending=5), 0.0))
        await client.close()
    assert done == ["purge()"]
    assert answer.text == f"{CHANGED}: 40 messages came while 'orders' was purged; it was purged and not deleted"
    assert not answer.ok and hands.jobs()[0].state == "failed"


async def test_a_password_that_a_proxy_quotes_is_not_shown() -> None:
    async with peer(answering(b'<h1>bad request: ["x","admin","correct-horse"]</h1>', "502 Bad Gateway", "text/html")) as ours:
        client = Client(ours.url, lambda: None, 1.0)
        section = BrokerSection("b", ours.url, user="admin", password=Secret(env="HORSE"), write=True, timeout=1.0)
        station = Station(section, "activemq[0]", client, None, lambda: 0.0)
        answer = await Hands(station, Desk(station)).act("send", {"queue": "orders", "body": "x"}, {})
        await client.close()
        assert any(b"correct-horse" in body for body in ours.bodies)
    assert answer.text.startswith("unknown: no answer to send of 'orders' (HTTP 502") and "***" in answer.text
    assert "correct-horse" not in answer.text


async def test_what_cannot_be_counted_is_not_done() -> None:
    async def talk(it: Conversation) -> None:
        while True:
            await it.hear()
            await it.reply(b"<h1>no</h1>", "503 Service Unavailable", "text/html")

    async with peer(talk) as ours:
        hands, client = hands_at(ours.url)
        answer = await hands.act("purge", {"queue": "orders"}, counts.expect(SEEN, 0.0))
        with pytest.raises(Unavailable, match="HTTP 503"):
            await hands.preview(PreviewOf("purge", '{"queue": "orders"}'))
        await client.close()
        assert not any(b'"exec"' in body for body in ours.bodies)
    assert not answer.ok and answer.text.endswith(SURE)


async def test_what_makes_no_sense_is_refused_before_the_broker_is_asked() -> None:
    hands, _ = hands_at("http://127.0.0.1:1/api/jolokia/")
    seen = counts.expect(SEEN, 0.0)
    for verb, told, said in (
        ("explode", {}, "'explode' is nothing that can be done"),
        ("purge", {"queue": "ActiveMQ.Advisory.Queue"}, "left alone"),
        ("move", {"queue": "a", "to": "a"}, "'a' is where the messages are already"),
        ("copy", {"queue": "a", "to": "topic://t"}, "lost"),
        ("create", {"queue": "a,b"}, "several queues"),
        ("delete", {"queue": " a"}, "another queue would be meant"),
        ("cancel", {"job": 5}, "there is no job 5"),
        ("cancel", {}, "there must be `job`"),
    ):
        answer = await hands.act(verb, told, seen)
        assert not answer.ok and said in answer.text
        preview = await hands.preview(PreviewOf(verb, json.dumps(told)))
        assert preview.refused and preview.lines == ()
    assert (await hands.act("purge", {"queue": "a"}, {})).text.startswith("purge: say what you saw")
    assert (await hands.preview(PreviewOf("purge", "{"))).refused
    assert hands.jobs() == ()
