"""What leaves the console: sequences for the clipboard, files that are new, bytes that are kept."""

import base64
import csv
import errno
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.questions import Record, Records
from tui import clipboard
from tui.clipboard import into_tmux, osc52
from tui.pane import Cell, Form, Row, Section
from tui.taking import copy_of_page, copy_of_row
from tui.writing import Content, encode, exact, proposed, write_new

AT = 1_764_086_462.0


def content(*structs: object, rows: tuple[tuple[str, ...], ...] = (("  OK", 'a "b", c'),)) -> Content:
    return Content("1 row", ("STATE", "NAME"), lambda: rows, lambda: structs)


def record(**fields: Any) -> Record:
    whole: dict[str, Any] = {"partition": 1, "offset": 7, "at": AT, "time_kind": "create", "key": b"k", "value": b"v", **fields}
    sizes = {"key_size": len(whole["key"] or b""), "value_size": len(whole["value"] or b"")}
    return Record(**{**sizes, **whole})


def test_the_terminal_is_told_in_base64_and_tmux_hands_it_on() -> None:
    evil = "한\x1b[2J"
    assert osc52(evil, in_tmux=False) == f"\x1b]52;c;{base64.b64encode(evil.encode()).decode()}\x07"
    assert osc52("a", in_tmux=True) == "\x1bPtmux;\x1b\x1b]52;c;YQ==\x07\x1b\\"
    assert len(base64.b64encode(b"x" * clipboard.MAX_BYTES)) <= clipboard.MAX_BASE64


@pytest.fixture
def tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `tmux` that writes down what it is given, and ends as the file `code` says."""
    program = tmp_path / "tmux"
    program.write_text('#!/bin/sh\necho "$*" > "$0.called"; cat > "$0.given"; exit $(cat "$0.code")\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


@pytest.mark.parametrize("code", [0, 1])
async def test_tmux_is_given_the_text_and_an_old_one_refuses(tmux: Path, code: int) -> None:
    Path(f"{tmux}.code").write_text(str(code))
    assert await into_tmux("한글\n") is (code == 0)
    assert Path(f"{tmux}.called").read_text() == "load-buffer -w -\n"
    assert Path(f"{tmux}.given").read_text() == "한글\n"


async def test_a_tmux_that_hangs_is_not_waited_for(tmux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmux.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(clipboard, "TMUX_TIMEOUT", 0.1)
    assert await into_tmux("x") is False


async def test_no_tmux_on_the_path_is_no_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await into_tmux("x") is False


def test_a_row_is_copied_as_its_cells_or_as_what_it_holds() -> None:
    assert copy_of_row(Row("r", (Cell("  OK"), Cell("name"))), "row").text == "OK\tname"
    assert copy_of_row(Row("r", (Cell("cut…"),), copies="the whole value"), "row").text == "the whole value"


def test_a_page_is_copied_as_its_last_text_in_the_form_that_is_shown_or_as_its_facts() -> None:
    value = Section("Value 2 B", forms=(Form("JSON", lambda: "{\n}"), Form("text", lambda: "{}")))
    assert copy_of_page([Section("Headers", text="a: b"), value], "text", "offset 7") == ("Value 2 B of offset 7", "{}")
    assert copy_of_page([Section("x", facts=(("State", Cell("  OK")),))], None, "x").text == "State\tOK"


def test_a_name_is_proposed_that_any_file_system_takes() -> None:
    assert proposed("topics", AT, ".csv").startswith("topics-2025112") and proposed("topics", AT, ".csv").endswith(".csv")
    assert proposed("../주문/확정 x", AT, ".json").startswith("_주문_확정_x-")
    assert len(proposed("x" * 300, AT, ".jsonl")) < 110
    assert proposed("...", AT, ".csv").startswith("page-")


def test_csv_is_quoted_and_its_texts_are_whole() -> None:
    rows = list(csv.reader(io.StringIO(encode(content(), ".csv").decode())))
    assert rows == [["STATE", "NAME"], ["OK", 'a "b", c']]


def test_json_is_an_array_and_jsonl_an_object_a_line() -> None:
    both = content({"a": 1}, {"b": "한"})
    assert json.loads(encode(both, ".json")) == [{"a": 1}, {"b": "한"}]
    assert [json.loads(line) for line in encode(both, ".jsonl").splitlines()] == [{"a": 1}, {"b": "한"}]
    assert json.loads(encode(content(), ".json")) == []


def test_a_page_without_a_table_is_not_csv_and_an_unknown_ending_is_told() -> None:
    with pytest.raises(ValueError, match="there is no table on this page"):
        encode(Content("x", (), lambda: (), lambda: ()), ".csv")
    with pytest.raises(ValueError, match=r"must end in \.csv, \.json or \.jsonl"):
        encode(content(), ".xml")


def test_records_keep_bytes_headers_and_times() -> None:
    told = Records(
        "t", (record(value=b"\xff\x00", headers=(("h", b"\xfe"), ("n", None)), aborted=True), record(value=None, value_size=0)), 9
    )
    first, second = (json.loads(line) for line in encode(content(told), ".jsonl").splitlines())
    assert base64.b64decode(first["value"]["base64"]) == b"\xff\x00"
    assert first["headers"] == [["h", {"base64": "/g=="}], ["n", None]]
    assert (first["topic"], first["partition"], first["offset"], first["timestamp"], first["aborted"]) == ("t", 1, 7, AT, True)
    assert (first["cut"], second["value"], second["key"]) == (False, None, "k")


def test_a_record_that_was_cut_says_so() -> None:
    (line,) = encode(content(Records("t", (record(value_size=900),), 1)), ".jsonl").splitlines()
    assert json.loads(line)["cut"] is True


@given(st.binary(max_size=200))
def test_no_byte_is_lost_or_changed(data: bytes) -> None:
    written = json.loads(json.dumps(exact(data)))
    assert (written.encode() if isinstance(written, str) else base64.b64decode(written["base64"])) == data


def test_a_new_file_is_written_and_one_that_is_there_is_left(tmp_path: Path) -> None:
    name = str(tmp_path / "t.csv")
    assert write_new(name, content()) == f"wrote 1 row to {name} (27 B)"
    before = Path(name).read_bytes()
    with pytest.raises(ValueError, match="exists already"):
        write_new(name, content({"other": 1}))
    assert Path(name).read_bytes() == before


def test_what_cannot_be_written_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="cannot be written: No such file or directory"):
        write_new(str(tmp_path / "no" / "t.csv"), content())

    def full(self: Path, mode: str) -> io.BytesIO:
        self.touch()

        class Full(io.BytesIO):
            def write(self, data: object) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

        return Full()

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(ValueError, match="was not written: No space left on device"):
        write_new(str(tmp_path / "t.csv"), content())
    assert list(tmp_path.iterdir()) == []
