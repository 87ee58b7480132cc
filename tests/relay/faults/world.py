"""A receiver's memory and inbox, its partners and its consumer, on a disk that fails in every way, without sockets, threads or clocks.

Everything is drawn from one seed, so a fault that is found is found again. Resending, consuming, restarting, failing syncs, full disks and
power cuts come in any order; at the end the audit is that of the scenarios with a real relay: nothing acknowledged is lost, nothing that
was sent again is stored twice, and no line is torn.
"""

import random
import shutil
from pathlib import Path
from typing import Final

from relay.config import Codes, Records
from relay.record import Layout
from relay.storage.commit import StorageFailed
from relay.storage.inbox import Inbox
from relay.storage.ledger import Ledger
from relay.storage.names import Names
from relay.storage.quarantine import QUARANTINE_LIMIT, Quarantine
from relay.storage.recovery import recover
from relay.storage.seen import DIGEST_BITS, Seen, digest
from tests.relay.faults.audit import Audit, audit, lines_below
from tests.relay.faults.power import Cable, PowerCut
from tests.relay.records import request

LAYOUT: Final = Layout(Records(), Codes())
KEEP, MOST = 1e9, 100_000
EPOCH: Final = 1_795_348_800.0
MINUTE: Final = 60.0


class Batch:
    def __init__(self, lines: list[bytes]) -> None:
        self.data = b"".join(lines)
        self.keys = [line.split(b"|")[2] for line in lines]
        self.digests = [digest(line[:-1]) for line in lines]


