"""The client against peers that are silent, lie, hang or flood, which no real broker does on demand."""

import asyncio
import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from stomp.listener import HeartbeatListener

from backends.activemq.config import StompTls
from backends.activemq.stomp import client as stomp_client
from backends.activemq.stomp import connection as stomp_connection
from backends.activemq.stomp.client import Out, StompClient, StompTrouble
from settings.secret import SecretUnavailable
from tests.backends.activemq.stomp_peer import CONNECTED, Conversation, end, message, stomp_peer
from tests.lab.server import free_port
from tests.waiting import until

LIMIT_S = 0.5
HELLO = Out({"destination": "/queue/q"}, b"hello")


@asynccontextmanager
async def client(
    address: str, timeout: float = LIMIT_S, password: str | None = "hunter2", tls: StompTls | None = None
) -> AsyncIterator[StompClient]:
    ours = StompClient(address, tls, lambda: ("admin", password), timeout)
    try:
        yield ours
    finally:
        await ours.close()
        assert not stomp_threads()


def stomp_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "stomp" in thread.name.lower()]


async def trouble(ours: StompClient, *frames: Out) -> StompTrouble:
    with pytest.raises(StompTrouble) as caught:
        await ours.send(frames or [HELLO])
    return caught.value


async def bodies(ours: StompClient, queue: str = "q") -> list[bytes]:
    async with ours.browse(queue) as browse:
        return [frame.body async for frame in browse]


async def silent(conversation: Conversation) -> None:
    await asyncio.sleep(60)


async def polite(conversation: Conversation) -> None:
    """Confirms all, and has an empty queue."""
    await conversation.welcome()
    while True:
        command, headers, _ = await conversation.hear()
        if "receipt" in headers:
            await conversation.confirm(headers)
        if command == "SUBSCRIBE":
            await conversation.say(end(headers["id"]))


# To be let in.


def test_stomp_py_is_not_imported_before_the_first_connection() -> None:
    code = "import backends.activemq.stomp.client, sys; sys.exit('stomp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_the_first_question_connects_with_heart_beats_and_the_login_read_then() -> None:
    heard: list[dict[str, str]] = []

    async def talk(conversation: Conversation) -> None:
        heard.append(await conversation.welcome())
        await conversation.confirm_all()

    async with stomp_peer(talk) as address, client(address) as ours:
        assert heard == []
        await ours.send([HELLO])
        await ours.send([HELLO])
    assert [(each["login"], each["passcode"], each["accept-version"], each["heart-beat"]) for each in heard] == [
        ("admin", "hunter2", "1.2", "4000,4000")
    ]


async def test_nobody_listens_and_a_dead_port_is_not_hammered(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{free_port()}"
    talks: list[Conversation] = []

    async def talk(conversation: Conversation) -> None:
        talks.append(conversation)
        await polite(conversation)

    async with client(address) as ours:
        assert str(await trouble(ours)) == f"nobody listens at {address}; start the broker's STOMP connector, or correct stomp"
        async with stomp_peer(talk) as other:
            ours._address = other
            assert "nobody listens" in str(await trouble(ours)) and not talks
            monkeypatch.setattr(stomp_client, "BACK_OFF_S", 0.0)
            ours._failed = None
            await ours.send([HELLO])
    assert len(talks) == 1


async def test_a_host_that_nobody_knows() -> None:
    async with client("nosuch.invalid:61613", timeout=5) as ours:
        assert "its host is not known" in str(await trouble(ours))


@pytest.mark.parametrize("tls", [None, StompTls()])
async def test_a_silent_peer_costs_the_deadline(tls: StompTls | None) -> None:
    async with stomp_peer(silent) as address, client(address, tls=tls) as ours:
        error = await trouble(ours)
    if tls is None:
        assert str(error).startswith(f"{address} takes connections but did not answer CONNECT within 0.5 s") and "want stomp_tls" in str(
            error
        )
    else:
        assert str(error) == f"no connection with TLS to {address} within 0.5 s"
    assert not error.is_lost


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "does not speak STOMP as ActiveMQ does: 'HTTP/1.1 400"),
        (
            b"ERROR\nmessage:User name [admin] or password [hunter2] is invalid.\n\njava.lang.Secur\0",
            "refused user 'admin': User name [admin] or",
        ),
        (b"CONNECTED\nversion:1.0\n\n\0", "speaks STOMP 1.0, and we 1.2"),
        (b"CONNECTED\nversion:1.2\nheart-beat:soon\n\n\0", "broke"),
        (b"", "broke"),
    ],
)
async def test_a_peer_that_does_not_let_us_in(said: bytes, text: str) -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.hear()
        await conversation.say(said)

    async with stomp_peer(talk) as address, client(address) as ours:
        error = await trouble(ours)
        assert text in str(error) and "hunter2" not in str(error)


