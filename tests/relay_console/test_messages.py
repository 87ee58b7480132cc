"""Messages by the command line: looked at, written to a file and read from one, and sent; through a daemon and without one."""

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from backends.broker import Job
from backends.messages import Message, Messages
from backends.properties import properties_of
from backends.questions import Preview
from monitor.audit import Audit
from monitor.commands import Commands
from monitor.engine import Engine
from relay_console.cli import run as run_here
from relay_console.commands.browse import LARGE
from relay_console.exporting import BATCH_BYTES
from relay_console.messages import SHOWN, table, whole
from relay_console.pages import PAGE, Pages
from tests.monitor.fakes import FakeSource, Published
from tests.relay_console.brokers import AT, TYPED, Script, ScriptedBroker, having, message, two_brokers
from tests.relay_console.daemon import daemon
from tests.relay_console.program import environment, run
from tests.relay_console.test_cli import loaded_by
from tests.relay_console.test_queue_actions import watch


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return two_brokers(tmp_path)


async def ask(config: Path, *words: str, said: bytes | None = None) -> Any:
    if said is None:
        return await asyncio.to_thread(run, "-c", str(config), *words)
    argv = [sys.executable, "-m", "relay_console", "-c", str(config), *words]
    return await asyncio.to_thread(subprocess.run, argv, input=said, capture_output=True, timeout=60, check=False, env=environment({}))


# -- the shapes ---------------------------------------------------------------------------------------------------------------------


def test_a_table_shows_foreign_text_harmless_and_says_what_is_cut() -> None:
    found = (
        message(1, b"a\x1b[2Jb"),
        message(2, b"x" * 300),
        replace(message(3, b"\xff\x00"), kind="bytes"),
        replace(message(4), body=None, body_size=None, kind="object", at=None, priority=None),
        message(5, b"ab", body_size=9_000_000),
    )
    lines = list(table(found, AT + 61, is_hex=False, is_coloured=False))
    assert lines[0].split() == ["TIME", "AGE", "ID", "PRI", "KIND", "SIZE", "BODY"]
    assert lines[1].endswith("1m00s  ID:1    4  text            6  a␛[2Jb")
    assert lines[2].endswith("x" * SHOWN + "…") and "x" * (SHOWN + 1) not in lines[2]
    assert lines[3].endswith("\ufffd␀") and lines[4].split()[-2:] == ["(not", "told)"]
    assert lines[5].endswith("9,000,000  ab…")
    assert list(table(found[2:3], AT, is_hex=True, is_coloured=False))[1].endswith("ff 00")
    assert list(table((), AT, is_hex=False, is_coloured=False)) == []


def test_one_message_is_shown_with_its_headers_typed_properties_and_whole_body() -> None:
    lines = list(whole(TYPED, AT + 67, is_hex=False, is_coloured=False))
    text = "\n".join(lines)
    assert lines[0] == "ID           ID:7" and "(1m00s ago)" in lines[1]
    assert "Correlation  c-7" in text and "Redelivered  2 times" in text and "Expires      never" in text
    assert "region  String  eu\nn       Int  5" in text
    assert lines[-2:] == ['{"a": 1}', "␛[31mred"]
    untyped = "\n".join(whole(replace(TYPED, is_typed=False), AT, is_hex=False, is_coloured=False))
    assert "as text: their types are not told" in untyped and "n       5" in untyped


