"""Logs of JDK 9 and newer, line by line."""

import pytest

from backends.agent import Occupancy
from backends.gclog.events import Collected, Event, Exhausted, Exited, Launched, Named, Opened, Paused, Regioned, Stalled
from backends.gclog.judging.account import Account
from backends.gclog.parsing.assemble import Parser


def events(*lines: str) -> list[Event]:
    return Parser().feed("".join(f"{line}\n" for line in lines).encode())


def folded(*lines: str) -> Account:
    account = Account()
    account.note_all(events(*lines))
    return account


G1 = (
    "[0.030s][info][gc     ] Using G1",
    "[0.045s][info][gc,init] Heap Region Size: 1M",
    "[0.292s][info][gc,start    ] GC(0) Pause Young (Normal) (G1 Evacuation Pause)",
    "[0.304s][info][gc,heap     ] GC(0) Eden regions: 14->0(24)",
    "[0.304s][info][gc,heap     ] GC(0) Survivor regions: 0->2(2)",
    "[0.304s][info][gc,heap     ] GC(0) Old regions: 2->4",
    "[0.304s][info][gc,heap     ] GC(0) Humongous regions: 0->3",
    "[0.304s][info][gc          ] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 15M->7M(64M) 11.870ms",
    "[0.304s][info][gc,cpu      ] GC(0) User=0.00s Sys=0.01s Real=0.01s",
)


def test_a_g1_collection_counts_regions_and_any_region_may_become_old() -> None:
    assert events(*G1) == [
        Launched(0.030),
        Named("G1", True),
        Regioned(1024),
        Opened(0.292, None, "Young (Normal) (G1 Evacuation Pause)"),
        Collected(
            "young",
            0.304,
            None,
            "G1 Evacuation Pause",
            heap=Occupancy(15360, 7168, 65536),
            old=Occupancy(2048, 4096, 65536),
            basis="regions",
            pause_s=0.01187,
            humongous_kib=3072,
        ),
    ]


def test_the_size_of_a_region_may_come_after_the_collections_as_in_a_rotated_file() -> None:
    account = folded(*G1[2:], "[9.1s][info][gc,heap,exit]   region size 2048K, 1 young (2048K), 0 survivors (0K)")
    assert account.last is not None
    assert account.last.old == Occupancy(4096, 8192, 65536)
    assert account.basis == "regions"


def test_without_the_size_of_a_region_the_old_generation_is_not_known() -> None:
    assert folded(*G1[2:]).last is None


def test_a_pool_is_stated_with_and_without_the_capacity_before() -> None:
    jdk11 = folded("[0.5s][gc] GC(3) ParOldGen: 44029K->44027K(44032K)", "[0.5s][gc] GC(3) Pause Full (Ergonomics) 60M->59M(61M) 12.5ms")
    jdk17 = folded(
        "[0.5s] GC(3) Tenured: 14429K(44032K)->31637K(44032K)", "[0.5s] GC(3) Pause Young (Allocation Failure) 32M->33M(61M) 1.0ms"
    )
    assert jdk11.last_full is not None
    assert jdk11.last_full.old == Occupancy(44029, 44027, 44032)
    assert jdk17.last is not None
    assert (jdk17.last.old, jdk17.collector) == (Occupancy(14429, 31637, 44032), "Serial")


def test_numbers_interleave_and_each_collection_keeps_its_own_pools() -> None:
    account = folded(
        "[0.1s][gc,heap] GC(7) CMS: 10K->20K(30K)",
        "[0.1s][gc,heap] GC(8) CMS: 11K->21K(31K)",
        "[0.2s][gc] GC(7) Pause Young (Allocation Failure) 1M->1M(2M) 1.0ms",
    )
    assert account.last is not None
    assert account.last.old == Occupancy(10, 20, 30)


def test_a_log_of_pauses_alone_says_nothing_of_the_old_generation() -> None:
    account = folded("[1.0s][info][gc] Using Parallel", "[1.6s][info][gc] GC(0) Pause Full (System.gc()) 46M->41M(57M) 1.6ms")
    assert (account.full, account.last, account.last_heap) == (1, None, Occupancy(47104, 41984, 58368))
    assert account.last_full is not None
    assert account.last_full.cause == "System.gc()"


def test_zgc_counts_cycles_and_states_the_whole_heap() -> None:
    found = events(
        "[0.154s][info][gc] Using The Z Garbage Collector",
        "[0.607s][info][gc] Allocation Stall (main) 39.295ms",
        "[0.651s][info][gc] GC(1) Garbage Collection (Allocation Stall) 96M(100%)->38M(40%)",
        "[0.700s][info][gc] GC(2) Garbage Collection (Allocation Rate) Aborted",
        "[0.800s][info][gc] Out Of Memory (main)",
    )
    heap = Occupancy(98304, 38912, None)
    assert found[2:] == [
        Stalled(0.607, None, 0.039295),
        Collected("full", 0.651, None, "Allocation Stall", heap, heap, "heap", None, filled=0.4),
        Exhausted(0.8, None, "Out Of Memory (main)"),
    ]


