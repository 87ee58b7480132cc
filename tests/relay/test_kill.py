"""kill -9 under load, again and again: what was acknowledged is in the inbox, and what is sent again is stored once."""

import asyncio
import itertools
from collections import Counter
from pathlib import Path

from relay.config import Receiver, Relay
from relay.config import Sender as SenderConfig
from tests.relay.process import Process
from tests.relay.records import request
from tests.relay.running import published

CONNECTIONS, DEPTH, ROUNDS, LOAD_S = 8, 8, 4, 0.7


class Load:
    """Partners that keep DEPTH records in flight each, and know which were acknowledged."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.acked: set[bytes] = set()
        self.sent: dict[bytes, bytes] = {}  # and not acknowledged yet
        self.others: Counter[bytes] = Counter()  # answers that are no 200

    async def press(self, address: tuple[str, int], seconds: float) -> None:
        tasks = [asyncio.create_task(self._partner(address)) for _ in range(CONNECTIONS)]
        await asyncio.sleep(seconds)
        self._cancel = tasks

    async def end(self) -> None:
        for task in self._cancel:
            task.cancel()
        await asyncio.gather(*self._cancel, return_exceptions=True)

    async def _partner(self, address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        try:
            for _ in range(DEPTH):
                writer.write(self._next())
            while True:
                self._answered(await reader.readuntil())
                writer.write(self._next())
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    def _next(self) -> bytes:
        number = next(self.numbers)
        line = request(number)
        self.sent[b"%09d" % number] = line
        return line

    def _answered(self, line: bytes) -> None:
        _, _, key, code = line.rstrip(b"\n").split(b"|")
        if code != b"200":
            self.others[code] += 1
            return
        self.acked.add(key)
        self.sent.pop(key, None)

    async def resend(self, address: tuple[str, int]) -> None:
        """What a partner does with records that were not answered."""
        reader, writer = await asyncio.open_connection(*address)
        async with asyncio.timeout(10):
            lines = list(self.sent.values())
            writer.write(b"".join(lines))
            for _ in lines:
                self._answered(await reader.readuntil())
        writer.close()
        await writer.wait_closed()


async def test_nothing_acknowledged_is_lost_and_what_is_sent_again_is_stored_once(tmp_path: Path) -> None:
    config = Relay(directory=str(tmp_path / "r"), receivers=[Receiver(name="a", listen="127.0.0.1:0")])
    load = Load()
    for _ in range(ROUNDS):
        with await asyncio.to_thread(Process, config) as relay:
            await load.resend(relay.address())
            await load.press(relay.address(), LOAD_S)
            await asyncio.to_thread(relay.kill)
            await load.end()
    with await asyncio.to_thread(Process, config) as relay:
        await load.resend(relay.address())
        assert await asyncio.to_thread(relay.stop) == 0
    stored = Counter(line.split(b"|")[2] for line in published(tmp_path / "r/inbox/a").splitlines())
    assert len(load.acked) > 1000, "the load was none"
    assert load.acked - set(stored) == set(), "acknowledged and lost"
    assert [key for key, count in stored.items() if count > 1] == [], "stored twice"
    assert load.others == {}
    assert load.sent == {}
    assert all(line == request(int(line.split(b"|")[2]))[:-1] for line in published(tmp_path / "r/inbox/a").splitlines())


async def test_numbers_of_consumed_files_outlive_a_kill(tmp_path: Path) -> None:
    """The files were published by the recovery, and a workflow took them away, before the next kill."""
    config = Relay(directory=str(tmp_path / "r"), receivers=[Receiver(name="a", listen="127.0.0.1:0")])
    inbox, taken = tmp_path / "r/inbox/a", tmp_path / "taken"
    taken.mkdir()
    load = Load()
    load.sent = {b"%09d" % number: request(number) for number in range(500)}
    again = dict(load.sent)
    for count in range(3):
        load.sent = dict(again)
        with await asyncio.to_thread(Process, config) as relay:
            await load.resend(relay.address())
            await asyncio.to_thread(relay.kill)
        assert load.sent == {}
        for path in [path for path in inbox.iterdir() if not path.name.startswith(".")]:
            path.rename(taken / f"{count}.{path.name}")
    with await asyncio.to_thread(Process, config) as relay:
        await asyncio.to_thread(relay.stop)
    lines = published(taken).splitlines() + published(inbox).splitlines()
    assert sorted(lines) == sorted(line[:-1] for line in again.values())


async def test_a_sender_that_is_killed_loses_no_file(tmp_path: Path) -> None:
    """From our outbox to the inbox of another relay: all of it arrives, none of it twice."""
    receiver = Relay(directory=str(tmp_path / "partner"), receivers=[Receiver(name="a", listen="127.0.0.1:0")])
    outbox = tmp_path / "ours/outbox/s"
    outbox.mkdir(parents=True)
    for number in range(300):
        (outbox / f"f{number:03}").write_bytes(request(number))
    with await asyncio.to_thread(Process, receiver) as partner:
        host, port = partner.address()
        sender = SenderConfig(name="s", connect=f"{host}:{port}", settle=0.0, scan_interval=0.05)
        config = Relay(directory=str(tmp_path / "ours"), senders=[sender])
        archive = tmp_path / "ours/archive/s"
        for wanted in (50, 150, 300):
            with await asyncio.to_thread(Process, config) as ours:
                async with asyncio.timeout(15):
                    while sum(1 for _ in archive.glob("*/*")) < wanted:  # noqa: ASYNC110, it is another process
                        await asyncio.sleep(0.005)
                await asyncio.to_thread(ours.kill)
        assert await asyncio.to_thread(partner.stop) == 0
    stored = sorted(published(tmp_path / "partner/inbox/a").splitlines())
    assert stored == [request(number)[:-1] for number in range(300)]
    assert list(outbox.iterdir()) == []
