"""Records go to the broker at once, and a partner is answered when the broker has them. No inbox: the broker is the disk.

A record that was refused with `storage` may have arrived there all the same, as after any timeout: sent again it is there twice. An
acknowledged number is in the ledger before its answer leaves, so a record that is sent again after a crash of ours is not.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from relay.commit import Disk, Refusals, StorageFailed
from relay.inbox import Stored
from relay.ledger import Ledger
from relay.quarantine import Quarantine, Refused
from relay.sinks.outlet import Outlet
from relay.sinks.pace import Pace


class Direct:
    """A `relay.commit.Store`. Called by the writer thread only.

    While the broker is away most batches are refused at once: the partners of one batch in flight and of the one that collects behind it
    wait for the timeout, those after them do not queue up behind timeouts of others.
    """

    def __init__(
        self, outlet: Outlet, ledger: Ledger, memory: Path, disk: Disk, quarantine: Quarantine, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`memory`: the directory of the ledger."""
        self.place = memory
        self.disk = disk
        self.ledger = ledger
        self._outlet = outlet
        self._quarantine = quarantine
        self._clock = clock
        self._pace = Pace()
        self._failure = ""

    def append(self, batch: Stored, now: float) -> Refusals:
        if not self._pace.may_try(self._clock()):
            raise StorageFailed(self._failure, is_space=False)
        if not self.has_room() and not self.ledger.prepare():
            raise StorageFailed("no room on our own disk for the process numbers", is_space=True)
        lines, keys, digests = batch.data.split(b"\n")[:-1], batch.keys, batch.digests
        try:
            refusals = self._outlet.deliver(lines, keys) if lines else {}
        except StorageFailed as error:
            self._failure = str(error)
            self._pace.failed(self._clock())
            raise
        self._pace.succeeded()
        if refusals:
            self._keep(lines, keys, refusals, now)
            kept = [place for place, key in enumerate(keys) if key not in refusals]
            keys, digests = [keys[place] for place in kept], [digests[place] for place in kept]
        if keys:
            self.ledger.note(keys, digests, now)
            self.ledger.sync()
        return refusals

    def _keep(self, lines: Sequence[bytes], keys: Sequence[bytes], refusals: Refusals, now: float) -> None:
        reason = f"too large for {self._outlet.name}"
        entries = [Refused(now, "", refusals[key], reason, line) for line, key in zip(lines, keys, strict=True) if key in refusals]
        self._quarantine.keep(entries)

    def has_room(self) -> bool:
        """For process numbers; of records the broker has the say."""
        return self.ledger.is_ready

    def tick(self, now: float) -> None:
        self.ledger.prepare()

    def flush(self, now: float) -> None:
        """Nothing waits here."""

    def close(self, now: float) -> None:
        self._outlet.close()
        self.ledger.close()
