"""How fast GC logs are read: MB/s of a full scan with every event, seconds until the first gauge of a large log, and memory meanwhile.

The peers are `wc -l` and `grep -c`, which understand nothing of what they read. Prints one JSON object. Nothing stays on the disk.
"""

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

from backends.gclog.account import Account
from backends.gclog.assemble import Parser
from backends.gclog.follow import Follower
from backends.heap import read_files

MB = 1_000_000
RUNS = 3  # the best counts: other work on the machine only ever adds
YOUNG = (
    b"%.3f: [GC (Allocation Failure) [PSYoungGen: %dK->%dK(18944K)] %dK->%dK(62976K), 0.0%03d634 secs]"
    b" [Times: user=0.01 sys=0.00, real=0.01 secs] \n"
)
FULL = (
    b"%.3f: [Full GC (Ergonomics) [PSYoungGen: 2544K->0K(18944K)] [ParOldGen: 40000K->%dK(44032K)] 42544K->30000K(62976K),"
    b" [Metaspace: 3101K->3101K(1056768K)], 0.0517634 secs] [Times: user=0.08 sys=0.00, real=0.05 secs] \n"
)
PLAIN = b"[%.3fs][info][gc] GC(%d) Pause Young (Normal) (G1 Evacuation Pause) %dM->%dM(64M) 1.%03dms\n"
DETAILED = (
    b"[%.3fs][info][gc,start    ] GC(%d) Pause Young (Normal) (G1 Evacuation Pause)\n"
    b"[%.3fs][info][gc,task     ] GC(%d) Using 2 workers of 2 for evacuation\n"
    b"[%.3fs][info][gc,phases   ] GC(%d)   Pre Evacuate Collection Set: 0.07ms\n"
    b"[%.3fs][info][gc,phases   ] GC(%d)   Evacuate Collection Set: 11.00ms\n"
    b"[%.3fs][info][gc,phases   ] GC(%d)   Post Evacuate Collection Set: 0.23ms\n"
    b"[%.3fs][info][gc,phases   ] GC(%d)   Other: 0.25ms\n"
    b"[%.3fs][info][gc,heap     ] GC(%d) Eden regions: 14->0(24)\n"
    b"[%.3fs][info][gc,heap     ] GC(%d) Survivor regions: 0->2(2)\n"
    b"[%.3fs][info][gc,heap     ] GC(%d) Old regions: 2->4\n"
    b"[%.3fs][info][gc,heap     ] GC(%d) Humongous regions: 0->0\n"
    b"[%.3fs][info][gc,metaspace] GC(%d) Metaspace: 146K(384K)->146K(384K) NonClass: 134K(256K)->134K(256K)\n"
    b"[%.3fs][info][gc          ] GC(%d) Pause Young (Normal) (G1 Evacuation Pause) 15M->4M(64M) 11.870ms\n"
    b"[%.3fs][info][gc,cpu      ] GC(%d) User=0.00s Sys=0.01s Real=0.01s\n"
)
HEADER = b"[0.030s][info][gc     ] Using G1\n[0.045s][info][gc,init] Heap Region Size: 1M\n"


def parallel(number: int) -> bytes:
    at = number * 0.2
    line = YOUNG % (at, 16384 + number % 100, 2000 + number % 300, 40000 + number % 1000, 30000 + number % 999, number % 1000)
    return line + FULL % (at + 0.1, 30000 + number % 888) if number % 50 == 49 else line


def plain(number: int) -> bytes:
    return PLAIN % (number * 0.2, number, 30 + number % 20, 10 + number % 9, number % 1000)


def detailed(number: int) -> bytes:
    return DETAILED % ((number * 0.2, number) * 13)


KINDS = {"legacy parallel, details": (b"", parallel), "unified g1, gc": (HEADER, plain), "unified g1, gc*": (HEADER, detailed)}


def write(path: Path, kind: str, size: int) -> None:
    header, event = KINDS[kind]
    number = 0
    with path.open("wb") as log:
        log.write(header)
        while log.tell() < size:
            log.write(b"".join(event(one) for one in range(number, number + 2000)))
            number += 2000


def best(call: "list[str] | None", path: Path) -> float:
    """Seconds of the quickest of some runs: of a peer's command, or of our full scan."""
    found = []
    for _ in range(RUNS):
        began = time.perf_counter()
        if call is None:
            (row,) = read_files([path])
            assert row.error is None
        else:
            subprocess.run([*call, str(path)], stdout=subprocess.DEVNULL, check=True)
        found.append(time.perf_counter() - began)
    return min(found)


def scan(path: Path, kind: str, size: int) -> dict[str, object]:
    write(path, kind, size)
    (row,) = read_files([path])
    megabytes = path.stat().st_size / MB
    ours, lines, words = best(None, path), best(["wc", "-l"], path), best(["grep", "-c", "GC"], path)
    return {
        "megabytes": round(megabytes, 1),
        "collections": row.young + row.full,
        "megabytes_per_s": round(megabytes / ours, 1),
        "events_per_s": round((row.young + row.full) / ours),
        "ratio_to_wc": round(lines / ours, 4),
        "ratio_to_grep": round(words / ours, 4),
    }


def first_gauge(path: Path, kind: str, size: int) -> dict[str, object]:
    """Of a log of this size, whose pages are in the cache, as those of a log that is being written are."""
    write(path, kind, size)
    found = []
    for _ in range(RUNS):
        follower = Follower()
        began = time.perf_counter()
        follower.look(str(path))
        found.append(time.perf_counter() - began)
        assert follower.account.last_heap is not None
        follower.close()
    return {"megabytes": round(path.stat().st_size / MB, 1), "seconds": round(min(found), 5)}


def quiet(path: Path, count: int) -> dict[str, object]:
    """What a look at many logs costs in which nothing happens."""
    followers = []
    for number in range(count):
        log = path.with_name(f"agent-{number}.log")
        log.write_bytes(HEADER + b"".join(plain(one) for one in range(100)))
        followers.append((Follower(), str(log)))
    for follower, name in followers:
        follower.look(name)
    began = time.process_time()
    for _ in range(10):
        for follower, name in followers:
            follower.look(name)
    cpu_s = (time.process_time() - began) / 10
    for follower, _ in followers:
        follower.close()
    return {"agents": count, "cpu_s_per_look": round(cpu_s, 5), "share_of_a_core_at_2_s": round(cpu_s / 2, 5)}


def resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scan-mb", type=int, default=40)
    parser.add_argument("--gauge-mb", type=int, default=200)
    parser.add_argument("--agents", type=int, default=100)
    asked = parser.parse_args()
    Parser().feed(b"")
    Account()
    with tempfile.TemporaryDirectory(prefix="gc-throughput.") as folder:
        log = Path(folder) / "gc.log"
        small = Path(folder) / "small.log"
        write(small, "unified g1, gc*", MB)
        read_files([small])
        before = resident_mb()
        scans = {kind: scan(log, kind, asked.scan_mb * MB) for kind in KINDS}
        grown = resident_mb() - before
        gauges = {kind: first_gauge(log, kind, asked.gauge_mb * MB) for kind in KINDS}
        found = {
            "full_scan": scans,
            "full_scan_memory_growth_mb": round(grown, 1),
            "first_gauge": gauges,
            "quiet": quiet(log, asked.agents),
            "cores": os.cpu_count(),
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
