"""A message as STOMP carries it, and back; the body of a map on its way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.activemq.messages import maps
from backends.activemq.messages.frames import lost, message_of, out_of
from backends.activemq.stomp.client import Frame, Out
from backends.messages import Message, Outgoing, Property

NOW = 1_795_634_913.5
HEADERS = {
    "timestamp": "1795634913581",
    "message-id": "ID:vm-1:1:1:1:1",
    "subscription": "1",
    "destination": "/queue/orders",
    "priority": "4",
    "expires": "0",
    "transformation": "jms-xml",
}


def test_a_text_with_its_headers_and_properties() -> None:
    more = {
        "persistent": "true",
        "reply-to": "/queue/back",
        "type": "T",
        "correlation-id": "c",
        "redelivered": "true",
        "foo": "bar",
        "n": "5",
    }
    assert message_of(Frame({**HEADERS, **more, "expires": "1999999999999"}, "ü".encode())) == Message(
        id="ID:vm-1:1:1:1:1",
        at=1795634913.581,
        kind="text",
        body="ü".encode(),
        body_size=2,
        persistent=True,
        priority=4,
        expires_at=1999999999.999,
        correlation_id="c",
        type="T",
        reply_to="queue://back",
        redelivered=True,
        properties=(Property("foo", "String", "bar"), Property("n", "String", "5")),
    )


def test_a_length_makes_it_bytes_and_a_dead_letter_tells_where_it_was() -> None:
    message = message_of(Frame({**HEADERS, "content-length": "4", "original-destination": "/topic/news"}, b"\0\xff\x80a"))
    assert (message.kind, message.body, message.persistent, message.redelivered) == ("bytes", b"\0\xff\x80a", False, False)
    assert message.original_destination == "topic://news"


@pytest.mark.parametrize(
    ("transformation", "body", "kind", "seen"),
    [
        ("jms-xml", b"", "empty", None),
        ("jms-object-json", b'{"string":"abc"}', "object", b'{"string":"abc"}'),
        ("jms-map-json", b'{"map":{"entry":{"string":["a","b"]}}}', "map", b'{"a":"b"}'),
        ("jms-map-xml", b"<map/>", "map", b"{}"),
        ("jms-xml", b"a\xc0\x80b \xed\xa0\xbd\xed\xb0\xb0", "text", "a\0b \U0001f430".encode()),  # as Java writes a text
        ("jms-xml", b"\xff\xfe", "text", b"\xff\xfe"),
    ],
)
def test_what_a_frame_without_a_length_is(transformation: str, body: bytes, kind: str, seen: bytes | None) -> None:
    message = message_of(Frame({**HEADERS, "transformation": transformation}, body))
    assert (message.kind, message.body) == (kind, seen)


@given(st.dictionaries(st.sampled_from([*HEADERS, "reply-to", "content-length", "x"]), st.text(max_size=30)), st.binary(max_size=60))
def test_any_frame_is_a_message(headers: dict[str, str], body: bytes) -> None:
    message_of(Frame(headers, body))


MAPS = [
    (b'{"map":{"entry":[{"string":["t",true]},{"string":["n",5]},{"string":["d",5.50]}]}}', {"t": "true", "n": "5", "d": "5.50"}),
    (
        b'{"map":{"entry":[{"string":"b","boolean":true},{"string":"s","short":-7},{"string":"d","double":"1.0E-5"},{"string":"z","null":""}]}}',
        {"b": True, "s": {"type": "Short", "value": -7}, "d": {"type": "Double", "value": 1e-05}, "z": None},
    ),
    (
        b"<map>\n  <entry>\n    <string>c</string>\n    <char>x</char>\n  </entry>\n"
        b"  <entry>\n    <string>e</string>\n    <string></string>\n  </entry>\n</map>",
        {"c": {"type": "Char", "value": "x"}, "e": ""},
    ),
    (b"<map><entry><string>ctl</string><string>a&#x1;b&lt;&#xd;</string></entry></map>", {"ctl": "a\x01b<\r"}),
    (b"<map><entry><string>ba</string><byte-array>AAH/</byte-array></entry></map>", {"ba": {"type": "Bytes", "value": "AAH/"}}),
    (b"<map><entry><string>f</string><float>-Infinity</float></entry></map>", {"f": {"type": "Float", "value": "-Infinity"}}),
    (b'{"map":""}', {}),
]


@pytest.mark.parametrize(("told", "ours"), MAPS)
def test_a_map_is_shown_as_plain_json_with_its_types(told: bytes, ours: object) -> None:
    assert json.loads(maps.shown(told)) == ours


@pytest.mark.parametrize(
    "told",
    [
        b"<map><entry><string>l</string><list><int>5</int></list></entry></map>",
        b'{"map":{"entry":[{"string":"l","list":{"int":5}}]}}',
        b"<map><entry><int>5</int><string>x</string></entry></map>",
        b"<map><entry><string>a</string><string>1</string></entry><entry><string>a</string><string>2</string></entry></map>",
        b"<map><entry>",
        b"[" * 100_000,
        b"\xff",
        b"{}",
    ],
)
def test_what_has_no_place_in_our_json_stays_as_it_came(told: bytes) -> None:
    assert maps.shown(told) == told


@given(st.binary(max_size=80) | st.text(alphabet='<>/map{}":entry[],string&#x; 5', max_size=80).map(str.encode))
def test_any_body_of_a_map_is_shown(body: bytes) -> None:
    maps.shown(body)


def sized(kind: str) -> st.SearchStrategy[object]:
    return st.integers(*maps.RANGES[kind]).map(lambda value: {"type": kind, "value": value})


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(*maps.RANGES["Int"]),
    st.text(),
    *map(sized, ("Long", "Short", "Byte")),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: {"type": "Double", "value": value}),
    st.sampled_from(["NaN", "Infinity", "-Infinity"]).map(lambda value: {"type": "Float", "value": value}),
    st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]).map(lambda value: {"type": "Char", "value": value}),
)


@given(st.dictionaries(st.text(), VALUES))
def test_a_map_comes_back_from_xml_as_it_was(values: dict[str, object]) -> None:
    assert json.loads(maps.shown(maps.xml(json.dumps(values).encode()))) == values


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"no", "the map is not JSON: "),
        (b"[]", "the map is not a JSON object"),
        (b'{"a": [1]}', "the map's value 'a' has no type that a map takes"),
        (b'{"a": {"type": "List", "value": []}}', "the map's value 'a' has no type that a map takes"),
        (b'{"a": {"type": "Byte", "value": 128}}', "the map's value 'a' is no Byte"),
        (b'{"a": {"type": "Bytes", "value": "%"}}', "the map's value 'a' is no Bytes"),
        (b'{"a": {"type": "Char", "value": "ab"}}', "the map's value 'a' is no Char"),
        (b'{"a": {"type": [], "value": "ab"}}', "the map's value 'a' has no type that a map takes"),
    ],
)
def test_a_map_that_cannot_be_sent_is_refused_in_words(body: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        maps.xml(body)


def test_a_message_goes_out_with_what_was_asked_for() -> None:
    outgoing = Outgoing(
        "text",
        "ü".encode(),
        priority=9,
        ttl_s=60,
        delay_s=1.5,
        correlation_id="c",
        type="T",
        reply_to="queue://back",
        group_id="g",
        properties=(Property("n", "Int", 5), Property("ok", "Boolean", True), Property("d", "Double", float("nan"))),
    )
    assert out_of("orders", outgoing, NOW) == Out(
        {
            "destination": "/queue/orders",
            "persistent": "true",
            "priority": "9",
            "expires": "1795634973500",
            "AMQ_SCHEDULED_DELAY": "1500",
            "correlation-id": "c",
            "reply-to": "/queue/back",
            "type": "T",
            "JMSXGroupID": "g",
            "n": "5",
            "ok": "true",
            "d": "NaN",
        },
        "ü".encode(),
    )
    assert lost(outgoing, "6.3.1") == ("STOMP sends every property as text: n (Int), ok (Boolean), d (Double)",)


@pytest.mark.parametrize(
    ("name", "header"),
    [("back", "/queue/back"), ("topic://t", "/topic/t"), ("temp-queue://x", "/remote-temp-queue/x"), ("queue://a b", "/queue/a b")],
)
def test_a_reply_goes_to_a_queue_unless_it_says_otherwise(name: str, header: str) -> None:
    assert out_of("q", Outgoing("text", b"", reply_to=name), NOW).headers["reply-to"] == header


def test_bytes_and_maps_go_out_as_such() -> None:
    assert out_of("q", Outgoing("bytes", b"\0\xff", persistent=False), NOW) == Out(
        {"destination": "/queue/q", "persistent": "false", "priority": "4"}, b"\0\xff", is_bytes=True
    )
    sent = out_of("q", Outgoing("map", b'{"n": 5}'), NOW)
    assert (sent.headers["transformation"], sent.body, sent.is_bytes) == (
        "jms-map-xml",
        b"<map><entry><string>n</string><int>5</int></entry></map>",
        False,
    )


def test_an_older_broker_loses_bytes_in_a_map_and_that_is_said() -> None:
    outgoing = Outgoing("map", b'{"b": {"type": "Bytes", "value": "AAH/"}}')
    assert lost(outgoing, "5.18.6") == ("ActiveMQ 5.18.6 takes no bytes in a map: the message would become a text",)
    assert lost(outgoing, "6.3.1") == ()


@pytest.mark.parametrize(
    ("outgoing", "said"),
    [
        (Outgoing("text", b"a\0b"), "STOMP ends a text at a NUL"),
        (Outgoing("text", b"\xff"), "the body is no text in UTF-8 \\(byte 0\\)"),
        (Outgoing("text", b"", properties=(Property("type", "String", "x"),)), "no room for a property type"),
        (Outgoing("text", b"", ttl_s=float("inf")), "inf s is no time that a broker can keep"),
        (Outgoing("map", b"{"), "the map is not JSON"),
    ],
)
def test_what_stomp_cannot_carry_is_refused_in_words(outgoing: Outgoing, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        out_of("q", outgoing, NOW)
