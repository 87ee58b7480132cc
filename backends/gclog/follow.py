"""One agent's log followed live: the tail gives pieces, the parser events, the account figures. The only I/O is the tail's.

The first look costs the same for a log of any size: its head (collector, size of a region), then windows from its end.
"""

import os
from pathlib import Path

from backends.gclog.account import Account
from backends.gclog.assemble import Parser
from backends.gclog.events import Collected, Event, Named, Regioned
from backends.gclog.tail import Changed, Tail, numbered_neighbours

HEAD = 8 << 10  # bytes: the header of a JVM with every flag set is 4 KiB
WINDOW, WINDOW_MAX = 256 << 10, 16 << 20  # bytes from the end: a thousand lines of one event each; thirty lines an event at worst
ENOUGH = 200  # collections for a first verdict, or ENOUGH_FULL full ones
ENOUGH_FULL = 64
BEFORE_FULL, AFTER_FULL = 16 << 10, 64 << 10  # bytes around a full collection found by its words: its first lines and its last
FULL_WORDS = {"legacy": b"[Full GC", "unified": b"Pause Full", "ZGC": b"Garbage Collection (", "ZGC generational": b"Major Collection ("}


class Follower:
    """Follows one path. `look` reads what is new; the account is what is known."""

    def __init__(self) -> None:
        self.account = Account()
        self.parser = Parser()
        self.tail = Tail()
        self.is_whole = True  # everything the file holds was read, not only its end
        self.first_at: float | None = None  # log time of the first event that was read
        self._begun = False

    def look(self, path: str) -> None:
        """Raises OSError; what was read before stays."""
        if not self._begun:
            self._begin(path)
            self._begun = True
        for piece in self.tail.poll(path):
            if isinstance(piece, Changed):
                self.parser.change_file()
            else:
                self._note(self.parser.feed(piece))

    def close(self) -> None:
        self.tail.close()

    def _note(self, events: list[Event]) -> None:
        for event in events:
            self.account.note(event)
        if self.first_at is None:
            self.first_at = next((event.at for event in events if isinstance(event, Collected) and event.at is not None), None)

    def _begin(self, path: str) -> None:
        size = self.tail.open_at_end(path)
        descriptor = self.tail.descriptor
        if descriptor is None:
            return
        heads = [os.pread(descriptor, min(HEAD, size), 0)]
        window = WINDOW
        while True:
            start = max(0, size - window)
            self._restart(heads if start else [], os.pread(descriptor, size - start, start), start)
            if not start or self._is_enough() or window >= WINDOW_MAX:
                break
            window *= 4
        if start and self.account.full == 0:
            self._recall_full(descriptor, start)
        if self.account.collector == "G1" and self.account.region_kib is None:
            self._ask_neighbours(path)

    def _is_enough(self) -> bool:
        return self.account.full >= ENOUGH_FULL or self.account.young + self.account.full >= ENOUGH

    def _restart(self, heads: list[bytes], data: bytes, start: int) -> None:
        """From nothing: what the heads say of the collector, then the events of the window."""
        self.account, self.parser, self.first_at = Account(), Parser(), None
        self.is_whole = not start
        for head in heads:
            self._note([event for event in self.parser.feed(head) if isinstance(event, Named | Regioned)])
        if start:
            self.parser.change_file()
            data = data[data.find(b"\n") + 1 :]  # the window begins inside a line
        self._note(self.parser.feed(data))

    def _recall_full(self, descriptor: int, end: int) -> None:
        """The last full collection before the window, found by its words: looking for a literal costs a thousandth of reading."""
        word = FULL_WORDS.get(self.account.collector or "") or FULL_WORDS.get(self.parser.style or "")
        stop = max(0, end - WINDOW_MAX)
        while word is not None and end > stop:
            start = max(stop, end - WINDOW)
            block = os.pread(descriptor, end - start, start)
            if word in block and (full := self._full_around(descriptor, start + block.rfind(word))) is not None:
                self.account.recall(full)
                return
            end = start

    def _full_around(self, descriptor: int, place: int) -> Collected | None:
        start = max(0, place - BEFORE_FULL)
        data = os.pread(descriptor, BEFORE_FULL + AFTER_FULL, start)
        parser, account = Parser(), Account()
        if (region_kib := self.account.region_kib) is not None:
            account.note(Regioned(region_kib))
        account.note_all(parser.feed(data[data.find(b"\n") + 1 if start else 0 :]))
        return account.last_full

    def _ask_neighbours(self, path: str) -> None:
        """A rotated file has no header; the oldest archive that is left may still have it."""
        for name in numbered_neighbours(path):
            try:
                with Path(name).open("rb") as archive:
                    head = archive.read(HEAD)
            except OSError:
                continue
            for event in Parser().feed(head[: head.rfind(b"\n") + 1]):
                if isinstance(event, Regioned):
                    self.parser.know_region(event.region_kib)
                    self.account.note(event)
                    return
