"""When a process behind a socket is started, how often, and when it is left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

import monitor.revive
from link.client import Client, ClientState
from link.errors import LinkError, StartFailed, Trouble
from link.start import Started
from monitor.revive import Reviver
from tests.monitor.fakes import Time, settled
from tests.waiting import until


class FakeClient:
    """Only its state and whether it was hurried."""

    def __init__(self) -> None:
        self.state = ClientState(False, "not connected yet")
        self.hurried = 0

    def retry_now(self) -> None:
        self.hurried += 1


class Story:
    """A process that dies whenever the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, can_start: bool = True) -> None:
        self.time = Time()
        self.client = FakeClient()
        self.outcomes: list[str] = []
        self.starts: list[float] = []
        self.can_start = can_start

        async def in_this_thread(start: Any) -> Any:
            return start()

        monkeypatch.setattr(asyncio, "to_thread", in_this_thread)
        self.reviver = Reviver(cast(Client, self.client), self._start, self._told, clock=self.time.clock, sleep=self.time.sleep)

    def _start(self) -> Started:
        self.starts.append(self.time.now)
        if not self.can_start:
            raise StartFailed("port taken")
        self.becomes(None)
        return Started(True, 1)

    def _told(self, outcome: Started | LinkError) -> None:
        self.outcomes.append(str(outcome) if isinstance(outcome, LinkError) else "started")

    def becomes(self, trouble: Trouble | None) -> None:
        self.client.state = ClientState(trouble is None, trouble, trouble)
        self.reviver.look()


@asynccontextmanager
async def reviving(story: Story) -> AsyncIterator[None]:
    task = asyncio.create_task(story.reviver.run())
    await settled()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_not_there_is_started_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch)
    async with reviving(story):
        story.becomes("absent")
        await story.time.passes(0)
        assert (story.outcomes, story.client.hurried) == (["started"], 1)


@pytest.mark.parametrize("trouble", ["silent", "refused", "denied", "closed", "garbled"])
async def test_what_is_there_in_some_way_is_never_doubled(monkeypatch: pytest.MonkeyPatch, trouble: Trouble) -> None:
    story = Story(monkeypatch)
    async with reviving(story):
        story.becomes(trouble)
        await story.time.passes(100)
        assert story.starts == []


async def test_one_that_keeps_dying_is_started_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch)
    began = story.time.now
    async with reviving(story):
        for _ in range(200):
            story.becomes("died")
            await story.time.passes(0.5)
    assert [start - began for start in story.starts] == [0, 0.75, 1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 62.5, 92.5]


async def test_one_that_lived_for_a_while_is_brought_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch)
    async with reviving(story):
        for _ in range(3):
            story.becomes("died")
            await story.time.passes(61)
    assert [start - story.starts[0] for start in story.starts] == [0, 61, 122]


async def test_a_failure_is_told_and_tried_again_until_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, can_start=False)
    async with reviving(story):
        story.becomes("absent")
        await story.time.passes(1)
        assert story.outcomes == ["port taken"] * 3
        story.can_start = True
        await story.time.passes(10)
        assert story.outcomes == ["port taken"] * 3 + ["started"]


async def test_what_is_let_go_stays_gone_until_somebody_takes_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch)
    async with reviving(story):
        story.reviver.let_go()
        story.becomes("absent")
        await story.time.passes(10)
        assert (story.starts, story.reviver.is_wanted) == ([], False)
        story.reviver.take_up()
        story.becomes("died")
        await story.time.passes(10)
        assert story.outcomes == ["started"]


async def test_one_that_came_back_by_itself_during_the_pause_is_not_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story(monkeypatch, can_start=False)
    async with reviving(story):
        story.becomes("absent")
        await story.time.passes(0.2)
        story.becomes(None)
        await story.time.passes(10)
        assert len(story.starts) == 1


async def test_one_that_is_gone_again_before_we_are_connected_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor.revive, "CONNECT_DEADLINE", 0.01)
    story = Story(monkeypatch)
    story.becomes = lambda trouble: None  # type: ignore[method-assign]
    story.client.state = ClientState(False, "absent", "absent")
    async with reviving(story):
        story.reviver.look()
        await story.time.passes(0)
        settling = asyncio.create_task(story.reviver.settled())
        await until(settling.done)
        await story.time.passes(0.5)
        assert story.outcomes == ["started", "started"]
