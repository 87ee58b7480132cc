"""The client on real brokers, 5.18 and 6.3. What breaks a broker is done to one of our own."""

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from backends.activemq.config import StompTls
from backends.activemq.stomp.client import Frame, Out, StompClient, StompTrouble
from tests.backends.activemq.stomp_peer import in_front_of
from tests.lab import jars
from tests.lab.activemq import OLD, PASSWORD, USER, ActiveMQ, ask_jolokia, queue_sizes
from tests.lab.server import free_port
from tests.relay.certificates import Authority

BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"
LIMIT_S = 5.0
ODD = [
    "st.a:b",
    "st.한글",
    "st.[red]",
    "st.a b",
    "st.a/b",
    "st.c\\d",
    "st.a=b",
    "st.a\rb",
    "st.x\x01y",
    "st./x",
    "st.%20",
    "st.;#+!",
    "st.😀",
]


@pytest.fixture(params=["activemq_old", "activemq_hardened"])
def broker(request: pytest.FixtureRequest) -> Iterator[ActiveMQ]:
    found: ActiveMQ = request.getfixturevalue(request.param)
    yield found
    for name in queue_sizes(found.jolokia):
        if name.startswith("st."):
            done(found, "removeQueue", name)


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActiveMQ]:
    """A broker that a test may kill; it keeps its messages."""
    broker = ActiveMQ("activemq-old", tmp_path_factory.mktemp("doomed"), jars.class_paths(["activemq-old"])["activemq-old"], OLD)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.activemq.stomp.speaker.HEART_BEAT_MS", 1000)


@pytest.fixture
def no_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.activemq.stomp.client.BACK_OFF_S", 0.0)


@asynccontextmanager
async def client(
    address: str, timeout: float = LIMIT_S, password: Callable[[], str] = lambda: PASSWORD, tls: StompTls | None = None
) -> AsyncIterator[StompClient]:
    ours = StompClient(address, tls, lambda: (USER, password()), timeout)
    try:
        yield ours
    finally:
        async with asyncio.timeout(1):
            await ours.close()
        assert not [thread for thread in threading.enumerate() if "stomp" in thread.name.lower()]


def done(broker: ActiveMQ, operation: str, *arguments: object, mbean: str = BROKER) -> Any:
    reply = ask_jolokia(broker.jolokia, {"type": "exec", "mbean": mbean, "operation": operation, "arguments": arguments})
    assert reply["status"] == 200, reply
    return reply["value"]


def queue(name: str) -> str:
    return f"{BROKER},destinationType=Queue,destinationName={name}"


def counts(broker: ActiveMQ, name: str) -> dict[str, int]:
    wanted = ["QueueSize", "DequeueCount", "InFlightCount", "ConsumerCount"]
    found: dict[str, int] = ask_jolokia(broker.jolokia, {"type": "read", "mbean": queue(name), "attribute": wanted})["value"]
    return found


def text(name: str, body: str = "hello", **headers: str) -> Out:
    return Out({"destination": f"/queue/{name}", "persistent": "true", **headers}, body.encode())


async def browsed(ours: StompClient, name: str, selector: str | None = None, **more: Any) -> list[Frame]:
    async with ours.browse(name, selector, **more) as browse:
        found = [frame async for frame in browse]
        assert browse.is_end
    return found


async def filled(ours: StompClient, name: str, count: int) -> None:
    for start in range(0, count, 500):
        await ours.send([text(name, f"body {number}", n=str(number)) for number in range(start, min(start + 500, count))])


async def test_1500_messages_are_browsed_in_order_and_stay_as_they_were(broker: ActiveMQ) -> None:
    async with client(broker.stomp) as ours:
        await filled(ours, "st.many", 1500)
        found = await browsed(ours, "st.many")
        assert [frame.headers["n"] for frame in found] == [str(number) for number in range(1500)]
        assert [frame.headers["n"] for frame in await browsed(ours, "st.many", "n = '1400'")] == ["1400"]
        await ours.send([text("st.many", "once more")])  # behind the unsubscribing
    assert counts(broker, "st.many") == {"QueueSize": 1501, "DequeueCount": 0, "InFlightCount": 0, "ConsumerCount": 0}
    seen = done(broker, "browse()", mbean=queue("st.many"))[0]
    assert (seen["StringProperties"], seen["JMSRedelivered"]) == ({"n": "0"}, False)


