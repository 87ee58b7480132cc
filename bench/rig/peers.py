"""What is measured beside the relay, each in the plain way its name says: `python -m bench.rig.peers KIND PORT PLACE`.

Servers, with the file that they store in:
threads    a thread for each connection; each record is written and synced before its answer, under one lock
sharing    the same without the lock: the kernel lets threads that wait in fdatasync share a commit of its journal
skeleton   what a relay looks like at first: one recv of 1,024 bytes, append to the file, close it, answer, close. Nothing is synced
bare       group commit on uvloop and nothing else: the price of a durable answer in Python
A sender, with a directory:
loop       the oldest file of PLACE/outbox, a connection, the line, its answer, a rename to PLACE/archive; from the beginning for each file
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import cast

BACKLOG = 4096
ACK = b"0026|RES|%b|200\n"
NAK = b"0026|RES|%b|401\n"


def main(words: list[str]) -> int:
    kind, port, file = words[0], int(words[1]), Path(words[2])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if kind == "loop":
        send_all(port, file)
    if kind == "bare":
        import uvloop

        uvloop.run(bare(port, file))
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    lock = threading.Lock() if kind == "threads" else contextlib.nullcontext()
    server = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        work = partial(once, connection, file) if kind == "skeleton" else partial(in_turn, connection, fd, lock)
        threading.Thread(target=work, daemon=True).start()


def is_right(line: bytes, columns: list[bytes]) -> bool:
    return len(columns) == 9 and columns[0] == b"%04d" % len(line) and columns[1] == b"REQ"


def in_turn(connection: socket.socket, fd: int, lock: contextlib.AbstractContextManager[object]) -> None:
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            columns = line.split(b"|")
            if is_right(line, columns):
                with lock:
                    os.write(fd, line)
                    os.fdatasync(fd)
                connection.sendall(ACK % columns[2])
            else:
                connection.sendall(NAK % b"")


def once(connection: socket.socket, file: Path) -> None:
    with connection:
        line = connection.recv(1024)
        columns = line.split(b"|")
        if not is_right(line, columns):
            connection.sendall(NAK % b"")
            return
        with file.open("ab") as target:
            target.write(line)
        connection.sendall(ACK % columns[2])


def send_all(port: int, place: Path) -> None:
    outbox, archive = place / "outbox", place / "archive"
    archive.mkdir()
    while True:
        names = list(outbox.iterdir())
        if not names:
            time.sleep(1.0)
            continue
        oldest = min(names, key=os.path.getmtime)
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(oldest.read_bytes())
            answer = connection.recv(1024)
        if answer.endswith(b"|200\n"):
            oldest.rename(archive / oldest.name)


class Writer:
    """One write and one fdatasync a batch, in a thread; meanwhile the next batch collects."""

    def __init__(self, file: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        self._lines: list[bytes] = []
        self._answers: list[tuple[asyncio.Transport, bytes]] = []
        self._is_busy = False

    def add(self, transport: asyncio.Transport, lines: bytes, answer: bytes) -> None:
        self._lines.append(lines)
        self._answers.append((transport, answer))
        if not self._is_busy:
            self._is_busy = True
            self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        lines, answers = self._lines, self._answers
        self._lines, self._answers = [], []
        self._loop.run_in_executor(None, self._store, b"".join(lines), answers)

    def _store(self, data: bytes, answers: list[tuple[asyncio.Transport, bytes]]) -> None:
        os.write(self._fd, data)
        os.fdatasync(self._fd)
        self._loop.call_soon_threadsafe(self._release, answers)

    def _release(self, answers: list[tuple[asyncio.Transport, bytes]]) -> None:
        for transport, answer in answers:
            if not transport.is_closing():
                transport.write(answer)
        if self._lines:
            self._begin()
        else:
            self._is_busy = False


class Connection(asyncio.Protocol):
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._part = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        whole, end, self._part = (self._part + data).rpartition(b"\n")
        if end:
            answer = b"".join([ACK % line.split(b"|", 3)[2] for line in whole.split(b"\n")])
            self._writer.add(self._transport, whole + end, answer)


async def bare(port: int, file: Path) -> None:
    writer = Writer(file)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(writer), "127.0.0.1", port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
