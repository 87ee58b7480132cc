"""Refused lines, kept for a person: what is written, and that it never grows without end."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.storage.quarantine import KEPT_FOR, Quarantine, Refused, newest


def test_a_refused_line_is_kept_with_time_peer_and_reason(tmp_path: Path) -> None:
    place = Quarantine(tmp_path / "q", "refused", 1 << 20)
    place.keep([Refused(0.0, "10.0.0.1:5", 401, "2 columns instead of 9", "가|b".encode())])
    entry = json.loads((tmp_path / "q" / "refused.jsonl").read_text())
    assert entry["line"] == "가|b"
    assert entry["peer"] == "10.0.0.1:5"
    assert entry["code"] == 401
    assert entry["reason"] == "2 columns instead of 9"
    assert entry["at"].startswith(("1970-01-01", "1969-12-31"))
    assert "hex" not in entry


def test_bytes_that_are_no_text_are_kept_in_hex_too(tmp_path: Path) -> None:
    place = Quarantine(tmp_path, "refused", 1 << 20)
    place.keep([Refused(0.0, "p", 403, "not UTF-8", b"a\xff\x1b\n")])
    entry = json.loads((tmp_path / "refused.jsonl").read_text())
    assert entry["hex"] == "61ff1b0a"
    assert entry["line"] == "a\\xff\x1b\n"


def test_it_never_grows_beyond_its_limit(tmp_path: Path) -> None:
    place = Quarantine(tmp_path, "refused", 10_000)
    for number in range(500):
        place.keep([Refused(0.0, "p", 401, "bad", b"line %d" % number)])
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000
    newest = json.loads((tmp_path / "refused.jsonl").read_text().splitlines()[-1])
    assert newest["line"] == "line 499"
    assert place.total == 500


def test_a_disk_in_trouble_costs_the_entry_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "q").write_text("a file where the directory should be")
    place = Quarantine(tmp_path / "q", "refused", 10_000)
    place.keep([Refused(0.0, "p", 401, "bad", b"line")])
    assert place.total == 0
    assert "is not kept" in caplog.text


def refused(number: int, at: float = 0.0, line: bytes | None = None) -> Refused:
    return Refused(at, "10.0.0.1:5", 401, "bad", line or b"line %d" % number)


def lines(place: Path, count: int) -> list[str]:
    return [entry.line for entry in newest(place, "refused", count)]


def test_credentials_are_masked_before_anything_is_written(tmp_path: Path) -> None:
    place = Quarantine(tmp_path, "refused", 1 << 20)
    reason = "says 'password=hunter2', is 12 bytes"
    place.keep(
        [Refused(0.0, "p", 401, "1 column instead of 9", b"Authorization: Basic aHVudGVyMg=="), Refused(0.0, "p", 402, reason, b"x")]
    )
    text = (tmp_path / "refused.jsonl").read_text()
    assert "Authorization: [masked]" in text and "aHVudGVyMg" not in text and "hunter2" not in text
    assert [entry.line for entry in place.newest] == ["x", "Authorization: [masked]"]


def test_the_file_is_not_for_everybody(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Quarantine(tmp_path / "q", "refused", 1 << 20).keep([refused(1)])
    finally:
        os.umask(before)
    assert (tmp_path / "q" / "refused.jsonl").stat().st_mode & 0o777 == 0o640


def test_the_newest_are_read_from_the_ends_of_both_halves(tmp_path: Path) -> None:
    place = Quarantine(tmp_path, "refused", 400_000)
    for number in range(3000):
        place.keep([refused(number)])
    assert (tmp_path / "refused.1.jsonl").exists()
    assert lines(tmp_path, 3) == ["line 2999", "line 2998", "line 2997"]
    everything = lines(tmp_path, 10_000)
    assert everything == [f"line {number}" for number in range(2999, 2999 - len(everything), -1)]
    assert len(everything) > 1000


def test_a_new_process_knows_what_the_one_before_it_kept(tmp_path: Path) -> None:
    Quarantine(tmp_path, "refused", 1 << 20).keep([refused(1), refused(2, line=b"x" * 5000)])
    again = Quarantine(tmp_path, "refused", 1 << 20)
    assert [(entry.code, entry.line[:6], len(entry.line)) for entry in again.newest] == [(401, "xxxxxx", 200), (401, "line 1", 6)]
    assert again.total == 0


def test_a_torn_entry_costs_itself_alone(tmp_path: Path) -> None:
    Quarantine(tmp_path, "refused", 1 << 20).keep([refused(1)])
    with (tmp_path / "refused.jsonl").open("ab") as file:
        file.write(b'{"at":"2026-')
    Quarantine(tmp_path, "refused", 1 << 20).keep([refused(2)])
    assert lines(tmp_path, 10) == ["line 2", "line 1"]


def test_a_line_is_kept_for_15_to_30_days(tmp_path: Path) -> None:
    place = Quarantine(tmp_path, "refused", 1 << 20)
    place.keep([refused(1, at=100.0)])
    place.expire(100.0 + KEPT_FOR / 2 - 1)
    assert [path.name for path in tmp_path.iterdir()] == ["refused.jsonl"]
    place.expire(100.0 + KEPT_FOR / 2 + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["refused.1.jsonl"]
    place.keep([refused(2, at=100.0 + KEPT_FOR / 2 + 1)])
    place.expire(100.0 + KEPT_FOR - 1)
    assert lines(tmp_path, 9) == ["line 2", "line 1"]
    place.expire(100.0 + KEPT_FOR + 1)
    assert lines(tmp_path, 9) == ["line 2"]
    assert [entry.line for entry in place.newest] == ["line 2"]
    place.expire(100.0 + 3 * KEPT_FOR)
    place.expire(100.0 + 3 * KEPT_FOR)
    assert [*tmp_path.iterdir()] == [] and place.newest == ()


def test_what_cannot_be_read_goes_by_the_age_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "refused.jsonl").write_bytes(b"\xff\n")
    os.utime(tmp_path / "refused.jsonl", (50, 50))
    place = Quarantine(tmp_path, "refused", 1 << 20)
    place.expire(50 + KEPT_FOR + 1)
    place.expire(50 + KEPT_FOR + 1)
    assert [*tmp_path.iterdir()] == []


@given(st.lists(st.binary(max_size=300).map(lambda line: line.replace(b"\n", b"")), max_size=30))
def test_any_line_is_kept_as_one_entry(found: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        Quarantine(Path(place), "refused", 1 << 20).keep([refused(0, line=line or b" ") for line in found])
        assert len(list(newest(Path(place), "refused", 100))) == len(found)
