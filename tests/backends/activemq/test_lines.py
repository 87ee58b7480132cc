"""Messages as lines of a file: what is written is read back exactly, and what is wrong with a line is said with its field."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.activemq.messages.lines import from_line, to_line
from backends.activemq.messages.maps import RANGES
from backends.messages import Message, Outgoing, Property, PropertyType

NOW = 1_795_634_913.5
MESSAGE = Message(
    id="ID:vm-1:1:1:1:1",
    at=1795634913.581,
    kind="text",
    body="ü\n".encode(),
    body_size=3,
    persistent=True,
    priority=4,
    expires_at=NOW + 60,
    properties=(Property("n", "Int", 5),),
    is_typed=True,
)


def test_a_line_says_everything_and_null_where_there_is_nothing() -> None:
    line = to_line("orders", MESSAGE)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert json.loads(line) == {
        "queue": "orders",
        "id": "ID:vm-1:1:1:1:1",
        "timestamp": "2026-11-25T19:28:33.581Z",
        "kind": "text",
        "body": "ü\n",
        "body_size": 3,
        "cut": False,
        "persistent": True,
        "priority": 4,
        "expires_at": "2026-11-25T19:29:33.500Z",
        "correlation_id": None,
        "type": None,
        "reply_to": None,
        "group_id": None,
        "group_sequence": None,
        "redelivered": None,
        "redeliveries": None,
        "original_destination": None,
        "properties": [{"name": "n", "type": "Int", "value": 5}],
        "typed": True,
    }


def whole(kind: PropertyType) -> st.SearchStrategy[tuple[PropertyType, Any]]:
    return st.integers(*RANGES[kind]).map(lambda value: (kind, value))


def of(kind: PropertyType, values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[PropertyType, Any]]:
    return values.map(lambda value: (kind, value))


values = st.one_of(
    of("String", st.text()),
    of("Boolean", st.booleans()),
    *(whole(kind) for kind in ("Byte", "Short", "Int", "Long")),
    of("Double", st.floats(allow_nan=False)),
    of("Float", st.floats(width=32, allow_nan=False)),
)
properties = st.dictionaries(st.text(min_size=1), values, max_size=5).map(
    lambda found: tuple(Property(name, kind, value) for name, (kind, value) in found.items())
)
header = st.none() | st.text(max_size=20)
messages = st.builds(
    Message,
    id=st.text(),
    at=st.none() | st.floats(),
    kind=st.just("text"),
    body=st.text().map(str.encode),
    body_size=st.none(),
    persistent=st.booleans(),
    priority=st.integers(0, 9),
    expires_at=st.none() | st.floats(NOW + 1, NOW + 1e9),
    correlation_id=header,
    type=header,
    reply_to=header,
    group_id=header,
    properties=properties,
    is_typed=st.booleans(),
)
maps = st.dictionaries(st.text(), st.text() | st.booleans() | st.none()).map(lambda found: json.dumps(found).encode())
bodies = st.one_of(of("text", st.text().map(str.encode)), of("bytes", st.binary()), of("map", maps))  # type: ignore[arg-type]


@given(messages, bodies)
def test_what_is_written_is_read_back(message: Message, kind_and_body: tuple[Any, bytes]) -> None:
    kind, body = kind_and_body
    outgoing = from_line(to_line("q", replace(message, kind=kind, body=body, body_size=len(body))), NOW)
    assert replace(outgoing, ttl_s=None) == Outgoing(
        kind=kind,
        body=body,
        persistent=bool(message.persistent),
        priority=message.priority or 0,
        correlation_id=message.correlation_id,
        type=message.type,
        reply_to=message.reply_to,
        group_id=message.group_id,
        properties=message.properties,
    )
    if message.expires_at is None:
        assert outgoing.ttl_s is None
    else:
        assert outgoing.ttl_s == pytest.approx(message.expires_at - NOW, abs=0.002)


def test_a_line_made_by_hand_needs_nothing_but_a_body() -> None:
    assert from_line(b'{"body": "hello"}', NOW) == Outgoing("text", b"hello")
    assert from_line(b'{"body": {"base64": "AP8="}}', NOW) == Outgoing("bytes", b"\0\xff")
    assert from_line(b'{"body": "x", "properties": {"a": "b", "n": 5, "L": {"type": "Long", "value": 5}}}', NOW).properties == (
        Property("a", "String", "b"),
        Property("n", "Int", 5),
        Property("L", "Long", 5),
    )
    assert from_line(b'{"kind": "empty", "body": null}', NOW) == Outgoing("text", b"")


def test_what_has_expired_is_refused_or_sent_to_stay() -> None:
    line = to_line("q", replace(MESSAGE, expires_at=NOW - 1))
    with pytest.raises(ValueError, match=r"expires_at: it has expired at 2026-11-25T19:28:32\.500Z"):
        from_line(line, NOW)
    assert from_line(line, NOW, keep_expired=True).ttl_s is None


def test_what_was_cut_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="body: it was cut when it was written: 3 of 5000 bytes"):
        from_line(to_line("q", replace(MESSAGE, body_size=5000)), NOW)
    with pytest.raises(ValueError, match="body: it was cut when it was written: 5 of more bytes"):
        from_line(to_line("q", replace(MESSAGE, kind="map", body=b"{k=v}", body_size=None)), NOW)


def test_a_text_that_is_none_is_written_as_its_bytes() -> None:
    line = to_line("q", replace(MESSAGE, body=b"\xff", body_size=1))
    assert json.loads(line)["body"] == {"base64": "/w=="}
    with pytest.raises(ValueError, match="body: no text in UTF-8 \\(byte 0\\)"):
        from_line(line, NOW)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"no", "no JSON: "),
        (b"[" * 100_000, "no JSON: "),
        (b"[]", "no JSON object"),
        (b"{}", "body: there is none"),
        (b'{"body": 5}', "body: neither a text nor"),
        (b'{"body": {"base64": "%"}}', "body: its base64 is none"),
        (b'{"body": "\\ud800"}', "body: half a character"),
        (b'{"body": "x", "prority": 4}', "prority: there is no such field"),
        (b'{"body": "x", "priority": 10}', "priority: 10 is not 0 to 9"),
        (b'{"body": "x", "priority": "high"}', "priority: 'high' is no whole number"),
        (b'{"body": "x", "persistent": 1}', "persistent: 1 is no true or false"),
        (b'{"body": "x", "kind": "object"}', "kind: a message of kind 'object' cannot be sent"),
        (b'{"body": "x", "kind": "map"}', "the map is not JSON"),
        (b'{"body": "x", "type": 5}', "type: 5 is no text"),
        (b'{"body": "x", "type": "' + b"x" * 5000 + b'"}', "type: 5,000 characters; 4,096 are the most"),
        (b'{"body": "x", "expires_at": "soon"}', "expires_at: 'soon' is no time"),
        (b'{"body": "x", "properties": 5}', "properties: neither a list nor an object"),
        (b'{"body": "x", "properties": [5]}', "properties: one of them is not"),
        (b'{"body": "x", "properties": [{"value": 5}]}', "properties: one of them has no name"),
        (b'{"body": "x", "properties": {"a": null}}', "properties: 'a' is of no type"),
        (b'{"body": "x", "properties": {"a": {"type": "Byte", "value": 128}}}', "properties: 'a': 128 is no Byte"),
        (b'{"body": "x", "properties": {"a": {"type": "Double", "value": "1.5"}}}', "properties: 'a': '1.5' is no Double"),
        (b'{"body": "x", "properties": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}', "properties: 'a' stands there twice"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_line(line, NOW)


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(list(json.loads(to_line("q", MESSAGE)))),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=2),
    ).map(lambda found: json.dumps(found).encode())
)
def test_any_line_is_a_message_or_a_value_error(line: bytes) -> None:
    try:
        from_line(line, NOW)
    except ValueError as error:
        assert str(error)


def test_a_time_beyond_the_calendar_is_a_number() -> None:
    assert json.loads(to_line("q", replace(MESSAGE, at=9e15)))["timestamp"] == 9e15
