"""Files of the outbox: which ones wait, who gets them, and their lines. Real directories; time is an argument."""

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from relay.config import Codes, Length, Records, RequestLayout
from relay.record import Layout
from relay.sending.outbox import Claimed, Outbox, Pass
from relay.sending.queue import Entry
from relay.sending.words import Changed, Event, Gone, Held, Unfit
from tests.relay.records import request

LAYOUT = Layout(Records(), Codes())
NOW = 2_000_000_000.0


def outbox(root: Path, *, home: str = "home", settle: float = 0.2, layout: Layout = LAYOUT) -> Outbox:
    (root / home).mkdir(exist_ok=True)
    found = Outbox("a", root / "out" / "a", root / home, layout, settle=settle)
    found.open()
    return found


def put(root: Path, name: str, data: bytes = request(1), age: float = 100.0) -> Path:
    path = root / "out" / "a" / name
    path.write_bytes(data)
    os.utime(path, (NOW - age, NOW - age))
    return path


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "out" / "a").iterdir())


def scan(box: Outbox, known: Iterable[str] = ()) -> tuple[list[Entry], Pass]:
    """A whole pass: the files that are not known, oldest first."""
    found = Pass(box.place)
    entries: list[Entry] = []
    while not found.is_over:
        entries += found.step(set(known), NOW)
    return sorted(entries), found


def claim(box: Outbox, *wanted: str, age: float = 100.0) -> list[Claimed | Event]:
    return box.claim([Entry(NOW - age, name) for name in wanted], NOW)


def test_a_scan_finds_files_with_their_ages(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "c", age=5)
    put(tmp_path, "b", age=50)
    put(tmp_path, "a", age=5)
    found, whole = scan(box)
    assert found == [(NOW - 50, "b"), (NOW - 5, "a"), (NOW - 5, "c")]
    assert whole.waiting == 3


def test_known_files_are_not_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    for name in "abc":
        put(tmp_path, name)
    looked: list[str] = []
    look = Pass._look

    def noted(self: Pass, entry: "os.DirEntry[str]", now: float) -> float | None:
        looked.append(entry.name)
        return look(self, entry, now)

    monkeypatch.setattr(Pass, "_look", noted)
    found, whole = scan(box, known=["a", "c"])
    assert [entry.name for entry in found] == looked == ["b"]
    assert whole.waiting == 3


def test_a_scan_goes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.sending.outbox.PIECE", 4)
    box = outbox(tmp_path)
    for number in range(10):
        put(tmp_path, f"f{number}")
    found = Pass(box.place)
    sizes = []
    while not found.is_over:
        sizes.append(len(found.step((), NOW)))
    assert sizes == [4, 4, 2, 0]


def test_what_vanished_is_told_by_a_whole_pass_and_what_came_back_has_not(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "here")
    _, whole = scan(box)
    put(tmp_path, "back")
    assert whole.gone(["here", "gone", "back"]) == ["gone"]