async def test_a_password_that_cannot_be_read_is_said() -> None:
    def login() -> tuple[str, str | None]:
        raise SecretUnavailable("environment variable X is not set")

    ours = StompClient("127.0.0.1:1", None, login, 1)
    assert str(await trouble(ours)) == "no connection to 127.0.0.1:1: environment variable X is not set"
    await ours.close()


@pytest.mark.parametrize("tls", [StompTls(ca="/nowhere/ca.pem"), StompTls(ca=__file__), StompTls(certificate="/nowhere/c.pem")])
async def test_a_certificate_file_that_cannot_be_read_is_named(tls: StompTls) -> None:
    async with client("127.0.0.1:1", tls=tls) as ours:
        text = str(await trouble(ours))
    assert "stomp_tls." in text and ("/nowhere/" in text or __file__ in text)


async def test_tls_with_a_port_that_has_none(tmp_path: Path) -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.say(b"ERROR\nmessage:what?\n\n\0" * 20)
        await asyncio.sleep(5)

    async with stomp_peer(talk) as address, client(address, tls=StompTls()) as ours:
        assert "does this port speak TLS?" in str(await trouble(ours))


# To send.


async def test_a_message_without_a_receipt_is_lost_and_the_next_has_a_new_connection() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        if conversation.number == 1:
            await silent(conversation)
        await conversation.confirm_all()

    async with stomp_peer(talk) as address, client(address) as ours:
        error = await trouble(ours)
        assert error.is_lost and "did not confirm a SEND within 0.5 s" in str(error)
        await ours.send([HELLO])


async def test_a_connection_that_breaks_behind_a_message_leaves_it_lost_and_before_the_commit_it_is_not() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        while (await conversation.hear())[0] != "SEND":
            pass
        conversation.reset()

    async with stomp_peer(talk) as address, client(address) as ours:
        alone, several = await trouble(ours), await trouble(ours, HELLO, HELLO)
    assert (alone.is_lost, several.is_lost) == (True, False) and "broke" in str(alone)


async def test_a_batch_of_which_a_part_is_refused_is_aborted_though_its_commit_would_succeed() -> None:
    talks: list[Conversation] = []

    async def talk(conversation: Conversation) -> None:
        talks.append(conversation)
        await conversation.welcome()
        while True:
            command, headers, body = await conversation.hear()
            if command == "SEND" and body == b"bad":
                await conversation.say(b"ERROR\nmessage:no such type\n\nat org.apache\0")
            if "receipt" in headers:
                await conversation.confirm(headers)

    async with stomp_peer(talk) as address, client(address) as ours:
        error = await trouble(ours, HELLO, Out({"destination": "/queue/q"}, b"bad"), HELLO)
        assert str(error) == f"{address} refused one of 3 messages, none was sent: no such type" and not error.is_lost
        await ours.send([HELLO])
    assert talks[0].commands[:6] == ["CONNECT", "BEGIN", "SEND", "SEND", "SEND", "ABORT"] and "COMMIT" not in talks[0].commands
    assert len(talks) == 2  # it complained about nothing in particular: not used again


async def test_a_commit_that_nobody_confirms_is_lost() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        while True:
            command, headers, _ = await conversation.hear()
            if "receipt" in headers and command != "COMMIT":
                await conversation.confirm(headers)

    async with stomp_peer(talk) as address, client(address) as ours:
        assert (await trouble(ours, HELLO, HELLO)).is_lost