class World:
    """`life` plays `steps` random steps; `cuts` power cuts fall among them."""

    def __init__(self, seed: int, place: Path, *, in_place: bool = False) -> None:
        self.chance = random.Random(seed)
        self.place = place
        self.in_place = in_place
        self.now = EPOCH
        self.number = 0
        self.generation = 0
        self.sent: list[bytes] = []
        self.open: list[bytes] = []  # sent and not acknowledged
        self.acked: list[bytes] = []
        self.taken: list[bytes] = []  # by the consumer
        self.cuts = 0
        self.refused = 0
        self.disk = Cable(self._home(), self.chance)
        self._start_somehow()

    def life(self, steps: int, cuts: int) -> None:
        for _ in range(cuts):
            self.disk.cut_in = self.chance.randint(1, steps * 3)
            for _ in range(steps):
                try:
                    self._step()
                except PowerCut:
                    break
            self._power_is_back()
        self._heal()
        self._offer(self.open[:])
        self.inbox.close(self.now)
        self.disk.image(self.place / "end")

    def audit(self, scenario: str) -> Audit:
        lines = [*self.taken, *lines_below(self.root / "inbox")]
        return audit(scenario, self.cuts, self.sent, self.acked, lines, notes={"refused": self.refused})

    # The relay.

    def _home(self) -> Path:
        self.root = self.place / f"disk{self.generation}"
        for name in ("inbox", "seen"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        return self.root

    def _start(self) -> None:
        memory, place = self.root / "seen", self.root / "inbox"
        names = Names(memory / "names", self.disk)
        ledger = Ledger(memory, KEEP, MOST, self.disk, is_eager=self.in_place, clock=lambda: self.now)
        where = {"min_free": 0, "in_place": self.in_place}
        self.inbox = Inbox(place, names, ledger, self.disk, trouble=lambda text: None, **where)  # type: ignore[arg-type]
        self.seen = Seen(KEEP, MOST)
        names.load()
        kept = Quarantine(self.root / "quarantine", "refused", QUARANTINE_LIMIT)
        recover(self.inbox, LAYOUT, self.seen, kept, self.now, in_place=self.in_place)

    def _start_somehow(self) -> None:
        """A start that the disk refuses is tried again, as systemd would; a power cut in it is one more."""
        for _ in range(50):
            try:
                self._start()
                return
            except OSError:
                self._heal()
            except PowerCut:
                self._new_disk()
        raise AssertionError("it never starts")

    def _power_is_back(self) -> None:
        self._new_disk()
        if self.chance.random() < 0.3:
            self.disk.cut_in = self.chance.randint(1, 30)  # in the recovery
        self._start_somehow()

    def _new_disk(self) -> None:
        self.cuts += 1
        self.generation += 1
        old, self.root = self.root, self.place / f"disk{self.generation}"
        self.disk.image(self.root)
        shutil.rmtree(old)
        self.disk = Cable(self._home(), self.chance)

    def _heal(self) -> None:
        self.disk.bad_syncs = self.disk.bad_cuts = self.disk.bad_opens = self.disk.bad_directory_syncs = 0
        self.disk.room = self.disk.cut_in = None

    # The steps.

    def _step(self) -> None:
        self.now += self.chance.choice([0.01, 0.5, 3.0, MINUTE])
        steps = [self._offer_new, self._offer_new, self._offer_again, self._tick, self._consume, self._trouble, self._tick]
        self.chance.choice(steps)()
        if self.chance.random() < 0.03:
            self._restart()
        if self.chance.random() < 0.02:
            self.now -= self.chance.choice([90.0, 3600.0])

    def _offer_new(self) -> None:
        lines = []
        for _ in range(self.chance.randint(1, 5)):
            self.number += 1
            lines.append(request(self.number, "x" * self.chance.randint(0, 40)))
        self.sent += lines
        self._offer(lines)

    def _offer_again(self) -> None:
        """What was not answered, and what was answered but whose answer got lost."""
        pool = self.open + self.acked[-20:]
        self._offer(self.chance.sample(pool, min(len(pool), self.chance.randint(1, 8))))

    def _offer(self, lines: list[bytes]) -> None:
        """As a session and its batch do."""
        self.open += [line for line in lines if line not in self.open and line not in self.acked]
        seen = self.seen
        fresh: list[bytes] = []
        old: list[bytes] = []
        for line in lines:
            value = seen.collecting << DIGEST_BITS | digest(line[:-1])
            (fresh if seen.known.setdefault(line.split(b"|")[2], value) is value else old).append(line)
        if fresh:
            batch, number = Batch(fresh), seen.collecting
            seen.begin()
            try:
                self.inbox.append(batch, self.now)
            except StorageFailed:
                seen.lost(number, batch.keys)
                self.refused += len(fresh)
                fresh = []
            else:
                seen.stored(number, batch.keys, self.now)
        for line in (*fresh, *old):
            if line in self.open:
                self.open.remove(line)
                self.acked.append(line)

    def _tick(self) -> None:
        self.inbox.tick(self.now)

    def _restart(self) -> None:
        if self.chance.random() < 0.5:
            self.inbox.close(self.now)
        self._start_somehow()

    def _consume(self) -> None:
        """Files of which the relay has let go, numbers and all. It syncs what it does, or a power cut might bring a file back."""
        place = self.root / "inbox"
        for path in sorted(place.iterdir()):
            is_early = self.in_place and (path.name in self.inbox.names.newest[-1:] or self.inbox.ledger._waiting)
            if not path.name.startswith(".") and not is_early and self.chance.random() < 0.7:
                content = path.read_bytes()
                path.unlink()
                cut_in, self.disk.cut_in = self.disk.cut_in, None
                bad, self.disk.bad_directory_syncs = self.disk.bad_directory_syncs, 0
                self.disk.sync_directory(place)
                self.disk.cut_in, self.disk.bad_directory_syncs = cut_in, bad
                self.taken += content.splitlines(keepends=True)

    def _trouble(self) -> None:
        """Half of the power cuts come soon after it: that is where they hurt. A cut that the disk refuses leaves lines that were refused in
        sight of a consumer that reads in place; so it is refused for hidden files only."""
        disk, chance = self.disk, self.chance
        self._cure()
        if disk.cut_in is not None and chance.random() < 0.5:
            disk.cut_in = chance.randint(1, 25)
        match chance.randrange(6):
            case 0:
                disk.bad_syncs = chance.randint(1, 3)
            case 1:
                disk.room = chance.randint(0, 300)
            case 2:
                disk.bad_syncs, disk.bad_cuts = 1, 0 if self.in_place else chance.randint(1, 3)
            case 3:
                disk.bad_directory_syncs = chance.randint(1, 2)
            case 4:
                disk.room, disk.bad_cuts = chance.randint(0, 100), int(not self.in_place)

    def _cure(self) -> None:
        cut_in = self.disk.cut_in
        self._heal()
        self.disk.cut_in = cut_in
