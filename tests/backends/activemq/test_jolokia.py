"""Requests and replies as bytes, of both generations; what stands in the tables was seen on real 5.18.6 (1.7.1) and 6.3.1 (2.6.0)."""

import asyncio
import json
import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.activemq.jolokia import (
    MAX_REPLY,
    SHOWN,
    Client,
    HttpReply,
    JolokiaError,
    Read,
    Reply,
    Trouble,
    has_no_match,
    mended,
    object_name,
    origin,
    parse,
    patience,
    requests,
    shown,
)
from tests.backends.http_peer import Conversation, Talk, http, peer

NO_MATCH = "No MBean with pattern org.apache.activemq:type=Broker,brokerName=*,destinationType=Queue,destinationName=* found for"
ONE = b'[{"value":{"a":1},"status":200,"timestamp":1795373256}]'


def answer(body: bytes | str, status: int = 200, content_type: str = "text/plain", location: str = "") -> HttpReply:
    return HttpReply(status, content_type, body.encode() if isinstance(body, str) else body, location)


def trouble(reply: HttpReply, count: int = 1) -> JolokiaError:
    with pytest.raises(JolokiaError) as caught:
        parse(reply, count)
    return caught.value


def test_all_reads_travel_in_one_array_with_their_attributes_named() -> None:
    body = requests([Read("a:b=c", ("X",)), Read("d:*", ("Y", "Z"))])
    assert json.loads(body) == [
        {"type": "read", "mbean": "a:b=c", "attribute": ["X"]},
        {"type": "read", "mbean": "d:*", "attribute": ["Y", "Z"]},
    ]


@pytest.mark.parametrize("content_type", ["text/plain;charset=utf-8", "application/json"])
def test_each_element_has_its_own_status(content_type: str) -> None:
    body = json.dumps(
        [{"value": {"a": 1}, "status": 200, "request": {}}, {"status": 404, "error": "gone", "error_type": "x", ".error": True}]
    )
    first, second = parse(answer(body, content_type=content_type), 2)
    assert (first.status, bytes(first.value)) == (200, b'{"a": 1}')
    assert (second.status, second.error) == (404, "gone")


@pytest.mark.parametrize(
    "text", [f"javax.management.InstanceNotFoundException : {NO_MATCH} reading attributes", f"{NO_MATCH} READ request"]
)
def test_a_pattern_without_a_match_is_told_from_a_queue_that_vanished(text: str) -> None:
    assert has_no_match(Reply(404, error=text))
    assert not has_no_match(Reply(404, error="No MBean with ObjectName x found in any MBeanServer"))
    assert not has_no_match(Reply(500, error=text))


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (answer("<html>Error 401</html>", 401, "text/html"), "login"),
        (answer("<html>Forbidden</html>", 403, "text/html"), "role"),
        (answer("<html>Not Found</html>", 404, "text/html"), "path"),
        (answer("<html>Too Many</html>", 429, "text/html"), "busy"),
        (answer("", 502), "server"),
        (answer("<html>starting</html>", 503, "text/html"), "server"),
        (answer("", 302, location="/login.html"), "redirect"),
        (answer("400 (Bad Request)\n\nInvalid object name\n", 400), "rejected"),
        (answer("<html>Bad Request</html>", 400, "text/html"), "foreign"),
        (answer("", 405), "foreign"),
        (answer("", 204), "foreign"),
        (answer(""), "foreign"),
        (answer("<!doctype html><title>Login</title>", content_type="text/html"), "foreign"),
        (answer("\ufeff[]"), "foreign"),
        (answer("null"), "foreign"),
        (answer('{"hello": "world"}', content_type="application/json"), "foreign"),
        (answer("[1, 2]", content_type="application/json"), "foreign"),
        (answer('[{"status": "200"}]'), "foreign"),
        (answer(" \n [] "), "broken"),
        (answer(ONE[:-2] + b"," + ONE[1:-1] + b"}]"), "broken"),
        (answer(ONE[:20]), "broken"),
        (answer(ONE + b"]"), "broken"),
        (answer(b'[{"status":200,"error":"\xff"}]'), "broken"),
        (answer("[" * 100_000), "foreign"),
        (answer('[{"status":200,"value":' + "[" * 100_000), "broken"),
        (answer('{"error_type":"x","error":"java.lang.Exception : Origin null is not allowed to call this agent","status":403}'), "policy"),
        (answer('{"error":"Invalid JSON request","status":400}'), "rejected"),
        (answer('{"error":null,"status":500}'), "rejected"),
    ],
)
def test_every_bad_reply_has_its_word(reply: HttpReply, word: Trouble) -> None:
    assert trouble(reply).trouble == word


def test_an_answer_too_many_or_too_few_is_not_guessed_at() -> None:
    assert trouble(answer(ONE), count=2).trouble == "broken"


