"""What one poll of 5,000 queues costs, on a real broker of the lab: time, bytes, and how long the event loop was held up.

The peer asks queue by queue, one POST each, as scripts do; it is run on a sample. Prints one JSON object.
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from backends import queues
from backends.activemq import ActiveMQ as Source
from backends.activemq import BrokerSection
from backends.jolokia import Read, parse, requests
from bench.rig.loop import LoopWatch
from settings.secret import Secret
from tests.lab import jars
from tests.lab.activemq import HARDENED, OLD, PASSWORD, USER, ActiveMQ, ask_jolokia

KINDS = {"old": ("activemq-old", OLD), "hardened": ("activemq-hardened", HARDENED)}
ROOM = ("-Xmx512m", "-Dlab.requests_per_second=100000")  # the peer's requests are to be measured, not refused
COLD, WARM, SAMPLE = 10, 15, 200
BROKER = "org.apache.activemq:type=Broker,brokerName=localhost"


def fill(broker: ActiveMQ, count: int) -> None:
    """A thousand queues a POST."""
    for start in range(0, count, 1000):
        names = [f"orders.region-{number % 17}.queue-{number}" for number in range(start, min(start + 1000, count))]
        replies = ask_jolokia(
            broker.jolokia, [{"type": "exec", "mbean": BROKER, "operation": "addQueue", "arguments": [name]} for name in names], timeout=120
        )
        assert all(reply["status"] == 200 for reply in replies)


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
        body = requests([Read(f"{BROKER},destinationType=Queue,destinationName={name}", queues.READS[1].attributes)])
        assert parse(await source._client.read(body), 1)[0].status == 200
    return (time.perf_counter() - began) / len(names)


async def measure(broker: ActiveMQ, count: int) -> dict[str, object]:
    section = BrokerSection("bench", broker.jolokia, user=USER, password=Secret(env="BENCH_PASSWORD"), timeout=60.0)
    source = Source(section, "activemq[0]")
    try:
        first = await source.observe(time.time())
        assert len(first.queues) == count
        cold, _, _ = await polls(source, COLD)
        gc.collect()
        seconds, cpu, held = await polls(source, WARM)
        reply = await source._client.read(requests(queues.READS))
        alone = await one_by_one(source, [queue.name for queue in first.queues[:: max(1, count // SAMPLE)]])
    finally:
        await source.close()
    median = statistics.median(seconds)
    return {
        "queues": count,
        "broker": first.broker.version,
        "cold_s": [round(value, 3) for value in cold],
        "median_s": round(median, 3),
        "min_s": round(min(seconds), 3),
        "max_s": round(max(seconds), 3),
        "cpu_s": round(statistics.median(cpu), 3),
        "bytes": len(reply.body),
        "loop_held_ms": {"median": round(statistics.median(held) * 1000, 1), "max": round(max(held) * 1000, 1)},
        "peer_one_post_a_queue": {"ms_a_queue": round(alone * 1000, 2), "s_for_all": round(alone * count, 1)},
        "ratio": round(alone * count / median, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", choices=list(KINDS), action="append", help="default: both")
    parser.add_argument("--queues", type=int, default=5000)
    options = parser.parse_args()
    os.environ["BENCH_PASSWORD"] = PASSWORD
    results = {}
    for name in options.broker or KINDS:
        jar_set, kind = KINDS[name]
        with tempfile.TemporaryDirectory(prefix="relay-console-bench.") as directory:
            broker = ActiveMQ(jar_set, Path(directory), jars.class_paths([jar_set])[jar_set], kind, options=ROOM)
            broker.start()
            try:
                fill(broker, options.queues)
                results[name] = asyncio.run(measure(broker, options.queues))
            finally:
                broker.stop()
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
