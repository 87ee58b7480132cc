"""Memory of a whole monitor that watches 4,000 partitions and 100 groups with as many committed offsets (GOALS K5), on a real Kafka 4.

The monitor is the daemon as an operator starts it, with nothing but Kafka in its configuration; beside it the same daemon with nothing at
all: what lies between the two is Kafka's part. Resident sizes are the kernel's, after some cycles, and the highest ever; what a monitor has
started counts with it, and pages that two of them share count twice.
"""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig.kafka import brokers
from bench.rig.kafka.groups import commit, names
from bench.rig.kafka.load import create, fill, topic_names
from bench.rig.kafka.report import at_most, run
from bench.rig.rounds import rounded
from tests.lab.server import spawn

PARTITIONS = 4
RECORDS = 3
TOPICS_A_GROUP = 10
INTERVAL_S = 2.0
READY_S = 60.0
MB = 1e6


class Sizes(NamedTuple):
    topics: int
    groups: int
    cycles: int


FULL, QUICK = Sizes(1000, 100, 10), Sizes(30, 3, 1)


class Size(NamedTuple):
    """MB."""

    resident: float
    highest: float


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    topics = topic_names(sizes.topics)
    with brokers.kafka4(directory, heap="512m") as broker:
        create(broker.near, topics, PARTITIONS)
        fill(broker.near, sizes.topics, PARTITIONS, RECORDS)
        for number, group in enumerate(names(sizes.groups)):
            begin = number * TOPICS_A_GROUP % sizes.topics
            commit(broker.near, [group], topics[begin : begin + TOPICS_A_GROUP], PARTITIONS, 1)
        watching = {
            "kafka": [{"name": "bench", "bootstrap": broker.near, "interval": f"{INTERVAL_S:g}s"}],
            "offsets": [{"name": "groups", "kafka": "bench", "interval": f"{INTERVAL_S:g}s"}],
        }
        bare, _ = measure(directory / "bare", {}, sizes, 0)
        full, seen = measure(directory / "full", watching, sizes, sizes.topics)
    part = full.highest - bare.highest
    return {
        "goals": [at_most("K5", 130, "MB for the whole monitor's Kafka part", part)],
        "must_be_zero": {"partitions_not_seen": sizes.topics * PARTITIONS - seen["partitions"],
                         "offsets_not_seen": sizes.groups * min(TOPICS_A_GROUP, sizes.topics) * PARTITIONS - seen["offsets"]},
        "seen": seen,
        "monitor_mb": full._asdict(),
        "monitor_without_kafka_mb": bare._asdict(),
        "kafka_part_mb": round(part, 1),
    }  # fmt: skip


def measure(place: Path, sections: Mapping[str, Any], sizes: Sizes, topics: int) -> tuple[Size, dict[str, int]]:
    place.mkdir()
    config = place / "config.yaml"
    config.write_text(json.dumps({"relay": {"directory": str(place / "relay")}, **sections}))
    with monitor(config) as child:
        seen = wait(config, topics, child)
        time.sleep(INTERVAL_S * sizes.cycles)
        return Size(*(rounded(sum(kilobytes(pid, key) for pid in family(child.pid)) * 1024 / MB) for key in ("VmRSS", "VmHWM"))), seen


def family(pid: int) -> list[int]:
    """A process and those it has started: groups are read by one of their own."""
    children = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    return [pid, *(each for child in children for each in family(int(child)))]


def kilobytes(pid: int, key: str) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields[key].split()[0])


@contextlib.contextmanager
def monitor(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "relay_console", "-c", str(config), "monitor"]
    with (config.parent / "monitor.log").open("wb") as log:
        child = spawn(command, output=log)  # and it ends with us, even when we are killed
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait(config: Path, topics: int, child: subprocess.Popen[bytes]) -> dict[str, int]:
    """Until it has read everything."""
    ends_at = time.monotonic() + READY_S
    while time.monotonic() < ends_at and child.poll() is None:
        seen = {name: asked(config, name) for name in ("topics", "offsets")}
        counts = {
            "topics": len(seen["topics"]),
            "partitions": sum(each["partitions"] for each in seen["topics"]),
            "offsets": sum(each["partitions"] for each in seen["offsets"]),
        }
        if counts["topics"] == topics and (counts["offsets"] or not topics):
            return counts
        time.sleep(0.2)
    raise SystemExit(f"the monitor did not see all topics in {READY_S:g} s: {(config.parent / 'monitor.log').read_text()[-2000:]}")


def asked(config: Path, name: str) -> list[dict[str, Any]]:
    """What the monitor knows of topics or of consumers, by its own command line."""
    command = [sys.executable, "-m", "relay_console", "-c", str(config), name, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        sources = json.loads(done.stdout)["sources"]
    except ValueError:  # it is not there yet
        return []
    key = "topics" if name == "topics" else "consumers"
    return [row for source in sources if source["data"] for row in source["data"][key]]


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
