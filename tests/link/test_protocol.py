"""Frames: any bytes, any split, no exception but ProtocolError; what one end says the other hears."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from link.protocol import (
    MAX_FRAME,
    Beat,
    Command,
    Event,
    Frames,
    Hello,
    Message,
    ProtocolError,
    Publish,
    Refuse,
    Reply,
    Welcome,
    Withdraw,
    encode,
)

words = st.text(max_size=20)
times = st.floats(allow_nan=False)
values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | words
named = st.dictionaries(words, values, max_size=4)
bodies = st.builds(lambda value: Raw(msgspec.msgpack.encode(value)), st.recursive(values, lambda inner: st.lists(inner, max_size=3)))
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, st.lists(st.integers(0, 9), max_size=3).map(tuple), words, words, words),
    st.builds(Welcome, st.integers(0, 9), words, words, st.integers(0, 2**22), words, times, words, st.booleans()),
    st.builds(Refuse, words, words),
    st.builds(Publish, words, bodies),
    st.builds(Withdraw, words),
    st.builds(Event, st.integers(0, 2**63 - 1), times, words, words, words),
    st.builds(Beat, times),
    st.builds(Command, st.integers(0, 2**63 - 1), words, words, named, named, words),
    st.builds(Reply, st.integers(0, 2**63 - 1), st.booleans(), words, bodies),
)


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def plain(message: Message) -> object:
    """Raw compares by identity of its bytes' owner, so bodies are compared as bytes."""
    return msgspec.msgpack.encode(message)


@given(st.lists(messages, max_size=6), st.lists(st.integers(0, 10_000), max_size=8))
def test_what_is_said_is_heard_whole_and_in_order_wherever_the_bytes_are_cut(said: list[Message], cuts: list[int]) -> None:
    frames = Frames()
    heard = [message for piece in split(b"".join(map(encode, said)), cuts) for message in frames.feed(piece)]
    assert [plain(message) for message in heard] == [plain(message) for message in said]


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_at_all_give_messages_or_a_protocol_error_and_nothing_else(pieces: list[bytes]) -> None:
    frames = Frames()
    try:
        for piece in pieces:
            assert all(isinstance(message, Message) for message in frames.feed(piece))
    except ProtocolError as error:
        assert str(error)


@given(st.binary(max_size=200))
def test_any_bytes_in_a_well_made_frame_give_a_message_nothing_or_a_protocol_error(body: bytes) -> None:
    try:
        heard = Frames().feed(len(body).to_bytes(4, "big") + body)
    except ProtocolError as error:
        assert str(error)
    else:
        assert len(heard) <= 1


def test_a_message_of_a_newer_version_is_skipped_and_the_next_one_is_heard() -> None:
    newer = msgspec.msgpack.encode(["sparkle", 1, {"a": []}])
    assert Frames().feed(len(newer).to_bytes(4, "big") + newer + encode(Beat(1.5))) == [Beat(1.5)]


def test_fields_that_a_newer_version_appended_are_ignored() -> None:
    longer = msgspec.msgpack.encode(["beat", 2.5, "new field"])
    assert Frames().feed(len(longer).to_bytes(4, "big") + longer) == [Beat(2.5)]


def test_a_frame_that_is_announced_too_long_is_refused_before_it_is_buffered() -> None:
    with pytest.raises(ProtocolError, match="the limit is 100"):
        Frames(limit=100).feed((101).to_bytes(4, "big"))


def test_a_message_that_is_too_long_is_not_encoded() -> None:
    with pytest.raises(ProtocolError, match="larger than the limit"):
        encode(Publish("everything", Raw(msgspec.msgpack.encode(bytes(MAX_FRAME)))))