def test_bytes_are_shown_as_bytes_and_text_only_when_it_is_asked_for() -> None:
    binary = replace(message(1, bytes(range(18))), kind="bytes")
    assert list(whole(binary, AT, is_hex=False, is_coloured=False))[-2:] == [
        "00000000  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f  |................|",
        "00000010  10 11                                             |..|",
    ]
    assert list(whole(message(1, b"hi"), AT, is_hex=True, is_coloured=False))[-1].startswith("00000000  68 69")
    assert list(whole(message(1, b"hi", body_size=5), AT, is_hex=False, is_coloured=False))[-2:] == ["hi", "…"]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["a=b=c"], {"a": "b=c"}),
        (["a="], {"a": ""}),
        (["n:Int=-5", "t:boolean=TRUE"], {"n": {"type": "Int", "value": -5}, "t": {"type": "Boolean", "value": True}}),
        (["d:Double=1.5", "s:String=x"], {"d": {"type": "Double", "value": 1.5}, "s": {"type": "String", "value": "x"}}),
        (["m:Long=9223372036854775807"], {"m": {"type": "Long", "value": 9223372036854775807}}),
    ],
)
def test_a_property_is_a_text_unless_its_type_is_said(words: list[str], meant: dict[str, Any]) -> None:
    assert json.loads(properties_of(words)) == meant


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a"], "no NAME=VALUE"),
        (["=1"], "no NAME=VALUE"),
        (["a=1", "a=2"], "given twice"),
        (["n:Int=five"], "no whole number"),
        (["n:Byte=128"], "does not fit 8 bits"),
        (["n:Integer=1"], "there are String, Boolean, Byte"),
        (["n:Boolean=1"], "neither true nor false"),
        (["n:Double=nan"], "no finite number"),
    ],
)
def test_a_property_that_is_none_is_a_sentence(words: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        properties_of(words)


# -- pages of a queue that moves ----------------------------------------------------------------------------------------------------


def read(pages: Pages, queue: list[Message], between: Any = lambda round: None) -> list[str]:
    """All that is told, page by page; the queue may be changed between two of them."""
    told: list[str] = []
    for number in range(100):
        if pages.is_over:
            return told
        skip, limit = pages.next
        shown = tuple(queue[skip : skip + limit])
        found = Messages("q", shown, len(queue), min(len(queue), skip + limit), skip, skip + limit >= len(queue), "stomp")
        told += [each.id for each in pages.take(found)]
        between(number)
    raise AssertionError("it never ends")


def test_a_queue_is_read_to_its_end_and_an_empty_one_too() -> None:
    queue = [message(number) for number in range(2 * PAGE + 7)]
    pages = Pages()
    assert read(pages, queue) == [each.id for each in queue]
    assert (pages.told, pages.pending, pages.has_moved, pages.note) == (207, 207, False, "")
    assert read(Pages(), []) == []


def test_messages_that_were_taken_from_the_head_meanwhile_hide_none_behind_them() -> None:
    queue = [message(number) for number in range(5 * PAGE)]
    every = [each.id for each in queue]

    def taken(number: int) -> None:
        if number in (0, 3):
            del queue[:70]

    pages = Pages()
    assert read(pages, queue, taken) == every and pages.has_moved


def test_of_a_queue_that_is_emptied_and_filled_each_message_is_told_once_and_reading_ends() -> None:
    queue = [message(number) for number in range(3 * PAGE)]

    def moving(number: int) -> None:
        del queue[:120]
        queue.extend(message(1000 * (number + 1) + more) for more in range(120))

    told = read(Pages(), queue, moving)
    assert len(told) == len(set(told)) >= PAGE


def test_a_limit_is_enough_and_an_answer_that_is_too_large_is_asked_for_in_smaller_pages() -> None:
    queue = [message(number) for number in range(3 * PAGE)]
    assert read(Pages(7), queue) == [each.id for each in queue[:7]]
    assert read(Pages(PAGE + 7), queue) == [each.id for each in queue[: PAGE + 7]]
    pages = Pages()
    assert pages.shrink() and pages.next == (0, PAGE // 4)
    assert read(pages, queue) == [each.id for each in queue]
    while pages.shrink():
        pass
    assert pages.next[1] == 1


# -- browse -------------------------------------------------------------------------------------------------------------------------


async def test_browse_shows_what_lies_in_a_queue_and_how_much_of_it(config: Path) -> None:
    script = Script(message(1), message(2), message(3))
    async with daemon(config, having("main", "orders"), having("other"), answer=script.answer) as heard:
        done = await ask(config, "browse", "orders", "--selector", "n > 1", "--skip", "1", "--limit", "2")
        assert (done.returncode, done.stderr) == (0, "2 of 3 messages\n")
        assert [line.split()[-2:] for line in done.stdout.splitlines()[1:]] == [["body", "2"], ["body", "3"]]
        script.note = "the broker shows only the first"
        done = await ask(config, "browse", "orders", "--text", "nothing like it")
        assert (done.returncode, done.stdout) == (0, "") and done.stderr == "0 of 3 messages: the broker shows only the first\n"
    assert heard[0].target == "main"
    first = script.asked[0]
    assert (first.selector, first.skip, first.limit, first.whole) == ("n > 1", 1, 2, False)


async def test_one_message_is_asked_for_whole(config: Path) -> None:
    script = Script(message(1), TYPED)
    async with daemon(config, having("main", "orders"), answer=script.answer):
        done = await ask(config, "browse", "orders", "--id", "ID:7")
        assert done.returncode == 0 and "Correlation  c-7" in done.stdout and "\x1b" not in done.stdout
        assert script.asked[-1].whole and script.asked[-1].id == "ID:7"
        done = await ask(config, "browse", "orders", "--limit", "1")
        assert "ID          ID:1" in done.stdout and script.asked[-1].whole
        done = await ask(config, "browse", "orders", "--id", "ID:9")
        assert (done.returncode, done.stdout, done.stderr) == (69, "", "relay-console: orders has no message ID:9\n")


async def test_as_json_a_message_is_the_line_of_an_export_and_its_broker(config: Path) -> None:
    script = Script(TYPED, replace(message(8, b"\xff"), kind="bytes"))
    async with daemon(config, having("main", "orders"), answer=script.answer):
        done = await ask(config, "browse", "orders", "--json")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["broker"], first["queue"], first["id"], first["body"]) == ("main", "orders", "ID:7", '{"a": 1}\n\x1b[31mred')
    assert first["properties"][1] == {"name": "n", "type": "Int", "value": 5} and second["body"] == {"base64": "/w=="}


async def test_what_a_broker_refuses_to_show_is_a_sentence_and_a_name_that_is_near(config: Path) -> None:
    script = Script()

    def refuse(command: Any) -> Any:
        return replace(script.answer(command), ok=False, text="main: there is no queue 'ordesr'")

    async with daemon(config, having("main", "orders"), answer=refuse):
        done = await ask(config, "browse", "ordesr")
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == "relay-console: main: there is no queue 'ordesr'; did you mean 'orders'?\n"


def test_without_a_daemon_the_broker_that_has_the_queue_is_read_once_and_asked(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main, other = ScriptedBroker("main", Script(), names=()), ScriptedBroker("other", Script(message(1)))
    watch(monkeypatch, main, other)
    assert run_here(["-c", str(config), "browse", "orders"]) == 0
    assert "body 1" in capsys.readouterr().out
    assert (main.observed, other.observed, main.closed, other.closed) == (1, 1, 1, 1)
    assert not (config.parent / "audit.log").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["browse", "q", "--limit", "0"],
        ["browse", "q", "--limit", "501"],
        ["browse", "q", "--json", "--hex"],
        ["browse", "q", "--id", "a", "--text", "b"],
        ["browse"],
        ["export"],
        ["export", "q", "-", "--limit", "0"],
        ["import", "q"],
        ["import", "q", "-"],
        ["import", "q", "-", "--from-line", "0", "--yes"],
        ["send-message", "q", "--yes"],
        ["send-message", "q", "--body", "a", "--file", "b", "--yes"],
        ["send-message", "q", "--body", "a", "-p", "n:Int=x", "--yes"],
        ["send-message", "q", "--body", "a", "--priority", "10", "--yes"],
        ["send-message", "q", "--body", "a", "--ttl", "60", "--yes"],
        ["send-message", "q", "--body", "a"],
    ],
)
def test_wrong_usage_is_2(words: list[str]) -> None:
    assert run_here(words) == 2