def test_unfinished_names_are_left_alone(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    for name in (".hidden", "x.tmp", "x.part", "x~", "good"):
        put(tmp_path, name)
    found, whole = scan(box)
    assert [entry.name for entry in found] == ["good"]
    assert whole.odd == []
    assert [entry.name for entry in box.look_at([".hidden", "x.tmp", "good"], NOW)] == ["good"]


def test_symlinks_directories_and_fifos_are_left_and_reported(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "good")
    place = tmp_path / "out" / "a"
    (place / "link").symlink_to(place / "good")
    (place / "dir").mkdir()
    os.mkfifo(place / "fifo")
    found, whole = scan(box)
    assert [entry.name for entry in found] == ["good"]
    assert sorted(whole.odd) == ["dir: a directory", "fifo: a FIFO", "link: a symlink"]
    assert claim(box, "link", "dir", "fifo") == [Gone("link"), Gone("dir"), Gone("fifo")]
    assert len(claim(box, "good")) == 1
    assert names(tmp_path) == ["dir", "fifo", "link"]


def test_names_that_were_told_are_looked_at_alone(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "new", age=3)
    put(tmp_path, "other")
    (tmp_path / "out/a/dir").mkdir()
    assert box.look_at(["new", "dir", "gone"], NOW) == [(NOW - 3, "new")]


def test_a_file_from_the_future_is_as_old_as_the_first_sight_of_it(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "ahead", age=-3600)
    found, _ = scan(box)
    assert found == [(NOW, "ahead")]
    assert box.claim(found, NOW + 1) == [Claimed("ahead", request(1), b"000000001")]


def test_a_claimed_file_leaves_the_outbox_with_its_line(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", request(7))
    assert claim(box, "f") == [Claimed("f", request(7), b"000000007")]
    assert names(tmp_path) == []


def test_only_the_first_line_of_a_file_is_its_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    box = outbox(tmp_path)
    put(tmp_path, "f", request(7) + b"second line\n")
    assert claim(box, "f") == [Claimed("f", request(7), b"000000007")]
    assert "of f the first line is sent" in caplog.text
    box.endings.archive("f", NOW)
    (path,) = (tmp_path / "home/archive/a").glob("*/f")
    assert path.read_bytes() == request(7) + b"second line\n"


def test_a_missing_last_newline_is_added(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", request(7)[:-1])
    assert claim(box, "f") == [Claimed("f", request(7), b"000000007")]


def test_a_line_counted_in_characters_fits(tmp_path: Path) -> None:
    layout = Layout(Records(request=RequestLayout(length=Length(counts="characters"))), Codes())
    box = outbox(tmp_path, layout=layout)
    rest = "|REQ|000000001|20261122184501|HOST01|JOB_A|STEP1|0|한글\n"
    line = f"{len(rest) + 4:04}{rest}".encode()
    put(tmp_path, "f", line)
    assert claim(box, "f") == [Claimed("f", line, b"000000001")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is empty"),
        (b"\n" + request(1), "its first line is empty"),
        (request(1, "x" * 5000), "(413): longer than 4096 bytes"),
        (b"x" * 5000, "(413): longer than 4096 bytes"),
        (b"not a record\n", "(401): 1 column instead of 9"),
        (request(1, "\x00"), "(403): not UTF-8, or a NUL in it"),
        (b"9" + request(1)[1:], "(402): says"),
        (request(1, kind="RES"), "(400): type 'RES'"),
    ],
)
def test_what_does_not_fit_is_never_sent(tmp_path: Path, data: bytes, reason: str) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", data)
    (found,) = claim(box, "f")
    assert isinstance(found, Unfit)
    assert reason in found.reason


def test_a_file_that_changed_since_it_was_seen_stays_and_waits_again(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", age=50)
    assert claim(box, "f", age=100) == [Changed("f", NOW - 50)]
    assert names(tmp_path) == ["f"]


def test_a_file_that_is_written_to_while_it_is_claimed_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", b"0100|REQ|half of")
    take = box.claims.take

    def slow(name: str) -> None:
        take(name)
        os.utime(box.claims.path(name), (NOW - 0.1, NOW - 0.1))

    monkeypatch.setattr(box.claims, "take", slow)
    assert claim(box, "f") == [Changed("f", NOW - 0.1)]
    assert names(tmp_path) == ["f"]


def test_an_empty_file_that_is_just_being_written_is_no_failure(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", b"", age=0.1)
    assert claim(box, "f", age=0.1) == [Changed("f", NOW - 0.1)]


def test_a_file_that_vanished_is_gone_and_the_rest_goes_on(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "g")
    assert claim(box, "f", "g") == [Gone("f"), Claimed("g", request(1), b"000000001")]


def test_a_symlink_that_took_the_place_of_a_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    path = put(tmp_path, "f")
    take = box.claims.take

    def replaced(name: str) -> None:
        path.unlink()
        path.symlink_to("/etc/hostname")
        take(name)

    monkeypatch.setattr(box.claims, "take", replaced)
    assert claim(box, "f") == [Gone("f")]
    assert names(tmp_path) == ["f"]


def failing(monkeypatch: pytest.MonkeyPatch, call: str, name: str, number: int) -> None:
    """That call of the system fails for files of that name."""
    real: Any = getattr(os, call)

    def fail(path: Any, *more: Any, **named: Any) -> Any:
        if isinstance(path, str) and path.endswith(f"/{name}"):
            raise OSError(number, os.strerror(number), path)
        return real(path, *more, **named)

    monkeypatch.setattr(os, call, fail)


def test_an_unreadable_file_is_unfit_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    put(tmp_path, "g")
    failing(monkeypatch, "open", "f", errno.EACCES)
    assert claim(box, "f", "g") == [Unfit("f", "cannot be read: Permission denied"), Claimed("g", request(1), b"000000001")]


def test_a_file_that_the_disk_cannot_read_is_held_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    put(tmp_path, "g")
    failing(monkeypatch, "open", "f", errno.EIO)
    assert claim(box, "f", "g") == [Held("f", "cannot be read: Input/output error"), Claimed("g", request(1), b"000000001")]


def test_a_file_that_must_not_be_moved_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")

    def refused(name: str) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(box.claims, "take", refused)
    assert claim(box, "f") == [Held("f", "cannot be claimed: Operation not permitted")]


def test_a_shortage_of_descriptors_is_no_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    failing(monkeypatch, "open", "f", errno.EMFILE)
    with pytest.raises(OSError, match="Too many open files"):
        claim(box, "f")


def test_two_relays_never_claim_one_file(tmp_path: Path) -> None:
    first, second = outbox(tmp_path, home="one"), outbox(tmp_path, home="two")
    put(tmp_path, "f")
    assert claim(first, "f") + claim(second, "f") == [Claimed("f", request(1), b"000000001"), Gone("f")]


def test_a_new_file_waits_until_an_older_one_of_its_name_has_left_the_claims(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", request(1))
    claim(box, "f")
    put(tmp_path, "f", request(2))
    assert claim(box, "f") == [Changed("f", NOW)]
    box.endings.archive("f", NOW)
    assert claim(box, "f") == [Claimed("f", request(2), b"000000002")]


def test_claims_of_a_dead_relay_are_taken_back_at_its_start(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    put(tmp_path, "lock")
    assert len(claim(box, "f", "lock")) == 2
    box.close()  # as a kill does
    outbox(tmp_path)
    assert names(tmp_path) == ["f", "lock"]


def test_claims_of_a_dead_relay_are_taken_back_by_another_and_those_of_a_living_one_are_not(tmp_path: Path) -> None:
    first, second = outbox(tmp_path, home="one"), outbox(tmp_path, home="two")
    put(tmp_path, "f")
    claim(first, "f")
    assert second.claims.adopt() == 0
    first.close()
    assert second.claims.adopt() == 1
    assert names(tmp_path) == ["f"]


def test_a_new_leader_takes_back_what_an_earlier_one_holds_that_still_lives(tmp_path: Path) -> None:
    first, second = outbox(tmp_path, home="one"), outbox(tmp_path, home="two")
    put(tmp_path, "f")
    claim(first, "f")
    assert second.claims.adopt(is_fenced=True) == 1
    assert claim(second, "f") == [Claimed("f", request(1), b"000000001")]
    first.claims.give_back("f")  # the earlier leader is back, and has nothing to give
    with pytest.raises(FileNotFoundError):
        first.endings.archive("f", NOW)
    assert names(tmp_path) == []


def test_one_relay_opens_an_outbox_once(tmp_path: Path) -> None:
    outbox(tmp_path)
    with pytest.raises(OSError, match="another relay"):
        outbox(tmp_path)


def test_a_released_file_waits_where_it_was(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", age=50)
    claim(box, "f", age=50)
    box.claims.give_back("f")
    assert scan(box)[0] == [(NOW - 50, "f")]


def test_a_released_file_does_not_overwrite_a_new_one_of_its_name(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", request(1))
    claim(box, "f")
    put(tmp_path, "f", request(2))
    box.claims.give_back("f")
    assert {name: (tmp_path / "out/a" / name).read_bytes() for name in names(tmp_path)} == {"f": request(2), "f.1": request(1)}


def test_a_file_that_is_put_is_whole_and_overwrites_nothing(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    assert [box.put("f", request(1)), box.put("f", request(2))] == ["f", "f.1"]
    assert {name: (tmp_path / "out/a" / name).read_bytes() for name in names(tmp_path)} == {"f": request(1), "f.1": request(2)}


@pytest.mark.parametrize("name", ["", ".f", "f.tmp", "f~", "a/b", "../f", "nul\0"])
def test_a_name_that_would_never_be_sent_is_not_put(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="no name for a file"):
        outbox(tmp_path).put(name, request(1))
    assert names(tmp_path) == []


def test_a_put_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with contextlib.suppress(OSError):
        box.put("f", request(1))
    assert names(tmp_path) == []
