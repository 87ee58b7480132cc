"""What one poll of 5,000 queues costs (GOALS Q1), on a real broker of the lab: time, bytes, and how long the event loop was held up.

The peer asks queue by queue, one POST each, as scripts do; it is run on a sample. What is read each half minute beside the queues is
measured with two consumers a queue. Prints one JSON object.
"""

import asyncio
import gc
import os
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from backends.activemq import figures
from backends.activemq.config import BrokerSection
from backends.activemq.jolokia import Read, parse, requests
from backends.activemq.watching import surroundings
from backends.activemq.watching.surroundings import Around
from backends.queues import QueuesSource as Source
from bench.rig.kafka.report import at_most, run
from bench.rig.loop import LoopWatch
from settings.secret import Secret
from tests.lab import jars
from tests.lab.activemq import HARDENED, OLD, PASSWORD, USER, ActiveMQ, ask_jolokia
from tests.lab.stomp_client import Stomp

KINDS = {"old": ("activemq-old", OLD), "hardened": ("activemq-hardened", HARDENED)}
ROOM = ("-Xmx512m", "-Dlab.requests_per_second=100000")  # the peer's requests are to be measured, not refused
COLD, WARM, SAMPLE, AROUND = 10, 15, 200, 6
CONSUMERS, A_CONNECTION = 2, 1000  # a queue; and so many of them share a connection
# what a busy queue has in the place of our 0
LARGE = {"EnqueueCount": 12345678, "DequeueCount": 12345678, "QueueSize": 12345, "AverageMessageSize": 1141, "InFlightCount": 100}
BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"


class Sizes(NamedTuple):
    queues: int


FULL, QUICK = Sizes(5000), Sizes(100)


def fill(broker: ActiveMQ, count: int) -> None:
    """A thousand queues a POST."""
    for start in range(0, count, 1000):
        calls = [
            {"type": "exec", "mbean": BROKER, "operation": "addQueue", "arguments": [name]} for name in names(count)[start : start + 1000]
        ]
        replies = ask_jolokia(broker.jolokia, calls, timeout=120)
        assert all(reply["status"] == 200 for reply in replies)


def names(count: int) -> list[str]:
    return [f"orders.region-{number % 17}.queue-{number}" for number in range(count)]


def subscribe(broker: ActiveMQ, count: int) -> list[Stomp]:
    """Two consumers a queue."""
    found = []
    for _ in range(CONSUMERS):
        for start in range(0, count, A_CONNECTION):
            stomp = Stomp(broker.stomp)
            for number, name in enumerate(names(count)[start : start + A_CONNECTION]):
                stomp._write("SUBSCRIBE", {"id": str(number), "destination": f"/queue/{name}", "ack": "client"})
            stomp.send("bench.last", "all of them are there", confirm=True)
            found.append(stomp)
    return found


def with_large_counts(body: bytes) -> int:
    """Bytes of the same reply where every queue has been busy for years."""
    for name, value in LARGE.items():
        body = re.sub(rb'("%b":)\d+' % name.encode(), rb"\g<1>%d" % value, body)
    return len(body)


