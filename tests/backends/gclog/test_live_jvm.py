"""Real JVMs, followed while they run, over the rotation of their own logs: what a log says to us is what its JVM says itself.

JDK 17 and the newest JVM with every collector that both have. jcmd and jstat tell, at the end, how full the JVM is and how often and how
long it collected. What agrees, and how nearly:
- young and full collections (Serial, Parallel, G1) and the pauses of G1 and ZGC: exactly. For Shenandoah jstat counts steps of its pauses.
- old generation, used and capacity, of Serial and Parallel: exactly, in KiB.
- G1's log counts whole regions. After a full collection with one thread only the last old region is not full; and two regions that hold
  JDK 17's archive of classes are old to jstat, and counted apart by the log.
- the whole heap of ZGC and Shenandoah: the log has whole MiB, and jcmd itself makes the JVM allocate, for ZGC in pages of 2 MiB.
- the time in pauses: the JVM's two clocks are read one after the other, and a busy machine may do something else between.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec import Struct

from backends.agent import HeapFile
from backends.gclog.follow import Follower
from backends.gclog.rows import live
from tests.lab import java

SOURCE = Path(__file__).parent / "Churn.java"
DEADLINE_S = 60.0
AT_ONCE = 4  # JVMs: they wait for each other's tools as much as for a processor
COLLECTORS = {  # what chooses it, and a log size that is left behind a few times
    "Serial": ("-XX:+UseSerialGC", "2k"),
    "Parallel": ("-XX:+UseParallelGC", "2k"),
    "G1": ("-XX:+UseG1GC", "3k"),
    "ZGC": ("-XX:+UseZGC", "8k"),
    "Shenandoah": ("-XX:+UseShenandoahGC", "16k"),
}
QUICK = ("-Xms96m", "-Xmx96m", "-XX:TieredStopAtLevel=1", "-XX:ParallelGCThreads=1", "-XX:ConcGCThreads=1", "-XX:G1HeapRegionSize=1m")
STORY = "gyfygfyghg"  # see Churn.java; the log is looked at when it is ready, and after each letter
ASKED_FOR = STORY.count("g")
KEPT_KIB = STORY.count("f") * (4 << 10) + STORY.count("h") * (3 << 10)
REGION_KIB, ARCHIVE_REGIONS, PAGE_KIB = 1 << 10, 2, 2 << 10
MINOR_PAUSES, MAJOR_PAUSES = 3, 6  # of one collection of ZGC
CLOCKS_S = 0.02
JVMS = [(release, collector) for release in ("17", "newest") for collector in COLLECTORS]


class Told(Struct, frozen=True):
    """One JVM after its story: the row of its log, what it says itself, and the verdict when it has ended."""

    row: HeapFile
    heap_info: str
    jstat: dict[str, float]  # jstat -gc; what this collector has not is absent
    rotations: int
    verdict_at_end: str


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("classes")
    command = [str(java.builder().javac), "--release", str(java.OLDEST), "-d", str(place), str(SOURCE)]
    subprocess.run(command, timeout=60, check=True)
    return place


@pytest.fixture(scope="module")
def told(classes: Path) -> "Iterator[dict[tuple[str, str], Future[Told]]]":
    """All of them run beside each other; each test waits for its own."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {jvm: pool.submit(tell, *jvm, classes) for jvm in JVMS}


def tell(release: str, collector: str, classes: Path) -> Told:
    with tempfile.TemporaryDirectory() as folder:
        return follow(release, collector, classes, Path(folder) / "gc.log")


