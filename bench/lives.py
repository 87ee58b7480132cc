"""Verdicts on JVMs that really live for an hour (GOALS H4): leaks, caches, waves, batches, a process that idles, one that is stopped.

Each is a JVM of ours (tests/lab/java/Life.java) whose reachable memory goes a known way, with all collectors of the lab's two JVMs; the
source of pane 4 follows it as in the console. Said is when each verdict came and how far the date of a leak was off. Takes --minutes, and
little of the processor. `--keep DIRECTORY` keeps the logs. Prints one JSON object.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from backends.agent import HeapFile
from backends.heap import Agent, Heaps
from bench.rig.kafka.report import at_most
from bench.rig.rounds import goal, machine, rounded
from tests.lab import jars, jvm
from tests.lab.server import spawn

HEAP_MB = 256
COLLECTORS = {"serial": "Serial", "parallel": "Parallel", "g1": "G1", "zgc": "Z", "shenandoah": "Shenandoah"}
RELEASES = ("17", "newest")
LOOK_S = 2.0
MINUTES = 72.0
STOP_AFTER, STOPPED_FOR_S = 600.0, 180.0  # a process that is stopped in a full collection, in seconds of its life; and for how long
ALARMS: Final = frozenset({"LEAK", "THRASHING", "HANG", "STUCK"})
LEAKS = ("leak", "latent")
HEALTHY = ("cache", "waves", "batches", "steady")


class Life(NamedTuple):
    name: str
    life: str
    collector: str
    release: str


class Said(NamedTuple):
    """A verdict that is another than the one before. `live_mb`: what was reachable on purpose then."""

    at_s: float
    verdict: str
    reason: str
    live_mb: int
    confidence: float | None
    full_in_s: float | None
    old_script_pct: float | None


class Followed:
    """One process, its log, and what is said of it."""

    def __init__(self, life: Life, directory: Path, class_path: str, speed: float) -> None:
        directory.mkdir(parents=True)
        self.life = life
        self.log = directory / "gc.log"
        self.said: list[Said] = []
        self.gaps = 0
        self.began = time.time()
        self._out = directory / "life.out"
        log = f"-Xlog:gc*:file={self.log}:time,uptime,level,tags:filecount=9,filesize=1m"
        options = (f"-Xms{HEAP_MB}m", f"-XX:+Use{COLLECTORS[life.collector]}GC", log)
        command = jvm.command(class_path, f"{HEAP_MB}m", "Life", life.life, str(speed), collector=options, release=life.release)
        with self._out.open("wb") as out:
            self.process = spawn(command, output=out)
        self.stopped_at: float | None = None
        self.went_on_at: float | None = None

    def take(self, row: HeapFile, now: float) -> None:
        self.gaps = row.gaps
        if self.said and self.said[-1].verdict == row.verdict:
            return
        told = Said(now - self.began, row.verdict, row.reason, self.live_mb, row.confidence, row.full_in_s, row.old_script_pct)
        self.said.append(told)

    @property
    def live_mb(self) -> int:
        numbers = [line.split() for line in self._out.read_text().splitlines()]
        return next((int(words[1]) for words in reversed(numbers) if len(words) == 2), 0)

    def first(self, *verdicts: str, after: float = 0.0) -> Said | None:
        return next((said for said in self.said if said.verdict in verdicts and said.at_s >= after), None)

    def report(self) -> dict[str, Any]:
        return {
            **self.life._asdict(),
            "stopped_at_s": self.stopped_at,
            "went_on_at_s": self.went_on_at,
            "gaps": self.gaps,
            "said": [
                {key: rounded(value) if isinstance(value, float) else value for key, value in said._asdict().items()} for said in self.said
            ],
        }


def many() -> Iterator[Life]:
    for release in RELEASES:
        for place, collector in enumerate(COLLECTORS):
            chosen = ["leak", HEALTHY[place % len(HEALTHY)], HEALTHY[(place + 2 + RELEASES.index(release)) % len(HEALTHY)]]
            chosen += ["latent"] if collector in ("parallel", "g1") else []
            for life in dict.fromkeys(chosen):
                yield named(life, collector, release)
    yield named("idle", "g1", "17")
    yield named("idle", "parallel", "newest")
    yield named("asked", "serial", "17")
    yield named("asked", "parallel", "newest")


def few() -> Iterator[Life]:
    yield named("leak", "parallel", "17")
    yield named("leak", "g1", "newest")
    yield named("steady", "serial", "newest")


def named(life: str, collector: str, release: str) -> Life:
    return Life(f"{life}-{collector}-{release}", life, collector, release)


@contextmanager
def living(lives: Iterable[Life], directory: Path, speed: float) -> Iterator[list[Followed]]:
    class_path = jars.class_paths(["life"])["life"]
    with ExitStack() as stack:
        made = []
        for life in lives:
            made.append(Followed(life, directory / life.name, class_path, speed))
            stack.callback(end, made[-1].process)
        yield made


def end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


async def stop_in_a_collection(one: Followed, speed: float) -> None:
    """SIGSTOP as soon as the log says that a full collection began and not that it ended; SIGCONT later."""
    await asyncio.sleep(max(0.0, STOP_AFTER / speed))
    with contextlib.suppress(ProcessLookupError):
        while True:
            size = one.log.stat().st_size
            while one.log.stat().st_size == size:  # noqa: ASYNC110, a collection tells nobody but its log
                await asyncio.sleep(0.001)
            os.kill(one.process.pid, signal.SIGSTOP)
            if is_open(one.log.read_text()):
                break
            os.kill(one.process.pid, signal.SIGCONT)
        one.stopped_at = time.time() - one.began
        await asyncio.sleep(STOPPED_FOR_S)
        os.kill(one.process.pid, signal.SIGCONT)
        one.went_on_at = time.time() - one.began


def is_open(text: str) -> bool:
    """Whether the last pause of the log began and did not end."""
    pauses = [line for line in text.splitlines() if "Pause Full" in line]
    return bool(pauses) and "[gc,start" in pauses[-1]


async def follow(made: Sequence[Followed], seconds: float, speed: float) -> None:
    by_name = {one.life.name: one for one in made}
    source = Heaps([Agent(name, str(one.log)) for name, one in by_name.items()])
    stopping = [asyncio.create_task(stop_in_a_collection(one, speed)) for one in made if one.life.life == "asked"]
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        now = time.time()
        for row in (await source.observe(now)).files:
            by_name[row.name].take(row, now)
        await asyncio.sleep(LOOK_S)
    for task in stopping:
        task.cancel()
    await asyncio.gather(*stopping, return_exceptions=True)
    await source.close()


# What came out


def leak(one: Followed) -> dict[str, Any]:
    """The date is held against the first moment at which memory was out or nearly: HANG or THRASHING after LEAK."""
    said = one.first("LEAK")
    if said is None:
        return {"told": None, "alarm_before": None}
    out = one.first("HANG", "THRASHING", after=said.at_s)
    early = one.first("HANG", "THRASHING", "STUCK")
    error = None if out is None or said.full_in_s is None else said.at_s + said.full_in_s - out.at_s
    return {
        "told": said.at_s,
        "live_mb": said.live_mb,
        "confidence": said.confidence,
        "out": None if out is None else out.at_s,
        "date_off_by_s": error,
        "warning_s": None if out is None else out.at_s - said.at_s,
        "alarm_before": early.verdict if early is not None and early.at_s < said.at_s else None,
    }


def figures(made: Sequence[Followed]) -> dict[str, Any]:
    of = {life: [one for one in made if one.life.life == life] for life in (*LEAKS, *HEALTHY, "idle", "asked")}
    leaks = {one.life.name: leak(one) for life in LEAKS for one in of[life]}
    healthy = [one for life in HEALTHY for one in of[life]]
    false = {one.life.name: sorted(words) for one in healthy if (words := {said.verdict for said in one.said} & ALARMS)}
    suspects = {one.life.name: count for one in healthy if (count := sum(said.verdict == "SUSPECT" for said in one.said))}
    missed = [name for name, told in leaks.items() if told["told"] is None]
    warnings = [told["warning_s"] for told in leaks.values() if told.get("warning_s") is not None]
    stuck = [(one, one.first("STUCK", after=one.stopped_at)) for one in of["asked"] if one.stopped_at is not None]
    silent = [one for one in of["idle"] if one.said[-1].verdict == "SILENT" and not {said.verdict for said in one.said} & ALARMS]
    well_again = [one for one, told in stuck if told is not None and one.went_on_at and one.first("OK", after=one.went_on_at)]
    return {
        "goals": [
            at_most("H4, an hour, false", 0, "alarms on healthy JVMs", len(false)),
            at_most("H4, an hour, missed", 0, "leaks not told before memory was out", len(missed)),
            goal("H4, an hour, silent", "all", len(silent), least=len(of["idle"])),
            goal("H4, an hour, stuck", "all", sum(told is not None for _, told in stuck), least=len(of["asked"])),
        ],
        "must_be_zero": {"false_alarms": len(false), "gaps": sum(one.gaps for one in made)},
        "healthy": {"jvms": len(healthy), "alarms": false, "suspect": suspects},
        "leaks": {"jvms": len(leaks), "missed": missed, "warning_s_median": median(warnings) if warnings else None, "each": leaks},
        "stuck": {
            "jvms": len(of["asked"]),
            "told_after_s": {one.life.name: told.at_s - (one.stopped_at or 0) for one, told in stuck if told is not None},
            "well_again": [one.life.name for one in well_again],
        },
        "silent": {"jvms": len(of["idle"]), "told": [one.life.name for one in silent]},
        "each": [one.report() for one in made],
    }


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="three at sixty times the speed, 8 s: its figures mean nothing")
    words.add_argument("--minutes", type=float, default=MINUTES, help=f"how long they live ({MINUTES:g})")
    words.add_argument("--keep", type=Path, help="where the logs stay, a directory that is not there yet")
    asked = words.parse_args()
    speed, seconds = (60.0, 8.0) if asked.quick else (1.0, 60 * asked.minutes)
    with tempfile.TemporaryDirectory(prefix="lives.") as temporary:
        directory = asked.keep or Path(temporary)
        with living(few() if asked.quick else many(), directory, speed) as made:
            asyncio.run(follow(made, seconds, speed))
        head = {
            "bench": "lives",
            "quick": asked.quick,
            "minutes": rounded(seconds / 60),
            "heap_mb": HEAP_MB,
            "machine": machine(directory),
        }
        found = figures(made)
    print(json.dumps({**head, **found}, indent=2))
    return 1 if any(found["must_be_zero"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
