"""A source that does as it is told, and a time that passes when a test says so."""

import asyncio
from collections.abc import Mapping
from typing import Any

from backends.broker import Broker, Queue, QueueVerdict
from backends.questions import Found, Question, Records
from backends.snapshots import Data, Kind, Queues, Snapshot
from backends.source import ACT_DEADLINE_S, Answer

START = 1_000.0


def queues(*verdicts: QueueVerdict, pending: int = 5, broker: str = "broker-a") -> Queues:
    """Queues q0, q1, ... of these verdicts."""
    return Queues(
        Broker(broker, None, None, None, None, None, None),
        tuple(
            Queue(f"q{number}", pending, 0, 0, 0, 0, 0, None, None, None, False, verdict == "DLQ", verdict, "because")
            for number, verdict in enumerate(verdicts)
        ),
        0,
    )


class FakeSource:
    """`answers` are taken one a reading, the last one for ever: data, or what is raised, or an event that is waited for."""

    def __init__(
        self,
        *answers: Data | Exception | asyncio.Event,
        name: str = "broker-a",
        kind: Kind = "queues",
        interval: float = 10.0,
        deadline: float = 5.0,
    ) -> None:
        self.name, self.kind, self.interval, self.deadline = name, kind, interval, deadline
        self.act_deadline = ACT_DEADLINE_S
        self.answers = list(answers) or [queues()]
        self.asked_at: list[float] = []
        self.acts: list[tuple[str, Mapping[str, Any], Mapping[str, Any]]] = []
        self.asked: list[Question] = []
        self.ask_answer: Found | Exception = Records("t", (), 0)
        self.act_answer: Answer | Exception = Answer(True, "done")
        self.closed = 0
        self.running = 0
        self.most_running = 0

    async def observe(self, now: float) -> Data:
        self.asked_at.append(now)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, asyncio.Event):
                await answer.wait()
                return queues()
            if isinstance(answer, Exception):
                raise answer
            return answer
        finally:
            self.running -= 1

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        self.acts.append((verb, arguments, expect))
        if isinstance(self.act_answer, Exception):
            raise self.act_answer
        return self.act_answer

    async def ask(self, question: Question) -> Found:
        self.asked.append(question)
        if isinstance(self.ask_answer, Exception):
            raise self.ask_answer
        return self.ask_answer

    async def close(self) -> None:
        self.closed += 1


class Time:
    """Passes only by `passes`; whoever sleeps is woken at its moment, in order."""

    def __init__(self) -> None:
        self.now = START
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def passes(self, seconds: float) -> None:
        end = self.now + seconds
        await settled()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end and not sleeper[1].done()]:
            moment, woken = min(due, key=lambda sleeper: sleeper[0])
            self.now = max(self.now, moment)
            woken.set_result(None)
            await settled()
        self.now = end


async def settled() -> None:
    """Everything that can happen without time passing has happened."""
    for _ in range(30):
        await asyncio.sleep(0)


class Published:
    """What the engine said, newest last."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def __call__(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    @property
    def last(self) -> Snapshot:
        return self.snapshots[-1]

    def states(self, source: str = "broker-a") -> list[str]:
        return [snapshot.state for snapshot in self.snapshots if snapshot.source == source]
