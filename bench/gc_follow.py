"""Following (GOALS H2 and H5): the first gauge of a large log, storms of rotations, what a hundred quiet agents cost, how late an event is.

The peers follow nothing: what they need for a first gauge is the log's size over the rate at which they were measured to read such logs.
Prints one JSON object. Nothing stays on the disk.
"""

import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from backends.gclog.events import Collected
from backends.gclog.files.family import newest_current
from backends.gclog.files.tail import Changed, Tail
from backends.gclog.follow import Follower
from backends.gclog.parsing.assemble import Parser
from backends.heap import INTERVAL_S, Agent, Heaps, read_files
from bench.gc_throughput import HEADER, KINDS, MB, best, plain, write
from bench.rig.kafka.report import at_most, run
from bench.rig.rounds import rounded
from tests.backends.gclog import writers
from tests.backends.gclog.writers import Logrotate, Writer

RUNS = 5  # the best counts: other work on the machine only ever adds
GAUGE_MS = 50.0
QUIET_SHARE = 0.01
PEER_RATE = {"GCViewer": 18.7, "GCToolKit": 3.2}  # MB/s, measured on 100 MB of the first kind with its pages in memory
STORM_ARCHIVES = 20
STORM_LOOK_S, STORM_CALM_S = 0.05, 0.01  # between two looks; after a rotation
LINES_A_ROTATION = 25
NOISE = b"2026-11-22 12:00:00,123 INFO  [worker-7] c.e.Orders - order 4711 accepted, 12 lines, 3 warehouses, customer 90210\n"
SILENCE = 100 * MB  # of an application's own lines behind the last collection


class Sizes(NamedTuple):
    gauge_bytes: int
    agents: int
    looks: int
    storm_s: float  # of each kind
    events: int  # whose latency is measured
    interval_s: float


FULL, QUICK = Sizes(500 * MB, 100, 10, 4.0, 1000, INTERVAL_S), Sizes(5 * MB, 10, 3, 0.5, 50, 0.2)


# The first gauge


def look_once(path: Path) -> Callable[[], None]:
    def look() -> None:
        follower = Follower()
        follower.look(str(path))
        assert follower.account.last_heap is not None
        follower.close()

    return look


def gauge(path: Path, *, whole: bool = True) -> dict[str, Any]:
    """Of a log whose pages are in memory, as those of a log that is being written are."""
    megabytes = path.stat().st_size / MB
    ours_s = best(look_once(path), RUNS, time.process_time)
    found: dict[str, Any] = {"megabytes": round(megabytes), "first_gauge_cpu_ms": rounded(ours_s * 1000)}
    if whole:
        whole_s = best(lambda: read_files([path]), 1, time.process_time)
        found["read_whole_cpu_s"] = rounded(whole_s)
        found["whole_over_first_gauge"] = round(whole_s / ours_s)
        found["peer_rate"] = {f"{peer}_s_extrapolated": rounded(megabytes / rate) for peer, rate in PEER_RATE.items()}
    return found


