"""make run, with a stand-in for relay-console that takes the same commands."""

import os
import sys
import time
from pathlib import Path

import pytest

from tests.lab.console import ANSWERS, Console, show_answers, show_screen

STAND_IN = """
import json, os, sys, time
folder, command, *rest = sys.argv[1:]
with open(os.path.join(folder, "calls"), "a") as calls:
    print(command, *rest, file=calls)
if command == "--headless":
    print(os.getpid(), file=open(os.path.join(folder, "pid"), "w"))
    time.sleep(60)
elif rest == ["--json"]:
    state = open(os.path.join(folder, "state")).read()
    data = {"topics": [{"records_per_s": 1.0}]}
    print(json.dumps({"sources": [{"name": "main", "state": state, "error": "refused" if state == "down" else None, "data": data}]}))
else:
    print("table of", command)
"""


class StandIn(Console):
    def __init__(self, folder: Path, state: str) -> None:
        super().__init__(folder / "config.yaml")
        self.folder = folder
        self.script = folder / "stand_in.py"
        self.script.write_text(STAND_IN)
        (folder / "state").write_text(state)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(self.script), str(self.folder), *(words or ("screen",))]

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


def test_without_a_terminal_each_answer_is_printed_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console = StandIn(tmp_path, "ok")
    assert show_answers(console, limit_s=20, settle_s=0.1) == 0
    printed = capsys.readouterr().out
    assert [printed.count(f"table of {command}\n") for command in ANSWERS] == [1] * len(ANSWERS)
    assert console.calls()[-1] == "stop"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_source_that_stays_down_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console = StandIn(tmp_path, "down")
    assert show_answers(console, limit_s=1, settle_s=0) == 69
    assert "main: refused" in capsys.readouterr().err


def test_a_daemon_that_ends_is_not_waited_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console = StandIn(tmp_path, "ok")
    console.script.write_text("raise SystemExit(78)")
    began = time.monotonic()
    assert show_answers(console, limit_s=30, settle_s=0) == 69
    assert time.monotonic() - began < 15
    assert "the daemon ended with 78" in capsys.readouterr().err


def test_on_a_terminal_a_daemon_left_behind_is_stopped(tmp_path: Path) -> None:
    console = StandIn(tmp_path, "ok")
    assert show_screen(console) == 0
    assert console.calls() == ["screen", "stop"]
