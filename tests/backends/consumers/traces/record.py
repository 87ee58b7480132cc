"""Records traces on the lab's real Kafka 4 and real ZooKeeper, some six minutes: `python -m tests.backends.consumers.traces.record`.

Real consumers of real groups, and writers of real znodes, which at a known moment stall, are killed or go back, and later go on. What our
own readers saw of it is written to recorded/, with their commits and the log ends; the verdicts are not.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from kazoo.client import KazooClient

from backends.consumers.consumption import Observation
from backends.consumers.groups import GroupsReader
from backends.consumers.znode_tree import CsvTree
from backends.kafka.client import KafkaClient, Settings
from backends.zookeeper.client import ZookeeperClient
from tests.backends.consumers.traces.trace import RECORDED, Commit, Reading, Trace, Trouble, save
from tests.backends.kafka_peer import KafkaPeer
from tests.lab.lab import Lab

LASTS_S, INTERVAL_S = 360.0, 5.0
TROUBLE, OVER = 120.0, 270.0  # seconds after the beginning
PER_S = 40  # records a second and partition
PARTITIONS = 2
PATH = "/recorded"

GROUPS = {"healthy": (), "stalled": ("STALLED",), "killed": ("STALLED", "STOPPED"), "rewound": ("REWOUND",)}
NODES = {"healthy": (), "stalled": ("STALLED",), "killed": ("STALLED", "STOPPED"), "rewound": ("REWOUND",)}


class Group:
    """One consumer process, what it committed, and what is done to it."""

    def __init__(self, address: str, story: str) -> None:
        self.story, self.topic, self.name = story, f"recorded.{story}", f"recorded-{story}"
        self.commits: list[Commit] = []
        self.done: dict[str, float] = {}
        self._command = [sys.executable, "-m", "tests.backends.consumers.traces.consumer", address, self.name, self.topic]
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            at, partition, offset = line.split()
            self.commits.append(Commit(float(at), int(partition), int(offset)))

    def say(self, words: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()

    def begin(self) -> None:
        self.done["begin"] = time.time()
        if self.story == "stalled":
            self.say("pause")
        elif self.story == "killed":
            self._process.kill()
            self._process.wait()
        elif self.story == "rewound":
            self.say("back 2000")

    def end(self) -> None:
        self.done["end"] = time.time()
        if self.story == "stalled":
            self.say("resume")
        elif self.story == "killed":
            self._start()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Node:
    """A znode that is written every two seconds by a thread of the recorder."""

    def __init__(self, zookeeper: KazooClient, story: str) -> None:
        self.story, self.name = story, f"app-node-{list(NODES).index(story) + 1}"
        self.commits: list[Commit] = []
        self.done: dict[str, float] = {}
        self._zookeeper, self._state, self._offsets = zookeeper, "moves", [1_000_000, 2_000_000]
        zookeeper.create(f"{PATH}/{self.name}", self._text(), makepath=True)

    def _text(self) -> bytes:
        return ",".join(f"{number}:{offset}" for number, offset in enumerate(self._offsets)).encode()

    def step(self) -> None:
        if self._state == "moves":
            self._offsets = [offset + 2 * PER_S for offset in self._offsets]
        if self._state != "killed":
            self._zookeeper.set(f"{PATH}/{self.name}", self._text())
            self.commits += [Commit(time.time(), number, offset) for number, offset in enumerate(self._offsets)]

    def begin(self) -> None:
        self.done["begin"] = time.time()
        self._state = self.story if self.story in ("stalled", "killed") else "moves"
        if self.story == "rewound":
            self._offsets = [offset - 2000 for offset in self._offsets]

    def end(self) -> None:
        self.done["end"], self._state = time.time(), "moves"

    def close(self) -> None:
        pass


class Recorder:
    def __init__(self, kafka: str, zookeeper: str) -> None:
        self._kafka, self._zookeeper = kafka, zookeeper
        self._ends: dict[str, list[Commit]] = {}
        self._seen: dict[str, list[tuple[float, Observation]]] = {}
        self._stop = threading.Event()
        KafkaPeer(kafka).create({f"recorded.{story}": PARTITIONS for story in GROUPS})
        self._writer = KazooClient(zookeeper)
        self._writer.start(timeout=10)
        self.actors: list[Group | Node] = [*(Group(kafka, story) for story in GROUPS), *(Node(self._writer, story) for story in NODES)]

    async def run(self) -> None:
        began = time.monotonic()
        threads = [threading.Thread(target=each, daemon=True) for each in (self._produce, self._write, self._ask_ends)]
        for thread in threads:
            thread.start()
        pending: list[tuple[float, Callable[[], None]]] = [(TROUBLE, actor.begin) for actor in self.actors]
        pending += [(OVER, actor.end) for actor in self.actors]
        reader = GroupsReader(
            KafkaClient(Settings("kafka", "kafka[0]", self._kafka, {})), lambda name: name.startswith("recorded-"), "main"
        )
        tree = CsvTree(ZookeeperClient("offsets", "offsets[0]", self._zookeeper), PATH, None, re.compile(r"(.+?)-node-[0-9]+"), None)
        while (passed := time.monotonic() - began) < LASTS_S:
            for when, action in [each for each in pending if each[0] <= passed]:
                action()
                pending.remove((when, action))
            at = time.time()
            for seen in [*await asyncio.to_thread(reader.read), *(await tree.read())[0]]:
                self._seen.setdefault(seen.name, []).append((at, seen))
            await asyncio.sleep(INTERVAL_S - (time.monotonic() - began - passed) % INTERVAL_S)
        self._stop.set()
        for actor in self.actors:
            actor.close()

    def save(self) -> None:
        for actor in self.actors:
            is_group = isinstance(actor, Group)
            words = (GROUPS if is_group else NODES)[actor.story]
            begin, end = actor.done["begin"], actor.done["end"]
            troubles = (Trouble(begin, min(end, begin + 300) if words != ("REWOUND",) else begin + 300, words),) if words else ()
            name = f"{'group' if is_group else 'znode'}-{actor.story}"
            readings = tuple(self._reading(at, seen) for at, seen in self._seen[actor.name])
            ends = tuple(self._ends[actor.topic]) if isinstance(actor, Group) else ()
            kind = f"recorded: {'a real group' if is_group else 'a real znode'}, {actor.story}"
            save(
                Trace(name, kind, "group" if is_group else "csv", INTERVAL_S, readings, tuple(actor.commits), ends, troubles),
                RECORDED / f"{name}.jsonl",
            )

    def _reading(self, at: float, seen: Observation) -> Reading:
        siblings = len(NODES) - 1 if seen.layout == "csv" else 0
        times = {number: round(when, 3) for number, when in seen.committed_at.items()}
        return Reading(
            round(at, 3),
            dict(seen.offsets),
            times,
            dict(seen.ends),
            seen.has_members,
            siblings,
            2.0 if siblings else None,
            at if siblings else None,
        )

    def _produce(self) -> None:
        producer = Producer({"bootstrap.servers": self._kafka, "linger.ms": 20, "log_level": 0})
        while not self._stop.wait(1.0):
            for story in GROUPS:
                for partition in range(PARTITIONS):
                    for _ in range(PER_S):
                        producer.produce(f"recorded.{story}", b"x", partition=partition)
            producer.flush(10)

    def _write(self) -> None:
        while not self._stop.wait(2.0):
            for actor in self.actors:
                if isinstance(actor, Node):
                    actor.step()

    def _ask_ends(self) -> None:
        """As Burrow does, every ten seconds."""
        asker = Consumer({"bootstrap.servers": self._kafka, "group.id": "recorder", "log_level": 0})
        while not self._stop.wait(10.0):
            for story in GROUPS:
                for partition in range(PARTITIONS):
                    _, end = asker.get_watermark_offsets(TopicPartition(f"recorded.{story}", partition), timeout=10)
                    self._ends.setdefault(f"recorded.{story}", []).append(Commit(round(time.time(), 3), partition, end))
        asker.close()


def main() -> None:
    RECORDED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="relay-console-record.") as folder, Lab(Path(folder)) as lab:
        lab.start("zookeeper", "kafka4")
        recorder = Recorder(lab.kafka4.address(), lab.zookeeper.address())
        asyncio.run(recorder.run())
        recorder.save()


if __name__ == "__main__":
    main()
