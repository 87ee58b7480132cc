"""Refused lines on their way to the quarantine: noted in the loop, bounded, written by the writer thread."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from relay.record import Layout
from relay.storage.quarantine import Quarantine, Refused

MAX_UNKEPT: Final = 4 << 20  # bytes of refused lines on their way; a flood of garbage loses the rest of itself
UNKEPT_OVERHEAD: Final = 300  # bytes that an entry costs besides its line: a flood of empty lines is bounded too
EXPIRE_EVERY: Final = 3600.0  # seconds between two looks for what is too old


class Places(NamedTuple):
    quarantine: Quarantine
    conflicts: Quarantine


class Kept:
    """`do` runs a job in the writer thread."""

    def __init__(self, layout: Layout, places: Places, do: Callable[[Callable[[], None]], None]) -> None:
        self._layout = layout
        self.places = places
        self._do = do
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Quarantine, Refused]] = []
        self._size = 0
        self._expire_at = 0.0

    def keep(self, peer: str, code: int, line: bytes) -> None:
        if self._size > MAX_UNKEPT:
            return
        is_conflict = code == self._layout.codes.conflict
        reason = "this process number was stored with other content" if is_conflict else self._layout.reason(line, code)
        place = self.places.conflicts if is_conflict else self.places.quarantine
        self._waiting.append((place, Refused(time.time(), peer, code, reason, line)))
        self._size += len(line) + UNKEPT_OVERHEAD
        if len(self._waiting) == 1:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        entries, self._waiting = self._waiting, []

        def write() -> None:
            for place in self.places:
                if found := [refused for where, refused in entries if where is place]:
                    place.keep(found)
            self._loop.call_soon_threadsafe(self._written, sum(len(refused.line) + UNKEPT_OVERHEAD for _, refused in entries))

        self._do(write)

    def _written(self, size: int) -> None:
        self._size -= size

    def tick(self, now: float) -> None:
        """`now`: epoch seconds. What is too old goes, traffic or not."""
        if now >= self._expire_at or self._expire_at > now + EXPIRE_EVERY:  # the second: the clock was set back
            self._expire_at = now + EXPIRE_EVERY
            for place in self.places:
                self._do(lambda place=place: place.expire(now))  # type: ignore[misc]
