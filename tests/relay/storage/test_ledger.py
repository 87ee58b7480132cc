"""The remembered numbers on disk: what is there after a restart, after a crash in the middle of a write, and with a disk in trouble."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.storage.ledger import Ledger, _block, _blocks
from relay.storage.seen import Seen
from tests.relay.disk import Faulty

NOW = 1_000_000.0


def ledger(directory: Path, disk: Faulty | None = None, *, keep_s: float = 86400.0, most: int = 1000, is_eager: bool = False) -> Ledger:
    return Ledger(directory, keep_s, most, disk or Faulty(), is_eager=is_eager)


def remembered(directory: Path, *, keep_s: float = 86400.0, most: int = 1000, now: float = NOW) -> dict[bytes, int]:
    seen = Seen(keep_s, most)
    ledger(directory, keep_s=keep_s, most=most).load(seen, now)
    return seen.known


def started(directory: Path, disk: Faulty | None = None, **options: float) -> Ledger:
    found = ledger(directory, disk, keep_s=options.get("keep_s", 86400.0), most=int(options.get("most", 1000)))
    found.load(Seen(86400.0, 1000), NOW)
    return found


def test_what_was_synced_is_there_after_a_restart(tmp_path: Path) -> None:
    book = started(tmp_path)
    book.note([b"1", b"2"], [11, (1 << 64) - 1], NOW)
    book.sync()
    assert remembered(tmp_path) == {b"1": 11, b"2": (1 << 64) - 1}


def test_what_was_not_synced_is_still_in_memory_only(tmp_path: Path) -> None:
    book = started(tmp_path)
    book.note([b"1"], [11], NOW)
    assert remembered(tmp_path) == {}


def test_an_eager_ledger_writes_with_every_commit(tmp_path: Path) -> None:
    book = ledger(tmp_path, is_eager=True)
    book.load(Seen(10.0, 10), NOW)
    book.note([b"1"], [11], NOW)
    assert remembered(tmp_path) == {b"1": 11}


def test_a_torn_block_ends_its_segment_and_nothing_else(tmp_path: Path) -> None:
    for number in (1, 2):
        book = started(tmp_path)
        book.note([b"a%d" % number], [number], NOW)
        book.note([b"b%d" % number], [number], NOW)
        book.close()
    first = min(tmp_path.glob("*.seen"))
    first.write_bytes(first.read_bytes()[:-1])
    assert remembered(tmp_path) == {b"a1": 1, b"a2": 2, b"b2": 2}


def test_a_full_disk_keeps_numbers_in_memory_until_there_is_room(tmp_path: Path) -> None:
    disk = Faulty()
    book = started(tmp_path, disk)
    disk.room = 10
    book.note([b"1"], [11], NOW)
    book.sync()
    disk.room = None
    book.note([b"2"], [22], NOW)
    book.sync()
    assert remembered(tmp_path) == {b"1": 11, b"2": 22}


def test_a_failed_sync_writes_the_numbers_again_elsewhere(tmp_path: Path) -> None:
    disk = Faulty()
    book = started(tmp_path, disk)
    disk.bad_syncs = 1
    book.note([b"1"], [11], NOW)
    book.sync()
    book.sync()
    assert len(list(tmp_path.glob("*.seen"))) == 2
    assert remembered(tmp_path) == {b"1": 11}


def test_a_busy_minute_is_synced_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.storage.ledger.SYNC_AT", 1000)
    disk = Faulty()
    book = started(tmp_path, disk)
    for number in range(100):
        book.note([b"%09d" % number], [number], NOW)
    assert len(disk.synced) >= 3
    assert len(remembered(tmp_path)) > 70


def test_old_segments_are_removed_by_count(tmp_path: Path) -> None:
    book = started(tmp_path, most=80)
    for number in range(1000):
        book.note([b"%d" % number], [number], NOW)
        book.sync()
    assert len(list(tmp_path.glob("*.seen"))) <= 10
    known = remembered(tmp_path, most=80)
    assert {b"%d" % number for number in range(920, 1000)} <= set(known)


def test_old_segments_are_removed_by_age(tmp_path: Path) -> None:
    book = started(tmp_path, keep_s=80.0)
    for second in range(1000):
        book.note([b"%d" % second], [second], NOW + second)
        book.sync()
    assert len(list(tmp_path.glob("*.seen"))) <= 10
    assert {b"%d" % second for second in range(925, 1000)} <= set(remembered(tmp_path, keep_s=80.0, now=NOW + 1000))


def test_what_is_too_old_at_the_start_is_removed(tmp_path: Path) -> None:
    book = started(tmp_path)
    book.note([b"1"], [11], NOW)
    book.close()
    assert remembered(tmp_path, now=NOW + 90_000) == {}
    assert list(tmp_path.glob("*.seen")) == []


def test_a_segment_that_cannot_be_read_is_kept_and_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Damaged in its first block, or of another version: its numbers are forgotten, and somebody must hear of it."""
    book = started(tmp_path)
    book.note([b"1"], [11], NOW)
    book.close()
    (segment,) = tmp_path.glob("*.seen")
    segment.write_bytes(b"XXXX" + segment.read_bytes()[4:])
    assert remembered(tmp_path) == {}
    assert "forgotten" in caplog.text
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ""] == [f"{segment.stem}.unread"]


