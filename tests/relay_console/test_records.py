"""The word `records`: from the daemon or the cluster itself, for people and for programs, and every refusal a sentence with 69."""

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backends.kafka.config import Cluster
from backends.questions import Found, Question, Record, Records, RecordsOf
from backends.snapshots import Kind, Snapshot, Topic, Topics
from backends.source import ACT_DEADLINE_S, Answer, Context, Source, Unavailable, Unconfigured
from link.protocol import Command, Reply
from relay_console import direct
from relay_console.cli import run as run_here
from relay_console.records import SHOWN, json_line, table
from tests.relay_console.daemon import configured, daemon
from tests.relay_console.program import run

AT = 1_763_800_000.0


def record(value: bytes | None, offset: int = 7, size: int | None = None, aborted: bool | None = None) -> Record:
    length = size if size is not None else len(value or b"")
    return Record(1, offset, AT, "create", b"k\x1b[31m", value, 6, length, (("trace", b"\xff"), ("none", None)), aborted)


RECORDS = Records("orders", (record(b"1,a,b"), record(None, 6)), 9)


def having(source: str, *topics: str) -> Snapshot:
    return Snapshot(
        source, "topics", "ok", AT, data=Topics(tuple(Topic(name, 1, "ok", None, None, None, None, None, None, None) for name in topics))
    )


def telling(found: Found | str) -> Any:
    def answer(command: Command) -> Reply:
        if isinstance(found, str):
            return Reply(command.id, False, found)
        return Reply(command.id, True, "", msgspec.Raw(msgspec.msgpack.encode(found)))

    return answer


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path, "kafka: [{name: main, bootstrap: 'localhost:1'}, {name: other, bootstrap: 'localhost:2'}]\n")


async def ask(config: Path, *words: str) -> Any:
    return await asyncio.to_thread(run, "-c", str(config), "records", *words)


# -- the shapes ---------------------------------------------------------------------------------------------------------------------


def test_a_table_shows_foreign_text_harmless_and_says_what_is_cut() -> None:
    lines = list(
        table(
            (record(b"a\x1b[2Jb|c"), record(b"x" * 300), record(b"\xff\x00"), record(None), record(b"z", aborted=True)),
            is_hex=False,
            is_coloured=False,
        )
    )
    assert lines[0].split() == ["TIME", "PART", "OFFSET", "KEY", "VALUE"]
    assert lines[1].endswith("1       7  k␛[31m  a␛[2Jb|c")
    assert lines[2].endswith("x" * SHOWN + "… (300 bytes)") and "x" * (SHOWN + 1) not in lines[2]
    assert lines[3].endswith("\ufffd␀") and lines[4].endswith("(null)") and lines[5].endswith("aborted: z")


def test_a_single_record_is_shown_as_far_as_it_was_read() -> None:
    (_, line) = table((record(b"x" * 300),), is_hex=False, is_coloured=False)
    assert line.endswith("  " + "x" * 300)
    (_, line) = table((record(b"x" * 300, size=5_000_000),), is_hex=False, is_coloured=False)
    assert line.endswith("x… (5,000,000 bytes)")
    (_, line) = table((record(b"\x00\xff"),), is_hex=True, is_coloured=False)
    assert line.endswith("00 ff") and "6b 1b" in line


def test_json_tells_text_from_bytes_and_a_tombstone_from_both() -> None:
    text = json.loads(json_line(record("값".encode()), "orders", "main"))
    assert (text["value"], text["value_base64"], text["value_size"], text["key"]) == ("값", None, 3, "k\x1b[31m")
    assert text["headers"] == [
        {"name": "trace", "value": None, "value_base64": base64.b64encode(b"\xff").decode()},
        {"name": "none", "value": None, "value_base64": None},
    ]
    assert {key: text[key] for key in ("cluster", "topic", "partition", "offset", "at", "time_kind", "aborted")} == {
        "cluster": "main",
        "topic": "orders",
        "partition": 1,
        "offset": 7,
        "at": AT,
        "time_kind": "create",
        "aborted": None,
    }
    binary = json.loads(json_line(record(b"\xff\x00"), "orders", "main"))
    assert binary["value"] is None and base64.b64decode(binary["value_base64"]) == b"\xff\x00"
    tombstone = json.loads(json_line(record(None), "orders", "main"))
    assert (tombstone["value"], tombstone["value_base64"]) == (None, None)


def test_a_letter_that_was_cut_makes_no_bytes_of_a_text() -> None:
    assert json.loads(json_line(record("ab값".encode()[:-1], size=99), "t", "m"))["value"] == "ab"
    assert json.loads(json_line(record("ab값".encode()[:-1]), "t", "m"))["value"] is None


# -- through the daemon -------------------------------------------------------------------------------------------------------------


async def test_the_daemon_is_asked_for_the_cluster_that_has_the_topic(config: Path) -> None:
    async with daemon(config, having("main", "orders"), having("other", "users"), answer=telling(RECORDS)) as heard:
        done = await ask(config, "orders", "--partition", "1", "--before", "9", "--limit", "2")
        assert (done.returncode, done.stderr) == (0, "")
        assert [line.split()[-1] for line in done.stdout.splitlines()] == ["VALUE", "1,a,b", "(null)"]
        assert (heard[0].target, heard[0].verb) == ("main", "records")
        assert heard[0].arguments == {"topic": "orders", "partition": 1, "before": 9, "limit": 2, "whole": False}
        done = await ask(config, "orders", "--json", "--limit", "1")
        assert [json.loads(line)["offset"] for line in done.stdout.splitlines()] == [7, 6]
        assert heard[1].arguments["whole"] is True


