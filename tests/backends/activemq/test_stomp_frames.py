"""Frames in bytes: what can be said with them, what cannot, and how they are cut from what comes in."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.activemq.stomp import statistics as stomp_statistics
from backends.activemq.stomp.frames import Cutter, NotStomp, addressable, encode, unsendable

HELLO = b"CONNECTED\nversion:1.2\n\n\0"


def test_values_are_escaped_and_names_are_written_as_they_are() -> None:
    assert encode("SEND", {"a\\b": "x:y\n\\\r"}, b"body") == b"SEND\na\\b:x\\cy\\n\\\\\\r\n\nbody\0"
    assert encode("SEND", {}, b"\0\1", is_bytes=True) == b"SEND\ncontent-length:2\n\n\0\1\0"


@pytest.mark.parametrize("name", ["a:b", "한글", "[red]", "a b", "a/b", "a\\b", 'a"b', "a=b", "x\ny", "ID:x", "/x", "a.b;c", "😀", "%20"])
def test_odd_names_can_be_addressed(name: str) -> None:
    assert addressable(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "without a name"),
        ("a,b", "a comma makes several queues of it"),
        ("a?b=c", "taken for options"),
        ("a.>", "wildcards"),
        ("*.a", "wildcards"),
        ("a\0b", "zero byte"),
        (" a", "blanks at its ends"),
        ("a\t", "blanks at its ends"),
        ("topic://a", "kind of destination"),
        ("\ud800", "it is no text"),
        ("x" * 11_000, "no header beyond 10,240 bytes"),
    ],
)
def test_names_that_would_mean_something_else_cannot(name: str, why: str) -> None:
    assert why in (addressable(name) or "")


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({}, b"", "destination None is none of STOMP"),
        ({"destination": "/foo/q"}, b"", "write /queue/name or /topic/name"),
        ({"destination": "/queue/a,b"}, b"", "a comma makes several queues"),
        ({"destination": "/queue/q", "a:b": "1"}, b"", "such a name cannot be written"),
        ({"destination": "/queue/q", "": "1"}, b"", "such a name cannot be written"),
        ({"destination": "/queue/q", "receipt": "1"}, b"", "belongs to STOMP itself"),
        ({"destination": "/queue/q", "a": "x\0y"}, b"", "zero byte"),
        ({"destination": "/queue/q", "a": "\udfff"}, b"", "it is no text"),
        ({"destination": "/queue/q", "priority": "high"}, b"", "a whole number is wanted, not 'high'"),
        ({"destination": "/queue/q", "a": "x" * 10_300}, b"", "no header beyond 10,240 bytes"),
        ({"destination": "/queue/q", **{str(n): "" for n in range(1000)}}, b"", "at most 1,000 headers"),
        ({"destination": "/queue/q"}, b"a\0b", "send it as bytes"),
        ({"destination": "/queue/q"}, b"\xff", "not UTF-8"),
    ],
)
def test_what_the_broker_would_misread_is_not_sent(headers: dict[str, str], body: bytes, why: str) -> None:
    assert why in (unsendable(headers, body, False) or "")


def test_bytes_may_be_anything() -> None:
    assert unsendable({"destination": "/queue/q", "expires": "0"}, bytes(range(256)), True) is None


def test_frames_are_cut_whatever_the_pieces_are() -> None:
    stream = HELLO + b"\n\n\nMESSAGE\ncontent-length:3\n\na\0b\0\n\r\nRECEIPT\nreceipt-id:1\n\n\0"
    whole = [HELLO, b"MESSAGE\ncontent-length:3\n\na\0b\0", b"RECEIPT\nreceipt-id:1\n\n\0"]
    for step in range(1, len(stream) + 1):
        cutter = Cutter()
        assert [frame for start in range(0, len(stream), step) for frame in cutter.feed(stream[start : start + step])] == whole


@given(st.lists(st.binary(max_size=200), max_size=8), st.lists(st.integers(1, 50), min_size=1))
def test_bytes_come_through_whole(bodies: list[bytes], steps: list[int]) -> None:
    frames = [b"MESSAGE\ncontent-length:%d\n\n%b\0" % (len(body), body) for body in bodies]
    stream, cutter, found = HELLO + b"\n".join(frames), Cutter(), []
    for turn in range(len(stream)):
        if not stream:
            break
        step = steps[turn % len(steps)]
        found += cutter.feed(stream[:step])
        stream = stream[step:]
    assert found == [HELLO, *frames]


def test_a_text_with_a_zero_byte_loses_its_rest_and_nothing_else() -> None:
    assert Cutter().feed(HELLO + b"MESSAGE\nn:1\n\na\0b\n\nrest\0\nMESSAGE\nn:2\n\nc\0") == [
        HELLO,
        b"MESSAGE\nn:1\n\na\0",
        b"MESSAGE\nn:2\n\nc\0",
    ]


def test_a_property_called_content_length_that_lies_is_not_believed() -> None:
    more = b"MESSAGE\nn:2\n\nsome other body\0"
    for lie in (1, 9, 20):
        found = Cutter().feed(HELLO + b"MESSAGE\ncontent-length:%d\nn:1\n\nbody\0\n" % lie + more)
        assert found == [HELLO, b"MESSAGE\nn:1\n\nbody\0", more]


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n", b"\0\0\0\x54\1ActiveMQ", b"\x15\3\1\0\2\2\n", b"CONNECTED\ncontent-length:999999999\n\n"]
)
def test_what_is_no_stomp_is_told_at_once(data: bytes) -> None:
    with pytest.raises(NotStomp):
        Cutter().feed(data)


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_the_cutter_raises_nothing_else(pieces: list[bytes]) -> None:
    cutter = Cutter()
    try:
        for piece in [HELLO + b"MESSAGE\n\n", *pieces]:
            cutter.feed(piece)
    except NotStomp:
        pass


def test_the_plugins_map_becomes_names_and_values() -> None:
    body = b'{"map":{"entry":[{"string":"size","long":8},{"string":["brokerName","b"]},{"string":"p","double":1.5},{"string":"x","e":""}]}}'
    assert stomp_statistics.parse(body) == {"size": 8, "brokerName": "b", "p": 1.5, "x": ""}
    assert stomp_statistics.parse(b'{"map":{"entry":{"string":"size","long":8}}}') == {"size": 8}
    assert stomp_statistics.parse(b'{"map":""}') == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["map", "entry", "string", "long"]), inner, max_size=3),
    max_leaves=12,
)


@given(JSON.map(msgspec.json.encode) | st.binary(max_size=50) | st.integers(1, 3000).map(lambda n: b"[" * n))
def test_an_answer_that_is_none_is_a_value_error(body: bytes) -> None:
    try:
        found = stomp_statistics.parse(body)
    except ValueError:
        return
    assert all(isinstance(name, str) and isinstance(value, str | int | float) for name, value in found.items())
