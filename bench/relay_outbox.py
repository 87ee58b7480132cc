"""An outbox with 100,000 files: what a scan costs, and how quickly they are delivered.

    python -m bench.relay_outbox [--files N] [--seconds S] [--rounds N]

Goal R9. Scans are those of the relay's own code, in a process of their own: the first, which knows no file, and later ones, which know all;
beside them what programs like it do. Files are delivered to the C server, which answers 200 when a record is on its disk: pipelined, over
persistent connections, one connection for each file, and one file at a time; beside them the loop that such programs begin as. After each
round every file that was archived is looked for among the partner's records.
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig.audit import SIZE, Audit, audit, record, total
from bench.rig.build import NoCompiler
from bench.rig.rounds import Rig, arguments, fresh, goal, in_turns, ratio_of, rounded, run
from bench.rig.servers import ROOT, Absent, Server, Variant, cpu_s, limit, relay_command, tail

PATIENCE_S = 60.0
HEAD_START_S = 1.0  # after the first record: the first scan goes on meanwhile, and its cost is a figure of its own
ENDING = "_result.txt"
STEP = 7919  # a prime: files are not made in the order of their names

PIPELINED = {"connection": "pipelined", "parallel": 256}
PERSISTENT = {"connection": "persistent", "parallel": 16}
PER_FILE = {"connection": "per_file", "parallel": 16}
ONE_BY_ONE = {"connection": "per_file", "parallel": 1}


class Figures(NamedTuple):
    files_per_s: float
    cpu_us_per_file: float
    first_after_s: float  # from the start of the process to the first record at the partner


class Counts(NamedTuple):
    audit: Audit
    missing: int  # files that are neither waiting nor archived nor failed


def main() -> int:
    words = arguments(__doc__, seconds=1, rounds=2)
    words.add_argument("--files", type=int, default=100_000, help="that wait (%(default)s)")
    return run(words, program)


def program(rig: Rig) -> dict[str, Any]:
    partner = limit(rig.directory)
    if isinstance(partner, Absent):
        raise NoCompiler
    files = rig.place("files")
    fill(files, rig.words.files)
    scanned = scans(files)
    wanted = [
        sender("pipelined", rig, "one connection, 256 files in flight", PIPELINED),
        sender("persistent", rig, "16 connections that stay", PERSISTENT),
        sender("per_file", rig, "a connection for each file, 16 at a time", PER_FILE),
        sender("one by one", rig, "a connection for each file, one at a time", ONE_BY_ONE),
        old_loop(rig),
    ]
    rounds: dict[str, list[tuple[Figures, Counts]]] = {each.name: [] for each in wanted}
    for turn in in_turns(wanted, rig.rounds):
        for variant in turn:
            rounds[variant.name].append(deliver(rig, variant, partner, files))
    figures = {name: [found for found, _ in each] for name, each in rounds.items()}
    return {
        "load": f"{rig.words.files} files of one record of 120 bytes; {rig.seconds:g} s of delivery x {rig.rounds}",
        "variants": {each.name: {"is_ours": each is not wanted[-1], "says": each.says, **report(rounds[each.name])} for each in wanted},
        "scan_cpu_us_per_file": scanned,
        "goals": [
            goal("R9", "a first scan <= 1 us CPU a file", scanned["first"], most=1),
            goal("R9", "a later scan <= 1 us CPU a file", scanned["next"], most=1),
            goal("R9", "pipelined >= 12 x one by one", ratio_of(figures["pipelined"], figures["one by one"], "files_per_s"), least=12),
        ],
    }


def scans(files: Path) -> dict[str, float]:
    """Microseconds of CPU a file."""
    done = subprocess.run([sys.executable, "-m", "bench.rig.scans", str(files)], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return {name: rounded(value) for name, value in json.loads(done.stdout).items()}


def report(rounds: list[tuple[Figures, Counts]]) -> dict[str, float]:
    medians = {name: rounded(statistics.median(getattr(found, name) for found, _ in rounds)) for name in Figures._fields}
    counts = total(found.audit for _, found in rounds)
    return {**medians, **counts._asdict(), "missing": sum(found.missing for _, found in rounds)}


def fill(place: Path, count: int) -> None:
    """Makes those of the files that are not there."""
    place.mkdir(exist_ok=True)
    with os.scandir(place) as entries:
        there = {entry.name for entry in entries}
    for turn in range(count):
        number = turn * STEP % count
        if (name := f"{number:012d}{ENDING}") not in there:
            fd = os.open(place / name, os.O_WRONLY | os.O_CREAT, 0o640)
            os.write(fd, record(number))
            os.close(fd)


# Delivery.


class Waiting(NamedTuple):
    """A program that has files to deliver."""

    name: str
    says: str
    command: Callable[[Path, int], list[str]]  # of its directory and the partner's port


def sender(name: str, rig: Rig, says: str, how: Mapping[str, Any]) -> Waiting:
    def command(place: Path, port: int) -> list[str]:
        wanted = {"name": "bench", "connect": f"127.0.0.1:{port}", "outbox": str(place / "outbox"), **how}
        return relay_command(place, {"senders": [wanted]})

    return Waiting(name, says, command)


def old_loop(rig: Rig) -> Waiting:
    def command(place: Path, port: int) -> list[str]:
        return [sys.executable, "-m", "bench.rig.peers", "loop", str(port), str(place)]

    return Waiting("loop", "lists the outbox for the oldest file, connects, sends, hears the answer, archives; and again", command)


def deliver(rig: Rig, waiting: Waiting, partner: Variant, files: Path) -> tuple[Figures, Counts]:
    """From `files`, which are all there again afterwards."""
    place = rig.place(waiting.name.replace(" ", "-"))
    place.mkdir()
    files.rename(place / "outbox")
    with fresh(rig, partner) as server, child(waiting.command(place, server.port), place) as process:
        figures = watch(server, process, rig, place)
        process.terminate()
        process.wait(PATIENCE_S)
        server.stop()
        archived, left = found_files(place)
        counts = Counts(audit(archived, server.stored()), rig.words.files - len(archived) - left)
    (place / "outbox").rename(files)
    shutil.rmtree(place)
    fill(files, rig.words.files)
    return figures, counts


def found_files(place: Path) -> tuple[set[int], int]:
    """The numbers of those in an archive, and how many are anywhere else."""
    archived: set[int] = set()
    left = 0
    for directory, _, names in os.walk(place):
        files = [name for name in names if name.endswith(ENDING)]
        if "archive" in Path(directory).relative_to(place).parts:
            archived.update(int(name.removesuffix(ENDING)) for name in files)
        else:
            left += len(files)
    return archived, left


@contextlib.contextmanager
def child(command: list[str], place: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def watch(server: Server, process: subprocess.Popen[bytes], rig: Rig, place: Path) -> Figures:
    """A second after the partner has its first record, for so many seconds or to the last file."""
    began = time.monotonic()
    while not stored_bytes(server):
        if process.poll() is not None or time.monotonic() - began > PATIENCE_S:
            raise SystemExit(f"nothing was delivered:\n{tail(place / 'log')}")
        time.sleep(0.001)
    first_after = time.monotonic() - began
    time.sleep(HEAD_START_S)
    since, used, size = time.monotonic(), cpu_s(process.pid), stored_bytes(server)
    last = rig.words.files * SIZE
    while (found := stored_bytes(server)) < last and time.monotonic() - since < rig.seconds:
        time.sleep(0.01)
    files = (found - size) / SIZE
    took = time.monotonic() - since
    return Figures(files / took, (cpu_s(process.pid) - used) / max(files, 1) * 1e6, first_after)


def stored_bytes(server: Server) -> int:
    return sum(path.stat().st_size for path in server.stored())


if __name__ == "__main__":
    sys.exit(main())
