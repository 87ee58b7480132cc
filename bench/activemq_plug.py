"""The plug pulled (GOALS Q3): how soon the monitor's engine says so when a real broker is killed or hung, and that it is back.

Each trial begins at another moment between two readings. Prints one JSON object.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from backends.activemq.config import BrokerSection
from backends.queues import QueuesSource
from backends.snapshots import Queues, Snapshot
from bench.rig.kafka.report import at_most, run
from bench.rig.rounds import rounded
from monitor.engine import Engine
from settings.secret import Secret
from tests.lab import jars
from tests.lab.activemq import HARDENED, OLD, PASSWORD, USER, ActiveMQ
from tests.lab.stomp_client import Stomp

KINDS = {"old": ("activemq-old", OLD, ()), "hardened": ("activemq-hardened", HARDENED, ("-Dlab.store=true",))}
KILLED_S, HUNG_S, BACK_S = 3.0, 10.0, 5.0  # the first after one interval
LIMIT_S = 60.0  # nothing here takes so long
Pull = Coroutine[Any, Any, None]
WATCHED_S = 12.0  # of calm before a trial, so that nothing of the one before is left


class Sizes(NamedTuple):
    trials: int  # of each kind
    interval: float


FULL, QUICK = Sizes(4, 5.0), Sizes(1, 1.0)


class Watcher:
    """What the engine publishes of one source, as a console would get it."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None
        self.broken: list[str] = []  # figures that cannot be true
        self._came = asyncio.Event()

    def publish(self, snapshot: Snapshot) -> None:
        if snapshot.kind != "queues" or snapshot.source != "bench":
            return
        self.snapshot = snapshot
        if isinstance(snapshot.data, Queues):
            rates = [(queue.name, rate) for queue in snapshot.data.queues for rate in (queue.enqueue_per_s, queue.dequeue_per_s)]
            self.broken += [f"{name}: {rate}" for name, rate in rates if rate is not None and not 0 <= rate < float("inf")]
        self._came.set()

    async def until(self, holds: Callable[[Snapshot], bool]) -> float:
        """Seconds until that is so."""
        began = time.monotonic()
        async with asyncio.timeout(LIMIT_S):
            while self.snapshot is None or not holds(self.snapshot):
                self._came.clear()
                await self._came.wait()
        return time.monotonic() - began


def is_well(snapshot: Snapshot) -> bool:
    return snapshot.state == "ok"


def is_troubled(snapshot: Snapshot) -> bool:
    return snapshot.state != "ok"


async def trial(watcher: Watcher, pull: Callable[[], Pull], plug_in: Callable[[], Pull]) -> dict[str, Any]:
    """Seconds until it was noticed, and seconds from the broker's return until that was."""
    began = time.monotonic()
    pulling = asyncio.create_task(pull())
    await watcher.until(is_troubled)
    noticed_s = time.monotonic() - began
    await pulling
    said = "" if watcher.snapshot is None else watcher.snapshot.error
    await plug_in()
    back_s = await watcher.until(is_well)
    return {"noticed_s": rounded(noticed_s), "back_s": rounded(back_s), "said": said}


async def trials(broker: ActiveMQ, sizes: Sizes) -> dict[str, Any]:
    section = BrokerSection("bench", broker.jolokia, user=USER, password=Secret(env="BENCH_PASSWORD"), interval=sizes.interval)
    watcher = Watcher()
    engine = asyncio.create_task(Engine([QueuesSource(section, "activemq[0]")], watcher.publish).run())

    async def kill() -> None:
        await asyncio.to_thread(broker.kill)

    async def start() -> None:
        await asyncio.to_thread(broker.start)

    async def hang() -> None:
        await asyncio.to_thread(broker.hang)

    async def resume() -> None:
        broker.resume()

    found: dict[str, Any] = {"killed": [], "hung": []}
    try:
        for number in range(sizes.trials):
            for name, pull, plug_in in (("killed", kill, start), ("hung", hang, resume)):
                await watcher.until(is_well)
                await asyncio.sleep((WATCHED_S if sizes is FULL else 0.0) + sizes.interval * number / sizes.trials)
                found[name].append(await trial(watcher, pull, plug_in))
    finally:
        engine.cancel()
        await asyncio.wait([engine])
    return {**found, "rates_that_cannot_be_true": watcher.broken}


def fill(broker: ActiveMQ) -> None:
    """Some messages that outlive a restart, in queues whose counters begin anew then."""
    stomp = Stomp(broker.stomp)
    for number in range(200):
        stomp.send(f"bench.{number % 20}", str(number), confirm=number % 50 == 49)
    stomp.close()


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    os.environ["BENCH_PASSWORD"] = PASSWORD
    found: dict[str, Any] = {}
    for name, (jar_set, kind, options) in KINDS.items():
        broker = ActiveMQ(jar_set, directory / name, jars.class_paths([jar_set])[jar_set], kind, options=options)
        broker.start()
        try:
            fill(broker)
            found[name] = asyncio.run(trials(broker, sizes))
        finally:
            broker.kill()
    every = [each for one in found.values() for each in (*one["killed"], *one["hung"])]
    killed = [each["noticed_s"] for one in found.values() for each in one["killed"]]
    hung = [each["noticed_s"] for one in found.values() for each in one["hung"]]
    return {
        "goals": [
            at_most("Q3, killed", sizes.interval + KILLED_S, "s until it is said", max(killed)),
            at_most("Q3, hung", HUNG_S, "s until it is said", max(hung)),
            at_most("Q3, back", BACK_S, "s until that is said", max(each["back_s"] for each in every)),
        ],
        "must_be_zero": {"rates_that_cannot_be_true": sum(len(one["rates_that_cannot_be_true"]) for one in found.values())},
        "interval_s": sizes.interval,
        "brokers": found,
    }


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
