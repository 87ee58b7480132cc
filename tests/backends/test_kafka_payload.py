"""Record values as they come: CSV with two times in it, and everything else that producers manage to send."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.kafka_payload import EXCERPT_LENGTH, SAMPLE_LENGTH, Layout, Payload, read_payload
from backends.kafka_values import MAX_READ

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


@given(
    st.binary(max_size=400) | st.builds(lambda parts: b",".join(parts), st.lists(st.binary(max_size=20), max_size=9)),
    st.sampled_from(",|\t;\x01'"),
)
def test_any_bytes_give_a_bounded_answer(value: bytes, delimiter: str) -> None:
    payload = read(value, replace(LAYOUT, delimiter=delimiter))
    assert payload.state in ("ok", "unparsable", "not text")
    assert payload.sample is not None and len(payload.sample) <= SAMPLE_LENGTH
    assert payload.reason is None or len(payload.reason) < 20 * EXCERPT_LENGTH
