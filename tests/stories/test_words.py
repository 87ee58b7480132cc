"""The words of the command line: one answer each, from the daemon or from the sources themselves, for people and for programs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stories.home import PROGRAM, Home, run, until
from tests.stories.home import home as new_home
from tests.stories.platform import Platform

# SPEC 10: these names are fixed; more may be added.
ANSWER = {"schema", "generated_at", "monitor", "sources"}
MONITOR = {"version", "pid", "attached", "started_at"}
SOURCE = {"name", "kind", "state", "observed_at", "age_s", "error", "next_try_at", "data"}
WORDS = {"relays": "relay", "topics": "topics", "offsets": "offsets", "heap": "heap", "queues": "queues"}
DATA: dict[str, Any] = {
    "relays": {
        "receivers": "name listen state connections stored duplicates refused bytes records_per_min last_record_at",
        "senders": "name connect state waiting oldest_waiting_s in_flight sent failed retries last_error",
        "connections": "id name direction peer since state records bytes acks naks last_record_at last_error",
        "commit_p99_ms": None,
        "disk_free_bytes": None,
    },
    "topics": {
        "topics": "name partitions state records_per_s loaded_age_s sent_age_s record_age_s load_delay_s worst_partition reason",
    },
    "offsets": {
        "consumers": "name layout topic partitions records_per_min lag time_lag_s verdict reason bad_pairs detail",
    },
    "heap": {
        "files": "file name collector style young full old_basis last_after_gc last_full heap_last last_full_heap pauses pause_total_s"
        " pause_max_s verdict reason",
    },
    "queues": {
        "broker": "name id version uptime_s store_pct memory_pct temp_pct capabilities",
        "queues": "name pending consumers producers enqueued dequeued in_flight enqueue_per_s dequeue_per_s oldest_age_s paused dlq"
        " verdict reason",
        "hidden": None,
    },
}
DETAIL = {"partition", "start", "end", "leader", "loaded_at", "sent_at", "record_at", "state", "sample"}


@pytest.fixture(scope="module")
def answering(watched: Home, platform: Platform) -> Home:
    """A daemon with something to say about everything, a connected partner among it."""
    platform.start()
    until(lambda: all(source["state"] == "ok" for source in watched.ask("status")["sources"]), "every source well")
    return watched


def check_shape(word: str, data: dict[str, Any]) -> None:
    for key, names in DATA[word].items():
        assert key in data
        for item in data[key] if isinstance(data[key], list) else [data[key]]:
            if names:
                assert set(names.split()) <= set(item), (word, key)


@pytest.mark.parametrize("word", WORDS)
def test_what_programs_read_has_the_promised_names(word: str, answering: Home) -> None:
    with answering.partner() as partner:
        assert partner.send() == "200"
        if word == "relays":
            until(lambda: bool(answering.ask("relays")["sources"][0]["data"]["connections"]), "the connection in the answer")
        answer = answering.ask(word)
    assert set(answer) >= ANSWER and set(answer["monitor"]) >= MONITOR
    assert answer["schema"] == 1 and answer["monitor"]["attached"] is True
    assert answer["monitor"]["pid"] == answering.pid("monitor")
    assert [source["kind"] for source in answer["sources"]] == [WORDS[word]]
    for source in answer["sources"]:
        assert set(source) >= SOURCE
        assert (source["state"], source["error"]) == ("ok", None) and 0 <= source["age_s"] < 10
        check_shape(word, source["data"])
        lists = [value for value in source["data"].values() if isinstance(value, list)]
        assert any(lists), "a list with something in it"


def test_a_topic_asked_for_by_its_name_has_its_partitions_and_others_have_not(answering: Home) -> None:
    (source,) = answering.ask("topics", "orders")["sources"]
    (topic,) = source["data"]["topics"]
    assert len(topic["detail"]) == 2 and set(topic["detail"][0]) >= DETAIL
    (source,) = answering.ask("topics", "ord|odd")["sources"]
    assert {topic["name"] for topic in source["data"]["topics"]} == {"orders", "odd"}
    assert not any("detail" in topic for topic in source["data"]["topics"])


def test_status_counts_instead_of_listing(answering: Home) -> None:
    answer = answering.ask("status")
    assert set(answer) >= ANSWER and all(set(source) >= SOURCE for source in answer["sources"])
    assert [source["kind"] for source in answer["sources"]] == ["relay", "topics", "offsets", "heap", "queues"]
    assert all("counts" in source["data"] for source in answer["sources"])
    assert not any(isinstance(value, list) for source in answer["sources"] for value in source["data"].values())
    done = answering.run("status", "main|heap")
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [["ok", "main"], ["ok", "heap"]]


def test_without_a_daemon_the_sources_themselves_are_asked(answering: Home, platform: Platform) -> None:
    with new_home(platform.sections()) as alone:
        for word in ("topics", "offsets", "heap", "queues"):
            answer = alone.ask(word)
            assert answer["monitor"]["attached"] is False
            (source,) = answer["sources"]
            assert source["state"] == "ok"
            check_shape(word, source["data"])
        (source,) = alone.ask("queues", "orders")["sources"]
        (queue,) = source["data"]["queues"]
        assert queue["pending"] == 1 and queue["enqueue_per_s"] is None  # a rate needs two readings
        done = alone.run("relays")
        assert done.returncode == 69 and "not running" in done.stderr and done.stdout == ""
        done = alone.run("status")
        assert done.returncode == 0 and "no daemon runs" in done.stderr
        assert [line.split()[:2] for line in done.stdout.splitlines()[1:3]] == [["down", "relay"], ["ok", "main"]]
        assert not (alone.relay / "run").exists()  # to ask leaves nothing behind


@pytest.mark.parametrize(
    ("words", "sign"),
    [
        (["relays"], "partner-a"),
        (["topics", "orders"], "Partitions 2"),
        (["offsets", "node-1"], "app1-node-1"),
        (["heap"], "SUSPECT"),
        (["queues", "orders"], "NO CONSUMER"),
    ],
    ids=lambda words: words[0] if isinstance(words, list) else "",
)
def test_what_people_read_is_plain_text(words: list[str], sign: str, answering: Home) -> None:
    done = answering.run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert sign in done.stdout
    assert "\x1b" not in done.stdout and "[red]" not in done.stdout


def test_a_reader_that_has_had_enough_is_no_error(answering: Home) -> None:
    quoted = " ".join(answering.command("status"))
    done = run(["/bin/bash", "-c", f"{quoted} --json | head -1"], answering.environment, answering.directory)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_actions_ask_the_relay_and_say_what_came_of_it(answering: Home) -> None:
    done = answering.run("pause", "partner-a")
    assert done.returncode == 0 and "paused" in done.stdout
    until(lambda: answering.ask("relays")["sources"][0]["data"]["receivers"][0]["state"] == "paused", "a receiver that is paused")
    assert answering.run("resume", "partner-a").returncode == 0
    until(lambda: answering.ask("relays")["sources"][0]["data"]["receivers"][0]["state"] == "listening", "a receiver that listens")
    done = answering.run("pause", "nobody")
    assert done.returncode == 1 and "nobody" in done.stderr and done.stdout == ""
    audit = (answering.relay / "audit.log").read_text()
    assert "pause" in audit and "partner-a" in audit


def test_gc_logs_are_read_without_any_configuration(tmp_path: Path, platform: Platform) -> None:
    platform.start()
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2]), "LANG": "C.UTF-8"}
    done = run([*PROGRAM, "heap", "--json", str(platform.gc_log)], environment, tmp_path)
    (file,) = json.loads(done.stdout)["files"]
    assert done.returncode == 0 and file["full"] == 1 and file["collector"] == "Parallel"
    done = run([*PROGRAM, "heap", str(tmp_path / "absent.log")], environment, tmp_path)
    assert done.returncode == 1 and "absent" in done.stderr


def test_a_daemon_without_a_screen_never_imports_textual(home: Home) -> None:
    spy = home.directory / "sitecustomize.py"
    spy.write_text(SPY)
    home.environment["PYTHONPATH"] = f"{home.directory}:{home.environment['PYTHONPATH']}"
    daemon = home.daemon()
    until(lambda: home.run("status").returncode == 0, "an answer")
    daemon.terminate()
    assert daemon.wait(20) == 0
    reports = [json.loads(path.read_text()) for path in home.directory.glob("modules.*")]
    by_word = {word: report["textual"] for report in reports for word in ("--headless", "relay", "status") if word in report["words"]}
    assert by_word == {"--headless": False, "relay": False, "status": False}


# At the end of every interpreter: what it was started as, and whether it knew Textual.
SPY = """
import atexit, json, os, pathlib, sys

def report():
    told = {"words": sys.argv, "textual": any(name.split(".")[0] == "textual" for name in sys.modules)}
    pathlib.Path(__file__).with_name(f"modules.{os.getpid()}").write_text(json.dumps(told))

atexit.register(report)
"""


def test_the_script_and_the_module_are_the_same_program(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("relay-console")
    spoken = [
        subprocess.run(
            [*command, "--version"], capture_output=True, text=True, check=True, timeout=20, cwd=Path(__file__).parents[2]
        ).stdout
        for command in ([str(script)], [*PROGRAM])
    ]
    assert spoken[0] == spoken[1] and spoken[0].startswith("relay-console ")
