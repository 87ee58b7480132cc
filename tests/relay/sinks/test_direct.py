"""A broker instead of a disk: what is stored, what is refused, what is remembered."""

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from relay.sinks.direct import Direct
from relay.storage.commit import StorageFailed
from relay.storage.ledger import Ledger
from relay.storage.quarantine import Quarantine
from relay.storage.seen import Seen, digest
from tests.relay.disk import Faulty
from tests.relay.records import request
from tests.relay.sinks.outlet import Clock, Scripted

NOW = 1_700_000_000.0


class Lines(NamedTuple):
    """A batch as the receiver makes them."""

    data: bytes
    keys: Sequence[bytes]
    digests: Sequence[int]


def batch(*numbers: int, payload: str = "payload") -> Lines:
    lines = [request(number, payload) for number in numbers]
    return Lines(b"".join(lines), [b"%09d" % number for number in numbers], [digest(line[:-1]) for line in lines])


class Full(Faulty):
    def reserve(self, path: Path, size: int) -> None:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().reserve(path, size)


class Rig:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.outlet = Scripted()
        self.disk = Full()
        self.clock = Clock()
        self.quarantine = Quarantine(home / "quarantine", "refused", 1 << 20)
        ledger = Ledger(home / "seen", 86400.0, 1000, self.disk, is_eager=True)
        self.seen = Seen(86400.0, 1000)
        ledger.load(self.seen, NOW)
        self.store = Direct(self.outlet, ledger, home / "seen", self.disk, self.quarantine, 503, 1.5, self.clock)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_lines_arrive_in_order_and_without_their_newline(rig: Rig) -> None:
    assert rig.store.append(batch(1, 2, 3), NOW) == {}
    assert rig.outlet.got == [request(number)[:-1] for number in (1, 2, 3)]


def test_an_acknowledged_number_outlives_a_kill(rig: Rig) -> None:
    """Nothing is closed: the next process finds what was on disk when append returned."""
    rig.store.append(batch(1, 2), NOW)
    assert rig.disk.synced, "it was only in the page cache"
    assert Rig(rig.home).seen.known.keys() == {b"000000001", b"000000002"}


def test_a_refused_record_is_not_remembered_and_stands_in_the_quarantine(rig: Rig) -> None:
    wide = batch(2, payload="x" * 400)
    mixed = Lines(batch(1).data + wide.data, [*batch(1).keys, *wide.keys], [*batch(1).digests, *wide.digests])
    assert rig.store.append(mixed, NOW) == {b"000000002": 413}
    assert rig.outlet.got == [request(1)[:-1]]
    assert Rig(rig.home).seen.known.keys() == {b"000000001"}
    kept = json.loads((rig.home / "quarantine/refused.jsonl").read_text())
    assert (kept["code"], kept["reason"], kept["line"]) == (413, "too large for a scripted broker", wide.data.decode()[:-1])


def test_nothing_of_a_failed_batch_is_remembered(rig: Rig) -> None:
    rig.outlet.takes = 1
    with pytest.raises(StorageFailed, match="connection refused"):
        rig.store.append(batch(1, 2), NOW)
    assert Rig(rig.home).seen.known == {}


def test_while_the_broker_is_away_only_one_batch_in_a_while_waits_for_it(rig: Rig) -> None:
    rig.outlet.down = True
    for _ in range(50):
        with pytest.raises(StorageFailed, match="connection refused") as failure:
            rig.store.append(batch(1), NOW)
        assert not failure.value.is_space
        rig.clock.now += 0.1
    assert rig.outlet.calls == 4  # at 0, 0.5, 1.5 and 3.5 s of 5


def test_the_first_probe_that_succeeds_opens_the_way(rig: Rig) -> None:
    rig.outlet.down = True
    with pytest.raises(StorageFailed):
        rig.store.append(batch(1), NOW)
    rig.outlet.down = False
    with pytest.raises(StorageFailed):
        rig.store.append(batch(1), NOW)
    rig.clock.now += 0.5
    for number in (1, 2, 3):
        assert rig.store.append(batch(number), NOW) == {}
    assert len(rig.outlet.got) == 3
    rig.outlet.down = True
    with pytest.raises(StorageFailed):
        rig.store.append(batch(4), NOW)
    rig.outlet.down = False
    rig.clock.now += 0.5  # the pauses begin anew
    assert rig.store.append(batch(4), NOW) == {}


def test_with_our_own_disk_full_one_batch_is_taken_and_its_numbers_are_written_when_there_is_room(rig: Rig) -> None:
    rig.disk.room = 0
    assert rig.store.append(batch(1), NOW) == {}
    assert Rig(rig.home).seen.known == {}
    with pytest.raises(StorageFailed, match="process numbers") as failure:
        rig.store.append(batch(2), NOW)
    assert failure.value.is_space and not rig.store.has_room()
    rig.disk.room = None
    rig.store.tick(NOW)
    assert rig.store.has_room() and rig.store.append(batch(2), NOW) == {}
    assert Rig(rig.home).seen.known.keys() == {b"000000001", b"000000002"}


def test_a_batch_that_is_too_much_for_a_slow_broker_is_stored_as_far_as_it_comes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def takes_a_second(lines: Sequence[bytes]) -> None:
        rig.clock.now += 1.0

    monkeypatch.setattr("relay.sinks.direct.PART", 2)
    rig.outlet.before = takes_a_second
    assert rig.store.append(batch(1, 2, 3, 4, 5, 6), NOW) == {b"000000005": 503, b"000000006": 503}
    assert rig.outlet.got == [request(number)[:-1] for number in (1, 2, 3, 4)]
    assert sorted(Rig(rig.home).seen.known) == [b"00000000%d" % number for number in (1, 2, 3, 4)]
    assert rig.store.append(batch(5, 6), NOW) == {}, "slow is not away"


def test_what_the_broker_has_of_a_batch_that_fails_later_on_is_acknowledged(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.sinks.direct.PART", 2)
    rig.outlet.before = lambda lines: setattr(rig.outlet, "down", rig.outlet.calls > 1)
    assert rig.store.append(batch(1, 2, 3, 4, 5), NOW) == dict.fromkeys([b"000000003", b"000000004", b"000000005"], 503)
    assert sorted(Rig(rig.home).seen.known) == [b"000000001", b"000000002"]
    assert not (rig.home / "quarantine").exists(), "they are right, and will come again"
    with pytest.raises(StorageFailed, match="connection refused"):
        rig.store.append(batch(3), NOW)


def test_closing_lets_go_of_the_broker(rig: Rig) -> None:
    rig.store.append(batch(1), NOW)
    rig.store.close(NOW)
    assert rig.outlet.is_closed
