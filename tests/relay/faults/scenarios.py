"""Trouble for a real relay under load, and the audit after it. Each scenario takes `rounds` and an empty directory; the tests play a few
rounds, `python -m bench.relay_faults` plays them all.

Everything that is open when the trouble is over is sent again, and so are some acknowledged records. Where a minute must end the relay's
clock runs sixty times quicker.
"""

import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

from relay.config import Receiver, Relay
from tests.relay.faults import place as places
from tests.relay.faults.audit import Audit, audit, lines_below
from tests.relay.faults.load import Load
from tests.relay.faults.orders import Ordered, Orders

QUICK = 60.0  # minutes a minute
LOAD_S = 0.3  # of load between two faults
STILL_S = 0.05  # until the call that a stopped process is in has ended
IN_FLIGHT = 64  # records of a Load


def config(home: Path, *, min_free: int = 0, **receiver: object) -> Relay:
    usual: dict[str, object] = {"name": "a", "listen": "127.0.0.1:0", "max_connections": 20_000, "max_connections_per_address": 20_000}
    return Relay(directory=str(home), min_free=min_free, receivers=[Receiver(**{**usual, **receiver})])  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def relay(what: Relay, since: float = 0.0, place: Path | None = None) -> AsyncIterator[Ordered]:
    found = await asyncio.to_thread(Ordered, what, QUICK if since else 1.0, since, place)
    with found:
        yield found


async def stopped(found: Ordered) -> None:
    assert await asyncio.to_thread(found.stop) == 0, found.log.read_text()[-2000:]


def consume(inbox: Path, taken: Path) -> int:
    """What a workflow does: takes what it sees. Returns how many files."""
    taken.mkdir(exist_ok=True)
    paths = [path for path in inbox.iterdir() if not path.name.startswith(".")]
    for path in paths:
        shutil.move(path, taken / f"{time.monotonic_ns()}.{path.name}")
    return len(paths)


async def kill(rounds: int, place: Path) -> Audit:
    """SIGKILL under load, published files taken away in between."""
    home, taken, load, since = place / "r", place / "taken", Load(), time.time()
    what, files = config(home), 0
    for _ in range(rounds):
        async with relay(what, since) as found:
            await load.send_again(found.address())
            async with load.pressing(found.address()):
                await asyncio.sleep(LOAD_S)
                files += consume(home / "inbox/a", taken)
                await asyncio.to_thread(found.kill)
    async with relay(what, since) as found:
        await load.send_again(found.address())
        await stopped(found)
    lines = lines_below(home / "inbox", taken)
    return audit("kill", rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered, notes={"files_taken": files})


async def power_cut(rounds: int, place: Path) -> Audit:
    """Of a mounted image, in turn: the file system is shut down in the middle of what it does; its blocks are copied, and the copy is
    mounted instead. The relay stands still for the copy: else its first blocks are older than its last, as never after a cut. Root only."""
    image, mount, load, since = places.new_image(place / "image", 64), place / "mount", Load(), time.time()
    what, copies = config(mount / "r"), 0
    for number in range(rounds):
        fresh = None
        with places.mounted(image, mount):
            async with relay(what, since, place / "r") as found:
                await load.send_again(found.address())
                async with load.pressing(found.address()):
                    await asyncio.sleep(LOAD_S)
                    if number % 2:
                        found.child.send_signal(signal.SIGSTOP)
                        await asyncio.sleep(STILL_S)
                        before = load.acked.copy()
                        fresh = await asyncio.to_thread(places.copied, image, place / "copy")
                        copies += 1
                    else:
                        await asyncio.to_thread(places.cut_power, mount)
                    await asyncio.to_thread(found.kill)
        if fresh is not None:
            load.open |= load.acked - before  # on the copy they are as good as never sent
            load.acked = before
            fresh.replace(image)
    with places.mounted(image, mount):
        async with relay(what, since, place / "r") as found:
            await load.send_again(found.address())
            await stopped(found)
        lines = list(lines_below(mount / "r/inbox"))
    notes = {"copies": copies, "shutdowns": rounds - copies}
    return audit("power_cut", rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered, notes=notes)


