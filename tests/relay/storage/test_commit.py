"""When a batch is durable, when it is not, and that the writer outlives everything."""

import threading
from pathlib import Path
from typing import Any

import pytest

from relay.storage.commit import NONE, DurableFile, Refusals, StorageFailed, SyncFailed, Writer, write_all
from tests.relay.disk import Faulty


def test_a_short_write_is_continued(tmp_path: Path) -> None:
    disk = Faulty()
    disk.short = True
    file = DurableFile(tmp_path / "a", disk)
    file.append(b"0123456789" * 100)
    file.close()
    assert (tmp_path / "a").read_bytes() == b"0123456789" * 100


def test_a_write_that_fails_half_way_is_taken_back(tmp_path: Path) -> None:
    disk = Faulty()
    file = DurableFile(tmp_path / "a", disk)
    file.append(b"first\n")
    disk.room = 3
    with pytest.raises(OSError, match="No space left"):
        file.append(b"second\n")
    assert (tmp_path / "a").read_bytes() == b"first\n"
    disk.room = None
    file.append(b"third\n")
    file.close()
    assert (tmp_path / "a").read_bytes() == b"first\nthird\n"


def test_a_failed_sync_ends_the_file_and_does_not_count(tmp_path: Path) -> None:
    disk = Faulty()
    file = DurableFile(tmp_path / "a", disk)
    file.append(b"first\n")
    disk.bad_syncs = 1
    with pytest.raises(SyncFailed):
        file.append(b"second\n")
    file.close()
    assert file.size == len(b"first\n")


def test_a_write_that_cannot_be_taken_back_ends_the_file(tmp_path: Path) -> None:
    disk = Faulty()
    file = DurableFile(tmp_path / "a", disk)
    disk.room, disk.bad_cuts = 3, 1
    with pytest.raises(SyncFailed):
        file.append(b"second\n")
    file.close()
    assert file.size == 0


def test_a_file_that_exists_is_never_opened_for_writing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        DurableFile(tmp_path / "a", Faulty())


def test_nothing_is_written_to_a_full_disk(tmp_path: Path) -> None:
    disk = Faulty()
    fd = disk.open_new(tmp_path / "a")
    disk.room = 0
    with pytest.raises(OSError, match="No space left"):
        write_all(disk, fd, b"data")


class Scripted:
    """A store that raises what the script says, batch by batch."""

    def __init__(self, *script: Exception | None) -> None:
        self.script = list(script)
        self.calls: list[str] = []

    def append(self, batch: Any, now: float) -> Refusals:
        self.calls.append(f"append {batch}")
        if (error := self.script.pop(0)) is not None:
            raise error
        return NONE

    def tick(self, now: float) -> None:
        self.calls.append("tick")
        raise OSError("the tick fails too")

    def close(self, now: float) -> None:
        self.calls.append("close")


def test_the_writer_never_dies_and_answers_every_batch(caplog: pytest.LogCaptureFixture) -> None:
    store = Scripted(None, StorageFailed("full", is_space=True), ValueError("a bug"), None)
    settled: list[tuple[Any, str | None]] = []
    done = threading.Event()

    def settle(batch: Any, failure: StorageFailed | None, refusals: Refusals) -> None:
        settled.append((batch, None if failure is None else str(failure)))
        if len(settled) == 4:
            done.set()

    writer = Writer("a", store, settle, lambda: 0.0)
    writer.start()
    for batch in "1234":
        writer.submit(batch)  # type: ignore[arg-type]
        writer.tick()
    assert done.wait(5)
    writer.close()
    assert writer.join(5)
    assert settled == [("1", None), ("2", "full"), ("3", "ValueError: a bug"), ("4", None)]
    assert store.calls[-1] == "close"
    _, p99 = writer.commit_ms()
    assert p99 is not None and p99 >= 0
    assert "a bug" in caplog.text


def test_who_commits_without_the_thread_never_does_so_while_the_thread_has_work() -> None:
    """And may, as soon as a batch is said to be settled."""
    store = Scripted(None, None, StorageFailed("full", is_space=True))
    outcomes: list[Any] = []
    done, go_on = threading.Event(), threading.Event()

    def settle(batch: Any, failure: StorageFailed | None, refusals: Refusals) -> None:
        outcomes.append(writer.commit("2"))  # type: ignore[arg-type]
        done.set()

    def hold() -> None:
        assert go_on.wait(5)

    writer = Writer("a", store, settle, lambda: 0.0)
    writer.start()
    writer.do(hold)
    assert writer.commit("too early") is None  # type: ignore[arg-type]
    writer.submit("1")  # type: ignore[arg-type]
    assert writer.commit("too early") is None  # type: ignore[arg-type]
    go_on.set()
    assert done.wait(5)
    assert outcomes == [(None, NONE)]
    failure, _ = writer.commit("3") or (None, NONE)  # type: ignore[arg-type]
    assert str(failure) == "full"
    writer.close()
    assert writer.join(5)
    assert store.calls == ["append 1", "append 2", "append 3", "close"]


def test_how_long_commits_take_is_known_after_the_first() -> None:
    writer = Writer("a", Scripted(), lambda *_: None, lambda: 0.0)
    assert writer.commit_ms() == (None, None)
    writer.latencies.extend(number / 1000 for number in range(1, 101))
    assert writer.commit_ms() == (51.0, 100.0)
