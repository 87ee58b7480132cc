"""Logs of JDK 6 to 8, line by line."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.agent import Occupancy
from backends.gclog.events import Collected, Event, Exhausted, Exited, Launched, Paused
from backends.gclog.judging.account import Account
from backends.gclog.parsing import legacy
from backends.gclog.parsing.assemble import Parser
from backends.gclog.parsing.noise import Strangers, is_known


def events(text: str) -> list[Event]:
    parser = Parser()
    return parser.feed(text.encode()) + parser.finish()


def collections(text: str) -> list[Collected]:
    return [event for event in events(text) if isinstance(event, Collected)]


def folded(text: str) -> Account:
    account = Account()
    account.note_all(events(text))
    return account


def test_a_young_collection_of_the_parallel_collector_leaves_the_old_generation_to_be_inferred() -> None:
    (found,) = collections("12.345: [GC (Allocation Failure) [PSYoungGen: 8700K->954K(9216K)] 18700K->11954K(97216K), 0.0293009 secs]\n")
    assert found == Collected(
        "young",
        12.345,
        None,
        "Allocation Failure",
        heap=Occupancy(18700, 11954, 97216),
        old=Occupancy(10000, 11000, 88000),
        basis="inferred",
        pause_s=0.0293009,
    )


def test_a_full_collection_states_its_pools() -> None:
    (found,) = collections(
        "1970-01-01T00:00:41.409+0000: 41.409: [Full GC (Ergonomics) [PSYoungGen: 11204K->6035K(248192K)] "
        "[ParOldGen: 781325K->786431K(786432K)] "
        "792529K->792467K(1034624K), [Metaspace: 76972K->76972K(159936K)], 2.7347630 secs] [Times: user=2.1 sys=0.1, real=2.73 secs] \n"
    )
    assert (found.kind, found.at, found.wall, found.old) == ("full", 41.409, 41.409, Occupancy(781325, 786431, 786432))


def test_the_jvms_own_limit_breaks_the_line_and_is_its_own_mark_of_a_hang() -> None:
    found = events(
        "9.1: [Full GC [PSYoungGen: 100K->100K(200K)] [ParOldGen: 300K->300K(300K)] 400K->400K(500K) [PSPermGen: 1K->1K(2K)]"
        "      GC time would exceed GCTimeLimit of 98%\n, 7.2 secs]\n"
    )
    assert [event.text for event in found if isinstance(event, Exhausted)] == ["GC time would exceed GCTimeLimit of 98%"]
    assert [event.pause_s for event in found if isinstance(event, Collected)] == [7.2]


def test_a_failed_promotion_in_a_young_collection_is_a_full_one() -> None:
    (found,) = collections(
        "22.8: [GC 22.8: [DefNew: 1855K->125K(1856K), 0.01 secs]22.9: [Tenured: 14638K->9916K(14720K), 0.8 secs]"
        " 16358K->9916K(16576K), 0.81 secs]\n"
    )
    assert (found.kind, found.old, found.pause_s) == ("full", Occupancy(14638, 9916, 14720), 0.81)


def test_a_full_collection_torn_apart_by_concurrent_phases_is_put_together_again() -> None:
    account = folded(
        "2137.769: [GC 2137.769: [ParNew (promotion failed): 242304K->242304K(242304K), 8.4 secs]"
        "2146.176: [CMSbailing out to foreground collection\n"
        "2151.587: [CMS-concurrent-mark: 20.148/30.928 secs] [Times: user=150.52 sys=16.27, real=30.93 secs]\n"
        " (concurrent mode failure): 9881423K->8643902K(10208896K), 118.8 secs] 10054907K->8643902K(10451200K), "
        "[CMS Perm : 239295K->228582K(262144K)], 127.2678876 secs] [Times: user=1.0 sys=0.0, real=127.27 secs]\n"
    )
    assert (account.full, account.young, account.collector, account.pause_max_s) == (1, 0, "CMS", 127.2678876)
    assert account.last_full is not None
    assert account.last_full.old == Occupancy(9881423, 8643902, 10208896)


def test_marks_of_cms_are_pauses() -> None:
    found = events(
        "3.5: [GC [1 CMS-initial-mark: 0K(2960704K)] 82414K(3127232K), 0.0206730 secs]\n"
        "4.0: [GC[YG occupancy: 9 K (20 K)]4.0: [Rescan (parallel) , 0.4 secs]4.1: [weak refs processing, 0.5 secs]"
        " [1 CMS-remark: 2273520K(8388608K)] 2572543K(10424128K), 2.66 secs]\n"
        "0.477: [GC 46468K(83008K), 0.0039333 secs]\n"
    )
    assert [event.pause_s for event in found if isinstance(event, Paused)] == [0.020673, 2.66, 0.0039333]


def test_g1_tells_its_pools_in_the_lines_after_the_collection() -> None:
    account = folded(
        "0.777: [Full GC (System.gc()) 17M->3758K(13M), 0.0233460 secs]\n"
        "   [Eden: 18.0M(24.0M)->0.0B(5120.0K) Survivors: 0.0B->0.0B Heap: 25.2M(256.0M)->3758.6K(13.0M)]\n"
        " [Times: user=0.02 sys=0.01, real=0.02 secs] \n"
    )
    assert (account.collector, account.basis) == ("G1", "inferred")
    assert account.last_full is not None
    assert account.last_full.old == Occupancy(7373, 3759, 13312)
    assert account.last_heap == Occupancy(25805, 3759, 13312)


def test_g1_lines_broken_by_tables_and_phases_are_one_collection() -> None:
    (found,) = collections(
        "27744.381: [GC pause (young)2016-02-09T06:17:15.732-0500: 27744.494: [GC concurrent-root-region-scan-end, 0.3550210 secs]\n"
        "2016-02-09T06:17:15.732-0500: 27744.494: [GC concurrent-mark-start]\n"
        "Desired survivor size 62914560 bytes, new threshold 16 (max 32)\n"
        "- age   1:   38059128 bytes,   38059128 total\n"
        " (initial-mark), 0.3349320 secs]\n"
        "   [Parallel Time: 216.5 ms, GC Workers: 4]\n"
        "      [GC Worker Start (ms): Min: 1.0, Avg: 1.0, Max: 1.0, Diff: 0.0]\n"
    )
    assert (found.kind, found.pause_s, found.heap) == ("young", 0.334932, None)


def test_decimal_commas_are_numbers() -> None:
    (found,) = collections("16578,506: [GC [PSYoungGen: 8K->1K(9K)] 18K->11K(97K), 0,0282200 secs]\n")
    assert (found.at, found.pause_s) == (16578.506, 0.02822)


def test_without_details_only_the_whole_heap_is_known() -> None:
    account = folded("0.0: [GC 8700K->954K(97216K), 0.0293009 secs]\n5.5: [Full GC 9649K->1469K(97216K), 0.0266520 secs]\n")
    assert (account.young, account.full, account.last, account.last_heap) == (1, 1, None, Occupancy(9649, 1469, 97216))


@pytest.mark.parametrize(
    "line",
    [
        "0x00000000fd5500f0: live object of size 15.",
        "VM-Thread 127407556 139668793 139870183",
        "GC-Thread 0 entries: 11",
        " (cardTable: 21 cards, re-scanned 3 cards, 1 iterations)",
        " (CMS-concurrent-preclean yielded 2 times)",
        "2.345: , 0.0204782 secs]",
        ", 0.0204782 secs]",
        "  AC   0  F    TS     0 PTAMS 0x00000000fc000000 NTAMS 0x00000000fc000000 space 1024K,   0% used",
        "         7  final marks: total time =     0.01 s (avg =     1.70 ms).",
    ],
)
def test_what_the_jvm_writes_between_collections_is_not_foreign(line: str) -> None:
    """Lines of 8u504 under PrintGCTaskTimeStamps, PrintCMSStatistics, PrintHeapAtGCExtended and others."""
    assert is_known(line.encode())
    assert not is_known(b"2026-11-22 12:00:00,123 INFO order 4711 accepted")


def test_an_event_whose_end_never_came_is_counted_and_does_not_swallow_the_next() -> None:
    parser = Parser()
    found = parser.feed(b"1.0: [GC [PSYoungGen: 8K->1K(9K)] 18K\n2.0: [GC [PSYoungGen: 8K->1K(9K)] 18K->11K(97K), 0.02 secs]\n")
    assert [event.at for event in found if isinstance(event, Collected)] == [2.0]
    assert parser.unknown == 1


def test_an_unfinished_last_line_is_a_pause_that_has_begun() -> None:
    parser = Parser()
    parser.feed(b"1.0: [GC [PSYoungGen: 8K->1K(9K)] 18K->11K(97K), 0.02 secs]\n")
    assert not parser.is_cut
    parser.feed(b"2.0: [Full GC (Ergonomics) [PSYoungGen: 8K")
    assert parser.is_cut


def test_the_heap_at_exit_ends_the_process_and_a_smaller_uptime_starts_another() -> None:
    line = "[GC 8700K->954K(97216K), 0.0293009 secs]"
    found = events(f"9.5: {line}\nHeap\n PSYoungGen      total 1K, used 1K [0x1, 0x2, 0x3)\n0.1: {line}\n")
    assert [type(event) for event in found] == [Collected, Exited, Launched, Collected]


YOUNG = ("[PSYoungGen: %dK->%dK(9000K)] ", "3.1: [ParNew: %dK->%dK(9000K), 0.01 secs] ", "3.1: [DefNew: %dK->%dK(9000K), 0.01 secs] ", "")


@given(
    young=st.sampled_from(YOUNG),
    sizes=st.tuples(*[st.integers(0, 9000)] * 2),
    is_full=st.booleans(),
    cause=st.sampled_from(["", "(Ergonomics) ", "(System.gc()) ", "(System) "]),
    times=st.sampled_from(["", " [Times: user=0.1 sys=0.1, real=0.1 secs]", " [Times: user=0.1 sys=0.1, real=0.1 secs] "]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_the_quick_way_and_the_slow_way_read_the_same(
    young: str, sizes: tuple[int, int], is_full: bool, cause: str, times: str, end: str
) -> None:
    old = "[ParOldGen: 5000K->4000K(6000K)] " if is_full and young.startswith("[PS") else ""
    pool = young % sizes if young else ""
    text = f"3.0: [{'Full GC' if is_full else 'GC'} {cause}{pool}{old}12000K->9000K(15000K), 0.0500000 secs]{times}{end}"
    quick = legacy.Legacy(Strangers())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(legacy, "PLAIN", re.compile(rb"\[never"))
        slow = legacy.Legacy(Strangers()).feed(text.encode())
    assert [event for event in slow if isinstance(event, Collected)], text
    assert quick.feed(text.encode()) == slow
