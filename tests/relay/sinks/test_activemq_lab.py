"""The queue of a real broker, an older and a hardened one: what is believed is there, and every trouble has its sentence in time."""

import asyncio
import re
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.config import ActiveMQSink, Codes, Receiver, Relay, Sink
from relay.sinks.activemq import ActiveMQOutlet
from relay.storage.commit import NONE, StorageFailed
from settings.secret import Secret
from tests.lab.activemq import ActiveMQ, ask_jolokia, queue_sizes
from tests.lab.server import free_port
from tests.lab.stomp_client import Frame, Stomp
from tests.relay.records import request
from tests.relay.running import running
from tests.relay.sinks.load import Load

TIMEOUT = 3.0
DEADLINE = 10.0


@pytest.fixture(params=["old", "hardened"])
def broker(request: pytest.FixtureRequest) -> ActiveMQ:
    found: ActiveMQ = request.getfixturevalue(f"activemq_{request.param}")
    return found


@pytest.fixture
def old(activemq_old: ActiveMQ) -> ActiveMQ:
    return activemq_old


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLET_PASSWORD", "admin")


@contextmanager
def outlet(stomp: str, *, queue: str = "", timeout: float = TIMEOUT, user: str | None = "admin") -> Iterator[ActiveMQOutlet]:
    queue = queue or f"relay.{uuid.uuid4().hex}"
    found = ActiveMQOutlet(ActiveMQSink(stomp, queue, user, Secret(env="OUTLET_PASSWORD"), timeout), Codes())
    try:
        yield found
    finally:
        found.close()


def lines(*numbers: int, payload: str = "payload") -> list[bytes]:
    return [request(number, payload)[:-1] for number in numbers]


def keys(*numbers: int) -> list[bytes]:
    return [b"%09d" % number for number in numbers]


def taken(broker: ActiveMQ, outlet: ActiveMQOutlet, count: int) -> list[Frame]:
    """Consumes that many messages of the outlet's queue, and sees that there are no more."""
    client = Stomp(broker.stomp)
    try:
        client.subscribe(outlet._config.queue, "auto", 10_000)
        found = [frame for _ in range(count) if (frame := client.receive()) is not None]
        assert client.receive(0.1) is None
        return found
    finally:
        client.close()


def test_what_is_delivered_is_in_the_queue_in_order_with_its_number_and_survives_the_broker(broker: ActiveMQ) -> None:
    sent = lines(*range(1, 41))
    with outlet(broker.stomp) as out:
        assert out.deliver(sent[:1], keys(1)) == NONE
        assert out.deliver(sent[1:], keys(*range(2, 41))) == NONE
        assert out.deliver([], []) == NONE
        found = taken(broker, out, 40)
    assert [frame.body for frame in found] == sent
    assert [frame.headers["process-no"] for frame in found] == [key.decode() for key in keys(*range(1, 41))]
    assert {frame.headers["persistent"] for frame in found} == {"true"}


def test_a_number_of_any_characters_arrives_as_it_is(broker: ActiveMQ) -> None:
    odd = "a:b\\c\\n 한글:"
    with outlet(broker.stomp) as out:
        assert out.deliver([f"x|{odd}".encode()], [odd.encode()]) == NONE
        (found,) = taken(broker, out, 1)
    assert found.body == f"x|{odd}".encode()
    assert _unescaped(found.headers["process-no"]) == odd


def _unescaped(text: str) -> str:
    """The lab's own client leaves escapes as they are."""
    return re.sub(r"\\(.)", lambda found: {"c": ":", "n": "\n", "r": "\r", "\\": "\\"}[found[1]], text)


def failure(out: ActiveMQOutlet, sent: list[bytes], numbers: list[bytes]) -> str:
    """What the delivery fails with. A delivery that does not end would hold us for ever, so another thread makes it."""
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(out.deliver, sent, numbers).exception(DEADLINE)
    assert isinstance(error, StorageFailed) and not error.is_space
    return str(error)