def test_foreign_text_in_an_error_is_one_short_printable_line() -> None:
    detail = trouble(answer("<html><title>\x1b[2J evil\n\n\x07page</title>" + "x" * 5000, 503, "text/html\x1b[31m")).detail
    assert detail.startswith("HTTP 503, text/html·[31m: '")
    assert "evil ·page" in detail
    assert detail.isprintable() and len(detail) < 3 * SHOWN


@given(st.text())
def test_shown_text_is_always_bounded_and_printable(text: str) -> None:
    assert len(shown(text)) <= SHOWN and shown(text).isprintable()


def test_control_characters_that_jolokia_2_6_spells_wrong_are_read_all_the_same() -> None:
    """As the real 6.3.1 sent them: VT, SO, SI and 0x1a to 0x1f have a digit beyond nine."""
    body = rb'[{"status":200,"error":"\u000; \u000> \u000? \u001: \u001; \u001< \u001= \u001> \u001? \u0019 \\u001; \\\u001;"}]'
    assert parse(answer(body), 1)[0].error == "\x0b \x0e \x0f \x1a \x1b \x1c \x1d \x1e \x1f \x19 \\u001; \\\x1b"


@given(st.text())
def test_mending_leaves_right_json_alone(text: str) -> None:
    body = json.dumps(text).encode()
    assert mended(body) == body


@pytest.mark.parametrize("order", ["brokerName=b,destinationName=a=b,type=Broker", "type=Broker,brokerName=b,destinationName=a=b"])
def test_object_names_are_read_whatever_the_order_of_their_keys(order: str) -> None:
    assert object_name(f"org.apache.activemq:{order}") == {"type": "Broker", "brokerName": "b", "destinationName": "a=b"}


@pytest.mark.parametrize(
    ("url", "ours"),
    [("http://h:8161/api/jolokia/", "http://h:8161"), ("https://h/x", "https://h"), ("http://[::1]:80/", "http://[::1]:80")],
)
def test_the_origin_is_our_own_address(url: str, ours: str) -> None:
    assert origin(url) == ours


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["status", "value", "error", "x"]), inner, max_size=4),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())
mangled = st.tuples(st.just(ONE), st.integers(0, len(ONE)), st.binary(max_size=4)).map(
    lambda cut: cut[0][: cut[1]] + cut[2] + cut[0][cut[1] :]
)


@given(
    st.one_of(st.binary(), json_like, mangled, st.integers(0, len(ONE)).map(lambda end: ONE[:end])), st.sampled_from([200, 200, 400, 500])
)
def test_whatever_comes_is_replies_or_a_jolokia_error(body: bytes, status: int) -> None:
    try:
        replies = parse(answer(body, status), 1)
    except JolokiaError as error:
        assert len(error.detail) < 4 * SHOWN
    else:
        assert len(replies) == 1 and isinstance(replies[0], Reply)


# -- the shell ------------------------------------------------------------------------------------------------------------------------


async def ask(talk: Talk, timeout: float = 5.0, times: int = 1) -> tuple[HttpReply | JolokiaError, int]:
    """The last outcome and how many connections it took."""
    async with peer(talk) as ours:
        client = Client(ours.url, lambda: "Basic eA==", timeout)
        outcome: HttpReply | JolokiaError
        try:
            for _ in range(times):
                outcome = await client.read(b"[]")
        except JolokiaError as error:
            outcome = error
        finally:
            await client.close()
            await client.close()  # twice is once
        return outcome, ours.connections


def word_of(outcome: HttpReply | JolokiaError) -> str:
    assert isinstance(outcome, JolokiaError), outcome
    return outcome.trouble


async def test_a_request_is_a_post_with_our_origin_and_login() -> None:
    async def talk(it: Conversation) -> None:
        await it.hear()
        await it.reply(ONE)

    async with peer(talk) as ours:
        client = Client(ours.url, lambda: "Basic eA==", 5.0)
        reply = await client.read(b"[1]")
        await client.close()
        head = ours.heads[0].lower()
        assert (reply.status, reply.content_type, reply.body) == (200, "text/plain", ONE)
        assert ours.bodies == [b"[1]"]
        assert head.startswith("post /api/jolokia/ http/1.1\r\n")
        for line in (f"origin: http://127.0.0.1:{ours.port}", "content-type: application/json", "authorization: basic ea=="):
            assert f"\r\n{line}\r\n" in head


async def test_one_connection_carries_many_reads() -> None:
    async def talk(it: Conversation) -> None:
        while True:
            await it.hear()
            await it.reply(ONE)

    outcome, connections = await ask(talk, times=3)
    assert isinstance(outcome, HttpReply) and connections == 1


async def test_a_connection_that_the_peer_has_dropped_meanwhile_costs_one_retry() -> None:
    async def talk(it: Conversation) -> None:
        await it.hear()
        await it.reply(ONE)
        await it.hear()
        it.reset()

    outcome, connections = await ask(talk, times=2)
    assert isinstance(outcome, HttpReply) and connections == 2


async def test_a_peer_that_always_drops_is_tried_twice_and_no_more() -> None:
    async def talk(it: Conversation) -> None:
        await it.hear()
        it.reset()

    outcome, connections = await ask(talk)
    assert (word_of(outcome), connections) == ("cut", 2)


