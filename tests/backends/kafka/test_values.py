"""What the bytes of a record are: text, JSON, or something else, and the places in them."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.kafka.values import (
    MAX_JSON,
    MAX_READ,
    NoDocument,
    document_of,
    found_at,
    is_utf8,
    not_text,
    row_of,
    spell_pointer,
    steps_of,
    text_of,
    time_text,
)

DOCUMENT = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8, " ": 7, "01": 9}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/m~0n", 8), ("/ ", 7), ("/01", 9)],
)
def test_pointers_are_those_of_rfc_6901(pointer: str, value: object) -> None:
    assert found_at(DOCUMENT, steps_of(pointer)) == value
    assert spell_pointer(steps_of(pointer)) == pointer


@pytest.mark.parametrize(
    "pointer", ["/no", "/foo/2", "/foo/-1", "/foo/00", "/foo/01", "/foo/-", "/foo/x", "/foo/0/x", "/foo/²", "/foo/9999999999"]
)
def test_a_place_that_is_not_there_is_said(pointer: str) -> None:
    with pytest.raises(LookupError):
        found_at(DOCUMENT, steps_of(pointer))


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (b"\0\0\0\0\x11abc", "Confluent wire format, schema id 17"),
        (b"Obj\x01\x04\x14avro.codec", "an Avro file"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\xac\xed\0\x05sr", "serialised Java"),
        (bytes(range(3, 32)), None),
    ],
)
def test_what_is_no_text_is_named_where_it_names_itself(value: bytes, what: str | None) -> None:
    assert not_text(value) == what if what else "control bytes" in (not_text(value) or "")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"a,b",
        b"1,a\0b,c,d,2026-11-22 12:00:00",
        "한글,값".encode(),
        "한글,값".encode("euc-kr"),
        b"[red]x\x1b[31m y\x07 and more",
    ],
)
def test_a_text_with_something_odd_in_it_is_a_text(value: bytes) -> None:
    assert not_text(value) is None


def test_a_letter_that_the_cut_goes_through_is_no_fault_of_the_text() -> None:
    assert (
        is_utf8("가".encode() * 2000)
        and not is_utf8("가".encode("euc-kr") * 2000)
        and not is_utf8(b"ab\xff")
        and is_utf8(b"a few letters\xff")
    )


def test_the_first_line_gives_the_columns() -> None:
    assert row_of("a,b\r\nc,d,e", ",", 0, cut=False) == ["a", "b"]
    assert row_of('"a,\nb",c', ",", 0, cut=False) == ["a,\nb", "c"]
    assert row_of("\n1,2", ",", 0, cut=False) == row_of("", ",", 0, cut=False) == []
    assert row_of("a,b\x0b\u2028c,d", ",", 0, cut=False) == ["a", "b\x0b\u2028c", "d"]


def test_the_last_column_of_a_cut_line_is_not_believed_unless_it_is_beyond_what_is_needed() -> None:
    assert row_of("a,b,12", ",", 3, cut=True) == ["a", "b"]
    assert row_of("a,b,c,12", ",", 3, cut=True) == ["a", "b", "c", "12"]


@pytest.mark.parametrize(
    "value", [b"", b"{", b"\xff", b"[" * 100_000, b"{}x", b"[" + b"9" * 100_000 + b"]", b"NaN", b"{" + b" " * MAX_JSON + b"}"]
)
def test_what_is_no_document_is_said(value: bytes) -> None:
    with pytest.raises(NoDocument) as said:
        document_of(value)
    assert len(str(said.value)) < 200


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026", "2026"),
        (1795348797, "1795348797"),
        (1795348797.25, "1795348797.25"),
        (True, None),
        (None, None),
        ({}, None),
        (10**40, None),
    ],
)
def test_numbers_and_texts_may_be_times(value: object, text: str | None) -> None:
    assert time_text(value) == text


@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**53), 2**53), max_size=5))
def test_every_key_of_a_document_has_a_pointer(document: dict[str, int]) -> None:
    read = document_of(json.dumps(document).encode())
    for name, value in document.items():
        assert found_at(read, steps_of(spell_pointer((name,)))) == value


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_taken(value: bytes) -> None:
    text = text_of(value)
    not_text(value), is_utf8(value)
    for delimiter in ",|\t;":
        assert all(isinstance(each, str) for each in row_of(text, delimiter, 6, cut=False))
    with suppress(NoDocument):
        document_of(value)


@pytest.mark.parametrize("value", [b'"' * (1 << 20), b"," * (1 << 20), b'","' * (1 << 19), b"[" * MAX_JSON, b'{"a":' * (MAX_JSON // 5)])
def test_a_megabyte_of_anything_takes_a_moment(value: bytes) -> None:
    began = time.process_time()
    row_of(text_of(value), ",", 6, cut=True)
    with suppress(NoDocument):
        document_of(value)
    assert time.process_time() - began < 1.0  # some 10 ms; what is quadratic takes minutes
    assert len(text_of(value)) <= MAX_READ