def follow(release: str, collector: str, classes: Path, log: Path) -> Told:
    choice, size = COLLECTORS[collector]
    command = java.newest() if release == "newest" else java.runtime()
    logging = f"-Xlog:gc*:file={log}:uptime,tags:filecount=3,filesize={size}"
    follower = Follower()
    with subprocess.Popen(
        [command, choice, *QUICK, logging, "-cp", str(classes), "Churn"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            hear(process)
            follower.look(str(log))
            for word in STORY:
                obey(process, word)
                follower.look(str(log))
            pid = str(process.pid)
            heap_info, jstat = ask("jcmd", pid, "GC.heap_info"), columns(ask("jstat", "-gc", pid))
            follower.look(str(log))
            row = live(str(log), "agent", follower, log.stat().st_mtime, None)
            process.communicate(timeout=DEADLINE_S)
            follower.look(str(log))
            end = live(str(log), "agent", follower, log.stat().st_mtime, None)
        finally:
            process.kill()
            follower.close()
    return Told(row, heap_info, jstat, len(list(log.parent.glob("gc.log.*"))), end.verdict)


def obey(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word)
    process.stdin.flush()
    hear(process)


def hear(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"


def ask(tool: str, *words: str) -> str:
    return subprocess.run([java.tool(tool), *words], capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout


def columns(table: str) -> dict[str, float]:
    names, values = (line.split() for line in table.strip().splitlines())
    return {name: float(value) for name, value in zip(names, values, strict=True) if value != "-"}


def figure(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1])


@pytest.mark.parametrize(("release", "collector"), JVMS)
def test_a_running_jvm_is_followed_over_its_own_rotation_and_agrees_with_jcmd_and_jstat(
    release: str, collector: str, told: "dict[tuple[str, str], Future[Told]]"
) -> None:
    seen = told[release, collector].result(DEADLINE_S)
    assert seen.rotations > 1
    assert seen.row.collector == ("ZGC generational" if (release, collector) == ("newest", "ZGC") else collector)
    assert seen.row.unknown_lines == 0
    AGREEMENTS[collector](seen, release)
    assert seen.verdict_at_end == "ENDED"


def counts_agree(seen: Told) -> None:
    row, jstat = seen.row, seen.jstat
    assert (row.young, row.full) == (jstat["YGC"], jstat["FGC"])
    assert row.full == ASKED_FOR
    assert row.pauses == jstat["YGC"] + jstat["FGC"] + jstat.get("CGC", 0)
    assert row.pause_total_s == pytest.approx(jstat["GCT"], abs=CLOCKS_S)


def in_kib(seen: Told, release: str) -> None:
    counts_agree(seen)
    old = seen.row.last_after_gc
    assert old is not None
    assert old.after_kib == figure(r"(?i)(?:tenured|tenured generation|ParOldGen)\s+total \d+K, used (\d+)K", seen.heap_info)
    assert old.after_kib == int(seen.jstat["OU"])
    assert old.capacity_kib == seen.jstat["OC"]
    assert old.after_kib > KEPT_KIB


def in_regions(seen: Told, release: str) -> None:
    counts_agree(seen)
    old = seen.row.last_after_gc
    assert old is not None
    assert old.after_kib is not None
    archive = ARCHIVE_REGIONS if release == "17" else 0
    ours = old.after_kib + (seen.row.humongous_kib or 0)
    assert ours - REGION_KIB < seen.jstat["OU"] <= ours + archive * REGION_KIB
    assert old.capacity_kib == figure(r"total (?:reserved \d+K, committed )?(\d+)K", seen.heap_info)
    assert ours > KEPT_KIB


def in_pages(seen: Told, release: str) -> None:
    heap = seen.row.heap_last
    assert heap is not None
    assert heap.after_kib is not None
    now = figure(r"used (\d+)M", seen.heap_info) << 10
    assert heap.after_kib <= now <= heap.after_kib + 3 * PAGE_KIB
    assert heap.capacity_kib == figure(r" capacity (\d+)M", seen.heap_info) << 10
    assert heap.after_kib > KEPT_KIB
    minor_pauses = int(seen.jstat.get("YGC", 0))  # jstat counts pauses here; whether there is a minor collection at all is chance
    assert seen.row.young in (minor_pauses // MINOR_PAUSES, minor_pauses // MINOR_PAUSES + 1)
    assert seen.row.full >= ASKED_FOR  # the JVM's own warming up comes on top
    assert 0 <= seen.row.pauses - (minor_pauses + seen.jstat["CGC"]) <= MAJOR_PAUSES  # one may run while jstat asks
    assert seen.row.pause_total_s == pytest.approx(seen.jstat["GCT"], abs=CLOCKS_S)


def in_mebibytes(seen: Told, release: str) -> None:
    heap = seen.row.heap_last
    assert heap is not None
    assert heap.after_kib is not None
    now = figure(r"committed, (\d+)K used", seen.heap_info)
    assert heap.after_kib <= now <= heap.after_kib + 3 * REGION_KIB
    assert heap.capacity_kib == figure(r"(\d+)K committed", seen.heap_info)
    assert heap.after_kib >= KEPT_KIB - REGION_KIB
    assert seen.row.full == 0  # it collects beside the program, also when asked
    assert seen.row.pauses > ASKED_FOR


AGREEMENTS = {"Serial": in_kib, "Parallel": in_kib, "G1": in_regions, "ZGC": in_pages, "Shenandoah": in_mebibytes}