async def test_which_cluster_is_meant_must_be_said_when_several_have_it(config: Path) -> None:
    async with daemon(config, having("main", "orders"), having("other", "orders"), answer=telling(RECORDS)) as heard:
        done = await ask(config, "orders")
        assert (done.returncode, done.stdout) == (69, "")
        assert done.stderr == "relay-console: several clusters have a topic 'orders': main, other; say which with --cluster NAME\n"
        assert (await ask(config, "orders", "--cluster", "other")).returncode == 0
        assert [command.target for command in heard] == ["other"]
        assert "no cluster has a topic 'nope'" in (await ask(config, "nope")).stderr
        assert "did you mean 'other'?" in (await ask(config, "orders", "--cluster", "othr")).stderr


async def test_what_the_daemon_refuses_is_a_sentence(config: Path) -> None:
    async with daemon(config, having("main", "orders"), answer=telling("kafka main: the brokers deny access to orders")):
        done = await ask(config, "orders")
        assert (done.returncode, done.stdout, done.stderr) == (69, "", "relay-console: kafka main: the brokers deny access to orders\n")


async def test_a_note_and_nothing_at_all_are_said_beside_the_answer(config: Path) -> None:
    async with daemon(config, having("main", "orders"), answer=telling(Records("orders", (), 0))):
        done = await ask(config, "orders")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "orders has no records there\n")
    async with daemon(config, having("main", "orders"), answer=telling(msgspec.structs.replace(RECORDS, note="8 MiB are enough"))):
        done = await ask(config, "orders", "--json")
        assert done.stdout.count("\n") == 2 and done.stderr == "8 MiB are enough\n"


@pytest.mark.parametrize("words", [["t", "--before", "5"], ["t", "--json", "--hex"], ["t", "--limit", "0"], ["t", "--limit", "501"], []])
def test_wrong_usage_is_2(words: list[str]) -> None:
    assert run_here(["records", *words]) == 2


# -- without a daemon ---------------------------------------------------------------------------------------------------------------


class Scripted:
    """A cluster that tells, fails or hangs; to observe it would be a mistake."""

    kind: Kind = "topics"
    interval = 1.0
    deadline = 0.2
    act_deadline = ACT_DEADLINE_S

    def __init__(self, name: str, told: Found | Exception | None) -> None:
        self.name, self.told = name, told
        self.asked: list[Question] = []
        self.closed = 0

    async def observe(self, now: float) -> Topics:
        raise AssertionError("nobody wants its topics")

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        return Answer(False, "")

    async def ask(self, question: Question) -> Found:
        self.asked.append(question)
        if self.told is None:
            await asyncio.Event().wait()
        if isinstance(self.told, Exception):
            raise self.told
        assert self.told is not None
        return self.told

    async def close(self) -> None:
        self.closed += 1


def watch(monkeypatch: pytest.MonkeyPatch, *found: Source | Unconfigured) -> None:
    def build(sections: Mapping[str, Any], context: Context) -> list[Source | Unconfigured]:
        assert [type(each) for each in sections["kafka"]] == [Cluster, Cluster]
        return list(found)

    monkeypatch.setattr(direct, "build_sources", build)
    monkeypatch.setattr(direct, "ASK_DEADLINE", 0.2)


def test_the_cluster_that_answers_has_it(config: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    main, other = Scripted("main", RECORDS), Scripted("other", Unavailable("kafka other: there is no topic orders"))
    watch(monkeypatch, main, other, Unconfigured("heap", ""))
    assert run_here(["-c", str(config), "records", "orders", "--json", "--limit", "2"]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line)["cluster"] for line in lines] == ["main", "main"]
    assert main.asked == [RecordsOf("orders", limit=2)]
    assert (main.closed, other.closed) == (1, 1)


def test_two_that_have_it_are_both_named(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    main, other = Scripted("main", RECORDS), Scripted("other", RECORDS)
    watch(monkeypatch, main, other)
    assert run_here(["-c", str(config), "records", "orders"]) == 69
    assert "several clusters have a topic 'orders': main, other" in capsys.readouterr().err
    assert run_here(["-c", str(config), "records", "orders", "--cluster", "main"]) == 0
    assert len(other.asked) == 1


def test_what_none_of_them_can_tell_is_told_of_each(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch(monkeypatch, Scripted("main", None), Scripted("other", ZeroDivisionError()))
    assert run_here(["-c", str(config), "records", "orders"]) == 69
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "relay-console: main: no answer within 0.2 s",
        "relay-console: other: internal error (ZeroDivisionError); please report it",
    ]


def test_without_any_cluster_it_says_how_to_configure_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["-c", str(configured(tmp_path)), "records", "orders"]) == 69
    assert "kafka: [{name: main" in capsys.readouterr().err