async def polls(source: Source, count: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds, seconds of our CPU, and longest hold-up of the loop, a poll."""
    seconds, cpu, held = [], [], []
    for _ in range(count):
        watch = LoopWatch()
        task = asyncio.create_task(watch.run())
        began, busy = time.perf_counter(), time.process_time()
        await source.observe(time.time())
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - busy)
        held.append(watch.longest_s)
        task.cancel()
    return seconds, cpu, held


async def one_by_one(source: Source, names: list[str]) -> float:
    """Seconds a queue when each is asked for alone, over the same kept connection."""
    began = time.perf_counter()
    for name in names:
        body = requests([Read(f"{BROKER},destinationType=Queue,destinationName={name}", figures.READS[1].attributes)])
        assert parse(await source._client.read(body), 1)[0].status == 200
    return (time.perf_counter() - began) / len(names)


async def around(broker: ActiveMQ, source: Source, count: int) -> dict[str, object]:
    """Topics, subscribers and the rest, of a broker whose every queue has two consumers."""
    clients = await asyncio.to_thread(subscribe, broker, count)
    try:
        await source.observe(time.time())
        reply = await source._client.read(surroundings.REQUEST)
        parts, seconds, held, busy = Around(source._station, lambda name: True), [], [], []
        for _ in range(AROUND):
            watch = LoopWatch()
            task = asyncio.create_task(watch.run())
            began, cpu = time.perf_counter(), time.process_time()
            await parts.read()
            seconds.append(time.perf_counter() - began)
            busy.append(time.process_time() - cpu)
            held.append(watch.longest_s)
            task.cancel()
        assert not parts.seen.why_not, parts.seen.why_not
    finally:
        for client in clients:
            client.close()
    return {
        "subscribers": parts.seen.totals.get("subscribers", len(parts.seen.subscribers)),
        "shown": len(parts.seen.subscribers),
        "median_s": round(statistics.median(seconds), 3),
        "cpu_s": round(statistics.median(busy), 3),
        "bytes": len(reply.body),
        "loop_held_ms": {"median": round(statistics.median(held) * 1000, 1), "max": round(max(held) * 1000, 1)},
        "next_after_s": round(max(surroundings.AROUND_S, statistics.median(seconds) / surroundings.SHARE)),
    }


async def measure(broker: ActiveMQ, count: int) -> dict[str, Any]:
    section = BrokerSection("bench", broker.jolokia, user=USER, password=Secret(env="BENCH_PASSWORD"), timeout=60.0)
    source = Source(section, "activemq[0]")
    try:
        first = await source.observe(time.time())
        cold, _, _ = await polls(source, COLD)
        gc.collect()
        seconds, cpu, held = await polls(source, WARM)
        reply = await source._client.read(requests(figures.READS))
        alone = await one_by_one(source, [queue.name for queue in first.queues[:: max(1, count // SAMPLE)]])
        beside = await around(broker, source, count)
    finally:
        await source.close()
    median = statistics.median(seconds)
    return {
        "queues": len(first.queues),
        "broker": first.broker.version,
        "cold_s": [round(value, 3) for value in cold],
        "median_s": round(median, 3),
        "min_s": round(min(seconds), 3),
        "max_s": round(max(seconds), 3),
        "cpu_s": round(statistics.median(cpu), 3),
        "bytes": len(reply.body),
        "bytes_with_large_counts": with_large_counts(reply.body),
        "loop_held_ms": {"median": round(statistics.median(held) * 1000, 1), "max": round(max(held) * 1000, 1)},
        "peer_one_post_a_queue": {"ms_a_queue": round(alone * 1000, 2), "s_for_all": round(alone * count, 1)},
        "ratio": round(alone * count / median, 1),
        "around": beside,
    }


def program(directory: Path, sizes: Sizes) -> dict[str, Any]:
    os.environ["BENCH_PASSWORD"] = PASSWORD
    found: dict[str, dict[str, Any]] = {}
    for name, (jar_set, kind) in KINDS.items():
        broker = ActiveMQ(jar_set, directory / name, jars.class_paths([jar_set])[jar_set], kind, options=ROOM)
        broker.start()
        try:
            fill(broker, sizes.queues)
            found[name] = asyncio.run(measure(broker, sizes.queues))
        finally:
            broker.kill()
    return {
        "goals": [
            at_most("Q1", 1, "s a poll", max(each["median_s"] for each in found.values())),
            at_most("Q1, bytes", 2_000_000, "bytes", max(each["bytes_with_large_counts"] for each in found.values())),
            at_most("Q1, loop", 50, "ms that the loop is held up", max(each["loop_held_ms"]["max"] for each in found.values())),
        ],
        "must_be_zero": {"queues_not_seen": sum(sizes.queues - each["queues"] for each in found.values())},
        "brokers": found,
    }


if __name__ == "__main__":
    sys.exit(run(__doc__, program, FULL, QUICK))