# -- export -------------------------------------------------------------------------------------------------------------------------


async def test_export_writes_all_of_a_queue_in_pages_and_never_over_a_file(config: Path, tmp_path: Path) -> None:
    script = Script(*(message(number) for number in range(2 * PAGE + 50)))
    file = tmp_path / "orders.jsonl"
    async with daemon(config, having("main", "orders"), answer=script.answer):
        done = await ask(config, "export", "orders", str(file))
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == f"orders: 250 of 250 messages exported to {file}\n"
        assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [f"ID:{number}" for number in range(250)]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and not Path(f"{file}.part").exists()
        assert all(question.whole for question in script.asked)
        done = await ask(config, "export", "orders", str(file))
        assert done.returncode == 1 and "is there already" in done.stderr
        script.lies_in = script.lies_in[:2]
        assert (await ask(config, "export", "orders", str(file), "--force")).returncode == 0
        assert file.read_text().count("\n") == 2
        done = await ask(config, "export", "orders", "--limit", "1")
        assert done.stdout.count("\n") == 1 and done.stderr == "orders: 1 of 2 messages exported\n"


async def test_large_messages_are_asked_for_in_smaller_pages(config: Path, tmp_path: Path) -> None:
    script = Script(*(message(number, b"x" * 100) for number in range(30)))
    script.page_bytes = 250
    async with daemon(config, having("main", "orders"), answer=script.answer):
        done = await ask(config, "export", "orders", str(tmp_path / "f"))
        assert done.returncode == 0 and "30 of 30 messages" in done.stderr
        script.page_bytes = 50
        done = await ask(config, "export", "orders", str(tmp_path / "g"))
    assert done.returncode == 69 and "ask for less" in done.stderr
    assert not (tmp_path / "g").exists() and not (tmp_path / "g.part").exists()


