"""A few rounds of each kind of trouble, with a real relay under load; `python -m bench.relay_faults all` plays them at length.

What mounts an image is for root, and has a variant that needs nobody: of a power cut test_world.py, of a full and a read-only disk the
ones that stand beside them here.
"""

from pathlib import Path

import pytest

from tests.relay.faults import peers, place, scenarios


def root_only(variant: str, *, to_break: bool = False) -> None:
    """Ends the test here, and says so, where no image can be mounted."""
    if (why := place.why_not(to_break=to_break)) is not None:
        pytest.skip(f"{why}; without it there is {variant}")


async def test_records_that_were_acknowledged_outlive_every_kill_and_what_is_sent_again_is_stored_once(tmp_path: Path) -> None:
    found = await scenarios.kill(4, tmp_path)
    assert found.is_clean
    assert found.acknowledged == found.stored == found.sent > 1000, "the load was none"
    assert found.notes["files_taken"] > 0, "no minute ended"


async def test_records_that_were_acknowledged_outlive_every_power_cut(tmp_path: Path) -> None:
    root_only("test_world.py")
    found = await scenarios.power_cut(4, tmp_path)
    assert found.is_clean
    assert found.stored > 1000


async def test_a_full_disk_is_503_and_service_resumes_by_itself_and_minutes_are_published_meanwhile(tmp_path: Path) -> None:
    root_only("the disk that says that it is full, below")
    found = await scenarios.full_disk(2, tmp_path)
    assert found.is_clean
    assert found.notes["refused"] > 0


async def test_a_disk_that_says_that_it_is_full_costs_a_503_and_nothing_else(tmp_path: Path) -> None:
    found = await scenarios.refused_writes(4, tmp_path)
    assert found.is_clean
    assert found.notes["refused"] > 0


async def test_a_file_system_that_turns_read_only_is_503_and_service_resumes_by_itself(tmp_path: Path) -> None:
    root_only("the disk that says that it is read-only, below", to_break=True)
    found = await scenarios.read_only(2, tmp_path)
    assert found.is_clean
    assert found.notes["refused"] > 0


async def test_a_disk_that_says_that_it_is_read_only_costs_a_503_and_nothing_else(tmp_path: Path) -> None:
    found = await scenarios.refused_changes(2, tmp_path)
    assert found.is_clean
    assert found.notes["refused"] > 0


async def test_a_sync_that_fails_is_503_also_when_the_file_cannot_be_cut_and_the_relay_is_killed(tmp_path: Path) -> None:
    found = await scenarios.failed_sync(6, tmp_path)
    assert found.is_clean
    assert found.notes["refused"] > 0


async def test_a_sync_that_takes_a_second_makes_partners_wait_and_refuses_nobody(tmp_path: Path) -> None:
    assert (await scenarios.slow_sync(1, tmp_path, 1.0)).is_clean


async def test_an_inbox_that_is_removed_is_made_again_and_nothing_is_acknowledged_into_the_removed_one(tmp_path: Path) -> None:
    found = await scenarios.directory_removed(4, tmp_path)
    assert found.is_clean
    assert found.acknowledged > 200


async def test_a_consumer_that_takes_the_file_being_written_every_50_ms_gets_everything_once(tmp_path: Path) -> None:
    found = await scenarios.moving_consumer(25, tmp_path)
    assert found.is_clean
    assert found.notes["files_taken"] > 5


async def test_a_disk_that_hangs_is_not_felt_by_the_neighbour(tmp_path: Path) -> None:
    assert (await scenarios.hanging_neighbour(1, tmp_path)).is_clean


async def test_many_silent_connections_are_kept_and_disturb_nobody(tmp_path: Path) -> None:
    found = await peers.idle(500, tmp_path)
    assert found.is_clean
    assert found.notes["bytes_each"] < 16 * 1024  # measured 1,100 at 10,000; here the allocator's steps show


async def test_connections_that_trickle_are_ended_and_disturb_nobody(tmp_path: Path) -> None:
    assert (await peers.slowloris(100, tmp_path)).is_clean


async def test_a_reset_after_any_byte_loses_nothing_and_what_is_sent_again_is_stored_once(tmp_path: Path) -> None:
    assert (await peers.reset_at_every_byte(1, tmp_path)).is_clean


async def test_one_who_never_reads_is_ended_and_costs_little(tmp_path: Path) -> None:
    found = await peers.never_reads(1, tmp_path)
    assert found.is_clean
    assert found.notes["worst_growth_bytes"] < 64 << 20
