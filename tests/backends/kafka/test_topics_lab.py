"""The topics source on a real Kafka 4: every kind of topic, and a broker that is away, hangs, and comes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from backends.kafka.config import Cluster, Limit, TopicFilter
from backends.snapshots import Topic, Topics
from backends.source import Unavailable
from backends.topics import TopicsSource
from tests.backends.kafka_peer import KafkaPeer
from tests.lab.kafka import Kafka4

MARKUP = b"[red]mark[/]up \x1b[31m\x07"
PATIENCE_S = 30.0


def line(loaded_age: float, sent_age: float, extra: bytes = b"x") -> bytes:
    times = (datetime.fromtimestamp(time.time() - age, UTC).strftime("%Y-%m-%d %H:%M:%S.%f") for age in (loaded_age, sent_age))
    return ",".join(["1", "a", "b", "c", *times]).encode() + b"," + extra


@pytest.fixture(scope="module")
def peer(kafka4: Kafka4) -> KafkaPeer:
    return KafkaPeer(kafka4.address())


@asynccontextmanager
async def watching(address: str, *include: str, limits: tuple[Limit, ...] = ()) -> AsyncIterator[TopicsSource]:
    source = TopicsSource(Cluster("main", bootstrap=address, topics=TopicFilter([*include]), limits=[*limits]), "kafka[0]")
    try:
        yield source
    finally:
        await source.close()


async def look(source: TopicsSource) -> dict[str, Topic]:
    return {topic.name: topic for topic in (await source.observe(time.time())).topics}


async def until_seen(source: TopicsSource, holds: Callable[[Topics], bool]) -> Topics:
    """Asks as the engine does: again and again, through whatever trouble."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if holds(seen := await source.observe(time.time())):
                    return seen
            except Unavailable:
                pass
            await asyncio.sleep(0.05)


async def test_every_kind_of_topic_has_its_state_and_its_newest_record(kafka4: Kafka4, peer: KafkaPeer) -> None:
    names = ("fresh", "late", "empty", "junk", "tombstone", "committed", "aborted", "big", "future")
    peer.create({f"kinds.{name}": 3 if name == "fresh" else 1 for name in names})
    peer.write("kinds.fresh", line(500, 600), line(400, 500), partition=0)
    peer.write("kinds.fresh", line(300, 400), line(3, 5), partition=2)
    peer.write("kinds.late", line(3 * 3600, 3 * 3600 + 60))
    peer.write("kinds.junk", MARKUP)
    peer.write("kinds.tombstone", line(3, 5), None)
    peer.write_transaction("kinds.committed", line(9, 9), commit=True)
    peer.write_transaction("kinds.aborted", line(9, 9), commit=False)
    peer.write("kinds.big", line(3, 5, b"x" * (5 << 20)))
    peer.write("kinds.future", line(-3600, -3590))
    async with watching(kafka4.address(), "kinds.*", "kinds.missing", limits=(Limit("kinds.*", warn=300, crit=900),)) as source:
        seen = await look(source)
    states = {name.removeprefix("kinds."): topic.state for name, topic in seen.items()}
    fine = dict.fromkeys(("fresh", "tombstone", "committed", "aborted", "big", "future"), "ok")
    assert states == {**fine, "late": "crit", "empty": "empty", "junk": "unparsable", "missing": "unknown"}
    fresh = seen["kinds.fresh"]
    assert fresh.loaded_age_s == pytest.approx(3, abs=5) and fresh.load_delay_s == pytest.approx(2, abs=0.1)
    assert fresh.records_per_s is None and fresh.worst_partition == 0
    assert [each.state for each in fresh.detail] == ["ok", "empty", "ok"]
    assert seen["kinds.junk"].detail[0].sample == MARKUP.decode()
    assert seen["kinds.tombstone"].reason == "the newest record is a tombstone (null value)"
    assert seen["kinds.committed"].detail[0].end == 2  # the record and its marker
    assert seen["kinds.future"].loaded_age_s == pytest.approx(-3600, abs=10)
    assert "ahead of our clock" in (seen["kinds.future"].reason or "")
    assert len(seen["kinds.big"].detail[0].sample or "") == 200