def gauges(directory: Path, size: int) -> dict[str, Any]:
    path, found = directory / "gc.log", {}
    for kind in KINDS:
        write(path, kind, size)
        found[kind] = gauge(path)
    with path.open("ab") as log:
        for _ in range(min(SILENCE, size // 2) // (len(NOISE) * 1000)):
            log.write(NOISE * 1000)
    found["unified g1, gc*, then only the application's lines"] = gauge(path, whole=False)
    path.unlink()
    return found


# Storms


class Reader:
    """What a follower does, with the collections kept."""

    def __init__(self, path: Path) -> None:
        self.path, self.tail, self.parser = str(path), Tail(), Parser()
        self.read: list[float] = []
        self.put_off = 0  # looks

    def look(self) -> None:
        try:
            for piece in self.tail.poll(newest_current(self.path)):
                if isinstance(piece, Changed):
                    self.parser.change_file()
                else:
                    self.read += [event.at or 0.0 for event in self.parser.feed(piece) if isinstance(event, Collected)]
        except (FileNotFoundError, BlockingIOError):
            self.put_off += 1  # between two files, or rotated too fast: the next look sees to it


def storm(kind: type[Writer], folder: str, seconds: float, done: Any) -> None:
    """The writer's process: rotates some thirty times a second, a line in four is written in two pieces."""
    writer = kind(Path(folder), STORM_ARCHIVES)
    writer.write()
    done.put(None)
    time.sleep(4 * STORM_LOOK_S)  # the reader's first look
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for number in range(LINES_A_ROTATION):
            if number % 4 == 0:
                writer.half(number / LINES_A_ROTATION)
                time.sleep(0.001)
            writer.write()
        writer.rotate()
        time.sleep(STORM_CALM_S)
        if isinstance(writer, Logrotate) and writer.rotations % 2:
            writer.signal()
    writer.finish()
    done.put((writer.written, writer.rotations))


def weather(kind: type[Writer], seconds: float) -> dict[str, Any]:
    context = multiprocessing.get_context("fork")
    with TemporaryDirectory(prefix="gc-follow.") as folder:
        done = context.Queue()
        process = context.Process(target=storm, args=(kind, folder, seconds, done))
        process.start()
        done.get()
        reader = Reader(Path(folder) / kind.name)
        looks = 0
        while done.empty():
            reader.look()
            looks += 1
            time.sleep(STORM_LOOK_S)
        written, rotations = done.get()
        process.join()
        reader.look()
        reader.look()
        reader.tail.close()
    read = [int(at) for at in reader.read]
    return {
        "written": len(written),
        "rotations": rotations,
        "looks": looks,
        "put_off": reader.put_off,
        "lost": len(set(written) - set(read)),
        "twice": len(read) - len(set(read)),
        "out_of_order": sum(after < before for before, after in pairwise(read)),
        "gaps": reader.tail.gaps,
    }


# Quiet agents


def quiet(directory: Path, sizes: Sizes) -> dict[str, Any]:
    """CPU of a look at many logs in which nothing happens: the following alone, and with the rows that the console gets."""
    names = []
    for number in range(sizes.agents):
        log = directory / f"agent-{number}.log"
        log.write_bytes(HEADER + b"".join(plain(one) for one in range(100)))
        names.append(str(log))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    heaps = Heaps([Agent(Path(name).stem, name) for name in names])
    now = time.time()
    heaps._look(now)
    descriptors = len(os.listdir("/proc/self/fd")) - before  # noqa: PTH208
    followers = list(zip(heaps._followers.values(), names, strict=True))

    def follow() -> None:
        for follower, name in followers:
            follower.look(name)

    follow_s = best(follow, sizes.looks, time.process_time)
    rows_s = best(lambda: heaps._look(now), sizes.looks, time.process_time)
    asyncio.run(heaps.close())
    for name in names:
        Path(name).unlink()
    return {
        "agents": sizes.agents,
        "descriptors_an_agent": rounded(descriptors / sizes.agents),
        "following_cpu_ms_a_look": rounded(follow_s * 1000),
        "following_share_of_a_core": rounded(follow_s / INTERVAL_S),
        "with_rows_cpu_ms_a_look": rounded(rows_s * 1000),
        "with_rows_share_of_a_core": rounded(rows_s / INTERVAL_S),
    }


# Latency


def stamped(path: str, events: int, interval_s: float) -> None:
    """Writes collections whose uptime is the clock that both processes share."""
    with Path(path).open("ab", buffering=0) as log:
        for number in range(events):
            at = time.monotonic()
            log.write(b"[%.6fs][info][gc] GC(%d) Pause Young (Normal) (G1 Evacuation Pause) 15M->7M(64M) 1.000ms\n" % (at, number))
            time.sleep(5 * interval_s / events)


def latency(directory: Path, sizes: Sizes) -> dict[str, Any]:
    path = directory / "late.log"
    path.write_bytes(HEADER)
    reader = Reader(path)
    reader.look()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=stamped, args=(str(path), sizes.events, sizes.interval_s))
    process.start()
    late: list[float] = []
    while len(late) < sizes.events:
        time.sleep(sizes.interval_s)
        reader.look()
        now = time.monotonic()
        late += [now - at for at in reader.read]
        reader.read.clear()
    process.join()
    reader.tail.close()
    late.sort()
    return {
        "events": len(late),
        "interval_s": sizes.interval_s,
        "p50_s": rounded(statistics.median(late)),
        "p99_s": rounded(late[len(late) * 99 // 100]),
        "max_s": rounded(late[-1]),
    }


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    storms = {kind.__name__: weather(kind, sizes.storm_s) for kind in writers.KINDS}
    calm, late = quiet(directory, sizes), latency(directory, sizes)
    first = gauges(directory, sizes.gauge_bytes)
    return {
        "goals": [
            *(at_most(f"H2, {kind}", GAUGE_MS, "ms of CPU until the first gauge", first[kind]["first_gauge_cpu_ms"]) for kind in KINDS),
            at_most("H5, lost", 0, "events in storms of rotations", sum(found["lost"] for found in storms.values())),
            at_most("H5, twice", 0, "events in storms of rotations", sum(found["twice"] for found in storms.values())),
            at_most("H5, quiet", QUIET_SHARE, f"of a core for {sizes.agents} agents", calm["following_share_of_a_core"]),
            at_most("H5, quiet with rows", QUIET_SHARE, f"of a core for {sizes.agents} agents", calm["with_rows_share_of_a_core"]),
        ],
        "must_be_zero": {
            "lost_without_a_gap": sum(found["lost"] for found in storms.values() if not found["gaps"]),
            "twice": sum(found["twice"] for found in storms.values()),
        },
        "first_gauge": first,
        "storms": storms,
        "quiet": calm,
        "latency": late,
    }


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
