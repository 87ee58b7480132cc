"""Races and resets against our sources (GOALS K6): no lag negative, no time lag that is no number or longer than what was watched, no rate
below 0, on a real Kafka 4 and a real ZooKeeper.

A producer and a consumer race all the time; in each round something else happens to them, and the topics, a group and znodes with log ends
are read again and again. The same moments as two exporters would have read them are beside it: without their faults the trial would prove
nothing.
"""

import asyncio
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from backends.snapshots import Consumer, Data, Offsets, Topics
from backends.source import Source, Unavailable
from bench.rig.kafka import brokers, ours
from bench.rig.kafka.doubts import KINDS, doubts
from bench.rig.kafka.exporters import Exporters
from bench.rig.kafka.racing import GROUP, HAPPENINGS, LARGER, PARTITIONS, PATH, TOPIC, Racer
from bench.rig.kafka.report import at_most, run
from bench.rig.kafka.zookeeper import session
from bench.rig.rounds import rounded

ACROSS = "time_lags_beyond_what_was_watched"  # of a topic that came back larger: times of two logs, which no log end tells apart
EXAMPLES = 20  # of figures that cannot be true, with what happened before


class Sizes(NamedTuple):
    rounds: int
    seconds: float  # of each


FULL, QUICK = Sizes(5 * len(HAPPENINGS), 2.0), Sizes(len(HAPPENINGS), 0.4)


class Trial:
    """What was read, and what of it cannot be true."""

    def __init__(self, racer: Racer) -> None:
        self._racer = racer
        self._since: dict[str, float] = {}  # of each source, when it first knew the log ends
        self.found: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self.readings: Counter[str] = Counter()
        self.unavailable: Counter[str] = Counter()
        self.verdicts: Counter[str] = Counter()
        self.across_two_logs = 0
        self.examples: list[dict[str, Any]] = []
        self.time_lag_errors: list[float] = []
        self.ages_ahead: list[float] = []

    async def read(self, name: str, source: Source) -> None:
        began, born_at = time.time(), self._racer.born_at
        try:
            data = await source.observe(began)
        except Unavailable as trouble:
            self.unavailable[f"{name}: {trouble.error}"] += 1
            return
        if born_at != self._racer.born_at:
            self.readings[f"{name}, while the topic was made anew"] += 1
            born_at = self._racer.born_at - (time.time() - began)  # it may have known either log
        self.readings[name] += 1
        since = max(self._since.setdefault(name, began), born_at)
        self._judge(name, data, time.time() - since)
        self._note(data, time.time())

    def _judge(self, name: str, data: Data, watched_s: float) -> None:
        found = +doubts(data, watched_s)
        if found and len(self.examples) < EXAMPLES:
            told = [consumer.time_lag_s for consumer in data.consumers] if isinstance(data, Offsets) else None
            what = {"source": name, "after": self._racer.happening, "watched_s": rounded(watched_s), "time_lags_s": told}
            self.examples.append({**found, **what})
        if self._racer.came_back_larger:
            self.across_two_logs += found.pop(ACROSS, 0)
        self.found.update(found)

    def _note(self, data: Data, now: float) -> None:
        if isinstance(data, Topics):
            ages = (age for topic in data.topics for age in (topic.loaded_age_s, topic.sent_age_s, topic.record_age_s))
            self.ages_ahead += [-age for age in ages if age is not None and age < 0]
        elif isinstance(data, Offsets):
            self.verdicts.update(consumer.verdict for consumer in data.consumers)
            truths = [(consumer.time_lag_s, self._truth(consumer, now)) for consumer in data.consumers]
            self.time_lag_errors += [abs(told - truth) for told, truth in truths if told is not None and truth is not None]

    def _truth(self, consumer: Consumer, now: float) -> float | None:
        """Seconds since the record at the offset that is furthest behind was written, by who wrote it. None: not of this log alone."""
        behind = [part for part in consumer.detail if part.lag and part.offset is not None]
        written = [self._racer.written_at(part.partition, part.offset or 0) for part in behind]
        known = [at for at in written if at is not None]
        return now - min(known) if known and len(known) == len(behind) else None


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    with brokers.kafka4(directory) as broker, brokers.zookeeper(directory) as server, session(server.address()) as kazoo:
        racer = Racer(broker.near, kazoo)
        racer.start()
        try:
            exporters = Exporters(broker.near, GROUP, TOPIC, PARTITIONS)
            trial = asyncio.run(rounds(broker.near, server.address(), racer, exporters, sizes))
        finally:
            racer.stop()
    return report(trial, racer, exporters)


async def rounds(bootstrap: str, zookeeper: str, racer: Racer, exporters: Exporters, sizes: Sizes) -> Trial:
    sources = {
        "topics": ours.topics_source(bootstrap),
        "groups": ours.groups_source(bootstrap),
        "znodes": ours.znodes_source(zookeeper, PATH, bootstrap, TOPIC),
    }
    trial, names = Trial(racer), list(HAPPENINGS)
    try:
        for number in range(sizes.rounds):
            happening = asyncio.create_task(asyncio.to_thread(racer.happen, names[number % len(names)]))
            if names[number % len(names)] == LARGER:  # who looks every ten seconds sees nothing of it
                await happening
            ends_at = time.monotonic() + sizes.seconds
            while time.monotonic() < ends_at or not happening.done():
                for name, source in sources.items():
                    await trial.read(name, source)
                await asyncio.to_thread(exporters.read, time.time())
            await happening
    finally:
        for source in sources.values():
            await source.close()
    return trial


def report(trial: Trial, racer: Racer, exporters: Exporters) -> dict[str, Any]:
    errors, ahead = sorted(trial.time_lag_errors), trial.ages_ahead
    silent = [name for name in ("topics", "groups", "znodes") if not trial.readings[name]]
    return {
        "goals": [
            at_most("K6", 0, "figures that cannot be true", sum(trial.found.values())),
            at_most(f"K6, {LARGER}", 0, "time lags longer than the topic has been there", trial.across_two_logs),
        ],
        "must_be_zero": {**trial.found, "sources_that_were_never_read": len(silent), "trials_without_a_race": int(racer.steps == 0)},
        "examples": trial.examples,
        "readings": dict(trial.readings),
        "unavailable": dict(trial.unavailable),
        "commits": racer.steps,
        "verdicts": dict(trial.verdicts),
        "time_lag_beside_the_truth_s": {
            "compared": len(errors),
            "median_error": rounded(statistics.median(errors)) if errors else None,
            "p99_error": rounded(errors[len(errors) * 99 // 100]) if errors else None,
        },
        "ages_ahead_of_the_same_clock": {"readings": len(ahead), "most_s": rounded(max(ahead, default=0.0))},
        "exporters": exporters.report(),
    }


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