async def test_only_what_moved_is_read_again_and_a_recreated_topic_starts_anew(kafka4: Kafka4, peer: KafkaPeer) -> None:
    peer.create({"moves": 2})
    peer.write("moves", *(line(60, 60) for _ in range(10)), partition=0)
    peer.write("moves", line(50, 50), partition=1)
    async with watching(kafka4.address(), "moves") as source:
        before = (await look(source))["moves"]
        peer.write("moves", line(1, 1), partition=1)
        seen = await until_seen(source, lambda topics: topics.topics[0].detail[1].end == 2 and topics.topics[0].records_per_s is not None)
        after = seen.topics[0]
        assert after.detail[0].read_at == before.detail[0].read_at and after.detail[1].read_at != before.detail[1].read_at
        assert after.loaded_age_s == pytest.approx(1, abs=4)
        peer.delete("moves")
        peer.create({"moves": 2})
        peer.write("moves", line(7, 7), partition=0)
        again = (await look(source))["moves"]
        assert again.records_per_s is None and [each.state for each in again.detail] == ["ok", "empty"]
        assert again.loaded_age_s == pytest.approx(7, abs=4)


async def test_a_killed_broker_is_named_in_time_and_the_same_source_comes_back_with_it(
    kafka4: Kafka4, peer: KafkaPeer, capfd: pytest.CaptureFixture[str]
) -> None:
    """A restarted KRaft broker has new leader epochs: without fresh metadata it would be refused for ever. Nothing is ever printed."""
    peer.create({"comes.back": 1})
    peer.write("comes.back", line(3, 5))
    async with watching(kafka4.address(), "comes.back") as source:
        await source.observe(time.time())
        kafka4.kill()
        began = time.monotonic()
        with pytest.raises(Unavailable) as trouble:
            await source.observe(time.time())
        assert time.monotonic() - began < 3.0
        assert str(trouble.value).startswith(f"kafka main: no broker answers at {kafka4.address()} (")
        assert str(trouble.value).endswith("; is it running? see kafka[0].bootstrap")
        await asyncio.to_thread(kafka4.start)
        back = await until_seen(source, lambda topics: topics.topics[0].state == "ok")
        assert back.topics[0].detail[0].end == 1
        peer.write("comes.back", line(1, 1))
        newer = await until_seen(source, lambda topics: topics.topics[0].detail[0].end == 2)
        assert newer.topics[0].loaded_age_s == pytest.approx(1, abs=4)
    assert capfd.readouterr().err == ""


async def test_a_hung_broker_keeps_nobody_waiting_and_nothing_it_says_is_taken_for_a_figure(kafka4: Kafka4, peer: KafkaPeer) -> None:
    peer.create({"hangs": 1})
    peer.write("hangs", line(3, 5))
    async with watching(kafka4.address(), "hangs") as source:
        await source.observe(time.time())
        kafka4.hang()
        try:
            began = time.monotonic()
            with pytest.raises(Unavailable, match="no broker answers"):
                await source.observe(time.time())
            assert time.monotonic() - began < 6.0
        finally:
            kafka4.resume()
        assert (await until_seen(source, lambda topics: topics.topics[0].state == "ok")).topics[0].detail[0].end == 1


async def test_a_reading_can_be_cancelled_at_once_and_the_next_one_works(kafka4: Kafka4, peer: KafkaPeer) -> None:
    peer.create({"cancelled": 1})
    async with watching(kafka4.address(), "cancelled") as source:
        task = asyncio.ensure_future(source.observe(time.time()))
        await asyncio.sleep(0)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1.0
        assert (await until_seen(source, lambda topics: True)).topics[0].state == "empty"


async def test_an_action_is_refused_with_a_sentence(kafka4: Kafka4) -> None:
    async with watching(kafka4.address(), "*") as source:
        answer = await source.act("purge", {}, {})
    assert not answer.ok and "no action 'purge' on topics" in answer.text
