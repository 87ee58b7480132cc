"""Runs the sources: one task each, so that a slow, broken or hanging one disturbs no other. Pace, deadlines and back-off are decided here.

A cycle never overlaps the next. Expected trouble (`Unavailable`, no answer in time) becomes a snapshot that keeps the last data; a bug
becomes one too, with its traceback in the log, and the source is closed, made anew and tried again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from msgspec.structs import replace

from backends.details import of_name, with_detail
from backends.questions import Found, Question, Whole, WholeOf
from backends.snapshots import Data, Snapshot
from backends.source import Answer, Source, Unavailable, Unconfigured

log = logging.getLogger(__name__)

FIRST_RETRY: Final = 1.0  # seconds; doubled after each failure
MAX_RETRY: Final = 30.0
QUICK_RETRY: Final = 2.0  # a source with a short interval is asked at least this often: "back again" is seen within an interval and this
SILENCE: Final = 3  # intervals without a reading, then what we have is stale
LEAST_SILENCE: Final = 5.0  # seconds; a source asked every second is not stale for one slow answer
TICK: Final = 1.0  # seconds between two looks for silence
SUSPENDED: Final = 3.0  # seconds that a tick took: this process was stopped, or the clock was set
GRACE: Final = 1.0  # seconds that a cancelled reading and a close may take; then it is left behind
REST: Final = 0.25  # of the interval, at least, between two readings: a slow source gets slower


def retry_delay(failures: int, interval: float) -> float:
    """Seconds after the nth failure in a row: 1, 2, 4 ..., and never so long that a return goes unseen."""
    return min(FIRST_RETRY * 2.0 ** min(failures - 1, 10), MAX_RETRY, max(interval, QUICK_RETRY))


def rest(interval: float, took: float) -> float:
    """Seconds from the end of a good reading to the next one. A clock that was set back meanwhile counts for nothing."""
    return max(interval - max(took, 0.0), interval * REST)


def _whole(snapshot: Snapshot, name: str | None) -> Whole:
    data = snapshot.data
    return Whole(snapshot.observed_at, data if data is None or name is None else of_name(data, name))


class Watch:
    """One source, what it said last and how it is doing."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.snapshot = Snapshot(source.name, source.kind, "stale", error="waiting for the first answer", interval_s=source.interval)
        self.failures = 0
        self.asked_at = 0.0  # epoch seconds of the reading that runs, or of the last one
        self.answered_at = 0.0
        self.took = 0.0  # seconds, the last good reading
        self.wake = asyncio.Event()


