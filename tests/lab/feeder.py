"""The feeder process: `python -m tests.lab.feeder CONFIG.json` plays truth.py on the servers that CONFIG names.

One thread a server, so that a hung one stops only itself. Each second `status` (a JSON file) tells how each feed does.
"""

import json
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.lab.feed import Feed, State, keep
from tests.lab.feed_activemq import ActiveMQFeed
from tests.lab.feed_gclog import GcLogFeed
from tests.lab.feed_kafka import KafkaFeed
from tests.lab.feed_zookeeper import ZooKeeperFeed
from tests.lab.files import write_json

JOIN_S = 8.0


def feeds_of(config: dict[str, Any]) -> list[Feed]:
    """`{"kafka": {name: bootstrap}, "zookeeper": address, "activemq": {name: {jolokia, stomp}}, "gc_log": path, "status": path}`,
    all but `status` optional."""
    clusters = {name: KafkaFeed(name, bootstrap) for name, bootstrap in config.get("kafka", {}).items()}
    feeds: list[Feed] = [*clusters.values()]
    if address := config.get("zookeeper"):
        registered = clusters.get("kafka3")
        feeds.append(ZooKeeperFeed(address, registered.end if registered else lambda _topic, _partition: None))
    feeds += [ActiveMQFeed(name, broker["jolokia"], broker["stomp"]) for name, broker in config.get("activemq", {}).items()]
    if path := config.get("gc_log"):
        feeds.append(GcLogFeed(Path(path)))
    return feeds


def run(config: dict[str, Any]) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    feeds = feeds_of(config)
    states = {feed.name: State() for feed in feeds}
    threads = [threading.Thread(target=keep, args=(feed, states[feed.name], stop), daemon=True) for feed in feeds]
    for thread in threads:
        thread.start()
    while not stop.wait(0.1 if not all(state.steps for state in states.values()) else 1.0):
        ready = all(state.steps for state in states.values())
        feeds_now = {name: asdict(state) for name, state in states.items()}
        write_json(Path(config["status"]), {"ready": ready, "updated_at": time.time(), "feeds": feeds_now})
    deadline = time.monotonic() + JOIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


if __name__ == "__main__":
    run(json.loads(Path(sys.argv[1]).read_text()))
