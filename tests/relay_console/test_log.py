"""Log lines: one an event, whoever wrote the text; a form for people, one for journald, one for programs."""

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay_console import log
from relay_console.errors import ServiceUnavailable

LOGGER = logging.getLogger("relay.receiver")


@pytest.fixture(autouse=True)
def own_root() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(before):
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


def test_a_line_for_people_has_time_zone_severity_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    log.start("text", None, 0, {})
    LOGGER.warning("partner-a: %s", "busy")
    LOGGER.debug("not told")
    line = capsys.readouterr().err
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4} WARNING relay\.receiver: partner-a: busy\n", line)


def test_text_from_outside_forges_no_line_and_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    log.start("text", None, 0, {})
    LOGGER.warning("topic %s", "x\n2026-01-01 ERROR all is lost\x1b[2J")
    assert capsys.readouterr().err.count("\n") == 1


def test_journald_gets_its_severity_on_every_line_and_no_time(capsys: pytest.CaptureFixture[str]) -> None:
    log.start("text", None, 0, {"JOURNAL_STREAM": "8:1"})
    try:
        raise ValueError("broken")
    except ValueError:
        LOGGER.exception("a bug")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "<3>relay.receiver: a bug"
    assert all(line.startswith("<3>") for line in lines) and len(lines) > 2


def test_programs_get_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.start("json", None, 1, {"JOURNAL_STREAM": "8:1"})
    LOGGER.debug("한글 %d", 5)
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["logger"], line["text"]) == ("debug", "relay.receiver", "한글 5")


def test_a_log_file_is_made_with_its_folder_and_survives_its_rotation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "log" / "console.log"
    log.start("text", str(file), 0, {"JOURNAL_STREAM": "8:1"})
    LOGGER.info("first")
    file.rename(tmp_path / "old.log")
    LOGGER.info("second")
    assert "second" in file.read_text() and "<6>" not in file.read_text()
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_written_is_one_line_and_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ServiceUnavailable, match="cannot write the log"):
        log.start("text", str(tmp_path / "file" / "x.log"), 0, os.environ)
