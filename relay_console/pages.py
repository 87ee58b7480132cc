"""Which messages of a queue come next while it is read page by page and moves meanwhile. No I/O, no clock.

A page begins with the last message of the one before it. When that one is no longer there, messages were taken from the head and what
follows has moved up, so we go back until a page begins with something known. Messages are known by their ids, and none is told twice.
"""

from typing import Final

from backends.messages import Message, Messages
from relay_console.messages import is_part

PAGE: Final = 100  # messages of one answer


class Pages:
    """`limit`: so many messages are enough."""

    def __init__(self, limit: int | None = None) -> None:
        self.told = 0
        self.pending = 0  # in the queue when it was first read
        self.parts = 0  # messages of which not the whole body was told
        self.has_moved = False
        self.is_over = False
        self.note = ""  # why there is no more, where the broker does not show all
        self._limit = limit
        self._seen: set[str] = set()
        self._skip = 0
        self._size = PAGE
        self._overlaps = False  # the next page begins with a message that we have

    @property
    def next(self) -> tuple[int, int]:
        """What to skip, and how many to ask for."""
        return self._skip, self._size + self._overlaps

    def shrink(self) -> bool:
        """The answer was too large; False: it cannot be smaller."""
        if self._size > 1:
            self._size = max(1, self._size // 4)
        elif self._overlaps:
            self._skip, self._overlaps = self._skip + 1, False
        else:
            return False
        return True

    def take(self, page: Messages) -> list[Message]:
        """Those that are new."""
        if not self._seen:
            self.pending = page.pending
        if self._overlaps and (not page.messages or page.messages[0].id not in self._seen):
            self._go_back()
            return []
        new = [message for message in page.messages if message.id not in self._seen]
        if len(page.messages) - len(new) != self._overlaps:
            self.has_moved = True
        new = new if self._limit is None else new[: self._limit - self.told]
        self._seen.update(message.id for message in new)
        self.told += len(new)
        self.parts += sum(map(is_part, new))
        self._go_on(page, bool(new))
        return new

    def _go_back(self) -> None:
        self.has_moved = True
        self._skip = max(0, self._skip - self._size)
        self._overlaps = self._skip > 0

    def _go_on(self, page: Messages, is_new: bool) -> None:
        # a page that had room for nothing but what we have is followed by one that begins behind it
        self._overlaps = is_new or len(page.messages) > 1
        self._skip += len(page.messages) - self._overlaps
        self.is_over = page.is_end or not page.messages or self.told >= (self.pending if self._limit is None else self._limit)
        if page.is_end and page.looked < min(page.pending, self.pending):
            self.note = page.note or f"the broker shows only {page.looked:,} of {page.pending:,} messages"
