"""GC logs from the command line: rows, a report, a picture and a page; files, and agents through a daemon or without one."""

import asyncio
import gzip
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backends.agent import HeapEvent, HeapPoint, Occupancy, PauseBucket
from backends.heap import read_files
from backends.questions import HeapOf, HeapPast, question_of
from backends.snapshots import Heap, Snapshot
from link.protocol import Command, Reply
from relay_console import cli, heappage, heapsvg
from tests.backends.gclog.corpus import DATA
from tests.relay_console.daemon import configured, daemon
from tests.relay_console.program import environment

NOW = 1_800_000_000.0
HUNG = DATA / "jdk17-parallel-leakdie-gc.log"
G1 = DATA / "jdk25-g1-leak-gc.log"


class Said:
    """What the command line said, in this process: starting one costs half a second."""

    def __init__(self, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
        self._captured = capfdbinary

    def __call__(self, *words: object) -> tuple[int, str, str]:
        code = cli.run([str(word) for word in words])
        out, err = self._captured.readouterr()
        return code, out.decode(), err.decode()


@pytest.fixture
def said(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.setenv("RELAY_CONSOLE_CONFIG", "/nowhere/config.yaml")
    return Said(capfdbinary)


# Files


def test_logs_are_a_table_and_what_is_no_log_a_line_each(said: Said, tmp_path: Path) -> None:
    words, gone, packed = tmp_path / "words.txt", tmp_path / "gone.log", tmp_path / "gc.log.1.gz"
    words.write_text("These are words.\n")
    packed.write_bytes(gzip.compress(G1.read_bytes()))
    code, out, err = said("heap", HUNG, words, packed, gone)
    assert code == 1
    head, *rows = out.splitlines()
    assert head.startswith("VERDICT") and head.split()[-1] == "REASON"
    assert len(rows) == 2 and str(HUNG) in out and str(packed) in out
    assert err.splitlines() == [
        f"not a GC log: no line of HotSpot's in {words}; give it the file of -Xlog:gc*:file= or -Xloggc:",
        f"{gone} is absent: there is no such file",
    ]


def test_json_has_every_file_and_the_same_code(said: Said, tmp_path: Path) -> None:
    code, out, err = said("heap", "--json", G1, tmp_path / "gone.log")
    files = json.loads(out)["files"]
    assert (code, len(files), "gone.log is absent" in err) == (1, 2, True)
    assert files[0]["last_after_gc"] is None or set(files[0]["last_after_gc"]) == {"before_kib", "after_kib", "capacity_kib"}
    assert said("heap", "--json", G1)[0] == 0


def test_a_report_says_all_that_the_console_shows(said: Said) -> None:
    code, out, err = said("heap", "--report", HUNG)
    assert (code, err) == (0, "")
    assert "HANG" in out and "full collections" in out
    assert "┤" in out and "▲" in out  # the curve, with full collections marked
    assert "up to" in out and "█" in out  # how long pauses were
    assert "Events" in out and "PAUSE" in out


def test_a_report_can_be_drawn_with_ascii_characters_alone(said: Said) -> None:
    assert said("heap", "--report", "--ascii", HUNG)[1].isascii()


def test_a_report_of_several_logs_goes_on_after_a_bad_one(said: Said, tmp_path: Path) -> None:
    code, out, err = said("heap", "--report", tmp_path / "gone.log", HUNG, G1)
    assert code == 1
    assert out.index(HUNG.name) < out.index(G1.name)
    assert err == f"{tmp_path}/gone.log is absent: there is no such file\n"


def test_standard_input_has_a_report_too() -> None:
    command = [sys.executable, "-m", "relay_console", "heap", "--report", "-"]
    done = subprocess.run(command, input=gzip.compress(G1.read_bytes()), capture_output=True, check=True, timeout=60, env=environment({}))
    assert b"Events" in done.stdout and b"/tmp/" not in done.stdout
    words = subprocess.run(command, input=b"words\n", capture_output=True, check=False, timeout=60, env=environment({}))
    assert (words.returncode, words.stdout) == (1, b"")
    assert words.stderr.startswith(b"not a GC log: no line of HotSpot's in standard input")


# Pictures and pages


class Links(HTMLParser):
    """What a page holds that could reach outside, or do something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.reaching: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.reaching += [(name, value) for name, value in attrs if name in ("src", "href", "xlink:href", "data") or name.startswith("on")]


def past(**fields: Any) -> HeapPast:
    points = (HeapPoint(NOW - 7200, 100 << 10, False), HeapPoint(NOW - 3600, 900 << 10, True), HeapPoint(NOW, 950 << 10, True))
    event = HeapEvent("full", NOW, 7200.0, "Ergonomics", None, Occupancy(960 << 10, 950 << 10, 1000 << 10), 1.5, "8:1", 10)
    made = HeapPast("agent", points, "stated", 1000 << 10, (PauseBucket(0.001, 5, 0.004), PauseBucket(0.002, 1, 0.002)), (event,), 1, True)
    return msgspec.structs.replace(made, **fields)


def test_a_picture_is_a_chart_that_needs_nothing_else(said: Said, tmp_path: Path) -> None:
    picture = tmp_path / "agent.svg"
    assert said("heap", "--svg", picture, HUNG) == (0, "", "")
    root = ET.parse(picture).getroot()
    names = [element.tag.rsplit("}")[-1] for element in root.iter()]
    row = read_files([HUNG])[0]
    assert names.count("circle") == row.full + 1  # and the one of the legend
    texts = "".join(element.text or "" for element in root.iter())
    assert "HANG" in texts and "capacity" in texts and "Pauses" in texts and "prefers-color-scheme:dark" in texts
    assert not {"script", "image", "foreignObject"} & set(names)
    assert "url(" not in picture.read_text() and picture.read_text().count("http") == 1  # the name of its own language


def test_a_page_is_the_report_with_charts_and_needs_nothing_else(said: Said, tmp_path: Path) -> None:
    page = tmp_path / "agent.html"
    assert said("heap", "--html", page, HUNG)[0] == 0
    links = Links()
    links.feed(page.read_text())
    assert not links.reaching and "script" not in links.tags
    assert "svg" in links.tags and links.tags.count("table") >= 2
    assert page.read_text().count("<tr>") > 20
    assert "Collector" in page.read_text() and "color-scheme:light dark" in page.read_text()


def test_nothing_from_a_log_is_markup_or_a_control_character() -> None:
    (file,) = read_files([HUNG])
    nasty = "<script>alert('x')</script>\x1b[31m\x00\"&"
    file = msgspec.structs.replace(file, name=nasty, reason=nasty, collector=nasty, file=nasty)
    event = HeapEvent("full", NOW, 1.0, nasty, None, None, None)
    for made in (heappage.svg(file, past(note=nasty)), heappage.html(file, past(note=nasty, events=(event,)), NOW)):
        assert "<script" not in made and "alert" in made
        assert not {"\x1b", "\x00"} & set(made)
    ET.fromstring(heappage.svg(file, past(note=nasty)))


@pytest.mark.parametrize(
    "fields",
    [
        {"points": (), "pauses": (), "basis": None, "capacity_kib": None},
        {"points": (HeapPoint(NOW, 0, False),)},
        {"points": (HeapPoint(0.0, 5, True), HeapPoint(0.0, 5, True)), "is_clock": False, "capacity_kib": None},
        {"points": (HeapPoint(-9.5, 5, False), HeapPoint(0.25, 7, True)), "is_clock": False},
        {"points": (HeapPoint(0.0, 1, False), HeapPoint(NOW, 1 << 40, True))},
        {"pauses": (PauseBucket(30.0, 0, 0.0), PauseBucket(None, 3, 200.0))},
    ],
)
def test_any_past_can_be_drawn(fields: dict[str, Any]) -> None:
    (file,) = read_files([HUNG])
    root = ET.fromstring(heappage.svg(file, past(**fields)))
    for element in root.iter():
        for value in element.attrib.values():
            assert "nan" not in value and "inf" not in value
    assert heappage.html(file, None, NOW).startswith("<!doctype html>")


def test_the_axis_of_time_has_round_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    try:
        drawn = heapsvg.chart(past())
    finally:
        monkeypatch.undo()
        time.tzset()
    assert all(moment in drawn for moment in (">15:30<", ">16:00<", ">17:00<"))


def test_a_picture_replaces_only_a_picture(said: Said, tmp_path: Path) -> None:
    log, picture = tmp_path / "gc.log", tmp_path / "old.svg"
    log.write_bytes(HUNG.read_bytes())
    code, _, err = said("heap", "--svg", log, G1)
    assert (code, err) == (1, f"relay-console: {log} is there and is no SVG file; give another name\n")
    assert log.read_bytes() == HUNG.read_bytes()
    code, _, err = said("heap", "--svg", tmp_path, G1)
    assert (code, "no regular file" in err) == (1, True)
    code, _, err = said("heap", "--html", tmp_path / "no" / "x.html", G1)
    assert (code, "cannot be written" in err) == (1, True)
    picture.write_text("<svg/>")
    assert said("heap", "--svg", picture, G1)[0] == 0
    assert said("heap", "--svg", picture, G1)[0] == 0
    code, out, _ = said("heap", "--svg", "-", G1)
    assert code == 0 and out.encode() == picture.read_bytes()


def test_lines_that_are_not_understood_are_listed(said: Said, tmp_path: Path) -> None:
    log = tmp_path / "out.txt"
    log.write_bytes(HUNG.read_bytes() + b"the application speaks \x1b[31mred\n" * 150)
    code, out, err = said("heap", "--unknown", log, G1, tmp_path / "gone.log")
    lines = out.splitlines()
    assert lines[0] == f"{log}: 150 lines not understood, the first 100"
    assert lines[1] == "  the application speaks \N{SYMBOL FOR ESCAPE}[31mred" and len(lines) == 102
    assert lines[-1] == f"{G1}: 0 lines not understood"
    assert (code, "gone.log cannot be read: No such file" in err) == (1, True)


def test_wrong_usage_is_said(said: Said) -> None:
    for words, why in (
        (("--unknown",), "--unknown is about files"),
        (("--unknown", "--json", HUNG), "--unknown is about files"),
        (("--json", "--report", HUNG), "--json excludes"),
        (("--svg", "-", HUNG, G1), "show one log"),
    ):
        code, _, err = said("heap", *words)
        assert (code, why in err) == (2, True)


# Agents of a configuration


def test_an_agent_is_asked_for_its_past_directly_when_no_daemon_runs(said: Said, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.log").write_bytes(HUNG.read_bytes())
    config = configured(tmp_path, f"heap: [{{name: one, path: {tmp_path}/one.log}}, {{name: two, path: {tmp_path}/two.log}}]\n")
    code, out, _ = said("heap", "-c", config, "--report", "one")
    assert (code, out.splitlines()[0]) == (0, "one")
    assert "Events" in out and "two.log" not in out
    assert said("heap", "-c", config, "--report")[1].count("Events ") == 2
    code, _, err = said("heap", "-c", config, "--report", "nobody")
    assert (code, "no name fits" in err) == (69, True)


def test_an_agent_of_a_glob_is_named_as_its_row_is(said: Said, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("a", "b"):
        (tmp_path / "logs" / f"{name}.log").write_bytes(HUNG.read_bytes())
    config = configured(tmp_path, f"heap: [{{name: all, path: '{tmp_path}/logs/*.log'}}]\n")
    code, out, _ = said("heap", "-c", config, "--report", "all/b.log")
    assert (code, out.splitlines()[0]) == (0, "all/b.log")
    assert "all/a.log" not in out


async def test_the_daemon_is_asked_where_one_runs(said: Said, tmp_path: Path) -> None:
    config = configured(tmp_path)
    (file,) = read_files([HUNG])
    file = msgspec.structs.replace(file, name="agent-1")
    snapshot = Snapshot("heap", "heap", "ok", NOW, data=Heap((file,)))

    def answer(command: Command) -> Reply:
        question = question_of(command.verb, command.arguments)
        assert isinstance(question, HeapOf) and command.target == "heap"
        return Reply(command.id, True, "", msgspec.Raw(msgspec.msgpack.encode(past(name=question.name))))

    async with daemon(config, snapshot, answer=answer) as heard:
        code, out, err = await asyncio.to_thread(said, "heap", "-c", config, "--report", "agent-1")
        assert (code, err) == (0, "")
        assert "Ergonomics" in out and "1.5s" in out
        assert [command.verb for command in heard] == ["heap"]
    async with daemon(config, snapshot):
        code, out, err = await asyncio.to_thread(said, "heap", "-c", config, "--report", "agent-1")
        assert code == 1 and "nothing is answered here" in err
        assert "HANG" in out  # what the daemon knows without asking is told all the same
