"""The engine over sources that do as they are told, in a time that passes when the test says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

import monitor.engine
from backends.snapshots import Data, Snapshot
from backends.source import Answer, Source, Unavailable, Unconfigured
from monitor.engine import Engine, rest, retry_delay
from tests.monitor.fakes import START, FakeSource, Published, Time, queues, settled
from tests.waiting import until


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[None]:
    task = asyncio.create_task(engine.run())
    await settled()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Story:
    """An engine over these sources, its time and what it said."""

    def __init__(self, *sources: Source | Unconfigured, remade: Source | Exception | None = None) -> None:
        self.time, self.said = Time(), Published()
        self.engine = Engine(sources, self.said, remake=self._remake if remade else None, clock=self.time.clock, sleep=self.time.sleep)
        self._remade = remade

    def _remake(self, name: str) -> Source:
        assert self._remade is not None
        if isinstance(self._remade, Exception):
            raise self._remade
        return self._remade


async def test_a_source_is_asked_at_once_and_then_once_an_interval() -> None:
    source = FakeSource(interval=10)
    story = Story(source)
    async with running(story.engine):
        assert story.said.states() == ["stale", "ok"], "what is not known yet is not shown as well"
        await story.time.passes(25)
        assert source.asked_at == [START, START + 10, START + 20]
        assert story.said.last == Snapshot("broker-a", "queues", "ok", observed_at=START + 20, data=queues(), interval_s=10)


async def test_a_kind_with_nothing_configured_says_how() -> None:
    story = Story(Unconfigured("heap", "add `heap:`"))
    async with running(story.engine):
        assert story.said.snapshots == [Snapshot("heap", "heap", "unconfigured", error="add `heap:`")]


async def test_a_source_that_goes_down_keeps_its_last_data_and_says_when_it_is_tried_again() -> None:
    story = Story(FakeSource(queues("DLQ"), Unavailable("broker-a: connection refused"), interval=10))
    async with running(story.engine):
        await story.time.passes(10)
        last = story.said.last
        assert (last.state, last.error, last.next_try_at) == ("down", "broker-a: connection refused", START + 11)
        assert (last.data, last.observed_at) == (queues("DLQ"), START)


async def test_tries_grow_apart_and_a_return_is_seen_within_an_interval() -> None:
    source = FakeSource(queues(), *[Unavailable("gone")] * 6, queues(), interval=10)
    story = Story(source)
    async with running(story.engine):
        await story.time.passes(60)
        assert [at - START for at in source.asked_at] == [0, 10, 11, 13, 17, 25, 35, 45, 55]
        assert story.said.states()[-2:] == ["ok", "ok"]
        assert (story.said.last.error, story.said.last.next_try_at) == (None, None)


@pytest.mark.parametrize(
    ("interval", "delays"),
    [(1, [1, 2, 2, 2, 2, 2, 2]), (10, [1, 2, 4, 8, 10, 10, 10]), (60, [1, 2, 4, 8, 16, 30, 30])],
)
def test_back_off_is_never_slower_than_the_interval_or_two_seconds(interval: float, delays: list[float]) -> None:
    assert [retry_delay(failures, interval) for failures in range(1, 8)] == delays
    assert retry_delay(10_000, interval) == delays[-1]


@pytest.mark.parametrize(("took", "pause"), [(0, 10), (4, 6), (9.9, 2.5), (40, 2.5), (-3600, 10)])
def test_a_slow_source_gets_its_rest_and_a_clock_set_back_stops_nothing(took: float, pause: float) -> None:
    assert rest(10, took) == pause


async def test_a_denied_source_is_denied_and_not_down() -> None:
    story = Story(FakeSource(Unavailable("no rights", "denied")))
    async with running(story.engine):
        assert story.said.last.state == "denied"


async def test_a_reading_that_takes_too_long_is_cancelled_and_told() -> None:
    source = FakeSource(asyncio.Event(), deadline=0.01)
    story = Story(source)
    async with running(story.engine):
        await until(lambda: story.said.last.state == "down")
        assert story.said.last.error == "broker-a: no answer within 0.01 s"
        assert source.running == 0


async def test_cycles_never_overlap_however_often_a_refresh_is_asked_for() -> None:
    gate = asyncio.Event()
    source = FakeSource(gate)
    story = Story(source)
    async with running(story.engine):
        for _ in range(5):
            assert story.engine.refresh("broker-a")
            await settled()
        assert (len(source.asked_at), source.most_running) == (1, 1)
        gate.set()
        await settled()
        assert (len(source.asked_at), source.most_running) == (2, 1), "all those asked for one more reading"


async def test_refresh_asks_one_or_all_at_once_also_one_that_is_in_back_off() -> None:
    one, two = FakeSource(name="one", interval=60), FakeSource(Unavailable("gone"), name="two", interval=60)
    story = Story(one, two)
    async with running(story.engine):
        assert story.engine.refresh("two")
        await settled()
        assert (len(one.asked_at), len(two.asked_at)) == (1, 2)
        assert story.engine.refresh()
        await settled()
        assert (len(one.asked_at), len(two.asked_at)) == (2, 3)
        assert not story.engine.refresh("three")


async def test_a_bug_ends_that_source_alone_which_is_made_anew(caplog: pytest.LogCaptureFixture) -> None:
    broken, fresh, other = FakeSource(queues(), KeyError("bug")), FakeSource(queues("DLQ")), FakeSource(name="other")
    story = Story(broken, other, remade=fresh)
    async with running(story.engine):
        await story.time.passes(10)
        down = story.said.snapshots[-2] if story.said.last.source == "other" else story.said.last
        assert (down.state, down.data) == ("down", queues())
        assert down.error == "internal error in broker-a (KeyError); it is started anew, see the log"
        assert "Traceback" in caplog.text
        assert (broken.closed, other.closed) == (1, 0)
        await story.time.passes(1)
        assert story.said.last.data == queues("DLQ")
        assert story.said.states("other") == ["stale", "ok", "ok"]


async def test_a_source_that_cannot_be_made_anew_goes_on_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    broken = FakeSource(ValueError("bug"), queues())
    story = Story(broken, remade=LookupError("gone"))
    async with running(story.engine):
        await story.time.passes(1)
        assert story.said.last.state == "ok"
    assert "cannot be made anew" in caplog.text


async def test_data_that_cannot_be_published_is_a_bug_of_its_source_and_is_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    said = Published()

    def publish(snapshot: Snapshot) -> None:
        if snapshot.data is not None:
            raise OverflowError("can't serialize ints > 64 bits")
        said(snapshot)

    engine = Engine([FakeSource()], publish, clock=Time().clock, sleep=Time().sleep)
    async with running(engine):
        assert (said.last.state, said.last.data) == ("down", None)
        assert "OverflowError" in (said.last.error or "")


class Deaf(FakeSource):
    """Ignores its cancellation, which no source may."""

    async def observe(self, now: float) -> Data:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.closed:
                    raise


async def test_a_source_that_ignores_its_deadline_is_left_behind(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(monitor.engine, "GRACE", 0.01)
    deaf, fresh = Deaf(deadline=0.01), FakeSource()
    story = Story(deaf, remade=fresh)
    async with running(story.engine):
        await until(lambda: deaf.closed)
        assert "internal error" in (story.said.last.error or "")
        await story.time.passes(1)
        assert story.said.last.state == "ok"
    assert "observe went on" in caplog.text
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def test_a_source_that_does_not_answer_is_stale_after_three_intervals() -> None:
    gate = asyncio.Event()
    story = Story(FakeSource(queues(), gate, queues(), interval=10, deadline=60))
    async with running(story.engine):
        await story.time.passes(30)
        assert story.said.last.state == "ok"
        await story.time.passes(1)
        assert (story.said.last.state, story.said.last.observed_at) == ("stale", START)
        assert story.said.last.error == "asked 21 s ago and has not answered; it is given 60 s"
        gate.set()
        await settled()
        assert story.said.states() == ["stale", "ok", "stale", "ok"]


async def test_a_machine_that_was_suspended_blames_no_source() -> None:
    story = Story(FakeSource(queues(), asyncio.Event(), interval=10, deadline=60))
    async with running(story.engine):
        await story.time.passes(10.5)
        story.time.now += 3_600
        await story.time.passes(0.6)
        assert story.said.last.state == "ok"


async def test_a_source_that_is_always_slow_does_not_flap() -> None:
    gates = [asyncio.Event() for _ in range(3)]
    story = Story(FakeSource(*gates, interval=1, deadline=60))
    async with running(story.engine):
        for gate in gates:
            await story.time.passes(8)
            gate.set()
            await settled()
    assert story.said.states() == ["stale", "ok", "ok", "ok"]


async def test_an_action_goes_to_its_source_which_is_asked_again() -> None:
    source = FakeSource()
    story = Story(source)
    async with running(story.engine):
        assert await story.engine.act("broker-a", "purge", {"queue": "q"}, {"pending": 1}) == Answer(True, "done")
        await settled()
        assert (source.acts, len(source.asked_at)) == ([("purge", {"queue": "q"}, {"pending": 1})], 2)


async def test_all_are_closed_at_the_end_also_when_one_cannot(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(FakeSource):
        async def close(self) -> None:
            raise RuntimeError("bug in close")

    class Hanging(FakeSource):
        async def close(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(monitor.engine, "GRACE", 0.01)
    good, reading = FakeSource(name="good"), FakeSource(asyncio.Event(), name="reading")
    async with running(Story(Broken(name="a"), good, Hanging(name="b"), reading).engine):
        assert good.closed == 0
    assert (good.closed, reading.closed, reading.running) == (1, 1, 0)
    assert "bug in close" in caplog.text
    assert "source b: did not close within" in caplog.text
