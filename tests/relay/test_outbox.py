"""Files of the outbox: which ones wait, who gets them, and where they end. Real directories; time is an argument."""

import json
import os
from pathlib import Path

import pytest

from relay.config import Codes, Records
from relay.outbox import Claimed, Outbox, Reason, Unfit
from relay.record import Layout
from tests.relay.records import request

LAYOUT = Layout(Records(), Codes())
NOW = 2_000_000_000.0


def outbox(root: Path, *, home: str = "home", settle: float = 0.2) -> Outbox:
    (root / home).mkdir(exist_ok=True)
    found = Outbox("a", root / "out" / "a", root / home, LAYOUT, settle=settle)
    found.open()
    return found


def put(root: Path, name: str, data: bytes = request(1), age: float = 100.0) -> Path:
    path = root / "out" / "a" / name
    path.write_bytes(data)
    os.utime(path, (NOW - age, NOW - age))
    return path


def names(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "out" / "a").iterdir())


def test_files_are_offered_oldest_first_then_by_name(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "c", age=5)
    put(tmp_path, "b", age=50)
    put(tmp_path, "a", age=5)
    found = box.scan(NOW)
    assert [file.name for file in found.files] == ["b", "a", "c"]
    assert found.waiting == 3
    assert found.oldest_at == NOW - 50


