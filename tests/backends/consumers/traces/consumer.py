"""A real consumer of a Kafka group in a process of its own, so that it can be killed. Obeys words on standard input (pause, resume,
back N) and says each of its commits on standard output: time, partition, offset.
"""

import select
import sys
import time

from confluent_kafka import Consumer, TopicPartition

COMMIT_S = 1.0
AT_ONCE, SLOWLY = (
    500,
    20,
)  # records at a time; what was gone back to is read slowly: else it takes one second (group-rewound-for-a-second)
PAUSE_S = 0.1  # between two slow times


def main(address: str, group: str, topic: str) -> None:
    settings: dict[str, str | int | float | bool] = {
        "bootstrap.servers": address,
        "group.id": group,
        "client.id": f"{group}-1",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000,
        "log_level": 0,
    }
    consumer = Consumer(settings)
    places: dict[int, int] = {}
    consumer.subscribe([topic])
    next_commit, most = time.monotonic() + COMMIT_S, AT_ONCE
    while True:
        time.sleep(PAUSE_S if most == SLOWLY else 0.0)
        for message in consumer.consume(most, 0.1):
            if message.error() is None:
                places[message.partition() or 0] = (message.offset() or 0) + 1
        if select.select([sys.stdin], [], [], 0)[0]:
            words = sys.stdin.readline().split()
            obey(consumer, words, topic, places)
            if words[0] == "back":
                most, next_commit = SLOWLY, 0.0
        if places and time.monotonic() >= next_commit:
            consumer.commit(offsets=[TopicPartition(topic, number, offset) for number, offset in places.items()], asynchronous=False)
            for number, offset in places.items():
                print(time.time(), number, offset, flush=True)
            next_commit = time.monotonic() + COMMIT_S


def obey(consumer: Consumer, words: list[str], topic: str, places: dict[int, int]) -> None:
    match words:
        case ["pause"]:
            consumer.pause(consumer.assignment())
        case ["resume"]:
            consumer.resume(consumer.assignment())
        case ["back", records]:
            for number, offset in places.items():
                places[number] = max(0, offset - int(records))
                consumer.seek(TopicPartition(topic, number, places[number]))
        case []:
            raise SystemExit  # nobody is at the other end


if __name__ == "__main__":
    main(*sys.argv[1:])
