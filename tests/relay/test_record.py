"""Every rule about one line, by the name it has in the specification's fine print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.config import Codes, Length, Records, RequestLayout, ResponseLayout
from relay.record import Answer, Layout, LayoutFault, Verdict
from tests.relay.records import columns, request, response

LAYOUT = Layout(Records(), Codes())
IN_CHARACTERS = Layout(Records(request=RequestLayout(length=Length(counts="characters"))), Codes())


def check(line: bytes, layout: Layout = LAYOUT) -> Verdict:
    return layout.check(line.removesuffix(b"\n"))


def test_the_example_of_the_specification_is_answered_as_it_says() -> None:
    assert LAYOUT.answer(b"000000001", 200) == b"0023|RES|000000001|200\n"
    assert LAYOUT.answer(b"", 429) == b"0014|RES||429\n"


def test_a_right_line_is_accepted_with_its_process_number() -> None:
    assert check(request(7)) == (200, b"000000007")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"\n", (401, b"")),
        (b"garbage\n", (401, b"")),
        (columns("REQ", "5"), (401, b"5")),
        (columns("REQ", "5", "a", "b", "c", "d", "e"), (401, b"5")),
        (columns("REQ", "5", "a", "b", "c", "d", "e", "f", "g"), (401, b"5")),
        (columns("REQ", "", "a", "b", "c", "d", "e", "f"), (401, b"")),
        (columns("RES", "5", "a", "b", "c", "d", "e", "f"), (400, b"5")),
        (columns("req", "5", "a", "b", "c", "d", "e", "f"), (400, b"5")),
        (request(5)[:4] + b"0" + request(5)[4:], (402, b"000000005")),
        (b"0" + request(5), (402, b"000000005")),
        (request(5, "\x00"), (403, b"000000005")),
        (b"0038|REQ|000000005|a|b|c|d|e|f\xff\xff\xff\xff\xff\xff\n", (403, b"000000005")),
    ],
)
def test_each_fault_has_its_code_and_echoes_what_was_readable(line: bytes, expected: tuple[int, bytes]) -> None:
    assert check(line) == expected


@pytest.mark.parametrize(
    "head", [b"+062", b" 062", b"062 ", b"6_2 ", b"0x3e", b"\xef\xbc\x90062", b"\xd9\xa0\xd9\xa6", b"62", b"00062", b"-062", b""]
)
def test_the_length_is_exactly_four_ascii_digits(head: bytes) -> None:
    rest = request(1, "x")[4:]
    assert check(head + rest).code == 402


def test_digits_of_another_script_are_no_digits() -> None:
    rest = "|REQ|1|a|b|c|d|e|f\n"
    line = ("٠٠" + "27" + rest).encode()
    assert check(line).code == 402


def test_several_faults_in_one_line_give_the_first_of_413_403_401_400_402() -> None:
    too_long = b"x" * 4096 + b"\xff|\x00"
    assert check(too_long).code == 413
    assert check(b"9999|XXX|1\xff|\n").code == 403
    assert check(b"9999|XXX|1|\n").code == 401
    assert check(b"9999|XXX|1|a|b|c|d|e|f\n").code == 400
    assert check(b"9999|REQ|1|a|b|c|d|e|f\n").code == 402


def test_max_bytes_includes_the_newline() -> None:
    fits = request(1, "x" * (4096 - len(request(1, ""))))
    assert len(fits) == 4096
    assert check(fits).code == 200
    assert check(request(1, "x" * (4097 - len(request(1, ""))))) == (413, b"000000001")


def test_a_carriage_return_belongs_to_the_line_and_counts() -> None:
    assert check(request(1, "payload\r")).code == 200
    line = request(1)
    assert check(line[:-1] + b"\r\n").code == 402


def test_a_process_number_that_is_not_readable_is_not_echoed() -> None:
    assert check(b"0027|REQ|1\xff|a|b|c|d|e|f|\n") == (403, b"")
    assert check(b"0027|REQ|1\x00|a|b|c|d|e|f|\n") == (403, b"")


def test_a_number_that_may_have_been_cut_is_not_echoed() -> None:
    assert LAYOUT.echo(b"0120|REQ|00000") == b""
    assert LAYOUT.echo(b"0120|REQ|00000|") == b"00000"
    assert LAYOUT.echo(b"") == b""


def test_length_counts_bytes_or_characters_as_configured() -> None:
    korean = "주문 접수 완료"
    in_bytes = request(3, korean)
    line = in_bytes[4:]
    in_characters = b"%04d" % (len(line.decode()) + 4) + line
    assert check(in_bytes).code == 200
    assert check(in_characters).code == 402
    assert check(in_characters, IN_CHARACTERS).code == 200
    assert check(in_bytes, IN_CHARACTERS).code == 402


def test_the_length_of_an_answer_counts_the_same_way() -> None:
    key = "번호1".encode()
    assert LAYOUT.answer(key, 200) == b"0021|RES|" + key + b"|200\n"
    assert IN_CHARACTERS.answer(key, 200) == b"0017|RES|" + key + b"|200\n"
    assert IN_CHARACTERS.acks([b"123", key]) == [b"0017|RES|123|200\n", b"0017|RES|" + key + b"|200\n"]
    assert IN_CHARACTERS.acks([b"1234567"]) == [b"0021|RES|1234567|200\n"]


def test_a_number_too_long_for_an_answer_is_left_out_of_it() -> None:
    wide = Layout(Records(request=RequestLayout(max_bytes=9000)), Codes())
    assert wide.answer(b"9" * 9990, 413) == b"0014|RES||413\n"


def test_codes_are_those_of_the_configuration() -> None:
    layout = Layout(Records(), Codes(accepted=100, columns=901))
    assert check(request(1), layout).code == 100
    assert check(b"x\n", layout).code == 901
    assert layout.acks([b"1"]) == [b"0015|RES|1|100\n"]


@pytest.mark.parametrize(
    ("records", "key"),
    [
        (Records(request=RequestLayout(columns=["type", "length", "process_no"])), "request.columns"),
        (Records(request=RequestLayout(columns=["length", "type", "number"])), "request.columns"),
        (Records(request=RequestLayout(columns=["length", "type", "process_no", "a", "a"])), "request.columns"),
        (Records(response=ResponseLayout(columns=["length", "type", "code"])), "response.columns"),
        (Records(response=ResponseLayout(columns=["length", "type", "process_no", "code", "more"])), "response.columns"),
        (Records(request=RequestLayout(max_bytes=10_000)), "request.max_bytes"),
        (Records(request=RequestLayout(max_bytes=9_999, columns=["length", "type", "process_no"])), "request.max_bytes"),
        (Records(request=RequestLayout(type="R|Q")), "request.type"),
    ],
)
def test_a_layout_that_cannot_work_is_a_fault_of_the_configuration(records: Records, key: str) -> None:
    with pytest.raises(LayoutFault, match=f"^relay.records.{key}: "):
        Layout(records, Codes())


def test_columns_may_stand_in_another_order_behind_the_first_two() -> None:
    records = Records(
        RequestLayout(columns=["length", "type", "payload", "process_no"]),
        ResponseLayout(columns=["length", "type", "code", "process_no"]),
    )
    layout = Layout(records, Codes())
    assert check(b"0016|REQ|pay|77\n", layout) == (200, b"77")
    assert layout.keys([b"0016|REQ|pay|77"], b"0016|REQ|pay|77") == [b"77"]
    assert layout.answer(b"77", 200) == b"0016|RES|200|77\n"
    assert layout.acks([b"77", b"78"]) == [b"0016|RES|200|77\n", b"0016|RES|200|78\n"]
    assert layout.read_answer(b"0016|RES|200|77") == Answer(b"77", 200)


def test_an_answer_is_read_back() -> None:
    assert LAYOUT.read_answer(response(5, 503)[:-1]) == Answer(b"000000005", 503)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"200",
        b"0023|RES|000000001|20x",
        b"0022|RES|000000001|200",
        b"0023|REQ|000000001|200",
        b"0024|RES|000000001|200|",
        b"0023|RES|000000001|2OO",
        b"0023|RES|00000000\xff|200",
        b"0024|RES|000000001|+200",
        b"0024|RES|000000001|0200",
        b"0023|RES|000000001|\xd9\xa220",
    ],
)
def test_an_answer_that_has_not_the_layout_is_not_believed(line: bytes) -> None:
    layout = IN_CHARACTERS if b"\xff" in line else LAYOUT
    assert layout.read_answer(line) is None


PIECES = st.sampled_from(
    [b"|", b"REQ", b"0", b"00", b"\n", b"\r", b"\x00", b"\xff", b"x", "가".encode(), request(1), request(2)[:-1], b"0025"]
)
BYTES = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=30).map(b"".join))


@given(BYTES)
def test_any_bytes_have_a_verdict_and_an_answer(data: bytes) -> None:
    for layout in (LAYOUT, IN_CHARACTERS):
        for line in data.split(b"\n"):
            code, key = layout.check(line)
            answer = layout.answer(key, code)
            assert answer.endswith(b"\n") and answer.count(b"\n") == 1
            assert layout.reason(line, code)
            found = layout.read_answer(answer[:-1])
            assert found == Answer(key, code)


@given(
    st.lists(
        st.one_of(st.just(request(1)[:-1]), st.just(request(2, "가나다")[:-1]), BYTES.map(lambda data: data.replace(b"\n", b""))),
        max_size=6,
    )
)
def test_many_lines_at_once_are_judged_as_one_by_one(lines: list[bytes]) -> None:
    for layout in (LAYOUT, IN_CHARACTERS):
        verdicts = [layout.check(line) for line in lines]
        keys = layout.keys(lines, b"\n".join(lines))
        if keys is not None:
            assert [(200, key) for key in keys] == verdicts
            assert layout.acks(keys) == [layout.answer(key, 200) for key in keys]
        elif layout is LAYOUT:
            assert any(code != 200 for code, _ in verdicts)
