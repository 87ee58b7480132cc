"""How fast whole GC logs are read (GOALS H3): MB/s with every event, and how much memory grows meanwhile.

Beside ours, on the same files: GCViewer (its JVM's start taken off, by a small file of the same kind), and `wc -l` and `grep -c`, which
understand nothing of what they read. Prints one JSON object.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from backends.gclog.parsing.assemble import Parser
from backends.gclog.rows import read
from bench.rig import gcviewer
from bench.rig.kafka.report import run
from bench.rig.rounds import goal, rounded

MB = 1_000_000
RUNS = 3  # the best counts: other work on the machine only ever adds
SMALL_MB = 2  # what the peer's start is measured with
WANTED = 100.0  # MB/s
FLAT_MB = 40.0
YOUNG = (
    b"2021-12-15T05:%02d:%02d.108+0900: %.3f: [GC [PSYoungGen: %dK->%dK(270848K)] %dK->%dK(10084864K), 0.0%03d634 secs]"
    b" [Times: user=0.33 sys=0.00, real=0.02 secs] \n"
)
FULL = (
    b"2021-12-15T05:%02d:%02d.110+0900: %.3f: [Full GC [PSYoungGen: 19544K->0K(270848K)] [ParOldGen: %dK->%dK(9814016K)]"
    b" %dK->%dK(10084864K) [PSPermGen: 49072K->49072K(262144K)], 3.5176340 secs] [Times: user=58.53 sys=0.00, real=3.52 secs] \n"
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


class Sizes(NamedTuple):
    megabytes: int
    has_peer: bool


def parallel(number: int) -> bytes:
    """JDK 6 to 8, the parallel collector with details and dates; every 50th collection is a full one."""
    at = 307_181.956 + number * 1.6
    minute, second = int(at / 60) % 60, int(at) % 60
    old = 5_000_000 + number % 4000 * 1000
    line = YOUNG % (minute, second, at, 268_000 + number % 2000, 9000 + number % 999, old + 268_000, old + 12_000, number % 1000)
    if number % 50 == 49:
        line += FULL % (minute, second, at + 0.03, old, old - 900_000, old + 19_544, old - 900_000)
    return line


def plain(number: int) -> bytes:
    return PLAIN % (number * 0.2, number, 30 + number % 20, 10 + number % 9, number % 1000)


def detailed(number: int) -> bytes:
    return DETAILED % ((number * 0.2, number) * 13)


KINDS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "JDK 8 parallel, details": (b"", parallel),
    "G1 -Xlog:gc": (HEADER, plain),
    "G1 -Xlog:gc*": (HEADER, detailed),
}


def write(path: Path, kind: str, size: int) -> None:
    header, event = KINDS[kind]
    number = 0
    with path.open("wb") as log:
        log.write(header)
        while log.tell() < size:
            log.write(b"".join(event(one) for one in range(number, number + 2000)))
            number += 2000


def best(call: Callable[[], object], runs: int = RUNS, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the quickest of some runs; wall seconds, where no other clock is given."""
    found = []
    for _ in range(runs):
        began = clock()
        call()
        found.append(clock() - began)
    return min(found)


def command(*words: str) -> Callable[[], object]:
    return lambda: subprocess.run(words, stdout=subprocess.DEVNULL, check=True)


def scan(directory: Path, kind: str, megabytes: int, peer: Path | str) -> dict[str, Any]:
    log = directory / "gc.log"
    write(log, kind, megabytes * MB)
    size = log.stat().st_size / MB
    row = read(str(log))
    ours = best(lambda: read(str(log)))
    found: dict[str, Any] = {
        "megabytes": rounded(size),
        "collections": row.young + row.full,
        "not_understood": row.unknown_lines,
        "ours_mb_per_s": rounded(size / ours),
        "of_wc": rounded(best(command("wc", "-l", str(log))) / ours),
        "of_grep": rounded(best(command("grep", "-c", "GC", str(log))) / ours),
        "one_by_one_mb_per_s": rounded(size / best(lambda: one_by_one(log))),
    }
    if isinstance(peer, str):
        return {**found, "gcviewer": peer}
    small = directory / "small.log"
    write(small, kind, SMALL_MB * MB)
    start, whole = gcviewer.seconds(peer, small), gcviewer.seconds(peer, log)
    if start is None or whole is None or whole <= start:
        return {**found, "gcviewer": "it gave no summary"}
    rate = (size - small.stat().st_size / MB) / (whole - start)
    return {**found, "gcviewer_mb_per_s": rounded(rate), "times_gcviewer": rounded(size / ours / rate)}


def one_by_one(log: Path) -> None:
    """Every event made, as a follower does: what a run of young collections saves."""
    parser = Parser()
    with log.open("rb") as file:
        while piece := file.read(256 << 10):
            parser.feed(piece)


PEAK = "import sys; from backends.gclog.rows import read; read(sys.argv[1]); print(open('/proc/self/status').read())"


def peak_mb(log: Path) -> float:
    """Of a process that reads this log and nothing else."""
    done = subprocess.run([sys.executable, "-c", PEAK, str(log)], capture_output=True, text=True, check=True)
    return next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("VmHWM:")) / 1024


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    peer = gcviewer.jar(directory) if sizes.has_peer else "not run at a small size"
    grown = 0.0
    scans = {}
    for kind in KINDS:
        scans[kind] = scan(directory, kind, sizes.megabytes, peer)
        small = directory / "small.log"
        write(small, kind, MB)
        grown = max(grown, peak_mb(directory / "gc.log") - peak_mb(small))
    goals = [goal(f"H3 {kind}", f">= {WANTED:g} MB/s", found["ours_mb_per_s"], least=WANTED) for kind, found in scans.items()]
    goals.append(goal("H3 memory", f"<= {FLAT_MB:g} MB grown", rounded(grown), most=FLAT_MB))
    unread = sum(found["not_understood"] for found in scans.values())
    return {"goals": goals, "must_be_zero": {"lines_not_understood": unread}, "scans": scans, "memory_grown_mb": rounded(grown)}


if __name__ == "__main__":
    sys.exit(run(__doc__, program, Sizes(200, True), Sizes(5, False)))
