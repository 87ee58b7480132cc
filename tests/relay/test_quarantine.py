"""Refused lines, kept for a person: what is written, and that it never grows without end."""

import json
from pathlib import Path

import pytest

from relay.quarantine import Quarantine, Refused


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
