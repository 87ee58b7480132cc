"""What is done to the queues of real brokers, looked at by another client. What breaks a broker is done to one of our own."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.activemq import figures
from backends.activemq.acting import moving
from backends.activemq.acting.hands import Hands, Rate
from backends.activemq.config import BrokerSection
from backends.activemq.jolokia import Client
from backends.activemq.messages.browse import Desk
from backends.activemq.station import Station
from backends.activemq.stomp.client import StompClient
from backends.questions import Preview, PreviewOf
from backends.source import Answer
from settings.secret import Secret
from tests.backends.broker_proxy import deaf, proxy
from tests.lab import jars
from tests.lab.activemq import HARDENED, OLD, PASSWORD, USER, ActiveMQ, Kind, ask_jolokia, queue_sizes
from tests.lab.stomp_client import Frame, Stomp
from tests.waiting import until

BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"
DENYING = """<?xml version="1.0" encoding="UTF-8"?>
<restrict>
  <cors><strict-checking/></cors>
  <commands><command>read</command><command>search</command><command>version</command><command>exec</command></commands>
  <deny><mbean><name>org.apache.activemq:*</name><operation>purge()</operation><operation>pause()</operation></mbean></deny>
</restrict>
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)


@pytest.fixture(params=["activemq_old", "activemq_hardened"])
def broker(request: pytest.FixtureRequest) -> Iterator[ActiveMQ]:
    """With none of our queues, before and after."""
    found: ActiveMQ = request.getfixturevalue(request.param)
    swept(found)
    yield found
    swept(found)


def own(kind: Kind, jar_set: str, directory: Path, **more: Any) -> Iterator[ActiveMQ]:
    broker = ActiveMQ(jar_set, directory, jars.class_paths([jar_set])[jar_set], kind, **more)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module", params=[(OLD, "activemq-old"), (HARDENED, "activemq-hardened")], ids=["old", "hardened"])
