"""Whether the newest record of a partition belongs to a transaction that was aborted, or is not ended. Blocking; used by one thread.

Records are read uncommitted, because an aborted one proves that its producer lives. Whether it counts is asked only where something shows
that there are transactions: the newest record does not stand at the log end (a marker does), or the last stable offset is before the end.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from backends.kafka.client import KafkaClient, Key
from backends.kafka.fetch import NoRecord, Record, Span, newest

CHECKED: Final = 200  # partitions in one cycle
CHECK_S: Final = 2.0
CHECK_BYTES: Final = 16 << 20

Fate = Literal["open", "aborted"]


class Transactions:
    """`suspects` have shown transactions."""

    def __init__(self) -> None:
        self.suspects: set[Key] = set()

    def look(self, client: KafkaClient, ends: Mapping[Key, int]) -> None:
        """All partitions at once, as rarely as log starts are asked for: the first transaction of a log leaves no marker before it ends."""
        stable = client.stable(ends)
        self.suspects.update(key for key, offset in stable.items() if isinstance(offset, int) and offset < ends[key])

    def fates(self, client: KafkaClient, newest_offsets: Mapping[Key, int]) -> dict[Key, Fate]:
        """Of the newest records that do not count. What cannot be found out is left out."""
        if not newest_offsets:
            return {}
        asked = dict(list(newest_offsets.items())[:CHECKED])
        stable = client.stable(asked)
        fates: dict[Key, Fate] = {}
        ended = {}
        for key, offset in asked.items():
            if isinstance(limit := stable.get(key), int):
                if offset >= limit:
                    fates[key] = "open"
                else:
                    ended[key] = Span(offset, offset + 1)
        fates.update((key, "aborted") for key in self._aborted(client, ended))
        return fates

    def forget(self, topics: Iterable[str]) -> None:
        gone = set(topics)
        self.suspects = {key for key in self.suspects if key[0] not in gone}

    def _aborted(self, client: KafkaClient, spans: Mapping[Key, Span]) -> list[Key]:
        """A consumer of committed records goes past those of an aborted transaction."""
        if not spans:
            return []
        found = newest(client.committed_consumer, spans, time.monotonic() + CHECK_S, CHECK_BYTES)
        return [key for key, one in found if isinstance(one, NoRecord) or (isinstance(one, Record) and one.offset > spans[key].start)]
