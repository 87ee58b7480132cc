"""A line for each action, durable, private, and an error in words when it cannot be."""

import json
from pathlib import Path

import pytest

from monitor.audit import MAX_VALUE, Audit, AuditUnwritable


def test_lines_are_appended_and_nobody_else_may_read_them(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    Audit(path).write({"verb": "purge"})
    Audit(path).write({"verb": "resend", "arguments": {"file": "a\nb"}})
    assert [json.loads(line)["verb"] for line in path.read_text().splitlines()] == ["purge", "resend"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_long_value_is_cut_and_its_length_told(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    Audit(path).write({"arguments": {"selector": "x" * 5_000, "count": 3}})
    arguments = json.loads(path.read_text())["arguments"]
    assert arguments == {"selector": "x" * MAX_VALUE + "... (5000 characters)", "count": 3}


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuditUnwritable, match=r"audit\.log cannot be written: No such file or directory"):
        Audit(tmp_path / "missing" / "audit.log").write({})


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "audit.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuditUnwritable):
        Audit(tmp_path / "audit.log").write({})
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(AuditUnwritable, match="No space left on device"):
        Audit(Path("/dev/full")).write({})


def test_a_partners_record_is_not_written_down_only_its_size(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    Audit(path).write({"arguments": {"sender": "b", "line": "0062|REQ|가"}})
    assert json.loads(path.read_text())["arguments"] == {"sender": "b", "line": "12 bytes"}
