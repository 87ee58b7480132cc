"""Partners who behave badly, and the audit after it: those who say nothing, those who trickle, those who reset, those who never read."""

import asyncio
import contextlib
import resource
import socket
import struct
import time
from pathlib import Path

from relay.config import ReceiverTimeouts
from tests.relay.faults.audit import Audit, audit, lines_below
from tests.relay.faults.load import Load
from tests.relay.faults.orders import Ordered
from tests.relay.faults.scenarios import config, relay, stopped

LONG = ReceiverTimeouts(first_byte=3600.0, idle=3600.0)
AT_ONCE = 200  # connections opened together: less than a listener's queue
NEVER_READ = 64 << 20  # bytes that the one who never reads tries to send: more than all buffers of both systems hold


def _memory(found: Ordered) -> int:
    return int(Path(f"/proc/{found.child.pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def _crowd(address: tuple[str, int], count: int) -> list[asyncio.StreamWriter]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 500)), hard))
    found: list[asyncio.StreamWriter] = []
    while len(found) < count:
        batch = (asyncio.open_connection(*address, limit=1024) for _ in range(min(AT_ONCE, count - len(found))))
        found += [writer for _, writer in await asyncio.gather(*batch)]
    return found


async def idle(rounds: int, place: Path) -> Audit:
    """`rounds` connections that say nothing; the others are served as ever."""
    load = Load()
    async with relay(config(place / "r", timeouts=LONG)) as found:
        async with load.pressing(found.address()):
            await load.until(500)
        before = _memory(found)
        crowd = await _crowd(found.address(), rounds)
        await asyncio.sleep(1.2)  # a sweep sees all of them
        grown = _memory(found) - before
        began, there = time.monotonic(), len(load.acked)
        async with load.pressing(found.address()):
            await load.until(500)
        rate = (len(load.acked) - there) / (time.monotonic() - began)
        assert not any(writer.transport.is_closing() for writer in crowd), "some were ended"
        for writer in crowd:
            writer.transport.abort()
        await load.send_again(found.address())
        await stopped(found)
    notes = {"bytes_each": grown / rounds, "records_per_s": rate}
    lines = lines_below(place / "r/inbox")
    return audit("idle", rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered + load.refused.total(), notes=notes)


async def slowloris(rounds: int, place: Path) -> Audit:
    """`rounds` connections that send a byte now and then; each is ended when its record's time is over, and the others are served."""
    load = Load()
    timeouts = ReceiverTimeouts(first_byte=3600.0, record=2.0)
    async with relay(config(place / "r", timeouts=timeouts)) as found:
        crowd = await _crowd(found.address(), rounds)
        began = time.monotonic()
        async with load.pressing(found.address()):
            while any(not writer.transport.is_closing() for writer in crowd):
                assert time.monotonic() - began < 20, "they are still there"
                for writer in crowd:
                    with contextlib.suppress(OSError):
                        writer.write(b"0")
                await asyncio.sleep(0.2)
            await load.until(200)
        took = time.monotonic() - began
        for writer in crowd:
            writer.transport.abort()
        await load.send_again(found.address())
        await stopped(found)
    lines = lines_below(place / "r/inbox")
    wrong = load.misanswered + load.refused.total()
    return audit("slowloris", rounds, load.sent, load.acknowledged, lines, misanswered=wrong, notes={"ended_after_s": took})


def _reset(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


async def reset_at_every_byte(rounds: int, place: Path) -> Audit:
    """Each time after one byte more of three records, and after each byte of the answers."""
    load = Load(connections=2)
    async with relay(config(place / "r")) as found:
        async with load.pressing(found.address()):
            for _ in range(rounds):
                await asyncio.to_thread(_resets, load, found.address())
        await load.send_again(found.address())
        await stopped(found)
    lines = lines_below(place / "r/inbox")
    return audit("reset_at_every_byte", rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered + load.refused.total())


def _resets(load: Load, address: tuple[str, int]) -> None:
    size = len(load.line(1))
    for count in range(3 * size + 1):
        text = b"".join(load.line(load.new()) for _ in range(3))
        peer = socket.create_connection(address)
        peer.sendall(text[:count])
        _reset(peer)
    number = load.new()
    for count in range(1, len(b"0024|RES|000000001|200\n") + 1):
        with contextlib.closing(socket.create_connection(address, timeout=10)) as peer:
            peer.sendall(load.line(number))
            heard = b""
            while len(heard) < count:
                heard += peer.recv(count - len(heard))
            _reset(peer)


async def never_reads(rounds: int, place: Path) -> Audit:
    """It sends what it can and reads nothing: it is ended, costs little, and its records are stored once when it has learned to read."""
    load = Load(connections=2)
    worst = 0
    async with relay(config(place / "r", timeouts=ReceiverTimeouts(unread=1.0))) as found:
        async with load.pressing(found.address()):
            await load.until(100)
            for _ in range(rounds):
                before = _memory(found)
                await asyncio.to_thread(_talk, load, found.address())
                worst = max(worst, _memory(found) - before)
                await load.until(100)
        await load.send_again(found.address())
        await stopped(found)
    notes = {"worst_growth_bytes": worst}
    lines = lines_below(place / "r/inbox")
    wrong = load.misanswered + load.refused.total()
    return audit("never_reads", rounds, load.sent, load.acknowledged, lines, misanswered=wrong, notes=notes)


def _talk(load: Load, address: tuple[str, int]) -> None:
    with contextlib.closing(socket.socket()) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(10.0)
        peer.connect(address)
        said = 0
        try:
            while said < NEVER_READ:
                said += peer.send(load.line(load.new()))
        except ConnectionError:
            return
        raise AssertionError(f"{said} bytes were taken from one who does not read, and it was not ended")
