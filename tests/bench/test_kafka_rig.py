"""What the benchmarks of Kafka trust: their witness on the wire, their eye for impossible figures, their watch over the loop."""

import math
import socket
import threading
import time
from contextlib import closing

import pytest

from backends.snapshots import Consumer, ConsumerPartition, Offsets, Rates
from bench.rig.kafka.brokers import round_trip_ms
from bench.rig.kafka.delay import Frames, far
from bench.rig.kafka.doubts import doubts
from bench.rig.kafka.exporters import LookupTable
from bench.rig.kafka.kinds import others_than_reads
from bench.rig.kafka.standing import Standing
from bench.rig.loop import watched

NO_RATES: Rates = {"1": None, "5": None, "15": None}


def kafka_request(kind: int, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4) + kind.to_bytes(2) + b"\0\0" + b"\0\0\0\1" + body


def zookeeper_request(kind: int, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4) + b"\0\0\0\1" + kind.to_bytes(4, signed=True) + body


def offsets_of(
    *, lag: int | None = 5, end: int = 105, time_lag_s: float | None = None, rate: float | None = None, offset: int = 100
) -> Offsets:
    rates = {**NO_RATES, "1": rate}
    part = ConsumerPartition(0, offset, None, end, lag, rates, "OK")
    return Offsets((Consumer("a", "group", "t", 1, NO_RATES, None, time_lag_s, "OK", "", 0, (part,)),))


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_the_witness_counts_requests_of_kafka_in_whatever_pieces_they_come(size: int) -> None:
    data = kafka_request(18, b"") + kafka_request(3, b"x" * 300) + kafka_request(8, b"x" * 20) + kafka_request(99, b"xyz")
    frames = Frames("kafka")
    found = [kind for at in range(0, len(data), size) for kind in frames.feed(data[at : at + size])]
    assert found == ["ApiVersion", "Metadata", "OffsetCommit", "kind 99"]


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_the_witness_counts_requests_of_zookeeper_after_the_first_that_connects(size: int) -> None:
    connect = (44).to_bytes(4) + b"\0" * 44
    data = connect + zookeeper_request(4, b"/path") + zookeeper_request(5, b"/path and data") + zookeeper_request(11, b"")
    frames = Frames("zookeeper")
    found = [kind for at in range(0, len(data), size) for kind in frames.feed(data[at : at + size])]
    assert found == ["connect", "getData", "setData", "ping"]


def test_what_is_not_known_to_read_may_write() -> None:
    assert others_than_reads({"Fetch": 3, "ListOffsets": 2, "OffsetCommit": 1, "kind 99": 4}) == {"OffsetCommit": 1, "kind 99": 4}


def test_the_way_takes_as_long_as_it_says_and_tells_what_passed() -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        peer, _ = server.accept()
        with closing(peer):
            while peer.recv(1 << 16):
                peer.sendall(b"answer")

    threading.Thread(target=answer, daemon=True).start()
    with closing(server), far(server.getsockname()[1], 20.0, "kafka") as way:
        assert 40 <= round_trip_ms(way.port) < 1000
        passed = way.passed()
        assert set(passed.requests) == {"ApiVersion"}
        assert passed.total == 20
        assert passed.since(passed).total == 0


def test_nobody_behind_the_way_closes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with far(port, 0.0, "kafka") as way, socket.create_connection(("127.0.0.1", way.port), 5) as peer:
        assert peer.recv(1) == b""


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("negative_lags", offsets_of(lag=-1)),
        ("negative_time_lags", offsets_of(time_lag_s=-0.1)),
        ("negative_rates", offsets_of(rate=-1.0)),
        ("negative_counts", offsets_of(offset=-1001, lag=None)),
        ("not_finite", offsets_of(time_lag_s=math.nan)),
        ("not_finite", offsets_of(rate=math.inf)),
        ("time_lags_beyond_what_was_watched", offsets_of(time_lag_s=61.0)),
        ("lags_of_offsets_beyond_the_end", offsets_of(offset=200, lag=0)),
    ],
)
def test_a_figure_that_cannot_be_true_is_seen(kind: str, data: Offsets) -> None:
    assert +doubts(data, watched_s=60.0) == {kind: 1}


def test_figures_that_can_be_true_raise_no_doubt() -> None:
    assert not +doubts(offsets_of(time_lag_s=59.0, rate=0.0), watched_s=60.0)


def test_a_lookup_table_extrapolates_and_divides_by_zero_as_the_exporter_does() -> None:
    table = LookupTable()
    assert math.isnan(table.time_lag(5))
    for at, offset in enumerate((100, 110, 120)):
        table.add(offset, float(at))
    assert table.time_lag(120) == 0.0
    assert table.time_lag(105) == pytest.approx(1.5)
    assert table.time_lag(0) == pytest.approx(12.0)  # in two seconds of watching
    flat = LookupTable()
    for at in range(4):
        flat.add(100, float(at))
    assert len(flat.points) == 2
    assert math.isinf(flat.time_lag(50))


def test_every_change_that_a_reader_could_make_is_a_difference() -> None:
    before = Standing({"a": 1}, {"g": "EMPTY"}, {("g", "a", 0): 3}, {("a", 0): 10}, {"/": 1})
    after = Standing({"a": 1, "b": 1}, {"g": "EMPTY", "h": "EMPTY"}, {("g", "a", 0): 4}, {("a", 0): 12}, {"/": 2})
    assert after.differences(before, produced=2) == {
        "topics_created_or_gone": 1,
        "groups_changed": 1,
        "offsets_committed": 2,
        "records_written": 0,
        "znodes_written": 2,
    }
    assert not any(before.differences(before, produced=0).values())
    assert after.differences(before, produced=0)["records_written"] == 2


async def test_a_loop_that_is_held_up_at_the_very_end_is_seen() -> None:
    async with watched() as watch:
        time.sleep(0.05)  # noqa: ASYNC251 (this is the hold-up)
    assert watch.longest_s >= 0.045
