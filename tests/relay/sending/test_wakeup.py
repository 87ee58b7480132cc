"""inotify: who comes is told at once, and what was lost is said."""

import os
import select
from pathlib import Path

import pytest

from relay.sending.wakeup import Wakeup


def heard(place: Path) -> tuple[Wakeup, list[list[str] | None]]:
    calls: list[list[str] | None] = []
    found = Wakeup(place, calls.append)
    found.watch()
    return found, calls


def told(wakeup: Wakeup) -> bool:
    readable, _, _ = select.select([wakeup.fd], [], [], 5)
    wakeup.read()
    return bool(readable)


def test_files_that_were_written_or_moved_in_are_told_by_name(tmp_path: Path) -> None:
    wakeup, calls = heard(tmp_path)
    (tmp_path / ".hidden").write_bytes(b"x")
    (tmp_path / ".hidden").rename(tmp_path / "moved")
    (tmp_path / "written").write_bytes(b"x")
    (tmp_path / os.fsdecode(b"odd\xff")).write_bytes(b"x")
    assert told(wakeup)
    assert calls == [[".hidden", "moved", "written", os.fsdecode(b"odd\xff")]]
    wakeup.close()


def test_nothing_is_told_of_files_that_are_only_begun(tmp_path: Path) -> None:
    wakeup, calls = heard(tmp_path)
    with (tmp_path / "f").open("wb") as file:
        file.write(b"x")
        file.flush()
        wakeup.read()
        assert calls == []
    assert told(wakeup)
    assert calls == [["f"]]
    wakeup.close()


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_directory_that_was_replaced_is_watched_again(tmp_path: Path, is_moved: bool) -> None:
    place = tmp_path / "outbox"
    place.mkdir()
    wakeup, calls = heard(place)
    place.rename(tmp_path / "away") if is_moved else place.rmdir()
    assert told(wakeup)
    assert calls[-1] is None
    place.mkdir()
    wakeup.watch()
    (place / "f").write_bytes(b"x")
    assert told(wakeup)
    assert calls[-1] == ["f"]
    wakeup.close()


def test_a_queue_that_overflowed_says_that_it_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wakeup, calls = heard(tmp_path)
    overflow = (-1).to_bytes(4, "little", signed=True) + (0x4000).to_bytes(4, "little") + bytes(8)
    monkeypatch.setattr(os, "read", lambda fd, size: overflow)
    wakeup.read()
    assert calls == [None]
    monkeypatch.undo()
    wakeup.close()


def test_a_directory_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    wakeup = Wakeup(tmp_path / "none", lambda names: None)
    with pytest.raises(FileNotFoundError):
        wakeup.watch()
    wakeup.close()
