"""kill -9 where faults/ has no load for it: numbers whose files were consumed, and a sender."""

import asyncio
from pathlib import Path

from relay.config import Receiver, Relay
from relay.config import Sender as SenderConfig
from tests.relay.faults.load import Load
from tests.relay.process import Process
from tests.relay.records import request
from tests.relay.running import published


async def test_numbers_of_consumed_files_outlive_a_kill(tmp_path: Path) -> None:
    """The files were published by the recovery, and a workflow took them away, before the next kill."""
    config = Relay(directory=str(tmp_path / "r"), receivers=[Receiver(name="a", listen="127.0.0.1:0")])
    inbox, taken = tmp_path / "r/inbox/a", tmp_path / "taken"
    taken.mkdir()
    for count in range(3):
        load = Load()
        load.open = set(range(500))
        with await asyncio.to_thread(Process, config) as relay:
            await load.send_again(relay.address())
            await asyncio.to_thread(relay.kill)
        assert (load.open, load.misanswered) == (set(), 0)
        for path in [path for path in inbox.iterdir() if not path.name.startswith(".")]:
            path.rename(taken / f"{count}.{path.name}")
    with await asyncio.to_thread(Process, config) as relay:
        await asyncio.to_thread(relay.stop)
    lines = published(taken).splitlines() + published(inbox).splitlines()
    assert sorted(lines) == [request(number)[:-1] for number in range(500)]


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
