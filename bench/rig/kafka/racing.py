"""A producer and a consumer that race: what was written is committed at once, to a group and to a znode, while others read both.

Half of the partitions are caught up at every moment, which is where a lag turns negative by haste; the others stay behind. From time to
time something happens to them: `HAPPENINGS`.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from bench.rig.kafka.load import create, line

GROUP, TOPIC, PATH = "racer", "orders.racing", "/lean/racer/offsets"
PARTITIONS = 4
BEHIND = 40  # records, in every second partition
AT_ONCE = 5  # records a partition and step
LIMIT_S = 15.0
POLL_S = 0.02
KEPT = 20_000  # steps whose time is remembered


class Racer:
    """A thread of its own. `happen` may be called from any other."""

    def __init__(self, bootstrap: str, kazoo: Any) -> None:
        self._bootstrap, self._kazoo = bootstrap, kazoo
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "message.timeout.ms": 5000, "log_level": 0})
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._ends = [0] * PARTITIONS
        self._shift = 0  # of what is committed, in records
        self._is_quiet = False
        self._turn = threading.Lock()  # a step, or something that happens
        self._over = threading.Event()
        self._log: deque[tuple[float, tuple[int, ...]]] = deque(maxlen=KEPT)  # log ends and when they were reached
        self._thread = threading.Thread(target=self._race, name="racer", daemon=True)
        self.born_at = time.time()
        self.steps = 0
        self.came_back_larger = False  # the last time when the topic was made anew
        self.happening = ""  # the last one that began

    def start(self) -> None:
        create(self._bootstrap, [TOPIC], PARTITIONS)
        self._kazoo.ensure_path(f"{PATH}/node")
        self.born_at = time.time()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join(LIMIT_S)

    def happen(self, name: str) -> None:
        with self._turn:
            self.happening, self._shift, self._is_quiet = name, 0, False
            HAPPENINGS[name](self)

    def written_at(self, partition: int, offset: int) -> float | None:
        """When the log end went beyond the offset. None: not in this log."""
        log = list(self._log)
        first = next((at for at, ends in log if ends[partition] > offset), None)
        return first if log and log[0][1][partition] <= offset else None

    def nothing(self) -> None: ...

    def quiet(self) -> None:
        """Nobody produces, and the consumer is behind: nothing to interpolate between."""
        self._is_quiet, self._shift = True, -7

    def rewind(self) -> None:
        """Back to the beginning, from before anybody watched."""
        self._shift = -(1 << 40)

    def beyond(self) -> None:
        """Offsets of another log: ahead of everything that was written."""
        self._shift = 100_000

    def retention(self) -> None:
        """Almost all of it goes, the committed offsets of those behind too."""
        cut = [TopicPartition(TOPIC, number, max(0, end - 3)) for number, end in enumerate(self._ends)]
        for answer in self._admin.delete_records(cut).values():
            answer.result(LIMIT_S)

    def recreate(self) -> None:
        """Fewer records than before."""
        for answer in self._admin.delete_topics([TOPIC], operation_timeout=LIMIT_S).values():
            answer.result(LIMIT_S)
        ends_at = time.monotonic() + LIMIT_S
        while TOPIC in self._admin.list_topics(timeout=LIMIT_S).topics and time.monotonic() < ends_at:
            time.sleep(POLL_S)
        self.born_at = time.time()  # others may see the new one before we do
        create(self._bootstrap, [TOPIC], PARTITIONS)
        self._ends = [0] * PARTITIONS
        self._log.clear()
        self.came_back_larger = False

    def recreate_larger(self) -> None:
        """More records than before, at once: the log ends alone do not tell."""
        most = max(self._ends)
        self.recreate()
        self.came_back_larger = True
        while min(self._ends) < most + 1000:
            self._produce(500)

    def _race(self) -> None:
        while not self._over.is_set():
            with self._turn:
                self._step()
            time.sleep(0.001)  # somebody else's turn

    def _step(self) -> None:
        if not self._is_quiet:
            self._produce(AT_ONCE)
        wanted = [max(0, end - (BEHIND if number % 2 else 0) + self._shift) for number, end in enumerate(self._ends)]
        places = [TopicPartition(TOPIC, number, offset) for number, offset in enumerate(wanted)]
        try:
            self._admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP, places)])[GROUP].result(LIMIT_S)
        except KafkaException:
            return  # its coordinator is being made
        text = ",".join(f"{number}:{offset}" for number, offset in enumerate(wanted))
        self._kazoo.set_async(f"{PATH}/node", text.encode()).get(timeout=LIMIT_S)
        self.steps += 1

    def _produce(self, count: int) -> None:
        for number in range(count * PARTITIONS):
            self._producer.produce(TOPIC, line(number), partition=number % PARTITIONS, on_delivery=self._written)
        self._producer.flush(LIMIT_S)
        self._log.append((time.time(), tuple(self._ends)))

    def _written(self, error: KafkaError | None, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            self._ends[partition] = max(self._ends[partition], offset + 1)


LARGER = "recreated with more records"
HAPPENINGS: Mapping[str, Callable[[Racer], None]] = {
    "race": Racer.nothing,
    LARGER: Racer.recreate_larger,
    "rewind": Racer.rewind,
    "quiet, behind": Racer.quiet,
    "recreated": Racer.recreate,
    "beyond the end": Racer.beyond,
    "retention": Racer.retention,
}
