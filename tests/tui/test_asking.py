"""Questions beside the screen: one of the detail at a time, at a pace; an opened page at once; what was left is let go of."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from backends.questions import HistoryOf, Records, RecordsOf
from tests.tui.scripted import NOW, ScriptedLink, incident
from tui.asking import PACE, Asker
from tui.pane import Opening, Section
from tui.trail import ONCE, Page


class Asking:
    def __init__(self) -> None:
        self.link = ScriptedLink(*incident())
        self.now = NOW
        self.told: list[Page] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.asker = Asker(self.link, self.beside, lambda: self.now, self.told.append)

    def beside(self, work: Coroutine[Any, Any, Any], name: str) -> "asyncio.Task[Any]":
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=name))
        return self.tasks[-1]

    async def settles(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def it() -> Asking:
    return Asking()


def opened(live: bool = False) -> Page:
    return Page(Opening("deeper", QUESTION, lambda found, now: [Section("x")], live), (0, "r"))


QUESTION, TREND = RecordsOf("clicks", 0), HistoryOf("billing-sink")


async def test_an_answer_comes_into_its_page(it: Asking) -> None:
    page = opened()
    it.asker.look(page, "main", QUESTION, ONCE)
    assert page.is_asking
    await it.settles()
    assert isinstance(page.found, Records) and not page.is_asking and it.told == [page]
    it.asker.look(page, "main", QUESTION, ONCE)
    assert len(it.link.asked) == 1


async def test_a_page_without_a_question_asks_nothing(it: Asking) -> None:
    it.asker.look(opened(), "main", None, ONCE)
    assert it.tasks == []


async def test_details_are_asked_for_at_a_pace(it: Asking) -> None:
    for _ in range(5):
        it.asker.look(Page(), "groups", TREND, NOW)
        await it.settles()
    assert len(it.link.asked) == 1
    it.now += PACE
    it.asker.look(Page(), "groups", TREND, NOW)
    await it.settles()
    assert len(it.link.asked) == 2


async def test_a_detail_waits_for_the_question_before_it_and_an_opened_page_does_not(it: Asking) -> None:
    it.link.is_listening.clear()
    first, second, page = Page(), Page(), opened()
    it.asker.look(first, "groups", TREND, NOW)
    it.now += 10 * PACE
    it.asker.look(second, "groups", TREND, NOW)
    await it.settles()
    assert len(it.link.asked) == 1
    it.asker.look(page, "main", QUESTION, ONCE)
    await it.settles()
    assert [target for target, _ in it.link.asked] == ["groups", "main"]
    it.link.is_listening.set()
    await it.settles()
    it.asker.look(second, "groups", TREND, NOW)
    await it.settles()
    assert second.found is not None and len(it.link.asked) == 3


async def test_the_question_of_an_opened_page_that_was_left_is_let_go_of_and_asked_again_on_return(it: Asking) -> None:
    it.link.is_listening.clear()
    page = opened()
    it.asker.look(page, "main", QUESTION, ONCE)
    await it.settles()
    it.asker.look(Page(), "groups", None, NOW)
    await it.settles()
    assert it.tasks[0].cancelled() and not page.is_asking and page.found is None
    it.link.is_listening.set()
    it.asker.look(page, "main", QUESTION, ONCE)
    await it.settles()
    assert page.found is not None


async def test_a_page_that_lives_is_asked_for_with_every_snapshot(it: Asking) -> None:
    page = opened(live=True)
    for seen in (NOW, NOW, NOW + 5):
        it.asker.look(page, "main", QUESTION, seen)
        await it.settles()
    assert len(it.link.asked) == 2


async def test_what_could_not_be_told_is_not_asked_again_by_itself(it: Asking) -> None:
    it.link.tells = lambda question: "no broker answers"
    page = opened()
    for _ in range(3):
        it.asker.look(page, "main", QUESTION, ONCE)
        await it.settles()
    assert page.trouble == "no broker answers" and len(it.link.asked) == 1