async def test_a_redirect_is_not_followed() -> None:
    async def talk(it: Conversation) -> None:
        await it.hear()
        await it.reply(b"", "302 Found", Location="/login")

    outcome, _ = await ask(talk)
    assert isinstance(outcome, HttpReply)
    assert (outcome.status, outcome.location) == (302, "/login")


async def silent(it: Conversation) -> None:
    await it.hear()
    await asyncio.sleep(60)


async def deaf(it: Conversation) -> None:
    await asyncio.sleep(60)


async def one_byte_a_second(it: Conversation) -> None:
    await it.hear()
    for byte in http(b"[" * 1000):
        await it.say(bytes([byte]))
        await asyncio.sleep(0.1)


async def body_that_never_ends(it: Conversation) -> None:
    await it.hear()
    await it.say(http(b"x" * 1000)[:-1])
    await asyncio.sleep(60)


@pytest.mark.parametrize("talk", [silent, deaf, one_byte_a_second, body_that_never_ends])
async def test_a_slow_peer_is_bounded_by_the_deadline(talk: Talk) -> None:
    began = time.monotonic()
    outcome, _ = await ask(talk, timeout=0.5)
    assert word_of(outcome) == "silent"
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(("took", "waits"), [(None, 10.0), (0.2, 4.0), (0.7, 7.0), (2.0, 10.0)])
def test_a_broker_that_answered_quickly_is_missed_sooner(took: float | None, waits: float) -> None:
    assert patience(10.0, took) == waits
    assert patience(2.0, took) == 2.0


async def test_a_read_can_be_cancelled_at_once() -> None:
    async with peer(silent) as ours:
        client = Client(ours.url, lambda: None, 60.0)
        reading = asyncio.create_task(client.read(b"[]"))
        await ours.heard.wait()
        reading.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await client.close()
        assert time.monotonic() - began < 1


async def test_closing_from_outside_ends_a_read_and_opens_nothing_new() -> None:
    async with peer(silent) as ours:
        client = Client(ours.url, lambda: None, 60.0)
        reading = asyncio.create_task(client.read(b"[]"))
        await ours.heard.wait()
        await client.close()
        with pytest.raises(JolokiaError, match="cut"):
            await asyncio.wait_for(reading, 2)
        assert ours.connections == 1


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (http(b"x" * 100)[:-10], "cut"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "foreign"),
        (b"ERROR\ncontent-type:text/plain\n\nnot HTTP\0", "foreign"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "foreign"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000, "foreign"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000, "foreign"),
    ],
)
async def test_what_is_not_whole_http_has_its_word(said: bytes, word: str) -> None:
    async def talk(it: Conversation) -> None:
        await it.hear()
        await it.say(said)

    outcome, _ = await ask(talk)
    assert word_of(outcome) == word


async def test_an_endless_reply_is_given_up_at_the_limit() -> None:
    async def talk(it: Conversation) -> None:
        await it.hear()
        await it.say(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(2 * MAX_REPLY >> 20):
            await it.say(b"[" * (1 << 20))

    outcome, _ = await ask(talk, timeout=30)
    assert word_of(outcome) == "large"


async def test_a_compressed_reply_is_never_unpacked() -> None:
    async def talk(it: Conversation) -> None:
        await it.hear()
        await it.reply(b"\x1f\x8b123", **{"Content-Encoding": "gzip"})

    outcome, _ = await ask(talk)
    assert isinstance(outcome, HttpReply)
    assert trouble(outcome).trouble == "foreign"


async def test_a_closed_port_and_an_unknown_host_are_told_in_the_systems_words() -> None:
    async with peer(silent) as ours:
        pass
    for url, words in ((ours.url, "Connection refused"), ("http://no-such-host.invalid:1/", "")):
        client = Client(url, lambda: None, 5.0)
        with pytest.raises(JolokiaError) as caught:
            await client.read(b"[]")
        await client.close()
        assert caught.value.trouble == "connect"
        assert words in caught.value.detail and caught.value.detail


async def test_a_host_that_takes_no_connection_is_given_up_before_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose queue is full lets the next SYN wait, as a firewall that drops does."""
    monkeypatch.setattr("backends.activemq.jolokia.CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        client = Client(f"http://127.0.0.1:{full.getsockname()[1]}/", lambda: None, 5.0)
        with pytest.raises(JolokiaError, match=r"no connection in 0\.2 s") as caught:
            await client.read(b"[]")
        await client.close()
    assert caught.value.trouble == "connect"


async def test_tls_to_a_plain_port_is_told_as_such() -> None:
    async def talk(it: Conversation) -> None:
        await it.say(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with peer(talk) as ours:
        client = Client(ours.url.replace("http:", "https:"), lambda: None, 5.0)
        with pytest.raises(JolokiaError) as caught:
            await client.read(b"[]")
        await client.close()
        assert caught.value.trouble == "tls"
        assert "wrong version number" in caught.value.detail