KEYS = st.lists(st.binary(min_size=1, max_size=20).filter(lambda key: b"\n" not in key), min_size=1, max_size=10)


@given(KEYS, st.floats(0, 1e10), st.binary(max_size=60))
def test_a_block_reads_back_whatever_follows_it(keys: list[bytes], at: float, garbage: bytes) -> None:
    digests = list(itertools.islice(itertools.count(1 << 62), len(keys)))
    found = list(_blocks(_block(keys, digests, at) + garbage))
    assert (found[0][0], found[0][1], list(found[0][2])) == (at, keys, digests)


@given(st.binary(max_size=300))
def test_any_bytes_are_no_blocks(data: bytes) -> None:
    assert list(_blocks(data)) == [] or data.startswith(b"SEE2")


def test_a_jump_of_the_wall_clock_removes_no_segment(tmp_path: Path) -> None:
    """Ages are taken from a clock that nobody sets; what is on disk has the wall clock's time."""
    elapsed = itertools.count(NOW)
    book = Ledger(tmp_path, 1000.0, 1_000_000, Faulty(), clock=lambda: float(next(elapsed)))
    book.load(Seen(1000.0, 1_000_000), NOW)
    book.note([b"1"], [11], NOW)
    book.close()
    book.note([b"2"], [22], NOW + 1e6)
    book.sync()
    assert len(list(tmp_path.glob("*.seen"))) == 2
    assert remembered(tmp_path) == {b"1": 11, b"2": 22}


def test_a_disk_that_refuses_for_long_is_asked_once_a_second_and_leaves_no_empty_files(tmp_path: Path) -> None:
    disk = Faulty()
    book = ledger(tmp_path, disk, is_eager=True)
    book.load(Seen(86400.0, 1000), NOW)
    disk.room = 0
    for number in range(100):
        book.note([b"%d" % number], [number], NOW)
    assert disk.log.count("open 0000000001.seen") == 1
    assert len([line for line in disk.log if line.endswith(".seen")]) <= 2
    assert list(tmp_path.glob("*.seen")) == []
    disk.room = None
    assert book.prepare()
    assert len(remembered(tmp_path)) == 100


def test_too_many_numbers_in_memory_stop_the_taking_of_records_and_none_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.storage.ledger.MAX_WAITING", 500)
    disk = Faulty()
    book = started(tmp_path, disk)
    disk.bad_opens = 1000
    for number in range(20):
        book.note([b"%d" % number], [number], NOW)
    book.sync()
    assert not book.is_ready
    disk.bad_opens = 0
    assert book.prepare()
    assert len(remembered(tmp_path)) == 20
