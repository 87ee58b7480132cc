"""Topics of a cluster that is 2 ms away: 300 topics of 4 partitions with 10 records each, on a real Kafka 4.

A proxy adds 1 ms each way; the broker names itself by the proxy's address, so every connection goes over it. Beside our readings are kcat
for each topic and a script, the same way and in the same run, and our readings without the proxy.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig.kafka import brokers
from bench.rig.kafka.brokers import Broker, round_trip_ms
from bench.rig.kafka.cycles import Cycles, measure
from bench.rig.kafka.kinds import others_than_reads
from bench.rig.kafka.load import create, fill, topic_names
from bench.rig.kafka.peers import beside, kcat, with_kcat
from bench.rig.kafka.report import at_most, ratio, run
from bench.rig.rounds import rounded

DELAY_MS = 1.0  # each way
PARTITIONS = 4
MOVED = 0.1


class Sizes(NamedTuple):
    topics: int
    records: int
    rounds: int
    sample: int


FULL, QUICK = Sizes(300, 10, 3, 12), Sizes(20, 2, 1, 1)


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    kcat()
    with brokers.kafka4(directory, DELAY_MS) as broker:
        create(broker.near, topic_names(sizes.topics), PARTITIONS)
        fill(broker.near, sizes.topics, PARTITIONS, sizes.records)
        return on(broker, sizes)


def on(broker: Broker, sizes: Sizes) -> dict[str, Any]:
    names, moving = topic_names(sizes.topics), int(sizes.topics * MOVED)

    def move() -> int:
        fill(broker.near, moving, 1, 1)
        return moving

    near = measure(broker.near, sizes.topics * PARTITIONS, move, sizes.rounds)
    before = broker.way.passed()
    away = measure(broker.way.address, sizes.topics * PARTITIONS, move, sizes.rounds)
    ours = broker.way.passed().since(before)
    before = broker.way.passed()
    with_kcat(broker.way.address, names[: sizes.sample])
    theirs = broker.way.passed().since(before).bytes * sizes.topics / sizes.sample
    peers = beside(broker.way.address, names, PARTITIONS, sizes.sample, away.full, away.again)
    readings = 2 * sizes.rounds  # half of them were timed, half counted
    return {
        "goals": goals(away),
        "must_be_zero": {**away.must_be_zero(), "requests_other_than_reads_on_the_wire": sum(others_than_reads(ours.requests).values())},
        "round_trip_ms": {"near": round_trip(broker.near), "away": round_trip(broker.way.address)},
        "ours": away.report(),
        "ours_near": near.report(),
        "seen_on_the_wire": {
            "readings": f"{readings} full ones and {readings} next ones", "requests": ours.requests, "bytes": ours.bytes,
            "kcat_bytes_for_all_topics": round(theirs), "kcat_to_ours": ratio(theirs, away.counted.full_bytes),
            "kcat_to_our_next_cycle": ratio(theirs, away.counted.again_bytes),
        },
        "peers": peers,
    }  # fmt: skip


def round_trip(address: str) -> float:
    return rounded(round_trip_ms(int(address.rpartition(":")[2])))


def goals(found: Cycles) -> list[dict[str, Any]]:
    """What K1 and K2 want of three times as many partitions on this machine, of these from 2 ms away."""
    return [at_most("K1", 3, "s", found.full.wall_s), at_most("K2", 1.2, "s", found.again.wall_s)]


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
