"""A file that another process writes, rotates, truncates and replaces: no byte lost, none twice."""

import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.gclog.files.family import newest_current
from backends.gclog.files.tail import Changed, Tail


class Writer:
    """A JVM with a log, and what somebody does to that log. Every line is new, so a line lost or read twice shows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.written: list[bytes] = []
        self._archives = self._changes = 0
        self._file = path.open("ab", buffering=0)

    def write(self, count: int = 3) -> None:
        for _ in range(count):
            self.lines += 1
            line = b"line %05d of the log, long enough to have a beginning of its own\n" % self.lines
            self.written.append(line)
            self._file.write(line)
            self._stamp(self.path)

    def _stamp(self, path: Path) -> None:
        """Files written later are newer, however coarse the clock of the file system is."""
        self._changes += 1
        stamp = 10**18 + self._changes * 10**6
        os.utime(path, ns=(stamp, stamp))

    def rotate(self) -> None:
        """Unified logging: the base is renamed to the next of three names, and begun anew."""
        self.path.rename(self.path.with_name(f"{self.path.name}.{self._archives % 3}"))
        self._archives += 1
        self._reopen()

    def copy_and_truncate(self) -> None:
        """logrotate: the JVM, which appends, goes on from the new end."""
        copy = self.path.with_name(f"{self.path.name}.1")
        if copy.exists():
            copy.rename(self.path.with_name(f"{self.path.name}.2"))
        copy.write_bytes(self.path.read_bytes())
        self._stamp(copy)
        os.truncate(self.path, 0)
        self._stamp(self.path)

    def restart(self) -> None:
        """A JVM that keeps no old log: the file is removed and begun anew."""
        self.path.unlink()
        self._reopen()

    def _reopen(self) -> None:
        self._file.close()
        self._file = self.path.open("ab", buffering=0)
        self._stamp(self.path)

    def close(self) -> None:
        self._file.close()


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def read(tail: Tail, path: Path) -> bytes:
    return b"".join(piece for piece in tail.poll(str(path)) if not isinstance(piece, Changed))


def test_what_is_appended_is_read_once(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    log.write_bytes(b"one\n")
    assert read(tail, log) == b"one\n"
    assert read(tail, log) == b""
    with log.open("ab") as file:
        file.write(b"two\nthr")
    assert read(tail, log) == b"two\nthr"
    tail.close()


def test_a_file_that_is_absent_is_an_error_until_it_is_there(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            read(tail, log)
    log.write_bytes(b"one\n")
    assert read(tail, log) == b"one\n"
    tail.close()


def test_a_name_that_vanished_is_an_error_and_its_rest_is_read_when_it_comes_back(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    log.write_bytes(b"one\n")
    read(tail, log)
    with log.open("ab") as file:
        log.rename(tmp_path / "aside")
        file.write(b"two\n")
    with pytest.raises(FileNotFoundError):
        read(tail, log)
    log.write_bytes(b"three\n")
    assert read(tail, log) == b"three\n"
    tail.close()


def test_a_pipe_in_the_place_of_a_log_is_refused_and_blocks_nobody(tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    os.mkfifo(log)
    with pytest.raises(OSError, match="not a regular file"):
        read(Tail(), log)


def test_a_jvm_that_keeps_its_offset_after_copytruncate_leaves_a_hole_that_is_read_as_nothing_new(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    with log.open("wb", buffering=0) as file:
        file.write(b"one\n" * 20)
        read(tail, log)
        os.truncate(log, 0)
        file.write(b"two\n")
        assert read(tail, log).replace(b"\0", b"") == b"two\n"
    tail.close()


def test_a_log_begun_anew_and_already_longer_is_known_by_its_beginning(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    log.write_bytes(b"old " * 20)
    read(tail, log)
    log.write_bytes(b"new " * 50)
    found = list(tail.poll(str(log)))
    assert found == [Changed(), b"new " * 50]
    tail.close()


def test_a_new_file_that_is_still_empty_is_not_followed_yet(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    with log.open("wb", buffering=0) as file:
        file.write(b"one\n")
        read(tail, log)
        log.rename(tmp_path / "gc.log.1")
        log.touch()
        file.write(b"two\n")  # logrotate without a signal: the JVM goes on in the renamed file
        assert read(tail, log) == b"two\n"
        file.write(b"three\n")
    log.write_bytes(b"four\n")
    assert read(tail, log) == b"three\nfour\n"
    tail.close()


Move = Callable[[Writer], None]


@pytest.mark.parametrize("move", [Writer.rotate, Writer.copy_and_truncate], ids=["rotation", "copytruncate"])
@settings(max_examples=60)
@given(looks=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_rotation_and_copytruncate_lose_nothing_and_repeat_nothing(
    tmp_path_factory: pytest.TempPathFactory, move: Move, looks: list[tuple[bool, bool]]
) -> None:
    """Between two looks the log may be moved aside once, and is written before and after it."""
    writer = Writer(tmp_path_factory.mktemp("log") / "gc.log")
    tail, found = Tail(), b""
    writer.write(1)
    found += read(tail, writer.path)  # what was moved aside before the first look would be nobody's history
    for is_moved, goes_on in looks:
        writer.write(2)
        if is_moved:
            move(writer)
        if goes_on:
            writer.write(2)
        found += read(tail, writer.path)
    writer.write(1)
    found += read(tail, writer.path) + read(tail, writer.path)
    writer.close()
    tail.close()
    assert found == b"".join(writer.written)


def test_files_that_came_and_went_between_two_looks_are_read_in_their_order(tmp_path: Path) -> None:
    writer, tail = Writer(tmp_path / "gc.log"), Tail()
    writer.write()
    found = read(tail, writer.path)
    for _ in range(2):
        writer.write()
        writer.rotate()
    writer.write()
    found += read(tail, writer.path)
    assert found == b"".join(writer.written)
    writer.close()
    tail.close()


def test_a_rotating_jdk8_is_followed_from_current_to_current(tmp_path: Path) -> None:
    base, tail = tmp_path / "gc.log", Tail()
    (tmp_path / "gc.log.0.current").write_bytes(b"one\n")
    assert read(tail, Path(newest_current(str(base)))) == b"one\n"
    with (tmp_path / "gc.log.0.current").open("ab") as file:
        file.write(b"two\n")
    (tmp_path / "gc.log.0.current").rename(tmp_path / "gc.log.0")
    (tmp_path / "gc.log.1.current").write_bytes(b"three\n")
    assert newest_current(str(base)).endswith("gc.log.1.current")
    assert read(tail, Path(newest_current(str(base)))) == b"two\nthree\n"
    tail.close()


def test_of_several_currents_that_restarts_left_the_newest_is_followed(tmp_path: Path) -> None:
    for number, stamp in ((0, 30), (1, 10), (2, 20)):
        log = tmp_path / f"gc.log.{number}.current"
        log.touch()
        os.utime(log, (stamp, stamp))
    assert newest_current(str(tmp_path / "gc.log")).endswith("gc.log.0.current")


def test_one_descriptor_is_held_whatever_happens(tmp_path: Path) -> None:
    writer, tail = Writer(tmp_path / "gc.log"), Tail()
    writer.write()
    read(tail, writer.path)
    before = descriptors()
    for _ in range(5):
        writer.write()
        writer.rotate()
        writer.write()
        read(tail, writer.path)
    assert descriptors() == before
    writer.close()
    tail.close()
    tail.close()
    assert descriptors() == before - 2


def test_a_log_emptied_without_a_copy_is_a_gap_that_is_said(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    log.write_bytes(b"one\n" * 20)
    read(tail, log)
    log.write_bytes(b"two\n")
    assert read(tail, log) == b"two\n"
    assert (tail.gaps, tail.gap is not None and "emptied" in tail.gap) == (1, True)
    tail.close()


def test_lives_of_a_log_that_begin_alike_are_told_apart_by_where_reading_stopped(tmp_path: Path) -> None:
    """JDK 8 begins each life with the same header; this one is longer than the fingerprint."""
    log, tail, header = tmp_path / "gc.log", Tail(), b"OpenJDK 64-Bit Server VM (25.252-b09)\n" * 100
    log.write_bytes(header + b"1.0: one\n2.0: two\n")
    read(tail, log)
    log.write_bytes(header + b"1.1: uno\n2.1: due\n3.1: tre\n")
    found = list(tail.poll(str(log)))
    assert found == [Changed(), header + b"1.1: uno\n2.1: due\n3.1: tre\n"]
    tail.close()


def test_more_rotations_than_archives_between_two_looks_are_a_gap(tmp_path: Path) -> None:
    writer, tail = Writer(tmp_path / "gc.log"), Tail()
    writer.write()
    read(tail, writer.path)
    for _ in range(5):
        writer.rotate()
        writer.write()
    found = read(tail, writer.path)
    assert found == b"".join(writer.written[-3 * 4 :])  # three archives and the log itself
    assert tail.gap is not None
    assert "more rotations than archives" in tail.gap
    writer.close()
    tail.close()


def test_bytes_written_while_a_log_was_copied_and_truncated_are_counted(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    with log.open("wb", buffering=0) as file:
        file.write(b"one\n" * 20)
        read(tail, log)
        (tmp_path / "gc.log.1").write_bytes(log.read_bytes())
        file.write(b"nobody's\n")
        os.truncate(log, 0)
        file.write(b"two\n")
    assert read(tail, log) == b"two\n"
    assert (tail.gaps, str(tail.gap)[:8]) == (1, "9 bytes ")
    tail.close()


def test_a_line_cut_by_copytruncate_is_whole_again(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    with log.open("wb", buffering=0) as file:
        file.write(b"one\ntw")
        assert read(tail, log) == b"one\ntw"
        (tmp_path / "gc.log.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)
        file.write(b"o\n")
    assert list(tail.poll(str(log))) == [b"o\n"]
    tail.close()


def test_a_hole_of_a_gigabyte_costs_nothing(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    with log.open("wb", buffering=0) as file:
        file.seek(1 << 30)
        file.write(b"one\n")
    assert read(tail, log) == b"one\n"
    tail.close()


def test_a_jvm_that_writes_into_a_renamed_packed_and_deleted_file_is_read_to_the_end(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    with log.open("ab", buffering=0) as file:
        file.write(b"one\n")
        read(tail, log)
        log.rename(tmp_path / "gc.log.1")
        log.touch()
        (tmp_path / "gc.log.2.gz").write_bytes(gzip.compress(b"one\n"))
        (tmp_path / "gc.log.1").unlink()
        file.write(b"two\n")
        assert read(tail, log) == b"two\n"
        file.write(b"three\n")
    log.write_bytes(b"four\n")
    assert read(tail, log) == b"three\nfour\n"
    assert tail.gaps == 0
    tail.close()


def test_a_console_that_starts_behind_logrotate_follows_the_file_the_jvm_is_still_in(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    with (tmp_path / "gc.log.1").open("ab", buffering=0) as file:
        file.write(b"one\n")
        log.touch()
        assert tail.open_at_end(str(log)) == 4
        file.write(b"two\n")
        assert read(tail, log) == b"two\n"
    log.write_bytes(b"three\n")
    assert read(tail, log) == b"three\n"
    tail.close()


def test_a_link_that_is_switched_and_switched_back_repeats_nothing(tmp_path: Path) -> None:
    log, first, second, tail = tmp_path / "gc.log", tmp_path / "a", tmp_path / "b", Tail()
    first.write_bytes(b"one\n")
    second.write_bytes(b"two\n")
    found = b""
    for target in (first, second, first):
        log.unlink(missing_ok=True)
        log.symlink_to(target)
        with target.open("ab") as file:
            file.write(b"more\n")
        found += read(tail, log)
    assert found == b"one\nmore\ntwo\nmore\nmore\n"
    tail.close()


def test_a_stale_current_from_the_future_is_left_when_another_is_written(tmp_path: Path) -> None:
    """The clock was set back between two lives of a JVM."""
    old, new, tail = tmp_path / "gc.log.3.current", tmp_path / "gc.log.0.current", Tail()
    base = tmp_path / "gc.log"
    old.write_bytes(b"one\n")
    os.utime(old, (4e9, 4e9))
    assert read(tail, base) == b"one\n"
    new.write_bytes(b"two\n")
    assert read(tail, base) == b"two\n"
    assert read(tail, base) == b""
    tail.close()


def test_what_has_no_permission_is_an_error_until_it_has_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The super-user may read everything, so the refusal is the system call's, put in its place."""
    writer, tail = Writer(tmp_path / "gc.log"), Tail()
    writer.write()
    found = read(tail, writer.path)
    real = os.open

    def refuse(path: str, *rest: int) -> int:
        if str(path).endswith("gc.log"):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest)

    for _ in range(2):
        writer.rotate()
        writer.write()
        monkeypatch.setattr(os, "open", refuse)
        with pytest.raises(PermissionError):
            found += read(tail, writer.path)
        monkeypatch.undo()
    found += read(tail, writer.path)
    assert (found, tail.gaps) == (b"".join(writer.written), 0)
    writer.close()
    tail.close()


