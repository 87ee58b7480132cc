"""Actions on queues by the command line: what is asked before, what goes to the broker, and which exit code each ending has."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backends.broker import Job
from backends.questions import Preview
from backends.source import Context, Source, Unconfigured
from relay_console import direct
from relay_console.cli import run as run_here
from tests.relay_console.brokers import Script, ScriptedBroker, having, two_brokers
from tests.relay_console.daemon import daemon
from tests.relay_console.program import environment, run
from tests.stories.console import Console


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return two_brokers(tmp_path)


async def ask(config: Path, *words: str) -> Any:
    return await asyncio.to_thread(run, "-c", str(config), *words)


# -- what goes to the broker --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "verb", "arguments"),
    [
        (["purge", "orders"], "purge", {"queue": "orders"}),
        (["delete", "orders"], "delete", {"queue": "orders"}),
        (["create", "orders"], "create", {"queue": "orders"}),
        (["pause", "orders", "--broker", "main"], "pause", {"queue": "orders"}),
        (["resume", "orders", "--broker", "main"], "resume", {"queue": "orders"}),
        (["move", "orders", "--to", "b", "--all"], "move", {"queue": "orders", "to": "b"}),
        (["copy", "orders", "--to", "b", "--first", "5"], "copy", {"queue": "orders", "to": "b", "first": 5}),
        (["retry", "orders", "--selector", "a = 1", "--first", "5"], "retry", {"queue": "orders", "selector": "a = 1", "first": 5}),
        (["retry", "orders", "--all"], "retry", {"queue": "orders"}),
        (["remove", "orders", "--id", "ID:1", "--id", "ID:2"], "remove", {"queue": "orders", "ids": "ID:1\nID:2"}),
    ],
)
async def test_every_action_is_previewed_and_done_once_with_what_was_expected(
    config: Path, words: list[str], verb: str, arguments: dict[str, Any]
) -> None:
    script = Script()
    async with daemon(config, having("main", "orders"), having("other"), answer=script.answer, write=True) as heard:
        done = await ask(config, *words, "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{verb}: done\n", "")
    assert script.acted == [(verb, arguments, {"name": "orders", "pending": 3})]
    assert [(command.target, command.verb) for command in heard] == [("main", "preview"), ("main", verb)]
    assert json.loads(str(heard[0].arguments["arguments"])) == arguments and heard[0].arguments["verb"] == verb


async def test_a_relay_is_meant_where_no_option_says_that_a_queue_is(config: Path) -> None:
    script = Script()
    async with daemon(config, having("main", "orders"), answer=script.answer, write=True) as heard:
        for words in (["pause", "orders"], ["resume", "orders"], ["retry", "orders"]):
            assert (await ask(config, *words)).returncode == 0
    assert [(command.target, command.verb) for command in heard] == [("relay", "pause"), ("relay", "resume"), ("relay", "resend")]


async def test_a_dry_run_says_what_would_happen_and_does_nothing(config: Path) -> None:
    script = Script(preview=Preview("purge", ("3 messages of or\x1bders go",), ("2 are in flight",), typed="orders"))
    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        done = await ask(config, "purge", "orders", "--dry-run")
        assert (done.returncode, done.stdout, done.stderr) == (0, "3 messages of or␛ders go\nwarning: 2 are in flight\n", "")
        script.preview = replace(script.preview, refused="denied: by the broker's policy")
        done = await ask(config, "purge", "orders", "--dry-run")
        assert (done.returncode, done.stderr) == (1, "relay-console: denied: by the broker's policy\n")
    assert script.acted == []


# -- what is refused ----------------------------------------------------------------------------------------------------------------


async def test_yes_does_not_help_where_the_daemon_is_read_only(config: Path) -> None:
    script = Script()
    async with daemon(config, having("main", "orders"), answer=script.answer, write=False) as heard:
        done = await ask(config, "purge", "orders", "--yes")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1) and "the daemon is read-only" in done.stderr
        assert heard == []
        done = await ask(config, "purge", "orders", "--dry-run")
        assert done.returncode == 1 and "all 3 messages" in done.stdout and "read-only" in done.stderr
    assert script.acted == []


async def test_what_the_preview_refuses_is_neither_asked_nor_done(config: Path) -> None:
    script = Script(preview=Preview("purge", (), refused="read-only: activemq[0].write is false in the configuration"))
    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        done = await ask(config, "purge", "orders", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "relay-console: read-only: activemq[0].write is false in the configuration\n"
    assert script.acted == []


async def test_a_failure_is_1_and_counts_that_changed_are_75_with_nothing_done_again(config: Path) -> None:
    script = Script()
    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        script.replies = [(False, "unknown: check the queue; now 0 pending (3 before)")]
        done = await ask(config, "purge", "orders", "--yes")
        assert (done.returncode, done.stdout) == (1, "") and "unknown: check" in done.stderr
        script.replies = [(False, "counts changed: 900 pending, 3 were agreed to; nothing was done")]
        done = await ask(config, "purge", "orders", "--yes")
        assert (done.returncode, done.stdout) == (75, "")
        assert done.stderr == "relay-console: counts changed: 900 pending, 3 were agreed to; nothing was done; try again\n"
    assert len(script.acted) == 2


async def test_which_broker_is_meant_must_be_plain(config: Path) -> None:
    script = Script()
    async with daemon(config, having("main", "orders", "users"), having("other", "orders"), answer=script.answer, write=True):
        done = await ask(config, "purge", "orders", "--yes")
        assert done.returncode == 69
        assert done.stderr == "relay-console: several brokers have a queue 'orders': main, other; say which with --broker NAME\n"
        done = await ask(config, "purge", "order", "--yes")
        assert done.returncode == 69
        assert "no broker has a queue 'order'; did you mean 'orders'?; say which of main, other is meant" in done.stderr
        done = await ask(config, "purge", "orders", "--yes", "--broker", "othr")
        assert done.returncode == 69 and "there is no broker 'othr'; did you mean 'other'?" in done.stderr
        script.preview = Preview("purge", (), refused="there is no queue 'orders2'")
        done = await ask(config, "purge", "orders2", "--yes", "--broker", "main")
        assert (done.returncode, done.stderr) == (1, "relay-console: there is no queue 'orders2'; did you mean 'orders'?\n")
    assert script.acted == []


async def test_a_broker_that_was_never_reached_says_so_itself(config: Path) -> None:
    away = replace(having("main"), state="down", data=None, error="cannot connect to http://h:1/: refused")
    async with daemon(config, away, write=True):
        done = await ask(config, "purge", "orders", "--yes")
    assert (done.returncode, done.stderr) == (69, "relay-console: cannot connect to http://h:1/: refused\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["purge", "q"], "say --yes"),
        (["purge", "q", "--yes", "--dry-run"], "exclude each other"),
        (["purge"], "Missing argument"),
        (["move", "q", "--all", "--yes"], "--to"),
        (["move", "q", "--to", "b", "--yes"], "--all, --selector, --first or --id"),
        (["copy", "q", "--to", "b", "--all", "--first", "5", "--yes"], "exclude each other"),
        (["remove", "q", "--yes"], "all of them is purge"),
        (["remove", "q", "--all", "--yes"], "No such option"),
        (["retry", "q", "--broker", "main", "--yes"], "say which messages"),
        (["retry", "q", "file", "--all", "--yes"], "files are of a sender"),
        (["retry", "q", "--yes"], "are for queues"),
        (["pause", "q", "--yes"], "say --broker"),
        (["pause", "q", "--only", "sender", "--broker", "main", "--yes"], "--only is for the relay"),
        (["--read-only", "purge", "q", "--yes"], "it is an action"),
        (["--read-only", "import", "q", "-", "--yes"], "it is an action"),
    ],
)
def test_wrong_usage_is_2(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(words) == 2
    assert said in " ".join(capsys.readouterr().err.split())


# -- on a terminal ------------------------------------------------------------------------------------------------------------------


async def on_a_terminal(config: Path, words: Sequence[str], story: Callable[[Console], None]) -> int:
    def told() -> int:
        with Console([sys.executable, "-m", "relay_console", "-c", str(config), *words], environment({})) as console:
            story(console)
            return console.ends()

    return await asyncio.to_thread(told)


async def test_on_a_terminal_the_preview_is_shown_and_one_is_asked(config: Path) -> None:
    script = Script(preview=Preview("move", ("3 messages go to b",), ("b has no consumer",)))

    def yes(console: Console) -> None:
        console.sees("3 messages go to b", "warning: b has no consumer", r"move\? \[y/N\]")
        console.press("y", "enter")
        console.sees("move: done")

    def no(console: Console) -> None:
        console.sees(r"move\? \[y/N\]")
        console.press("enter")
        console.sees("nothing was done")

    words = ["move", "orders", "--to", "b", "--all"]
    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        assert await on_a_terminal(config, words, no) == 1
        assert script.acted == []
        assert await on_a_terminal(config, words, yes) == 0
    assert [verb for verb, _, _ in script.acted] == ["move"]


async def test_to_purge_a_queue_its_name_is_typed_and_a_yes_is_not_enough(config: Path) -> None:
    script = Script(preview=Preview("purge", ("3 messages go",), typed="orders"))

    def typing(text: str, then: str) -> Callable[[Console], None]:
        def story(console: Console) -> None:
            console.sees("type orders to purge it")
            console.press(text, "enter")
            console.sees(then)

        return story

    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        assert await on_a_terminal(config, ["purge", "orders"], typing("y", "nothing was done")) == 1
        assert script.acted == []
        assert await on_a_terminal(config, ["purge", "orders"], typing("orders", "purge: done")) == 0


async def test_who_sits_at_a_terminal_is_asked_again_when_the_counts_changed(config: Path) -> None:
    script = Script()
    script.replies = [(False, "counts changed: 900 pending"), (True, "removed 900 messages")]

    def story(console: Console) -> None:
        console.sees(r"\[y/N\]")
        console.press("y", "enter")
        console.sees("counts changed: 900 pending", r"(?s)\[y/N\].*\[y/N\]")
        console.press("y", "enter")
        console.sees("removed 900 messages")

    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        assert await on_a_terminal(config, ["purge", "orders"], story) == 0


async def test_ctrl_c_at_the_question_does_nothing(config: Path) -> None:
    script = Script()

    def story(console: Console) -> None:
        console.sees(r"\[y/N\]")
        console.press("ctrl+c")

    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        assert await on_a_terminal(config, ["purge", "orders"], story) == 130
    assert script.acted == []


class Long(Script):
    """An action that goes on until it is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cancelled = False

    def done(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Any:
        if verb == "cancel":
            self.is_cancelled = True
            return super().done(verb, arguments, expect)
        self.jobs = (Job(4, verb, "orders", "b", 1200, 5000, time.time(), None, "running", "moving"),)
        ends_at = time.monotonic() + 30
        while not self.is_cancelled and time.monotonic() < ends_at:
            time.sleep(0.02)
        self.replies = [(False, "cancelled: moved 1,300 of 5,000 messages")]
        return super().done(verb, arguments, expect)


async def test_a_long_one_tells_how_far_it_is_and_ctrl_c_cancels_its_job(config: Path) -> None:
    script = Long()

    def story(console: Console) -> None:
        console.sees("move orders: 1,200 of 5,000")
        console.press("ctrl+c")
        console.sees("cancelling; waiting for its answer", "cancelled: moved 1,300 of 5,000 messages")

    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        assert await on_a_terminal(config, ["move", "orders", "--to", "b", "--all", "--yes"], story) == 1
    assert script.acted[0][:2] == ("cancel", {"job": 4})


# -- without a daemon ---------------------------------------------------------------------------------------------------------------


def watch(monkeypatch: pytest.MonkeyPatch, *found: Source | Unconfigured) -> None:
    def build(sections: Mapping[str, Any], context: Context) -> list[Source | Unconfigured]:
        return list(found)

    monkeypatch.setattr(direct, "build_sources", build)


@pytest.fixture
def writable(tmp_path: Path) -> Path:
    return two_brokers(tmp_path, "console: {write: true}\n")


def test_without_a_daemon_the_broker_is_acted_upon_from_here_with_the_same_audit_lines(
    writable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script(preview=Preview("purge", ("3 go",), ("1 is in flight",), expect={"pending": 3}))
    main, other = ScriptedBroker("main", script), ScriptedBroker("other", Script(), names=())
    watch(monkeypatch, main, other)
    assert run_here(["-c", str(writable), "purge", "orders", "--yes"]) == 0
    assert capsys.readouterr() == ("purge: done\n", "warning: 1 is in flight\n")
    assert script.acted == [("purge", {"queue": "orders"}, {"pending": 3})]
    before, after = (json.loads(line) for line in (writable.parent / "audit.log").read_text().splitlines())
    assert (before["phase"], before["verb"], before["target"], before["program"]) == ("before", "purge", "main", "command line")
    assert (after["phase"], after["ok"], after["result"]) == ("after", True, "purge: done") and after["actor"]
    assert (main.observed, main.closed, other.closed) == (1, 1, 1)


def test_without_a_daemon_console_write_and_the_option_say_whether_it_may(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script()
    watch(monkeypatch, ScriptedBroker("main", script))
    assert run_here(["-c", str(config), "purge", "orders", "--yes"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "read-only; set console.write: true" in said.err
    assert script.acted == [] and not (config.parent / "audit.log").exists()
    assert run_here(["--write", "-c", str(config), "purge", "orders", "--yes"]) == 0


def test_without_an_audit_line_nothing_is_done(writable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script()
    watch(monkeypatch, ScriptedBroker("main", script))
    (writable.parent / "audit.log").mkdir()
    assert run_here(["-c", str(writable), "purge", "orders", "--yes"]) == 1
    assert "refused: the audit log" in capsys.readouterr().err and script.acted == []


def test_only_the_broker_that_was_named_is_asked(
    writable: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main, away = ScriptedBroker("main", Script()), ScriptedBroker("other", Script(), trouble="other: connection refused")
    watch(monkeypatch, main, away)
    assert run_here(["-c", str(writable), "purge", "orders", "--yes", "--broker", "main"]) == 0
    assert away.observed == 0
    assert run_here(["-c", str(writable), "purge", "orders", "--yes", "--broker", "other"]) == 69
    assert capsys.readouterr().err == "relay-console: other: connection refused\n"
    assert run_here(["-c", str(writable), "purge", "nope", "--yes"]) == 69
    assert "no broker has a queue 'nope'" in (said := capsys.readouterr().err) and "other: connection refused" in said


def test_without_any_broker_it_says_how_to_configure_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(f"relay: {{directory: {tmp_path}}}\n")
    assert run_here(["-c", str(file), "purge", "orders", "--yes"]) == 69
    assert "activemq: [{name: NAME" in capsys.readouterr().err
