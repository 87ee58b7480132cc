"""A made-up broker with a little of everything, the messages of one of its queues, and what it says to actions."""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from backends.broker import Broker, BrokerConnection, BrokerTopic, Job, Network, Queue, Subscriber
from backends.messages import Message, Messages, Property
from backends.questions import Found, Jobs, JobsOf, MessagesOf, Preview, PreviewOf, Question
from backends.snapshots import Queues, Snapshot
from link.protocol import Reply
from tests.tui.scripted import NOW, ScriptedLink, snapshot

VERBS = ("browse", "send", "purge", "delete", "create", "pause", "resume", "move", "copy", "retry", "remove")
BROKER = Broker("broker-a", "ID:a", "6.3.1", 900.0, 12.0, 3.0, 0.0, dict.fromkeys(VERBS, True), agent="2.6.0", connections=2)


def queue(name: str, pending: int = 0, **fields: Any) -> Queue:
    whole: dict[str, Any] = {"consumers": 1, "producers": 1, "in_flight": 0, "paused": False, "dlq": False, "verdict": "OK", **fields}
    rates = {"enqueued": pending, "dequeued": 0, "enqueue_per_s": 1.0, "dequeue_per_s": 1.0, "oldest_age_s": 5.0, "reason": "drains"}
    return Queue(name=name, pending=pending, **{**rates, **whole})


def subscriber(client: str, destination: str, **fields: Any) -> Subscriber:
    whole: dict[str, Any] = {"kind": "queue", "subscription": None, "active": True, "selector": None, "slow": False, **fields}
    return Subscriber(destination=destination, client_id=client, pending=None, in_flight=1, dequeued=7, prefetch=10, **whole)


QUEUES = (
    queue("orders", 1204, pending_per_s=1.2),
    queue("orders.old"),
    queue("orders.dlq", 3, dlq=True, verdict="DLQ", consumers=0, reason="3 dead letters"),
)


def broker(*queues: Queue, **fields: Any) -> Queues:
    whole: dict[str, Any] = {
        "topics": (BrokerTopic("prices", 2, 1, 5, 10),),
        "subscribers": (
            subscriber("worker-1", "orders"),
            subscriber("worker-1", "orders"),
            subscriber("audit", "prices", kind="topic", subscription="all", active=False),
        ),
        "connections": (BrokerConnection("worker-1", "10.0.0.1:5", "stomp", None, True, True, False, 0, NOW - 60),),
        "networks": (Network("edge", "broker-b", "10.0.0.9:61616", True, True, 5, 6),),
        "around_at": NOW - 3,
        **fields,
    }
    return Queues(BROKER, queues or QUEUES, 0, **whole)


def seen(data: Queues | None = None, name: str = "broker-a", **fields: Any) -> Snapshot:
    return snapshot(name, "queues", data or broker(), **fields)


def with_broker(**fields: Any) -> Queues:
    return msgspec.structs.replace(broker(), broker=msgspec.structs.replace(BROKER, **fields))


def message(number: int, body: bytes | None = b'{"order":1}', **fields: Any) -> Message:
    whole: dict[str, Any] = {"kind": "text", "persistent": True, "priority": 4, **fields}
    size = None if body is None else len(body)
    return Message(**{"id": f"ID:host-1:{number}", "at": NOW - 60 + number, "body": body, "body_size": size, **whole})


MESSAGES = tuple(
    message(number, properties=(Property("region", "String", "seoul"), Property("tries", "Int", number))) for number in range(120)
)


def browsed(question: MessagesOf) -> Messages:
    """Fifty at a time; a selector finds every tenth, a text none."""
    found = MESSAGES
    if question.id is not None:
        found = tuple(msgspec.structs.replace(each, is_typed=True) for each in MESSAGES if each.id == question.id)
    elif question.text:
        found = ()
    elif question.selector:
        found = MESSAGES[::10]
    part = found[question.skip : question.skip + question.limit]
    is_end = question.skip + len(part) >= len(found)
    note = "Jolokia shows the first 120 only; STOMP would show all" if is_end else ""
    return Messages(question.queue, part, 1204, len(MESSAGES), question.skip, is_end, "jolokia", note)


class BrokerLink(ScriptedLink):
    """A broker that counts `pending`; every command is answered by `answers`, in their order, the last for ever."""

    def __init__(self, *snapshots: Snapshot, write: bool = True) -> None:
        super().__init__(*(snapshots or (seen(),)), write=write)
        self.pending = 1204
        self.warnings: tuple[str, ...] = ()
        self.refused: dict[str, str] = {}  # by queue
        self.jobs: tuple[Job, ...] = ()
        self.answers = ["done: 1,204 -> 0"]
        self.expected: list[dict[str, Any]] = []
        self.deadlines: list[float] = []
        self.tells = self._tell
        self.acts: Callable[[], Any] | None = None  # awaited before a command is answered

    def _tell(self, question: Question) -> Found | str:
        if isinstance(question, MessagesOf):
            return browsed(question)
        if isinstance(question, JobsOf):
            return Jobs(self.jobs)
        return self._preview(question) if isinstance(question, PreviewOf) else "nothing is scripted for it"

    def _preview(self, question: PreviewOf) -> Preview:
        name = json.loads(question.arguments)["queue"]
        if (why := self.refused.get(name)) is not None:
            return Preview(question.verb, (), refused=why)
        lines = (f"{question.verb} {name}: {self.pending:,} messages",)
        expect = {"name": name, "pending": self.pending, "most": self.pending, "consumers": 1, "in_flight": 0}
        typed = name if question.verb in ("purge", "delete") else None
        return Preview(question.verb, lines, self.warnings, None, expect, typed)

    async def command(self, target: str, verb: str, arguments: Any = None, expect: Any = None, deadline: float = 30.0) -> Reply:
        before = len(self.sent)
        reply = await super().command(target, verb, arguments, expect, deadline)
        if len(self.sent) == before or target == "monitor":
            return reply
        self.expected.append(dict(expect or {}))
        self.deadlines.append(deadline)
        if self.acts is not None and verb != "cancel":
            await self.acts()
        text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Reply(0, not text.startswith(("counts changed", "unknown", "denied")), text)