async def test_leaving_early_ends_the_subscription_and_two_may_browse_while_a_third_sends(broker: ActiveMQ) -> None:
    async with client(broker.stomp) as ours:
        await filled(ours, "st.many", 1500)
        async with ours.browse("st.many") as first, ours.browse("st.many") as second:
            taken = [(await anext(first)).body, (await anext(second)).body]
            await ours.send([text("st.other")])
            taken += [(await anext(aiter(first))).body]
        assert taken == [b"body 0", b"body 0", b"body 1"] and not first.is_end
        await ours.send([text("st.other")])
        left = counts(broker, "st.many")
        assert left.pop("InFlightCount") <= 0  # brokers count below zero when a browser leaves while they hand out
        assert left == {"QueueSize": 1500, "DequeueCount": 0, "ConsumerCount": 0}


async def test_a_reader_who_pauses_holds_up_nobody(broker: ActiveMQ) -> None:
    async with client(broker.stomp) as ours:
        await filled(ours, "st.many", 500)
        async with ours.browse("st.many") as browse:
            await anext(browse)
            await asyncio.sleep(0.3)
            assert ours._current is not None and ours._current._held < 100 * 1000  # what the broker sends ahead, and no more
            assert (await ours.head("st.many")) is not None
            assert len([frame async for frame in browse]) == 499


async def test_a_bad_selector_is_told_in_the_brokers_words_and_the_connection_stays(broker: ActiveMQ) -> None:
    async with client(broker.stomp) as ours:
        await ours.send([text("st.q")])
        connection = ours._current
        with pytest.raises(StompTrouble, match=r"refused it: .*a ===") as caught:
            await browsed(ours, "st.q", "a === b")
        assert not caught.value.is_lost
        assert len(await browsed(ours, "st.q")) == 1 and ours._current is connection


async def test_odd_names_are_sent_to_and_browsed(broker: ActiveMQ) -> None:
    async with client(broker.stomp) as ours:
        for name in ODD:
            await ours.send([text(name, f"in {name}", **{"key": name, "JMSXGroupID": name})])
        for name in ODD:
            (frame,) = await browsed(ours, name)
            assert (frame.body.decode(), frame.headers["key"], frame.headers["destination"]) == (f"in {name}", name, f"/queue/{name}")
        assert set(ODD) <= queue_sizes(broker.jolokia).keys()


async def test_a_browse_creates_a_queue_that_is_not_there(broker: ActiveMQ) -> None:
    """Which is why the caller must know that it is."""
    async with client(broker.stomp) as ours:
        assert await ours.head("st.new") is None and queue_sizes(broker.jolokia)["st.new"] == 0


async def test_the_head_of_a_queue_stays_its_head(broker: ActiveMQ) -> None:
    before = time.time()
    async with client(broker.stomp) as ours:
        await filled(ours, "st.q", 3)
        for _ in range(3):
            frame = await ours.head("st.q")
            assert frame is not None and (frame.body, frame.headers.get("redelivered")) == (b"body 0", None)
            assert before - 1 < int(frame.headers["timestamp"]) / 1000 < time.time() + 1
        await ours.send([text("st.other")])
    assert counts(broker, "st.q") == {"QueueSize": 3, "DequeueCount": 0, "InFlightCount": 0, "ConsumerCount": 0}


async def test_text_and_bytes_arrive_as_they_were_sent(broker: ActiveMQ) -> None:
    binary = bytes(range(256)) * 20_000  # 5 MB
    plain = {"destination": "/queue/st.q", "persistent": "true"}
    properties = {
        "a": "x:y\n\\z\r ",
        " b.c": "",
        "ö": "😀",
        "priority": "7",
        "correlation-id": "c:1",
        "type": "t",
        "reply-to": "/queue/st.r",
    }
    async with client(broker.stomp) as ours:
        await ours.send([text("st.q", "가나다\r\n ", **properties)])
        await ours.send([Out(plain, binary, is_bytes=True), text("st.q", "", expires="0")])
        first, second, third = await browsed(ours, "st.q")
    assert (first.body.decode(), third.body) == ("가나다\r\n ", b"")
    assert {name: first.headers[name] for name in properties} == properties
    assert first.headers["persistent"] == "true"
    assert second.body == binary and "content-length" in second.headers and "content-length" not in first.headers
    seen = done(broker, "browse()", mbean=queue("st.q"))
    assert seen[0]["Text"] == "가나다\r\n " and seen[1]["BodyLength"] == len(binary)


