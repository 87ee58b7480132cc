"""Records go to the broker at once, and a partner is answered when the broker has them. No inbox: the broker is the disk.

A record that was refused with `storage` may have arrived there all the same, as after any timeout: sent again it is there twice. An
acknowledged number is in the ledger before its answer leaves, so a record that is sent again after a crash of ours is not.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from relay.sinks.outlet import Outlet
from relay.sinks.pace import Pace
from relay.storage.commit import Disk, Refusals, StorageFailed
from relay.storage.inbox import Stored
from relay.storage.ledger import Ledger
from relay.storage.quarantine import Quarantine, Refused

log = logging.getLogger(__name__)

PART: Final = 1000  # records; a queue takes them in a tenth of its timeout, a topic in a hundredth


class Direct:
    """A `relay.sinks.outlet.Spool`. Called by the writer thread only.

    While the broker is away most batches are refused at once: the partners of one batch in flight and of the one that collects behind it
    wait for the timeout, those after them do not queue up behind timeouts of others. A batch that is too much for a slow broker is stored
    as far as it comes; the rest of it was never given to the broker and is refused.
    """

    def __init__(
        self,
        outlet: Outlet,
        ledger: Ledger,
        memory: Path,
        disk: Disk,
        quarantine: Quarantine,
        refusal: int,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`memory`: the directory of the ledger. `refusal`: the code of what is not stored. For so long parts of a batch are begun."""
        self.place = memory
        self.disk = disk
        self.ledger = ledger
        self._outlet = outlet
        self._quarantine = quarantine
        self._refusal = refusal
        self._patience_s = patience_s
        self._clock = clock
        self._pace = Pace()
        self._failure = ""

    def append(self, batch: Stored, now: float) -> Refusals:
        if not self._pace.may_try(self._clock()):
            raise StorageFailed(self._failure, is_space=False)
        if not self.has_room() and not self.ledger.prepare():
            raise StorageFailed("no room on our own disk for the process numbers", is_space=True)
        lines, keys, digests = batch.data.split(b"\n")[:-1], batch.keys, batch.digests
        done, refused = self._deliver(lines, keys)
        if refused:
            self._keep(lines, keys, refused, now)
        stored = [place for place in range(done) if keys[place] not in refused] if refused else range(done)
        if stored:
            self.ledger.note([keys[place] for place in stored], [digests[place] for place in stored], now)
            self.ledger.sync()
        return refused | dict.fromkeys(keys[done:], self._refusal)

    def _deliver(self, lines: Sequence[bytes], keys: Sequence[bytes]) -> tuple[int, dict[bytes, int]]:
        """How many the broker has, but for those it will never take. Raises StorageFailed when that is none for certain."""
        until = self._clock() + self._patience_s
        done, refused = 0, dict[bytes, int]()
        while done < len(lines) and (done == 0 or self._clock() < until):
            part = slice(done, done + PART)
            try:
                refused |= self._outlet.deliver(lines[part], keys[part])
            except StorageFailed as error:
                self._failure = str(error)
                self._pace.failed(self._clock())
                if done == 0:
                    raise
                return done, refused
            done = min(done + PART, len(lines))
        if done < len(lines):
            log.warning("%s is slow: %d of %d records are refused", self._outlet.name, len(lines) - done, len(lines))
        self._pace.succeeded()
        return done, refused

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