def test_unfinished_names_are_left_alone(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    for name in (".hidden", "x.tmp", "x.part", "x~", "good"):
        put(tmp_path, name)
    found = box.scan(NOW)
    assert [file.name for file in found.files] == ["good"]
    assert found.odd == ()


def test_symlinks_directories_and_fifos_are_left_and_reported(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "good")
    place = tmp_path / "out" / "a"
    (place / "link").symlink_to(place / "good")
    (place / "dir").mkdir()
    os.mkfifo(place / "fifo")
    found = box.scan(NOW)
    assert [file.name for file in found.files] == ["good"]
    assert found.odd == ("dir: a directory", "fifo: a FIFO", "link: a symlink")
    assert box.claim(["good"])
    assert names(tmp_path) == ["dir", "fifo", "link"]


def test_a_file_that_just_changed_waits(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "fresh", age=0.1)
    put(tmp_path, "old", age=0.3)
    found = box.scan(NOW)
    assert [file.name for file in found.files] == ["old"]
    assert (found.waiting, found.unsettled) == (2, 1)


def test_a_file_from_the_future_does_not_wait_for_ever(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "ahead", age=-3600)
    assert [file.name for file in box.scan(NOW).files] == ["ahead"]


def test_only_a_window_of_the_oldest_is_taken_from_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.outbox.WINDOW", 3)
    box = outbox(tmp_path)
    for number in range(10):
        put(tmp_path, f"f{number}", age=100 - number)
    found = box.scan(NOW)
    assert [file.name for file in found.files] == ["f0", "f1", "f2"]
    assert found.waiting == 10


def test_a_claimed_file_leaves_the_outbox_with_its_line(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", request(7) + b"second line\n")
    assert box.claim(["f"]) == [Claimed("f", request(7), b"000000007")]
    assert names(tmp_path) == []


def test_a_missing_last_newline_is_added(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", request(7)[:-1])
    assert box.claim(["f"]) == [Claimed("f", request(7), b"000000007")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "its first line is empty"),
        (b"\n" + request(1), "its first line is empty"),
        (request(1, "x" * 5000), "(413): longer than 4096 bytes"),
        (b"x" * 5000, "(413): longer than 4096 bytes"),
        (b"not a record\n", "(401): 1 columns instead of 9"),
        (request(1, "\x00"), "(403): not UTF-8, or a NUL in it"),
        (b"9" + request(1)[1:], "(402): says"),
        (request(1, kind="RES"), "(400): type 'RES'"),
    ],
)
def test_what_does_not_fit_is_never_sent(tmp_path: Path, data: bytes, reason: str) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", data)
    (found,) = box.claim(["f"])
    assert isinstance(found, Unfit)
    assert reason in found.reason


def test_two_relays_never_claim_one_file(tmp_path: Path) -> None:
    first, second = outbox(tmp_path, home="one"), outbox(tmp_path, home="two")
    put(tmp_path, "f")
    assert len(first.claim(["f"]) + second.claim(["f"])) == 1


def test_claims_of_a_dead_relay_are_taken_back_at_its_start(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    put(tmp_path, "lock")
    assert len(box.claim(["f", "lock"])) == 2
    box.close()  # as a kill does
    assert outbox(tmp_path).open is not None
    assert names(tmp_path) == ["f", "lock"]


def test_claims_of_a_dead_relay_are_taken_back_by_another_and_those_of_a_living_one_are_not(tmp_path: Path) -> None:
    first, second = outbox(tmp_path, home="one"), outbox(tmp_path, home="two")
    put(tmp_path, "f")
    first.claim(["f"])
    assert second.adopt() == 0
    first.close()
    assert second.adopt() == 1
    assert names(tmp_path) == ["f"]


def test_one_relay_opens_an_outbox_once(tmp_path: Path) -> None:
    outbox(tmp_path)
    with pytest.raises(OSError, match="another relay"):
        outbox(tmp_path)


def test_a_released_file_waits_where_it_was(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", age=50)
    box.claim(["f"])
    box.release(["f"])
    assert [(file.name, file.changed_at) for file in box.scan(NOW).files] == [("f", NOW - 50)]


def test_a_released_file_does_not_overwrite_a_new_one_of_its_name(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f", request(1))
    box.claim(["f"])
    put(tmp_path, "f", request(2))
    box.release(["f"])
    assert {name: (tmp_path / "out/a" / name).read_bytes() for name in names(tmp_path)} == {"f": request(2), "f.1": request(1)}


def test_a_sent_file_is_archived_by_day_and_nothing_is_overwritten(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    for number in (1, 2):
        put(tmp_path, "f", request(number))
        box.claim(["f"])
        box.archive("f", NOW)
    (day,) = (tmp_path / "home/archive/a").iterdir()
    assert day.name in ("20330517", "20330518", "20330519")
    assert {path.name: path.read_bytes() for path in day.iterdir()} == {"f": request(1), "f.1": request(2)}


def test_a_failed_file_has_its_reason_beside_it(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    box.claim(["f"])
    box.fail(Reason("f", "10.0.0.1:9401", 4, NOW, NOW + 7, 503, "answered 503"))
    failed = tmp_path / "home/failed/a"
    assert sorted(path.name for path in failed.iterdir()) == ["f", "f.reason.json"]
    assert json.loads((failed / "f.reason.json").read_text()) == {
        "file": "f",
        "destination": "10.0.0.1:9401",
        "tries": 4,
        "first_try_at": NOW,
        "last_try_at": NOW + 7,
        "last_code": 503,
        "last_error": "answered 503",
    }
    count, shown = box.failed()
    assert count == 1
    assert (shown[0].file, shown[0].tries, shown[0].last_code) == ("f", 4, 503)


def test_two_failed_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    for number in (1, 2):
        put(tmp_path, "f", request(number))
        box.claim(["f"])
        box.fail(Reason("f", "d", 1, None, None, None, str(number)))
    assert sorted(path.name for path in (tmp_path / "home/failed/a").iterdir()) == ["f", "f.1", "f.1.reason.json", "f.reason.json"]
    assert box.failed()[0] == 2


def test_failed_files_are_sent_again_one_or_all(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    for name in ("a", "b", "c"):
        put(tmp_path, name)
        box.claim([name])
        box.fail(Reason(name, "d", 1, None, None, None, None))
    assert box.resend(["b"]) == ["b"]
    assert box.resend(["unknown"]) == []
    assert names(tmp_path) == ["b"]
    assert box.resend(None) == ["a", "c"]
    assert list((tmp_path / "home/failed/a").iterdir()) == []
    assert box.failed() == (0, ())


def test_a_name_that_is_no_text_is_sent_and_failed_like_any_other(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    name = os.fsdecode(b"bad\xff[red]\x1b")
    put(tmp_path, name)
    assert [file.name for file in box.scan(NOW).files] == [name]
    box.claim([name])
    box.fail(Reason(name, "d", 1, None, None, None, None))
    assert box.failed()[0] == 1
    assert box.resend([name]) == [name]
