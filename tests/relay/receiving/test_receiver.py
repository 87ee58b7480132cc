"""The receiver over real sockets: one test a row of the fine print that only a socket can show."""

import asyncio
import json
import socket
import threading
import time
from pathlib import Path

import pytest

from relay.config import Duplicates, Receiver, ReceiverTimeouts, Relay
from relay.service import Service
from relay.storage.commit import Disk
from tests.relay.records import request, response
from tests.relay.running import partner, published, running, until


def config(directory: Path, **receiver: object) -> Relay:
    return Relay(directory=str(directory), receivers=[Receiver(name="a", listen="127.0.0.1:0", **receiver)])  # type: ignore[arg-type]


def is_whole(path: Path) -> bool:
    return path.exists() and path.read_bytes().endswith(b"\n")


async def test_one_record_one_answer_close(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(request(1))
        peer.writer.write_eof()
        assert await peer.rest() == response(1, 200)
    assert published(tmp_path / "inbox/a") == request(1)


async def test_a_connection_may_stay_open_and_pipeline(tmp_path: Path) -> None:
    numbers = range(1000)
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(b"".join(map(request, numbers)))
        for number in numbers:
            assert await peer.answer() == response(number, 200)
    assert published(tmp_path / "inbox/a") == b"".join(map(request, numbers))


async def test_an_answer_means_that_the_line_is_in_the_file(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(request(1))
        assert await peer.answer() == response(1, 200)
        (part,) = (tmp_path / "inbox/a").iterdir()
        assert part.name.startswith(".")
        assert part.read_bytes() == request(1)


async def test_refused_lines_go_to_the_quarantine_and_are_counted(tmp_path: Path) -> None:
    kept = tmp_path / "quarantine/a/refused.jsonl"
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(b"garbage\n")
        assert await peer.answer() == b"0014|RES||401\n"
        await until(lambda: is_whole(kept), "the line is in the quarantine")
        assert json.loads(kept.read_text())["line"] == "garbage"
        status = relay.status()
        assert status.receivers[0].refused == {"401": 1}
        assert status.connections[0].naks == {"401": 1}
    assert published(tmp_path / "inbox/a") == b""


async def test_a_conflict_is_kept_in_conflicts(tmp_path: Path) -> None:
    kept = tmp_path / "conflicts/a/conflicts.jsonl"
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(request(1))
        assert await peer.answer() == response(1, 200)
        await peer.send(request(1, "other") + request(1))
        assert await peer.answer() == response(1, 409)
        assert await peer.answer() == response(1, 200)
        await until(lambda: is_whole(kept), "the line is in conflicts")
        assert json.loads(kept.read_text())["line"].encode() == request(1, "other")[:-1]
        assert relay.status().receivers[0].duplicates == 1
    assert published(tmp_path / "inbox/a") == request(1)


async def test_413_arrives_although_the_peer_goes_on_sending(tmp_path: Path) -> None:
    """Closing with unread input would reset the connection, and the reset would overtake the answer."""
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        peer.writer.write(request(1) + request(2, "x" * 5000) + request(3) * 10_000)
        assert await peer.answer() == response(1, 200)
        assert await peer.answer() == response(2, 413)
        assert await peer.rest() == b""
    assert published(tmp_path / "inbox/a") == request(1)


async def test_after_413_a_peer_that_does_not_close_is_closed_after_a_second(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(b"x" * 5000)
        assert await peer.answer() == b"0014|RES||413\n"
        await until(lambda: not relay.status().connections, "the connection is closed")


async def test_a_line_without_newline_is_answered_402_and_not_stored(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(request(1)[:-1])
        peer.writer.write_eof()
        assert await peer.rest() == response(1, 402)
    assert published(tmp_path / "inbox/a") == b""


async def test_more_connections_than_allowed_are_told_429_and_closed(tmp_path: Path) -> None:
    async with running(config(tmp_path, max_connections=1)) as relay, partner(relay.status()) as first:
        await first.send(request(1))
        assert await first.answer() == response(1, 200)
        async with partner(relay.status()) as second:
            second.writer.write(request(2))
            assert await second.rest() == b"0014|RES||429\n"
        assert relay.status().receivers[0].refused == {"429": 1}
        await first.send(request(3))
        assert await first.answer() == response(3, 200)
    assert published(tmp_path / "inbox/a") == request(1) + request(3)


async def test_one_address_may_not_take_all_places(tmp_path: Path) -> None:
    async with running(config(tmp_path, max_connections_per_address=1)) as relay:
        async with partner(relay.status()) as first, partner(relay.status()) as second:
            assert await second.rest() == b"0014|RES||429\n"
            await first.send(request(1))
            assert await first.answer() == response(1, 200)
        await until(lambda: not relay.status().connections, "the place is free again")
        async with partner(relay.status()) as third:
            await third.send(request(2))
            assert await third.answer() == response(2, 200)


async def test_an_address_that_is_not_allowed_is_closed_silently_and_counted(tmp_path: Path) -> None:
    async with running(config(tmp_path, allow=["10.0.0.0/8"])) as relay, partner(relay.status()) as peer:
        peer.writer.write(request(1))
        assert await peer.rest() == b""
        assert relay.status().receivers[0].refused == {"not_allowed": 1}
    assert published(tmp_path / "inbox/a") == b""


async def test_deadlines_are_kept_by_the_sweep(tmp_path: Path) -> None:
    deadlines = ReceiverTimeouts(first_byte=0.05, record=0.05, idle=0.05)
    started = running(config(tmp_path, timeouts=deadlines))
    async with started as relay, partner(relay.status()) as silent, partner(relay.status()) as slow:
        await slow.send(b"0062|REQ|7|")
        assert await silent.rest() == b""
        assert await slow.rest() == b"0015|RES|7|402\n"


async def test_a_peer_that_does_not_read_is_not_read_from_and_others_are_served(tmp_path: Path) -> None:
    async with running(config(tmp_path, timeouts=ReceiverTimeouts(unread=0.5), duplicates=Duplicates(max=1000))) as relay:
        host, _, port = relay.status().receivers[0].listen.rpartition(":")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect((host, int(port)))
            deaf.setblocking(False)
            block = b"".join(map(request, range(100)))
            loop, sent = asyncio.get_running_loop(), 0
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    while True:
                        await loop.sock_sendall(deaf, block)
                        sent += len(block)
            async with partner(relay.status()) as peer:
                await peer.send(request(7_000_000))
                assert await peer.answer() == response(7_000_000, 200)
            await until(lambda: not relay.status().connections, "the deaf one is ended")


async def test_a_paused_listener_says_busy_and_a_resumed_one_serves(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay:
        receiver = relay.receivers[0]
        async with partner(relay.status()) as peer:
            await peer.send(request(1))
            assert await peer.answer() == response(1, 200)
            receiver.pause()
            assert await peer.rest() == b""
        assert relay.status().receivers[0].state == "paused"
        async with partner(relay.status()) as peer:
            assert await peer.rest() == b"0014|RES||429\n"
        receiver.resume()
        async with partner(relay.status()) as peer:
            await peer.send(request(2))
            assert await peer.answer() == response(2, 200)


async def test_an_operator_may_disconnect_one_peer(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as first, partner(relay.status()) as second:
        await first.send(request(1))
        assert await first.answer() == response(1, 200)
        await until(lambda: len(relay.status().connections) == 2, "both are connected")
        ids = sorted(found.id for found in relay.status().connections)
        assert relay.receivers[0].disconnect(ids[1])
        assert await second.rest() == b""
        await first.send(request(2))
        assert await first.answer() == response(2, 200)


async def test_a_drain_answers_what_came_and_publishes(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(request(1) + request(2)[:20])
        assert await peer.answer() == response(1, 200)
        relay.stop()
        assert await peer.rest() == b""
    (path,) = (tmp_path / "inbox/a").iterdir()
    assert path.read_bytes() == request(1)
    assert not path.name.startswith(".")


async def test_a_slow_receiver_does_not_stall_another(tmp_path: Path) -> None:
    receivers = [Receiver(name=name, listen="127.0.0.1:0") for name in ("a", "b")]
    async with running(Relay(directory=str(tmp_path), receivers=receivers)) as relay:
        hang = asyncio.Event()
        loop = asyncio.get_running_loop()
        relay.receivers[0].writer.do(lambda: asyncio.run_coroutine_threadsafe(asyncio.wait_for(hang.wait(), 10), loop).result(10) and None)
        async with partner(relay.status(), 0) as stuck, partner(relay.status(), 1) as free:
            await stuck.send(request(1))
            await free.send(request(2))
            assert await free.answer() == response(2, 200)
            hang.set()
            assert await stuck.answer() == response(1, 200)


async def test_while_too_much_waits_for_the_disk_nobody_is_read_from_and_all_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.receiving.batches.MAX_COLLECTING", 100)
    async with running(config(tmp_path)) as relay, partner(relay.status()) as first, partner(relay.status()) as second:
        for start, peer in ((0, first), (10_000, second)):
            peer.writer.write(b"".join(map(request, range(start, start + 2000))))
        for start, peer in ((0, first), (10_000, second)):
            for number in range(start, start + 2000):
                assert await peer.answer() == response(number, 200)
    assert len(published(tmp_path / "inbox/a").splitlines()) == 4000


async def test_a_process_without_file_descriptors_to_spare_says_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.service._raise_file_limit", lambda: 1)
    async with running(config(tmp_path)) as relay, partner(relay.status()) as first:
        await first.send(request(1))
        assert await first.answer() == response(1, 200)
        async with partner(relay.status()) as second:
            assert await second.rest() == b"0014|RES||429\n"


async def test_duplicates_are_remembered_across_restarts_and_consumed_files(tmp_path: Path) -> None:
    for count in range(3):
        async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
            await peer.send(request(1))
            assert await peer.answer() == response(1, 200)
            assert relay.status().receivers[0].duplicates == (1 if count else 0)
        found = published(tmp_path / "inbox/a")
        assert found == (b"" if count else request(1))
        for path in (tmp_path / "inbox/a").iterdir():
            path.unlink()


async def test_a_restart_within_the_minute_takes_another_name(tmp_path: Path) -> None:
    for number in range(3):
        async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
            await peer.send(request(number))
            assert await peer.answer() == response(number, 200)
    names = [path.name for path in (tmp_path / "inbox/a").iterdir()]
    assert len(set(names)) == 3
    assert not [name for name in names if name.startswith(".")]
    assert sorted(published(tmp_path / "inbox/a").splitlines()) == sorted(request(number)[:-1] for number in range(3))


async def fill(relay: Service) -> None:
    async with partner(relay.status()) as peer:
        await peer.send(b"".join(map(request, range(300))))
        for number in range(300):
            assert await peer.answer() == response(number, 200)


async def test_the_status_counts_what_happened(tmp_path: Path) -> None:
    async with running(config(tmp_path)) as relay:
        await fill(relay)
        async with partner(relay.status()) as peer:
            await peer.send(request(1))
            await peer.answer()
            status = relay.status()
            assert status.receivers[0].stored == 300
            assert status.receivers[0].duplicates == 1
            assert status.receivers[0].state == "listening"
            assert status.receivers[0].bytes == sum(len(request(number)) for number in [*range(300), 1])
            assert status.receivers[0].last_record_at is not None
            assert status.connections[0].records == 1
            assert status.connections[0].acks == 1
            assert status.commit_p99_ms is not None and status.commit_p99_ms > 0
            assert status.disk_free_bytes is not None and status.disk_free_bytes > 0


async def test_storage_trouble_is_503_and_service_resumes_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(config(tmp_path)) as relay, partner(relay.status()) as peer:
        await peer.send(request(1))
        assert await peer.answer() == response(1, 200)
        with monkeypatch.context() as patch:
            patch.setattr("relay.storage.commit.Disk.free", lambda self, path: (0, 1 << 40))
            await peer.send(request(2))
            assert await peer.answer() == response(2, 503)
            assert relay.status().receivers[0].state == "disk_full"
        await until(lambda: relay.status().receivers[0].state == "listening", "it notices that there is room, without traffic")
        await peer.send(request(2))
        assert await peer.answer() == response(2, 200)
    assert published(tmp_path / "inbox/a") == request(1) + request(2)


class Slow(Disk):
    """Notes which thread waits for it; `seconds` is what each sync costs."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.waited: list[str] = []

    def sync(self, fd: int) -> None:
        time.sleep(self.seconds)
        self.waited.append("loop" if threading.current_thread() is threading.main_thread() else "thread")
        super().sync(fd)


async def send_some(relay: Service, first: int, count: int, receiver: int = 0) -> None:
    async with partner(relay.status(), receiver) as peer:
        for number in range(first, first + count):
            await peer.send(request(number))
            assert await peer.answer() == response(number, 200)


async def test_a_quick_disk_is_waited_for_in_the_loop_and_a_slow_one_at_most_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.receiving.haste.SLOW", 0.5)
    disk = Slow()
    async with running(config(tmp_path), disk=disk) as relay:
        disk.waited.clear()
        await send_some(relay, 0, 30)
        assert disk.waited.count("loop") > 10
        monkeypatch.setattr("relay.receiving.haste.SLOW", 0.0)
        await send_some(relay, 100, 2)
        disk.waited.clear()
        disk.seconds = 0.05
        await send_some(relay, 200, 5)
        assert disk.waited.count("loop") <= 1
    assert len(published(tmp_path / "inbox/a").splitlines()) == 37


async def test_with_two_receivers_the_loop_never_waits_for_a_disk(tmp_path: Path) -> None:
    receivers = [Receiver(name=name, listen="127.0.0.1:0") for name in ("a", "b")]
    disk = Slow()
    async with running(Relay(directory=str(tmp_path), receivers=receivers), disk=disk) as relay:
        disk.waited.clear()
        await send_some(relay, 0, 10, 0)
        await send_some(relay, 0, 10, 1)
        assert set(disk.waited) == {"thread"}
