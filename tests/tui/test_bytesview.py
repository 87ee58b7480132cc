"""Bytes from outside: text where they are text, JSON as it came, hex else; bounded, and never anything that steers a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui import bytesview, xmlview
from tui.bytesview import forms, map_forms, one_line


def names(data: bytes | None, whole: int | None = None) -> list[str]:
    return [form.name for form in forms(data, len(data or b"") if whole is None else whole)]


def best(data: bytes, whole: int | None = None) -> str:
    return forms(data, len(data) if whole is None else whole)[0].text()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": 1}', ["JSON", "text", "hex"]),
        (b"  [1, 2]", ["JSON", "text", "hex"]),
        (b"12", ["text", "hex"]),
        (b"{not json}", ["text", "hex"]),
        (b'{"a": "\xff"}', ["hex", "text"]),
        ("배송".encode(), ["text", "hex"]),
        (bytes(range(256)), ["hex", "text"]),
        (b"\x00\x01\x02\x03a", ["hex", "text"]),
        (b"", []),
        (None, []),
    ],
)
def test_the_best_form_comes_first(data: bytes | None, expected: list[str]) -> None:
    assert names(data) == expected


def test_json_is_laid_out_without_touching_its_numbers_keys_or_text() -> None:
    text = best('{"n":1.10,"big":12345678901234567890123,"n":2,"t":"한\\u0041"}'.encode())
    assert text.split("\n") == ["{", '  "n": 1.10,', '  "big": 12345678901234567890123,', '  "n": 2,', '  "t": "한\\u0041"', "}"]


def test_what_was_cut_is_not_called_json_and_says_where() -> None:
    assert names(b'{"a": 1}', 5_000_000) == ["text", "hex"]
    assert best(b'{"a": 1}', 5_000_000).endswith("\ncut at 8 B of 4.8 MiB")


def test_a_character_that_was_cut_in_its_middle_does_not_make_it_binary() -> None:
    data = ("배송 " * 200).encode()[:-2]
    assert names(data, 5_000)[0] == "text"
    assert one_line(("가" * 300).encode()).startswith("가가가")


def test_hex_has_offsets_bytes_and_what_is_readable() -> None:
    assert bytesview.as_hex(b'{"order"\x00\xff:1234567', 17).split("\n") == [
        '00000000  7b 22 6f 72 64 65 72 22  00 ff 3a 31 32 33 34 35  |{"order"..:12345|',
        "00000010  36 37                                             |67|",
    ]


def test_a_huge_value_is_bounded() -> None:
    data = bytes(range(256)) * 4096
    assert len(bytesview.as_hex(data, len(data)).split("\n")) == bytesview.MAX_SHOWN // 4 // 16 + 1
    assert bytesview.as_hex(data, len(data)).endswith("cut at 16 KiB of 1.0 MiB")
    many = b"[" + b"1," * 40_000 + b"1]"
    assert "cut at 64 KiB of " in best(many)
    assert names(b"[" + b" " * (2 << 20) + b"]")[0] == "text", "too much to lay out as JSON"


def test_json_as_deep_as_it_wants_does_no_harm() -> None:
    assert names(b"[" * 100_000 + b"]" * 100_000)[0] in ("JSON", "text")


@given(st.one_of(st.binary(max_size=600), st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_fit_a_cell_and_every_form_can_be_made(data: bytes) -> None:
    assert one_line(data).isprintable()
    assert all(isinstance(form.text(), str) for form in forms(data, len(data)))


XML = [
    (b"<a/>", "<a/>"),
    ("<?xml version='1.0' encoding='utf-8'?><가 b='1 &lt; 2'>값</가>".encode(), '<가 b="1 &lt; 2">값</가>'),
    (b"<a>text <b>bold</b> tail</a>", "<a>\n  text\n  <b>bold</b>\n  tail\n</a>"),
    (b"<a><!-- why --><?p i?><![CDATA[<x>]]></a>", "<a>\n  <!-- why -->\n  <?p i?>\n  &lt;x&gt;\n</a>"),
]


@pytest.mark.parametrize(("data", "looks"), XML)
def test_xml_is_laid_out(data: bytes, looks: str) -> None:
    assert xmlview.laid_out(data) == looks
    assert [form.name for form in forms(data, len(data))] == ["XML", "text", "hex"]


BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>'
FETCH = b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a>&x;</a>'


DEEP = b"<a>" * 300 + b"</a>" * 300
MUCH = b"<a>" + b"x" * (2 << 20)


@pytest.mark.parametrize("data", [BOMB, FETCH, DEEP, MUCH, b"<a>", b"<a>&x;</a>", b"<a/><b/>", b"<\xff>", b"a<b"])
def test_what_is_no_plain_xml_stays_text(data: bytes) -> None:
    assert xmlview.laid_out(data) is None
    assert forms(data, len(data))[0].name in ("text", "hex")


@given(st.binary(max_size=80))
def test_no_bytes_break_the_reading_of_xml(data: bytes) -> None:
    xmlview.laid_out(b"<" + data)


def test_a_map_is_its_names_and_values_before_its_json() -> None:
    data = '{"이름":"x\\u001b","n":5,"deep":{"a":1}}'.encode()
    made = map_forms(data, len(data))
    assert [form.name for form in made] == ["map", "JSON", "text", "hex"]
    assert made[0].text().splitlines() == ['이름  "x\\u001b"', "n     5", 'deep  {"a":1}']
    assert map_forms(b"[1]", 3)[0].name == "JSON"
    assert map_forms(b'{"cut', 900)[0].name == "text"