async def full_disk(rounds: int, place: Path) -> Audit:
    """A mounted image that something else fills to the last block, and empties again; now and then the relay is killed while it is full.
    Root only."""
    image, mount, taken = places.new_image(place / "image", 32), place / "mount", place / "taken"
    load, since, files, back = Load(), time.time(), 0, 0.0
    with places.mounted(image, mount):
        inbox = mount / "r/inbox/a"
        number = 0
        while number < rounds:
            async with relay(config(mount / "r", min_free=(number % 2) << 26), since, place / "r") as found:
                await load.send_again(found.address())
                async with load.pressing(found.address()):
                    for _ in range(min(3, rounds - number)):
                        number += 1
                        await load.until(200)
                        ballast = await asyncio.to_thread(places.fill, mount)
                        await load.until_refused(8)
                        files += await _published_while_full(inbox, taken)
                        ballast.unlink()
                        began = time.monotonic()
                        await load.until(200)
                        back = max(back, time.monotonic() - began)
                    ballast = await asyncio.to_thread(places.fill, mount)
                    await asyncio.to_thread(found.kill)
            async with relay(config(mount / "r"), since, place / "r") as found:  # it starts on a full disk, too
                files += consume(inbox, taken)
                ballast.unlink()
                await load.send_again(found.address())
                await stopped(found)
        lines = list(lines_below(mount / "r/inbox", taken))
    notes = {"refused": load.refused[503], "files_taken": files, "slowest_return_s": back}
    return audit("full_disk", rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered, notes=notes)


async def _published_while_full(inbox: Path, taken: Path) -> int:
    """The minute that was being written ends, and is published although there is no room."""
    ends_at = time.monotonic() + 5.0
    while not (found := consume(inbox, taken)):
        assert time.monotonic() < ends_at, f"a full disk holds back {[path.name for path in inbox.iterdir()]}"
        await asyncio.sleep(0.05)
    return found


async def _ordered(name: str, rounds: int, place: Path, *orders: Orders, kills: bool = False) -> Audit:
    """A disk that is told what to refuse, in turn; with `kills`, each second round ends in a SIGKILL while it refuses."""
    home, load, since = place / "r", Load(), time.time()
    number = 0
    while number < rounds:
        async with relay(config(home), since) as found:
            await load.send_again(found.address())
            async with load.pressing(found.address()):
                is_killed = False
                while number < rounds and not is_killed:
                    await load.until(200)
                    found.order(orders[number % len(orders)])
                    await load.until_refused(8)
                    number += 1
                    if is_killed := kills and number % 2 == 0:
                        await asyncio.to_thread(found.kill)
                    found.order()
                if not is_killed:
                    await load.until(200)
            if not is_killed:
                await load.send_again(found.address())
                await stopped(found)
    async with relay(config(home), since) as found:
        await load.send_again(found.address())
        await stopped(found)
    lines = lines_below(home / "inbox")
    notes: dict[str, float] = {"refused": load.refused[503]}
    return audit(name, rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered, notes=notes)


async def failed_sync(rounds: int, place: Path) -> Audit:
    """EIO, of the minute files or of everything; also where the file cannot be cut; and killed while it lasts."""
    inbox = str(place / "r/inbox")
    orders = Orders(inbox, fail_syncs=True), Orders(inbox, fail_syncs=True, fail_cuts=True), Orders(fail_syncs=True)
    return await _ordered("failed_sync", rounds, place, *orders, kills=True)


async def refused_writes(rounds: int, place: Path) -> Audit:
    """A full disk, as the relay sees it: half of what is written fits. Needs no root."""
    return await _ordered("refused_writes", rounds, place, Orders(is_full=True), Orders(str(place / "r/seen"), is_full=True), kills=True)


async def refused_changes(rounds: int, place: Path) -> Audit:
    """A file system that became read-only, as the relay sees it. Needs no root."""
    return await _ordered("refused_changes", rounds, place, Orders(is_read_only=True))


async def slow_sync(rounds: int, place: Path, seconds: float = 2.0) -> Audit:
    """A sync that takes 2 s: partners wait, and hear a 200 then."""
    home, load, longest = place / "r", Load(), 0.0
    async with relay(config(home)) as found:
        async with load.pressing(found.address()):
            for _ in range(rounds):
                await load.until(200)
                found.order(Orders(str(home / "inbox"), sync_takes=seconds))
                await asyncio.sleep(0.05)
                found.order()
                began = time.monotonic()
                await load.until(200)
                longest = max(longest, time.monotonic() - began)
        await load.send_again(found.address())
        await stopped(found)
    assert longest > seconds / 2, "no sync was slow"
    lines = lines_below(home / "inbox")
    notes = {"longest_s": longest}
    return audit("slow_sync", rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered + load.refused.total(), notes=notes)


async def read_only(rounds: int, place: Path) -> Audit:
    """In turn: a mounted inbox is remounted read-only between two minutes and back, and service resumes by itself; the file system finds an
    error under load and makes itself read-only, and service resumes after a mount. Root only."""
    image, mount, load = places.new_image(place / "image", 32), place / "mount", Load()
    what = config(place / "r", inbox=str(mount / "inbox"))
    for number in range(rounds):
        with places.mounted(image, mount, "errors=remount-ro"):
            async with relay(what) as found:
                if number % 2 == 0:
                    places.remount(mount, "ro")  # no minute file is open yet, else the system would refuse
                async with load.pressing(found.address()):
                    if number % 2:
                        await load.until(200)
                        places.break_down(mount)
                    await load.until_refused(8)
                    if number % 2 == 0:
                        places.remount(mount, "rw")
                        await load.until(200)
                    await asyncio.to_thread(found.kill)
    with places.mounted(image, mount):
        async with relay(what) as found:
            await load.send_again(found.address())
            await stopped(found)
        lines = list(lines_below(mount / "inbox"))
    notes: dict[str, float] = {"refused": load.refused[503]}
    return audit("read_only", rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered, notes=notes)


