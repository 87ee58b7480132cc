"""Messages of real brokers: 5.18 with Jolokia 1.7 and 6.3, hardened, with Jolokia 2.6; over STOMP and through Jolokia alone."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backends.activemq import figures
from backends.activemq.config import BrokerSection
from backends.activemq.jolokia import Client
from backends.activemq.messages import lines
from backends.activemq.messages.browse import Desk
from backends.activemq.messages.composite import sending_of
from backends.activemq.messages.frames import out_of
from backends.activemq.station import Station
from backends.activemq.stomp.client import Out, StompClient
from backends.messages import Message, Messages, Outgoing, Property
from backends.questions import BODY_BYTES, MessagesOf
from backends.source import Unavailable
from tests.lab import jars
from tests.lab.activemq import HARDENED, OLD, PASSWORD, USER, ActiveMQ, ask_jolokia

BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"
LOGIN = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SEND = "sendTextMessage(java.util.Map,java.lang.String,java.lang.String,java.lang.String)"


@pytest.fixture(params=["activemq_old", "activemq_hardened"])
def broker(request: pytest.FixtureRequest) -> ActiveMQ:
    found: ActiveMQ = request.getfixturevalue(request.param)
    return found


def policy_without(path: Path, operation: str) -> Path:
    """A Jolokia policy that allows everything of ActiveMQ but this operation."""
    denied = f"<deny><mbean><name>org.apache.activemq:*</name><operation>{operation}</operation></mbean></deny>"
    commands = "<commands><command>read</command><command>exec</command><command>version</command></commands>"
    path.write_text(f"<restrict>{commands}{denied}</restrict>")
    return path


class Room:
    """A station with its desk, and a hand that fills queues."""

    def __init__(self, broker: ActiveMQ, has_stomp: bool, write: bool) -> None:
        self.broker = broker
        section = BrokerSection(name="broker-a", jolokia=broker.jolokia, stomp=broker.stomp if has_stomp else None, write=write)
        self.client = Client(broker.jolokia, lambda: LOGIN, 20.0)
        self.sender = StompClient(broker.stomp, None, lambda: (USER, PASSWORD), 10.0)
        self.reader = StompClient(broker.stomp, None, lambda: (USER, PASSWORD), 10.0) if has_stomp else None
        self.station = Station(section, "activemq[0]", self.client, self.reader, time.time)
        self.desk = Desk(self.station)

    async def look_around(self) -> None:
        self.station.reading = figures.reading(await self.station.read(*figures.READS))

    async def send(self, queue: str, *bodies: Outgoing | bytes | str) -> None:
        await self.sender.send([out_of(queue, made(body), time.time()) for body in bodies])

    async def ask(self, queue: str, **more: Any) -> Messages:
        return await self.desk.messages(MessagesOf(queue, **more))

    async def trouble(self, queue: str, **more: Any) -> str:
        with pytest.raises(Unavailable) as caught:
            await self.ask(queue, **more)
        return caught.value.error

    async def only(self, queue: str, **more: Any) -> Message:
        """The one message, whole."""
        (message,) = (await self.ask(queue, **{"whole": True, **more})).messages
        return message

    async def close(self) -> None:
        await self.sender.close()
        if self.reader is not None:
            await self.reader.close()
        await self.client.close()


def made(body: Outgoing | bytes | str) -> Outgoing:
    if isinstance(body, Outgoing):
        return body
    return Outgoing("bytes", body) if isinstance(body, bytes) else Outgoing("text", body.encode())


@asynccontextmanager
async def room(broker: ActiveMQ, *queues: str, has_stomp: bool = True, write: bool = False) -> AsyncIterator[Room]:
    with there(broker, *queues):
        it = Room(broker, has_stomp, write)
        try:
            await it.look_around()
            yield it
        finally:
            await it.close()


@contextmanager
def there(broker: ActiveMQ, *queues: str) -> Iterator[None]:
    for queue in queues:
        act(broker, "addQueue", queue)
    try:
        yield
    finally:
        for queue in queues:
            act(broker, "removeQueue", queue)


def act(broker: ActiveMQ, operation: str, *arguments: Any, mbean: str = BROKER) -> Any:
    reply = ask_jolokia(broker.jolokia, {"type": "exec", "mbean": mbean, "operation": operation, "arguments": arguments}, timeout=30)
    assert reply["status"] == 200, reply
    return reply["value"]


def send_typed(broker: ActiveMQ, queue: str, outgoing: Outgoing) -> None:
    sending = sending_of(outgoing, time.time(), takes_fractions=broker.name == "activemq_old")
    act(broker, SEND, dict(sending.headers), sending.body, USER, PASSWORD, mbean=f"{BROKER},destinationType=Queue,destinationName={queue}")


def queues_of(broker: ActiveMQ) -> set[str]:
    pattern = f"{BROKER},destinationType=Queue,destinationName=*"
    reply = ask_jolokia(broker.jolokia, {"type": "read", "mbean": pattern, "attribute": ["Name"]})
    return {each["Name"] for each in reply.get("value", {}).values()}


def bodies(found: Messages) -> list[bytes | None]:
    return [message.body for message in found.messages]


WAYS = pytest.mark.parametrize("has_stomp", [True, False], ids=["stomp", "jolokia"])


@WAYS
async def test_a_page_is_k_of_n_from_the_head_of_the_queue(broker: ActiveMQ, has_stomp: bool) -> None:
    async with room(broker, "ms.pages", has_stomp=has_stomp) as it:
        await it.send("ms.pages", *(f"number {number}" for number in range(25)))
        first = await it.ask("ms.pages", limit=10)
        last = await it.ask("ms.pages", limit=10, skip=20)
        beyond = await it.ask("ms.pages", limit=10, skip=30)
    assert bodies(first) == [f"number {number}".encode() for number in range(10)]
    assert (first.pending, first.looked, first.skipped, first.is_end, first.note) == (25, 10, 0, False, "")
    assert bodies(last) == [f"number {number}".encode() for number in range(20, 25)]
    assert (last.looked, last.skipped, last.is_end, last.note) == (25, 20, True, "")
    assert (beyond.messages, beyond.skipped, beyond.is_end) == ((), 25, True)
    assert first.way == ("stomp" if has_stomp else "jolokia")


@WAYS
async def test_an_empty_queue_is_no_message_of_none(broker: ActiveMQ, has_stomp: bool) -> None:
    async with room(broker, "ms.empty", has_stomp=has_stomp) as it:
        found = await it.ask("ms.empty")
    assert (found.messages, found.pending, found.is_end, found.note) == ((), 0, True, "")


async def test_a_queue_that_is_not_there_is_not_made_by_looking(broker: ActiveMQ) -> None:
    async with room(broker, "ms.orders") as it:
        said = await it.trouble("ms.oders")
        assert said == "no queue 'ms.oders' on broker-a; did you mean ms.orders?"
        act(broker, "removeQueue", "ms.orders")  # after the last reading
        assert await it.trouble("ms.orders") == "no queue 'ms.orders' on broker-a"
    assert not queues_of(broker) & {"ms.oders", "ms.orders"}


async def test_a_queue_made_after_the_last_reading_is_found(broker: ActiveMQ) -> None:
    async with room(broker) as it:
        with there(broker, "ms.new"):
            await it.send("ms.new", "here")
            assert bodies(await it.ask("ms.new")) == [b"here"]


async def test_stomp_shows_1500_messages_and_jolokia_the_first_400(broker: ActiveMQ) -> None:
    async with room(broker, "ms.many") as it, room(broker, has_stomp=False) as other:
        await it.send("ms.many", *(f"number {number}" for number in range(1500)))
        last = await it.ask("ms.many", skip=1490)
        found = await it.ask("ms.many", text="NUMBER 1499")
        by_jolokia = await other.ask("ms.many", skip=390)
        ids = await it.desk.ids("ms.many")
        first = await it.desk.ids("ms.many", first=700)
        few = await other.desk.ids("ms.many")
        its = (await it.ask("ms.many", skip=1200, limit=1)).messages[0].id
        deep = await other.ask("ms.many", id=its)
    assert bodies(last) == [f"number {number}".encode() for number in range(1490, 1500)]
    assert (last.looked, last.pending, last.is_end, last.note) == (1500, 1500, True, "")
    assert (bodies(found), found.looked) == ([b"number 1499"], 1500)
    assert (len(by_jolokia.messages), by_jolokia.looked, by_jolokia.pending) == (10, 400, 1500)
    assert by_jolokia.note == "the broker shows only the first 400 (Jolokia); activemq[0].stomp shows more"
    assert (len(ids.ids), ids.is_all, ids.note, ids.ids[:700]) == (1500, True, "", first.ids)
    assert (len(first.ids), first.is_all) == (700, True)
    assert (len(few.ids), few.is_all, "first 400" in few.note) == (400, False, True)
    assert bodies(deep) == [b"number 1200"]


@WAYS
async def test_a_selector_is_the_brokers_and_a_wrong_one_is_refused_in_words(broker: ActiveMQ, has_stomp: bool) -> None:
    async with room(broker, "ms.select", has_stomp=has_stomp) as it:
        await it.send(
            "ms.select", *(Outgoing("text", b"%d" % number, properties=(Property("n", "String", str(number)),)) for number in range(20))
        )
        found = await it.ask("ms.select", selector="n = '7' OR n = '9'")
        ids = await it.desk.ids("ms.select", "n = '7'")
        nothing = await it.ask("ms.select", selector="n = '77'")
        said = await it.trouble("ms.select", selector="n = = 7")
        again = await it.ask("ms.select", limit=1)
    assert (bodies(found), found.looked, found.pending, found.is_end, found.note) == ([b"7", b"9"], 2, 20, True, "")
    assert (len(ids.ids), ids.is_all) == (1, True)
    assert (nothing.messages, nothing.note) == ((), "")
    assert said.startswith("the broker does not understand the selector 'n = = 7'")
    assert bodies(again) == [b"0"]


@WAYS
async def test_text_is_looked_for_in_bodies_headers_and_properties(broker: ActiveMQ, has_stomp: bool) -> None:
    messages = [
        Outgoing("text", "주문 Ärger".encode()),
        Outgoing("text", b"b", correlation_id="Order-7"),
        Outgoing("text", b"c", properties=(Property("shop", "String", "Seoul"),)),
        Outgoing("map", b'{"item": "Pencil"}'),
        Outgoing("bytes", b"\x00\xffNeedle"),
    ]
    async with room(broker, "ms.text", has_stomp=has_stomp) as it:
        await it.send("ms.text", *messages)
        found = [len((await it.ask("ms.text", text=text)).messages) for text in ("ärger", "ORDER-7", "seoul", "SHOP", "needle", "nowhere")]
        in_a_map = await it.ask("ms.text", text="pencil")
    assert found == [1, 1, 1, 1, 1, 0]
    assert (len(in_a_map.messages), "not looked for" in in_a_map.note) == ((0, True) if has_stomp else (1, False))


async def test_every_byte_arrives_as_it_was(broker: ActiveMQ) -> None:
    every = bytes(range(256)) * 3
    async with room(broker, "ms.bytes") as it, room(broker, has_stomp=False) as other:
        await it.send("ms.bytes", every)
        whole, part = await it.only("ms.bytes"), (await other.ask("ms.bytes")).messages[0]
    assert (whole.kind, whole.body, whole.body_size, whole.is_typed) == ("bytes", every, 768, True)
    assert (part.kind, part.body, part.body_size) == ("bytes", every[:255], 768)


@WAYS
async def test_a_large_body_is_cut_in_the_list_and_whole_by_its_id(broker: ActiveMQ, has_stomp: bool) -> None:
    large = "가나다라" * (5 << 20 >> 2)
    size = len(large.encode())
    large = large[: (5 << 20) // 3]
    size = len(large.encode())
    async with room(broker, "ms.large", has_stomp=has_stomp) as it:
        await it.send("ms.large", large)
        (cut,) = (await it.ask("ms.large")).messages
        whole = await it.only("ms.large", id=cut.id)
    assert cut.body is not None and BODY_BYTES - 3 < len(cut.body) <= BODY_BYTES
    assert large.startswith(cut.body.decode())
    assert (cut.body_size, whole.body_size, whole.body) == (size, size, large.encode())


async def test_types_of_properties_come_from_jolokia_and_bodies_from_stomp(broker: ActiveMQ) -> None:
    typed = (Property("L", "Long", 1 << 40), Property("no", "Boolean", False), Property("s", "String", "5"))
    async with room(broker, "ms.types") as it:
        send_typed(
            broker,
            "ms.types",
            Outgoing("text", b"typed", group_id="g", correlation_id="c", ttl_s=600, reply_to="queue://back", properties=typed),
        )
        (plain,) = (await it.ask("ms.types")).messages
        listed = await it.ask("ms.types", whole=True)
        one = await it.only("ms.types", id=plain.id, whole=False)
    assert (plain.is_typed, {each.type for each in plain.properties}) == (False, {"String"})
    (message,) = listed.messages
    assert message == one and message.properties == typed and listed.way == "stomp"
    assert (message.is_typed, message.group_id, message.correlation_id, message.reply_to) == (True, "g", "c", "queue://back")
    assert (message.persistent, message.priority) == (True, 4)
    assert message.expires_at is not None and abs(message.expires_at - time.time() - 600) < 60
    assert message.at == plain.at


async def test_a_property_with_the_name_of_a_header_does_not_take_its_place_where_jolokia_is_asked(broker: ActiveMQ) -> None:
    async with room(broker, "ms.header") as it:
        send_typed(broker, "ms.header", Outgoing("text", b"x", type="order", properties=(Property("type", "String", "blue"),)))
        message = await it.only("ms.header")
    assert (message.type, message.properties) == ("order", (Property("type", "String", "blue"),))


VALUES = {
    "text": "05",
    "null": "null",
    "none": None,
    "yes": True,
    "int": 5,
    "blank": " a\n\tb\x01 ",
    "empty": "",
    "long": {"type": "Long", "value": 5},
    "short": {"type": "Short", "value": -7},
    "byte": {"type": "Byte", "value": 8},
    "double": {"type": "Double", "value": 1.5},
    "float": {"type": "Float", "value": "NaN"},
    "char": {"type": "Char", "value": "x"},
}


@WAYS
async def test_a_map_is_seen_as_java_writes_it(broker: ActiveMQ, has_stomp: bool) -> None:
    async with room(broker, "ms.map", has_stomp=has_stomp) as it:
        await it.send("ms.map", Outgoing("map", b'{"n": 5}'), Outgoing("text", b""))
        found = (await it.ask("ms.map")).messages
        assert [await it.only("ms.map", id=each.id) for each in found] == [replace(each, is_typed=True) for each in found]
        assert "not looked for in the bodies of 2 messages" in (await it.ask("ms.map", text="n=5")).note or not has_stomp
    assert [(each.kind, each.body, each.body_size) for each in found] == [("map", b"{n=5}", None), ("text", b"", 0)]


async def test_a_map_keeps_the_types_of_its_values_where_the_broker_may_mark_messages_for_that(broker: ActiveMQ) -> None:
    async with room(broker, "ms.types") as it:
        assert "activemq[0].write is false" in await it.trouble("ms.types", translated=True)
    async with room(broker, "ms.map", write=True) as it:
        await it.send("ms.map", Outgoing("map", json.dumps(VALUES).encode()))
        first = await it.only("ms.map", translated=True)
        assert first.body is not None
        await it.send("ms.map", lines.from_line(lines.to_line("ms.map", first), time.time()))
        found = await it.ask("ms.map", translated=True, whole=True)
    assert (first.kind, json.loads(first.body), first.properties) == ("map", VALUES, ())
    assert found.messages[1].body == first.body
    assert "property 'transformation'" in found.note


async def test_what_was_exported_is_the_same_when_it_was_imported(broker: ActiveMQ) -> None:
    async with room(broker, "ms.export", "ms.import") as it:
        await it.send(
            "ms.export",
            Outgoing("bytes", bytes(range(256)), priority=7, type="T"),
            Outgoing("text", b""),
            Outgoing("text", "텍스트".encode(), persistent=False),
        )
        before = (await it.ask("ms.export", whole=True)).messages
        await it.send("ms.import", *(lines.from_line(lines.to_line("ms.export", each), time.time()) for each in before))
        after = (await it.ask("ms.import", whole=True)).messages
    assert [(each.kind, each.body, each.priority, each.type, each.persistent, each.properties) for each in after] == [
        (each.kind, each.body, each.priority, each.type, each.persistent, each.properties) for each in before
    ]


@pytest.mark.parametrize("name", ["ms.a:b", "ms.한글", "ms.[red]", "ms.a b"])
async def test_a_queue_with_an_odd_name_is_browsed(broker: ActiveMQ, name: str) -> None:
    async with room(broker, name) as it:
        await it.send(name, "here")
        found = await it.ask(name)
        assert (bodies(found), found.queue, found.way) == ([b"here"], name, "stomp")


async def test_a_name_that_stomp_would_read_otherwise_is_browsed_through_jolokia(broker: ActiveMQ) -> None:
    async with room(broker, "ms.w>x", "ms.a,b") as it:
        before = queues_of(broker)
        send_typed(broker, "ms.w>x", Outgoing("text", b"here"))
        found = await it.ask("ms.w>x")
        assert (await it.ask("ms.a,b")).messages == ()
        assert queues_of(broker) == before
    assert (bodies(found), found.way) == ([b"here"], "jolokia")
    assert "read through Jolokia instead" in found.note


async def test_a_queue_whose_mbean_is_another_queues_is_refused(broker: ActiveMQ) -> None:
    async with room(broker, "ms.c,d", "ms.c_d") as it:
        said = await it.trouble("ms.c_d")
    assert "'ms.c,d'" in said and "'ms.c_d'" in said


async def test_a_dead_letter_tells_where_it_was(broker: ActiveMQ) -> None:
    async with room(broker, "ms.work", "ms.work2") as it:
        await it.sender.send(
            [
                Out(
                    {"destination": "/queue/ms.work", "persistent": "true", "expires": str(int(time.time() * 1000) + 200), "ms": "yes"},
                    b"late",
                )
            ]
        )
        async with asyncio.timeout(20):
            while True:
                await asyncio.sleep(0.3)
                await it.look_around()
                await it.ask("ms.work")  # looking at it is what makes the broker notice
                if it.station.mbean("ActiveMQ.DLQ") is None:
                    continue
                if (found := await it.ask("ActiveMQ.DLQ", selector="ms = 'yes'", whole=True)).messages:
                    break
        (message,) = found.messages
        act(
            broker,
            "removeMatchingMessages(java.lang.String)",
            "ms = 'yes'",
            mbean=f"{BROKER},destinationType=Queue,destinationName=ActiveMQ.DLQ",
        )
    assert message.original_destination == "queue://ms.work"
    assert message.body == b"late"


async def test_an_object_that_the_broker_cannot_translate_leaves_the_others_to_be_seen(broker: ActiveMQ) -> None:
    async with room(broker, "ms.object", write=True) as it:
        objects = {"destination": "/queue/ms.object", "persistent": "true", "transformation": "jms-object-json"}
        await it.sender.send([Out(objects, b'{"list":{"string":["a","b"]}}'), Out({"destination": "/queue/ms.object"}, b"after")])
        found = await it.ask("ms.object")
        translated = await it.ask("ms.object", translated=True)
    assert [(each.kind, each.body) for each in found.messages] == [("unknown", None), ("text", b"after")]
    assert (bodies(translated), translated.way) == ([None, b"after"], "jolokia")
    assert translated.note.startswith("STOMP: ")


async def test_a_text_with_a_nul_is_whole_where_jolokia_is_asked(broker: ActiveMQ) -> None:
    async with room(broker, "ms.nul") as it:
        send_typed(broker, "ms.nul", Outgoing("text", b"before\0after"))
        message = await it.only("ms.nul")
    assert message.body == b"before\0after"


async def test_a_broken_stomp_is_said_and_jolokia_read_instead(broker: ActiveMQ) -> None:
    async with room(broker, "ms.fallback") as it:
        await it.send("ms.fallback", "here")
        assert it.reader is not None
        await it.reader.close()
        it.station.stomp = it.reader = StompClient("127.0.0.1:1", None, lambda: (USER, PASSWORD), 3.0)
        found = await it.ask("ms.fallback")
    assert (bodies(found), found.way) == ([b"here"], "jolokia")
    assert found.note.startswith("STOMP: ") and "read through Jolokia instead" in found.note


def own(kind: Any, jar_set: str, directory: Path, policy: Path | None, *options: str) -> Iterator[ActiveMQ]:
    broker = ActiveMQ(jar_set, directory, jars.class_paths([jar_set])[jar_set], kind, policy=policy, options=options)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def mute(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    """Its policy denies browse and getMessage."""
    folder = tmp_path_factory.mktemp("mute")
    policy = policy_without(folder / "policy.xml", "browse()</operation><operation>getMessage(java.lang.String)")
    yield from own(HARDENED, "activemq-hardened", folder, policy)


async def test_where_jolokia_denies_browsing_stomp_still_shows_messages_with_properties_as_text(mute: ActiveMQ) -> None:
    async with room(mute, "ms.denied") as it, room(mute, has_stomp=False) as other:
        await it.send("ms.denied", Outgoing("text", b"x", properties=(Property("a", "String", "1"),)))
        found = await it.ask("ms.denied", whole=True)
        again = await it.ask("ms.denied", whole=True)
        said = await other.trouble("ms.denied")
        final = await other.trouble("ms.denied")
        assert (other.station.may.why_not("browse") or "").startswith("denied: ")
    assert found.messages[0].is_typed is False
    assert "properties of 1 message came as text: Jolokia does not tell their types" in found.note
    assert again == found
    assert "policy" in said and "denied" in final


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    """It has 8 MB for all its messages."""
    yield from own(OLD, "activemq-old", tmp_path_factory.mktemp("small"), None, "-Dlab.memory_mb=8")


async def test_a_queue_larger_than_the_brokers_memory_is_told_as_such(small: ActiveMQ) -> None:
    async with room(small, "ms.huge") as it:
        for _ in range(40):
            await it.send("ms.huge", *("x" * 4096 for _ in range(100)))
        found = await it.ask("ms.huge", skip=3990)
        ids = await it.desk.ids("ms.huge")
        selected = await it.desk.ids("ms.huge", "JMSPriority = 9")
    assert found.pending == 4000 and found.looked < 4000 and found.is_end
    assert (
        found.note
        == f"the broker holds only the head in memory: {found.looked:,} of 4,000 shown; raise maxBrowsePageSize or the queue's memoryLimit"
    )
    assert ids.is_all is False and "only the head in memory" in ids.note
    assert selected.ids == () and not selected.is_all
