"""From the inbox to a broker: everything, in order, and after a crash nothing less. `step` is called by hand; there is no thread."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from relay.config import Codes, Records
from relay.record import Layout
from relay.sinks.filed import FileThenForward
from relay.sinks.forward import Forwarder
from relay.storage.commit import StorageFailed
from relay.storage.inbox import Inbox
from relay.storage.ledger import Ledger
from relay.storage.names import Names
from relay.storage.quarantine import Quarantine
from relay.storage.recovery import recover
from relay.storage.seen import Seen
from tests.relay.disk import Faulty
from tests.relay.records import request
from tests.relay.sinks.outlet import Clock, Scripted
from tests.relay.sinks.test_direct import batch

NOW = time.mktime((2026, 11, 22, 18, 45, 1, 0, 0, -1))
LAYOUT = Layout(Records(), Codes())


class Killed(BaseException):
    """What the thread was doing ends here, as at a kill."""


class Rig:
    """A receiver's store and its forwarder over one directory. A second one is what the next process finds."""

    def __init__(self, home: Path, outlet: Scripted | None = None, *, archives: bool = True) -> None:
        self.home = home
        self.outlet = outlet or Scripted()
        self.disk = Faulty()
        self.clock = Clock()
        self.said: list[str] = []
        self.place = home / "inbox"
        memory = home / "seen"
        memory.mkdir(exist_ok=True)
        self.place.mkdir(exist_ok=True)
        names = Names(memory / "names", self.disk)
        inbox = Inbox(self.place, names, Ledger(memory, 86400.0, 1000, self.disk), self.disk, min_free=0, in_place=False)
        names.load()
        recover(inbox, LAYOUT, Seen(86400.0, 1000), Quarantine(home / "quarantine", "refused", 1 << 20), NOW, in_place=False)
        archive = home / "archive" if archives else None
        self.forwarder = Forwarder(
            self.place,
            memory,
            home / "quarantine",
            archive,
            self.outlet,
            Layout(Records(), Codes()),
            self.disk,
            lambda severity, text: self.said.append(f"{severity}: {text}"),
            self.clock,
        )
        self.forwarder.load()
        self.store = FileThenForward(inbox, self.forwarder)

    def again(self) -> "Rig":
        """After a kill: nothing was closed."""
        return Rig(self.home, self.outlet)

    def until_idle(self) -> None:
        for _ in range(100):
            if self.forwarder.step() > 0:
                return
        raise AssertionError("it does not come to rest")

    def numbers(self) -> list[int]:
        return [int(line.split(b"|")[2]) for line in self.outlet.got]

    def archived(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.home / "archive").glob("*/*"))]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_records_go_on_at_once_from_the_hidden_file(rig: Rig) -> None:
    rig.store.append(batch(1, 2), NOW)
    rig.until_idle()
    rig.store.append(batch(3), NOW)
    rig.until_idle()
    assert rig.numbers() == [1, 2, 3]
    assert rig.forwarder.status(NOW).state == "idle"


def test_what_is_not_durable_yet_is_not_forwarded(rig: Rig) -> None:
    rig.store.append(batch(1), NOW)
    (part,) = rig.place.glob(".*.part")
    with part.open("ab") as file:
        file.write(request(2))  # written, and its sync is still to come
    rig.until_idle()
    assert rig.numbers() == [1]


def test_a_finished_file_goes_to_the_archive_when_all_of_it_is_forwarded(rig: Rig) -> None:
    rig.store.append(batch(1), NOW)
    rig.until_idle()
    rig.store.append(batch(2), NOW)
    rig.store.tick(NOW + 60)
    rig.until_idle()
    assert rig.numbers() == [1, 2]
    assert rig.archived() == [request(1) + request(2)]
    assert list(rig.place.iterdir()) == []


def test_or_is_deleted(tmp_path: Path) -> None:
    rig = Rig(tmp_path, archives=False)
    rig.store.append(batch(1), NOW)
    rig.store.tick(NOW + 60)
    rig.until_idle()
    assert rig.numbers() == [1]
    assert list(rig.place.iterdir()) == []


def test_a_name_that_is_taken_in_the_archive_gets_a_number(rig: Rig) -> None:
    rig.store.append(batch(1), NOW)
    day = rig.home / "archive" / time.strftime("%Y%m%d")
    day.mkdir(parents=True)
    (day / "202611221845_request.txt").write_bytes(b"a sender's\n")
    rig.store.tick(NOW + 60)
    rig.until_idle()
    assert rig.archived() == [b"a sender's\n", request(1)]