async def directory_removed(rounds: int, place: Path) -> Audit:
    """The inbox, and in turn what is remembered, is taken away under load; it is read before it is deleted. Of records that were on their
    way in that moment nobody can say where they are; nothing else is missing, nothing is acknowledged into what was taken away. The batch
    by which the relay notices is at the end of what was taken away, and again in the new inbox, where it counts."""
    home, load = place / "r", Load()
    unsure: set[int] = set()
    lines: list[bytes] = []
    noticed: list[bytes] = []  # at most as many as are in flight
    async with relay(config(home)) as found:
        async with load.pressing(found.address()):
            for number in range(rounds):
                await load.until(200)
                before = load.acked.copy()
                for name in ("inbox", "seen")[: 1 + number % 2]:
                    (home / name / "a").rename(place / name)
                unsure |= load.open | (load.acked - before)
                await load.until(200)  # while both are there
                taken = list(lines_below(place / "inbox"))
                lines += taken[:-IN_FLIGHT]
                noticed += taken[-IN_FLIGHT:]
                for name in ("inbox", "seen")[: 1 + number % 2]:
                    shutil.rmtree(place / name)
        await load.send_again(found.address())
        await stopped(found)
        told = found.log.read_text().count("while it was being written") + found.log.read_text().count("it is there again")
    assert told >= rounds, found.log.read_text()[-2000:]
    lines += lines_below(home / "inbox")
    lines += {*noticed} - {*lines}
    either = {load.line(number) for number in unsure}
    notes = {"on_their_way": len(unsure), "told": told}
    return audit(
        "directory_removed",
        rounds,
        [*load.sent],
        [line for line in load.acknowledged if line not in either],
        [line for line in lines if line not in either],
        misanswered=load.misanswered,
        notes=notes,
    )


async def moving_consumer(rounds: int, place: Path) -> Audit:
    """In place: every 50 ms the consumer takes the file that is being written; now and then the relay is killed. Of records that were not
    answered then, those whose file was taken in that very moment may be stored again: nobody knows that they were. They count apart."""
    home, taken, load = place / "r", place / "taken", Load()
    unsure: set[bytes] = set()
    what, files, number = config(home, publish="in_place"), 0, 0
    while number < rounds:
        async with relay(what) as found:
            await load.send_again(found.address())
            async with load.pressing(found.address()):
                for _ in range(min(20, rounds - number)):
                    number += 1
                    await asyncio.sleep(0.05)
                    files += consume(home / "inbox/a", taken)
                await asyncio.to_thread(found.kill)
            unsure |= {load.line(number) for number in load.open}
    async with relay(what) as found:
        await load.send_again(found.address())
        await stopped(found)
    every = list(lines_below(home / "inbox", taken))
    lines = [line for line in every if line not in unsure] + [*unsure.intersection(every)]
    notes: dict[str, float] = {"files_taken": files, "unanswered_and_twice": len(every) - len(lines)}
    return audit("moving_consumer", rounds, load.sent, load.acknowledged, lines, misanswered=load.misanswered, notes=notes)


async def hanging_neighbour(rounds: int, place: Path, seconds: float = 1.0) -> Audit:
    """Two receivers; the disk of one hangs. The other one does not notice."""
    home, load, other = place / "r", Load(), Load(first=500_000_000)
    what = config(home)
    both = [what.receivers[0], Receiver(name="b", listen="127.0.0.1:0")]
    least = 1 << 60
    async with relay(Relay(directory=str(home), min_free=0, receivers=both)) as found:
        async with load.pressing(found.address("a")), other.pressing(found.address("b")):
            for _ in range(rounds):
                await other.until(50)
                found.order(Orders(str(home / "inbox/b"), sync_takes=seconds))
                await asyncio.sleep(0.1)
                before, there = len(load.acked), len(other.acked)
                await asyncio.sleep(seconds / 2)
                least = min(least, len(load.acked) - before)
                assert len(other.acked) - there <= 128, "its disk did not hang"
                found.order()
        await load.send_again(found.address("a"))
        await other.send_again(found.address("b"))
        await stopped(found)
    assert least > 20, "its neighbour's disk holds it up"
    sent, acked = [*load.sent, *other.sent], [*load.acknowledged, *other.acknowledged]
    wrong = load.misanswered + other.misanswered + load.refused.total() + other.refused.total()
    return audit("hanging_neighbour", rounds, sent, acked, lines_below(home / "inbox"), misanswered=wrong, notes={"least_acked": least})
