"""What a console may do, what is written about it, and what it is answered."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

import monitor.commands
from backends.questions import Records, RecordsOf
from backends.source import Answer, Unavailable
from link.protocol import Command, Reply
from link.server import Peer
from monitor.audit import Audit
from monitor.commands import READ_ONLY, Commands
from monitor.engine import Engine
from tests.monitor.fakes import FakeSource, Published

PEER = Peer(4711, 1000, "console", "1", 0.0)


class Story:
    def __init__(self, directory: Path, *, write: bool = True, source: FakeSource | None = None) -> None:
        self.source = source or FakeSource()
        self.audit = directory / "audit.log"
        self.stopped = 0
        self.told: list[tuple[str, str, str]] = []
        self.now = 12.5
        self.commands = Commands(
            Engine([self.source], Published()),
            Audit(self.audit),
            write=write,
            stop=self._stop,
            acted=lambda *what: self.told.append(what),
            clock=lambda: self.now,
        )

    def _stop(self) -> None:
        self.stopped += 1

    async def asked(self, target: str, verb: str, arguments: dict[str, Any] | None = None) -> tuple[bool, str]:
        reply = await self.commands(Command(7, target, verb, arguments or {}, {"pending": 3}, "minsu from 10.1.2.3"), PEER)
        assert isinstance(reply, Reply)
        assert reply.id == 7
        return reply.ok, reply.text

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.audit.read_text().splitlines()] if self.audit.exists() else []


async def test_an_action_reaches_its_source_between_two_audit_lines(tmp_path: Path) -> None:
    story = Story(tmp_path)
    assert await story.asked("broker-a", "purge", {"queue": "q"}) == (True, "done")
    assert story.source.acts == [("purge", {"queue": "q"}, {"pending": 3})]
    before, after = story.lines
    assert before == {
        "time": 12.5,
        "phase": "before",
        "actor": "minsu from 10.1.2.3",
        "uid": 1000,
        "pid": 4711,
        "program": "console",
        "target": "broker-a",
        "verb": "purge",
        "arguments": {"queue": "q"},
        "expect": {"pending": 3},
    }
    assert after == before | {"phase": "after", "ok": True, "result": "done"}
    assert story.told == [("broker-a", "purge", "minsu from 10.1.2.3: purge: done")]


async def test_nothing_is_done_that_cannot_be_written_down(tmp_path: Path) -> None:
    story = Story(tmp_path / "missing")
    ok, text = await story.asked("broker-a", "purge")
    assert not ok
    assert text.startswith("refused: the audit log")
    assert story.source.acts == []
    assert (await story.asked("monitor", "stop"))[0] is False
    assert story.stopped == 0


async def test_an_action_whose_result_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(tmp_path)

    async def act(verb: str, arguments: object, expect: object) -> Answer:
        story.audit.unlink()
        story.audit.mkdir()
        return Answer(True, "purged")

    monkeypatch.setattr(story.source, "act", act)
    ok, text = await story.asked("broker-a", "purge")
    assert ok
    assert text.startswith("purged; but the audit log")


async def test_a_read_only_monitor_refuses_and_remembers_who_tried(tmp_path: Path) -> None:
    story = Story(tmp_path, write=False)
    assert await story.asked("broker-a", "purge") == (False, READ_ONLY)
    assert story.source.acts == []
    assert [(line["phase"], line["verb"]) for line in story.lines] == [("refused", "purge")]


async def test_a_read_only_monitor_with_a_full_disk_refuses_all_the_same(tmp_path: Path) -> None:
    assert await Story(tmp_path / "missing", write=False).asked("broker-a", "purge") == (False, READ_ONLY)


async def test_actions_can_be_allowed_for_a_while(tmp_path: Path) -> None:
    story = Story(tmp_path, write=False)
    assert await story.asked("monitor", "write", {"for_s": 600}) == (True, "actions are allowed for 10 min")
    assert story.commands.write_until == 612.5
    assert await story.asked("broker-a", "purge") == (True, "done")
    story.now = 612.5
    assert story.commands.write_until is None
    assert await story.asked("broker-a", "purge") == (False, READ_ONLY)
    assert [(line["phase"], line["verb"]) for line in story.lines] == [
        ("before", "write"),
        ("after", "write"),
        ("before", "purge"),
        ("after", "purge"),
        ("refused", "purge"),
    ]


async def test_a_window_can_be_closed_before_its_end(tmp_path: Path) -> None:
    story = Story(tmp_path, write=False)
    await story.asked("monitor", "write", {"for_s": 600})
    assert await story.asked("monitor", "write", {"for_s": 0}) == (True, "actions are refused from now on")
    assert not story.commands.may_write


@pytest.mark.parametrize("for_s", [-1, 1e9, float("nan"), "10m", None])
async def test_a_window_of_no_length_or_without_end_is_refused(tmp_path: Path, for_s: object) -> None:
    story = Story(tmp_path, write=False)
    ok, text = await story.asked("monitor", "write", {"for_s": for_s})
    assert not ok and text.startswith("for_s: a number of seconds from 0 to 28800")
    assert not story.commands.may_write


async def test_no_window_is_needed_where_actions_are_always_allowed(tmp_path: Path) -> None:
    ok, text = await Story(tmp_path).asked("monitor", "write", {"for_s": 600})
    assert not ok and "always allowed" in text


async def test_an_action_that_the_end_of_the_monitor_cuts_off_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(tmp_path)
    is_begun = asyncio.Event()

    async def act(verb: str, arguments: object, expect: object) -> Answer:
        is_begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(story.source, "act", act)
    task = asyncio.ensure_future(story.asked("broker-a", "move"))
    await is_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(line["phase"], line.get("result")) for line in story.lines] == [
        ("before", None),
        ("after", "the monitor was stopped meanwhile; what was done of it is not known"),
    ]


async def test_refresh_and_stop_need_no_right_to_write(tmp_path: Path) -> None:
    story = Story(tmp_path, write=False)
    assert await story.asked("broker-a", "refresh") == (True, "asking broker-a now")
    assert await story.asked("monitor", "refresh") == (True, "asking all sources now")
    assert story.lines == []
    assert await story.asked("monitor", "stop") == (True, "the monitor is stopping")
    assert story.stopped == 1
    assert [line["phase"] for line in story.lines] == ["before", "after"]


@pytest.mark.parametrize(
    ("target", "verb", "text"),
    [
        ("broker-b", "purge", "there is no source 'broker-b'; there are broker-a"),
        ("broker-b", "refresh", "there is no source 'broker-b'"),
        ("monitor", "purge", "the monitor knows no 'purge'; it knows refresh, stop and write"),
    ],
)
async def test_what_is_not_there_is_named(tmp_path: Path, target: str, verb: str, text: str) -> None:
    assert await Story(tmp_path).asked(target, verb) == (False, text)


@pytest.mark.parametrize(
    ("came_of_it", "text"),
    [
        (Answer(False, "3 pending became 5; look again"), "3 pending became 5; look again"),
        (Unavailable("broker-a: refused"), "broker-a: refused"),
        (KeyError("bug"), "internal error in 'purge' (KeyError); whether it happened is not known, see the log"),
    ],
)
async def test_what_fails_is_answered_and_written_down(tmp_path: Path, came_of_it: Answer | Exception, text: str) -> None:
    story = Story(tmp_path)
    story.source.act_answer = came_of_it
    assert await story.asked("broker-a", "purge") == (False, text)
    assert (story.lines[-1]["ok"], story.lines[-1]["result"]) == (False, text)


async def test_an_action_without_an_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(tmp_path)
    story.source.act_deadline = 0.01

    async def act(verb: str, arguments: object, expect: object) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(story.source, "act", act)
    assert await story.asked("broker-a", "purge") == (False, "no answer within 0.01 s; whether 'purge' happened is not known")


async def test_a_question_needs_no_write_access_and_leaves_no_line(tmp_path: Path) -> None:
    story = Story(tmp_path / "missing", write=False)
    reply = await story.commands(Command(7, "broker-a", "records", {"topic": "orders", "limit": 5}), PEER)
    assert (reply.id, reply.ok) == (7, True)
    assert msgspec.msgpack.decode(reply.data, type=Records) == Records("t", (), 0)
    assert story.source.asked == [RecordsOf("orders", limit=5)]
    assert story.told == [] and story.lines == []


async def test_a_question_that_marks_messages_needs_write_access_and_leaves_its_lines(tmp_path: Path) -> None:
    story = Story(tmp_path)
    marking = Command(7, "broker-a", "messages", {"queue": "q", "translated": True}, {}, "minsu")
    assert (await story.commands(marking, PEER)).ok
    assert [(line["phase"], line["verb"]) for line in story.lines] == [("before", "messages"), ("after", "messages")]
    reader = Story(tmp_path / "reader", write=False)
    assert (await reader.commands(marking, PEER)).text == READ_ONLY
    assert reader.source.asked == []


async def test_an_answer_that_the_link_cannot_carry_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor.commands, "MAX_ANSWER", 8)
    assert await Story(tmp_path).asked("broker-a", "records", {"topic": "orders"}) == (
        False,
        "broker-a: the answer has 0 MiB; ask for less, such as one name",
    )


@pytest.mark.parametrize(
    ("target", "arguments", "came_of_it", "text"),
    [
        ("nobody", {"topic": "t"}, None, "there is no source 'nobody'; there are broker-a"),
        ("broker-a", {}, None, "records: Object missing required field `topic`"),
        ("broker-a", {"topic": "t"}, Unavailable("no broker answers"), "no broker answers"),
        ("broker-a", {"topic": "t"}, KeyError("bug"), "internal error in 'records' (KeyError); see the log"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_why(
    tmp_path: Path, target: str, arguments: dict[str, Any], came_of_it: Exception | None, text: str
) -> None:
    story = Story(tmp_path)
    if came_of_it is not None:
        story.source.ask_answer = came_of_it
    assert await story.asked(target, "records", arguments) == (False, text)