def test_files_follow_each_other_as_they_were_begun_when_the_clock_steps_back(rig: Rig) -> None:
    rig.outlet.down = True
    for number, at in enumerate((NOW + 120, NOW, NOW + 60, NOW), start=1):
        rig.store.append(batch(number), at)
        rig.forwarder.step()
    rig.store.tick(NOW + 300)
    rig.outlet.down = False
    rig.clock.now += 60
    rig.until_idle()
    assert rig.numbers() == [1, 2, 3, 4]


def test_an_outage_costs_nothing_but_time(rig: Rig) -> None:
    rig.outlet.down = True
    rig.store.append(batch(1, 2), NOW)
    assert rig.forwarder.step() > 0
    assert rig.store.append(batch(3), NOW + 60) == {}, "partners are not refused"
    status = rig.forwarder.status(NOW + 61)
    assert (status.state, status.files, status.records) == ("backing_off", 2, 3)
    assert status.bytes == 3 * len(request(1))
    assert status.oldest_waiting_s == 62.0
    assert status.last_error == "a scripted broker: connection refused"
    assert status.next_try_at == NOW + 61.5
    for _ in range(20):
        rig.forwarder.step()
    assert rig.outlet.calls == 1, "asked again before its time"
    rig.outlet.down = False
    rig.clock.now += 0.5
    rig.until_idle()
    assert rig.numbers() == [1, 2, 3]
    assert [text.partition(":")[0] for text in rig.said] == ["warning", "info"]
    status = rig.forwarder.status(NOW + 62)
    assert (status.state, status.files, status.records, status.bytes, status.oldest_waiting_s) == ("idle", 0, 0, 0, None)


def test_a_block_that_arrived_in_part_is_delivered_again_whole(rig: Rig) -> None:
    rig.store.append(batch(1, 2, 3), NOW)
    rig.outlet.takes = 2
    rig.forwarder.step()
    rig.clock.now += 1
    rig.until_idle()
    assert rig.numbers() == [1, 2, 1, 2, 3]


def test_a_restart_goes_on_where_the_last_process_was(rig: Rig) -> None:
    rig.store.append(batch(1, 2), NOW)
    rig.until_idle()
    rig.store.append(batch(3), NOW)
    after = rig.again()
    after.until_idle()
    assert after.numbers() == [1, 2, 3]
    assert after.archived() == [b"".join(map(request, (1, 2, 3)))]


@pytest.mark.parametrize("at", range(1, 15))
def test_a_kill_at_any_step_leaves_no_gap_and_keeps_the_order(tmp_path: Path, at: int) -> None:
    """Killed at the at-th call of a step that leaves a trace: delivery, the position's sync, and what archiving does."""
    rig = Rig(tmp_path)
    for minute, number in enumerate((1, 2, 3)):
        rig.store.append(batch(number), NOW + 60 * minute)
    rig.store.tick(NOW + 180)
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Killed

    class Counted(Faulty):
        def sync(self, fd: int) -> None:
            count()
            super().sync(fd)

        def sync_directory(self, path: Path) -> None:
            count()
            super().sync_directory(path)

    rig.outlet.before = count
    rig.forwarder._disk = rig.forwarder._file._disk = Counted()
    with pytest.raises(Killed):
        rig.until_idle()
    rig.outlet.before = lambda lines: None
    after = rig.again()
    after.until_idle()
    assert list(dict.fromkeys(after.numbers())) == [1, 2, 3]
    assert len(after.numbers()) <= 4, "more than one block again"
    assert sorted(after.archived()) == [request(number) for number in (1, 2, 3)]


def test_a_position_that_is_lost_costs_duplicates_of_one_file(rig: Rig) -> None:
    for minute, number in enumerate((1, 2)):
        rig.store.append(batch(number), NOW + 60 * minute)
        rig.until_idle()
    (rig.home / "seen/forwarded").write_bytes(os.urandom(1024))
    after = rig.again()
    after.until_idle()
    assert after.numbers() == [1, 2, 2]


def test_a_file_that_was_repaired_is_forwarded_again_rather_than_with_a_gap(rig: Rig) -> None:
    rig.store.append(batch(1, 2, 3, 4), NOW)
    rig.until_idle()
    rig.store.append(batch(5), NOW)
    (part,) = rig.place.glob(".*.part")
    part.write_bytes(request(1) + b"damaged by the disk\n" + b"".join(map(request, (3, 4, 5))))
    after = rig.again()
    after.until_idle()
    assert after.numbers() == [1, 2, 3, 4, 1, 3, 4, 5]


