"""A broker that a test tells what to say: behind a daemon, or in place of the configured ones when none runs."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from backends.broker import Broker, Job, Queue
from backends.messages import Message, Messages, Property
from backends.questions import Found, Jobs, JobsOf, MessagesOf, Preview, PreviewOf, Question, question_of
from backends.snapshots import Kind, Queues, Snapshot
from backends.source import ACT_DEADLINE_S, Answer, Unavailable
from link.protocol import Command, Reply
from tests.relay_console.daemon import configured

AT = 1_763_800_000.0
QUESTIONS = ("messages", "preview", "jobs")


def two_brokers(folder: Path, more: str = "") -> Path:
    return configured(folder, f"activemq: [{{name: main, jolokia: 'http://h:1/'}}, {{name: other, jolokia: 'http://h:2/'}}]\n{more}")


def queue(name: str, pending: int = 3) -> Queue:
    return Queue(name, pending, 0, 0, 0, 0, 0, None, None, None, False, False, "OK", "")


def having(broker: str, *names: str) -> Snapshot:
    return Snapshot(broker, "queues", "ok", AT, data=queues(broker, *names))


def queues(broker: str, *names: str) -> Queues:
    return Queues(Broker(broker, None, "6.3.1", None, None, None, None), tuple(map(queue, names)), 0)


def message(number: int, body: bytes | None = None, **more: Any) -> Message:
    body = f"body {number}".encode() if body is None else body
    size = more.pop("body_size", len(body))
    return Message(f"ID:{number}", AT + number, "text", body, size, True, 4, **more)


TYPED = message(
    7,
    b'{"a": 1}\n\x1b[31mred',
    correlation_id="c-7",
    redeliveries=2,
    properties=(Property("region", "String", "eu"), Property("n", "Int", 5)),
    is_typed=True,
)


class Script:
    """What a broker does. `lies_in` are the messages of its queues, in order."""

    def __init__(self, *messages: Message, preview: Preview | None = None) -> None:
        self.lies_in: list[Message] = list(messages)
        self.preview = preview or Preview("purge", ("all 3 messages of orders are removed",), expect={"name": "orders", "pending": 3})
        self.replies: list[tuple[bool, str]] = []  # one an action, the last for ever
        self.note = ""
        self.shows = 10**9  # messages that a browse gets to see
        self.jobs: tuple[Job, ...] = ()
        self.page_bytes = 10**9
        self.asked: list[MessagesOf] = []
        self.acted: list[tuple[str, dict[str, Any], dict[str, Any]]] = []

    def found(self, question: Question) -> Found:
        """Raises Unavailable."""
        match question:
            case MessagesOf():
                self.asked.append(question)
                return self._messages(question)
            case PreviewOf():
                assert isinstance(json.loads(question.arguments), dict)
                return msgspec.structs.replace(self.preview, verb=question.verb)
            case JobsOf():
                return Jobs(self.jobs)
        raise Unavailable("not asked here")

    def _messages(self, question: MessagesOf) -> Messages:
        seen = self.lies_in[: self.shows]
        fitting = [each for each in seen if question.id in (None, each.id) and (question.text or "").encode() in (each.body or b"")]
        shown = fitting[question.skip : question.skip + question.limit]
        if sum(len(each.body or b"") for each in shown) > self.page_bytes:
            raise Unavailable("main: the answer has 20 MiB; ask for less, such as one name")
        is_end = question.skip + question.limit >= len(fitting)
        return Messages(
            question.queue, tuple(shown), len(self.lies_in), len(seen), question.skip, is_end, "stomp", self.note if is_end else ""
        )

    def done(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        self.acted.append((verb, dict(arguments), dict(expect)))
        if not self.replies:
            return Answer(True, f"{verb}: done")
        return Answer(*(self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]))

    def answer(self, command: Command) -> Reply:
        """As a daemon."""
        if command.verb not in QUESTIONS:
            done = self.done(command.verb, command.arguments, command.expect)
            return Reply(command.id, done.ok, done.text)
        try:
            return Reply(
                command.id, True, "", msgspec.Raw(msgspec.msgpack.encode(self.found(question_of(command.verb, command.arguments))))
            )
        except Unavailable as trouble:
            return Reply(command.id, False, trouble.error)


class ScriptedBroker:
    """The same as a source, for when no daemon runs."""

    kind: Kind = "queues"
    interval = 1.0
    deadline = 5.0
    act_deadline = ACT_DEADLINE_S

    def __init__(self, name: str, script: Script, names: Sequence[str] = ("orders",), trouble: str = "") -> None:
        self.name, self.script, self.names, self.trouble = name, script, names, trouble
        self.observed = self.closed = 0

    async def observe(self, now: float) -> Queues:
        self.observed += 1
        if self.trouble:
            raise Unavailable(self.trouble)
        return queues(self.name, *self.names)

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        assert self.observed
        return await asyncio.to_thread(self.script.done, verb, arguments, expect)

    async def ask(self, question: Question) -> Found:
        assert self.observed
        return self.script.found(question)

    async def close(self) -> None:
        self.closed += 1