async def test_a_batch_is_there_whole_or_not_at_all(broker: ActiveMQ) -> None:
    bad = Out({"destination": "/queue/st.q", "amq-msg-type": "nonsense"}, b"")
    async with client(broker.stomp) as ours:
        await ours.send([text("st.q", str(number)) for number in range(10)])
        with pytest.raises(StompTrouble, match="refused one of 3 messages, none was sent: Unsupported message type 'nonsense'") as caught:
            await ours.send([text("st.q"), bad, text("st.q")])
        with pytest.raises(StompTrouble, match="refused it: Unsupported message type"):
            await ours.send([bad])
        assert not caught.value.is_lost
        assert [frame.body for frame in await browsed(ours, "st.q")] == [b"%d" % number for number in range(10)]


async def test_what_is_larger_than_the_broker_takes_is_said(broker: ActiveMQ) -> None:
    port = free_port()
    done(broker, "addConnector", f"stomp://127.0.0.1:{port}?wireFormat.maxFrameSize=4096")
    async with client(f"127.0.0.1:{port}") as ours:
        with pytest.raises(
            StompTrouble, match=r"maximum frame size.*4,\d\d\d bytes may be more than it takes .wireFormat.maxFrameSize"
        ) as caught:
            await ours.send([text("st.q", "x" * 4500)])
        assert not caught.value.is_lost
        with pytest.raises(StompTrouble) as caught:
            await ours.send([text("st.q"), text("st.q", "x" * 4500), text("st.q")])
        assert not caught.value.is_lost
        await ours.send([text("st.q")])
        assert len(await browsed(ours, "st.q")) == 1


async def test_maps_have_a_body_only_for_who_lets_the_broker_mark_the_messages(broker: ActiveMQ) -> None:
    body = b'{"map":{"entry":[{"string":["name","value"]},{"string":"n","int":5}]}}'
    shown = b"<map>\n  <entry>\n    <string>name</string>\n    <string>value</string>\n  </entry>\n"
    shown += b"  <entry>\n    <string>n</string>\n    <int>5</int>\n  </entry>\n</map>"
    async with client(broker.stomp) as ours:
        await ours.send(
            [Out({"destination": "/queue/st.map", "persistent": "true", "transformation": "jms-map-json"}, body), text("st.map")]
        )
        assert [frame.body for frame in await browsed(ours, "st.map")] == [b"", b"hello"]
        assert [frame.body for frame in await browsed(ours, "st.map", transform=True)] == [shown, b"hello"]
    assert done(broker, "browse()", mbean=queue("st.map"))[1]["StringProperties"] == {"transformation": "jms-xml"}


async def test_a_refused_login_is_told_without_the_password_and_read_again(activemq_hardened: ActiveMQ, no_back_off: None) -> None:
    passwords = iter(["hunter2", PASSWORD])
    async with client(activemq_hardened.stomp, password=lambda: next(passwords)) as ours:
        with pytest.raises(StompTrouble, match=r"refused user 'admin': User name \[admin\] or password is invalid") as caught:
            await ours.send([text("st.login")])
        assert "hunter2" not in str(caught.value) and not caught.value.is_lost
        await ours.send([text("st.login")])
    done(activemq_hardened, "removeQueue", "st.login")


async def test_the_plugin_tells_of_every_queue_and_of_the_broker(activemq_old: ActiveMQ) -> None:
    async with client(activemq_old.stomp) as ours:
        await ours.send([text("st.one"), text("st.two"), text("st.two")])
        everything, broker = await asyncio.gather(ours.statistics("Destination.>"), ours.statistics("Broker"))
        sizes = {each["destinationName"]: each["size"] for each in everything}
        assert (sizes["queue://st.one"], sizes["queue://st.two"]) == (1, 2)
        assert [each["destinationName"] for each in await ours.statistics("Destination.st.two")] == ["queue://st.two"]
        one = next(each for each in everything if each["destinationName"] == "queue://st.one")
        assert abs(float(one["firstMessageTimestamp"]) / 1000 - time.time()) < 60
        assert [each["brokerName"] for each in broker] == ["localhost"]
        assert await ours.statistics("Destination.st.nothing") == []
    names = queue_sizes(activemq_old.jolokia)
    assert not [name for name in names if "Statistics" in name]
    for name in ("st.one", "st.two"):
        done(activemq_old, "removeQueue", name)


async def test_a_broker_killed_during_a_browse_is_told_and_used_again_when_it_is_back(doomed: ActiveMQ, no_back_off: None) -> None:
    async with client(doomed.stomp) as ours:
        await filled(ours, "st.kept", 500)
        with pytest.raises(StompTrouble, match="broke"):
            async with ours.browse("st.kept") as browse:
                async for _ in browse:
                    doomed.kill()
        with pytest.raises(StompTrouble, match="nobody listens") as caught:
            await ours.send([text("st.kept")])
        assert not caught.value.is_lost
        doomed.start()
        assert len(await browsed(ours, "st.kept")) == 500
        await asyncio.to_thread(doomed.kill)
        doomed.start()
        assert (await ours.head("st.kept")) is not None  # the connection was lost while nobody used it