def test_generational_zgc_has_minor_and_major_collections() -> None:
    account = folded(
        "[0.182s][info][gc] Using The Z Garbage Collector",
        "[0.331s][info][gc] GC(0) Major Collection (Warmup)",
        "[0.355s][info][gc] GC(0) Major Collection (Warmup) 10M(10%)->16M(17%) 0.024s",
        "[0.447s][info][gc] GC(3) Minor Collection (Allocation Rate) 52M(54%)->40M(42%) 0.028s",
    )
    assert (account.collector, account.young, account.full, account.pauses) == ("ZGC generational", 1, 1, 0)


def test_shenandoah_states_its_heap_when_it_cleans_up() -> None:
    account = folded(
        "[0.1s][info][gc] Using Shenandoah",
        "[0.2s][info][gc] GC(0) Pause Init Mark (process weakrefs) 0.300ms",
        "[0.3s][info][gc] GC(0) Concurrent cleanup 14M->9M(33M) 0.027ms",
        "[0.4s][info][gc] GC(1) Pause Degenerated GC (Mark) 30M->12M(33M) 7.000ms",
    )
    assert (account.pauses, account.young, account.full) == (2, 0, 0)
    assert account.last is not None
    assert account.last.old == Occupancy(30720, 12288, 33792)


@pytest.mark.parametrize(("of", "collector"), [("", "Shenandoah"), (" (Young)", "Shenandoah generational")])
def test_shenandoah_of_jdk_28_states_its_heap_when_a_cycle_ends(of: str, collector: str) -> None:
    account = folded(
        "[0.004s][info][gc] Using Shenandoah",
        f"[0.079s][info][gc] GC(0) Concurrent GC{of}",
        f"[0.079s][info][gc] GC(0) Pause Init Mark{of} 0.032ms",
        f"[0.086s][info][gc] GC(0) Concurrent GC{of} 12M->11M(16M) 7.855ms",
    )
    assert (account.collector, account.last_heap) == (collector, Occupancy(12288, 11264, 16384))


def test_epsilon_only_says_how_full_it_is() -> None:
    account = folded(
        "[0.1s][info][gc] Using Epsilon", "[0.2s][info][gc] Heap: 65536K reserved, 65536K (100.00%) committed, 3416K (5.21%) used"
    )
    assert account.last_heap == Occupancy(None, 3416, 65536)
    assert account.pauses == 0


def test_any_decorations_and_none_give_the_same_collection() -> None:
    message = "GC(0) Pause Young (Allocation Failure) 16M->4M(61M) 5.658ms"
    stamps = {
        "": (None, None),
        "[0.191s][info ][gc          ] ": (0.191, None),
        "[1970-01-01T00:00:10.500+0000][0.191s] ": (0.191, 10.5),
        "[1970-01-01T00:00:10.500+0000][vm] ": (10.5, 10.5),
        "[1795350482684ms][60ms][gc] ": (0.060, 1795350482.684),
        "[89226749ns][25852][25853][info][gc] ": (0.089226749, None),
        "[info][gc] ": (None, None),
    }
    for decorations, when in stamps.items():
        (found,) = [event for event in events(decorations + message) if isinstance(event, Collected)]
        assert (found.at, found.wall) == when, decorations
        assert found.heap == Occupancy(16384, 4096, 62464), decorations


def test_a_native_image_prints_decimals_and_no_capacity() -> None:
    account = folded("[5.1s] GC(9) Pause Full (Collect on allocation) 345.73M->342.23M 774.698ms")
    assert account.last_heap == Occupancy(354028, 350444, None)


def test_the_heap_printed_at_exit_ends_the_process_and_words_of_an_application_do_not() -> None:
    collection = "[1.0s][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 1M->1M(2M) 1.0ms"
    assert events(collection, "[1.465s][info][gc,heap,exit  ] Heap")[-1] == Exited(1.465, None)
    assert not folded(collection, "a Heap", "printing the Heap").is_ended


def test_an_uptime_that_runs_backwards_is_another_jvm() -> None:
    line = "GC(0) Pause Young (Normal) (G1 Evacuation Pause) 1M->1M(2M) 1.0ms"
    found = events(f"[100.0s][gc] {line}", f"[0.2s][gc] {line}")
    assert [type(event) for event in found if not isinstance(event, Named)] == [Collected, Launched, Collected]


def test_marks_and_cleanups_stop_the_world_and_collect_nothing() -> None:
    found = events("[0.7s][info][gc] GC(1) Pause Remark 4M->4M(8M) 0.776ms", "[0.7s][info][gc] GC(1) Pause Cleanup 4M->4M(8M) 0.119ms")
    assert [event.name for event in found if isinstance(event, Paused)] == ["Remark", "Cleanup"]
