"""A real JVM, followed while it runs: what its log says to us is what the JVM says itself."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backends.gclog.follow import Follower
from tests.lab import java

SOURCE = Path(__file__).parent / "Churn.java"
DEADLINE_S = 30.0
COLLECTORS = {
    "Serial": ("-XX:+UseSerialGC",),
    "Parallel": ("-XX:+UseParallelGC", "-XX:ParallelGCThreads=1"),
    "G1": ("-XX:+UseG1GC", "-XX:G1HeapRegionSize=1m", "-XX:ParallelGCThreads=1"),
}
OLD_USED = {
    "Serial": re.compile(r"tenured generation\s+total (?P<total>\d+)K, used (?P<used>\d+)K"),
    "Parallel": re.compile(r"ParOldGen\s+total (?P<total>\d+)K, used (?P<used>\d+)K"),
    "G1": re.compile(r"garbage-first heap\s+total (?:reserved \d+K, committed )?(?P<total>\d+)K, used (?P<used>\d+)K"),
}
ROUNDING_KIB = {"Serial": 64, "Parallel": 64, "G1": 2048}  # G1 counts whole regions; jcmd itself allocates a little between


class Jvm:
    """One process that obeys a word at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def obey(self, word: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def heap_info(self) -> str:
        command = [str(Path(java.builder().java).with_name("jcmd")), str(self.process.pid), "GC.heap_info"]
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=True).stdout

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(DEADLINE_S)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("classes")
    subprocess.run([str(java.builder().javac), "-d", str(place), str(SOURCE)], timeout=60, check=True)
    return place


@contextmanager
def running(classes: Path, log: Path, collector: str) -> Iterator[Jvm]:
    options = ("-Xmx64m", "-Xms64m", "-XX:TieredStopAtLevel=1", f"-Xlog:gc*:file={log}:uptime,tags:filecount=3,filesize=6k")
    command = [java.runtime(), *COLLECTORS[collector], *options, "-cp", str(classes), "Churn"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Jvm(process)
        finally:
            process.kill()


@pytest.mark.parametrize("collector", COLLECTORS)
def test_a_running_jvm_is_followed_over_its_own_rotation_and_agrees_with_jcmd(collector: str, classes: Path, tmp_path: Path) -> None:
    log, follower = tmp_path / "gc.log", Follower()
    with running(classes, log, collector) as jvm:
        jvm.obey("g")
        for round_ in range(1, 7):
            jvm.obey("f" if round_ in (2, 4) else "g")
            follower.look(str(log))
        jvm.obey("g")
        told = OLD_USED[collector].search(jvm.heap_info())
        follower.look(str(log))
        account = follower.account
        assert told is not None
        assert (account.collector, account.full) == (collector, 6)  # each was asked for, none was lost to a rotation
        assert any(tmp_path.glob("gc.log.*"))
        assert account.last is not None
        assert account.last.old is not None
        assert account.last.old.after_kib is not None
        assert abs(account.last.old.after_kib + (account.last.humongous_kib or 0) - int(told["used"])) <= ROUNDING_KIB[collector]
        assert account.last.old.capacity_kib == int(told["total"])
        assert account.last.old.after_kib >= 16 << 10  # the 16 MiB it keeps
        jvm.end()
        follower.look(str(log))
        assert account.is_ended
    follower.close()