async def test_a_hung_broker_costs_the_deadline_and_is_used_again_when_it_wakes(doomed: ActiveMQ, no_back_off: None) -> None:
    async with client(doomed.stomp, timeout=0.5) as ours:
        await ours.send([text("st.hung")])
        doomed.hang()
        try:
            with pytest.raises(StompTrouble, match="did not confirm a SEND") as caught:
                await ours.send([text("st.hung")])
            assert caught.value.is_lost
            with pytest.raises(StompTrouble, match=r"takes connections but did not answer CONNECT within 0\.5 s"):
                await ours.head("st.hung")
        finally:
            doomed.resume()
        async with asyncio.timeout(10):
            while True:
                try:
                    await ours.send([text("st.hung")])
                    break
                except StompTrouble:
                    await asyncio.sleep(0.1)


async def test_a_hung_broker_is_noticed_by_its_heart_beats_and_closing_does_not_wait_for_it(doomed: ActiveMQ, quick_beats: None) -> None:
    async with client(doomed.stomp, timeout=60) as other, client(doomed.stomp, timeout=60) as ours:
        await ours.send([text("st.hung")])
        await other.send([text("st.hung")])
        doomed.hang()
        try:
            async with asyncio.timeout(1):
                await other.close()
            async with asyncio.timeout(15):
                with pytest.raises(StompTrouble, match="gave no sign of life"):
                    await ours.send([text("st.hung")])
        finally:
            doomed.resume()


async def test_a_connection_that_nobody_uses_stays_for_longer_than_its_beats(doomed: ActiveMQ, quick_beats: None) -> None:
    async with client(doomed.stomp) as ours:
        await ours.send([text("st.beats")])
        connection = ours._current
        await asyncio.sleep(3.5)
        await ours.send([text("st.beats")])
        assert ours._current is connection


async def test_tls_wants_a_certificate_that_is_trusted_and_for_the_host(broker: ActiveMQ, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    context = ours_context(authority.issue("broker"))
    ca, stranger = StompTls(ca=str(authority.file)), StompTls(ca=str(other.file))
    async with in_front_of(broker.stomp, context) as address:
        async with client(address, tls=ca) as ours:
            await filled(ours, "st.tls", 700)
            assert len(await browsed(ours, "st.tls")) == 700
            await ours.send([Out({"destination": "/queue/st.tls"}, b"\0" * 2_000_000, is_bytes=True)])
        for tls in (stranger, StompTls()):
            async with client(address, tls=tls) as ours:
                with pytest.raises(StompTrouble, match=r"TLS with .* failed: .*(self-signed|unable to get local issuer)"):
                    await ours.head("st.tls")
    async with (
        in_front_of(broker.stomp, ours_context(authority.issue("wrong", "broker.example"))) as address,
        client(address, tls=ca) as ours,
    ):
        with pytest.raises(StompTrouble, match=r"TLS with .* failed: .*not valid for '127\.0\.0\.1'"):
            await ours.head("st.tls")


async def test_tls_shows_our_certificate_where_the_broker_wants_one(activemq_old: ActiveMQ, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = ours_context(authority.issue("broker"))
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    certificate, key = authority.issue("console", "console.example")
    async with in_front_of(activemq_old.stomp, context) as address:
        async with client(address, tls=StompTls(str(authority.file), certificate, key)) as ours:
            await ours.send([text("st.tls")])
        async with client(address, tls=StompTls(str(authority.file))) as ours:
            with pytest.raises(StompTrouble, match=r"TLS|broke"):
                await ours.send([text("st.tls")])
    done(activemq_old, "removeQueue", "st.tls")


async def test_a_broker_behind_tls_that_goes_away_is_noticed(doomed: ActiveMQ, tmp_path: Path, no_back_off: None) -> None:
    authority = Authority(tmp_path)
    tls, context = StompTls(str(authority.file)), ours_context(authority.issue("broker"))
    async with in_front_of(doomed.stomp, context) as address, client(address, tls=tls, timeout=60) as ours:
        await filled(ours, "st.tls", 300)
        with pytest.raises(StompTrouble, match="broke"):
            async with ours.browse("st.tls") as browse, asyncio.timeout(5):
                async for _ in browse:
                    doomed.kill()
        doomed.start()
        assert len(await browsed(ours, "st.tls")) == 300


def ours_context(shown: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*shown)
    return context
