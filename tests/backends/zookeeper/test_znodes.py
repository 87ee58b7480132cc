"""Znodes as applications write them, well and badly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.zookeeper.znodes import (
    MAX_NODE,
    MAX_OFFSET,
    MAX_PARTITION,
    MAX_PARTITIONS,
    SAMPLE_LENGTH,
    Endpoint,
    Offsets,
    parse_broker,
    parse_offset,
    parse_offsets,
)


def test_pairs_are_read_in_any_order_with_blanks_and_a_trailing_comma() -> None:
    assert parse_offsets(b"5:16497745458,7:16497813566") == Offsets({5: 16497745458, 7: 16497813566})
    assert parse_offsets(b" 7 : 2 ,5:1,\n") == Offsets({7: 2, 5: 1})


def test_an_empty_node_holds_no_offsets_and_is_no_fault() -> None:
    assert parse_offsets(b"") == parse_offsets(b" \n") == Offsets({})


def test_good_pairs_are_kept_and_bad_ones_counted() -> None:
    parsed = parse_offsets(b"9:16500000000,x:12,10,11:,12:-5")
    assert parsed == Offsets({9: 16500000000}, bad_pairs=4, bad_sample="x:12")


def test_a_partition_that_stands_twice_has_its_last_offset_and_counts_as_bad() -> None:
    assert parse_offsets(b"5:1,6:2,5:3") == Offsets({5: 3, 6: 2}, bad_pairs=1, bad_sample="5:3")


def test_an_empty_pair_between_two_others_is_bad() -> None:
    assert parse_offsets(b"5:1,,6:2") == Offsets({5: 1, 6: 2}, bad_pairs=1, bad_sample="")


def test_numbers_that_no_partition_or_offset_can_have_are_bad() -> None:
    text = f"{MAX_PARTITION}:{MAX_OFFSET},{MAX_PARTITION + 1}:1,1:{MAX_OFFSET + 1},2:1e5,3:+4".encode()
    parsed = parse_offsets(text)
    assert parsed.offsets == {MAX_PARTITION: MAX_OFFSET} and parsed.bad_pairs == 4


def test_a_node_larger_than_zookeeper_allows_is_cut_and_says_so() -> None:
    parsed = parse_offsets(b"1:1," * (MAX_NODE // 4) + b"2:2")
    assert parsed.offsets == {1: 1} and parsed.bad_pairs == MAX_NODE // 4 and parsed.bad_sample == "1:1"


@pytest.mark.parametrize(
    ("data", "offsets", "bad", "sample"),
    [
        (b"5:", {}, 1, "5:"),
        (b":5", {}, 1, ":5"),
        (b"x:1", {}, 1, "x:1"),
        (b"5:1:2", {}, 1, "5:1:2"),
        (b"-1:5,1:-5,2:2", {2: 2}, 2, "-1:5"),
        (b"1 0:5,2:2", {2: 2}, 1, "1 0:5"),
        (b"0:9223372036854775808,2:2", {2: 2}, 1, "0:9223372036854775808"),
        (b"0:99999999999999999999999999,2:2", {2: 2}, 1, "0:99999999999999999999999999"),
        ("٣:5,2:2".encode(), {2: 2}, 1, "٣:5"),
        (b"\x00\x01,2:2,\xff\xfe:1", {2: 2}, 2, "\x00\x01"),
        (b"\x1b[31m:1,[red]:2,2:2", {2: 2}, 2, "\x1b[31m:1"),
        (b'{"0": 5}', {}, 1, '{"0": 5}'),
        (b",,,", {}, 2, ""),
        (b"1:1\n2:2", {}, 1, "1:1\n2:2"),
    ],
)
def test_each_way_to_write_it_badly_costs_its_pair_alone(data: bytes, offsets: dict[int, int], bad: int, sample: str) -> None:
    assert parse_offsets(data) == Offsets(offsets, bad, sample)


def test_a_node_that_names_a_hundred_thousand_partitions_has_the_first_ten_thousand() -> None:
    parsed = parse_offsets(b",".join(b"%d:1" % number for number in range(100_000)))
    assert len(parsed.offsets) == MAX_PARTITIONS and parsed.bad_pairs == 90_000 and parsed.bad_sample == "10000:1"


def test_a_bad_pair_of_a_megabyte_is_shown_as_a_short_sample() -> None:
    sample = parse_offsets(b"x" * MAX_NODE).bad_sample
    assert sample == "x" * SAMPLE_LENGTH


@given(st.binary(max_size=300))
def test_any_bytes_give_sound_offsets(data: bytes) -> None:
    parsed = parse_offsets(data)
    assert all(0 <= partition <= MAX_PARTITION and 0 <= offset <= MAX_OFFSET for partition, offset in parsed.offsets.items())
    assert len(parsed.offsets) + parsed.bad_pairs <= data.count(b",") + 1
    assert (parsed.bad_pairs == 0) == (parsed.bad_sample is None)


@given(st.dictionaries(st.integers(0, MAX_PARTITION), st.integers(0, MAX_OFFSET), max_size=40))
def test_what_an_application_writes_is_read_back(offsets: dict[int, int]) -> None:
    assert parse_offsets(",".join(f"{partition}:{offset}" for partition, offset in offsets.items()).encode()) == Offsets(offsets)


def test_a_classic_offset_is_one_number() -> None:
    assert parse_offset(b" 12345\n") == 12345
    assert [parse_offset(data) for data in (b"", b"-1", b"1.5", b"12 13", b"\xff", b"9" * 30, b"9" * 80)] == [None] * 7


BROKER = (
    b'{"features":{},"listener_security_protocol_map":{"PLAIN":"PLAINTEXT","CLIENT":"SASL_SSL"},'
    b'"endpoints":["PLAIN://10.0.0.1:9092","CLIENT://broker.example:9093","PLAIN://[::1]:9094"],"host":"10.0.0.1","port":9092,"version":5}'
)


def test_a_broker_names_its_endpoints_by_listener_and_the_map_tells_their_protocol() -> None:
    assert parse_broker(BROKER) == [
        Endpoint("PLAINTEXT", "10.0.0.1:9092"),
        Endpoint("SASL_SSL", "broker.example:9093"),
        Endpoint("PLAINTEXT", "[::1]:9094"),
    ]


def test_an_old_broker_has_only_host_and_port() -> None:
    assert parse_broker(b'{"jmx_port":-1,"host":"old.example","version":1,"port":9092}') == [Endpoint("PLAINTEXT", "old.example:9092")]


def test_a_node_that_is_no_broker_gives_no_address() -> None:
    odd = (
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b'{"endpoints":5}',
        b'{"endpoints":["nonsense"]}',
        b'{"host":"","port":1}',
        b'{"host":"h","port":99999}',
    )
    assert [parse_broker(data) for data in odd] == [[]] * len(odd)


@given(st.binary(max_size=200))
def test_any_bytes_of_a_broker_node_are_survived(data: bytes) -> None:
    assert isinstance(parse_broker(data), list)
