"""What is found out of records whose form nobody told us."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.kafka.config import AUTO
from backends.kafka.detect import Choice, Wanted, choose, look
from backends.kafka.payload import Layout

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC).timestamp()
WANTED = Wanted("auto", AUTO, AUTO, AUTO, "auto", UTC)
CSV = replace(WANTED, format="csv")


def stamp(age: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return datetime.fromtimestamp(NOW - age, UTC).strftime(form)


def found(*values: bytes, wanted: Wanted = WANTED) -> Choice:
    return choose([look(value, wanted, NOW, NOW) for value in values], wanted)


def lines(*columns: Sequence[str], delimiter: str = ",") -> list[bytes]:
    return [delimiter.join(row).encode() for row in columns]


def places(choice: Choice) -> tuple[object, object, str | None]:
    assert choice.layout is not None
    return choice.layout.loaded, choice.layout.sent, choice.layout.delimiter or None


@pytest.mark.parametrize("delimiter", [",", "|", "\t", ";"])
def test_columns_five_and_six_are_loaded_and_sent_at_any_delimiter(delimiter: str) -> None:
    row = ["1", "a", "b", "c", stamp(3), stamp(5), "x", stamp(1)]
    choice = found(*lines(row, row, delimiter=delimiter))
    assert (*places(choice), choice.fits, choice.written, choice.note) == (5, 6, delimiter, 2, "iso", None)


def test_a_delimiter_inside_of_a_column_does_not_mislead() -> None:
    row = ["1", "a,b,c", "d,e", "f", stamp(3), stamp(5, "%Y%m%d%H%M%S"), "g,h;i"]
    choice = found(*lines(row, delimiter="|"))
    assert places(choice) == (5, 6, "|") and choice.written == "iso, compact"


def test_of_two_columns_the_later_one_is_loaded_in_whatever_order_they_stand() -> None:
    assert places(found(*lines([stamp(3), "x", stamp(9)]))) == (1, 3, ",")
    assert places(found(*lines([stamp(9), "x", stamp(3)]))) == (3, 1, ",")
    assert found(*lines([stamp(9), "x", stamp(3)])).note is None


def test_two_columns_of_which_neither_is_always_the_later_are_ambiguous_and_said() -> None:
    choice = found(*lines([stamp(3), stamp(9)], [stamp(9), stamp(3)], [stamp(4), stamp(4)]))
    assert places(choice)[:2] == (1, 2)
    assert choice.note == "neither of columns 1 and 2 is always the later; 1 is taken for loaded"


def test_more_than_two_columns_are_ambiguous_and_those_near_the_records_own_time_are_taken() -> None:
    born = stamp(5 * 365 * 86400)
    choice = found(*lines([born, stamp(9), "x", stamp(3)], [born, stamp(9), "y", stamp(2)]))
    assert places(choice)[:2] == (4, 2) and choice.note == "columns 1, 2, 4 hold times; 4 is taken for loaded and 2 for sent"


def test_a_single_column_is_sent_unless_it_stands_where_loaded_does() -> None:
    assert places(found(*lines(["a", stamp(3), "b"])))[:2] == (None, 2)
    assert places(found(*lines(["a", "b", "c", "d", stamp(3), "soon"])))[:2] == (5, None)
    assert places(found(*lines(["a", "b", "c", "d", "soon", stamp(3)])))[:2] == (None, 6)


def test_numbers_that_are_a_time_once_in_a_while_are_none() -> None:
    rows = [[f"{n * 10**8}", "x", stamp(3), stamp(5)] for n in range(12, 24)]  # order numbers: one in five looks like an epoch
    assert places(found(*lines(*rows)))[:2] == (3, 4)


def test_an_odd_record_among_many_does_not_matter() -> None:
    row = ["1", "a", "b", "c", stamp(3), stamp(5)]
    choice = found(b"\0\0\0\0\x01", b"nothing", b'{"a": 1}', *lines(row, row, row, row, row))
    assert (places(choice)[:2], choice.fits) == ((5, 6), 5)


@pytest.mark.parametrize(
    ("document", "loaded", "sent"),
    [
        ({"loaded_at": 3, "sent_at": 5}, ("loaded_at",), ("sent_at",)),
        ({"loadTime": 3, "eventTime": 5}, ("loadTime",), ("eventTime",)),
        ({"@timestamp": 5}, None, ("@timestamp",)),
        ({"data": {"meta": {"LOADED-AT": 3, "ts": 5}}}, ("data", "meta", "LOADED-AT"), ("data", "meta", "ts")),
        ({"ts": 5, "sent_at": 6}, None, ("sent_at",)),
        ({"a": {"ts": 5}, "ts": 5}, None, ("ts",)),
        ([{"ts": 5}, {"ts": 6}], None, ("0", "ts")),
        ({"a": {"b": {"c": {"d": {"ts": 5}}}}}, None, None),
        ({"order": 3, "number": 5}, None, None),
    ],
)
@pytest.mark.parametrize(
    "spelled", [lambda age: int((NOW - age) * 1000), lambda age: stamp(age, "%Y-%m-%dT%H:%M:%SZ"), lambda age: NOW - age]
)
def test_times_of_json_are_found_by_their_names(document: object, loaded: object, sent: object, spelled: object) -> None:
    text = json.dumps(document, default=str)
    for age in (3, 5, 6):
        text = text.replace(f": {age}", f": {json.dumps(spelled(age))}")  # type: ignore[operator]
    choice = found(text.encode())
    assert choice.kind == "json"
    assert (choice.layout.loaded, choice.layout.sent) == (loaded, sent) if choice.layout else (loaded, sent) == (None, None)


def test_two_equally_good_names_are_ambiguous_and_said() -> None:
    text = json.dumps({"before": {"ts": NOW - 9}, "after": {"ts": NOW - 3}})
    assert found(text.encode()).note == "/after/ts and /before/ts hold times; /after/ts is taken"


def test_what_is_configured_is_not_found_out() -> None:
    row = lines(["1", "a", stamp(3), stamp(4), stamp(5), stamp(6)])
    assert places(found(*row, wanted=replace(CSV, loaded=3, sent=None)))[:2] == (3, None)
    assert places(found(*row, wanted=replace(CSV, sent=3)))[1] == 3
    assert places(found(*lines(["1;x", stamp(3), "y"]), wanted=replace(CSV, delimiter=",")))[2] == ","
    assert places(found(b'{"when": 1}', wanted=replace(WANTED, format="json", loaded=("when",), sent=None)))[0] == ("when",)


def test_bytes_that_are_no_text_are_told_from_texts_without_times() -> None:
    assert found(b"\0\0\0\0\x11abc", b"\0\0\0\0\x11abd") == Choice("binary", None, 2)
    assert found("전혀".encode("euc-kr")).kind == "binary"
    assert found(b"just words", b"and more") == Choice("csv", None, 0)
    assert found(b'{"a": 1}') == Choice("json", None, 0)


def test_an_old_encoding_does_not_hide_the_times() -> None:
    assert places(found(",".join(["1", "가", "나", "다", stamp(3), stamp(5)]).encode("euc-kr")))[:2] == (5, 6)


def test_a_time_that_nobody_believes_is_none() -> None:
    assert found(b"1,a,b,c,1970-01-01 00:00:00,2099-01-01 00:00:00").layout is None


VALUES = (
    st.binary(max_size=200)
    | st.lists(st.sampled_from([stamp(3), stamp(5, "%Y%m%d%H%M%S"), str(int(NOW)), "x", '"', "", "[red]", "\0"]), max_size=9).map(
        lambda row: ",".join(row).encode()
    )
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.just(stamp(3)),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ts", "loaded_at", "a", ""]), inner, max_size=3),
        max_leaves=20,
    ).map(lambda document: json.dumps(document).encode())
)


@given(st.lists(VALUES, min_size=1, max_size=20))
def test_any_values_give_a_choice_that_some_of_them_fit(values: list[bytes]) -> None:
    choice = found(*values)
    assert 0 <= choice.fits <= len(values)
    assert choice.layout is None or (isinstance(choice.layout, Layout) and choice.fits > 0 and (choice.layout.loaded or choice.layout.sent))


@pytest.mark.parametrize(
    "value", [b'"' * (1 << 20), b"1," * (1 << 19), b"[" * (1 << 20), b'{"ts":' * 170_000, b"{" + b'"ts":1,' * 149_000 + b'"a":1}']
)
def test_a_megabyte_of_anything_takes_a_moment(value: bytes) -> None:
    began = time.process_time()
    look(value, WANTED, NOW, NOW)
    assert time.process_time() - began < 1.0