def denying(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    """A broker whose policy denies purge() and pause(), in just that spelling."""
    kind, jar_set = request.param
    directory = tmp_path_factory.mktemp("denying")
    (policy := directory / "policy.xml").write_text(DENYING)
    yield from own(kind, jar_set, directory, policy=policy)


@pytest.fixture(scope="module", params=[(OLD, "activemq-old"), (HARDENED, "activemq-hardened")], ids=["old", "hardened"])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    """A broker that keeps messages back, and on disk what its 8 MiB of memory do not hold."""
    kind, jar_set = request.param
    options = ("-Dlab.memory_mb=8", "-Dlab.scheduler=true", "-Dlab.store=true")
    yield from own(kind, jar_set, tmp_path_factory.mktemp("small"), options=options)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    """A hardened broker that takes ten requests a second."""
    yield from own(HARDENED, "activemq-hardened", tmp_path_factory.mktemp("strict"), options=("-Dlab.requests_per_second=10",))


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    yield from own(OLD, "activemq-old", tmp_path_factory.mktemp("doomed"))


class Hand:
    """The hands, and how a console would use them."""

    def __init__(self, station: Station, hands: Hands, told: list[tuple[str, str]]) -> None:
        self.station, self.hands, self.told = station, hands, told

    async def look(self) -> None:
        self.station.reading = figures.reading(await self.station.read(*figures.READS))

    async def preview(self, verb: str, **arguments: Any) -> Preview:
        return await self.hands.preview(PreviewOf(verb, json.dumps(arguments)))

    async def agree(self, verb: str, **arguments: Any) -> Answer:
        """Previewed, and agreed to at once."""
        preview = await self.preview(verb, **arguments)
        assert preview.refused is None, preview.refused
        return await self.hands.act(verb, arguments, preview.expect)

    async def act(self, verb: str, **arguments: Any) -> Answer:
        return await self.hands.act(verb, arguments, {})


def login() -> str:
    return "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@asynccontextmanager
async def hand_on(broker: ActiveMQ, *, url: str = "", stomp: str = "", rate: Rate | None = None, **more: Any) -> AsyncIterator[Hand]:
    """`url` and `stomp`: addresses, of the broker or of something in between; without `stomp` there is none."""
    password = Secret(env="BROKER_PASSWORD")
    known: dict[str, Any] = {"name": "b", "jolokia": url or broker.jolokia, "user": USER, "password": password, "write": True}
    section = BrokerSection(**(known | {"stomp": stomp or None} | more))
    client = Client(section.jolokia, login, section.timeout)
    over = StompClient(stomp, None, lambda: (USER, PASSWORD), 5.0) if stomp else None
    station = Station(section, "activemq[0]", client, over, time.time)
    told: list[tuple[str, str]] = []
    hand = Hand(station, Hands(station, Desk(station), lambda severity, text: told.append((severity, text)), rate or (lambda _: 0.0)), told)
    try:
        yield hand
    finally:
        await client.close()
        if over is not None:
            await over.close()


def swept(broker: ActiveMQ) -> None:
    for name in queue_sizes(broker.jolokia):
        if name.startswith("hd.") or name == "ActiveMQ.DLQ":
            execute(broker, mbean_of(name), "purge()")
            execute(broker, BROKER, "removeQueue(java.lang.String)", name)


def mbean_of(queue: str) -> str:
    return f"{BROKER},destinationType=Queue,destinationName={queue}"


def execute(broker: ActiveMQ, mbean: str, operation: str, *arguments: str) -> Any:
    return ask_jolokia(broker.jolokia, {"type": "exec", "mbean": mbean, "operation": operation, "arguments": arguments})


def sizes(broker: ActiveMQ) -> dict[str, int]:
    return {name: size for name, size in queue_sizes(broker.jolokia).items() if name.startswith("hd.")}


def fill(broker: ActiveMQ, queue: str, number: int, **headers: str) -> None:
    stomp = Stomp(broker.stomp)
    for each in range(number):
        stomp.send(queue, f"body {each}", confirm=each == number - 1, n=str(each), **headers)
    stomp.close()


def taken(broker: ActiveMQ, queue: str) -> list[Frame]:
    """All messages of the queue, as another client gets them."""
    stomp = Stomp(broker.stomp)
    stomp.subscribe(queue, "auto", 1000)
    found = []
    while (frame := stomp.receive(0.5)) is not None:
        found.append(frame)
    stomp.close()
    return found


def bodies(broker: ActiveMQ, queue: str) -> list[str]:
    return [frame.body.decode() for frame in taken(broker, queue)]


def ids(broker: ActiveMQ, queue: str) -> list[str]:
    return [message["JMSMessageID"] for message in execute(broker, mbean_of(queue), "browse()")["value"]]


def dead(broker: ActiveMQ, queue: str, number: int) -> None:
    """So many messages of the queue refused by a consumer."""
    fill(broker, queue, number)
    stomp = Stomp(broker.stomp)
    stomp.subscribe(queue, "client-individual", 1)
    for _ in range(number):
        frame = stomp.receive()
        assert frame is not None
        stomp.nack(frame)
    stomp.close()


async def test_purge_empties_the_queue_and_says_from_what_to_what(broker: ActiveMQ) -> None:
    fill(broker, "hd.orders", 30)
    async with hand_on(broker) as hand:
        preview = await hand.preview("purge", queue="hd.orders")
        assert (preview.typed, preview.expect["pending"], preview.expect["most"]) == ("hd.orders", 30, 30)
        assert "30 pending messages will be gone for good" in preview.lines[0]
        answer = await hand.hands.act("purge", {"queue": "hd.orders"}, preview.expect)
        assert (answer.ok, answer.text) == (True, "purged hd.orders 30 -> 0 pending")
    assert sizes(broker) == {"hd.orders": 0}


async def test_purge_is_refused_when_more_is_there_than_was_agreed_to_or_a_consumer_appeared(broker: ActiveMQ) -> None:
    fill(broker, "hd.orders", 3)
    async with hand_on(broker) as hand:
        preview = await hand.preview("purge", queue="hd.orders")
        fill(broker, "hd.orders", 1)
        more = await hand.hands.act("purge", {"queue": "hd.orders"}, preview.expect)
        preview = await hand.preview("purge", queue="hd.orders")
        consumer = Stomp(broker.stomp)
        consumer.subscribe("hd.orders", "client-individual", 1)
        appeared = await hand.hands.act("purge", {"queue": "hd.orders"}, preview.expect)
        consumer.close()
    assert (more.ok, more.text) == (False, "counts changed: 'hd.orders' has 4 pending now, 3 were seen; nothing was done")
    assert (appeared.ok, appeared.text) == (False, "counts changed: 'hd.orders' has 1 consumer now, none was seen; nothing was done")
    assert sizes(broker) == {"hd.orders": 4}


async def test_delete_empties_the_queue_and_then_it_is_gone(broker: ActiveMQ) -> None:
    fill(broker, "hd.orders", 5)
    async with hand_on(broker) as hand:
        answer = await hand.agree("delete", queue="hd.orders")
        again = await hand.hands.act("delete", {"queue": "hd.orders"}, {"name": "hd.orders", "pending": 0, "most": 0, "consumers": 0})
    assert (answer.ok, answer.text) == (True, "deleted 'hd.orders' with 5 pending: it is gone")
    assert (again.ok, again.text) == (False, "there is no queue 'hd.orders'; nothing was done")
    assert sizes(broker) == {}


async def test_a_queue_deleted_under_a_client_is_there_again_with_its_next_message_and_the_preview_says_so(broker: ActiveMQ) -> None:
    fill(broker, "hd.orders", 1)
    consumer = Stomp(broker.stomp)
    consumer.subscribe("hd.orders", "client-individual", 1)
    assert consumer.receive() is not None
    async with hand_on(broker) as hand:
        preview = await hand.preview("delete", queue="hd.orders")
        assert "a connected client creates it again as soon as it uses it" in preview.warnings
        assert any("1 consumer may still process what they have (1 in flight)" in each for each in preview.warnings)
        answer = await hand.hands.act("delete", {"queue": "hd.orders"}, preview.expect)
        fill(broker, "hd.orders", 1)
        assert consumer.receive() is not None
        consumer.close()
    assert answer.text.startswith("deleted 'hd.orders' with 1 pending")
    assert sizes(broker)["hd.orders"] == 1


async def test_create_makes_a_queue_once_and_never_one_that_would_be_read_as_another(broker: ActiveMQ) -> None:
    async with hand_on(broker) as hand:
        made = await hand.act("create", queue="hd.새 큐")
        again = await hand.act("create", queue="hd.새 큐")
        hidden = await hand.act("create", queue="hd.a_b")
        collides = await hand.act("create", queue="hd.a:b")
        odd = [(await hand.act("create", queue=name)).text for name in ("hd.a,b", "hd.>", "topic://hd.t", " hd.x", "hd.x?a=1")]
    assert (made.ok, made.text) == (True, "created 'hd.새 큐'")
    assert (again.ok, again.text) == (False, "'hd.새 큐' is there already, with 0 pending; nothing was done")
    assert hidden.ok
    assert not collides.ok and "JMX has the same name for 'hd.a:b' as for 'hd.a_b'" in collides.text
    assert sizes(broker) == {"hd.새 큐": 0, "hd.a_b": 0}, odd


async def test_pause_holds_messages_back_until_resume(broker: ActiveMQ) -> None:
    fill(broker, "hd.orders", 2)
    async with hand_on(broker) as hand:
        paused = await hand.act("pause", queue="hd.orders")
        assert taken(broker, "hd.orders") == []
        assert "it is so already" in (await hand.preview("pause", queue="hd.orders")).warnings
        resumed = await hand.act("resume", queue="hd.orders")
    assert (paused.ok, paused.text) == (True, "paused 'hd.orders': it is paused, 2 pending")
    assert (resumed.ok, resumed.text) == (True, "resumed 'hd.orders': it is not paused, 2 pending")
    assert bodies(broker, "hd.orders") == ["body 0", "body 1"]


async def test_move_takes_all_in_chunks_and_makes_its_target(broker: ActiveMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "CHUNK", 10)
    fill(broker, "hd.a", 25)
    async with hand_on(broker) as hand:
        preview = await hand.preview("move", queue="hd.a", to="hd.b")
        assert preview.lines[0] == "move all 25 messages of 'hd.a' (25 pending)"
        assert "to 'hd.b', which does not exist: it is created" in preview.lines
        answer = await hand.hands.act("move", {"queue": "hd.a", "to": "hd.b"}, preview.expect)
        (job,) = hand.hands.jobs()
    assert (answer.ok, answer.text) == (True, "moved 25 messages from hd.a to hd.b: hd.a 25 -> 0, hd.b 0 -> 25")
    assert (job.verb, job.queue, job.to, job.done, job.of, job.state, job.text) == ("move", "hd.a", "hd.b", 25, 25, "done", answer.text)
    assert bodies(broker, "hd.b") == [f"body {each}" for each in range(25)]


async def test_what_a_consumer_holds_is_moved_too_and_the_preview_says_so(broker: ActiveMQ) -> None:
    fill(broker, "hd.a", 3)
    consumer = Stomp(broker.stomp)
    consumer.subscribe("hd.a", "client-individual", 1)
    held = consumer.receive()
    assert held is not None
    async with hand_on(broker) as hand:
        preview = await hand.preview("move", queue="hd.a", to="hd.b")
        answer = await hand.hands.act("move", {"queue": "hd.a", "to": "hd.b"}, preview.expect)
    consumer.ack(held)
    consumer.close()
    assert "in flight: 1, which a consumer may still process though they are moved, and again where they go" in preview.warnings
    assert answer.text == "moved 3 messages from hd.a to hd.b: hd.a 3 -> 0, hd.b 0 -> 3"
    assert bodies(broker, "hd.b") == ["body 0", "body 1", "body 2"]


async def test_move_by_first_selector_and_ids_takes_those_and_no_other(broker: ActiveMQ) -> None:
    fill(broker, "hd.a", 10)
    async with hand_on(broker) as hand:
        first = await hand.agree("move", queue="hd.a", to="hd.first", first=2)
        matching = await hand.preview("move", queue="hd.a", to="hd.matching", selector="n > 6")
        assert matching.lines[0] == "move 3 messages that match n > 6 of 'hd.a' (8 pending)"
        selected = await hand.agree("move", queue="hd.a", to="hd.matching", selector="n > 6")
        two = ids(broker, "hd.a")[1:3]
        named = await hand.agree("move", queue="hd.a", to="hd.named", ids="\n".join([*two, "ID:nobody-1-2-3:1:1:1:1"]))
        none = await hand.agree("move", queue="hd.a", to="hd.none", selector="n > 100")
        bad = await hand.hands.act("move", {"queue": "hd.a", "to": "hd.b", "selector": "n = = 1"}, first_seen("hd.a", 3))
    assert first.text == "moved 2 messages from hd.a to hd.first: hd.a 10 -> 8, hd.first 0 -> 2"
    assert selected.text == "moved 3 messages from hd.a to hd.matching: hd.a 8 -> 5, hd.matching 0 -> 3"
    assert named.text == (
        "moved 2 of 3 messages from hd.a to hd.named: hd.a 5 -> 3, hd.named 0 -> 2; "
        "1 not found: taken meanwhile, or further back than the broker looks"
    )
    assert not named.ok
    assert (none.ok, "moved 0 messages" in none.text, none.text.endswith("; none matched")) == (False, True, True)
    assert not bad.ok and "n = = 1" in bad.text and "moved 0 messages" in bad.text
    assert bodies(broker, "hd.first") == ["body 0", "body 1"]
    assert bodies(broker, "hd.matching") == ["body 7", "body 8", "body 9"]
    assert bodies(broker, "hd.named") == ["body 3", "body 4"]
    assert bodies(broker, "hd.a") == ["body 2", "body 5", "body 6"]


def first_seen(name: str, pending: int, consumers: int = 0) -> Mapping[str, Any]:
    return {"name": name, "pending": pending, "most": pending, "consumers": consumers, "in_flight": 0}


async def test_a_second_copy_is_dropped_by_the_broker_and_not_claimed(broker: ActiveMQ) -> None:
    fill(broker, "hd.a", 4)
    async with hand_on(broker) as hand:
        two = await hand.agree("copy", queue="hd.a", to="hd.b", first=2)
        rest = await hand.agree("copy", queue="hd.a", to="hd.b")
        one = await hand.agree("copy", queue="hd.a", to="hd.b", ids=ids(broker, "hd.a")[0])
    assert (two.ok, two.text) == (True, "copied 2 messages from hd.a to hd.b: hd.a 4 -> 4, hd.b 0 -> 2")
    assert (rest.ok, rest.text) == (
        False,
        "the broker says 4 messages were copied; hd.b has got 2 more: hd.a 4 -> 4, hd.b 2 -> 4; what hd.b had before is not copied again",
    )
    assert not one.ok and "the broker says 1 message was copied; hd.b has got 0 more" in one.text
    assert len(taken(broker, "hd.b")) == len(taken(broker, "hd.a")) == 4


async def test_remove_takes_single_messages_out_and_all_of_them_is_purge(broker: ActiveMQ) -> None:
    fill(broker, "hd.a", 6)
    async with hand_on(broker) as hand:
        named = await hand.agree("remove", queue="hd.a", ids=ids(broker, "hd.a")[0])
        selected = await hand.agree("remove", queue="hd.a", selector="n > 3", first=1)
        everything = await hand.hands.act("remove", {"queue": "hd.a"}, first_seen("hd.a", 4))
    assert named.text == "removed 1 message from hd.a: hd.a 6 -> 5"
    assert selected.text == "removed 1 message from hd.a: hd.a 5 -> 4"
    assert everything.text == "remove: say which messages (ids, selector or first); all of a queue is purge"
    assert bodies(broker, "hd.a") == ["body 1", "body 2", "body 3", "body 5"]


async def test_dead_letters_go_back_to_where_they_came_from(broker: ActiveMQ) -> None:
    dead(broker, "hd.one", 3)
    dead(broker, "hd.two", 2)
    async with hand_on(broker) as hand:
        first = await hand.agree("retry", queue="ActiveMQ.DLQ", ids=ids(broker, "ActiveMQ.DLQ")[0])
        second = await hand.agree("retry", queue="ActiveMQ.DLQ", first=1)
        rest = await hand.agree("retry", queue="ActiveMQ.DLQ")
        none = await hand.preview("retry", queue="hd.one")
    assert first.text == "retried 1 message of ActiveMQ.DLQ, each to where it came from: ActiveMQ.DLQ 5 -> 4"
    assert second.text == "retried 1 message of ActiveMQ.DLQ, each to where it came from: ActiveMQ.DLQ 4 -> 3"
    assert (rest.ok, rest.text) == (True, "retried 3 messages of ActiveMQ.DLQ, each to where it came from: ActiveMQ.DLQ 3 -> 0")
    assert sizes(broker) == {"hd.one": 3, "hd.two": 2}
    assert none.refused is None  # they say where they came from, dead letters as they were


async def test_retry_of_what_is_no_dead_letter_is_refused(broker: ActiveMQ) -> None:
    fill(broker, "hd.a", 1)
    async with hand_on(broker) as hand:
        preview = await hand.preview("retry", queue="hd.a")
        answer = await hand.hands.act("retry", {"queue": "hd.a"}, first_seen("hd.a", 1))
    assert preview.refused == "'hd.a' is no queue of dead letters, and its messages do not say where they came from: use move"
    assert not answer.ok and "retried 0 of 1 message" in answer.text
    assert sizes(broker) == {"hd.a": 1}


async def test_through_jolokia_a_text_keeps_what_it_is_sent_with(broker: ActiveMQ) -> None:
    execute(broker, BROKER, "addQueue(java.lang.String)", "hd.a")
    properties = json.dumps({"colour": "red", "big": True, "n": {"type": "Long", "value": 5}, "small": 7})
    message = {"queue": "hd.a", "body": "안녕", "properties": properties, "count": 3}
    headers = {"priority": 7, "correlation_id": "c", "reply_to": "hd.r", "type": "t", "ttl_s": 60}
    async with hand_on(broker) as hand:
        preview = await hand.preview("send", **message, **headers)
        answer = await hand.act("send", **message, **headers)
        refused = await hand.act("send", queue="hd.a", body_base64=base64.b64encode(b"\0\1").decode())
    assert "send 3 text messages of 6 bytes to 'hd.a' (0 pending), persistent, through Jolokia" in preview.lines
    assert preview.warnings == ("Jolokia makes a Long of small (Int)",)
    assert answer.ok and answer.text.startswith("sent 3 messages to hd.a through Jolokia: hd.a 0 -> 3")
    assert not refused.ok and "activemq[0].stomp is not set" in refused.text and "Jolokia sends text only" in refused.text
    messages = execute(broker, mbean_of("hd.a"), "browse()")["value"]
    assert len(messages) == 3
    its = messages[0]
    assert (its["Text"], its["JMSDeliveryMode"], its["JMSPriority"], its["JMSCorrelationID"]) == ("안녕", "PERSISTENT", 7, "c")
    assert (its["JMSReplyTo"], its["JMSType"], its["StringProperties"]) == ("queue://hd.r", "t", {"colour": "red"})
    assert (its["BooleanProperties"], its["LongProperties"]) == ({"big": True}, {"n": 5, "small": 7}) and its["JMSExpiration"]


async def test_over_stomp_bytes_arrive_as_they_are(broker: ActiveMQ) -> None:
    execute(broker, BROKER, "addQueue(java.lang.String)", "hd.a")
    raw = bytes(range(256)) * 4
    async with hand_on(broker, stomp=broker.stomp) as hand:
        answer = await hand.act("send", queue="hd.a", body_base64=base64.b64encode(raw).decode(), count=250, properties='{"n": "1"}')
        text = await hand.act("send", queue="hd.a", body="plain")
        typed = await hand.act("send", queue="hd.a", body="typed", properties='{"n": 5}')
    assert (answer.ok, answer.text) == (True, "sent 250 messages to hd.a over STOMP: hd.a 0 -> 250")
    assert text.text == "sent 1 message to hd.a over STOMP: hd.a 250 -> 251"
    assert typed.text == "sent 1 message to hd.a through Jolokia: hd.a 251 -> 252; Jolokia makes a Long of n (Int)"
    found = taken(broker, "hd.a")
    assert {frame.body for frame in found[:250]} == {raw} and all(frame.headers["persistent"] == "true" for frame in found)
    assert [frame.body for frame in found[250:]] == [b"plain", b"typed"]


async def test_a_delay_is_refused_where_the_broker_has_no_scheduler(broker: ActiveMQ) -> None:
    execute(broker, BROKER, "addQueue(java.lang.String)", "hd.a")
    async with hand_on(broker) as hand:
        preview = await hand.preview("send", queue="hd.a", body="later", delay_s=60)
        answer = await hand.act("send", queue="hd.a", body="later", delay_s=60)
    assert preview.refused is not None and "the broker has no scheduler: schedulerSupport is off" in preview.refused
    assert not answer.ok and answer.text == f"{preview.refused}; nothing was done"
    assert sizes(broker) == {"hd.a": 0}


async def test_an_import_is_checked_whole_before_anything_is_sent(broker: ActiveMQ) -> None:
    execute(broker, BROKER, "addQueue(java.lang.String)", "hd.a")
    numbers = [[{"name": "n", "type": "Long", "value": n}] for n in range(3)]
    good = [json.dumps({"kind": "text", "body": "line\u2028", "properties": each}, ensure_ascii=False) for each in numbers]
    async with hand_on(broker) as hand:
        wrong = await hand.act("import", queue="hd.a", lines="\n".join([*good, '{"kind": "text", "body": 5}']))
        assert sizes(broker) == {"hd.a": 0}
        preview = await hand.preview("import", queue="hd.a", count=3, bytes=300)
        answer = await hand.act("import", queue="hd.a", lines="\n".join(good) + "\n")
    assert not wrong.ok and wrong.text.startswith("import: line 4: body") and wrong.text.endswith("nothing was done")
    assert preview.lines[0] == "import 3 messages, 300 bytes, into 'hd.a' (0 pending)"
    assert (answer.ok, answer.text) == (True, "sent 3 messages to hd.a through Jolokia: hd.a 0 -> 3")
    found = execute(broker, mbean_of("hd.a"), "browse()")["value"]
    assert [(message["Text"], message["LongProperties"]) for message in found] == [("line\u2028", {"n": n}) for n in range(3)]


async def test_a_job_is_cancelled_between_two_requests_and_says_how_far_it_came(broker: ActiveMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "CHUNK", 1)
    fill(broker, "hd.a", 200)
    async with hand_on(broker) as hand:
        seen = (await hand.preview("move", queue="hd.a", to="hd.b")).expect
        moving_all = asyncio.create_task(hand.hands.act("move", {"queue": "hd.a", "to": "hd.b"}, seen))
        await until(lambda: bool(hand.hands.jobs()) and hand.hands.jobs()[0].done >= 3)
        (running,) = hand.hands.jobs()
        busy = (await hand.preview("purge", queue="hd.b")).refused
        cancelled = await hand.act("cancel", job=running.id)
        answer = await moving_all
        (ended,) = [job for job in hand.hands.jobs() if job.id == running.id]
        late = await hand.act("cancel", job=running.id)
    assert (running.state, running.of) == ("running", 200)
    assert busy == f"'hd.b' is being moved to: job {running.id}; wait for its end, or cancel it"
    assert cancelled.ok and not answer.ok
    assert (ended.state, ended.text) == ("cancelled", answer.text)
    left = sizes(broker)
    assert left["hd.a"] + left["hd.b"] == 200 and left["hd.b"] == ended.done
    counts = f"hd.a 200 -> {left['hd.a']}, hd.b 0 -> {left['hd.b']}"
    assert answer.text == f"cancelled: moved {ended.done} of 200 messages from hd.a to hd.b: {counts}"
    assert not late.ok and late.text.startswith(f"job {running.id} has ended already")


async def test_a_given_up_action_leaves_its_queue_free(broker: ActiveMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "CHUNK", 1)
    fill(broker, "hd.a", 100)
    async with hand_on(broker) as hand:
        acting = asyncio.create_task(hand.agree("move", queue="hd.a", to="hd.b"))
        await until(lambda: bool(hand.hands.jobs()) and hand.hands.jobs()[0].done >= 3)
        acting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acting
        (job,) = hand.hands.jobs()
        again = await hand.agree("purge", queue="hd.a")
    assert (job.state, job.text) == ("unknown", "move of 'hd.a' was given up while it ran: look before you do it again")
    assert again.ok


async def test_a_queue_in_use_is_told_apart_from_what_was_done(broker: ActiveMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving, "CHUNK", 5)
    fill(broker, "hd.a", 20)
    async with hand_on(broker) as hand:
        acting = asyncio.create_task(hand.agree("move", queue="hd.a", to="hd.b"))
        await until(lambda: bool(hand.hands.jobs()) and hand.hands.jobs()[0].done >= 5)
        await asyncio.to_thread(fill, broker, "hd.a", 3)
        await asyncio.to_thread(fill, broker, "hd.b", 2)
        answer = await acting
    left = sizes(broker)
    assert left == {"hd.a": 3, "hd.b": 22}
    assert answer.text.startswith("moved 20 messages from hd.a to hd.b: ")


async def test_names_that_jmx_confuses_are_never_mistaken_for_each_other(broker: ActiveMQ) -> None:
    for name in ("hd.a,b", "hd.a_b"):
        execute(broker, BROKER, "addQueue(java.lang.String)", name)
    fill(broker, "hd.a_b", 2)
    fill(broker, "hd.c", 1)
    async with hand_on(broker) as hand:
        await hand.look()
        hidden = await hand.preview("purge", queue="hd.a_b")
        target = await hand.preview("move", queue="hd.c", to="hd.a_b")
        gone = await hand.preview("delete", queue="hd.a,b")
        assert gone.refused is None
        execute(broker, BROKER, "removeQueue(java.lang.String)", "hd.a,b")  # and its MBean becomes another queue's
        execute(broker, BROKER, "addQueue(java.lang.String)", "hd.a:b")
        other = await hand.hands.act("delete", {"queue": "hd.a,b"}, gone.expect)
    for preview in (hidden, target):
        assert preview.refused is not None and "JMX has the same name for 'hd.a_b' as for 'hd.a,b'" in preview.refused
    assert not other.ok and "the MBean of 'hd.a,b' is that of 'hd.a:b' now" in other.text
    assert len(taken(broker, "hd.a_b")) == 2
    execute(broker, BROKER, "removeQueue(java.lang.String)", "hd.a_b")


async def test_a_denied_operation_is_denied_for_good_and_asked_once(denying: ActiveMQ) -> None:
    fill(denying, "hd.a", 2)
    async with proxy(denying.http_port) as between, hand_on(denying, url=between.url) as hand:
        first = await hand.agree("purge", queue="hd.a")
        second = await hand.preview("purge", queue="hd.a")
        third = await hand.hands.act("purge", {"queue": "hd.a"}, first_seen("hd.a", 2))
        deleting = await hand.preview("delete", queue="hd.a")
        paused = await hand.act("pause", queue="hd.a")
        allowed = await hand.agree("move", queue="hd.a", to="hd.b")
        asked = between.operations()
    assert not first.ok and first.text.startswith("denied by the broker: ") and first.text.endswith("; nothing was done")
    assert "denied: " in (second.refused or "") and "denied: " in third.text and "denied: " in (deleting.refused or "")
    assert not paused.ok and "denied" in paused.text
    assert allowed.ok
    assert [each for each in asked if each in ("purge()", "pause()")] == ["purge()", "pause()"]
    assert hand.station.may.table()["purge"] != True and hand.station.may.table()["move"] is True  # noqa: E712


LOSSES: list[tuple[str, dict[str, Any], str, str]] = [
    ("purge", {"queue": "hd.a"}, "purge()", "it has 0 pending now, 5 before"),
    ("delete", {"queue": "hd.a"}, "removeQueue(java.lang.String)", "it is gone now, had 5 pending before"),
    (
        "move",
        {"queue": "hd.a", "to": "hd.b"},
        moving.DEEDS["move"].matching or "",
        "it has 0 pending now, 5 before; 'hd.b' has 5 pending now",
    ),
    ("copy", {"queue": "hd.a", "to": "hd.b"}, "copyMatchingMessagesTo(java.lang.String,java.lang.String)", "'hd.b' has 5 pending now"),
    ("remove", {"queue": "hd.a", "first": 2}, moving.DEEDS["remove"].matching or "", "it has 3 pending now, 5 before"),
    ("create", {"queue": "hd.new"}, "addQueue(java.lang.String)", "it is there now"),
    ("pause", {"queue": "hd.a"}, "pause()", "it is paused now"),
    ("send", {"queue": "hd.a", "body": "x"}, "sendTextMessage", "it has 6 pending now, 5 before"),
]


@pytest.mark.parametrize(("verb", "arguments", "operation", "now"), LOSSES, ids=[loss[0] for loss in LOSSES])
async def test_a_lost_answer_is_unknown_and_nothing_is_sent_twice(
    broker: ActiveMQ, verb: str, arguments: dict[str, Any], operation: str, now: str
) -> None:
    fill(broker, "hd.a", 5)
    async with proxy(broker.http_port) as between, hand_on(broker, url=between.url) as hand:
        preview = await hand.preview(verb, **arguments)
        between.drop_answer_to = operation
        answer = await hand.hands.act(verb, arguments, preview.expect)
        await asyncio.sleep(0)
        asked = [each for each in between.operations() if each.startswith(operation)]
        (job, *_) = hand.hands.jobs()
    assert not answer.ok
    assert answer.text.startswith(f"unknown: no answer to {verb} of '{arguments['queue']}' (") and now in answer.text
    assert answer.text.endswith("look before you do it again")
    assert len(asked) == 1
    assert (job.state, hand.told) == ("unknown", [("warning", answer.text)])


async def test_an_answer_that_never_comes_is_unknown_after_the_timeout(broker: ActiveMQ) -> None:
    fill(broker, "hd.a", 5)
    async with proxy(broker.http_port) as between, hand_on(broker, url=between.url, timeout=1.0) as hand:
        preview = await hand.preview("purge", queue="hd.a")
        between.keep_answer_to = "purge()"
        answer = await hand.hands.act("purge", {"queue": "hd.a"}, preview.expect)
        assert between.operations().count("purge()") == 1
    assert (
        answer.text
        == "unknown: no answer to purge of 'hd.a' (no whole reply in 1.01 s); it has 0 pending now, 5 before: look before you do it again"
    )


async def test_a_broker_that_is_gone_did_nothing(doomed: ActiveMQ) -> None:
    fill(doomed, "hd.a", 1)
    async with hand_on(doomed) as hand:
        await hand.look()
        preview = await hand.preview("purge", queue="hd.a")
        doomed.kill()
        try:
            answer = await hand.hands.act("purge", {"queue": "hd.a"}, preview.expect)
        finally:
            doomed.start()
        assert not answer.ok and "cannot connect to" in answer.text and answer.text.endswith("; nothing was done")
    assert sizes(doomed) == {"hd.a": 1}


async def test_a_broker_that_dies_with_an_action_leaves_it_unknown(doomed: ActiveMQ) -> None:
    fill(doomed, "hd.b", 1)
    async with proxy(doomed.http_port) as between, hand_on(doomed, url=between.url) as hand:
        preview = await hand.preview("purge", queue="hd.b")
        between.before("purge()", doomed.kill)
        try:
            answer = await hand.hands.act("purge", {"queue": "hd.b"}, preview.expect)
        finally:
            doomed.start()
    assert answer.text.startswith("unknown: no answer to purge of 'hd.b' (") and "it cannot be read now (" in answer.text


async def test_read_only_asks_the_broker_nothing(activemq_old: ActiveMQ) -> None:
    async with proxy(activemq_old.http_port) as between, hand_on(activemq_old, url=between.url, write=False) as hand:
        for verb in ("purge", "delete", "create", "pause", "resume", "move", "copy", "retry", "remove", "send", "import", "cancel"):
            answer = await hand.act(verb, queue="hd.a")
            assert not answer.ok and "read-only: activemq[0].write is false" in answer.text
        assert (await hand.preview("purge", queue="hd.a")).refused == "purge: read-only: activemq[0].write is false in the configuration"
        assert between.heard == []


async def test_a_lost_receipt_of_stomp_is_unknown_and_the_message_is_sent_once(broker: ActiveMQ) -> None:
    execute(broker, BROKER, "addQueue(java.lang.String)", "hd.a")
    async with deaf(broker.stomp_port) as between, hand_on(broker, stomp=between.address) as hand:
        answer = await hand.act("send", queue="hd.a", body="once", count=3)
        assert (between.sent.count(b"SEND\n"), between.sent.count(b"COMMIT\n")) == (3, 1)
    assert not answer.ok and answer.text.startswith("unknown: no answer to send of 'hd.a' (")
    assert "it has 3 pending now, 0 before" in answer.text
    assert bodies(broker, "hd.a") == ["once"] * 3


async def test_a_queue_that_is_fed_may_grow_a_little_until_the_answer(broker: ActiveMQ) -> None:
    fill(broker, "hd.a", 5)
    async with hand_on(broker, rate=lambda _: 0.4) as hand:
        preview = await hand.preview("purge", queue="hd.a")
        fill(broker, "hd.a", 12)
        answer = await hand.hands.act("purge", {"queue": "hd.a"}, preview.expect)
    assert preview.expect["most"] == 17
    assert "messages keep coming (0.4/s): up to 17 go with it, above that you are asked again" in preview.warnings
    assert answer.text == "purged hd.a 17 -> 0 pending"


def fed_slowly(broker: ActiveMQ, queue: str) -> None:
    for _ in range(40):
        fill(broker, queue, 1)
        time.sleep(0.02)


async def test_how_fast_a_queue_is_fed_is_found_out_where_nobody_knows(broker: ActiveMQ) -> None:
    fill(broker, "hd.a", 5)
    async with hand_on(broker, rate=lambda _: None) as hand:
        calm = await hand.preview("purge", queue="hd.a")
        feeding = asyncio.create_task(asyncio.to_thread(fed_slowly, broker, "hd.a"))
        fed = await hand.preview("purge", queue="hd.a")
        await feeding
    assert calm.expect["most"] == 5
    assert int(str(fed.expect["most"])) >= int(str(fed.expect["pending"])) + 10


async def test_too_many_requests_stop_a_job_and_it_says_how_far_it_came(strict: ActiveMQ) -> None:
    fill(strict, "hd.a", 60)
    async with hand_on(strict) as hand:
        await until_allowed(hand)
        its = "\n".join(ids(strict, "hd.a"))
        answer = await hand.hands.act("remove", {"queue": "hd.a", "ids": its}, first_seen("hd.a", 60))
        (job,) = hand.hands.jobs()
    assert not answer.ok and answer.text.startswith("429 from Jolokia: too many requests")
    assert f"before that: removed {job.done} of 60 messages from hd.a" in answer.text and 0 < job.done < 60
    assert len(taken(strict, "hd.a")) == 60 - job.done


async def until_allowed(hand: Hand) -> None:
    """The start of the broker, and each look at it, used up its allowance."""
    await asyncio.sleep(2)
    await hand.look()


async def test_a_delayed_message_is_there_later_and_that_is_said(small: ActiveMQ) -> None:
    execute(small, BROKER, "addQueue(java.lang.String)", "hd.later")
    async with hand_on(small, stomp=small.stomp) as hand, asyncio.timeout(20):
        stomp = await hand.act("send", queue="hd.later", body="a", delay_s=2)
        assert sizes(small)["hd.later"] == 0
        await hand.look()
        while sizes(small)["hd.later"] < 1:  # noqa: ASYNC110, only the broker knows
            await asyncio.sleep(0.1)
    assert stomp.ok
    assert stomp.text == (
        "sent 1 message to hd.later over STOMP: hd.later 0 -> 0; 1 will be there later: the broker keeps them back for up to 2 s"
    )


async def test_of_a_queue_larger_than_memory_no_copy_claims_more_than_arrived_and_a_move_is_whole(small: ActiveMQ) -> None:
    swept(small)
    stomp = Stomp(small.stomp)
    for number in range(3000):
        stomp.send("hd.big", str(number).ljust(4096, "x"), confirm=number % 100 == 99, n=str(number))
    stomp.close()
    async with hand_on(small) as hand:
        preview = await hand.preview("copy", queue="hd.big", to="hd.copied")
        copy = await hand.hands.act("copy", {"queue": "hd.big", "to": "hd.copied"}, preview.expect)
        copied = sizes(small)["hd.copied"]
        await hand.agree("purge", queue="hd.copied")
        deep = await hand.agree("move", queue="hd.big", to="hd.some", selector="n = '2900'")
        move = await hand.agree("move", queue="hd.big", to="hd.moved")
    assert any("CacheEnabled is false" in each and "of 3,000" in each for each in preview.warnings), preview.warnings
    assert copied < 3000 and not copy.ok
    assert f"hd.copied has got {copied:,} more: hd.big 3,000 -> 3,000, hd.copied 0 -> {copied:,}" in copy.text
    assert not deep.ok and "the broker looked only at the head of the queue" in deep.text
    assert (move.ok, move.text) == (True, "moved 3,000 messages from hd.big to hd.moved: hd.big 3,000 -> 0, hd.moved 0 -> 3,000")


async def test_after_a_restart_the_broker_forgot_which_queue_is_of_dead_letters_and_retry_finds_them_all_the_same(doomed: ActiveMQ) -> None:
    dead(doomed, "hd.failed", 3)
    doomed.kill()
    doomed.start()
    async with hand_on(doomed) as hand:
        answer = await hand.agree("retry", queue="ActiveMQ.DLQ")
    assert (answer.ok, answer.text) == (True, "retried 3 messages of ActiveMQ.DLQ, each to where it came from: ActiveMQ.DLQ 3 -> 0")
    assert sizes(doomed)["hd.failed"] == 3
