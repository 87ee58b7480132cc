"""The loop of one sender: it looks for files, claims, sends and settles. The decisions are in delivery.py; outbox.py has the files,
channels.py the sockets.

All that blocks is done in one thread. What a turn of the loop needs at once (claims) goes there before what can wait (the archive), and
a scan goes there in pieces, so that neither a full outbox nor a slow archive holds up what is to be sent.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from relay.config import Sender as SenderConfig
from relay.counters import wall
from relay.election.leadership import ALONE, Leadership
from relay.record import Layout
from relay.sending.channels import Channels, Tls
from relay.sending.delivery import Delivery
from relay.sending.filing import Filing
from relay.sending.outbox import Claimed, Outbox
from relay.sending.queue import Entry
from relay.sending.search import Search
from relay.sending.words import Action, Destination, Event, Held
from relay.status import ConnectionStatus, FailedFile, SenderStatus
from relay.storage.moves import shown

log = logging.getLogger(__name__)

T = TypeVar("T")

ADOPT_EVERY: Final = 30.0  # seconds between two looks for claims of dead relays
ASK_EVERY: Final = 0.25  # seconds between two questions whether we lead, while we do not
JITTER: Final = (0.8, 1.2)  # so that many files, and many relays, do not try again in step
RATE_SPAN: Final = 60  # seconds of `sent_per_min`


class Sender:
    """`trouble(severity, source, text)` reaches the operator. The leadership is started and closed with the sender."""

    def __init__(
        self,
        config: SenderConfig,
        layout: Layout,
        outbox: Outbox,
        trouble: Callable[[str, str, str], None],
        *,
        leadership: Leadership = ALONE,
        tls: Tls | None = None,
    ) -> None:
        self.config = config
        self._outbox = outbox
        self._tell = trouble
        self._leadership = leadership
        self._delivery = Delivery(
            layout.codes,
            config.backoff,
            retries=config.retries,
            parallel=config.parallel,
            is_strict=config.order == "strict",
            gives_up=config.when_unanswered == "fail",
            jitter=lambda: random.uniform(*JITTER),
        )
        self._is_alone = leadership is ALONE
        self._channels = Channels(config, layout, tls, happened=self._happened, may_send=None if self._is_alone else self._ask)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"outbox of {config.name}")
        self._wake = asyncio.Event()
        self._search = Search(
            config.name, outbox, self._delivery, interval=config.scan_interval, in_thread=self._in_thread, wake=self._wake.set
        )
        self._filing = Filing(
            config.name, outbox, destination=config.connect, is_deleting=config.after_sent == "delete", in_thread=self._in_thread
        )
        self._events: list[Event] = []
        self._adopt_at = 0.0
        self._ask_at = 0.0
        self._may_send = True
        self._fence_error: str | None = None
        self._failed: tuple[int, tuple[FailedFile, ...]] = (0, ())
        self._failed_at = 0.0
        self._marks: deque[tuple[float, int]] = deque(maxlen=RATE_SPAN + 1)
        self._was = Destination.UP
        self.is_paused = False
        self._is_draining = False

    async def open(self) -> None:
        """Makes the outbox and takes back what an earlier run had claimed. Raises OSError."""
        count = await self._in_thread(self._outbox.open)
        if count:
            log.info("%s: %d files that were being sent when the relay ended are sent again", self.config.name, count)
        await self._leadership.start()
        self._search.open()

    async def run(self) -> None:
        """Until `drain` has been called and nothing is in flight."""
        await self._recall()  # what an earlier run that ended by a bug left in flight
        while True:
            self._wake.clear()
            await self._settle()
            if self._is_draining:
                if not self._delivery.in_flight and not self._events:
                    await self._filing.finish()
                    return
            else:
                await self._lead()
                await self._search.look()
                await self._count_failed()
                if self._may_send and not self.is_paused and time.monotonic() >= self._filing.refused_until:
                    await self._begin()
            await self._sleep()

    async def _sleep(self) -> None:
        if self._events or (self._search.is_busy and not self._is_draining):
            return
        now = time.monotonic()
        until = [now + 1.0 if self._is_draining else self._search.next_at]
        if not self._may_send:
            until.append(self._ask_at)
        elif not self.is_paused and not self._is_draining:
            oldest_at = self._delivery.oldest_at
            settled_at = None if oldest_at is None else now + oldest_at + self.config.settle - time.time()
            until += [at for at in (self._delivery.wake_at(now), settled_at) if at is not None and at > now]
        if self._filing.refused_until > now:
            until.append(self._filing.refused_until)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(min(until) - now, 0.001)):
                await self._wake.wait()

    # Who sends.

    async def _ask(self) -> bool:
        """Whether we may send, now."""
        return await self._in_thread(self._leads)

    def _leads(self) -> bool:
        """In the thread."""
        try:
            self._fence_error = None
            return self._leadership.may_send()
        except OSError as error:
            self._fence_error = f"it cannot be read who sends: {error.strerror or error}"
            return False

    async def _lead(self) -> None:
        """Asks whether we do. A new leader takes what earlier ones had claimed; alone, we look for claims of the dead now and then."""
        now = time.monotonic()
        if not self._is_alone and (self._may_send or now >= self._ask_at):
            self._ask_at = now + ASK_EVERY
            self._may_send = await self._ask()
            if self._leadership.changed() and self._may_send:
                await self._adopt(is_fenced=True)
        if self._may_send and now >= self._adopt_at:
            await self._adopt(is_fenced=False)

    async def _adopt(self, *, is_fenced: bool) -> None:
        self._adopt_at = time.monotonic() + ADOPT_EVERY
        count = await self._in_thread(lambda: self._outbox.claims.adopt(is_fenced=is_fenced))
        if count:
            whose = "an earlier leader" if is_fenced else "a dead relay"
            self._tell("warning", self.config.name, f"{count} files that {whose} had claimed are back in the outbox")
            self._search.hurry()

    # Sending.

    async def _begin(self) -> None:
        chosen = self._delivery.choose(time.monotonic(), time.time() - self.config.settle)
        if not chosen:
            return
        known = self._delivery.queue.known
        entries = [known[action.name] for action in chosen]
        found: list[Claimed | Event]
        try:
            found = await self._in_thread(lambda: self._claim(entries))
        except OSError as error:
            self._filing.refuse(error, str(self._outbox.place))
            found = [Held(entry.name) for entry in entries]
        claimed = []
        for each in found:
            if isinstance(each, Claimed):
                claimed.append(each)
            else:
                self._happened(each)
        self._channels.send(claimed)

    def _claim(self, entries: Sequence[Entry]) -> list[Claimed | Event]:
        """In the thread. The leadership is asked before, and again when the lines are ready to go."""
        if not self._is_alone and not self._leads():
            return [Held(entry.name) for entry in entries]
        found = self._outbox.claim(entries, time.time())
        if self._is_alone or self._leads():
            return found
        return [Held(each.name) if isinstance(each, Claimed) else each for each in found]

    def _happened(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    async def _settle(self) -> None:
        """What happened since the last turn, and what follows for the files."""
        events, self._events = self._events, []
        now = time.monotonic()
        actions: list[Action] = []
        for event in events:
            actions += self._delivery.feed(event, now)
        await self._filing.do(actions, now)
        self._report()

    async def _count_failed(self) -> None:
        """The files of failed/, now and then: an operator may have taken some away."""
        if time.monotonic() >= self._failed_at:
            self._failed_at = time.monotonic() + self.config.scan_interval
            with contextlib.suppress(OSError):  # what hinders us there is said when a file is to go there
                self._failed = await self._in_thread(self._outbox.endings.failed)

    def _report(self) -> None:
        state = self._delivery.state
        if state is Destination.BACKING_OFF and self._was is Destination.UP:
            text = f"{self.config.connect}: {shown(self._delivery.last_error or '')}; the outbox waits"
            self._tell("warning", self.config.name, text)
        elif state is Destination.UP and self._was is not Destination.UP:
            self._tell("info", self.config.name, f"{self.config.connect} answers again")
        self._was = state

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # Asked for.

    def pause(self) -> None:
        """Starts nothing more; `in_flight` says when the last answer has come."""
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False
        self._wake.set()

    @property
    def in_flight(self) -> int:
        return self._delivery.in_flight

    async def put(self, name: str, line: bytes) -> str:
        """A new file of the outbox, whole or not at all. Returns its name, which is another one when that is taken. Raises OSError."""
        found = await self._in_thread(lambda: self._outbox.put(name, line))
        self._search.heard([found])
        return found

    async def resend(self, files: Sequence[str] | None) -> list[str]:
        """From failed/ back into the outbox: these, or all. Returns those that were there. Raises OSError."""
        names = await self._in_thread(lambda: self._outbox.resend(files))
        self._failed_at = 0.0
        self._search.hurry()
        return names

    def drain(self) -> None:
        """Starts nothing more; what is in flight may hear its answer."""
        self._is_draining = True
        self._wake.set()

    async def cut(self) -> None:
        """Ends what is in flight; the files go back to the outbox. Only when `run` has ended."""
        await self._channels.cut()
        await self._settle()
        await self._recall()

    async def _recall(self) -> None:
        await self._channels.cut()
        self._events.clear()
        await self._filing.do(self._delivery.recall(), time.monotonic())

    async def close(self) -> None:
        await self._leadership.close()
        await self._channels.cut()
        self._channels.close()
        await self._search.close()
        await self._filing.close()
        await self._in_thread(self._outbox.close)
        self._thread.shutdown(wait=False)

    def disconnect(self, number: int) -> bool:
        return self._channels.disconnect(number)

    # Told.

    def tick(self) -> None:
        self._marks.append((time.monotonic(), self._delivery.sent))

    def status(self) -> SenderStatus:
        found, now = self._delivery, time.monotonic()
        oldest = found.oldest_at
        error = self._fence_error or self._standing() or self._filing.error or self._search.error or self._search.odd or found.last_error
        return SenderStatus(
            name=self.config.name,
            connect=self.config.connect,
            state=self._state(),
            waiting=found.queued + self._search.beyond,
            oldest_waiting_s=None if oldest is None else time.time() - oldest,
            in_flight=found.in_flight,
            sent=found.sent,
            failed=self._failed[0],
            retries=found.retries,
            last_error=None if error is None else shown(error),
            next_try_at=wall(found.next_try_at, now),
            last_sent_at=wall(found.last_sent_at, now),
            sent_per_min=self._rate(),
            outbox=shown(str(self._outbox.place)),
        )

    @property
    def failed_files(self) -> tuple[FailedFile, ...]:
        return self._failed[1]

    def connection_statuses(self) -> Iterable[ConnectionStatus]:
        return self._channels.statuses()

    def _standing(self) -> str | None:
        """Why we do not send, in an election."""
        return self._leadership.why if not self._is_draining else None

    def _state(self) -> str:
        if self._is_draining:
            return "draining"
        if self.is_paused:
            return "paused"
        if self._leadership.state in ("standby", "lost"):
            return self._leadership.state
        if self._delivery.state is Destination.PROBING:
            return "probing"
        if self._delivery.state is Destination.BACKING_OFF:
            return "backing_off"
        return "sending" if self._delivery.in_flight else "idle"

    def _rate(self) -> float | None:
        if len(self._marks) < 2:
            return None
        (began, before), (ended, after) = self._marks[0], self._marks[-1]
        return (after - before) / (ended - began) * 60 if ended > began else None
