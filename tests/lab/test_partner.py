"""The partner against a receiver of our own that follows the record format to the letter."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab import record, truth
from tests.lab.files import read_json
from tests.lab.partner import Partner
from tests.lab.server import free_port


class Receiver:
    """Stores what is well-formed, once."""

    def __init__(self) -> None:
        self.stored: set[bytes] = set()
        self.answers: Counter[str] = Counter()
        self.connections = 0
        self.has_five = asyncio.Event()
        self._open = 0
        self._all_closed = asyncio.Event()

    async def end(self) -> None:
        """Once the partner is gone, so are its connections."""
        await asyncio.wait_for(self._all_closed.wait(), 10)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open += 1
        self._all_closed.clear()
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                line = await reader.readuntil(b"\n")
                code = self.judge(line)
                self.answers[str(code)] += 1
                writer.write(record.answer(record.read_process_no(line), code))
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        self._open -= 1
        if not self._open:
            self._all_closed.set()

    def judge(self, line: bytes) -> int:
        columns = line.decode().split("|")
        if len(columns) != record.COLUMNS:
            return 401
        if columns[1] != "REQ":
            return 400
        if int(columns[0]) != len(line):
            return 402
        self.stored.add(line)
        if len(self.stored) >= 5:
            self.has_five.set()
        return 200


async def test_what_the_partner_counts_is_what_the_receiver_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = replace(truth.PARTNER, persistent_per_s=20, one_shot_per_s=10, files_per_s=10, bad_every_s=0.2)
    monkeypatch.setattr("tests.lab.partner.PARTNER", quick)
    receiver, stop = Receiver(), asyncio.Event()
    port = free_port()
    partner = Partner(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}", tmp_path, tmp_path.parent / "counters.json")
    async with await asyncio.start_server(receiver.serve, "127.0.0.1", port):
        running = asyncio.create_task(partner.run(stop))
        await asyncio.sleep(2)
        stop.set()
        await running
        await receiver.end()
    counters = read_json(tmp_path.parent / "counters.json")
    cut_off = 4  # each job may have been stopped between a record and its answer
    assert counters["sent"] - cut_off <= counters["acked"] <= len(receiver.stored) <= counters["sent"]
    assert {"200", "400", "401", "402"} == set(counters["answers"])
    assert all(0 <= receiver.answers[code] - count <= cut_off for code, count in counters["answers"].items())
    assert counters["unanswered"] == counters["garbled"] == 0
    assert 30 < counters["sent"] < 100 and receiver.connections > 10
    assert len(list(tmp_path.glob("[0-9]*.txt"))) == counters["files"] > 10


async def test_a_receiver_that_is_away_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.lab.partner.PARTNER", replace(truth.PARTNER, persistent_per_s=20, one_shot_per_s=10))
    receiver, stop = Receiver(), asyncio.Event()
    port = free_port()
    partner = Partner(f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}", tmp_path, tmp_path.parent / "counters.json")
    running = asyncio.create_task(partner.run(stop))
    await asyncio.sleep(0.3)
    assert partner.counters.sent == 0
    async with await asyncio.start_server(receiver.serve, "127.0.0.1", port):
        await asyncio.wait_for(receiver.has_five.wait(), 10)
        stop.set()
        await running
        await receiver.end()