def test_a_killed_broker_is_a_failure_in_words_and_is_used_again_when_it_is_back(old: ActiveMQ) -> None:
    with outlet(old.stomp) as out:
        out.deliver(lines(1), keys(1))
        old.kill()
        try:
            text = failure(out, lines(2), keys(2))
            assert re.fullmatch(rf"activemq queue relay\.\w+ at {old.stomp}: .*(broke|Connection refused).*", text)
            assert failure(out, lines(2), keys(2)).endswith(": no connection: Connection refused")
        finally:
            old.start()
        assert out.deliver(lines(2), keys(2)) == NONE
        assert [frame.body for frame in taken(old, out, 2)] == lines(1, 2)


def test_a_broker_killed_under_load_keeps_everything_that_was_acknowledged(old: ActiveMQ) -> None:
    acknowledged: list[bytes] = []
    failures: list[str] = []
    ended = threading.Event()

    with outlet(old.stomp, timeout=1.0) as out:

        def load() -> None:
            number = 0
            while not ended.is_set():
                batch = range(number, number + 20)
                number += 20
                try:
                    out.deliver(lines(*batch), keys(*batch))
                except StorageFailed as error:
                    failures.append(str(error))
                    time.sleep(0.05)
                else:
                    acknowledged.extend(lines(*batch))

        loader = threading.Thread(target=load)
        loader.start()
        _wait(lambda: len(acknowledged) >= 200)
        old.kill()
        _wait(lambda: bool(failures))
        old.start()
        before = len(acknowledged)
        _wait(lambda: len(acknowledged) >= before + 100)
        ended.set()
        loader.join(10)
        stored = [frame.body for frame in taken(old, out, queue_sizes(old.jolokia)[out._config.queue])]
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))  # the batch in the air is there once or not at all: nobody sent it again


