"""What it costs to know the newest record of every partition (GOALS K1, K2, K3), on librdkafka's mock cluster of three brokers.

1,000 topics of 4 partitions, 3,000 of which have records; a first reading, and the next one after 10 % of the topics moved.
Beside it, in the same run: kcat for each topic, the same eight at once, and a script with a consumer for each topic.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

from bench.rig.kafka.cycles import Cycles, measure
from bench.rig.kafka.load import fill, topic_names
from bench.rig.kafka.mock import PARTITIONS, mock_cluster
from bench.rig.kafka.peers import beside, kcat
from bench.rig.kafka.report import at_most, at_most_all, run

FILLED = 3  # partitions of each topic
RECORDS = 20
MOVED = 0.1  # of the topics, by one partition each, between two readings


class Sizes(NamedTuple):
    topics: int
    rounds: int
    sample: int  # topics that a peer reads


FULL, QUICK = Sizes(1000, 3, 16), Sizes(40, 1, 1)


def program(_: Path, sizes: Sizes) -> dict[str, Any]:
    kcat()  # says at once that it is missing
    moving = int(sizes.topics * MOVED)

    def move() -> int:
        fill(bootstrap, moving, 1, 1)
        return moving

    with mock_cluster() as bootstrap:
        fill(bootstrap, sizes.topics, FILLED, RECORDS)
        found = measure(bootstrap, sizes.topics * FILLED, move, sizes.rounds)
        peers = beside(bootstrap, topic_names(sizes.topics), PARTITIONS, sizes.sample, found.full, found.again)
    return {"goals": goals(found), "must_be_zero": found.must_be_zero(), "ours": found.report(), "peers": peers}


def goals(found: Cycles) -> list[dict[str, Any]]:
    full, again = found.figures()
    return [
        *at_most_all("K1", {"CPU s": 1.5, "MB": 6, "requests": 200, "s": 3}, full),
        *at_most_all("K2", {"CPU s": 0.5, "MB": 1, "requests": 60, "s": 1.2}, again),
        at_most("K3", 0, "requests other than reads", found.must_be_zero()["requests_other_than_reads"]),
    ]


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
