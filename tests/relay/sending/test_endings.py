"""Where files of the outbox end, and the way back from failed/."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.sending.endings import Reason
from relay.storage import moves, rename
from tests.relay.records import request
from tests.relay.sending.test_outbox import NOW, claim, names, outbox, put

LONG = "n" * 255
ODD = os.fsdecode(b"bad\xff[red]\x1b\n")


def reason(name: str, error: str | None = "answered 503") -> Reason:
    return Reason(name, "10.0.0.1:9401", 4, NOW, NOW + 7, 503, error)


def test_a_sent_file_is_archived_by_day_and_nothing_is_overwritten(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    for number in (1, 2):
        put(tmp_path, "f", request(number))
        claim(box, "f")
        box.endings.archive("f", NOW)
    (day,) = (tmp_path / "home/archive/a").iterdir()
    assert day.name in ("20330517", "20330518", "20330519")
    assert {path.name: path.read_bytes() for path in day.iterdir()} == {"f": request(1), "f.1": request(2)}


def test_the_archive_is_made_durable_once_for_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    for name in "abc":
        put(tmp_path, name)
    claim(box, *"abc")
    synced: list[str] = []
    monkeypatch.setattr("relay.sending.endings.sync", synced.append)
    for name in "ab":
        box.endings.archive(name, NOW)
    box.endings.delete("c")
    box.endings.sync()
    box.endings.sync()
    (day,) = (tmp_path / "home/archive/a").iterdir()
    assert sorted(synced) == sorted([str(day), str(box.claims.directory)])


def test_an_archive_on_another_file_system_gets_a_whole_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    for number in (1, 2):
        put(tmp_path, "f", request(number))
        claim(box, "f")
        with monkeypatch.context() as patch:
            patch.setattr(moves, "rename_new", across)
            box.endings.archive("f", NOW)
    (day,) = (tmp_path / "home/archive/a").iterdir()
    assert {path.name: path.read_bytes() for path in day.iterdir()} == {"f": request(1), "f.1": request(2)}
    assert list(box.claims.directory.iterdir()) == []


def across(source: Any, target: Any) -> None:
    """A rename that cannot leave its directory."""
    if Path(source).parent != Path(target).parent:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    rename.rename_new(source, target)


def test_a_copy_that_fails_leaves_the_original_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    claim(box, "f")

    def full(path: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(moves, "rename_new", across)
    monkeypatch.setattr(moves, "sync", full)
    with pytest.raises(OSError, match="No space left"):
        box.endings.archive("f", NOW)
    assert [path.name for path in box.claims.directory.iterdir()] == ["f"]
    assert list((tmp_path / "home/archive/a").glob("*/*")) == []


def test_a_failed_file_has_its_reason_beside_it(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    claim(box, "f")
    box.endings.fail(reason("f"))
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
    count, shown = box.endings.failed()
    assert count == 1
    assert (shown[0].file, shown[0].tries, shown[0].last_code) == ("f", 4, 503)


def test_two_failed_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    for number in (1, 2):
        put(tmp_path, "f", request(number))
        claim(box, "f")
        box.endings.fail(reason("f", str(number)))
    assert sorted(path.name for path in (tmp_path / "home/failed/a").iterdir()) == ["f", "f.1", "f.1.reason.json", "f.reason.json"]
    assert box.endings.failed()[0] == 2


def test_a_file_system_that_is_full_keeps_the_file_where_it_is_until_its_reason_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    claim(box, "f")

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            box.endings.fail(reason("f"))
    assert list((tmp_path / "home/failed/a").iterdir()) == []
    assert [path.name for path in box.claims.directory.iterdir()] == ["f"]
    box.endings.fail(reason("f"))
    assert box.endings.failed()[0] == 1


def test_failed_files_are_sent_again_one_many_or_all(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    for name in "abcde":
        put(tmp_path, name)
        claim(box, name)
        box.endings.fail(reason(name))
    assert box.resend(["b"]) == ["b"]
    assert box.resend(["unknown"]) == []
    assert box.resend(["a", "d", "unknown"]) == ["a", "d"]
    assert names(tmp_path) == ["a", "b", "d"]
    assert box.resend(None) == ["c", "e"]
    assert list((tmp_path / "home/failed/a").iterdir()) == []
    assert box.endings.failed() == (0, ())


@pytest.mark.parametrize("name", [ODD, LONG, "f.reason.json", "한글 이름"])
def test_whatever_its_name_a_file_is_sent_failed_shown_and_sent_again(tmp_path: Path, name: str) -> None:
    box = outbox(tmp_path)
    for number in (1, 2):
        put(tmp_path, name, request(number))
        claim(box, name)
        box.endings.fail(reason(name, f"refused, {name}"))
    count, shown = box.endings.failed()
    assert count == len(shown) == 2
    assert all(each.tries == 4 and each.file.isprintable() and str(each.last_error).isprintable() for each in shown)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(shown)) is not None
    for each in shown:
        assert box.resend([each.file]) == [each.file]
    assert len(names(tmp_path)) == 2
    assert list((tmp_path / "home/failed/a").iterdir()) == []
    for each_name in names(tmp_path):
        claim(box, each_name)
        box.endings.archive(each_name, NOW)
    assert len(list((tmp_path / "home/archive/a").glob("*/*"))) == 2


def test_a_damaged_reason_is_said_and_stops_nothing(tmp_path: Path) -> None:
    box = outbox(tmp_path)
    put(tmp_path, "f")
    claim(box, "f")
    box.endings.fail(reason("f"))
    (tmp_path / "home/failed/a/f.reason.json").write_text("{")
    (found,) = box.endings.failed()[1]
    assert found.last_error == "its reason cannot be read"


def test_names_that_are_too_long_for_a_number_are_told_apart(tmp_path: Path) -> None:
    assert len({moves.longer("n" * 255, ".1"), moves.longer("n" * 254 + "m", ".1"), moves.longer("n" * 255, ".2")}) == 3
    assert all(len(os.fsencode(moves.longer("한" * 85, end))) <= 255 for end in (".1", ".reason.json"))