def _wait(found: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + DEADLINE
    while not found():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_a_stopped_broker_is_a_failure_in_time_and_its_late_receipt_counts_for_nothing(broker: ActiveMQ) -> None:
    with outlet(broker.stomp, timeout=0.5) as out:
        out.deliver(lines(1), keys(1))
        broker.hang()
        try:
            assert "no receipt in time" in failure(out, lines(2), keys(2))
            assert "no answer to CONNECT in time" in failure(out, lines(3), keys(3))
        finally:
            broker.resume()
        _again(out, 4)
        found = [frame.body for frame in taken(broker, out, queue_sizes(broker.jolokia)[out._config.queue])]
    assert {*lines(1, 4)} <= {*found} <= {*lines(1, 2, 4)}


def _again(out: ActiveMQOutlet, number: int) -> None:
    """Until a broker that was asleep answers."""
    for _ in range(20):
        try:
            out.deliver(lines(number), keys(number))
        except StorageFailed:
            continue
        return
    raise AssertionError("it never came back")


def test_a_write_that_the_stopped_broker_does_not_read_ends_in_time(broker: ActiveMQ) -> None:
    with outlet(broker.stomp, timeout=0.5) as out:
        out.deliver(lines(1), keys(1))
        broker.hang()
        try:
            assert "the connection broke" in failure(out, [b"x" * (1 << 20)] * 20, keys(*range(20)))
        finally:
            broker.resume()
        _again(out, 2)


def test_a_login_that_is_refused_is_said_without_the_password(activemq_hardened: ActiveMQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTLET_PASSWORD", "hunter2-wrong")
    with outlet(activemq_hardened.stomp) as out:
        text = failure(out, lines(1), keys(1))
        assert "the broker says: User name [admin] or password is invalid" in text and "hunter2" not in text
        monkeypatch.delenv("OUTLET_PASSWORD")
        assert "environment variable OUTLET_PASSWORD is not set" in failure(out, lines(1), keys(1))
        monkeypatch.setenv("OUTLET_PASSWORD", "admin")
        assert out.deliver(lines(1), keys(1)) == NONE


@pytest.fixture
def narrow(broker: ActiveMQ) -> str:
    """The address of another connector of the broker, which takes frames up to 4,096 bytes."""
    port = free_port()
    url = f"stomp://127.0.0.1:{port}?wireFormat.maxFrameSize=4096"
    bean = "org.apache.activemq:type=Broker,brokerName=localhost"
    reply = ask_jolokia(broker.jolokia, {"type": "exec", "mbean": bean, "operation": "addConnector", "arguments": [url]})
    assert reply["status"] == 200, reply
    return f"127.0.0.1:{port}"


def test_what_is_too_large_for_the_broker_is_refused_alone_and_the_rest_is_there_in_order(broker: ActiveMQ, narrow: str) -> None:
    sizes = [100, 5000, 200, 4097, 3000, 100_000, 300, 4500]
    sent = [b"%d|" % index + b"x" * size for index, size in enumerate(sizes)]
    with outlet(narrow) as out:
        assert out.deliver(sent, keys(*range(8))) == dict.fromkeys(keys(1, 3, 5, 7), 413)
        assert out.deliver(sent[1:2], keys(1)) == {keys(1)[0]: 413}
        assert out.deliver(sent[:1], keys(0)) == NONE
        assert [frame.body for frame in taken(broker, out, 5)] == [*sent[::2], sent[0]]


def test_one_too_large_among_a_thousand_costs_a_few_tries(broker: ActiveMQ, narrow: str) -> None:
    sent = [b"x" * (100 + index % 50) for index in range(1000)]
    sent[700] = b"y" * 200_000
    with outlet(narrow) as out:
        assert out.deliver(sent, keys(*range(1000))) == {keys(700)[0]: 413}
        assert len(taken(broker, out, 999)) == 999


def test_a_broker_without_room_is_a_failure_in_time(old: ActiveMQ) -> None:
    broker = "org.apache.activemq:type=Broker,brokerName=localhost"

    def limit(size: int) -> int:
        reply = ask_jolokia(old.jolokia, {"type": "write", "mbean": broker, "attribute": "StoreLimit", "value": size})
        assert reply["status"] == 200, reply
        return int(reply["value"])

    with outlet(old.stomp, timeout=0.7) as out:
        out.deliver(lines(1), keys(1))
        was = limit(1)
        try:
            assert "out of space" in failure(out, lines(2), keys(2))
        finally:
            limit(was)
        assert out.deliver(lines(3), keys(3)) == NONE


def test_a_peer_that_is_no_broker_is_said_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        out = ActiveMQOutlet(ActiveMQSink(f"127.0.0.1:{silent.getsockname()[1]}", "q", timeout=0.3), Codes())
        assert "no answer to CONNECT in time" in failure(out, lines(1), keys(1))
        out.close()


def test_an_outlet_ends_all_its_threads(broker: ActiveMQ) -> None:
    before = threading.active_count()
    with outlet(broker.stomp) as out:
        out.deliver(lines(1), keys(1))
        assert threading.active_count() > before
    _wait(lambda: threading.active_count() <= before)


async def test_a_queue_whose_broker_dies_under_load_costs_partners_refusals_and_no_record(tmp_path: Path, old: ActiveMQ) -> None:
    sink = ActiveMQSink(old.stomp, f"relay.{uuid.uuid4().hex}", timeout=1.0)
    receiver = Receiver(name="a", listen="127.0.0.1:0", sink=Sink(activemq=sink))
    load = Load()
    async with running(Relay(directory=str(tmp_path / "r"), receivers=[receiver])) as relay:
        host, _, port = relay.status().receivers[0].listen.rpartition(":")
        async with load.pressing((host, int(port))):
            await load.until(lambda: len(load.acked) > 300)
            await asyncio.to_thread(old.kill)
            await load.until(lambda: load.codes["503"] > 50)
            acked = len(load.acked)
            await asyncio.to_thread(old.start)
            await load.until(lambda: len(load.acked) > acked + 100)
        await load.resend((host, int(port)))
    client = Stomp(old.stomp)
    client.subscribe(sink.queue, "auto", 10_000)
    there: list[int] = []
    while (frame := client.receive(0.5)) is not None:
        there.append(int(frame.headers["process-no"]))
    client.close()
    assert load.codes.keys() == {"200", "503"}
    assert load.acked - set(there) == set(), "acknowledged and lost"
