"""Every state that a partition's newest record may be in, on real brokers of both kinds."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from backends.kafka.config import Budget, Cluster, Limit, Payload, TopicFilter, TopicPayload
from backends.snapshots import Topic, TopicPartition, Topics
from backends.topics import TopicsSource
from tests.backends.topic_peer import COMPACTED, TopicPeer, line

CONFLUENT = b"\0" + (17).to_bytes(4) + b"\x06abc"


@asynccontextmanager
async def watching(address: str, *include: str, **keys: object) -> AsyncIterator[TopicsSource]:
    source = TopicsSource(Cluster("main", bootstrap=address, topics=TopicFilter([*include]), **keys), "kafka[0]")  # type: ignore[arg-type]
    try:
        yield source
    finally:
        await source.close()


async def look(source: TopicsSource) -> dict[str, Topic]:
    return {topic.name: topic for topic in (await source.observe(time.time())).topics}


async def read(address: str, name: str, **keys: object) -> tuple[Topic, TopicPartition]:
    async with watching(address, name, **keys) as source:
        topic = (await look(source))[name]
    return topic, topic.detail[0]


async def test_a_log_that_was_emptied_is_told_from_one_that_never_held_anything(address: str, peer: TopicPeer) -> None:
    peer.create({"emptied": 2})
    peer.write("emptied", line(3, 5), line(3, 5))
    peer.delete_records("emptied", 2)
    topic, part = await read(address, "emptied")
    assert topic.state == "empty" and topic.reason == "no records left: all are past their retention"
    assert [each.state for each in topic.detail] == ["emptied", "empty"] and (part.start, part.end) == (2, 2)


async def test_records_behind_six_hundred_aborted_ones_and_none_but_markers(address: str, peer: TopicPeer) -> None:
    peer.create({"markers": 1, "aborts": 1})
    peer.write_transaction("markers", line(3, 5), commit=True)
    peer.delete_records("markers", 1)
    with peer.transaction("aborts", *(line(9, 9, str(n).encode()) for n in range(600))):
        pass
    topic, part = await read(address, "markers")
    assert (part.state, topic.state) == ("markers", "ok") and "transaction markers" in (topic.reason or "")
    topic, part = await read(address, "aborts")
    assert (part.state, part.offset, part.end) == ("aborted", 599, 601)
    assert topic.state == "ok" and topic.reason == "the newest record was aborted: its producer lives, its transactions do not succeed"


async def test_an_open_transaction_is_said_and_one_that_never_ends_is_lost(address: str, peer: TopicPeer) -> None:
    peer.create({"open": 1})
    with peer.transaction("open", line(2, 2)):
        async with watching(address, "open") as source:
            part = (await look(source))["open"].detail[0]
            assert (part.state, part.reason) == ("ok", "the newest record is in a transaction that has not ended yet")
            later = (await source.observe(time.time() + 90)).topics[0]
            assert later.detail[0].state == "aborted" and "has not ended for 1 min" in (later.reason or "")
    _, part = await read(address, "open")
    assert part.state == "aborted"


async def test_a_committed_transaction_is_nothing_special(address: str, peer: TopicPeer) -> None:
    peer.create({"committed": 1})
    peer.write_transaction("committed", line(3, 5), commit=True)
    topic, part = await read(address, "committed")
    assert (topic.state, topic.reason, part.state, part.reason) == ("ok", None, "ok", None)
    assert (part.offset, part.end) == (0, 2)


async def test_a_compacted_log_is_read_at_its_newest_record_whatever_holes_are_before_it(address: str, peer: TopicPeer) -> None:
    peer.create_as("compacted", COMPACTED)
    peer.clean_often()
    peer.write("compacted", *(line(3, 5) for _ in range(20)))

    def has_holes() -> bool:
        peer.write("compacted", line(3, 5))  # closes the segment before it, and only closed ones are cleaned
        return len(peer.offsets("compacted")) < 20

    peer.wait(has_holes, "the log was not compacted")
    peer.write("compacted", None)
    topic, part = await read(address, "compacted")
    assert (part.start, part.state, topic.state) == (0, "tombstone", "ok") and part.end is not None and part.offset == part.end - 1
    assert topic.reason == "the newest record is a tombstone (null value)" and part.value_bytes is None


async def test_a_large_record_is_fine_and_its_size_is_told(address: str, peer: TopicPeer) -> None:
    peer.create({"large": 1})
    peer.write("large", line(3, 5, b"x" * (20 << 20)))
    topic, part = await read(address, "large")
    assert (topic.state, part.state, topic.reason) == ("ok", "ok", "the newest record is large: 20.0 MiB")
    assert part.value_bytes is not None and part.value_bytes > 20 << 20 and topic.loaded_age_s == pytest.approx(3, abs=10)


async def test_bytes_that_are_no_text_are_judged_by_the_records_time_unless_times_were_configured(address: str, peer: TopicPeer) -> None:
    peer.create({"avro": 1})
    peer.write("avro", CONFLUENT, at=time.time() - 600)
    topic, part = await read(address, "avro")
    assert (topic.state, part.state) == ("ok", "not text")
    assert topic.reason == "values are not text (Confluent wire format, schema id 17): judged by record time"
    assert topic.record_age_s == pytest.approx(600, abs=5) and topic.payload is not None and topic.payload.format == "binary"
    late, _ = await read(address, "avro", limits=[Limit("*", crit=300.0)])
    assert late.state == "crit"
    topic, part = await read(address, "avro", payload=Payload("csv", ",", 5, 6))
    assert (topic.state, part.state) == ("unparsable", "not text") and topic.reason == "not text: Confluent wire format, schema id 17"
    topic, part = await read(address, "avro", payload=Payload("none"))
    assert (topic.state, part.state, topic.reason, topic.payload) == ("ok", "ok", None, None)


async def test_json_is_found_out_or_pointed_at_and_topics_may_differ(address: str, peer: TopicPeer) -> None:
    now = int(time.time())
    peer.create({"json.found": 1, "json.told": 1, "json.lines": 1})
    peer.write("json.found", f'{{"id": 7, "meta": {{"loaded_at": {now - 3}000, "sent_at": "{now - 5}"}}}}'.encode())
    peer.write("json.told", f'{{"a/b": [{now - 3}, 0], "m~n": {now - 5}}}'.encode())
    peer.write("json.lines", line(3, 5))
    told = TopicPayload(topic="*.told", format="json", loaded="/a~1b/0", sent="/m~0n")
    async with watching(address, "json.*", payloads=[told]) as source:
        seen = await look(source)
    assert all(topic.loaded_age_s == pytest.approx(3, abs=5) and topic.load_delay_s == pytest.approx(2, abs=0.1) for topic in seen.values())
    forms = {name: topic.payload for name, topic in seen.items()}
    found, lines = forms["json.found"], forms["json.lines"]
    assert found is not None and (found.loaded, found.sent, found.written) == ("/meta/loaded_at", "/meta/sent_at", "epoch_ms, epoch_s")
    assert found.detected == ("format", "loaded", "sent", "written") and (found.fits, found.samples) == (1, 1)
    assert lines is not None and (lines.delimiter, lines.loaded, lines.sent, lines.written) == (",", "5", "6", "iso")


async def test_who_wrote_the_records_time_is_known(address: str, peer: TopicPeer) -> None:
    peer.create_as("appended", {"message.timestamp.type": "LogAppendTime"})
    peer.create({"created": 1})
    for name in ("appended", "created"):
        peer.write(name, line(3, 5), at=time.time() - 500)
    (_, appended), (_, created) = await read(address, "appended"), await read(address, "created")
    assert (appended.record_time, created.record_time) == ("append", "create")
    assert appended.record_at is not None and created.record_at is not None
    assert time.time() - appended.record_at < 60 and time.time() - created.record_at > 400


async def test_a_clock_ahead_is_a_negative_age_and_said_at_its_partition(address: str, peer: TopicPeer) -> None:
    peer.create({"ahead": 1})
    peer.write("ahead", line(-3600, -3590))
    topic, part = await read(address, "ahead")
    assert topic.loaded_age_s == pytest.approx(-3600, abs=10) and "loaded time is" in (part.reason or "")


async def test_what_does_not_fit_the_budget_waits_for_its_turn_and_gets_it(address: str, peer: TopicPeer) -> None:
    peer.create({"budget": 8})
    for partition in range(8):
        peer.write("budget", line(3, 5), partition=partition)
    async with watching(address, "budget", budget=Budget(partitions=3)) as source:
        first: Topics = await source.observe(time.time())
        assert first.reading is not None and (first.reading.moved, first.reading.read, first.reading.left) == (8, 3, 5)
        assert first.topics[0].reason == "5 partitions wait for their turn"
        assert sorted(part.state for part in first.topics[0].detail) == ["ok"] * 3 + ["waiting"] * 5
        await source.observe(time.time())
        last = await source.observe(time.time())
    assert last.reading is not None and (last.reading.moved, last.reading.read, last.reading.left) == (2, 2, 0)
    assert last.topics[0].reason is None and len({part.read_at for part in last.topics[0].detail}) == 8


async def test_huge_records_starve_nobody(address: str, peer: TopicPeer) -> None:
    peer.create({"huge.big": 4, "huge.small": 1})
    for partition in range(4):
        peer.write("huge.big", line(3, 5, b"x" * (20 << 20)), partition=partition)
    peer.write("huge.small", line(3, 5))
    async with watching(address, "huge.*", budget=Budget(bytes=30 << 20)) as source:
        while (seen := await source.observe(time.time())).reading is None or seen.reading.left:
            assert seen.reading is not None and seen.reading.bytes <= 4 * len(line(3, 5, b"x" * (20 << 20)))
        for partition in range(4):
            peer.write("huge.big", line(3, 5, b"x" * (20 << 20)), partition=partition)
        peer.write("huge.small", line(3, 5))
        moved = await source.observe(time.time())
        assert moved.reading is not None and (moved.reading.moved, moved.reading.read) == (5, 2)
        assert {topic.name: topic.reason for topic in moved.topics} == {
            "huge.small": None,
            "huge.big": "the newest record is large: 20.0 MiB; 3 partitions wait for their turn",
        }
        assert moved.reading.oldest_read_at is not None and moved.reading.oldest_read_at < time.time()
