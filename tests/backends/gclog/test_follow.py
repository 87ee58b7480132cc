"""The first look at a log of any size, and what follows."""

from pathlib import Path

import pytest

from backends.agent import Occupancy
from backends.gclog import follow
from backends.gclog.follow import Follower

HEADER = "[0.030s] Using G1\n[0.045s] Heap Region Size: 1M\n"


def g1(number: int, name: str = "Young (Normal) (G1 Evacuation Pause)") -> str:
    at = f"[{number}.5s]"
    sizes = "15M->7M(64M)"
    return f"{at} GC({number}) Old regions: {number % 50}->{number % 50 + 1}\n{at} GC({number}) Pause {name} {sizes} 1.000ms\n"


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the real ones, so that small logs count as large."""
    monkeypatch.setattr(follow, "HEAD", 512)
    monkeypatch.setattr(follow, "WINDOW", 2 << 10)
    monkeypatch.setattr(follow, "WINDOW_MAX", 64 << 10)
    monkeypatch.setattr(follow, "ENOUGH", 20)


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
