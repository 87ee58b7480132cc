"""A message as Jolokia tells it in 1.x and 2.x, and what Jolokia can send."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.activemq.messages.composite import Sending, message_of, sending_of
from backends.messages import Message, Outgoing, Property

NOW = 1_795_634_913.5
TYPED: dict[str, Any] = {
    "JMSMessageID": "ID:vm-1:1:1:1:1",
    "JMSRedelivered": False,
    "ShortProperties": {"sh": 7},
    "JMSDeliveryMode": "PERSISTENT",
    "ByteProperties": {"by": -8},
    "LongProperties": {"L": 1 << 40},
    "IntProperties": {"i": 5},
    "JMSXGroupID": "g",
    "JMSCorrelationID": "c",
    "PropertiesText": "{...}",
    "JMSType": "T",
    "JMSExpiration": 1999999999999,
    "OriginalDestination": "queue://orders",
    "JMSTimestamp": "2026-11-25T19:28:33Z",
    "JMSXUserID": None,
    "JMSXGroupSeq": 3,
    "Text": "hello ü",
    "JMSPriority": 7,
    "JMSReplyTo": "queue://back",
    "JMSDestination": "queue://ms.x",
    "StringProperties": {"s": "5", "transformation": "jms-map-xml"},
    "BrokerPath": "null",
    "DoubleProperties": {"d": 1.5},
    "BooleanProperties": {"b": True},
    "FloatProperties": {"f": 2.5},
}


def test_a_message_with_all_types_of_properties() -> None:
    assert message_of(TYPED) == Message(
        id="ID:vm-1:1:1:1:1",
        at=1795634913.0,
        kind="text",
        body="hello ü".encode(),
        body_size=8,
        persistent=True,
        priority=7,
        expires_at=1999999999.999,
        correlation_id="c",
        type="T",
        reply_to="queue://back",
        group_id="g",
        group_sequence=3,
        redelivered=False,
        original_destination="queue://orders",
        properties=(
            Property("L", "Long", 1 << 40),
            Property("b", "Boolean", True),
            Property("by", "Byte", -8),
            Property("d", "Double", 1.5),
            Property("f", "Float", 2.5),
            Property("i", "Int", 5),
            Property("s", "String", "5"),
            Property("sh", "Short", 7),
        ),
        is_typed=True,
    )


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2026-11-25T19:28:33.913Z", 1795634913.913),
        ("2026-11-25T19:28:33Z", 1795634913.0),
        (1795634913913, 1795634913.913),
        ("soon", None),
        (None, None),
    ],
)
def test_the_time_in_every_spelling(told: object, at: float | None) -> None:
    assert message_of({**TYPED, "JMSTimestamp": told}).at == at


def test_no_expiration_and_no_group() -> None:
    message = message_of({**TYPED, "JMSExpiration": 0, "JMSXGroupID": None, "JMSXGroupSeq": 0})
    assert (message.expires_at, message.group_id, message.group_sequence) == (None, None, None)


@pytest.mark.parametrize(
    ("fields", "kind", "body", "size"),
    [
        ({"BodyLength": 768, "BodyPreview": [0, -1, -128, 97]}, "bytes", b"\0\xff\x80a", 768),
        ({"BodyLength": 1, "BodyPreview": ["x"]}, "bytes", None, 1),
        ({"ContentMap": "{k=v, n=5}"}, "map", b"{k=v, n=5}", None),
        ({}, "unknown", None, None),
        ({"Text": None}, "text", None, None),
        ({"Text": ""}, "text", b"", 0),
    ],
)
def test_what_is_told_of_a_body(fields: dict[str, Any], kind: str, body: bytes | None, size: int | None) -> None:
    message = message_of({**{key: value for key, value in TYPED.items() if key != "Text"}, **fields})
    assert (message.kind, message.body, message.body_size) == (kind, body, size)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*TYPED, "BodyLength", "BodyPreview", "ContentMap"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(
    json_values
    | st.dictionaries(st.sampled_from([*TYPED, "BodyLength", "BodyPreview", "ContentMap"]), json_values).map(lambda odd: {**TYPED, **odd})
)
def test_anything_is_a_message_or_a_value_error(value: Any) -> None:
    try:
        message_of(value)
    except ValueError:
        assert not isinstance(value, dict) or not isinstance(value.get("JMSMessageID"), str)


PROPERTIES = (
    Property("s", "String", "x"),
    Property("ok", "Boolean", True),
    Property("L", "Long", 5),
    Property("i", "Int", 5),
    Property("d", "Double", 1.5),
    Property("f", "Float", 2.5),
    Property("nan", "Double", float("nan")),
    Property("JMSPriority", "String", "9"),
    Property("timeToLive", "String", "60000"),
)
ALWAYS = {"JMSDeliveryMode": "PERSISTENT", "JMSPriority": "4"}


def test_jolokia_2_sends_texts_truths_and_longs_and_says_what_becomes_of_the_others() -> None:
    assert sending_of(Outgoing("text", "ü".encode(), properties=PROPERTIES), NOW) == Sending(
        {**ALWAYS, "s": "x", "ok": True, "L": 5, "i": 5, "d": "1.5", "f": "2.5", "nan": "NaN"},
        "ü",
        (
            "Jolokia makes a Long of i (Int)",
            "Jolokia makes a text of d (Double), f (Float), nan (Double)",
            "left out, as Jolokia would take it for a header: property JMSPriority, timeToLive",
        ),
    )


def test_jolokia_1_takes_fractions_as_doubles() -> None:
    sending = sending_of(Outgoing("text", b"", properties=PROPERTIES[4:6]), NOW, takes_fractions=True)
    assert (sending.headers, sending.lost) == ({**ALWAYS, "d": 1.5, "f": 2.5}, ("Jolokia makes a Double of f (Float)",))


def test_headers_go_as_jms_knows_them() -> None:
    outgoing = Outgoing(
        "text", b"", persistent=False, priority=9, ttl_s=60, delay_s=2, correlation_id="c", type="T", reply_to="back", group_id="g"
    )
    assert sending_of(outgoing, NOW) == Sending(
        {
            "JMSDeliveryMode": "NON_PERSISTENT",
            "JMSPriority": "9",
            "JMSExpiration": "1795634973500",
            "JMSCorrelationID": "c",
            "JMSReplyTo": "queue://back",
            "JMSType": "T",
            "JMSXGroupID": "g",
            "AMQ_SCHEDULED_DELAY": 2000,
        },
        "",
    )


@pytest.mark.parametrize(
    ("outgoing", "said"),
    [(Outgoing("bytes", b"x"), "Jolokia sends text only, and this is bytes"), (Outgoing("text", b"\xff"), "no text in UTF-8 \\(byte 0\\)")],
)
def test_what_jolokia_cannot_send_is_refused_in_words(outgoing: Outgoing, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sending_of(outgoing, NOW)