async def test_an_export_that_is_broken_off_says_where_its_beginning_stands(config: Path, tmp_path: Path) -> None:
    script = Script(*(message(number, b"x" * (1 if number < 150 else 1000)) for number in range(200)))
    script.page_bytes = 900
    async with daemon(config, having("main", "orders"), answer=script.answer):
        done = await ask(config, "export", "orders", str(tmp_path / "f"))
    assert done.returncode == 69 and f"what was read until then stands in {tmp_path}/f.part: 150 messages" in done.stderr
    assert (tmp_path / "f.part").read_text().count("\n") == 150 and not (tmp_path / "f").exists()


async def test_the_monitor_says_so_when_an_answer_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words by which an export knows that it must ask for less."""
    from link.protocol import Command
    from link.server import Peer

    monkeypatch.setattr("monitor.commands.MAX_ANSWER", 10)
    commands = Commands(
        Engine([FakeSource()], Published()), Audit(tmp_path / "a"), write=False, stop=lambda: None, acted=lambda source, verb, text: None
    )
    reply = await commands(Command(1, "broker-a", "jobs"), Peer(1, 1, "", "", 0.0))
    assert not reply.ok and LARGE in reply.text


async def test_what_is_not_all_or_not_whole_is_1_and_said_unless_a_part_will_do(config: Path, tmp_path: Path) -> None:
    script = Script(message(1), message(2, b"ab", body_size=9_000_000), message(3), message(4))
    script.shows, script.note = 3, "the broker pages in only the head"
    file = tmp_path / "f"
    async with daemon(config, having("main", "orders"), answer=script.answer):
        done = await ask(config, "export", "orders", str(file))
        assert done.returncode == 1 and not file.exists()
        assert f"orders: 3 of 4 messages exported to {file}.part" in done.stderr
        assert "the broker pages in only the head" in done.stderr and "of 1 message only a part of the body" in done.stderr
        assert Path(f"{file}.part").read_text().count("\n") == 3
        done = await ask(config, "export", "orders", str(file), "--partial")
        assert done.returncode == 0 and [json.loads(line)["cut"] for line in file.read_text().splitlines()] == [False, True, False]
        done = await ask(config, "export", "orders")
        assert done.returncode == 1 and done.stdout.count("\n") == 3


# -- import -------------------------------------------------------------------------------------------------------------------------

IMPORT = Preview("import", ("4 messages are sent to copy",))


async def test_what_was_exported_is_imported_line_for_line(config: Path, tmp_path: Path) -> None:
    script = Script(TYPED, replace(message(8, b"\xff"), kind="bytes"), preview=IMPORT)
    file = tmp_path / "f"
    async with daemon(config, having("main", "orders", "copy"), answer=script.answer, write=True) as heard:
        assert (await ask(config, "export", "orders", str(file))).returncode == 0
        done = await ask(config, "import", "copy", str(file), "--yes")
        assert (done.returncode, done.stdout, done.stderr) == (0, "imported 2 messages into copy of main\n", "")
        piped = await ask(config, "import", "copy", "-", "--yes", said=file.read_bytes())
        assert piped.returncode == 0
    (verb, arguments, _), again = script.acted
    assert verb == "import" and arguments == {"queue": "copy", "lines": file.read_text().rstrip("\n")} and again[1] == arguments
    preview = next(command for command in heard if command.verb == "preview")
    assert json.loads(str(preview.arguments["arguments"])) == {"queue": "copy", "count": 2, "bytes": file.stat().st_size - 2}


async def test_every_line_is_checked_before_one_is_sent(config: Path) -> None:
    script = Script(preview=IMPORT)
    lines = b'{"body": "a"}\n\n{"body": 5}\nnonsense\n\xff\n{"body": "b", "priority": 11}\n'
    async with daemon(config, having("main", "copy"), answer=script.answer, write=True):
        done = await ask(config, "import", "copy", "-", "--yes", said=lines)
        assert done.returncode == 1 and script.acted == []
        said = done.stderr.decode().splitlines()
        assert [line.split(":")[2] for line in said[:-1]] == ["3", "4", "5", "6"] and said[-1] == "relay-console: nothing was sent"
        done = await ask(config, "import", "copy", "-", "--yes", "--from-line", "2", said=b'{"body": 5}\n{"body": "a"}\n')
        assert done.returncode == 0 and script.acted[0][1]["lines"] == '{"body": "a"}'
        done = await ask(config, "import", "copy", "-", "--yes", said=b"\n")
        assert done.returncode == 1 and b"there is no message in it" in done.stderr
        done = await ask(config, "import", "copy", "-", "--dry-run", said=b'{"body": "a"}\n')
        assert (done.returncode, done.stdout) == (0, b"4 messages are sent to copy\n")
    assert len(script.acted) == 1


class Failing(Script):
    """The second batch fails after two of its messages."""

    def done(self, verb: str, arguments: Any, expect: Any) -> Any:
        import time

        done = super().done(verb, arguments, expect)
        if len(self.acted) < 2:
            return done
        self.jobs = (Job(9, "import", "copy", None, 2, 5, time.time(), time.time(), "failed", "connection lost"),)
        return replace(done, ok=False, text="import: line 3: connection lost")


async def test_an_import_stops_at_the_first_failure_and_says_how_to_go_on(config: Path, tmp_path: Path) -> None:
    script = Failing(preview=IMPORT)
    body = "x" * (BATCH_BYTES // 4)
    file = tmp_path / "f"
    file.write_text("\n".join(json.dumps({"body": body}) for _ in range(12)))
    async with daemon(config, having("main", "copy"), answer=script.answer, write=True):
        done = await ask(config, "import", "copy", str(file), "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "relay-console: line 6: connection lost",
        "relay-console: sent before line 6: 5 messages; go on with --from-line 6",
    ]
    assert [arguments["lines"].count("\n") + 1 for _, arguments, _ in script.acted] == [3, 3]


async def test_a_message_longer_than_a_batch_goes_alone_and_one_that_cannot_go_is_named(config: Path, tmp_path: Path) -> None:
    script = Script(preview=IMPORT)
    file = tmp_path / "f"
    file.write_text("\n".join(json.dumps({"body": "x" * size}) for size in (5, 3 << 20, 5)))
    async with daemon(config, having("main", "copy"), answer=script.answer, write=True):
        assert (await ask(config, "import", "copy", str(file), "--yes")).returncode == 0
        assert [len(arguments["lines"]) > BATCH_BYTES for _, arguments, _ in script.acted] == [False, True, False]
        file.write_text("\n".join(json.dumps({"body": "x" * size}) for size in (5, 13 << 20, 5)))
        done = await ask(config, "import", "copy", str(file), "--yes")
    assert done.returncode == 1 and f"{file}:2: the line is longer than" in done.stderr


# -- send-message -------------------------------------------------------------------------------------------------------------------


async def test_a_message_is_sent_with_what_was_said_and_nothing_else(config: Path, tmp_path: Path) -> None:
    script = Script(preview=Preview("send", ("1 message is sent",)))
    file = tmp_path / "f"
    file.write_bytes(b"\xff\x00")
    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        assert (await ask(config, "send-message", "orders", "--body", "값", "--yes")).stdout == "send: done\n"
        words = ["--no-persistent", "--priority", "9", "--ttl", "60s", "--delay", "10s", "--correlation-id", "c", "--reply-to", "r"]
        more = ["--type", "t", "--group", "g", "-p", "a=b", "-p", "n:Int=5", "--count", "3"]
        assert (await ask(config, "send-message", "orders", "--file", str(file), "--bytes", *words, *more, "--yes")).returncode == 0
        piped = await ask(config, "send-message", "orders", "--file", "-", "--yes", said=b"piped\n")
        assert piped.returncode == 0
        done = await ask(config, "send-message", "orders", "--file", str(file), "--yes")
        assert done.returncode == 1 and "byte 1 is no UTF-8" in done.stderr
        done = await ask(config, "send-message", "orders", "--file", str(tmp_path / "none"), "--yes")
        assert done.returncode == 1 and "No such file" in done.stderr
    plain, full, last = (arguments for _, arguments, _ in script.acted)
    assert plain == {"queue": "orders", "kind": "text", "body": "값"}
    assert json.loads(full.pop("properties")) == {"a": "b", "n": {"type": "Int", "value": 5}}
    assert full == {
        "queue": "orders",
        "kind": "bytes",
        "body_base64": "/wA=",
        "count": 3,
        "persistent": False,
        "priority": 9,
        "ttl_s": 60.0,
        "delay_s": 10.0,
        "correlation_id": "c",
        "reply_to": "r",
        "type": "t",
        "group_id": "g",
    }
    assert last["body"] == "piped\n"


async def test_a_body_of_8_mib_goes_through_the_daemon_and_a_larger_one_is_refused(config: Path, tmp_path: Path) -> None:
    script = Script(preview=Preview("send", ("1 message is sent",)))
    file = tmp_path / "f"
    file.write_bytes(os.urandom(8 << 20))
    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        assert (await ask(config, "send-message", "orders", "--file", str(file), "--bytes", "--yes")).returncode == 0
        file.write_bytes(bytes((8 << 20) + 1))
        done = await ask(config, "send-message", "orders", "--file", str(file), "--bytes", "--yes")
        assert done.returncode == 1 and "more than 8 MiB; nothing was sent" in done.stderr
    assert len(script.acted) == 1


@pytest.mark.parametrize("words", [["browse", "--help"], ["purge", "--help"], ["send-message", "--help"], ["pause", "--help"]])
def test_the_help_of_these_words_imports_nothing_heavy(words: list[str]) -> None:
    assert loaded_by(*words) == set()


async def test_with_a_daemon_neither_asyncio_nor_a_client_is_imported(config: Path) -> None:
    script = Script(message(1))
    async with daemon(config, having("main", "orders"), answer=script.answer, write=True):
        for words in (["browse", "orders"], ["export", "orders"], ["purge", "orders", "--yes"]):
            assert await asyncio.to_thread(loaded_by, "-c", str(config), *words) == set()
