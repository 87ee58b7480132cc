"""The demonstration's brokers: what they show fits together, messages can be looked at, and what is done to a queue is remembered."""

import asyncio
import itertools
import json
from typing import Any

import msgspec
import pytest

from backends import demo
from backends.activemq.messages.lines import to_line
from backends.broker import Queue
from backends.messages import Messages
from backends.questions import BODY_BYTES, Found, Jobs, JobsOf, MessagesOf, Preview, PreviewOf, found_in
from backends.snapshots import Queues
from backends.source import Answer, Source, Unavailable

NOW = 1_763_800_000.0
WORST = 175.0
CALM = 5.0
DLQ = "orders.dlq"


class Story:
    """One broker, at one moment after the other."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.data = Queues(demo.broker_a(0.0, NOW).broker, (), None)

    async def at(self, passed: float) -> "Story":
        data = await self.source.observe(NOW + passed)
        assert isinstance(data, Queues)
        self.data = data
        return self

    def queue(self, name: str) -> Queue:
        return next(queue for queue in self.data.queues if queue.name == name)

    def has(self, name: str) -> bool:
        return any(queue.name == name for queue in self.data.queues)

    async def does(self, verb: str, expect: dict[str, Any] | None = None, **arguments: Any) -> Answer:
        """With what a preview of it told to expect, unless it is given."""
        agreed = (await self.previews(verb, **arguments)).expect if expect is None and verb != "cancel" else expect
        return await self.source.act(verb, arguments, agreed or {})

    async def asks(self, question: Any) -> Found:
        found = await self.source.ask(question)
        assert found_in(msgspec.msgpack.encode(found)) == found  # it survives the wire
        return found

    async def browses(self, queue: str, **fields: Any) -> Messages:
        found = await self.asks(MessagesOf(queue, **fields))
        assert isinstance(found, Messages)
        return found

    async def previews(self, verb: str, **arguments: Any) -> Preview:
        found = await self.asks(PreviewOf(verb, json.dumps(arguments)))
        assert isinstance(found, Preview)
        return found


async def story(broker: str = "broker-a", at: float = WORST) -> Story:
    source = next(source for source in demo.demo_sources(at) if source.name == broker)
    return await Story(source).at(0)


# What is shown


@pytest.mark.parametrize("broker", ["broker-a", "broker-b"])
async def test_what_a_broker_shows_fits_together(broker: str) -> None:
    data = (await story(broker, 100.0)).data
    for queue in data.queues:
        assert queue.enqueued - queue.dequeued == queue.pending
        consumers = [each for each in data.subscribers if each.kind == "queue" and each.destination == queue.name]
        assert len(consumers) == queue.consumers and sum(each.in_flight or 0 for each in consumers) == queue.in_flight
        assert (queue.oldest_age_s is None) == (queue.pending == 0) == (queue.oldest_basis is None)
    assert data.broker.messages == sum(queue.pending for queue in data.queues)
    clients = {connection.client_id for connection in data.connections}
    assert {each.client_id for each in data.subscribers if each.active} <= clients and data.broker.connections == len(clients)
    for topic in data.topics:
        assert topic.consumers == sum(each.active for each in data.subscribers if each.kind == "topic" and each.destination == topic.name)


async def test_a_durable_subscriber_may_be_offline_and_falls_behind() -> None:
    offline = [each for each in (await story()).data.subscribers if not each.active]
    later = [each for each in (await (await story()).at(60)).data.subscribers if not each.active]
    assert [each.subscription for each in offline] == ["monthly-report"]
    assert (later[0].pending or 0) > (offline[0].pending or 0)


async def test_the_bridge_is_down_while_the_other_broker_is_away() -> None:
    assert [(await story(at=at)).data.networks[0].active for at in (100.0, WORST)] == [True, False]


async def test_counters_of_queues_never_go_back() -> None:
    one = await story(at=0.0)
    seen = []
    for passed in range(0, int(2 * demo.ROUND), 5):
        await one.at(passed)
        seen.append([queue.enqueued for queue in one.data.queues] + [queue.dequeued for queue in one.data.queues])
    assert all(before <= after for earlier, later in itertools.pairwise(seen) for before, after in zip(earlier, later, strict=True))


# Messages


async def test_messages_are_the_same_when_they_are_asked_for_twice() -> None:
    assert await (await story()).browses(DLQ, limit=200) == await (await story()).browses(DLQ, limit=200)


async def test_dead_letters_are_of_every_kind_and_know_where_they_were() -> None:
    found = await (await story()).browses(DLQ, limit=500)
    assert len(found.messages) == found.looked == found.pending == 145 and found.is_end
    assert {each.kind for each in found.messages} == {"text", "bytes", "map", "object", "empty"}
    assert {each.original_destination for each in found.messages} == {"queue://orders.in"}
    assert all(each.redeliveries and each.is_typed for each in found.messages)
    assert {each.type for each in found.messages[0].properties} == {"String", "Int", "Long", "Double", "Boolean", "Byte"}
    bodies = b"".join(each.body or b"" for each in found.messages)
    assert all(words in bodies for words in (b"[red]", b"<?xml", b'"order"', "문의".encode()))
    assert [each.at for each in found.messages] == sorted(each.at or 0.0 for each in found.messages)


async def test_pages_follow_each_other() -> None:
    one = await story()
    whole = await one.browses(DLQ, limit=30)
    pages = [await one.browses(DLQ, limit=10, skip=skip) for skip in (0, 10, 20)]
    assert tuple(each for page in pages for each in page.messages) == whole.messages
    assert [page.skipped for page in pages] == [0, 10, 20] and not pages[0].is_end
    assert (await one.browses(DLQ, skip=1_000)).messages == ()


async def test_a_large_body_is_cut_until_it_is_asked_for_whole() -> None:
    one = await story()
    large = next(each for each in (await one.browses(DLQ, limit=100)).messages if (each.body_size or 0) > BODY_BYTES)
    assert large.body is not None and len(large.body) == BODY_BYTES
    (whole,) = (await one.browses(DLQ, id=large.id, whole=True)).messages
    assert whole.body is not None and len(whole.body) == whole.body_size == large.body_size


async def test_a_text_is_looked_for_in_headers_properties_and_bodies_whatever_its_case() -> None:
    one = await story()
    (message, *_) = (await one.browses(DLQ, limit=1)).messages
    for text in (message.correlation_id or "", "redelivery POLICY", "문의: 1588"):
        found = await one.browses(DLQ, text=text, limit=500)
        assert 0 < len(found.messages) <= found.looked
    assert (await one.browses(DLQ, text="nowhere to be found")).messages == ()


async def test_a_selector_compares_one_name_and_says_so_when_it_is_given_more() -> None:
    one = await story()
    found = await one.browses(DLQ, selector="channel = '매장'", limit=500)
    assert found.messages and all(("channel", "매장") in [(each.name, each.value) for each in one.properties] for one in found.messages)
    assert (await one.browses(DLQ, selector="JMSPriority='9'")).messages
    with pytest.raises(Unavailable, match="name = 'value'"):
        await one.browses(DLQ, selector="amount > 5 OR x LIKE 'y%'")


async def test_a_queue_larger_than_memory_shows_its_head_and_says_why() -> None:
    one = await story(at=220.0)
    queue = one.queue("settlement.in")
    found = await one.browses("settlement.in", skip=3_990, limit=500)
    assert queue.cached is False and queue.pending > 4_000
    assert (len(found.messages), found.looked, found.pending) == (10, 4_000, queue.pending) and "memory" in found.note


async def test_without_stomp_bytes_are_cut_at_255() -> None:
    one = await story("broker-b", CALM)
    found = await one.browses("sensor.raw", whole=True)
    assert found.way == "jolokia" and max(len(each.body or b"") for each in found.messages) == 255


async def test_a_queue_that_is_not_there_is_named() -> None:
    with pytest.raises(Unavailable, match="has no queue 'nothing'"):
        await (await story()).browses("nothing")


# Actions


async def test_a_purged_queue_is_empty_and_fills_again() -> None:
    one = await story()
    preview = await one.previews("purge", queue=DLQ)
    assert preview.typed == DLQ and "145 messages" in preview.lines[0]
    assert preview.expect == {"name": DLQ, "pending": 145, "most": 181, "consumers": 0, "in_flight": 0}
    answer = await one.does("purge", dict(preview.expect), queue=DLQ)
    assert answer == Answer(True, "purged orders.dlq: 145 -> 0 pending (demonstration)")
    assert (await one.at(0)).queue(DLQ).pending == 0
    assert 0 < (await one.at(10)).queue(DLQ).pending < 20
    assert one.queue(DLQ).enqueued - one.queue(DLQ).dequeued == one.queue(DLQ).pending


async def test_counts_that_moved_too_far_are_asked_again() -> None:
    one = await story()
    preview = await one.previews("purge", queue=DLQ)
    await one.at(60)
    answer = await one.does("purge", dict(preview.expect), queue=DLQ)
    assert not answer.ok and answer.text.startswith("counts changed: 'orders.dlq' has 217 pending now")
    assert one.queue(DLQ).pending == 217


async def test_who_saw_no_counts_agreed_to_nothing() -> None:
    one = await story()
    answer = await one.does("purge", {}, queue=DLQ)
    assert not answer.ok and "say what you saw" in answer.text and one.queue(DLQ).pending == 145


async def test_a_purge_that_the_policy_denies_is_refused_before_and_at_last() -> None:
    one = await story("broker-b", CALM)
    assert str(one.data.broker.capabilities["purge"]).startswith("denied: ")
    preview = await one.previews("purge", queue="edge.in")
    assert preview.refused is not None and "jolokia-access.xml" in preview.refused and not preview.lines
    assert await one.does("purge", queue="edge.in") == Answer(False, preview.refused)


async def test_moved_messages_appear_where_they_went() -> None:
    one = await story()
    first = (await one.browses(DLQ, limit=3)).messages
    answer = await one.does("move", queue=DLQ, to="orders.kept", ids="\n".join(each.id for each in first))
    assert answer.text == "moved 3 messages from orders.dlq to orders.kept: orders.dlq 145 -> 142, orders.kept 0 -> 3 (demonstration)"
    await one.at(1)
    assert one.queue("orders.kept").pending == 3 and one.queue("orders.kept").verdict == "NO_CONSUMER"
    assert (await one.browses("orders.kept")).messages == first
    assert (await one.does("move", queue="orders.kept", to=DLQ)).ok
    assert one.queue("orders.kept") is not None and (await one.browses("orders.kept")).messages == ()


async def test_dead_letters_go_back_and_are_taken_by_the_consumers() -> None:
    one = await story()
    before = one.queue("orders.in").pending
    answer = await one.does("retry", queue=DLQ, first=40)
    assert answer.ok and answer.text.startswith("sent back 40 messages from orders.dlq to orders.in")
    assert (await one.at(1)).queue("orders.in").pending >= 40
    assert (await one.at(30)).queue("orders.in").pending < 15 and before < 15


async def test_a_second_copy_to_the_same_queue_changes_nothing() -> None:
    one = await story()
    for expected in ("kept 0 -> 5", "kept 5 -> 5"):
        assert expected in (await one.does("copy", queue=DLQ, to="kept", first=5)).text
    assert (await one.at(0)).queue(DLQ).pending == 145


async def test_messages_are_removed_by_selector_and_never_all() -> None:
    one = await story()
    answer = await one.does("remove", queue=DLQ, selector="JMSPriority = '9'")
    assert answer.ok and (await one.browses(DLQ, selector="JMSPriority = '9'")).messages == ()
    assert "purge" in (await one.does("remove", queue=DLQ)).text


async def test_a_paused_queue_grows_and_drains_when_it_is_resumed() -> None:
    one = await story(at=CALM)
    assert (await one.does("pause", queue="orders.in")).ok
    paused = (await one.at(20)).queue("orders.in")
    assert (paused.paused, paused.verdict, paused.dequeue_per_s, paused.in_flight) == (True, "PAUSED", 0.0, 0)
    assert paused.pending > 1_000 and (paused.oldest_age_s or 0) > 15
    assert (await one.does("resume", queue="orders.in")).ok
    assert (await one.at(40)).queue("orders.in").pending < 15 and one.queue("orders.in").verdict == "OK"


async def test_a_queue_is_created_sent_to_and_deleted() -> None:
    one = await story(at=CALM)
    assert (await one.does("create", queue="시험")).ok and (await one.at(0)).queue("시험").pending == 0
    answer = await one.does(
        "send",
        queue="시험",
        body="hello",
        count=3,
        properties='{"n": {"type": "Long", "value": 5}, "flag": {"type": "Boolean", "value": true}}',
    )
    assert answer.ok and "0 -> 3" in answer.text
    (sent, *_) = (await one.browses("시험")).messages
    assert (sent.body, sent.persistent, [each.type for each in sent.properties]) == (b"hello", True, ["Long", "Boolean"])
    assert (await one.previews("delete", queue="시험")).typed == "시험"
    assert (await one.does("delete", queue="시험")).ok and not (await one.at(0)).has("시험")


async def test_what_was_exported_is_imported_as_it_was() -> None:
    one = await story()
    kinds = ("text", "bytes", "map")
    kept = [each for each in (await one.browses(DLQ, limit=20)).messages if each.kind in kinds and len(each.body or b"") == each.body_size]
    assert (await one.does("create", queue="back")).ok
    answer = await one.does("import", queue="back", lines=b"".join(to_line(DLQ, each) for each in kept).decode())
    found = (await one.browses("back")).messages
    assert answer.ok and [(each.body, each.properties) for each in found] == [(each.body, each.properties) for each in kept]
    assert not (await one.does("import", queue="back", lines="{")).ok


async def test_a_move_of_many_shows_its_progress_and_can_be_cancelled() -> None:
    one = await story(at=200.0)
    task = asyncio.create_task(one.does("move", queue="settlement.in", to="settlement.parked"))
    jobs = await _running(one)
    assert (jobs[0].verb, jobs[0].queue, jobs[0].to, jobs[0].state) == ("move", "settlement.in", "settlement.parked", "running")
    assert 0 < jobs[0].done < (jobs[0].of or 0)
    assert (await one.does("cancel", job=jobs[0].id)).ok
    answer = await task
    assert not answer.ok and answer.text.startswith("cancelled: moved ")
    (job,) = (await one.at(1)).data.jobs
    assert job.state == "cancelled" and job.ended_at is not None and one.queue("settlement.parked").pending == job.done
    assert not (await one.does("cancel", job=job.id)).ok


async def _running(one: Story) -> tuple[Any, ...]:
    while True:
        await asyncio.sleep(0)
        jobs = await one.asks(JobsOf())
        assert isinstance(jobs, Jobs)
        if jobs.jobs and jobs.jobs[0].done:
            return jobs.jobs


@pytest.mark.parametrize(
    ("verb", "arguments", "why"),
    [
        ("move", {"queue": DLQ, "to": "topic://x"}, "is no queue"),
        ("move", {"queue": DLQ, "to": "a,b"}, "comma"),
        ("copy", {"queue": DLQ, "to": DLQ}, "already"),
        ("retry", {"queue": "orders.in"}, "dead letters"),
        ("purge", {"queue": "gone"}, "no queue 'gone'"),
        ("create", {"queue": DLQ}, "already"),
        ("send", {"queue": "ActiveMQ.Statistics.Broker", "body": ""}, "belongs to the broker"),
        ("send", {"queue": DLQ, "properties": "5", "body": ""}, "properties"),
        ("fly", {"queue": DLQ}, "knows no 'fly'"),
        ("move", {"queue": DLQ, "to": "x", "selector": "a > 1"}, "name = 'value'"),
        ("move", {"queue": DLQ, "to": "x", "ids": "ID:none"}, "chosen"),
    ],
)
async def test_what_cannot_be_done_is_said_in_words(verb: str, arguments: dict[str, Any], why: str) -> None:
    one = await story()
    answer = await one.does(verb, **arguments)
    assert not answer.ok and why in answer.text
    assert (await one.at(0)).queue(DLQ).pending == 145
