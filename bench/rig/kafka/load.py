"""Topics with records, made by a process of their own: `python -m bench.rig.kafka.load BOOTSTRAP TOPICS PARTITIONS RECORDS`.

Records are CSV lines as an operator's producers send them: column 5 when they were loaded, column 6 when they were sent.
"""

import subprocess
import sys
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

SIZE = 300  # bytes of a record
LIMIT_S = 120.0
POLL_S = 0.05


def line(number: int) -> bytes:
    now = time.time()
    head = f"{number},a,b,c,{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))},{int(now * 1000)},"
    return head.encode().ljust(SIZE, b"x")


def topic_names(count: int) -> list[str]:
    return [f"orders.region-{number % 17}.topic-{number}" for number in range(count)]


def create(bootstrap: str, names: list[str], partitions: int) -> None:
    """Returns when the broker itself knows them: KRaft answers before it does."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    wanted = [NewTopic(name, partitions, 1) for name in names]
    for answer in admin.create_topics(wanted, request_timeout=LIMIT_S, operation_timeout=LIMIT_S).values():
        answer.result(LIMIT_S)
    ends_at = time.monotonic() + LIMIT_S
    while True:
        known = admin.list_topics(timeout=LIMIT_S).topics
        if all(name in known and len(known[name].partitions) == partitions for name in names):
            return
        if time.monotonic() > ends_at:
            raise SystemExit(f"{bootstrap}: the topics that were created do not appear")
        time.sleep(POLL_S)


def fill(bootstrap: str, topics: int, partitions: int, records: int) -> None:
    """So many records into each of the first partitions of each of the first topics; from another process, whose CPU is not ours."""
    command = [sys.executable, "-m", "bench.rig.kafka.load", bootstrap, *map(str, (topics, partitions, records))]
    subprocess.run(command, check=True, timeout=LIMIT_S)


def produce(bootstrap: str, topics: int, partitions: int, records: int) -> None:
    options = {"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.messages": 1_000_000, "log_level": 0}
    producer = Producer(options)
    for number in range(records):
        for topic in topic_names(topics):
            for partition in range(partitions):
                producer.produce(topic, line(number), partition=partition)
    if left := producer.flush(LIMIT_S):
        raise SystemExit(f"{bootstrap}: {left} records were not taken in {LIMIT_S:g} s")


if __name__ == "__main__":
    produce(sys.argv[1], *map(int, sys.argv[2:]))
