"""After a kill or a power cut: what is published, what is cut off, what is kept aside, and what is still remembered."""

import json
import os
from pathlib import Path

import pytest

from relay.config import Codes, Records
from relay.record import Layout
from relay.storage.inbox import Inbox
from relay.storage.ledger import Ledger
from relay.storage.names import Names
from relay.storage.quarantine import QUARANTINE_LIMIT, Quarantine
from relay.storage.recovery import Recovered, recover
from relay.storage.seen import Seen, digest
from tests.relay.disk import Faulty
from tests.relay.records import request

ONE, TWO, THREE = request(1), request(2), request(3)
PART = ".202611221200_request.txt.part"
NOW = 1_795_348_800.0  # long after the minutes of these files


class Home:
    def __init__(self, root: Path) -> None:
        self.inbox = root / "inbox"
        self.memory = root / "seen"
        self.quarantine = root / "quarantine"
        self.inbox.mkdir()
        self.memory.mkdir()

    def recover(self, *, in_place: bool = False, most: int = 1000) -> tuple[Recovered, Seen]:
        disk = Faulty()
        names = Names(self.memory / "names", disk)
        names.load()
        ledger = Ledger(self.memory, 1e9, most, disk)
        inbox = Inbox(self.inbox, names, ledger, disk, min_free=0, in_place=in_place)
        seen = Seen(1e9, most)
        kept = Quarantine(self.quarantine, "refused", QUARANTINE_LIMIT)
        return recover(inbox, Layout(Records(), Codes()), seen, kept, NOW, in_place=in_place), seen

    @property
    def published(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.inbox.iterdir()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_first_start_finds_nothing(home: Home) -> None:
    assert home.recover()[0] == Recovered(0, 0, 0, 0)


def test_what_was_stored_and_not_published_is_published_and_remembered(home: Home) -> None:
    (home.inbox / PART).write_bytes(ONE + TWO)
    found, seen = home.recover()
    assert found == Recovered(1, 2, 0, 0)
    assert home.published == {"202611221200_request.txt": ONE + TWO}
    assert seen.known[b"000000001"] == digest(ONE[:-1])


def test_a_torn_tail_is_cut_off_and_kept_in_the_quarantine(home: Home) -> None:
    (home.inbox / PART).write_bytes(ONE + TWO[:-5])
    found, seen = home.recover()
    assert found.torn == 1
    assert home.published == {"202611221200_request.txt": ONE}
    assert b"000000002" not in seen.known
    entry = json.loads((home.quarantine / "refused.jsonl").read_text())
    assert entry["line"].encode() == TWO[:-5]


def test_a_file_of_nothing_but_a_torn_tail_is_not_published(home: Home) -> None:
    (home.inbox / PART).write_bytes(ONE[:-1])
    home.recover()
    assert home.published == {}


def test_an_empty_file_is_not_published(home: Home) -> None:
    (home.inbox / PART).write_bytes(b"")
    home.recover()
    assert home.published == {}


def test_lines_that_would_not_be_accepted_are_kept_aside_and_the_others_published(home: Home) -> None:
    damaged = b"\x00" * 50 + b"\n"
    (home.inbox / PART).write_bytes(ONE + damaged + TWO + b"junk\n" + THREE[:9])
    found, seen = home.recover()
    assert found == Recovered(1, 2, 1, 2)
    assert home.published == {"202611221200_request.txt": ONE + TWO}
    (kept,) = home.quarantine.glob("recovered-*.txt")
    assert kept.read_bytes() == damaged + b"junk\n"
    assert len(seen) == 2


def test_every_hidden_minute_is_published_under_its_name(home: Home) -> None:
    (home.inbox / PART).write_bytes(ONE)
    (home.inbox / ".202611221200_request.1.txt.part").write_bytes(TWO)
    (home.inbox / ".202611221201_request.txt.part").write_bytes(THREE)
    home.recover()
    assert home.published == {
        "202611221200_request.txt": ONE,
        "202611221200_request.1.txt": TWO,
        "202611221201_request.txt": THREE,
    }


def test_a_published_file_is_not_overwritten_by_a_recovered_one(home: Home) -> None:
    (home.inbox / "202611221200_request.txt").write_bytes(ONE)
    (home.inbox / PART).write_bytes(TWO)
    home.recover()
    assert home.published == {"202611221200_request.txt": ONE, "202611221200_request.1.txt": TWO}


def test_other_hidden_files_are_left_alone(home: Home) -> None:
    (home.inbox / ".profile").write_bytes(b"mine")
    (home.inbox / ".202611221200_request.txt.new").write_bytes(b"of a recovery that was killed")
    home.recover()
    assert home.published == {".profile": b"mine"}


def test_numbers_outlive_the_consumption_of_their_file(home: Home) -> None:
    (home.inbox / PART).write_bytes(ONE)
    home.recover()
    (home.inbox / "202611221200_request.txt").unlink()
    _, seen = home.recover()
    assert seen.known == {b"000000001": digest(ONE[:-1])}


def test_killed_between_ledger_and_publishing_nothing_is_lost_or_doubled(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.inbox / PART).write_bytes(ONE)

    def die(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("relay.storage.inbox.rename_new", die)
        home.recover()
    assert list(home.published) == [PART]
    _, seen = home.recover()
    assert home.published == {"202611221200_request.txt": ONE}
    assert len(seen) == 1


def test_recovering_twice_changes_nothing(home: Home) -> None:
    (home.inbox / PART).write_bytes(ONE + TWO)
    home.recover()
    before = home.published
    found, seen = home.recover()
    assert found == Recovered(0, 0, 0, 0)
    assert home.published == before
    assert len(seen) == 2


def test_in_place_the_file_that_was_being_written_loses_its_torn_tail(home: Home) -> None:
    (home.memory / "names").write_text("202611221200_request.txt\n")
    (home.inbox / "202611221200_request.txt").write_bytes(ONE + TWO[:7])
    found, seen = home.recover(in_place=True)
    assert found.records == 1
    assert home.published == {"202611221200_request.txt": ONE}
    assert set(seen.known) == {b"000000001"}


def test_a_big_spool_is_read_in_pieces(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.storage.recovery.READ_SIZE", 100)
    lines = [request(number) for number in range(200)]
    (home.inbox / PART).write_bytes(b"".join(lines) + b"torn")
    found, _ = home.recover()
    assert found == Recovered(1, 200, 1, 0)
    assert home.published == {"202611221200_request.txt": b"".join(lines)}


def test_of_a_huge_spool_only_the_newest_numbers_are_remembered(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.storage.recovery.READ_SIZE", 100)
    lines = [request(number) for number in range(200)]
    (home.inbox / PART).write_bytes(b"".join(lines))
    found, seen = home.recover(most=10)
    assert found.records == 200
    assert home.published == {"202611221200_request.txt": b"".join(lines)}
    assert {b"%09d" % number for number in range(190, 200)} <= set(seen.known)
    assert len(seen) <= 20


def test_what_was_refused_behind_a_cut_is_not_published_beside_what_was_stored_when_it_was_sent_again(home: Home) -> None:
    """The sync failed, the disk refused the cut, the record was sent again and stored in the next file; then the relay was killed."""
    (home.memory / "names").write_text(f"{PART[1:-5]}\n{PART[1:-5]}={len(ONE)};\n202611221200_request.1.txt\n")
    (home.inbox / PART).write_bytes(ONE + TWO)
    (home.inbox / ".202611221200_request.1.txt.part").write_bytes(TWO)
    found, _ = home.recover()
    assert found.records == 2
    assert home.published == {"202611221200_request.txt": ONE, "202611221200_request.1.txt": TWO}


def test_what_was_refused_and_could_not_be_cut_is_published_and_remembered_so_that_it_is_stored_once(home: Home) -> None:
    """Killed before anything else was stored: nobody was told that it is here, and when it is sent again it is a duplicate."""
    (home.memory / "names").write_text(f"{PART[1:-5]}\n")
    (home.inbox / PART).write_bytes(ONE + TWO)
    _, seen = home.recover()
    assert home.published == {"202611221200_request.txt": ONE + TWO}
    assert seen.known[b"000000002"] == digest(TWO[:-1])


def test_what_is_published_was_written_again_as_a_sync_alone_may_lie(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def write(self: Faulty, fd: int, data: bytes | memoryview) -> int:
        written.append(bytes(data))
        return os.write(fd, data)

    monkeypatch.setattr(Faulty, "write", write)
    (home.inbox / PART).write_bytes(ONE + TWO)
    home.recover()
    assert ONE + TWO in written


def test_a_cut_whose_size_was_torn_by_a_power_cut_cuts_nothing(home: Home) -> None:
    (home.memory / "names").write_text(f"{PART[1:-5]}\n{PART[1:-5]}={len(ONE)}")
    (home.inbox / PART).write_bytes(ONE + TWO)
    home.recover()
    assert home.published == {"202611221200_request.txt": ONE + TWO}
