"""The audit that the benchmarks trust: a record that is gone, doubled or damaged is found, whatever else is right."""

import array
from pathlib import Path

import pytest

from bench.rig.audit import Audit, acknowledged, audit, main, record

COUNT = 50


def stored(directory: Path, *lines: bytes) -> Path:
    file = directory / "202601010000_request.txt"
    file.write_bytes(b"".join(lines))
    return file


def records(*, without: int | None = None) -> list[bytes]:
    return [record(number) for number in range(COUNT) if number != without]


def test_everything_acknowledged_is_stored_once(tmp_path: Path) -> None:
    assert audit(set(range(COUNT)), [stored(tmp_path, *records())]) == Audit(COUNT, COUNT, 0, 0, 0, 0)


def test_a_line_that_was_removed_is_lost(tmp_path: Path) -> None:
    assert audit(set(range(COUNT)), [stored(tmp_path, *records(without=7))]) == Audit(COUNT, COUNT - 1, 0, 0, 1, 0)


def test_a_line_that_stands_twice_is_a_duplicate(tmp_path: Path) -> None:
    assert audit(set(range(COUNT)), [stored(tmp_path, *records(), record(7))]).duplicates == 1


def test_a_line_in_two_files_is_a_duplicate(tmp_path: Path) -> None:
    file = stored(tmp_path, *records())
    assert audit(set(range(COUNT)), [file, file]).duplicates == COUNT


def test_a_line_without_its_end_is_torn_and_lost(tmp_path: Path) -> None:
    found = audit(set(range(COUNT)), [stored(tmp_path, *records()[:-1], record(COUNT - 1)[:60])])
    assert (found.torn, found.lost) == (1, 1)


def test_two_lines_glued_together_are_torn_and_both_lost(tmp_path: Path) -> None:
    found = audit(set(range(COUNT)), [stored(tmp_path, *records()[:-2], record(COUNT - 2)[:60] + record(COUNT - 1))])
    assert (found.torn, found.lost) == (1, 2)


def test_a_record_stored_before_its_answer_went_out_is_not_wrong(tmp_path: Path) -> None:
    assert audit(set(range(COUNT - 1)), [stored(tmp_path, *records())]) == Audit(COUNT - 1, COUNT, 0, 0, 0, 1)


def test_nothing_stored_is_everything_lost() -> None:
    assert audit({1, 2, 3}, []).lost == 3


def test_by_hand_it_reads_what_the_load_generator_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = tmp_path / "acks"
    notes.write_bytes(array.array("Q", range(COUNT)).tobytes())
    assert acknowledged(notes) == set(range(COUNT))
    assert main([str(notes), str(stored(tmp_path, *records()))]) == 0
    assert main([str(notes), str(stored(tmp_path, *records(without=3)))]) == 1
    assert '"lost": 1' in capsys.readouterr().out
