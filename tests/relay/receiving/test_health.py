"""When a receiver says that its disk is full, and when that is over: with a disk that does what the test wants."""

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.receiving.health import PROBE_NAME, Health
from relay.storage.commit import StorageFailed
from tests.relay.disk import Faulty


class Desk:
    """A health whose writer works at once."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.disk = Faulty()
        self.has_room = True
        self.said: list[tuple[str, str]] = []
        self.busy_since: float | None = None
        self.health = Health(self, place, self.disk, lambda: self.has_room, 503, lambda *words: self.said.append(words))  # type: ignore[arg-type]

    def do(self, job: Callable[[], None]) -> None:
        job()

    async def tick(self) -> str | None:
        self.health.tick()
        await asyncio.sleep(0)
        return self.health.state


def below_min_free() -> StorageFailed:
    return StorageFailed("less free space than relay.min_free", is_space=True)


def too_large() -> StorageFailed:
    try:
        raise StorageFailed("File too large", is_space=True) from OSError(errno.EFBIG, "File too large")
    except StorageFailed as failure:
        return failure


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def is_now(number: int) -> None:
        monkeypatch.setattr("relay.receiving.health._minute", lambda: number)

    is_now(1)
    return is_now


async def test_below_min_free_it_is_full_until_there_is_that_much_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.has_room = False
    desk.health.note(below_min_free())
    assert await desk.tick() == "disk_full"
    desk.has_room = True
    assert await desk.tick() is None
    assert [severity for severity, _ in desk.said] == ["critical", "info"]


async def test_between_two_refused_records_it_is_not_well_although_the_system_says_there_is_room(
    tmp_path: Path, minute: Callable[[int], None]
) -> None:
    desk = Desk(tmp_path)
    for _ in range(3):
        desk.health.note(too_large())
        assert await desk.tick() == "disk_full"
    assert len(desk.said) == 1
    desk.health.note(None)
    assert await desk.tick() is None
    assert desk.said[1] == ("info", "records are stored again")
    assert desk.health.commits == 1 and desk.health.last_commit_at is not None


async def test_without_traffic_a_write_that_failed_is_over_when_something_can_be_written_in_the_next_minute(
    tmp_path: Path, minute: Callable[[int], None]
) -> None:
    desk = Desk(tmp_path)
    desk.health.note(too_large())
    minute(2)
    desk.disk.room = 1000
    assert await desk.tick() == "disk_full"
    assert not (tmp_path / PROBE_NAME).exists()
    desk.disk.room = None
    assert await desk.tick() is None
    assert list(tmp_path.iterdir()) == []


async def test_a_failure_that_came_while_one_looked_counts_more(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.health.note(below_min_free())
    desk.health.tick()
    desk.health.note(below_min_free())
    await asyncio.sleep(0)
    assert desk.health.state == "disk_full"


async def test_a_disk_that_does_not_answer_is_said_to_hang(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.busy_since = -1e9
    assert desk.health.state == "failed"
    assert (desk.health.error or "").startswith("the disk has not answered for ")
