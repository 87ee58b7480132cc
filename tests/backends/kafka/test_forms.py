"""How a topic's form is found, kept and given up."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.kafka.config import Payload
from backends.kafka.forms import MISFITS, WINDOW, Sample, TopicForm, wanted_of

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC).timestamp()
LINE = b"1,a,b,c,2026-11-22 11:59:57,2026-11-22 11:59:55"
SWAPPED = b"2026-11-22 11:59:55,a,2026-11-22 11:59:57"
JSON = b'{"loaded_at": "2026-11-22T11:59:57Z", "sent_at": "2026-11-22T11:59:55Z"}'
BINARY = b"\0\0\0\0\x11abc"


def form(**keys: object) -> TopicForm:
    return TopicForm(wanted_of(Payload(**keys), UTC), "UTC")  # type: ignore[arg-type]


def decided(*values: bytes) -> TopicForm:
    made = form()
    made.decide([Sample(value, NOW) for value in values], NOW)
    return made


def test_a_form_is_found_in_the_first_values_and_says_what_was_found() -> None:
    made = decided(LINE, LINE, LINE)
    assert made.is_decided and [made.read(LINE, NOW, NOW).state for _ in range(3)] == ["ok"] * 3
    shown = made.form()
    assert shown is not None and (shown.format, shown.delimiter, shown.loaded, shown.sent, shown.written) == ("csv", ",", "5", "6", "iso")
    assert shown.detected == ("format", "delimiter", "loaded", "sent", "written") and (shown.fits, shown.samples) == (3, 3)


def test_what_is_configured_needs_no_finding_and_is_not_called_found() -> None:
    made = form(format="csv", delimiter=",", loaded=5, sent=6, time="iso")
    assert made.is_decided and made.read(LINE, NOW, NOW).loaded_at == NOW - 3
    shown = made.form()
    assert shown is not None and shown.detected == () and (shown.written, shown.fits, shown.samples) == ("iso", 1, 1)


def test_one_odd_record_is_odd_and_changes_nothing() -> None:
    made = decided(LINE)
    for odd in (JSON, BINARY, b"words", SWAPPED):
        assert made.read(odd, NOW, NOW).is_missed
        assert made.read(LINE, NOW, NOW).loaded_at == NOW - 3
    shown = made.form()
    assert shown is not None and (shown.format, shown.fits, shown.samples) == ("csv", 4, 8)


@pytest.mark.parametrize("values", [(LINE, JSON), (JSON, BINARY), (SWAPPED, LINE)])
def test_records_that_alternate_never_make_the_form_flip(values: tuple[bytes, bytes]) -> None:
    made = decided(values[0])
    first = made.form()
    for number in range(200):
        made.read(values[number % 2], NOW, NOW)
        shown = made.form()
        assert shown is not None and first is not None and (shown.format, shown.loaded) == (first.format, first.loaded)


def test_a_form_that_most_of_the_newest_records_have_takes_over() -> None:
    made = decided(LINE)
    states = [made.read(JSON, NOW, NOW).state for _ in range(MISFITS + 1)]
    assert states == ["unparsable"] * MISFITS + ["ok"]
    shown = made.form()
    assert shown is not None and (shown.format, shown.loaded, shown.sent) == ("json", "/loaded_at", "/sent_at")


def test_records_that_become_binary_are_found_to_be_so() -> None:
    made = decided(LINE)
    for _ in range(WINDOW):
        made.read(BINARY, NOW, NOW)
    made.decide([Sample(BINARY, NOW)], NOW)
    last = made.read(BINARY, NOW, NOW)
    assert (last.state, last.is_missed) == ("not text", False)
    shown = made.form()
    assert shown is not None and (shown.format, shown.loaded) == ("binary", None)


def test_a_text_without_times_stays_unparsable_until_a_time_is_seen() -> None:
    made = decided(b"[red]words[/]")
    read = made.read(b"[red]words[/]", NOW, NOW)
    assert (read.state, read.reason) == ("unparsable", "no time found in the newest value: '[red]words[/]'; judged by record time")
    assert not made.is_decided
    made.decide([Sample(LINE, NOW)] * 2, NOW)
    assert made.read(LINE, NOW, NOW).loaded_at == NOW - 3


def test_a_tombstone_says_nothing_of_the_form() -> None:
    made = decided(LINE)
    assert made.read(None, NOW, NOW).state == "tombstone"
    shown = made.form()
    assert shown is not None and shown.samples == 0


def test_none_looks_at_nothing() -> None:
    made = form(format="none")
    assert made.is_decided and made.read(LINE, NOW, NOW).state == "ok" and made.form() is None


def test_an_open_choice_is_said_with_the_place_to_settle_it() -> None:
    made = decided(b"2026-11-22 11:59:57,2026-11-22 11:59:55,2026-11-22 11:59:50")
    assert made.note == "columns 1, 2, 3 hold times; 1 is taken for loaded and 2 for sent; say which in kafka[].payloads"


@given(st.lists(st.sampled_from([LINE, JSON, BINARY, SWAPPED, b"", None]) | st.binary(max_size=60), max_size=60))
def test_any_row_of_records_is_read_with_bounded_memory(values: list[bytes | None]) -> None:
    made = form()
    for value in values:
        if value is not None and not made.is_decided:
            made.decide([Sample(value, NOW)], NOW)
        assert made.read(value, NOW, NOW).state in ("ok", "tombstone", "unparsable", "not text")
        assert len(made._findings) <= WINDOW and len(made._fits) <= WINDOW
