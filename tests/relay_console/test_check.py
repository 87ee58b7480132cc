"""The word `check` as a program: one line on stdout and 0 to 3, whatever happens to it."""

import asyncio
import os
import resource
import subprocess
import time
from pathlib import Path

import pytest

from backends.snapshots import Snapshot, Topic, Topics
from relay_console.cli import run as run_here
from tests.relay_console.daemon import configured, daemon
from tests.relay_console.program import environment, run
from tests.relay_console.test_cli import loaded_by


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path, "kafka: [{name: main, bootstrap: 'localhost:1', options: {client.id: x}}]\n")


def topics(*found: Topic) -> Snapshot:
    return Snapshot("main", "topics", "ok", time.time(), data=Topics(found), interval_s=10.0)


def topic(name: str, age: float = 3.2) -> Topic:
    return Topic(name, 1, "ok", None, age, None, None, None, None, None)


async def check(config: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return await asyncio.to_thread(run, "-c", str(config), "check", *words)


async def test_the_daemon_is_asked_and_the_line_is_the_contract(config: Path) -> None:
    async with daemon(config, topics(topic("orders-fresh"), topic("orders-stale", 400.0))):
        done = await check(config, "topics", "--warn", "5m", "--crit", "15m")
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout == (
            "TOPICS WARNING - orders-stale: newest record was loaded 6 min 40 s ago; limit 5 min | 'critical'=0 'warning'=1"
            " 'orders-stale loaded_age'=400s;300;900 'orders-fresh loaded_age'=3.2s;300;900\n"
        )
        assert (await check(config, "topics", "orders-fresh")).returncode == 0
        assert (await check(config)).stdout.startswith("RELAY-CONSOLE OK - main: 2 topics (2 ok) | ")
        absent = await check(config, "topics", "orders")
        assert (absent.returncode, absent.stdout) == (3, "TOPICS UNKNOWN - no topic named orders | 'critical'=0 'warning'=0\n")


async def test_it_costs_no_screen_no_loop_and_no_client_library(config: Path) -> None:
    async with daemon(config, topics(*(topic(f"topic-{number:04}") for number in range(1000)))):
        assert await asyncio.to_thread(loaded_by, "check", "topics", "-c", str(config)) == set()


async def test_a_thousand_topics_cost_little(config: Path) -> None:
    """No race against a clock: CPU seconds of the child, far above what it takes, far below what a screen would."""
    async with daemon(config, topics(*(topic(f"topic-{number:04}") for number in range(1000)))):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert (await check(config, "topics")).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "--bogus"], "No such option"),
        (["check", "topics", "--warn", "5"], "'5' is no duration"),
        (["check", "topics", "--timeout", "soon"], "not a valid float"),
        (["check", "--warn", "5m"], "--warn and --crit go with the kind topics"),
        (["check", "topics", "--warn-lag", "5"], "go with the kind offsets"),
        (["check", "topics", "--warn", "5m", "--crit", "1m"], "the first limit is the larger one"),
        (["--bogus", "check"], "No such option"),
        (["--read-only", "--headless", "check"], "exclude each other"),
        (["-c", "/nowhere.yaml", "check"], "/nowhere.yaml: No such file or directory"),
    ],
)
def test_what_is_wrong_with_the_command_is_unknown_and_never_critical(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(words) == 3
    told = capsys.readouterr()
    assert told.out.count("\n") == 1 and " UNKNOWN - " in told.out and said in told.out
    assert told.err == ""


def test_wrong_usage_of_another_word_is_still_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["config", "check", "--bogus"]) == 2
    assert run_here(["status", "--wait", "check"]) == 2
    assert capsys.readouterr().out == ""


def test_a_broken_configuration_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("a: 1\nb: 2\nc: 3\n")
    done = run("check", "-c", str(file))
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == f"RELAY-CONSOLE UNKNOWN - {file}:1:1: a: unknown key; known here: " + done.stdout.partition("known here: ")[2]
    assert done.stdout.endswith(" (and 2 more)\n")


def test_without_a_daemon_the_sources_are_asked(config: Path) -> None:
    done = run("check", "topics", "-c", str(config))
    assert done.returncode == 2
    assert done.stdout.startswith("TOPICS CRITICAL - kafka main: no broker answers at localhost:1") and done.stdout.count("\n") == 1
    heap = run("check", "heap", "-c", str(config))
    assert heap.returncode == 3 and heap.stdout.startswith("HEAP UNKNOWN - no GC log is configured")


async def test_a_daemon_that_hangs_is_unknown_in_time(config: Path) -> None:
    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_unix_server(nothing, config.parent / "run" / "monitor.sock")
    began = time.monotonic()
    done = await check(config, "topics", "--timeout", "0.5")
    assert (done.returncode, done.stdout) == (3, "TOPICS UNKNOWN - no answer within 0.5 s\n")
    assert time.monotonic() - began < 4.0
    listener.close()


async def test_what_is_no_daemon_of_ours_is_unknown(config: Path) -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n" * 3)
        await reader.read()
        writer.close()

    listener = await asyncio.start_unix_server(chat, config.parent / "run" / "monitor.sock")
    done = await check(config)
    assert done.returncode == 3 and "none of ours" in done.stdout and done.stdout.count("\n") == 1
    listener.close()


async def test_the_code_is_the_answer_also_where_nobody_reads_the_line(config: Path) -> None:
    async with daemon(config, topics(topic("orders", 1000.0))):
        read, write = os.pipe()
        os.close(read)
        words = ["check", "topics", "--crit", "5m"]
        process = await asyncio.create_subprocess_exec(
            *_program(config), *words, stdout=write, stderr=subprocess.PIPE, env=environment({}), stdin=subprocess.DEVNULL
        )
        os.close(write)
        _, errors = await process.communicate()
        assert (process.returncode, errors) == (2, b"")


def _program(config: Path) -> list[str]:
    import sys

    return [sys.executable, "-m", "relay_console", "-c", str(config)]


def test_a_bug_of_ours_is_unknown_and_not_a_warning(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback ends a program with 1."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("relay_console.commands.check.gather", broken)
    assert run_here(["check", "queues", "-c", str(config)]) == 3
    assert capsys.readouterr().out == "QUEUES UNKNOWN - internal error (ZeroDivisionError); please report it\n"