async def test_a_cancelled_batch_is_aborted_and_the_connection_stays() -> None:
    talks: list[Conversation] = []

    async def talk(conversation: Conversation) -> None:
        talks.append(conversation)
        await conversation.welcome()
        for _ in range(3):
            await conversation.hear()
        await conversation.confirm_all()

    async with stomp_peer(talk) as address, client(address) as ours:
        task = asyncio.create_task(ours.send([HELLO, HELLO]))
        await until(lambda: talks and talks[0].commands.count("SEND") == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ours.send([HELLO])
    assert talks[0].commands[1:6] == ["BEGIN", "SEND", "SEND", "ABORT", "SEND"] and len(talks) == 1


async def test_a_peer_that_reads_nothing_costs_the_deadline() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        await silent(conversation)

    async with stomp_peer(talk) as address, client(address) as ours:
        error = await trouble(ours, Out({"destination": "/queue/q"}, b"x" * (1 << 20), True))
        assert error.is_lost and "did not confirm" in str(error)


async def test_nothing_is_sent_of_what_cannot_be() -> None:
    async with client("127.0.0.1:1") as ours:
        assert "message 2 of 2: queue 'a,b' cannot be addressed" in str(await trouble(ours, HELLO, Out({"destination": "/queue/a,b"}, b"")))
        await ours.send([])


# To browse.


async def test_users_share_one_connection() -> None:
    talks: list[Conversation] = []

    async def talk(conversation: Conversation) -> None:
        talks.append(conversation)
        await conversation.welcome()
        asked: list[dict[str, str]] = []
        while True:
            command, headers, body = await conversation.hear()
            if command in ("SUBSCRIBE", "SEND"):
                await conversation.confirm(headers)
            if command == "SUBSCRIBE":
                asked.append(headers)
            if body == b"hello":  # only then do both get what they asked for, in turns
                for number in range(3):
                    for each in asked:
                        await conversation.say(message(each["id"], f"{each['destination']} {number}".encode()))
                for each in asked:
                    await conversation.say(end(each["id"]))

    async with stomp_peer(talk) as address, client(address) as ours, ours.browse("a") as first, ours.browse("b") as second:
        await ours.send([HELLO])
        assert [frame.body async for frame in second] == [b"/queue/b 0", b"/queue/b 1", b"/queue/b 2"]
        assert [frame.body async for frame in first] == [b"/queue/a 0", b"/queue/a 1", b"/queue/a 2"]
        assert first.is_end
    assert len(talks) == 1


async def test_a_reader_that_leaves_early_unsubscribes_and_late_frames_are_dropped() -> None:
    talks: list[Conversation] = []

    async def talk(conversation: Conversation) -> None:
        talks.append(conversation)
        await conversation.welcome()
        while True:
            command, headers, _ = await conversation.hear()
            if command == "SUBSCRIBE":
                await conversation.confirm(headers)
                await conversation.say(message(headers["id"], b"one", ack="1") + message(headers["id"], b"two", ack="2"))
            elif command == "UNSUBSCRIBE":
                await conversation.say(message(headers["id"], b"late") * 3)
            elif "receipt" in headers:
                await conversation.confirm(headers)

    async with stomp_peer(talk) as address, client(address) as ours:
        async with ours.browse("q") as browse:
            async for frame in browse:
                assert frame.body == b"one"
                break
            assert not browse.is_end
        await ours.send([HELLO])
        assert ours._current is not None and ours._current._held == 0
    assert talks[0].commands[1:5] == ["SUBSCRIBE", "ACK", "UNSUBSCRIBE", "SEND"]


async def test_a_browse_cancelled_before_its_first_message_leaves_the_connection_whole() -> None:
    talks: list[Conversation] = []

    async def talk(conversation: Conversation) -> None:
        talks.append(conversation)
        await conversation.welcome()
        await conversation.hear()
        await conversation.confirm_all()

    async with stomp_peer(talk) as address, client(address) as ours:
        task = asyncio.create_task(bodies(ours))
        await until(lambda: talks and "SUBSCRIBE" in talks[0].commands)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ours.send([HELLO])
    assert talks[0].commands[1:4] == ["SUBSCRIBE", "UNSUBSCRIBE", "SEND"]


async def test_a_browse_that_stops_half_way_is_told_after_the_deadline() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        _, headers, _ = await conversation.hear()
        await conversation.confirm(headers)
        await conversation.say(message(headers["id"], b"one"))
        await silent(conversation)

    async with stomp_peer(talk) as address, client(address) as ours:
        with pytest.raises(StompTrouble, match=r"neither a message nor the end of the queue within 0\.5 s"):
            await bodies(ours)


async def test_what_came_before_the_connection_broke_is_still_read() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        _, headers, _ = await conversation.hear()
        await conversation.confirm(headers)
        await conversation.say(message(headers["id"], b"one") + message(headers["id"], b"two"))

    found: list[bytes] = []
    async with stomp_peer(talk) as address, client(address) as ours:
        async with ours.browse("q") as browse:
            await asyncio.sleep(0.1)
            with pytest.raises(StompTrouble, match="broke"):
                async for frame in browse:
                    found.append(frame.body)
        assert not browse.is_end
    assert found == [b"one", b"two"]


async def test_a_message_may_have_a_property_called_browser() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        _, headers, _ = await conversation.hear()
        await conversation.confirm(headers)
        await conversation.say(message(headers["id"], b"one", browser="end") + end(headers["id"]))
        await conversation.confirm_all()

    async with stomp_peer(talk) as address, client(address) as ours:
        assert await bodies(ours) == [b"one"]


async def test_a_flood_that_nobody_reads_ends_and_holds_up_others_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stomp_connection, "HELD", 1 << 20)
    monkeypatch.setattr(stomp_connection, "STALL_S", 0.2)
    said = 0

    async def talk(conversation: Conversation) -> None:
        nonlocal said
        await conversation.welcome()
        _, headers, _ = await conversation.hear()
        await conversation.confirm(headers)

        async def flood() -> None:
            nonlocal said
            for _ in range(200):
                await conversation.say(message(headers["id"], b"x" * (1 << 20)))
                said += 1

        both = asyncio.gather(flood(), conversation.confirm_all())
        with contextlib.suppress(BaseException):
            await both

    async with stomp_peer(talk) as address, client(address, timeout=10) as ours:
        async with ours.browse("q") as browse:
            await asyncio.sleep(0.1)
            assert said < 50  # as much as sockets hold
            await ours.send([HELLO])
            with pytest.raises(StompTrouble, match="nobody has read this"):
                await anext(aiter(browse))
        assert ours._current is not None and ours._current._held <= 3 << 20


