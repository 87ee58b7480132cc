"""How bad is what a snapshot says: one rule a kind, pure. Counts on the status row, colours on the overview and events come from here."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from backends.agent import HeapFile
from backends.broker import Queue
from backends.snapshots import Heap, Offsets, Queues, Relay, Snapshot, Topics
from relay.status import ForwardStatus, ReceiverStatus, SenderStatus

Severity = Literal["warning", "critical"]

MAX_NEWS: Final = 20  # changes of one snapshot told one by one; a broker that loses 3,000 topics must not push out every other event


class Problem(Struct, frozen=True):
    severity: Severity
    source: str
    subject: str  # the topic, consumer, agent, queue, receiver; "" is the source itself
    text: str


class Change(Struct, frozen=True):
    """A problem appeared, changed its severity, or went ("info")."""

    severity: str
    source: str
    text: str


def problems(snapshot: Snapshot) -> list[Problem]:
    """What is wrong in this snapshot; empty when all is well or nothing is configured. While a source is down, that is all we know."""
    match snapshot.state:
        case "down" | "denied":
            return [Problem("critical", snapshot.source, "", _without_name(snapshot))]
        case "stale":
            known = snapshot.observed_at is not None  # else it is only starting
            return [Problem("warning", snapshot.source, "", _without_name(snapshot))] if known else []
        case "unconfigured":
            return []
    rule = _RULES.get(type(snapshot.data))
    found = rule(snapshot.data) if rule else ()
    return [Problem(severity, snapshot.source, subject, text) for severity, subject, text in found]


def _without_name(snapshot: Snapshot) -> str:
    """The name stands beside it already."""
    return (snapshot.error or snapshot.state).removeprefix(f"{snapshot.source}: ")


Found = Iterator[tuple[Severity, str, str]]

_RECEIVER: Final[Mapping[str, tuple[Severity, str]]] = {
    "failed": ("critical", "it does not listen"),
    "disk_full": ("critical", "the disk is full, partners are answered 503"),
    "paused": ("warning", "paused, partners are refused"),
    "draining": ("warning", "draining"),
}
_SENDER: Final[Mapping[str, tuple[Severity, str]]] = {
    "backing_off": ("warning", "its partner did not answer, trying again"),
    "probing": ("critical", "its partner is down, files wait"),
    "paused": ("warning", "paused, files wait"),
    "lost": ("warning", "it is not known who may send, files wait"),
}
_CONSUMER: Final[Mapping[str, Severity]] = {
    "STALLED": "critical",
    "STOPPED": "critical",
    "REWOUND": "critical",
    "FALLING_BEHIND": "warning",
}
_TOPIC: Final[Mapping[str, Severity]] = {"crit": "critical", "leaderless": "critical", "warn": "warning", "denied": "warning"}
_HEAP: Final[Mapping[str, Severity]] = {
    "HANG": "critical",
    "STUCK": "critical",
    "THRASHING": "critical",
    "LEAK": "warning",
    "SUSPECT": "warning",
}
_QUEUE: Final[Mapping[str, Severity]] = {
    "NO_CONSUMER": "critical",
    "STUCK": "critical",
    "DLQ": "warning",
    "GROWING": "warning",
    "PAUSED": "warning",
}


def _relay(relay: Relay) -> Found:
    for receiver in relay.receivers:
        yield from _of_state(receiver, _RECEIVER)
        if receiver.forward is not None and receiver.forward.state == "backing_off":
            yield "warning", f"{receiver.name} forward", _forward(receiver.forward)
    for sender in relay.senders:
        yield from _of_state(sender, _SENDER)
        if sender.failed:
            files = "1 file" if sender.failed == 1 else f"{sender.failed} files"
            yield "warning", f"{sender.name} failed files", f"{files} in failed/{sender.name}"


def _forward(forward: ForwardStatus) -> str:
    waiting = f"{forward.records} records" if forward.records is not None else f"{forward.files} files"
    why = f": {forward.last_error}" if forward.last_error else ""
    return f"{forward.to} takes nothing, {waiting} wait{why}"


def _of_state(one: ReceiverStatus | SenderStatus, rules: Mapping[str, tuple[Severity, str]]) -> Found:
    if one.state in rules:
        severity, text = rules[one.state]
        yield severity, one.name, f"{text}: {one.last_error}" if one.last_error and one.state != "paused" else text


def _topics(topics: Topics) -> Found:
    for topic in topics.topics:
        if topic.state in _TOPIC:
            yield _TOPIC[topic.state], topic.name, topic.reason or topic.state


def _offsets(offsets: Offsets) -> Found:
    for consumer in offsets.consumers:
        if consumer.verdict in _CONSUMER:
            subject = f"{consumer.name} {consumer.topic}" if consumer.topic else consumer.name
            yield _CONSUMER[consumer.verdict], subject, f"{consumer.verdict}: {consumer.reason}"


def _heap(heap: Heap) -> Found:
    for file in heap.files:
        if file.state in ("down", "denied"):
            yield "warning", file.name, file.error or f"{file.file} cannot be read"
        elif file.verdict in _HEAP:
            yield _HEAP[file.verdict], file.name, _verdict(file)


def _queues(queues: Queues) -> Found:
    for queue in queues.queues:
        if queue.verdict in _QUEUE and not (queue.verdict == "NO_CONSUMER" and not queue.pending):
            yield _QUEUE[queue.verdict], queue.name, _verdict(queue)


def _verdict(judged: HeapFile | Queue) -> str:
    return f"{judged.verdict}: {judged.reason}" if judged.reason else judged.verdict


_RULES: Final[Mapping[type[Any], Callable[[Any], Found]]] = {
    Relay: _relay,
    Topics: _topics,
    Offsets: _offsets,
    Heap: _heap,
    Queues: _queues,
}


def changes(before: Sequence[Problem], after: Sequence[Problem]) -> list[Change]:
    """What is new, worse or better, and what went, in this order; a problem is the same as long as source and subject are."""
    old = {(problem.source, problem.subject): problem for problem in before}
    new = {(problem.source, problem.subject): problem for problem in after}
    told: list[Change] = []
    for key, problem in new.items():
        if key not in old or old[key].severity != problem.severity:
            told.append(Change(problem.severity, problem.source, _named(problem)))
    for key, problem in old.items():
        if key not in new:
            told.append(Change("info", problem.source, f"over: {_named(problem)}"))
    return told


def _named(problem: Problem) -> str:
    return f"{problem.subject}: {problem.text}" if problem.subject else problem.text


class News:
    """Events from snapshots: what changed since the last time it was known. A fold; no I/O, no clock.

    A source that goes down says nothing about its topics or queues: they are not over, and when it is back they are not new.
    """

    def __init__(self) -> None:
        self._itself: dict[str, list[Problem]] = {}  # by source: about the source
        self._data: dict[str, list[Problem]] = {}  # by source: what its last good reading said

    def of(self, snapshot: Snapshot) -> list[Change]:
        now = problems(snapshot)
        told = self._fold(self._itself, snapshot.source, [problem for problem in now if not problem.subject])
        if snapshot.state == "ok":
            told += self._fold(self._data, snapshot.source, [problem for problem in now if problem.subject])
        if len(told) > MAX_NEWS:
            worst = "critical" if any(change.severity == "critical" for change in told[MAX_NEWS:]) else told[-1].severity
            told[MAX_NEWS:] = [Change(worst, snapshot.source, f"and {len(told) - MAX_NEWS} more changes at once")]
        return told

    @staticmethod
    def _fold(known: dict[str, list[Problem]], source: str, now: list[Problem]) -> list[Change]:
        told = changes(known.get(source, []), now)
        known[source] = now
        return told
