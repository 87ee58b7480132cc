"""CPU of looking through an outbox, in a process of its own: `python -m bench.rig.scans DIRECTORY` prints microseconds a file as JSON.

first       the relay's, when it knows no file yet
next        the relay's, when it knows all
stat, sort  scandir, stat, sorted by age: what a program does that wants the oldest first
glob        glob and sort by getmtime: how such programs begin
"""

import glob
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from relay.sending.outbox import Pass
from relay.sending.queue import Queue

TIMES = 3


def main(words: list[str]) -> int:
    place = Path(words[0])
    count = sum(1 for _ in os.scandir(place))
    firsts, later = [], []
    for _ in range(TIMES):
        queue = Queue()
        firsts.append(cpu_s(partial(look, place, queue)))
        later.append(cpu_s(partial(look, place, queue)))
    found = {
        "first": statistics.median(firsts),
        "next": statistics.median(later),
        "stat, sort": statistics.median(cpu_s(partial(by_stat, place)) for _ in range(TIMES)),
        "glob": statistics.median(cpu_s(partial(by_glob, place)) for _ in range(TIMES)),
    }
    print(json.dumps({name: seconds / max(count, 1) * 1e6 for name, seconds in found.items()}))
    return 0


def cpu_s(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def look(place: Path, queue: Queue) -> None:
    """All of what a sender does of it."""
    looked = Pass(place)
    while not looked.is_over:
        for entry in looked.step(queue.known, time.time()):
            queue.put(entry.name, entry.at)
    for name in looked.gone(queue.known):
        queue.drop(name)


def by_stat(place: Path) -> list[tuple[float, str]]:
    with os.scandir(place) as entries:
        return sorted((entry.stat().st_mtime, entry.name) for entry in entries)


def by_glob(place: Path) -> list[str]:
    return sorted(glob.glob(f"{place}/*"), key=os.path.getmtime)  # noqa: PTH207 (it is the peer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