async def test_a_slow_reader_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stomp_connection, "HELD", 1 << 20)

    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        _, headers, _ = await conversation.hear()
        await conversation.confirm(headers)
        await conversation.say(message(headers["id"], b"x" * (1 << 20)) * 20 + end(headers["id"]))
        await conversation.confirm_all()

    count = 0
    async with stomp_peer(talk) as address, client(address, timeout=10) as ours, ours.browse("q") as browse:
        async for frame in browse:
            count += len(frame.body) >> 20
            await asyncio.sleep(0.01)
    assert count == 20


async def test_a_frame_without_an_end_is_not_collected_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.activemq.stomp.frames.MAX_FRAME", 1 << 20)

    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        await conversation.say(b"MESSAGE\n\n")
        while True:
            await conversation.say(b"x" * 65536)

    async with stomp_peer(talk) as address, client(address, timeout=5) as ours:
        assert "a frame of more than 1 MiB" in str(await trouble(ours))


async def test_a_connection_that_ends_while_it_is_welcomed_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """stomp.py starts its heart-beats when it hears of the welcome, which may be after we have left."""
    monkeypatch.setattr("backends.activemq.stomp.frames.MAX_FRAME", 1 << 16)
    heard = threading.Event()
    original = HeartbeatListener.on_connected

    def late(listener: HeartbeatListener, frame: object) -> None:
        heard.set()
        time.sleep(0.1)
        original(listener, frame)

    def slow(loop: Callable[[], None]) -> threading.Thread:
        def linger() -> None:
            loop()
            time.sleep(0.05)

        thread = threading.Thread(target=linger, daemon=True)
        thread.start()
        return thread

    monkeypatch.setattr(HeartbeatListener, "on_connected", late)
    monkeypatch.setattr("stomp.utils.default_create_thread", slow)

    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        await until(heard.is_set)
        await conversation.say(b"MESSAGE\n\n" + b"x" * 70_000)
        await asyncio.sleep(5)

    async with stomp_peer(talk) as address, client(address, timeout=5) as ours:
        assert "a frame of more than" in str(await trouble(ours))


async def test_beats_that_come_together_lose_no_frame() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        _, headers, _ = await conversation.hear()
        await conversation.say(b"\n\n\n")
        await asyncio.sleep(0.05)
        await conversation.say(b"\n\n")
        await conversation.confirm(headers)
        await conversation.say(end(headers["id"]))
        await conversation.confirm_all()

    async with stomp_peer(talk) as address, client(address) as ours:
        assert await bodies(ours) == []


async def test_a_queue_that_cannot_be_addressed_is_not_asked_for() -> None:
    async with client("127.0.0.1:1") as ours:
        for queue, why in (("a,b", "a comma"), ("q?x=y", "options"), ("q.>", "wildcards")):
            with pytest.raises(StompTrouble, match=why):
                await ours.head(queue)
        with pytest.raises(StompTrouble, match="no header beyond"):
            async with ours.browse("q", "x" * 20_000):
                pass


# To ask the plugin.


