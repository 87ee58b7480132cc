"""The partner process: `python -m tests.lab.partner CONFIG.json` sends records to our receiver and answers our sender.

CONFIG: `{"receiver": "host:port", "listen": "host:port", "outbox": folder, "counters": file}`. What it did is in `counters`,
written each second. Our side may be away at any time: that is counted and tried again.
"""

import asyncio
import contextlib
import itertools
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import record
from tests.lab.files import write_json, write_whole
from tests.lab.truth import PARTNER

LIMIT_S = 10.0
BAD = ("type", "length", "columns", "duplicate")


@dataclass
class Counters:
    """`sent` and `bad_sent` are records written to our receiver; `answers` what came back, by code; `unanswered` were cut off.
    `acked` holds the good records among them that got 200. `files` were put into the outbox; `received` and `answered` are the
    listener's side of our sender."""

    sent: int = 0
    acked: int = 0
    unanswered: int = 0
    garbled: int = 0
    bad_sent: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    files: int = 0
    received: int = 0
    accepted: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    updated_at: float = 0.0


Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Partner:
    def __init__(self, receiver: str, listen: str, outbox: Path, counters: Path) -> None:
        self._receiver = _address(receiver)
        self._listen = _address(listen)
        self._outbox = outbox
        self._path = counters
        self.counters = Counters()
        # nine digits, a new stretch each second: unique over restarts
        first = int(time.time()) % 86_400 * 10_000
        self._numbers = itertools.count(first)
        self._sequence = itertools.count(1)
        self._accepted: set[str] = set()
        self._lasting: Peer | None = None

    async def run(self, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._answer, *self._listen)
        jobs = [
            _every(1 / PARTNER.persistent_per_s, self._keep_sending),
            _every(1 / PARTNER.one_shot_per_s, self._one_shot),
            _every(PARTNER.bad_every_s, self._misbehave),
            _every(1 / PARTNER.files_per_s, self._drop_file),
            _every(1.0, self._write_counters),
        ]
        tasks = [asyncio.create_task(job) for job in jobs]
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
        server.close()
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        _close(self._lasting)
        await self._write_counters()
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure

    def _next(self) -> str:
        return f"{next(self._numbers):09d}"

    async def _keep_sending(self) -> None:
        """One record on the connection that stays; made again when it broke."""
        self._lasting = self._lasting or await self._connect()
        if self._lasting is None:
            return
        try:
            await self._send_good(self._lasting)
        except OSError:  # counted where it happened
            _close(self._lasting)
            self._lasting = None

    async def _one_shot(self) -> None:
        """The old contract: connection, record, answer, close."""
        peer = await self._connect()
        if peer is None:
            return
        try:
            with contextlib.suppress(OSError):
                await self._send_good(peer)
        finally:
            _close(peer)

    async def _send_good(self, peer: Peer) -> None:
        process_no = self._next()
        self.counters.sent += 1
        code = await self._exchange(peer, record.request(process_no, next(self._sequence), "주문 order"))
        self.counters.acked += code == "200"  # never `+= await`: what others added meanwhile would be lost

    async def _misbehave(self) -> None:
        """The next kind of bad record, on a connection of its own."""
        kind = BAD[self.counters.bad_sent.total() % len(BAD)]
        peer = await self._connect()
        if peer is None:
            return
        process_no, sequence = self._next(), next(self._sequence)
        self.counters.bad_sent[kind] += 1
        try:
            with contextlib.suppress(OSError):
                if kind == "duplicate":
                    line = record.request(process_no, sequence)
                    self.counters.sent += 1
                    code = await self._exchange(peer, line)
                    self.counters.acked += code == "200"
                    await self._exchange(peer, line)
                else:
                    make = {"type": record.wrong_type, "length": record.wrong_length, "columns": record.wrong_columns}[kind]
                    await self._exchange(peer, make(process_no, sequence))
        finally:
            _close(peer)

    async def _exchange(self, peer: Peer, line: bytes) -> str:
        """Sends one line and returns the code of its answer; OSError when there is none."""
        reader, writer = peer
        try:
            async with asyncio.timeout(LIMIT_S):
                writer.write(line)
                await writer.drain()
                said = await reader.readuntil(b"\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self.counters.unanswered += 1
            raise ConnectionError(str(error)) from error
        try:
            process_no, code = record.read_answer(said)
        except ValueError:
            self.counters.garbled += 1
            return ""
        self.counters.garbled += process_no != record.read_process_no(line)
        self.counters.answers[code] += 1
        return code

    async def _connect(self) -> Peer | None:
        try:
            async with asyncio.timeout(LIMIT_S):
                return await asyncio.open_connection(*self._receiver)
        except OSError:
            return None

    async def _drop_file(self) -> None:
        """One record for our sender, complete under its name."""
        if not self._outbox.is_dir() or sum(1 for _ in self._outbox.iterdir()) >= PARTNER.outbox_limit:
            return
        process_no = self._next()
        line = record.request(process_no, next(self._sequence), "from the outbox")
        write_whole(self._outbox / f"{process_no}.txt", line.decode())
        self.counters.files += 1

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The destination of our sender: answers every line of a connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                line = await reader.readuntil(b"\n")
                self.counters.received += 1
                process_no = record.read_process_no(line)
                code = self._judge(process_no)
                self.counters.answered[str(code)] += 1
                writer.write(record.answer(process_no, code))
                await writer.drain()
        writer.close()

    def _judge(self, process_no: str) -> int:
        if process_no.endswith(PARTNER.refused_suffix):
            return 400
        if self.counters.received % PARTNER.busy_every == 0:
            return 503
        self._accepted.add(process_no)
        self.counters.accepted = len(self._accepted)
        return 200

    async def _write_counters(self) -> None:
        self.counters.updated_at = time.time()
        write_json(self._path, vars(self.counters))


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _close(peer: Peer | None) -> None:
    if peer is not None:
        peer[1].close()


async def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    """On a schedule that does not drift; what a slow act missed is left out."""
    clock = asyncio.get_running_loop().time
    due = clock()
    while True:
        await act()
        due = max(due + seconds, clock())
        await asyncio.sleep(due - clock())


async def _main(config: dict[str, str]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    partner = Partner(config["receiver"], config["listen"], Path(config["outbox"]), Path(config["counters"]))
    await partner.run(stop)


if __name__ == "__main__":
    asyncio.run(_main(json.loads(Path(sys.argv[1]).read_text())))
