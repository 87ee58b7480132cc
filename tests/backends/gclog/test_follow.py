"""The first look at a log of any size, and what follows."""

from pathlib import Path

import pytest

from backends.agent import Occupancy
from backends.gclog import opening
from backends.gclog.follow import Follower
from backends.gclog.judging.account import Account
from backends.gclog.parsing.assemble import Parser

HEADER = "[0.030s] Using G1\n[0.045s] Heap Region Size: 1M\n"


def g1(number: int, name: str = "Young (Normal) (G1 Evacuation Pause)") -> str:
    at = f"[{number}.5s]"
    sizes = "15M->7M(64M)"
    return f"{at} GC({number}) Old regions: {number % 50}->{number % 50 + 1}\n{at} GC({number}) Pause {name} {sizes} 1.000ms\n"


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the real ones, so that small logs count as large."""
    monkeypatch.setattr(opening, "HEAD", 512)
    monkeypatch.setattr(opening, "WINDOW", 2 << 10)
    monkeypatch.setattr(opening, "WINDOW_MAX", 64 << 10)
    monkeypatch.setattr(opening, "ENOUGH", 20)


@pytest.mark.usefixtures("small_windows")
def test_a_large_log_is_read_at_its_head_and_its_end_only(tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    log.write_text(HEADER + "".join(g1(number) for number in range(500)))
    follower = Follower()
    follower.look(str(log))
    account = follower.account
    assert account.last is not None
    assert (account.collector, account.last.old) == ("G1", Occupancy(49 * 1024, 50 * 1024, 65536))
    assert 20 <= account.young < 100
    assert not follower.is_whole
    follower.close()


@pytest.mark.usefixtures("small_windows")
def test_the_last_full_collection_is_found_far_before_the_end(tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    text = HEADER + "".join(g1(number, "Full (System.gc())" if number in (100, 200) else "Young (Normal)") for number in range(500))
    log.write_text(text)
    follower = Follower()
    follower.look(str(log))
    assert follower.account.last_full is not None
    assert follower.account.last_full.at == 200.5
    assert follower.account.last_full.old == Occupancy(0, 1024, 65536)
    assert follower.account.full == 0  # of those that were counted
    follower.close()


@pytest.mark.usefixtures("small_windows")
def test_after_the_first_look_every_event_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    log.write_text(HEADER + "".join(g1(number) for number in range(300)) + "[300.5s] GC(300) Old regi")
    follower = Follower()
    follower.look(str(log))
    before = follower.account.young
    with log.open("a") as file:
        file.write("ons: 8->9\n[300.5s] GC(300) Pause Young (Normal) (G1 Evacuation Pause) 15M->7M(64M) 1.000ms\n" + g1(301))
    follower.look(str(log))
    follower.look(str(log))
    assert follower.account.young == before + 2
    follower.close()


def test_a_rotated_log_has_no_header_and_its_neighbours_tell_the_size_of_a_region(tmp_path: Path) -> None:
    (tmp_path / "gc.log.0").write_text(HEADER.replace("1M", "4M") + g1(1))
    (tmp_path / "gc.log").write_text(g1(2))
    follower = Follower()
    follower.look(str(tmp_path / "gc.log"))
    assert follower.account.last is not None
    assert follower.account.last.old == Occupancy(8192, 12288, 65536)
    follower.close()


def test_rotation_in_the_middle_of_a_collection_loses_nothing_of_it(tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    first, second = g1(7).splitlines(keepends=True)
    log.write_text(HEADER + first)
    follower = Follower()
    follower.look(str(log))
    log.rename(tmp_path / "gc.log.0")
    log.write_text(second)
    follower.look(str(log))
    assert follower.account.last is not None
    assert follower.account.last.old == Occupancy(7168, 8192, 65536)
    follower.close()


@pytest.mark.usefixtures("small_windows")
def test_a_torn_event_at_the_beginning_of_a_window_gives_no_figure(tmp_path: Path) -> None:
    """Wherever a window begins, the last figures are those of the whole log, or they are left out."""
    log = tmp_path / "gc.log"
    before, after = "[Eden: 1024.0K(2048.0K)->0.0B(2048.0K)", "Survivors: 1024.0K->1024.0K Heap: 9216.0K(16.0M)->%d.0K(16.0M)]"
    events = "".join(
        f"{at}.5: [GC pause (young), 0.0100000 secs]\n"
        + "   [Parallel Time: 9.0 ms, GC Workers: 1]\n" * 12
        + f"   {before} {after % (7000 + at)}\n"
        for at in range(40)
    )
    for size in range(len(events) - 700, len(events), 19):
        log.write_text(events[:size])
        follower, whole = Follower(), Account()
        follower.look(str(log))
        whole.note_all(Parser().feed(events[:size].encode()))
        assert follower.account.last == whole.last
        assert follower.account.last_heap == whole.last_heap
        follower.close()


@pytest.mark.usefixtures("small_windows")
def test_the_last_state_is_found_behind_any_amount_of_an_applications_own_lines(tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    log.write_text(HEADER + "".join(g1(number) for number in range(300)) + "an order came in\n" * 20_000 + "[300.5s] GC(300) Pause Yo")
    follower = Follower()
    follower.look(str(log))
    assert follower.account.last is not None
    assert follower.account.last.at == 299.5
    assert not follower.is_whole
    with log.open("a") as file:
        file.write("ung (Normal) (G1 Evacuation Pause) 15M->7M(64M) 1.000ms\n")
    follower.look(str(log))
    assert follower.account.last_at == 300.5
    follower.close()


def test_a_log_that_a_rotation_has_just_begun_goes_on_from_its_archives(tmp_path: Path) -> None:
    (tmp_path / "gc.log.0").write_text(
        HEADER + "".join(g1(number, "Full (System.gc())" if number == 3 else "Young (Normal)") for number in range(9))
    )
    (tmp_path / "gc.log").write_text(g1(9))
    follower = Follower()
    follower.look(str(tmp_path / "gc.log"))
    assert (follower.account.young, follower.account.full, follower.is_whole) == (9, 1, True)
    assert follower.account.last_full is not None
    assert follower.account.last_full.at == 3.5
    follower.close()


def test_a_jvm_that_has_just_begun_has_nothing_to_do_with_the_archives_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "gc.log.0").write_text(HEADER + g1(1))
    (tmp_path / "gc.log").write_text(HEADER + g1(2))
    follower = Follower()
    follower.look(str(tmp_path / "gc.log"))
    assert (follower.account.young, follower.is_whole) == (1, True)
    follower.close()


@pytest.mark.usefixtures("small_windows")
def test_a_head_of_another_collector_than_the_end_is_not_believed(tmp_path: Path) -> None:
    """Two JVMs after each other in one file that is appended to."""
    log = tmp_path / "gc.log"
    log.write_text(
        "[0.030s] Using Parallel\n" + "x\n" * 40_000 + "".join(g1(number, "Young (Normal) (G1 Evacuation Pause)") for number in range(200))
    )
    follower = Follower()
    follower.look(str(log))
    assert follower.account.collector == "G1"
    follower.close()


def test_a_line_that_a_full_disk_cut_costs_itself_only(tmp_path: Path) -> None:
    log, follower = tmp_path / "gc.log", Follower()
    log.write_text(HEADER + g1(1))
    follower.look(str(log))
    with log.open("a") as file:
        file.write("[2.5s] GC(2) Old regi" + g1(3) + g1(4))
    follower.look(str(log))
    assert follower.account.young == 3
    assert follower.account.last is not None
    assert follower.account.last.at == 4.5
    follower.close()
