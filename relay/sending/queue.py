"""The files we know of, oldest first: by the time of their last change, then by name. Pure: names and times in, names out.

A file is known from when it was seen until it is archived, failed or gone; the one that `take` gave is known and does not wait until
it is put back. A scan needs to look only at names that are not known. A known file costs 0.3 KB: see MOST.
"""

import heapq
from typing import Final, NamedTuple

MOST: Final = 200_000  # files remembered, 60 MB; above it the younger half is forgotten, and seen again by the next scan
STALE: Final = 1000  # of a heap's entries, besides as many as are true


class Entry(NamedTuple):
    at: float  # epoch seconds; first: files are sorted by it
    name: str


class Queue:
    """`known` is read by the scan, in its thread, and changed by nobody else meanwhile."""

    def __init__(self) -> None:
        self.known: dict[str, Entry] = {}
        self._heap: list[Entry] = []  # an entry that is not the one in `known` is stale
        self._horizon: Entry | None = None  # younger files may have been forgotten: none is taken in until all are looked at anew
        self._limit: Entry | None = None  # while they are, nothing younger is given out

    def put(self, name: str, at: float) -> None:
        """A file that was seen, or whose age changed."""
        entry = Entry(at, name)
        if self._horizon is not None and entry > self._horizon:
            self.known.pop(name, None)
            return
        self.known[name] = entry
        self.put_back(name)

    def put_back(self, name: str) -> None:
        """One that was taken."""
        heapq.heappush(self._heap, self.known[name])
        if len(self._heap) > 2 * len(self.known) + STALE:
            self._heap = [entry for entry in self._heap if self.known.get(entry.name) is entry]
            heapq.heapify(self._heap)

    def drop(self, name: str) -> None:
        self.known.pop(name, None)

    def oldest(self) -> Entry | None:
        """Of those that wait."""
        heap, known = self._heap, self.known
        while heap and known.get(heap[0][1]) is not heap[0]:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def take(self, before: float) -> str | None:
        """The oldest, if it has not changed since `before`."""
        found = self.oldest()
        if found is None or found.at > before or (self._limit is not None and found > self._limit):
            return None
        heapq.heappop(self._heap)
        return found.name

    def begin(self) -> None:
        """All files are going to be looked at."""
        self._limit, self._horizon = self._horizon, None

    def end(self) -> None:
        self._limit = None

    @property
    def has_forgotten(self) -> bool:
        return self._horizon is not None

    def shortened(self) -> "Queue":
        """Without the younger half of those that wait; those that are taken stay known. Changes nothing here."""
        heap = [entry for entry in self._heap if self.known.get(entry.name) is entry]
        last = _middle(heap)
        forgotten = {entry.name for entry in heap if entry > last}
        found = Queue()
        found._horizon, found._limit = last, self._limit
        found.known = {name: entry for name, entry in self.known.items() if name not in forgotten}
        found._heap = [entry for entry in heap if entry <= last]
        heapq.heapify(found._heap)
        return found


def _middle(entries: list[Entry]) -> Entry:
    """By numbers first: to sort so many pairs would hold up the loop."""
    middle = len(entries) // 2
    at = sorted(entry.at for entry in entries)[middle]
    older = sum(entry.at < at for entry in entries)
    return sorted(entry for entry in entries if entry.at == at)[middle - older]
