"""The command line as a program: what it prints where, and with which exit code it ends."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from relay_console import VERSION
from relay_console.cli import run as run_here
from tests.relay_console.program import Place, environment, run

HEAVY = ("textual", "rich", "aiohttp", "asyncio", "kazoo", "confluent_kafka", "stomp")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def loaded_by(*words: str) -> set[str]:
    """Which of the heavy modules are there when the word is done."""
    script = (
        "import sys\nfrom relay_console.cli import run\nrun(sys.argv[1:])\n"
        f"print('\\n' + ' '.join(name for name in {HEAVY} if name in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60, check=True, env=environment({})
    )
    return set(done.stderr.rsplit("\n", 2)[-2].split())


def test_the_version_is_the_one_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert run_here(["--version"]) == 0
    assert capsys.readouterr().out == f"relay-console {VERSION}\n"
    assert project["version"] == VERSION


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["config", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    assert loaded_by(*words) == set()


def test_an_unknown_word_is_usage_and_the_nearest_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["statuss"]) == 2
    assert "did you mean 'status'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--nonsense"],
        ["status", "--wait", "5"],
        ["--headless", "--demo"],
        ["--refresh", "0.1"],
        ["pause"],
        ["--read-only", "send", "a", "-"],
        ["--demo", "status"],
        ["--demo", "--view", "x"],
        ["--demo", "--filter", "("],
    ],
)
def test_wrong_usage_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(words) == 2
    assert capsys.readouterr().err


def test_a_wrong_expression_is_usage(place: Place) -> None:
    done = place.run("topics", "orders(")
    assert (done.returncode, done.stdout) == (2, "")
    assert "not a regular expression" in done.stderr


def test_ten_mistakes_are_ten_lines_on_standard_error_and_78(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\nh: 8\ni: 9\nrelay: {directory: 5}\n")
    for words in (["config", "check"], ["config", "show"], ["--headless"], ["relay"], ["monitor"]):
        done = run(*words, environ={"RELAY_CONSOLE_CONFIG": str(file)})
        assert (done.returncode, done.stdout) == (78, "")
        assert [line.split(":")[1] for line in done.stderr.splitlines()] == [str(number) for number in range(1, 11)]


def test_a_configuration_that_is_not_there_is_one_line_and_78(tmp_path: Path) -> None:
    done = run("status", "-c", str(tmp_path / "none.yaml"))
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1 and "No such file" in done.stderr


def test_a_right_configuration_is_ok_and_shown_whole_without_secrets(place: Place) -> None:
    place.config.write_text(place.config.read_text() + "activemq: [{name: m, jolokia: 'http://h/', password: {env: PLANTED}}]\n")
    assert place.run("config", "check").stdout == f"{place.config}: ok\n"
    shown = place.run("config", "show", environ={"PLANTED": "hunter2"})
    assert "env: PLANTED" in shown.stdout and "hunter2" not in shown.stdout
    again = place.folder / "again.yaml"
    again.write_text(shown.stdout)
    assert run("config", "show", "-c", str(again)).stdout == shown.stdout


def test_info_tells_what_is_in_use_and_no_secret(place: Place) -> None:
    place.config.write_text(
        place.config.read_text() + "history: {keep: 7d}\nactivemq: [{name: m, jolokia: 'http://h/', password: {env: PLANTED}}]\n"
    )
    done = place.run("info", environ={"PLANTED": "hunter2", "TERM": "xterm-\x1b[31m"})
    assert done.returncode == 0
    assert f"relay-console    {VERSION}" in done.stdout or VERSION in done.stdout.splitlines()[0]
    assert "accepted, not used yet" in done.stdout
    assert "relay, activemq" in done.stdout
    assert "hunter2" not in done.stdout and "\x1b" not in done.stdout


def test_without_a_daemon_the_sources_are_asked_themselves(place: Place) -> None:
    answer = place.status()
    assert answer["monitor"]["attached"] is False and answer["monitor"]["started_at"] is None
    assert [source["kind"] for source in answer["sources"]] == ["relay", "topics", "offsets", "heap", "queues"]
    assert {source["state"] for source in answer["sources"]} == {"down", "unconfigured"}
    done = place.run("relays")
    assert done.returncode == 69
    assert "not running" in done.stderr and done.stdout == ""


def test_what_is_not_configured_says_how_to_configure_it_and_is_no_failure(place: Place) -> None:
    done = place.run("topics")
    assert done.returncode == 0
    assert "kafka: [{name: main" in done.stderr


def test_actions_without_a_daemon_are_unavailable_and_stop_is_fine(place: Place) -> None:
    assert place.run("stop").returncode == 0
    for words in (["pause", "a"], ["resume", "a"], ["resend", "b"], ["drain"]):
        done = place.run(*words)
        assert done.returncode == 69
        assert done.stderr.startswith("relay-console: no daemon runs for this configuration")


def test_the_console_needs_a_terminal_and_says_what_to_use_instead(place: Place) -> None:
    for words in (["--demo"], []):
        done = place.run(*words)
        assert done.returncode == 1
        assert "relay-console status" in done.stderr
    assert not (place.directory / "run" / "monitor.sock").exists()


def test_a_socket_where_nobody_is_cannot_be_attached_to(tmp_path: Path) -> None:
    done = run("--attach", str(tmp_path / "x.sock"))
    assert done.returncode == 69
    assert done.stderr == f"relay-console: monitor: not running: there is no socket {tmp_path}/x.sock\n"


def test_gc_logs_named_one_by_one_need_no_configuration(tmp_path: Path) -> None:
    log = tmp_path / "gc.log"
    log.write_text(
        "[0.010s][info][gc] Using Serial\n"
        "[1.000s][info][gc] GC(0) Pause Young (Allocation Failure) 10M->4M(19M) 2.500ms\n"
        "[2.000s][info][gc] GC(1) Pause Full (Allocation Failure) 15M->6M(19M) 12.000ms\n"
    )
    done = run("heap", "--json", str(log), environ={"RELAY_CONSOLE_CONFIG": "/nowhere"})
    assert done.returncode == 0
    (file,) = json.loads(done.stdout)["files"]
    assert (file["file"], file["young"], file["full"]) == (str(log), 1, 1)
    assert run("heap", str(log)).stdout.count("\n") == 2
    missing = run("heap", str(tmp_path / "none.log"))
    assert missing.returncode == 1 and "none.log" in missing.stderr


def test_whoever_stops_reading_hears_no_complaint(place: Place) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        place.argv("config", "show"), stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False, env=environment({})
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")


def test_a_pipe_gets_no_colours_and_no_terminal_is_steered_by_a_name(place: Place) -> None:
    done = place.run("status")
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[0].split() == ["STATE", "SOURCE", "KIND", "AGE", "WHAT", "ERROR"]
