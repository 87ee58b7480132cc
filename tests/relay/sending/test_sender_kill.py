"""A sender that is killed, or stopped, while it sends: every file arrives at least once, with its number, and none is lost.

The audit after each: what the partner answered 200, what the archive has, what is left anywhere else.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.config import Relay
from relay.config import Sender as SenderConfig
from tests.relay.process import Process
from tests.relay.records import request, response
from tests.relay.running import until

FILES, PARALLEL = 240, 6
PAUSE_S = 0.002  # of the partner before an answer: something is always in flight


class Partner:
    """Answers 200, and remembers what it answered. `reached` is set when it has heard so many records."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.answered: Counter[bytes] = Counter()
        self.reached = asyncio.Event()
        self.mark = 0
        self.is_silent = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                line = await reader.readuntil()
                self.heard.append(line)
                if len(self.heard) >= self.mark:
                    self.reached.set()
                await asyncio.sleep(PAUSE_S)
                if not self.is_silent:
                    writer.write(response(line.split(b"|")[2].decode(), 200))
                    self.answered[line] += 1
        writer.close()

    async def hears(self, count: int) -> None:
        """So many records from now on."""
        self.mark = len(self.heard) + count
        self.reached.clear()
        async with asyncio.timeout(20):
            await self.reached.wait()


@pytest.fixture
async def partner() -> AsyncIterator[tuple[Partner, int]]:
    found = Partner()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    yield found, server.sockets[0].getsockname()[1]
    server.close()


def configured(place: Path, port: int, connection: str) -> Relay:
    outbox = place / "outbox/s"
    outbox.mkdir(parents=True)
    for number in range(FILES):
        (outbox / f"f{number:03}").write_bytes(request(number))
    sender = SenderConfig(
        name="s",
        connect=f"127.0.0.1:{port}",
        settle=0.0,
        scan_interval=0.05,
        parallel=PARALLEL,
        connection=connection,  # type: ignore[arg-type]
    )
    return Relay(directory=str(place), senders=[sender])


def files(place: Path) -> list[str]:
    return sorted(path.name for path in place.rglob("*") if path.is_file() and path.suffix != ".lock")


async def finish(place: Path, config: Relay) -> None:
    """Runs until nothing waits, and is stopped."""
    with await asyncio.to_thread(Process, config) as ours:
        async with asyncio.timeout(20):
            while len(files(place / "archive/s")) < FILES:  # noqa: ASYNC110, it is another process
                await asyncio.sleep(0.02)
        assert await asyncio.to_thread(ours.stop) == 0


def audit(place: Path, found: Partner, most_twice: int) -> None:
    wanted = {request(number) for number in range(FILES)}
    assert set(found.answered) == wanted, "a file was lost, or a line was not that of a file"
    archived = {path.name: path.read_bytes() for path in (place / "archive/s").glob("*/*")}
    assert archived == {f"f{number:03}": request(number) for number in range(FILES)}
    assert files(place / "outbox") == []
    assert not (place / "failed/s").exists()
    twice = sum(found.answered.values()) - FILES
    assert twice <= most_twice, f"{twice} files were sent twice; no more can have been in flight or on their way into the archive"


@pytest.mark.parametrize("connection", ["per_file", "persistent", "pipelined"])
async def test_kills_while_sending_lose_no_file(tmp_path: Path, partner: tuple[Partner, int], connection: str) -> None:
    found, port = partner
    config = configured(tmp_path, port, connection)
    for count in (20, 70):
        with await asyncio.to_thread(Process, config) as ours:
            await found.hears(count)
            await asyncio.to_thread(ours.kill)
    await finish(tmp_path, config)
    audit(tmp_path, found, most_twice=FILES)


async def test_a_stop_while_sending_hears_what_is_in_flight_and_sends_nothing_twice(tmp_path: Path, partner: tuple[Partner, int]) -> None:
    found, port = partner
    config = configured(tmp_path, port, "pipelined")
    for count in (20, 70):
        with await asyncio.to_thread(Process, config) as ours:
            await found.hears(count)
            assert await asyncio.to_thread(ours.stop) == 0
        assert len(files(tmp_path / "archive/s")) + len(files(tmp_path / "outbox/s")) == FILES, "nothing stays claimed"
    await finish(tmp_path, config)
    audit(tmp_path, found, most_twice=0)


async def test_a_stop_while_the_partner_is_silent_puts_the_files_back(tmp_path: Path, partner: tuple[Partner, int]) -> None:
    found, port = partner
    found.is_silent = True
    config = configured(tmp_path, port, "persistent")
    with await asyncio.to_thread(Process, config) as ours:
        await until(lambda: len(found.heard) == PARALLEL, "all that may be in flight is")
        ours.child.terminate()
        async with asyncio.timeout(10):
            while b"draining" not in ours.log.read_bytes():  # noqa: ASYNC110, it is another process
                await asyncio.sleep(0.01)
        ours.child.terminate()  # at once
        await asyncio.to_thread(ours.child.wait, 10)
    assert len(files(tmp_path / "outbox/s")) == FILES
    found.is_silent = False
    await finish(tmp_path, config)
    audit(tmp_path, found, most_twice=0)
