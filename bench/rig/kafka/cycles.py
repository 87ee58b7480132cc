"""Our readings of a cluster's topics: a full one, and the next one after some topics moved; timed, and counted apart.

What is timed runs without librdkafka's reports, whose JSON costs more than the reading; what is counted runs again with them. Requests
become more, too, when others use the machine (brokers are asked every 20 ms while records are awaited): so the best round counts.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from backends.snapshots import Topics
from bench.rig.kafka import ours
from bench.rig.kafka.kinds import others_than_reads
from bench.rig.kafka.meter import Cost, best_of, cost_of

Move = Callable[[], int]  # makes some partitions move; how many


class Round(NamedTuple):
    full: Cost
    again: Cost
    partitions: int
    found: int  # partitions with a record, in the full reading
    missed: int  # partitions that moved and whose new record the next reading has not


class Counted(NamedTuple):
    full_requests: int
    full_bytes: int
    again_requests: int
    again_bytes: int
    kinds: Mapping[str, int]  # ever sent


class Cycles(NamedTuple):
    rounds: list[Round]
    counts: list[Counted]
    filled: int  # partitions with records

    @property
    def full(self) -> Cost:
        return best_of([each.full for each in self.rounds])

    @property
    def again(self) -> Cost:
        return best_of([each.again for each in self.rounds])

    @property
    def counted(self) -> Counted:
        """The round with the fewest requests."""
        return min(self.counts, key=lambda each: each.full_requests + each.again_requests)

    def figures(self) -> tuple[dict[str, float], dict[str, float]]:
        """What the goals are about, of the full reading and of the next one."""
        count = self.counted
        full = {"CPU s": self.full.cpu_s, "MB": count.full_bytes / 1e6, "requests": count.full_requests, "s": self.full.wall_s}
        again = {"CPU s": self.again.cpu_s, "MB": count.again_bytes / 1e6, "requests": count.again_requests, "s": self.again.wall_s}
        return full, again

    def report(self) -> dict[str, Any]:
        count = self.counted
        return {
            "partitions": self.rounds[0].partitions,
            "full": {**self.full.report(), "requests": count.full_requests, "bytes": count.full_bytes},
            "next": {**self.again.report(), "requests": count.again_requests, "bytes": count.again_bytes},
            "rounds": [{"full": each.full.report(), "next": each.again.report()} for each in self.rounds],
            "requests_by_kind": dict(count.kinds),
            "rounds_counted": [{name: number for name, number in each._asdict().items() if name != "kinds"} for each in self.counts],
        }

    def must_be_zero(self) -> dict[str, int]:
        return {
            "requests_other_than_reads": sum(sum(others_than_reads(each.kinds).values()) for each in self.counts),
            "newest_records_not_found": sum(self.filled - each.found for each in self.rounds),
            "moved_partitions_not_read": sum(each.missed for each in self.rounds),
        }


def measure(bootstrap: str, filled: int, move: Move, rounds: int) -> Cycles:
    """Each round with new handles, so that its first reading knows nothing."""
    return Cycles([one(bootstrap, move) for _ in range(rounds)], [counted(bootstrap, move) for _ in range(rounds)], filled)


def one(bootstrap: str, move: Move) -> Round:
    reader = ours.topics_reader(ours.client(bootstrap))
    try:
        full, seen = cost_of(lambda: reader.read(time.time()))
        before, moved = time.time(), move()
        again, later = cost_of(lambda: reader.read(time.time()))
    finally:
        reader.close()
    fresh = dated(later, before - 0.001)  # the stamps are whole milliseconds
    return Round(full, again, sum(topic.partitions for topic in seen.topics), dated(seen, 0.0), moved - fresh)


def dated(seen: Topics, since: float) -> int:
    """Partitions whose newest record was sent after that."""
    return sum(part.sent_at is not None and part.sent_at >= since for topic in seen.topics for part in topic.detail)


def counted(bootstrap: str, move: Move) -> Counted:
    counts = ours.Counts()
    client = ours.client(bootstrap, counts.options)
    reader = ours.topics_reader(client)
    try:
        reader.read(time.time())
        counts.settle(client)
        full_requests, full_bytes = sum(counts.requests().values()), counts.bytes()
        move()
        reader.read(time.time())
        counts.settle(client)
        kinds, size = counts.requests(), counts.bytes()
    finally:
        reader.close()
    return Counted(full_requests, full_bytes, sum(kinds.values()) - full_requests, size - full_bytes, kinds)