class Engine:
    """`publish` is called with every new snapshot, in the loop of `run`. `remake` makes a source of that name anew after a bug in it."""

    def __init__(
        self,
        sources: Iterable[Source | Unconfigured],
        publish: Callable[[Snapshot], None],
        *,
        remake: Callable[[str], Source] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._publish = publish
        self._remake = remake
        self._clock = clock
        self._sleep = sleep
        self._unconfigured: list[Unconfigured] = []
        self._watches: dict[str, Watch] = {}
        for source in sources:
            if isinstance(source, Unconfigured):
                self._unconfigured.append(source)
            else:
                self._watches[source.name] = Watch(source)

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._watches)

    async def run(self) -> NoReturn:
        """Until it is cancelled; then all sources are closed, within two GRACEs."""
        for kind in self._unconfigured:
            self._publish(Snapshot(kind.kind, kind.kind, "unconfigured", error=kind.hint))
        for watch in self._watches.values():
            self._publish(watch.snapshot)
        try:
            async with asyncio.TaskGroup() as group:
                for watch in self._watches.values():
                    group.create_task(self._watch(watch), name=f"source {watch.source.name}")
                group.create_task(self._look_for_silence(), name="silence")
        finally:
            await asyncio.gather(*(self._close(watch.source) for watch in self._watches.values()))
        raise AssertionError("the tasks of the engine never end by themselves")

    def refresh(self, name: str | None = None) -> bool:
        """Asks that source, or all, at once instead of at its time. False when there is none of that name."""
        if name is not None and name not in self._watches:
            return False
        for watch in self._watches.values():
            if name in (None, watch.source.name):
                watch.wake.set()
        return True

    def kind(self, name: str) -> str | None:
        watch = self._watches.get(name)
        return watch.source.kind if watch else None

    def act_deadline(self, name: str) -> float:
        """Seconds. Raises KeyError when there is no such source."""
        return self._watches[name].source.act_deadline

    async def act(self, name: str, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        """Raises KeyError when there is no such source, Unavailable, and whatever a bug in it raises."""
        answer = await self._watches[name].source.act(verb, arguments, expect)
        self.refresh(name)
        return answer

    async def ask(self, name: str, question: Question) -> Found:
        """Raises KeyError when there is no such source, Unavailable, and whatever a bug in it raises."""
        watch = self._watches[name]
        if isinstance(question, WholeOf):
            return _whole(watch.snapshot, question.name)
        return with_detail(await watch.source.ask(question), watch.snapshot.data)

    def check_silence(self, now: float) -> None:
        """Publishes as stale what has not answered for too long. A source that is always slow is given twice what it took last time."""
        for watch in self._watches.values():
            limit = max(SILENCE * watch.source.interval, LEAST_SILENCE, 2 * watch.took)
            if watch.snapshot.state == "ok" and now - watch.answered_at > limit:
                error = f"asked {now - watch.asked_at:.0f} s ago and has not answered; it is given {watch.source.deadline:.0f} s"
                self._say(watch, replace(watch.snapshot, state="stale", error=error))

    async def _look_for_silence(self) -> NoReturn:
        while True:
            before = self._clock()
            await self._sleep(TICK)
            passed = self._clock() - before
            if passed > SUSPENDED:  # it was not the sources that were silent
                for watch in self._watches.values():
                    watch.answered_at += passed
            self.check_silence(self._clock())

    async def _watch(self, watch: Watch) -> NoReturn:
        while True:
            watch.wake.clear()
            watch.asked_at = self._clock()
            try:
                delay = self._answered(watch, await self._read(watch.source, watch.asked_at))
            except Unavailable as trouble:
                delay = self._failed(watch, trouble)
            except Exception as bug:
                log.exception("source %s: internal error", watch.source.name)
                said = f"internal error in {watch.source.name} ({type(bug).__name__}); it is started anew, see the log"
                delay = self._failed(watch, Unavailable(said))
                await self._renew(watch)
            await self._pause(watch, delay)

    async def _read(self, source: Source, now: float) -> Data:
        """One reading. What ignores its cancellation is left behind, and the source counts as broken."""
        task = asyncio.ensure_future(source.observe(now))
        try:
            await asyncio.wait([task], timeout=source.deadline)
            if task.done():
                if task.cancelled():
                    raise RuntimeError("observe was cancelled by itself")
                return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=GRACE)
                if task.done() and not task.cancelled():
                    task.exception()  # it is too late for that answer
        if not task.done():
            raise RuntimeError(f"observe went on for {GRACE:g} s after it was cancelled")
        raise Unavailable(f"{source.name}: no answer within {source.deadline:g} s")

    def _answered(self, watch: Watch, data: Data) -> float:
        source = watch.source
        self._say(watch, Snapshot(source.name, source.kind, "ok", observed_at=watch.asked_at, data=data, interval_s=source.interval))
        watch.failures = 0
        watch.answered_at = self._clock()
        watch.took = watch.answered_at - watch.asked_at
        return rest(source.interval, watch.took)

    def _failed(self, watch: Watch, trouble: Unavailable) -> float:
        watch.failures += 1
        delay = retry_delay(watch.failures, watch.source.interval)
        next_try_at = self._clock() + delay
        self._say(watch, replace(watch.snapshot, state=trouble.state, error=trouble.error, next_try_at=next_try_at))
        return delay

    def _say(self, watch: Watch, snapshot: Snapshot) -> None:
        self._publish(snapshot)
        watch.snapshot = snapshot  # what could not be published is not kept

    async def _pause(self, watch: Watch, seconds: float) -> None:
        """Until it is time, or somebody asks for a reading now."""
        tasks = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(watch.wake.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    async def _renew(self, watch: Watch) -> None:
        name = watch.source.name
        await self._close(watch.source)
        if self._remake is None:
            return
        try:
            watch.source = self._remake(name)
        except Exception:
            log.exception("source %s: cannot be made anew", name)

    async def _close(self, source: Source) -> None:
        task = asyncio.ensure_future(source.close())
        await asyncio.wait([task], timeout=GRACE)
        if not task.done():
            task.cancel()
            log.error("source %s: did not close within %g s", source.name, GRACE)
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.error("source %s: internal error in close", source.name, exc_info=error)
