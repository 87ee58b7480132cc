"""Who holds the lock of a relay's claims: itself as long as it lives, and another relay for the moment in which it looks."""

import fcntl
import threading
from pathlib import Path

import pytest

from relay.sending import claims as module
from relay.sending.claims import Claims


def claims(place: Path, home: str) -> Claims:
    place.mkdir(exist_ok=True)
    (place.parent / home).mkdir(exist_ok=True)
    return Claims("a", place, place.parent / home)


def test_a_relay_that_starts_while_another_looks_whether_it_is_dead_waits_for_that_moment(tmp_path: Path) -> None:
    starting = claims(tmp_path / "outbox", "home")
    starting.directory.mkdir()
    with starting.directory.with_name(starting.directory.name + ".lock").open("w") as looking:
        fcntl.flock(looking, fcntl.LOCK_EX)
        threading.Timer(0.1, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        assert starting.open() == 0
    starting.close()


def test_a_second_relay_of_the_same_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBED_S", 0.05)
    first, second = claims(tmp_path / "outbox", "home"), claims(tmp_path / "outbox", "home")
    first.open()
    with pytest.raises(OSError, match="another relay with the same name and directory sends from it"):
        second.open()
    first.close()
    assert second.open() == 0
    second.close()