def test_a_record_that_is_too_large_for_the_broker_is_set_aside_and_the_rest_goes_on(rig: Rig) -> None:
    rig.store.append(batch(1), NOW)
    rig.store.append(batch(2, payload="x" * 400), NOW)
    rig.store.append(batch(3), NOW)
    rig.until_idle()
    assert rig.numbers() == [1, 3]
    assert (rig.home / "quarantine/unforwarded-202611221845_request.txt").read_bytes() == request(2, "x" * 400)
    status = rig.forwarder.status(NOW)
    assert (status.forwarded, status.refused, status.files) == (2, 1, 0)
    assert rig.said[0].startswith("critical: 1 stored records are not for a scripted broker")


def test_what_cannot_be_set_aside_is_not_passed_over(rig: Rig) -> None:
    rig.store.append(batch(2, payload="x" * 400), NOW)
    rig.store.append(batch(3), NOW)
    rig.disk.room = 0
    rig.forwarder.step()
    assert rig.forwarder.status(NOW).state == "backing_off"
    rig.disk.room = None
    rig.clock.now += 1
    rig.until_idle()
    assert set(rig.numbers()) == {3}
    assert (rig.home / "quarantine/unforwarded-202611221845_request.txt").read_bytes() == request(2, "x" * 400)


def test_lines_that_are_no_records_are_set_aside_too(rig: Rig) -> None:
    (rig.place / "202611221800_request.txt").write_bytes(request(1) + b"somebody's note\n" + request(2) + b"no end")
    rig.until_idle()
    assert rig.numbers() == [1, 2]
    assert (rig.home / "quarantine/unforwarded-202611221800_request.txt").read_bytes() == b"somebody's note\nno end\n"
    assert list(rig.place.iterdir()) == []


def test_a_long_file_goes_in_bounded_blocks(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.sinks.forward.BLOCK", 10 * len(request(1)) + 5)
    rig.forwarder._block = 10 * len(request(1)) + 5
    sizes: list[int] = []
    rig.outlet.before = lambda lines: sizes.append(len(lines))
    rig.forwarder._layout.max_bytes = 200
    rig.store.append(batch(*range(1, 96)), NOW)
    rig.until_idle()
    assert rig.numbers() == list(range(1, 96))
    assert sizes == [10] * 9 + [5]


def test_a_broker_that_is_too_slow_for_a_block_is_offered_smaller_ones(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(request(1))
    monkeypatch.setattr("relay.sinks.forward.LEAST_BLOCK", size)
    rig.forwarder._layout.max_bytes, rig.forwarder._block = size, 64 * size
    rig.outlet.most = 5
    rig.store.append(batch(*range(1, 100)), NOW)
    for _ in range(200):
        rig.clock.now += 6
        if rig.forwarder.step() and not rig.forwarder.status(NOW).files:
            break
    assert rig.numbers() == list(range(1, 100))


def test_a_position_that_cannot_be_written_stops_nothing_and_is_said_once(rig: Rig) -> None:
    rig.store.append(batch(1), NOW)
    rig.until_idle()
    rig.disk.bad_syncs = 2
    forwarded: list[Sequence[int]] = []
    for number in (2, 3, 4):
        bad, rig.disk.bad_syncs = rig.disk.bad_syncs, 0
        rig.store.append(batch(number), NOW)
        rig.disk.bad_syncs = bad
        rig.until_idle()
        forwarded.append(rig.numbers())
    assert forwarded[-1] == [1, 2, 3, 4]
    assert [text for text in rig.said if "cannot be written down" in text] == rig.said != []
    after = rig.again()
    after.until_idle()
    assert after.numbers() == [1, 2, 3, 4]


def test_a_hidden_file_that_cannot_be_published_holds_back_what_is_behind_it(rig: Rig) -> None:
    rig.store.append(batch(1), NOW)
    rig.disk.bad_syncs = 1
    with pytest.raises(StorageFailed):
        rig.store.append(batch(2), NOW)
    rig.store.append(batch(3), NOW)
    rig.until_idle()
    assert rig.numbers() in ([], [1])
    rig.store.tick(NOW + 1)
    rig.until_idle()
    assert rig.numbers() == [1, 3], "2 was refused; its line was cut off"
