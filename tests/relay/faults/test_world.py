"""Power cuts, failing syncs and full disks in any order, on a disk that forgets what was not synced: thousands of them from seeds."""

from pathlib import Path

import pytest

from tests.relay.faults.world import World

WORLDS, STEPS, CUTS = 40, 40, 3


@pytest.mark.parametrize("in_place", [False, True], ids=["renamed when the minute is over", "in place"])
def test_whatever_the_disk_does_and_whenever_the_power_fails_nothing_acknowledged_is_lost_or_stored_twice(
    tmp_path: Path, in_place: bool
) -> None:
    for seed in range(WORLDS):
        world = World(seed, tmp_path / str(seed), in_place=in_place)
        world.life(STEPS, CUTS)
        assert world.audit(f"world seed={seed}").is_clean
