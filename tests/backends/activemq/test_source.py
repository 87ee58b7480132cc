"""The source: every trouble as a state and a sentence, and no secret in any of it. The real brokers are in test_source_lab.py."""

import json
import logging
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from backends.activemq.config import BrokerSection, QueueFilter
from backends.activemq.jolokia import Trouble
from backends.activemq.troubles import SENTENCES
from backends.questions import Jobs, JobsOf, RecordsOf
from backends.queues import QueuesSource, Section, sources
from backends.snapshots import Queues
from backends.source import Context, Unavailable, modules
from settings.secret import Secret
from tests.backends.activemq.test_memory import BROKER, figures, mbean
from tests.backends.http_peer import Conversation, Talk, peer

PASSWORD = "correct-horse-battery"


def source(url: str, **more: Any) -> QueuesSource:
    known: dict[str, Any] = {"name": "broker-a", "jolokia": url, "timeout": 1.0}
    section = BrokerSection(**(known | more))
    return QueuesSource(section, "activemq[0]")


def whole(*queues: Mapping[str, Any]) -> bytes:
    broker = {"value": {"org.apache.activemq:type=Broker,brokerName=localhost": BROKER}, "status": 200}
    return json.dumps([broker, {"value": {mbean(str(queue["Name"])): queue for queue in queues}, "status": 200}]).encode()


def saying(body: bytes, status: str = "200 OK", **headers: str) -> Talk:
    async def talk(it: Conversation) -> None:
        while True:
            await it.hear()
            await it.reply(body, status, "text/html" if body.startswith(b"<") else "application/json", **headers)

    return talk


async def refused(talk: Talk, **more: Any) -> Unavailable:
    async with peer(talk) as ours:
        watched = source(ours.url, **more)
        with pytest.raises(Unavailable) as caught:
            await watched.observe(0.0)
        await watched.close()
        assert ours.url in caught.value.error or "Jolokia" in caught.value.error
    return caught.value


def test_the_module_is_found_by_its_names_and_makes_a_source_a_broker() -> None:
    assert "activemq" in [module.SECTION for module in modules()]
    section: Section = [BrokerSection("a", "http://h/"), BrokerSection("b", "http://h/", interval=15.0, timeout=20.0)]
    made = sources(section, Context({}, "", "1"))
    assert [(one.name, one.kind, one.interval, one.deadline) for one in made] == [("a", "queues", 5.0, 13.0), ("b", "queues", 15.0, 23.0)]


def test_importing_it_imports_no_client_library() -> None:
    code = "import sys, backends.queues; print([name for name in ('aiohttp', 'stomp', 'textual') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_every_trouble_has_a_sentence_with_nothing_left_to_fill_in() -> None:
    assert set(SENTENCES) == set(get_args(Trouble))
    for state, sentence in SENTENCES.values():
        assert "{" not in sentence.format(url="u", key="k", who="w", detail="d")
        assert state in ("down", "denied", "stale")


async def test_one_post_brings_the_broker_and_its_queues() -> None:
    async with peer(saying(whole(figures("orders", 3, 1), figures("ActiveMQ.DLQ", 2), figures("ActiveMQ.Statistics.Broker")))) as ours:
        watched = source(ours.url)
        seen = await watched.observe(0.0)
        await watched.close()
        assert [b'"QueueSize"' in body for body in ours.bodies] == [True, False], (
            "the second one is for topics, subscribers and connections"
        )
    assert isinstance(seen, Queues)
    assert [(queue.name, queue.pending, queue.verdict) for queue in seen.queues] == [("ActiveMQ.DLQ", 2, "DLQ"), ("orders", 3, "OK")]
    assert (seen.broker.name, seen.broker.id, seen.broker.version) == ("broker-a", "ID:vm-1", "5.18.6")
    assert (seen.broker.uptime_s, seen.broker.store_pct, seen.broker.memory_pct, seen.broker.temp_pct) == (290.0, 1.0, 2.0, 0.0)
    assert seen.hidden is None


async def test_what_the_configuration_forbids_is_offered_with_its_reason_and_asks_nobody() -> None:
    async with peer(saying(whole(figures("orders", 3)))) as ours:
        watched = source(ours.url)
        capabilities = (await watched.observe(0.0)).broker.capabilities
        asked = len(ours.bodies)
        answer = await watched.act("purge", {"queue": "orders"}, {"name": "orders", "pending": 3, "most": 3, "consumers": 0})
        await watched.close()
        assert len(ours.bodies) == asked
    assert capabilities["browse"] is True
    assert capabilities["purge"] == "read-only: activemq[0].write is false in the configuration"
    assert capabilities["stomp"] == "activemq[0].stomp is not set"
    assert (answer.ok, answer.text) == (False, "purge: read-only: activemq[0].write is false in the configuration")


async def test_a_question_that_is_for_other_sources_is_answered_in_words() -> None:
    watched = source("http://127.0.0.1:9/")
    with pytest.raises(Unavailable, match="broker-a: a broker has messages and actions"):
        await watched.ask(RecordsOf("orders"))
    assert await watched.ask(JobsOf()) == Jobs(())
    await watched.close()


async def test_globs_exclude_queues_by_their_whole_name() -> None:
    names = ("orders.in", "orders.out", "Orders.in", "x.orders.in", "[a]", "a")
    async with peer(saying(whole(*(figures(name) for name in names)))) as ours:
        watched = source(ours.url, queues=QueueFilter(exclude=["orders.*", "[[]a]"]))
        seen = await watched.observe(0.0)
        await watched.close()
    assert [queue.name for queue in seen.queues] == ["Orders.in", "a", "x.orders.in"]


