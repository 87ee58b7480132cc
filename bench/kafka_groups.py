"""The lag of 100 groups x 100 partitions on a real Kafka 4 (GOALS K4), near and 2 ms away; and the source's whole cycle in its event loop.

In two shapes: all of them consume one topic of 100 partitions, and each consumes 25 topics of 4, out of 1,000. A tenth have a live
member. Beside ours, in the same run and both ways: the offsets of one group after the other, and what kafka-consumer-groups.sh asks
(without its JVM).
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from backends.snapshots import Offsets
from bench.rig.kafka import brokers, ours
from bench.rig.kafka.brokers import Broker
from bench.rig.kafka.groups import BEHIND, as_the_tool_does, commit, members, names, one_by_one
from bench.rig.kafka.kinds import others_than_reads
from bench.rig.kafka.load import create, fill, topic_names
from bench.rig.kafka.meter import Cost, best_of, cost_of
from bench.rig.kafka.observing import Observed, observe
from bench.rig.kafka.report import at_most, beside_ours, run
from bench.rig.kafka.standing import standing_of

DELAY_MS = 1.0  # each way
RECORDS = 5
MEMBERS = 0.1  # of the groups have one


class Shape(NamedTuple):
    groups: int
    topics: int
    of_a_group: int  # topics
    partitions: int  # of a topic

    @property
    def lags(self) -> int:
        return self.groups * self.of_a_group * self.partitions

    def consumed(self, number: int) -> list[str]:
        """By the group of this number; neighbours share topics."""
        wanted = topic_names(self.topics)
        return [wanted[(number * self.of_a_group // 2 + place) % self.topics] for place in range(self.of_a_group)]


class Sizes(NamedTuple):
    shapes: dict[str, Shape]
    rounds: int


class Read(NamedTuple):
    """By one reader: its first reading, and the next one on the same handles."""

    first: list[Cost]
    later: list[Cost]
    lags: int

    @property
    def worst(self) -> float:
        """Seconds of a first or a next reading, whichever is slower; each at its best."""
        return max(best_of(self.first).wall_s, best_of(self.later).wall_s)

    def report(self) -> dict[str, Any]:
        return {"first": best_of(self.first).report(), "next": best_of(self.later).report(), "lags": self.lags}


FULL = Sizes({"one topic": Shape(100, 1, 1, 100), "many topics": Shape(100, 1000, 25, 4)}, 3)
QUICK = Sizes({"many topics": Shape(10, 20, 5, 2)}, 1)


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    goals: list[dict[str, Any]] = []
    zero: dict[str, int] = {}
    for name, shape in sizes.shapes.items():
        with brokers.kafka4(directory / name.replace(" ", "-"), DELAY_MS, heap="512m") as broker:
            fill_up(broker.near, shape)
            with members(broker.near, shape.consumed(0)[0], names(max(1, int(shape.groups * MEMBERS)))):
                found[name] = on(broker, shape, sizes.rounds)
        goals += [{**goal, "id": f"{goal['id']}, {name}"} for goal in found[name].pop("goals")]
        zero |= {f"{key}, {name}": number for key, number in found[name].pop("must_be_zero").items()}
    return {"goals": goals, "must_be_zero": zero, **found}


def fill_up(bootstrap: str, shape: Shape) -> None:
    create(bootstrap, topic_names(shape.topics), shape.partitions)
    fill(bootstrap, shape.topics, shape.partitions, RECORDS)
    for number, group in enumerate(names(shape.groups)):
        commit(bootstrap, [group], shape.consumed(number), shape.partitions, RECORDS - BEHIND)


def on(broker: Broker, shape: Shape, rounds: int) -> dict[str, Any]:
    before, passed = standing_of(broker.near), broker.way.passed()
    near, away = read(broker.near, rounds), read(broker.way.address, rounds)
    cycles = observe(lambda: ours.groups_source(broker.near), rounds)
    far_cycles = observe(lambda: ours.groups_source(broker.way.address), rounds)
    sent, after = broker.way.passed().since(passed), standing_of(broker.near)
    return {
        "goals": [
            at_most("K4", 0.5, "s", near.worst),
            at_most("K4 2 ms away", 0.5, "s", away.worst),
            at_most("K4b", 50, "ms of the event loop held", max(cycles.held_ms, far_cycles.held_ms)),
        ],
        "must_be_zero": {
            "requests_other_than_reads_on_the_wire": sum(others_than_reads(sent.requests).values()),
            **after.differences(before, produced=0),
            "lags_not_found": 2 * shape.lags - near.lags - away.lags,
            "lags_wrong": wrong(cycles, shape.lags) + wrong(far_cycles, shape.lags),
        },
        "groups": shape.groups,
        "partitions": shape.lags,
        "ours": {"near": near.report(), "away": away.report()},
        "whole_cycle": {"near": cycles.report(), "away": far_cycles.report()},
        "seen_on_the_wire": {"requests": sent.requests, "bytes": sent.bytes},
        "peers": {"near": peers(broker.near, near, shape.lags), "away": peers(broker.way.address, away, shape.lags)},
    }


def read(bootstrap: str, rounds: int) -> Read:
    first, later, found = [], [], 0
    for _ in range(rounds):
        reader = ours.groups_reader(ours.client(bootstrap))
        first.append(cost_of(reader.read)[0])
        cost, seen = cost_of(reader.read)
        later.append(cost)
        found = sum(len(each.offsets.keys() & each.ends.keys()) for each in seen)
        reader.close()
    return Read(first, later, found)


def wrong(cycles: Observed, lags: int) -> int:
    """Every partition of every group is as far behind as we made it."""
    found = [part.lag for seen in cycles.seen if isinstance(seen, Offsets) for each in seen.consumers for part in each.detail]
    return lags * len(cycles.seen) - found.count(BEHIND)


def peers(bootstrap: str, read: Read, lags: int) -> dict[str, Any]:
    asks: dict[str, Callable[[str], int]] = {
        "offsets of one group after the other": one_by_one,
        "as kafka-consumer-groups.sh": as_the_tool_does,
    }
    found: dict[str, Any] = {}
    for name, ask in asks.items():
        costs = []
        for _ in read.first:
            cost, number = cost_of(lambda ask=ask: ask(bootstrap))  # type: ignore[misc]
            if number != lags:
                raise SystemExit(f"{name}: {number} lags instead of {lags}")
            costs.append(cost)
        best = best_of(costs)
        found[name] = {**best.report(), **beside_ours(best, best_of(read.first), best_of(read.later))}
    return found


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
