"""The fold of one log: runs and single events alike, hangs that are over, evidence, and no figure that cannot be."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.agent import HeapFile, Occupancy
from backends.gclog.events import Collected, Event, Exhausted, Exited, Launched, Opened, Paused, Regioned, Regions, Run, Sized, Stalled
from backends.gclog.judging.account import KEEP_RECENT, Account
from backends.gclog.judging.evidence import Clock, Listed, told, uptime
from backends.gclog.judging.rates import rates
from backends.gclog.judging.verdict import rule
from backends.gclog.parsing.assemble import Parser
from backends.gclog.rows import read
from backends.heap import read_files
from tests.backends.gclog import corpus
from tests.backends.gclog.test_verdict import FUTILE, full, young

YOUNG = b"%d.500: [GC (Allocation Failure) [PSYoungGen: 8700K->954K(9216K)] %dK->%dK(97216K), 0.0293009 secs]\n"
FULL = (
    b"%d.500: [Full GC (Ergonomics) [PSYoungGen: 954K->0K(9216K)] [ParOldGen: 87900K->87800K(88000K)] 88900K->87800K(97216K), "
    b"[Metaspace: 1K->1K(2K)], 1.5000000 secs]\n"
)


def figures(account: Account) -> tuple[object, ...]:
    found = account.findings()
    return (
        account.young,
        account.full,
        account.pauses,
        round(account.pause_total_s, 6),
        account.last,
        account.last_at,
        found.state,
        found.rates,
    )


def test_a_run_of_young_collections_counts_as_each_of_them_would() -> None:
    text = b"".join(YOUNG % (at, 20000 + at, 12000 + at) for at in range(100))
    packed, single = Account(), Account()
    events = Parser().packed(text)
    packed.note_all(events)
    single.note_all(Parser().feed(text))
    assert any(isinstance(event, Run) for event in events)
    assert figures(packed) == figures(single)


@pytest.mark.parametrize("size", [1, 70, 10_000])
def test_a_young_collection_that_became_a_full_one_took_its_time_once(size: int) -> None:
    """Serial of JDK 11: both are counted, as they are written; time and memory went once."""
    text = (
        b"[0.237s][info][gc] GC(7) Pause Young (Allocation Failure) 39M->39M(61M) 4.311ms\n"
        b"[0.256s][info][gc] GC(9) Pause Full (Allocation Failure) 56M->22M(61M) 12.490ms\n"
        b"[0.256s][info][gc] GC(8) Pause Young (Allocation Failure) 56M->22M(61M) 12.544ms\n"
        b"[0.269s][info][gc] GC(10) Pause Young (Allocation Failure) 39M->39M(61M) 4.213ms\n"
        b"[0.287s][info][gc] GC(11) Pause Young (Allocation Failure) 56M->56M(61M) 4.000ms\n"
    )
    account, parser = Account(), Parser()
    for begin in range(0, len(text), size):
        account.note_all(parser.packed(text[begin : begin + size]))
    assert (account.young, account.full, account.pauses, round(account.pause_total_s, 6)) == (4, 1, 5, 0.037558)
    found = rates(account.recent())
    assert found.window_s == pytest.approx(0.05)
    assert found.pause_share == pytest.approx((0.01249 + 0.004213 + 0.004) / 0.05)
    assert found.allocated_kib_per_s == pytest.approx(1024 * (17 + 17 + 17) / 0.05)


def test_only_the_newest_collections_are_kept_one_by_one() -> None:
    account = Account()
    for at in range(5 * KEEP_RECENT):
        account.note(young(float(at)))
    assert len(account.recent()) == KEEP_RECENT
    assert account.recent()[-1].at == 5 * KEEP_RECENT - 1


def test_a_hang_of_a_process_that_is_gone_is_still_told_as_over() -> None:
    account = Account()
    account.note_all([*FUTILE, Launched(0.1), young(1.0)])
    assert rule(account.findings()).verdict == "OK"
    hang = account.hang
    assert hang is not None
    assert (hang[0].after_full, hang[0].at, hang[1]) == (5, 7.5, True)


def test_a_hang_counts_full_collections_from_the_first_futile_one() -> None:
    account = Account()
    account.note_all([full(1, 900, 500), *[full(at * 1.5, 995, 990 if at % 2 else 945) for at in range(2, 12)]])
    hang = account.hang
    assert hang is not None
    assert hang[0].after_full == 9  # of which four freed 5 %: they neither count as futile nor end the run


def test_an_older_full_collection_is_heard_too() -> None:
    """It was found before the part that is read; what came after it decides whether it still matters."""
    account = Account()
    account.note(young(100.0, 985))
    account.recall([full(50, 995, 990)])
    assert rule(account.findings()).verdict == "SUSPECT"
    account = Account()
    account.note_all([young(100.0 + at, 300) for at in range(9)])
    account.recall([full(50, 995, 990)])
    assert rule(account.findings()).verdict == "OK"


def test_the_same_question_costs_nothing_until_there_is_news() -> None:
    account = Account()
    account.note_all(FUTILE)
    first = account.findings()
    assert account.findings() is first
    account.note(young(30.0))
    assert account.findings() is not first


def test_details_that_come_later_are_judged_with_their_collection() -> None:
    """G1 of JDK 6-8 writes its sizes a few lines below."""
    account = Account()
    for at in range(1, 6):
        heap = Occupancy(99_000, 98_500, 100_000)
        account.note(Collected("full", at * 1.1, None, "Allocation Failure", None, None, None, 1.0))
        account.note(Sized(heap, heap, "inferred"))
    assert rule(account.findings()).verdict == "HANG"


def test_g1_is_judged_when_the_size_of_its_regions_is_known() -> None:
    account = Account()
    heap = Occupancy(60 << 10, 60 << 10, 64 << 10)
    account.note(Collected("young", 1.0, None, None, heap, None, None, 0.1, regions=Regions(30, 31, 2)))
    account.note(Regioned(1024.0))
    assert "old generation 48% full" in account.findings().state


def test_events_are_dated_by_their_own_date_or_counted_back_from_the_last() -> None:
    assert Clock(100.0, None, 5000.0).epoch(40.0, None) == 4940.0
    assert Clock(100.0, 6000.0, 5000.0).epoch(40.0, None) == 5940.0
    assert Clock(100.0, None, 5000.0).epoch(40.0, 77.0) == 77.0
    assert Clock(100.0).epoch(40.0, None) is None
    assert Clock(None, None, 5000.0).epoch(None, None) is None
    assert uptime(1_700_000_000.0) is None  # a log with dates only


def test_each_kind_of_event_can_be_evidence() -> None:
    clock = Clock(10.0, None, 1000.0)
    listed: list[Listed] = [full(1, 900, 300), Paused(2.0, None, "Remark", 0.01), Opened(3.0, None, "Young"), Stalled(4.0, None, 0.5)]
    marks: list[Listed] = [Exhausted(5.0, None, "OutOfMemoryError"), Launched(6.0), Exited(7.0, None)]
    found = [told(event, clock) for event in [*listed, *marks]]
    assert [event.kind for event in found] == ["full", "pause", "pause", "stall", "exhausted", "start", "exit"]
    assert [event.at for event in found] == [991.0, 992.0, 993.0, 994.0, 995.0, 996.0, 997.0]
    assert [event.pause_s for event in found] == [1.0, 0.01, None, 0.5, None, None, None]


def test_a_row_has_the_hang_and_its_evidence(tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    log.write_bytes(YOUNG % (1, 20000, 12000) + b"".join(FULL % (10 + 2 * at) for at in range(6)))
    row = read(str(log))
    assert row.verdict == "HANG"
    assert row.hang is not None
    assert (row.hang.uptime_s, row.hang.after_full, row.hang.is_over, row.hang.at) == (18.5, 5, False, None)
    assert [event.uptime_s for event in row.evidence] == [10.5, 12.5, 14.5, 16.5, 18.5]
    assert row.evidence[0].old == Occupancy(87900, 87800, 88000)


# No figure that cannot be

SIZES = st.none() | st.builds(Occupancy, *[st.none() | st.integers(-10, 2_000_000)] * 3)
TIMES = st.none() | st.floats(0, 1e5)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        Collected,
        kind=st.sampled_from(["young", "full", "degenerated", "cycle", "usage"]),
        at=TIMES,
        wall=TIMES,
        cause=st.sampled_from([None, "System.gc()", "Allocation Stall", "Ergonomics", "Metadata GC Threshold"]),
        heap=SIZES,
        old=SIZES,
        basis=st.sampled_from([None, "stated", "inferred", "regions", "heap"]),
        pause_s=st.none() | st.floats(0, 1e3),
        humongous_kib=st.none() | st.integers(0, 1000),
        filled=st.none() | st.floats(0, 1),
    ),
    st.builds(Paused, at=TIMES, wall=TIMES, name=st.just("Remark"), pause_s=st.floats(0, 10), heap=SIZES),
    st.builds(Opened, at=TIMES, wall=TIMES, cause=st.just("Full")),
    st.builds(Sized, heap=SIZES.filter(bool), old=SIZES, basis=st.just("inferred")),
    st.builds(Stalled, at=TIMES, wall=TIMES, stall_s=st.floats(0, 10)),
    st.builds(Exhausted, at=TIMES, wall=TIMES, text=st.just("java.lang.OutOfMemoryError")),
    st.builds(Launched, at=TIMES),
    st.builds(Exited, at=TIMES, wall=TIMES),
)


@given(st.lists(EVENTS, max_size=40), st.none() | st.floats(0, 1e6), st.booleans())
def test_whatever_a_log_says_it_has_a_verdict_with_a_reason(events: Sequence[Event], quiet_s: float | None, is_cut: bool) -> None:
    account = Account()
    for event in events:
        account.note(event)
    found = account.findings()
    ruling = rule(found, quiet_s, is_cut)
    assert ruling.reason
    assert "nan" not in ruling.reason
    assert "\n" not in ruling.reason
    assert len(ruling.evidence) <= 8
    for figure in (*found.rates, found.full_in_s):
        assert figure is None or (math.isfinite(figure) and figure >= 0)
    if found.rates.pause_share is not None:
        assert found.rates.pause_share <= 1
    clock = Clock(account.last_at, account.last_wall)
    assert all(told(proof, clock).kind for proof in ruling.evidence)


def test_no_row_of_any_log_has_a_figure_that_cannot_be() -> None:
    place, _ = corpus.folder()
    for row in read_files([corpus.path_of(place, entry) for entry in corpus.entries(place)]):
        for name in ("window_s", "pause_share", "allocated_kib_per_s", "promoted_kib_per_s", "full_in_s", "confidence"):
            figure: float | None = getattr(row, name)
            assert figure is None or (math.isfinite(figure) and figure >= 0), (row.file, name)
        assert is_whole(row)


def is_whole(row: HeapFile) -> bool:
    """What belongs together is there together."""
    is_leak = row.verdict == "LEAK"
    return (row.confidence is not None) == is_leak and (is_leak or row.full_in_s is None) and bool(row.reason) and len(row.evidence) <= 8
