"""What the page on the screen would like to know, asked of its source. Nothing is waited for here: the answer comes into the page.

The detail follows the cursor, so its question is asked at most once in a while and one at a time; a page that somebody opened is asked for
at once, and what is still on its way for a page that was left is let go of.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from backends.questions import Question
from monitor.replica import Link, ask
from tui.trail import Page

PACE = 1.0  # seconds between two questions while the cursor walks over rows

Beside = Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]


class Asker:
    def __init__(self, link: Link, beside: Beside, clock: Callable[[], float], told: Callable[[Page], None]) -> None:
        self._link, self._beside, self._clock, self._told = link, beside, clock, told
        self._detail_asked_at = -PACE
        self._is_detail_asked = False  # one question of a detail is on its way
        self._opened: tuple[Page, asyncio.Task[Any]] | None = None

    def look(self, page: Page, target: str, question: Question | None, seen: float | str | None, *, at_once: bool = False) -> None:
        """The page that is on the screen now: asks for it when it is time. `at_once`: somebody looks into it, and not only walks by."""
        if self._opened is not None and self._opened[0] is not page:
            self._opened[1].cancel()
            self._opened[0].is_asking = False
            self._opened[0].ask_again()
            self._opened = None
        if question is None or not page.needs(question, seen):
            return
        is_detail = page.opening is None
        if is_detail and (self._is_detail_asked or (not at_once and abs(self._clock() - self._detail_asked_at) < PACE)):
            return
        page.asked, page.seen, page.is_asking = question, seen, True
        if is_detail:
            self._is_detail_asked, self._detail_asked_at = True, self._clock()
        task = self._beside(self._hear(page, target, question), "question")
        if not is_detail:
            self._opened = (page, task)

    async def _hear(self, page: Page, target: str, question: Question) -> None:
        found = await ask(self._link, target, question)
        page.is_told(found, self._clock())
        if page.opening is None:
            self._is_detail_asked = False
        elif self._opened is not None and self._opened[0] is page:
            self._opened = None
        self._told(page)
