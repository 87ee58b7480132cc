"""Sockets of one sender, and the loop that scans, claims, sends and settles. The decisions are in delivery.py and outbox.py.

per_file opens a channel for each file, persistent keeps idle ones, pipelined shares one.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

from relay import delivery
from relay.channel import Channel, TryFailed, in_words
from relay.config import Sender as SenderConfig
from relay.delivery import Attempt, Delivery, Destination, Fail, Release
from relay.leadership import ALONE, Leadership
from relay.outbox import Claimed, Outbox, Reason, Scan
from relay.record import Layout
from relay.status import ConnectionStatus, FailedFile, SenderStatus
from settings.forms import split_address

log = logging.getLogger(__name__)

T = TypeVar("T")

ADOPT_EVERY: Final = 30.0  # seconds between two looks for claims of dead relays
SCAN_SHARE: Final = 10  # a scan may take at most a tenth of the time
JITTER: Final = (0.8, 1.2)  # so that many files, and many relays, do not try again in step
RATE_SPAN: Final = 60  # seconds of `sent_per_min`


class ClientTls(Protocol):
    def arguments(self) -> dict[str, Any]:
        """`ssl` and `server_hostname` for loop.create_connection, as they are now."""


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
        tls: ClientTls | None = None,
    ) -> None:
        self.config = config
        self._leadership = leadership
        self._tls = tls
        self._layout = layout
        self._outbox = outbox
        self._trouble = trouble
        self._address = split_address(config.connect)
        self._delivery = Delivery(
            layout.codes,
            config.backoff,
            retries=config.retries,
            parallel=config.parallel,
            is_strict=config.order == "strict",
            gives_up=config.when_unanswered == "fail",
            jitter=lambda: random.uniform(*JITTER),
        )
        self._files = ThreadPoolExecutor(1, thread_name_prefix=f"outbox of {config.name}")
        self._channels: dict[int, Channel] = {}
        self._idle: list[Channel] = []
        self._shared: Channel | None = None
        self._opening = asyncio.Lock()
        self._wake = asyncio.Event()
        self._events: list[delivery.Event] = []
        self._tries: dict[str, asyncio.Task[None]] = {}
        self._unsettled: list[delivery.Action] = []  # what the disk refused; tried again with the next scan
        self._scan = Scan((), 0, None, (), 0)
        self._scan_at = 0.0
        self._adopt_at = 0.0
        self._failed: tuple[int, tuple[FailedFile, ...]] = (0, ())
        self._marks: deque[tuple[float, int]] = deque(maxlen=RATE_SPAN + 1)
        self._file_error: str | None = None
        self._was = Destination.UP
        self.is_paused = False
        self._is_draining = False

    async def open(self) -> None:
        """Makes the outbox and takes back what an earlier run had claimed. Raises OSError."""
        count = await self._in_thread(self._outbox.open)
        if count:
            log.info("%s: %d files that were being sent when the relay ended are sent again", self.config.name, count)

    async def run(self) -> None:
        """Until `drain` has been called and nothing is in flight."""
        while True:
            self._wake.clear()
            await self._settle()
            if not self._is_draining:
                await self._look()
                if not self.is_paused:
                    await self._begin(self._delivery.choose(time.monotonic()))
            elif not self._tries and not self._events:
                return
            await self._sleep()

    async def _sleep(self) -> None:
        if self._events:
            return
        now = time.monotonic()
        due = self._delivery.wake_at(now)
        until = self._scan_at if due is None or self.is_paused else min(due, self._scan_at)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(until - now, 0.001) if not self._is_draining else 1.0):
                await self._wake.wait()

    async def _look(self) -> None:
        """Scans when it is time, or when everything known is on its way."""
        now = time.monotonic()
        is_hungry = not self._delivery.queued and self._scan.waiting > len(self._scan.files) + self._scan.unsettled
        if now < self._scan_at and not is_hungry:
            return
        try:
            if now >= self._adopt_at:
                self._adopt_at = now + ADOPT_EVERY
                if count := await self._in_thread(self._outbox.adopt):
                    self._trouble("warning", self.config.name, f"{count} files that a dead relay had claimed are back in the outbox")
            self._scan = await self._in_thread(lambda: self._outbox.scan(time.time()))
            self._failed = await self._in_thread(self._outbox.failed)
            self._file_error = f"left alone: {'; '.join(self._scan.odd[:3])}" if self._scan.odd else None
        except OSError as error:
            self._file_error = f"{self._outbox.place}: {error.strerror or error}"
            self._scan = Scan((), 0, None, (), 0)
        self._delivery.offer(waiting.name for waiting in self._scan.files)
        took = time.monotonic() - now
        pause = max(self.config.scan_interval, took * SCAN_SHARE)
        self._scan_at = time.monotonic() + (min(pause, max(self.config.settle, 0.05)) if self._scan.unsettled else pause)

    async def _begin(self, actions: list[delivery.Action]) -> None:
        names = [action.name for action in actions if isinstance(action, Attempt)]
        if not names:
            return
        try:
            found = {each.name: each for each in await self._in_thread(lambda: self._outbox.claim(names))}
        except OSError as error:
            self._file_error = f"{self._outbox.place}: {error.strerror or error}"
            found = {}
        for name in names:
            claimed = found.get(name)
            if claimed is None:
                self._happened(delivery.Gone(name))
            elif isinstance(claimed, Claimed):
                self._tries[name] = asyncio.create_task(self._try(claimed))
            else:
                self._happened(delivery.Unfit(name, claimed.reason))

    def _happened(self, event: delivery.Event) -> None:
        self._events.append(event)
        self._wake.set()

    async def _try(self, claimed: Claimed) -> None:
        name = claimed.name
        event: delivery.Event = delivery.Broken(name, "the relay is being stopped")
        try:
            channel = await self._channel()
            self._happened(delivery.Sent(name))
            code = await channel.exchange(claimed.line, claimed.key, self.config.timeout)
            self._give_back(channel)
            event = delivery.Answered(name, code)
        except TryFailed as error:
            event = delivery.Broken(name, str(error), is_behind=error.is_behind)
        except Exception as error:
            log.exception("%s: sending %s failed in a way that has no rule", self.config.name, name)
            event = delivery.Broken(name, f"{type(error).__name__}: {error}")
        finally:
            self._tries.pop(name, None)
            self._happened(event)

    async def _channel(self) -> Channel:
        """An open connection. Raises TryFailed."""
        if self.config.connection == "pipelined":
            async with self._opening:
                if self._shared is None or not self._shared.is_open:
                    self._shared = await self._connect()
                return self._shared
        while self._idle:
            channel = self._idle.pop()
            if channel.is_open:
                return channel
        return await self._connect()

    async def _connect(self) -> Channel:
        loop = asyncio.get_running_loop()
        for number in [number for number, channel in self._channels.items() if not channel.is_open]:
            del self._channels[number]
        try:
            async with asyncio.timeout(self.config.timeout):
                _, channel = await loop.create_connection(
                    lambda: Channel(self._layout), *self._address, **(self._tls.arguments() if self._tls else {})
                )
        except TimeoutError:
            raise TryFailed(f"no connection within {self.config.timeout:g} s") from None
        except OSError as error:
            raise TryFailed(in_words(error)) from None
        self._channels[channel.id] = channel
        return channel

    def _give_back(self, channel: Channel) -> None:
        if self.config.connection == "per_file":
            channel.close()
        elif self.config.connection == "persistent" and channel.is_open:
            self._idle.append(channel)

    async def _settle(self) -> None:
        """What happened since the last turn, and what follows for the files."""
        events, self._events = self._events, []
        actions, self._unsettled = self._unsettled, []
        now = time.monotonic()
        for event in events:
            actions += self._delivery.feed(event, now)
        if actions:
            self._unsettled = await self._in_thread(lambda: self._carry_out(actions))
        self._report()

    def _carry_out(self, actions: Iterable[delivery.Action]) -> list[delivery.Action]:
        """In the thread. Returns those that the disk refused."""
        left = []
        for action in actions:
            try:
                self._carry_out_one(action)
            except FileNotFoundError as error:
                log.warning("%s: %s is gone: %s", self.config.name, action.name, error)
            except OSError as error:
                self._file_error = f"{action.name}: {error.strerror or error}"
                left.append(action)
        return left

    def _carry_out_one(self, action: delivery.Action) -> None:
        match action:
            case delivery.Archive(name):
                if self.config.after_sent == "delete":
                    self._outbox.delete(name)
                else:
                    self._outbox.archive(name, time.time())
            case Fail():
                if action.is_queued and not self._outbox.claim([action.name]):
                    return
                destination = self.config.connect
                times = (_wall(action.first_try_at), _wall(action.last_try_at))
                self._outbox.fail(Reason(action.name, destination, action.tries, *times, action.last_code, action.last_error))
            case Release(name):
                self._outbox.release([name])
            case Attempt():
                raise AssertionError("attempts are begun, not carried out")

    def _report(self) -> None:
        state = self._delivery.state
        if state is Destination.BACKING_OFF and self._was is Destination.UP:
            self._trouble("warning", self.config.name, f"{self.config.connect}: {self._delivery.last_error}; the outbox waits")
        elif state is Destination.UP and self._was is not Destination.UP:
            self._trouble("info", self.config.name, f"{self.config.connect} answers again")
        self._was = state

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._files, work)

    # Asked for.

    def pause(self) -> None:
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
        self._scan_at = 0.0
        self._wake.set()
        return found

    async def resend(self, files: Sequence[str] | None) -> list[str]:
        """From failed/ back into the outbox: these, or all. Returns those that were there. Raises OSError."""
        names = await self._in_thread(lambda: self._outbox.resend(files))
        self._scan_at = 0.0
        self._wake.set()
        return names

    def drain(self) -> None:
        """Starts nothing more; what is in flight may hear its answer."""
        self._is_draining = True
        self._wake.set()

    async def cut(self) -> None:
        """Ends what is in flight; the files go back to the outbox."""
        tries = list(self._tries.values())
        for task in tries:
            task.cancel()
        await asyncio.gather(*tries, return_exceptions=True)
        await self._settle()

    async def close(self) -> None:
        for channel in self._channels.values():
            channel.close()
        await self._in_thread(self._outbox.close)
        self._files.shutdown(wait=False)

    def disconnect(self, number: int) -> bool:
        channel = self._channels.get(number)
        if channel is None or not channel.is_open:
            return False
        channel.end("disconnected by an operator")
        return True

    def tick(self) -> None:
        self._marks.append((time.monotonic(), self._delivery.sent))

    def status(self) -> SenderStatus:
        found = self._delivery
        waiting = found.queued + self._scan.waiting - len(self._scan.files)  # the queue is younger than the scan
        oldest = self._oldest_at() if waiting else None
        return SenderStatus(
            name=self.config.name,
            connect=self.config.connect,
            state=self._state(),
            waiting=waiting,
            oldest_waiting_s=None if oldest is None else time.time() - oldest,
            in_flight=found.in_flight,
            sent=found.sent,
            failed=self._failed[0],
            retries=found.retries,
            last_error=self._file_error or found.last_error,
            next_try_at=_wall(found.next_try_at),
            last_sent_at=_wall(found.last_sent_at),
            sent_per_min=self._rate(),
            outbox=str(self._outbox.place),
        )

    def _oldest_at(self) -> float | None:
        first = self._delivery.first
        return next((file.changed_at for file in self._scan.files if file.name == first), self._scan.oldest_at)

    @property
    def failed_files(self) -> tuple[FailedFile, ...]:
        return self._failed[1]

    def _state(self) -> str:
        if self._is_draining:
            return "draining"
        if self.is_paused:
            return "paused"
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

    def connection_statuses(self) -> Iterable[ConnectionStatus]:
        for channel in self._channels.values():
            if not channel.is_open:
                continue
            counters = channel.counters
            yield ConnectionStatus(
                id=channel.id,
                name=self.config.name,
                direction="out",
                peer=self.config.connect,
                since=channel.since,
                state="waiting for an answer" if channel.waiting else "idle",
                records=counters.records,
                bytes=counters.bytes,
                acks=counters.acks,
                naks={str(code): count for code, count in sorted(counters.naks.items())},
                last_record_at=counters.last_record_at,
                last_error=channel.last_error,
            )


def _wall(at: float | None) -> float | None:
    """Epoch seconds of a moment on the monotonic clock, on which pauses are kept: it is never set back."""
    return None if at is None else time.time() - (time.monotonic() - at)
