"""How far a forwarder is, on disk."""

import os
from pathlib import Path

import pytest

from relay.sinks.position import SLOT, Position, PositionFile
from tests.relay.disk import Faulty

FIRST = Position("202611221845_request.txt", 100, 2, 7)
SECOND = FIRST._replace(offset=200, lines=4)
THIRD = FIRST._replace(name="202611221846_request.txt", offset=50, lines=1)


def noted(path: Path, *positions: Position) -> Path:
    file = PositionFile(path / "memory" / "forwarded", Faulty())
    for position in positions:
        file.note(position)
    return path / "memory" / "forwarded"


def loaded(path: Path) -> Position:
    return PositionFile(path, Faulty()).load()


def test_without_a_file_it_is_the_start(tmp_path: Path) -> None:
    assert loaded(tmp_path / "none") == Position()


def test_the_newest_one_is_read_by_the_next_process(tmp_path: Path) -> None:
    assert loaded(noted(tmp_path, FIRST)) == FIRST
    assert loaded(noted(tmp_path, SECOND, THIRD)) == THIRD


def test_a_process_goes_on_after_the_slot_of_the_one_before(tmp_path: Path) -> None:
    path = noted(tmp_path, FIRST)
    file = PositionFile(path, Faulty())
    file.load()
    file.note(SECOND)
    assert loaded(path) == SECOND
    path.write_bytes(path.read_bytes()[:SLOT] + b"\0" * SLOT)
    assert {loaded(path), FIRST, SECOND} == {FIRST, SECOND}, "the slots were not used in turn"


@pytest.mark.parametrize("damage", [b"", b"\0" * SLOT, b"garbage \xff", b"7 x 1 2 3 00000000"])
def test_a_torn_write_leaves_the_position_before_it(tmp_path: Path, damage: bytes) -> None:
    path = noted(tmp_path, FIRST, SECOND, THIRD)  # the third is in the same slot as the first
    data = path.read_bytes()
    torn = data.index(b"202611221846")
    start = torn // SLOT * SLOT
    path.write_bytes(data[:start] + (damage + data[start + len(damage) : start + 20]).ljust(SLOT, b"\0") + data[start + SLOT :])
    assert loaded(path) == SECOND


def test_a_file_of_rubbish_is_the_start(tmp_path: Path) -> None:
    path = noted(tmp_path, FIRST)
    path.write_bytes(os.urandom(3000))
    assert loaded(path) == Position()


def test_after_a_failed_write_the_good_slot_is_not_the_next_to_be_written(tmp_path: Path) -> None:
    disk = Faulty()
    path = tmp_path / "forwarded"
    file = PositionFile(path, disk)
    file.note(FIRST)
    for _ in range(3):
        disk.bad_syncs = 1
        with pytest.raises(OSError):
            file.note(SECOND)
        before = path.read_bytes()
        assert before.count(b"_request.txt 100 2") == 1, "the last good position was overwritten"
    file.note(THIRD)
    assert loaded(path) == THIRD


def test_noting_is_durable_and_needs_no_new_room(tmp_path: Path) -> None:
    disk = Faulty()
    file = PositionFile(tmp_path / "forwarded", disk)
    file.note(FIRST)
    syncs, size = len(disk.synced), (tmp_path / "forwarded").stat().st_size
    for _ in range(5):
        file.note(SECOND)
    assert len(disk.synced) == syncs + 5
    assert (tmp_path / "forwarded").stat().st_size == size == 2 * SLOT


def test_a_position_knows_its_file_by_what_stands_before_it(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"".join(b"line %03d\n" % number for number in range(100)))
    fd = os.open(path, os.O_RDONLY)
    try:
        position = Position("data").moved(fd, 450, 50)
        assert position[:3] == ("data", 450, 50)
        assert position.fits(fd) and Position("data").fits(fd)
        path.write_bytes(path.read_bytes()[9:])  # repaired: one line less before the position
        assert not position.fits(fd)
        path.write_bytes(b"short\n")
        assert not position.fits(fd)
    finally:
        os.close(fd)
