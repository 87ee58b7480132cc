"""librdkafka's mock cluster of three brokers, in a process of its own: `python -m bench.rig.kafka.mock` says where, ends with its input.

A producer makes topics there by writing to them. It knows neither groups nor CreateTopics.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from confluent_kafka import Producer

BROKERS = 3
PARTITIONS = 4  # of each topic; the mock cluster makes four


@contextlib.contextmanager
def mock_cluster() -> Iterator[str]:
    """Its bootstrap addresses."""
    command = [sys.executable, "-m", "bench.rig.kafka.mock"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.kill()
        child.communicate()


def main() -> None:
    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": BROKERS, "log_level": 0})
    brokers = producer.list_topics(timeout=10).brokers.values()
    print(",".join(f"{broker.host}:{broker.port}" for broker in brokers), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
