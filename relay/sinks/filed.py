"""The inbox as the first half of `forward`: partners are answered from the disk, and the forwarder hears of what is on it."""

from relay.sinks.backlog import Growing
from relay.sinks.forward import Forwarder
from relay.storage.commit import Refusals
from relay.storage.inbox import Inbox, Stored


class FileThenForward:
    """A `relay.sinks.outlet.Spool`. Called by the writer thread only."""

    def __init__(self, inbox: Inbox, forwarder: Forwarder) -> None:
        self.place = inbox.place
        self.disk = inbox.disk
        self._inbox = inbox
        self._forwarder = forwarder

    def append(self, batch: Stored, now: float) -> Refusals:
        refusals = self._inbox.append(batch, now)
        self._tell(len(batch.keys), now)
        return refusals

    def has_room(self) -> bool:
        return self._inbox.has_room()

    def tick(self, now: float) -> None:
        self._inbox.tick(now)
        self._tell(0, now)

    def flush(self, now: float) -> None:
        self._inbox.flush(now)
        self._tell(0, now)

    def close(self, now: float) -> None:
        self._inbox.close(now)
        self._tell(0, now)

    def _tell(self, records: int, now: float) -> None:
        growing = self._inbox.growing
        self._forwarder.grew(None if growing is None else Growing(*growing), records, now)
