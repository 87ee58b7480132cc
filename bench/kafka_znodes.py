"""1,000 offset znodes of 32 pairs each on a real ZooKeeper, near and 2 ms away (GOALS K4); and the source's whole cycle in its event loop.

Beside ours, in the same run and both ways: a loop over kazoo's get, as scripts have it, and the same with kazoo's get_async.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from backends.snapshots import Offsets
from bench.rig.kafka import brokers, ours
from bench.rig.kafka.delay import far
from bench.rig.kafka.kinds import others_than_reads
from bench.rig.kafka.meter import Cost, best_of, cost_of
from bench.rig.kafka.observing import Observed, observe
from bench.rig.kafka.report import at_most, beside_ours, run
from bench.rig.kafka.standing import znodes_of
from bench.rig.kafka.zookeeper import LIMIT_S, session

DELAY_MS = 1.0  # each way
PATH = "/lean/app/offsets"
PAIRS = 32
FIRST_OFFSET = 16_497_745_458


class Sizes(NamedTuple):
    nodes: int
    rounds: int


class Read(NamedTuple):
    first: list[Cost]
    later: list[Cost]
    pairs: int

    @property
    def worst(self) -> float:
        return max(best_of(self.first).wall_s, best_of(self.later).wall_s)

    def report(self) -> dict[str, Any]:
        return {"first": best_of(self.first).report(), "next": best_of(self.later).report(), "pairs": self.pairs}


FULL, QUICK = Sizes(1000, 3), Sizes(30, 1)


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    with brokers.zookeeper(directory) as server, far(server.port, DELAY_MS, "zookeeper") as way:
        fill(server.address(), sizes.nodes)
        before, passed = znodes_of(server.address()), way.passed()
        near, away = read(server.address(), sizes.rounds), read(way.address, sizes.rounds)
        cycles = observe(lambda: ours.znodes_source(server.address(), PATH), sizes.rounds)
        far_cycles = observe(lambda: ours.znodes_source(way.address, PATH), sizes.rounds)
        sent = way.passed().since(passed)
        changed = len(znodes_of(server.address()).items() ^ before.items())
        others = {"near": peers(server.address(), near), "away": peers(way.address, away)}
    return {
        "goals": [
            at_most("K4", 1.0, "s", away.worst),
            at_most("K4 near", 1.0, "s", near.worst),
            at_most("K4b", 50, "ms of the event loop held", max(cycles.held_ms, far_cycles.held_ms)),
        ],
        "must_be_zero": {
            "requests_other_than_reads_on_the_wire": sum(others_than_reads(sent.requests).values()),
            "znodes_written": changed,
            "pairs_not_found": 2 * sizes.nodes * PAIRS - near.pairs - away.pairs,
            "offsets_wrong": wrong(cycles, sizes.nodes) + wrong(far_cycles, sizes.nodes),
        },
        "znodes": sizes.nodes,
        "ours": {"near": near.report(), "away": away.report()},
        "whole_cycle": {"near": cycles.report(), "away": far_cycles.report()},
        "seen_on_the_wire": {"requests": sent.requests, "bytes": sent.bytes},
        "peers": others,
    }


def value(number: int) -> bytes:
    return ",".join(f"{partition}:{FIRST_OFFSET + number + partition}" for partition in range(PAIRS)).encode()


def fill(hosts: str, nodes: int) -> None:
    with session(hosts) as kazoo:
        kazoo.ensure_path(PATH)
        for answer in [kazoo.create_async(f"{PATH}/node-{number:04d}", value(number)) for number in range(nodes)]:
            answer.get(timeout=LIMIT_S)


def read(hosts: str, rounds: int) -> Read:
    """Connect, list, get and parse; then list, get and parse again."""
    first, later, pairs = [], [], 0
    for _ in range(rounds):
        costs, pairs = asyncio.run(readings(hosts))
        first.append(costs[0])
        later.append(costs[1])
    return Read(first, later, pairs)


async def readings(hosts: str) -> tuple[list[Cost], int]:
    client, costs, pairs = ours.zookeeper_client(hosts), [], 0
    try:
        for _ in range(2):
            began, cpu = time.perf_counter(), time.process_time()
            pairs = await ours.read_offsets(client, PATH)
            costs.append(Cost(time.perf_counter() - began, time.process_time() - cpu))
    finally:
        client.close()
    return costs, pairs


def wrong(cycles: Observed, nodes: int) -> int:
    """Pairs that are not what we wrote."""
    right = [
        part.offset == FIRST_OFFSET + number + part.partition
        for seen in cycles.seen
        if isinstance(seen, Offsets)
        for number, consumer in enumerate(seen.consumers)
        for part in consumer.detail
    ]
    return nodes * PAIRS * len(cycles.seen) - sum(right)


def peers(hosts: str, read: Read) -> dict[str, Any]:
    ways: dict[str, Callable[[Any], int]] = {"get, one after the other": one_by_one, "get_async, all at once": all_at_once}
    found = {}
    for name, way in ways.items():
        costs = []
        for _ in read.first:
            with session(hosts) as kazoo:
                costs.append(cost_of(lambda way=way, kazoo=kazoo: way(kazoo))[0])  # type: ignore[misc]
        best = best_of(costs)
        found[name] = {**best.report(), **beside_ours(best, best_of(read.first), best_of(read.later))}
    return found


def one_by_one(kazoo: Any) -> int:
    return sum(pairs_of(kazoo.get(f"{PATH}/{name}")[0]) for name in kazoo.get_children(PATH))


def all_at_once(kazoo: Any) -> int:
    asked = [kazoo.get_async(f"{PATH}/{name}") for name in kazoo.get_children(PATH)]
    return sum(pairs_of(answer.get(timeout=LIMIT_S)[0]) for answer in asked)


def pairs_of(data: bytes) -> int:
    return len([(int(partition), int(offset)) for partition, offset in (pair.split(b":") for pair in data.split(b","))])


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
