"""The newest records of a topic for somebody who looks, on real brokers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain

import pytest

from backends.kafka import records as kafka_records
from backends.kafka.config import Cluster, TopicFilter
from backends.questions import ANSWER_BYTES, MAX_RECORDS, VALUE_BYTES, WHOLE_BYTES, HistoryOf, Records, RecordsOf
from backends.source import Unavailable
from backends.topics import TopicsSource
from tests.backends.topic_peer import TopicPeer, line
from tests.lab.kafka import Kafka4


@asynccontextmanager
async def source_of(address: str) -> AsyncIterator[TopicsSource]:
    source = TopicsSource(Cluster("main", bootstrap=address, topics=TopicFilter(["*"])), "kafka[0]")
    try:
        yield source
    finally:
        await source.close()


async def ask(address: str, question: RecordsOf) -> Records:
    async with source_of(address) as source:
        found = await source.ask(question)
    assert isinstance(found, Records)
    return found


async def test_a_record_is_shown_with_all_that_belongs_to_it(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.one": 1})
    peer.send("rec.one", b"\x00\xffvalue", b"a key", {"trace": b"\x01\x02", "none": None})
    peer.send("rec.one", None)
    found = await ask(address, RecordsOf("rec.one"))
    newest, first = found.records
    assert (newest.offset, newest.value, newest.key, newest.value_size) == (1, None, None, 0)
    assert (first.offset, first.value, first.key, first.headers) == (
        0,
        b"\x00\xffvalue",
        b"a key",
        (("trace", b"\x01\x02"), ("none", None)),
    )
    assert first.time_kind == "create" and first.at == pytest.approx(time.time(), abs=30)
    assert (found.of, found.note, first.aborted) == (2, "", False)


async def test_a_partition_is_paged_backwards_to_its_start(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.pages": 1})
    peer.write("rec.pages", *(str(number).encode() for number in range(120)))
    pages, before = [], None
    async with source_of(address) as source:
        while (found := await source.ask(RecordsOf("rec.pages", 0, before, limit=50))).records:  # type: ignore[union-attr]
            assert isinstance(found, Records) and found.of == (before if before is not None else 120)
            pages.append([record.offset for record in found.records])
            before = found.records[-1].offset
    assert [len(page) for page in pages] == [50, 50, 20] and [*chain(*pages)] == [*range(119, -1, -1)]


async def test_across_partitions_the_newest_come_first_by_their_time(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.spread": 3})
    now = time.time()
    for number in range(30):
        peer.write("rec.spread", str(number).encode(), partition=number % 3, at=now - 100 + number)
    found = await ask(address, RecordsOf("rec.spread", limit=10))
    assert [record.value for record in found.records] == [str(number).encode() for number in range(29, 19, -1)]
    assert found.of == 30 and found.note == ""


async def test_markers_and_aborted_records_are_said(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.transactions": 1})
    peer.write("rec.transactions", b"plain")
    peer.write_transaction("rec.transactions", b"committed", commit=True)
    with peer.transaction("rec.transactions", b"aborted"):
        pass
    with peer.transaction("rec.transactions", b"open"):
        found = await ask(address, RecordsOf("rec.transactions"))
    assert [(record.value, record.aborted) for record in found.records] == [
        (b"open", True), (b"aborted", True), (b"committed", False), (b"plain", False)
    ]  # fmt: skip
    assert found.note == "offsets without a record: transaction markers, or compaction" and found.of == 6


async def test_records_far_behind_a_row_of_markers_are_found(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.behind": 1})
    peer.write("rec.behind", *(str(number).encode() for number in range(5)))
    for _ in range(20):
        peer.write_transaction("rec.behind", b"x", commit=True)
    found = await ask(address, RecordsOf("rec.behind", limit=22))
    assert len(found.records) == 22 and found.records[-1].value == b"3"


async def test_large_values_are_cut_and_one_is_had_whole(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.large": 1})
    peer.write("rec.large", *(b"x" * (20 << 20) for _ in range(5)))
    found = await ask(address, RecordsOf("rec.large", limit=50))
    assert all(len(record.value or b"") == VALUE_BYTES and record.value_size == 20 << 20 for record in found.records)
    assert [record.offset for record in found.records][:2] == [4, 3] and found.note.startswith("more than 64 MiB to read: ")
    whole = await ask(address, RecordsOf("rec.large", 0, before=3, limit=1, whole=True))
    assert [(record.offset, len(record.value or b"")) for record in whole.records] == [(2, WHOLE_BYTES)]


async def test_an_answer_has_a_size(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.many": 1})
    peer.write("rec.many", *(b"x" * VALUE_BYTES for _ in range(200)))
    found = await ask(address, RecordsOf("rec.many", limit=10_000))
    assert len(found.records) == ANSWER_BYTES // (VALUE_BYTES + len(b"key")) < MAX_RECORDS
    assert found.note == f"cut at 8 MiB: {len(found.records)} of 200"


async def test_what_cannot_be_shown_is_said_in_a_sentence(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.two": 2})
    async with source_of(address) as source:
        for question, sentence in (
            (RecordsOf("rec.no"), "kafka main: topic 'rec.no': there is no such topic"),
            (RecordsOf("rec.two", 2), "kafka main: topic 'rec.two' has no partition 2; it has 2 partitions, from 0 on"),
            (RecordsOf("rec.two", -1), "kafka main: topic 'rec.two' has no partition -1; it has 2 partitions, from 0 on"),
            (RecordsOf("rec.two", None, 7), "kafka main: topic 'rec.two': an offset to begin before belongs to one partition; say which"),
            (HistoryOf("somebody"), "kafka main: topics have records, and no history of offsets"),
        ):
            with pytest.raises(Unavailable) as trouble:
                await source.ask(question)
            assert str(trouble.value) == sentence
        assert (await source.ask(RecordsOf("rec.two"))) == Records("rec.two", (), 0)
        assert (await source.ask(RecordsOf("rec.two", 1, before=-5, limit=0))) == Records("rec.two", (), 0)


async def test_looking_joins_no_group_and_does_not_disturb_the_readings(address: str, peer: TopicPeer) -> None:
    peer.create({"rec.calm": 4})
    for partition in range(4):
        peer.write("rec.calm", *(line(3, 5) for _ in range(50)), partition=partition)
    groups = peer.groups()
    async with source_of(address) as source:
        asked = asyncio.gather(*(source.ask(RecordsOf("rec.calm")) for _ in range(3)))
        topics, answers = await source.observe(time.time()), await asked
        assert [topic.loaded_age_s for topic in topics.topics if topic.name == "rec.calm"] == [pytest.approx(3, abs=20)]
        assert all(isinstance(answer, Records) and len(answer.records) == 50 for answer in answers)
        assert peer.groups() == groups


async def test_the_handles_end_when_nobody_asks_any_more(kafka4: Kafka4, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_records, "IDLE_S", 0.1)
    peer = TopicPeer(kafka4.address())
    peer.create({"rec.idle": 1})
    peer.write("rec.idle", b"x")
    async with source_of(kafka4.address()) as source:
        await source.ask(RecordsOf("rec.idle"))
        await asyncio.sleep(0.5)
        assert source._desk._client is None
        assert len((await source.ask(RecordsOf("rec.idle"))).records) == 1  # type: ignore[union-attr]


async def test_a_hung_broker_is_said_in_time(kafka4: Kafka4) -> None:
    peer = TopicPeer(kafka4.address())
    peer.create({"rec.hung": 1})
    peer.write("rec.hung", b"x")
    async with source_of(kafka4.address()) as source:
        await source.ask(RecordsOf("rec.hung"))
        kafka4.hang()
        try:
            began = time.monotonic()
            with pytest.raises(Unavailable, match="no broker answers"):
                await source.ask(RecordsOf("rec.hung"))
            assert time.monotonic() - began < 8.0
        finally:
            kafka4.resume()
        async with asyncio.timeout(20):
            while True:
                try:
                    assert len((await source.ask(RecordsOf("rec.hung"))).records) == 1  # type: ignore[union-attr]
                    break
                except Unavailable:
                    await asyncio.sleep(0.2)