async def test_a_probe_expires_is_not_persistent_and_its_answers_are_told_apart() -> None:
    asked: list[dict[str, str]] = []

    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        while True:
            command, headers, _ = await conversation.hear()
            if "receipt" in headers:
                await conversation.confirm(headers)
            if command == "SEND":
                asked.append(headers)
                tag = headers["correlation-id"]
                for correlation, body in (("other", b"{}"), (tag, b'{"map":{"entry":[{"string":"size","long":8}]}}'), (tag, b'{"map":""}')):
                    await conversation.say(message("answers", body, **{"correlation-id": correlation}))

    async with stomp_peer(talk) as address, client(address) as ours:
        both = await asyncio.gather(ours.statistics("Destination.>"), ours.statistics("Broker"))
    assert list(both) == [[{"size": 8}]] * 2
    probe = asked[0]
    assert "persistent" not in probe and 0 < int(probe["expires"]) - time.time() * 1000 <= 5000
    assert probe["destination"] == "/queue/ActiveMQ.Statistics.Destination.>"
    assert probe["ActiveMQ.Statistics.Destination.List.End.With.Null"] == "true"


async def test_a_broker_without_the_plugin_does_not_answer_and_nonsense_is_told() -> None:
    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        while True:
            command, headers, _ = await conversation.hear()
            if "receipt" in headers:
                await conversation.confirm(headers)
            if command == "SEND" and headers["destination"].endswith("Broker"):
                await conversation.say(message("answers", b"<map/>", **{"correlation-id": headers["correlation-id"]}))

    async with stomp_peer(talk) as address, client(address) as ours:
        with pytest.raises(StompTrouble, match="no answer of the statistics plugin within"):
            await ours.statistics("Destination.>")
        with pytest.raises(StompTrouble, match="cannot be read: no JSON"):
            await ours.statistics("Broker")
        with pytest.raises(StompTrouble, match="have a meaning of their own"):
            await ours.statistics("Destination.a,b")


# To leave.


async def test_an_idle_connection_is_left_politely_and_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stomp_client, "IDLE_S", 0.05)
    talks: list[Conversation] = []

    async def talk(conversation: Conversation) -> None:
        talks.append(conversation)
        await polite(conversation)

    async with stomp_peer(talk) as address, client(address) as ours:
        await ours.send([HELLO])
        await until(lambda: talks[0].commands[-1] == "DISCONNECT" and not stomp_threads())
        await ours.send([HELLO])
        async with ours.browse("q"):
            await asyncio.sleep(0.1)
            assert "DISCONNECT" not in talks[1].commands
    assert len(talks) == 2


async def test_a_connection_is_left_before_the_broker_has_kept_too_much_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stomp_client, "MOST_SUBSCRIPTIONS", 3)
    talks: list[Conversation] = []

    async def talk(conversation: Conversation) -> None:
        talks.append(conversation)
        await polite(conversation)

    async with stomp_peer(talk) as address, client(address) as ours:
        for _ in range(7):
            assert await ours.head("q") is None
    assert [each.commands.count("SUBSCRIBE") for each in talks] == [3, 3, 1]


@pytest.mark.parametrize("is_welcome", [True, False])
async def test_closing_takes_less_than_a_second_and_tells_whoever_waits(is_welcome: bool) -> None:
    async def talk(conversation: Conversation) -> None:
        if is_welcome:
            await conversation.say(CONNECTED)
        await silent(conversation)

    async with stomp_peer(talk) as address:
        ours = StompClient(address, None, lambda: ("", None), 30)
        waiting = [asyncio.create_task(trouble(ours)), asyncio.create_task(trouble(ours))]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(1):
            await ours.close()
        assert [str(error) for error in await asyncio.gather(*waiting)] == ["the connection was closed"] * 2
        assert str(await trouble(ours)) == "the connection was closed"
        assert not stomp_threads()


async def test_a_peer_that_falls_silent_is_left_after_a_beat_and_a_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backends.activemq.stomp.speaker.HEART_BEAT_MS", 100)

    async def talk(conversation: Conversation) -> None:
        await conversation.hear()
        await conversation.say(CONNECTED.replace(b"4000,4000", b"100,100"))
        await silent(conversation)

    async with stomp_peer(talk) as address, client(address, timeout=30) as ours:
        error = await trouble(ours)
        assert error.is_lost and "gave no sign of life" in str(error)


async def test_nothing_is_logged_and_no_secret_is_said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)

    async def talk(conversation: Conversation) -> None:
        await conversation.welcome()
        await conversation.hear()
        await conversation.say(b"RECEIPT\nno-id:1\n\n\0")

    async with stomp_peer(talk) as address, client(address) as ours:
        await trouble(ours)
    assert "hunter2" not in caplog.text and not [each for each in caplog.records if each.name.startswith("stomp")]
    assert capfd.readouterr() == ("", "")