async def test_an_empty_exclude_list_shows_everything() -> None:
    async with peer(saying(whole(figures("ActiveMQ.x"), figures("")))) as ours:
        watched = source(ours.url, queues=QueueFilter(exclude=[]))
        assert len((await watched.observe(0.0)).queues) == 2
        await watched.close()


@pytest.mark.parametrize(
    ("talk", "state", "words"),
    [
        (saying(b"<html>", "401 Unauthorized"), "denied", "user 'admin' was refused; set activemq[0].user and activemq[0].password"),
        (saying(b"<html>", "403 Forbidden"), "denied", "user 'admin' lacks the role"),
        (saying(b"<html>", "404 Not Found"), "down", "the usual path is /api/jolokia/, correct activemq[0].jolokia"),
        (saying(b"<html>", "429 Too Many Requests"), "stale", "raise activemq[0].interval"),
        (saying(b"<html>starting", "503 Unavailable"), "down", "'starting'"),
        (saying(b"", "302 Found", Location="/login.html"), "down", "redirects to '/login.html'"),
        (saying(b"<html>Please log in"), "down", "is not Jolokia (HTTP 200, text/html: 'Please log in')"),
        (saying(whole()[:50]), "down", "cannot be read (50 bytes: "),
        (saying(b'{"status":403,"error":"Origin null is not allowed"}'), "denied", "status 403 Origin null is not allowed"),
        (saying(b'[{"status":404,"error":"No MBean with pattern"},{"status":404}]'), "down", "finds no ActiveMQ broker"),
    ],
)
async def test_trouble_says_what_why_and_what_next(talk: Talk, state: str, words: str) -> None:
    error = await refused(talk, user="admin", password=None)
    assert error.state == state
    assert words in error.error


async def test_a_login_that_is_missing_is_told_as_such() -> None:
    assert "a request without a login was refused" in (await refused(saying(b"<html>", "401 Unauthorized"))).error


async def test_nobody_listening_is_down_with_the_address() -> None:
    async with peer(saying(b"")) as gone:
        pass
    watched = source(gone.url)
    with pytest.raises(Unavailable, match="Connection refused; start the broker") as caught:
        await watched.observe(0.0)
    await watched.close()
    assert (caught.value.state, gone.url in caught.value.error) == ("down", True)


async def test_a_secret_that_cannot_be_read_is_denied_with_its_sentence_and_asks_nobody(tmp_path: Path) -> None:
    open_file = tmp_path / "password"
    open_file.write_text(PASSWORD)
    open_file.chmod(0o644)
    for secret, words in ((Secret(env="NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE is not set"), (Secret(file=str(open_file)), "chmod 600")):
        async with peer(saying(whole())) as ours:
            watched = source(ours.url, user="admin", password=secret)
            with pytest.raises(Unavailable, match=r"activemq\[0\]\.password: ") as caught:
                await watched.observe(0.0)
            await watched.close()
            assert ours.heads == []
        assert (caught.value.state, words in caught.value.error) == ("denied", True)


async def test_a_secret_appears_in_no_error_no_traceback_no_log_and_no_repr(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", PASSWORD)
    caplog.set_level(logging.DEBUG)
    said = ""
    for talk in (saying(b"<html>", "401 Unauthorized"), saying(b"", "302 Found", Location="/x"), saying(b"nonsense"), cut_off):
        async with peer(talk) as ours:
            watched = source(ours.url, user="admin", password=Secret(env="BROKER_PASSWORD"))
            with pytest.raises(Unavailable) as caught:
                await watched.observe(0.0)
            said += "".join(traceback.format_exception(caught.value)) + repr(watched) + repr(vars(watched)) + repr(vars(watched._client))
            await watched.close()
            assert any("Authorization: Basic YWRtaW46" in head for head in ours.heads)
    assert PASSWORD not in said + caplog.text
    assert "YWRtaW46" not in said + caplog.text


async def cut_off(it: Conversation) -> None:
    await it.hear()
    it.reset()


async def test_trouble_in_between_loses_neither_the_source_nor_its_memory() -> None:
    replies = [(whole(figures("q", enqueued=10)), "200 OK"), (b"<html>", "503 Unavailable"), (whole(figures("q", enqueued=10)), "200 OK")]

    async def talk(it: Conversation) -> None:
        while replies:
            is_poll = b'"QueueSize"' in await it.hear()
            await (it.reply(*replies.pop(0)) if is_poll else it.reply(b"{}", "404 Not Found"))

    async with peer(talk) as ours:
        watched = source(ours.url)
        await watched.observe(0.0)
        with pytest.raises(Unavailable):
            await watched.observe(1.0)
        known = watched._lookout.memory
        assert known is not None and known.watches["q"].base.enqueue_count == 10
        assert (await watched.observe(2.0)).queues[0].name == "q"
        await watched.close()
        await watched.close()


async def test_a_source_that_was_closed_can_be_asked_again() -> None:
    async with peer(saying(whole())) as ours:
        watched = source(ours.url)
        await watched.close()
        await watched.observe(0.0)
        await watched.close()
        assert (await watched.observe(1.0)).queues == ()
        await watched.close()