def test_a_folder_in_the_place_of_a_log_is_an_error_and_the_log_is_read_on_when_it_is_back(tmp_path: Path) -> None:
    log, tail = tmp_path / "gc.log", Tail()
    log.write_bytes(b"one\n")
    read(tail, log)
    log.rename(tmp_path / "gc.log.0")
    log.mkdir()
    with pytest.raises(OSError, match="not a regular file"):
        read(tail, log)
    log.rmdir()
    log.write_bytes(b"two\n")
    assert read(tail, log) == b"two\n"
    tail.close()


def test_a_file_that_the_server_withdrew_is_found_again_by_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As NFS does when another client deletes an open file; no local file system can, so the refusal is put in its place."""
    log, tail = tmp_path / "gc.log", Tail()
    log.write_bytes(b"one\n")
    read(tail, log)
    withdrawn, real = log.stat().st_ino, os.pread

    def refuse(descriptor: int, *rest: int) -> bytes:
        if os.fstat(descriptor).st_ino == withdrawn:
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(descriptor, *rest)

    (tmp_path / "gc.log.1").write_bytes(b"one\ntwo\n")
    (tmp_path / "new").write_bytes(b"three\n")
    (tmp_path / "new").rename(log)
    monkeypatch.setattr(os, "pread", refuse)
    assert read(tail, log) == b"two\nthree\n"
    assert tail.gaps == 0
    tail.close()


def test_a_ring_whose_files_have_one_time_is_read_in_its_order(tmp_path: Path) -> None:
    writer, tail = Writer(tmp_path / "gc.log"), Tail()
    writer.write()
    found = read(tail, writer.path)
    writer.rotate()
    writer.write()
    found += read(tail, writer.path)
    for _ in range(2):  # .1 and .2; then .0 is the newest
        writer.rotate()
        writer.write()
    for file in tmp_path.iterdir():
        os.utime(file, (1e9, 1e9))
    found += read(tail, writer.path)
    assert found == b"".join(writer.written)
    writer.close()
    tail.close()
