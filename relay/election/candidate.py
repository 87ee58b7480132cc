"""One sender's part in the election: a Leadership that ZooKeeper gives and takes, and a fence on the shared storage that makes sure of it.

A leader may send while three things hold: no break of the connection since ZooKeeper last confirmed it, a confirmation younger than the
session time-out, and our number in the fence. A confirmation is a write of our own session, which only a server with a quorum can do,
and counts from when it was asked for. The number is the transaction that made our place in the row (czxid): it grows even when the row
is removed and made again, which the numbers in the names do not.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from relay.election.candidacy import (
    Behind,
    Candidacy,
    Connected,
    Event,
    Expired,
    Fenced,
    First,
    Missing,
    Refused,
    State,
    Suspended,
    Unfenced,
)
from relay.election.fence import Fence
from relay.election.zookeeper import CONFIRMATIONS, END_S, Election, NoAnswer

log = logging.getLogger(__name__)

SEQUENCE_DIGITS: Final = 10  # ZooKeeper's own
CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while the machine sleeps, and while we are stopped


class Proof(NamedTuple):
    """That we led at a moment: under that number, with that many breaks of the connection behind us."""

    number: int
    breaks: int
    at: float


class Candidate:
    """A Leadership that ZooKeeper gives and takes. `may_send` is for the sender's file thread, all else for the event loop."""

    def __init__(self, election: Election, name: str, outbox: Path, trouble: Callable[[str, str, str], None]) -> None:
        self._election = election
        self._name = name
        self._outbox = outbox
        self._trouble = trouble
        self._candidacy = Candidacy()
        self._path = f"{election.config.path.rstrip('/')}/{name}"
        self._mark = f"{uuid.uuid4().hex}-"  # our places are known by it, also one whose making was not confirmed to us
        self._me = f"{socket.gethostname()}:{os.getpid()}"
        self._fence: Fence | None = None
        self._proof: Proof | None = None
        self._place: str | None = None  # its name
        self._sent_in: int | None = None  # the last term in which we knew that we may
        self._error: str | None = None  # why the last pulse failed
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> str:
        match self._candidacy.state:
            case State.LEADER if self._is_fresh(self._proof):
                return "leader"
            case State.JOINING | State.STANDBY | State.FENCING:
                return "standby"
        return "lost"

    @property
    def why(self) -> str | None:
        """Why nothing is sent; None while we lead."""
        if self.state == "leader":
            return None
        return self._candidacy.why or self._error or f"no ZooKeeper answers at {self._election.config.zookeeper}"

    @property
    def fence(self) -> int | None:
        return None if self._proof is None else self._proof.number

    def may_send(self) -> bool:
        proof = self._proof
        if proof is None or self._fence is None or not self._is_fresh(proof):
            return False
        try:
            may = self._fence.read().number == proof.number
        except OSError:
            return False  # the next pulse says why
        if may:
            self._sent_in = proof.number
        return may

    def _is_fresh(self, proof: Proof | None) -> bool:
        election = self._election
        return proof is not None and time.clock_gettime(CLOCK) - proof.at < election.timeout and proof.breaks == election.breaks

    def changed(self) -> bool:
        """Not before `may_send` was true in the new term: who is told of it too early could do nothing with it."""
        return self._sent_in == self._candidacy.number and self._candidacy.take_new_term()

    async def start(self) -> None:
        """The outbox must be there. Does not wait for ZooKeeper. Raises OSError."""
        self._fence = await asyncio.to_thread(Fence, self._outbox)
        self._task = asyncio.create_task(self._run())
        self._election.enter(self)

    async def close(self) -> None:
        """Nothing is sent any more when it begins; another may be the leader when it ends."""
        self._proof = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._place is not None and self._election.is_shared and self._election.is_connected:
            with contextlib.suppress(NoAnswer, TimeoutError):
                async with asyncio.timeout(END_S):
                    await self._give_up(self._place)
        await self._election.leave(self)

    def feed(self, event: Event) -> None:
        told = self._candidacy.feed(event)
        if self._candidacy.state is not State.LEADER:
            self._proof = None
        for each in told:
            self._trouble(each.severity, self._name, each.text)
        if isinstance(event, Connected | Suspended | Expired):
            self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._candidacy.state not in (State.AWAY, State.UNSURE):
                await self._try_pulse()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._election.timeout / CONFIRMATIONS):
                    await self._wake.wait()

    async def _try_pulse(self) -> None:
        try:
            await self._pulse()
            self._error = None
        except NoAnswer as error:
            self._error = str(error)
        except Exception as error:
            log.exception("%s: a bug in the election; it goes on", self._name)
            self._error = f"{type(error).__name__}: {error}"

    async def _pulse(self) -> None:
        """Our place in the row, confirmed by ZooKeeper, and what follows from it. What breaks in the middle is told by the session."""
        breaks, asked_at = self._election.breaks, time.clock_gettime(CLOCK)
        names = await self._row()
        ours = [name for name in names if name.startswith(self._mark)]
        number = await self._confirm(ours) if ours else None
        if breaks != self._election.breaks:
            return
        if number is None:
            self.feed(Missing())
            await self._join()
            self._wake.set()
        elif names[0] != ours[0]:
            self.feed(Behind(number, await self._holder(names[0])))
        else:
            self.feed(First(number))
            standing = await self._raise(number)
            if breaks != self._election.breaks:
                return
            if isinstance(standing, Fenced):
                self._proof = Proof(number, breaks, asked_at)
            self.feed(standing)

    async def _row(self) -> list[str]:
        """Who is there, in the order of their coming. A change of it wakes us."""
        from kazoo.exceptions import NoNodeError

        try:
            names: list[str] = await self._election.ask(lambda kazoo: kazoo.get_children_async(self._path, watch=self._row_changed))
        except NoNodeError:
            return []
        return sorted(names, key=lambda name: name[-SEQUENCE_DIGITS:])

    def _row_changed(self, _: object) -> None:
        """In kazoo's thread. A method, not a closure: kazoo keeps each different watcher until it is called."""
        self._election.in_loop(self._wake.set)

    async def _confirm(self, ours: list[str]) -> int | None:
        """Writes our place, which only a living session can; None when it is not there. A second one of ours is given up."""
        from kazoo.exceptions import NoNodeError

        for more in ours[1:]:
            await self._give_up(more)
        try:
            stat = await self._election.ask(lambda kazoo: kazoo.set_async(f"{self._path}/{ours[0]}", self._me.encode()))
        except NoNodeError:
            return None
        if not self._election.is_ours(stat.ephemeralOwner):
            await self._give_up(ours[0])
            return None
        self._place = ours[0]
        return int(stat.czxid)

    async def _give_up(self, place: str) -> None:
        from kazoo.exceptions import NoNodeError

        with contextlib.suppress(NoNodeError):
            await self._election.ask(lambda kazoo: kazoo.delete_async(f"{self._path}/{place}"))

    async def _join(self) -> None:
        from kazoo.exceptions import NoNodeError

        place = f"{self._path}/{self._mark}"
        try:
            await self._election.ask(
                lambda kazoo: kazoo.create_async(place, self._me.encode(), ephemeral=True, sequence=True, makepath=True)
            )
        except NoNodeError:
            raise NoAnswer(f"ZooKeeper has no such chroot: {self._election.config.zookeeper}") from None

    async def _holder(self, name: str) -> str:
        from kazoo.exceptions import NoNodeError

        try:
            data, _ = await self._election.ask(lambda kazoo: kazoo.get_async(f"{self._path}/{name}"))
        except NoNodeError:
            return "another relay"
        return str((data or b"another relay").decode(errors="replace"))

    async def _raise(self, number: int) -> Fenced | Refused | Unfenced:
        assert self._fence is not None
        try:
            standing = await asyncio.to_thread(self._fence.raise_to, number, self._me)
        except OSError as error:
            return Unfenced(f"the fence {self._fence.path}: {error.strerror or error}")
        return Fenced(number) if standing.number == number else Refused(*standing)
