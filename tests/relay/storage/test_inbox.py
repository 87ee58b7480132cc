"""Minute files: when they appear, under which name, and what a disk in trouble does to them. Time is an argument."""

import calendar
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from relay.storage.commit import StorageFailed
from relay.storage.inbox import Inbox
from relay.storage.ledger import Ledger
from relay.storage.names import Names
from relay.storage.seen import Seen
from tests.relay.disk import Faulty

NOON = float(calendar.timegm((2026, 11, 22, 12, 0, 0)))


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Batch(NamedTuple):
    data: bytes
    keys: list[bytes]
    digests: list[int]


def batch(*lines: bytes) -> Batch:
    return Batch(b"".join(line + b"\n" for line in lines), list(lines), [1 << 40] * len(lines))


class Bench:
    def __init__(self, root: Path, *, in_place: bool = False, min_free: int = 64 << 20) -> None:
        self.root = root
        self.place = root / "inbox"
        self.memory = root / "seen"
        self.in_place = in_place
        self.min_free = min_free
        self.disk = Faulty()
        self.troubles: list[str] = []
        self.place.mkdir(exist_ok=True)
        self.memory.mkdir(exist_ok=True)
        self.inbox = self.start()

    def start(self, now: float = NOON) -> Inbox:
        names = Names(self.memory / "names", self.disk)
        names.load()
        ledger = Ledger(self.memory, 86400.0, 1000, self.disk, is_eager=self.in_place)
        ledger.load(Seen(86400.0, 1000), now)
        where = {"min_free": self.min_free, "in_place": self.in_place}
        self.inbox = Inbox(self.place, names, ledger, self.disk, trouble=self.troubles.append, **where)  # type: ignore[arg-type]
        return self.inbox

    @property
    def seen(self) -> dict[str, bytes]:
        """What a consumer sees."""
        return {path.name: path.read_bytes() for path in sorted(self.place.iterdir()) if not path.name.startswith(".")}

    @property
    def hidden(self) -> list[str]:
        return sorted(path.name for path in self.place.iterdir() if path.name.startswith("."))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_minute_is_hidden_until_it_is_over_and_then_whole(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.inbox.append(batch(b"two"), NOON + 59)
    assert bench.seen == {}
    assert bench.hidden == [".202611221200_request.txt.part"]
    bench.inbox.tick(NOON + 59.9)
    assert bench.seen == {}
    bench.inbox.tick(NOON + 60)
    assert bench.seen == {"202611221200_request.txt": b"one\ntwo\n"}
    assert bench.hidden == []


def test_the_next_record_ends_the_minute_too(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON + 59)
    bench.inbox.append(batch(b"two"), NOON + 60)
    assert bench.seen == {"202611221200_request.txt": b"one\n"}
    assert bench.hidden == [".202611221201_request.txt.part"]


def test_names_are_local_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    bench.inbox.append(batch(b"one"), NOON)
    bench.inbox.close(NOON)
    assert list(bench.seen) == ["202611222100_request.txt"]


def test_a_drain_publishes_within_the_minute_and_a_restart_takes_the_next_name(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.inbox.close(NOON + 1)
    bench.start(NOON + 2)
    bench.inbox.append(batch(b"two"), NOON + 2)
    bench.inbox.close(NOON + 3)
    assert bench.seen == {"202611221200_request.txt": b"one\n", "202611221200_request.1.txt": b"two\n"}


def test_a_published_name_is_not_used_again_although_its_file_was_consumed(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.inbox.close(NOON + 1)
    (bench.place / "202611221200_request.txt").unlink()
    bench.start(NOON + 2)
    bench.inbox.append(batch(b"two"), NOON + 2)
    bench.inbox.close(NOON + 3)
    assert bench.seen == {"202611221200_request.1.txt": b"two\n"}


def test_when_the_clock_steps_back_no_name_is_used_twice_and_nothing_waits_an_hour(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.inbox.append(batch(b"two"), NOON + 3600)
    bench.inbox.append(batch(b"three"), NOON + 1)
    bench.inbox.tick(NOON + 60)
    assert bench.seen == {
        "202611221200_request.txt": b"one\n",
        "202611221300_request.txt": b"two\n",
        "202611221200_request.1.txt": b"three\n",
    }


def test_somebody_elses_file_with_our_name_is_not_overwritten(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    (bench.place / "202611221200_request.txt").write_bytes(b"foreign\n")
    bench.inbox.tick(NOON + 60)
    assert bench.seen == {"202611221200_request.txt": b"foreign\n", "202611221200_request.1.txt": b"one\n"}


def test_a_full_disk_refuses_the_batch_and_the_file_goes_on_when_there_is_room(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.disk.room = 2
    with pytest.raises(StorageFailed) as failure:
        bench.inbox.append(batch(b"two"), NOON + 1)
    assert failure.value.is_space
    bench.disk.room = None
    bench.inbox.append(batch(b"three"), NOON + 2)
    bench.inbox.close(NOON + 3)
    assert bench.seen == {"202611221200_request.txt": b"one\nthree\n"}


def test_no_room_for_the_file_itself_refuses_and_wastes_no_name(bench: Bench) -> None:
    bench.disk.bad_opens = 3
    for _ in range(3):
        with pytest.raises(StorageFailed):
            bench.inbox.append(batch(b"one"), NOON)
    bench.inbox.append(batch(b"two"), NOON)
    bench.inbox.close(NOON)
    assert bench.seen == {"202611221200_request.txt": b"two\n"}


def test_below_min_free_nothing_is_written_at_all(tmp_path: Path) -> None:
    bench = Bench(tmp_path, min_free=1 << 20)
    bench.disk.free_bytes = (1 << 20) + 3
    with pytest.raises(StorageFailed, match=r"relay\.min_free"):
        bench.inbox.append(batch(b"one"), NOON)
    assert bench.hidden == []
    bench.disk.free_bytes += 100
    bench.inbox.append(batch(b"one"), NOON)


def test_min_free_claims_at_most_a_twentieth_of_the_file_system(tmp_path: Path) -> None:
    bench = Bench(tmp_path, min_free=1 << 50)
    bench.disk.free_bytes = (100 << 30) // 20 + 4
    bench.inbox.append(batch(b"one"), NOON)
    bench.disk.free_bytes -= 1
    with pytest.raises(StorageFailed):
        bench.inbox.append(batch(b"one"), NOON)


def test_after_a_failed_sync_the_file_ends_with_its_last_durable_record_and_the_next_one_begins(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.disk.bad_syncs = 1
    with pytest.raises(StorageFailed) as failure:
        bench.inbox.append(batch(b"two"), NOON + 1)
    assert not failure.value.is_space
    bench.inbox.append(batch(b"three"), NOON + 2)
    bench.inbox.close(NOON + 3)
    assert bench.seen == {"202611221200_request.txt": b"one\n", "202611221200_request.1.txt": b"three\n"}
    assert "ends after its last durable record" in bench.troubles[0]


def test_the_descriptor_of_a_failed_sync_is_never_synced_again(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.disk.bad_syncs = 1
    with pytest.raises(StorageFailed):
        bench.inbox.append(batch(b"two"), NOON)
    bench.disk.log.clear()
    bench.inbox.append(batch(b"three"), NOON)
    assert bench.disk.log[-1] == "open .202611221200_request.1.txt.part"


def test_a_first_batch_that_cannot_be_synced_leaves_no_empty_file(bench: Bench) -> None:
    names_claimed = 1
    bench.inbox.append(batch(b"zero"), NOON - 60)
    bench.inbox.tick(NOON)
    bench.disk.bad_directory_syncs = 0
    original = bench.disk.sync
    calls = []

    def sync(fd: int) -> None:
        calls.append(fd)
        if len(calls) == names_claimed + 1:
            raise OSError(5, "Input/output error")
        original(fd)

    bench.disk.sync = sync  # type: ignore[method-assign]
    with pytest.raises(StorageFailed):
        bench.inbox.append(batch(b"one"), NOON)
    bench.inbox.tick(NOON)
    assert list(bench.seen) == ["202611221159_request.txt"]
    assert bench.hidden == []


def test_numbers_are_on_disk_before_their_file_can_be_consumed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the two, the numbers are in the ledger and the file is still hidden: nothing is forgotten."""
    order: list[str] = []

    def sync() -> bool:
        order.append("ledger")
        return True

    monkeypatch.setattr(bench.inbox.ledger, "sync", sync)
    monkeypatch.setattr("relay.storage.inbox.rename_new", lambda source, target: order.append("rename"))
    bench.inbox.append(batch(b"one"), NOON)
    bench.inbox.tick(NOON + 60)
    assert order == ["ledger", "rename"]


def test_a_file_that_cannot_be_published_yet_is_published_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    with monkeypatch.context() as patch:

        def refuse(source: Path, target: Path) -> None:
            raise PermissionError(13, "Permission denied")

        patch.setattr("relay.storage.inbox.rename_new", refuse)
        bench.inbox.append(batch(b"two"), NOON + 60)
        assert bench.seen == {}
    bench.inbox.tick(NOON + 61)
    assert bench.seen == {"202611221200_request.txt": b"one\n"}
    assert "cannot be published yet" in bench.troubles[0]


def test_in_place_a_consumer_sees_the_current_minute(tmp_path: Path) -> None:
    bench = Bench(tmp_path, in_place=True)
    bench.inbox.append(batch(b"one"), NOON)
    assert bench.seen == {"202611221200_request.txt": b"one\n"}
    bench.inbox.append(batch(b"two"), NOON + 60)
    bench.inbox.close(NOON + 61)
    assert bench.seen == {"202611221200_request.txt": b"one\n", "202611221201_request.txt": b"two\n"}


def test_in_place_a_file_that_was_taken_away_is_not_written_to(tmp_path: Path) -> None:
    bench = Bench(tmp_path, in_place=True)
    bench.inbox.append(batch(b"one"), NOON)
    (bench.place / "202611221200_request.txt").rename(tmp_path / "taken")
    bench.inbox.append(batch(b"two"), NOON + 1)
    assert (tmp_path / "taken").read_bytes() == b"one\n"
    assert bench.seen == {"202611221200_request.1.txt": b"two\n"}


def test_a_torn_line_in_the_log_of_names_does_not_hide_the_next_one(bench: Bench) -> None:
    (bench.memory / "names").write_text("202611221200_request.txt\n2026112")
    names = Names(bench.memory / "names", bench.disk)
    names.load()
    names.claim("202611221201_request.txt")
    again = Names(bench.memory / "names", bench.disk)
    again.load()
    assert again.is_used("202611221200_request.txt")
    assert again.is_used("202611221201_request.txt")
    assert again.newest[-1] == "202611221201_request.txt"


def test_the_log_of_names_is_bounded_by_count_so_that_no_jump_of_the_clock_empties_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.storage.names.NAMES_KEPT", 3)
    for minute in range(5):
        bench.inbox.append(batch(b"one"), NOON + minute * 60)
    names = Names(bench.memory / "names", bench.disk)
    names.load()
    assert [names.is_used(f"20261122120{minute}_request.txt") for minute in range(5)] == [False, False, True, True, True]
    assert len((bench.memory / "names").read_text().split()) == 3


class Crowded(Faulty):
    """A disk that somebody else has filled: there is room only while the reserve is given back."""

    def __init__(self, reserve: Path) -> None:
        super().__init__()
        self.reserve_file = reserve
        self.is_full = False

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if self.is_full and self.reserve_file.exists():
            raise OSError(28, "No space left on device")
        return super().write(fd, data)

    def reserve(self, path: Path, size: int) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        super().reserve(path, size)


def crowded(root: Path) -> tuple[Bench, Crowded]:
    bench = Bench(root)
    bench.disk = disk = Crowded(bench.memory / "reserve")
    bench.start()
    return bench, disk


def test_a_full_disk_publishes_its_minutes_with_the_room_of_the_reserve_and_takes_records_when_that_is_there_again(tmp_path: Path) -> None:
    bench, disk = crowded(tmp_path)
    bench.inbox.append(batch(b"one"), NOON)
    disk.is_full = True
    bench.inbox.tick(NOON + 60)
    assert bench.seen == {"202611221200_request.txt": b"one\n"}
    assert not disk.reserve_file.exists()
    with pytest.raises(StorageFailed) as failure:
        bench.inbox.append(batch(b"two"), NOON + 61)
    assert failure.value.is_space
    assert not bench.inbox.has_room()
    disk.is_full = False
    bench.inbox.tick(NOON + 62)
    assert bench.inbox.has_room()
    bench.inbox.append(batch(b"three"), NOON + 63)


def test_a_number_that_cannot_be_remembered_keeps_its_file_hidden_until_it_can(bench: Bench) -> None:
    """Were it published and consumed, a crash would forget the number, and its record be stored twice when it is sent again."""
    bench.inbox.append(batch(b"one"), NOON)
    bench.disk.bad_syncs = 2
    bench.inbox.tick(NOON + 60)
    assert bench.seen == {}
    assert "nothing is published while" in bench.troubles[0]
    for second in (61, 62, 63):
        bench.inbox.tick(NOON + second)
    assert bench.seen == {"202611221200_request.txt": b"one\n"}
    assert len(bench.troubles) == 1, "it is said once"


def test_a_file_that_was_removed_while_it_was_written_gets_no_acknowledgement(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    (bench.place / ".202611221200_request.txt.part").unlink()
    bench.inbox.append(batch(b"two"), NOON + 1)
    bench.inbox.close(NOON + 2)
    assert bench.seen == {"202611221200_request.1.txt": b"two\n"}
    assert "was removed while it was being written; 4 bytes in it were acknowledged" in bench.troubles[0]


def test_a_directory_that_was_removed_is_made_again_and_said(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    for place in (bench.place, bench.memory):
        shutil.rmtree(place)
    bench.inbox.append(batch(b"two"), NOON + 1)
    bench.inbox.close(NOON + 2)
    assert bench.seen == {"202611221200_request.1.txt": b"two\n"}
    assert any("is there again" in trouble for trouble in bench.troubles)
    assert list(bench.memory.glob("*.seen")) != []


def test_a_removed_directory_is_noticed_without_traffic_too(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    shutil.rmtree(bench.place)
    bench.inbox.tick(NOON + 1)
    assert "was removed while it was being written" in bench.troubles[0]


def test_a_failed_file_is_cut_at_once_and_the_cut_is_written_down_before_anything_else_is_stored(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.disk.bad_syncs = 1
    with pytest.raises(StorageFailed):
        bench.inbox.append(batch(b"two"), NOON + 1)
    assert (bench.place / ".202611221200_request.txt.part").read_bytes() == b"one\n"
    assert (bench.memory / "names").read_text().split() == ["202611221200_request.txt"]
    bench.inbox.append(batch(b"two"), NOON + 2)
    assert (bench.memory / "names").read_text().split() == [
        "202611221200_request.txt",
        "202611221200_request.txt=4;",
        "202611221200_request.1.txt",
    ]


def test_the_hour_that_comes_twice_gets_its_next_names(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    first = float(calendar.timegm((2026, 10, 25, 0, 30, 0)))  # 02:30, and again an hour later
    for hour, line in enumerate((b"summer", b"winter")):
        bench.inbox.append(batch(line), first + hour * 3600)
        bench.inbox.tick(first + hour * 3600 + 60)
    assert bench.seen == {"202610250230_request.txt": b"summer\n", "202610250230_request.1.txt": b"winter\n"}


def test_a_restart_finds_a_hidden_and_a_published_file_of_its_minute_and_touches_neither(bench: Bench) -> None:
    (bench.place / "202611221200_request.txt").write_bytes(b"published\n")
    (bench.place / ".202611221200_request.1.txt.part").write_bytes(b"hidden\n")
    bench.inbox.append(batch(b"three"), NOON)
    bench.inbox.close(NOON + 1)
    assert bench.seen == {"202611221200_request.txt": b"published\n", "202611221200_request.2.txt": b"three\n"}
    assert bench.hidden == [".202611221200_request.1.txt.part"]


def test_a_log_of_names_that_cannot_be_shortened_on_a_full_disk_is_used_as_it_is(bench: Bench) -> None:
    bench.inbox.append(batch(b"one"), NOON)
    bench.disk.room = 0
    names = Names(bench.memory / "names", bench.disk)
    names.load()
    assert names.is_used("202611221200_request.txt")
