"""Record values as they come: CSV with two times in it, and everything else that producers manage to send."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.kafka.payload import EXCERPT_LENGTH, SAMPLE_LENGTH, Layout, Payload, read_payload
from backends.kafka.values import MAX_READ

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC).timestamp()
LAYOUT = Layout("csv", delimiter=",", loaded=5, sent=6, time="auto", zone=UTC)
LINE = b"1,a,b,c,2026-11-22 11:59:57,2026-11-22 11:59:55,x"


def read(value: bytes | None, layout: Layout = LAYOUT) -> Payload:
    return read_payload(value, layout, NOW)


def test_the_two_times_come_from_columns_five_and_six() -> None:
    payload = read(LINE)
    assert (payload.state, payload.loaded_at, payload.sent_at, payload.reason) == ("ok", NOW - 3, NOW - 5, None)


def test_a_quoted_column_may_hold_the_delimiter_and_a_newline() -> None:
    assert read(b'1,"a,\nb","c ""d""",e,2026-11-22 11:59:57,2026-11-22 11:59:55').loaded_at == NOW - 3


def test_a_stray_quote_does_not_swallow_the_times() -> None:
    assert read(b'1,"5 inch,b,c,2026-11-22 11:59:57,2026-11-22 11:59:55').loaded_at == NOW - 3


def test_other_delimiters_and_columns_are_a_matter_of_configuration() -> None:
    assert read(b"2026-11-22 11:59:57|x|1795348795", replace(LAYOUT, delimiter="|", loaded=1, sent=3)).sent_at == NOW - 5
    assert read(LINE.replace(b",", b"\x01"), replace(LAYOUT, delimiter="\x01")).loaded_at == NOW - 3
    assert read(LINE.replace(b",", b"\t"), replace(LAYOUT, delimiter="\t")).loaded_at == NOW - 3


def test_one_readable_time_is_enough_and_the_other_is_named() -> None:
    payload = read(b"1,a,b,c,2026-11-22 11:59:57,soon")
    assert (payload.state, payload.loaded_at, payload.sent_at) == ("ok", NOW - 3, None)
    assert payload.reason is not None and "sent: column 6 is no time: 'soon'" in payload.reason


def test_a_value_without_times_is_unparsable_and_its_raw_text_is_quoted() -> None:
    payload = read(b'{"json": true}')
    assert payload.state == "unparsable" and payload.sample == '{"json": true}'
    assert payload.reason is not None and "there is no column 5 (1 in all)" in payload.reason and '{"json": true}' in payload.reason


def test_a_tombstone_is_not_an_empty_value() -> None:
    assert (read(None).state, read(None).sample) == ("tombstone", None)
    assert (read(b"").state, read(b"").sample) == ("unparsable", "")


def test_a_record_of_twenty_megabytes_is_read_only_at_its_beginning() -> None:
    payload = read(LINE + b"x" * (20 << 20))
    assert payload.loaded_at == NOW - 3 and payload.sample is not None and len(payload.sample) == SAMPLE_LENGTH


def test_a_time_that_is_cut_by_the_limit_is_not_taken_for_another_one() -> None:
    """Thirteen digits cut to ten would be seconds instead of milliseconds."""
    padding = b"1,a,b,"
    value = padding + b"c" * (MAX_READ - len(padding) - len(b",1795348797")) + b",1795348797000,1795348795000"
    assert read(value).loaded_at is None


def test_control_characters_and_markup_stay_in_the_sample_and_are_escaped_in_the_reason() -> None:
    payload = read(b"[red]no\x1b[31m\x07[/]")
    assert payload.sample == "[red]no\x1b[31m\x07[/]"
    assert payload.reason is not None and payload.reason.isprintable()


JSON = Layout("json", "", ("meta", "loaded_at"), ("sent",), "auto", UTC)


def test_json_is_read_by_its_pointers() -> None:
    payload = read(b' {"meta": {"loaded_at": "2026-11-22T11:59:57Z"}, "sent": 1795348795000}\n', JSON)
    assert (payload.state, payload.loaded_at, payload.sent_at, payload.reason) == ("ok", NOW - 3, NOW - 5, None)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"meta": {}, "sent": true}', "loaded: there is no /meta/loaded_at; sent: /sent is no time: 'True'"),
        (b'{"meta": {"loaded_at": "soon"}, "sent": {}}', "loaded: /meta/loaded_at is no time: 'soon'; sent: /sent is no time: '{}'"),
        (b"1,2,3", "loaded: no JSON ("),
        (b"[" + b" " * (1 << 20) + b"]", "longer than 1 MiB, which is not read"),
    ],
)
def test_json_without_the_times_says_what_is_there_instead(value: bytes, said: str) -> None:
    payload = read(value, JSON)
    assert payload.state == "unparsable" and payload.is_missed and said in (payload.reason or "")


@pytest.mark.parametrize(
    "times", [b"1970-01-01 00:00:00,1970-01-01 00:00:00", b"2099-01-01 00:00:00,2099-01-01 00:00:00", b"0,0", b",", b"-1,1e9"]
)
def test_a_year_that_nobody_believes_is_no_time(times: bytes) -> None:
    payload = read(b"1,a,b,c," + times)
    assert payload.state == "unparsable" and "column 5 is no time" in (payload.reason or "")


def test_a_time_in_the_wrong_zone_is_kept_so_that_it_shows() -> None:
    payload = read(b"1,a,b,c,2026-11-22 20:59:57,2026-11-22T20:59:55+09:00")  # the first was meant to be Seoul's
    assert (payload.loaded_at, payload.sent_at) == (NOW - 3 + 9 * 3600, NOW - 5)


def test_a_nul_in_a_column_does_no_harm() -> None:
    assert read(b"1,a\0,b,c,2026-11-22 11:59:57,2026-11-22 11:59:55").loaded_at == NOW - 3


def test_bytes_that_are_no_text_say_what_they_are() -> None:
    payload = read(b"\0\0\0\0\x11abc")
    assert (payload.state, payload.is_missed, payload.reason) == ("not text", True, "not text: Confluent wire format, schema id 17")


def test_without_a_layout_a_value_has_no_times_and_nobody_misses_them() -> None:
    assert read_payload(LINE, None, NOW) == Payload("ok", sample=LINE.decode())
    assert read_payload(None, None, NOW).state == "tombstone"


@given(st.binary(max_size=400) | st.binary(max_size=40).map(lambda inner: b'{"meta":{"loaded_at":"' + inner + b'"}}'))
def test_any_bytes_as_json_give_a_bounded_answer(value: bytes) -> None:
    payload = read(value, JSON)
    assert payload.state in ("ok", "unparsable", "not text") and len(payload.reason or "") < 20 * EXCERPT_LENGTH


@given(
    st.binary(max_size=400) | st.builds(lambda parts: b",".join(parts), st.lists(st.binary(max_size=20), max_size=9)),
    st.sampled_from(",|\t;\x01'"),
)
def test_any_bytes_give_a_bounded_answer(value: bytes, delimiter: str) -> None:
    payload = read(value, replace(LAYOUT, delimiter=delimiter))
    assert payload.state in ("ok", "unparsable", "not text")
    assert payload.sample is not None and len(payload.sample) <= SAMPLE_LENGTH
    assert payload.reason is None or len(payload.reason) < 20 * EXCERPT_LENGTH
