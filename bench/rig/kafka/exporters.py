"""How exporters find a lag, written from their sources, to show in the same trial what their order and their arithmetic give.

kafka_exporter asks for log ends first and for committed offsets afterwards (danielqsj/kafka_exporter, kafka_exporter.go: GetOffset, then
FetchOffset). kafka-lag-exporter guesses when an offset was written from a table of log ends, and beyond the table by the line through it
(seglo/kafka-lag-exporter, LookupTable.scala).
"""

import math
from collections import deque
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

LIMIT_S = 5.0
POINTS = 60  # of its table


class LookupTable:
    """Log ends and when they were read."""

    def __init__(self) -> None:
        self.points: deque[tuple[int, float]] = deque(maxlen=POINTS)

    def add(self, offset: int, at: float) -> None:
        """A smaller offset is never taken in; of equal ones the first and the last are kept."""
        if self.points and offset < self.points[-1][0]:
            return
        if len(self.points) > 1 and offset == self.points[-1][0] == self.points[-2][0]:
            self.points.pop()
        self.points.append((offset, at))

    def written_at(self, offset: int) -> float:
        """NaN and infinities are its own."""
        if len(self.points) < 2:
            return math.nan
        pairs = list(zip(self.points, list(self.points)[1:], strict=False))
        (low, begin), (high, end) = next(
            ((left, right) for left, right in reversed(pairs) if left[0] <= offset <= right[0]), (self.points[0], self.points[-1])
        )
        return end - _over((high - offset) * (end - begin), high - low)

    def time_lag(self, offset: int) -> float:
        return (
            0.0
            if self.points and offset == self.points[-1][0]
            else self.points[-1][1] - self.written_at(offset)
            if self.points
            else math.nan
        )


def _over(dividend: float, divisor: float) -> float:
    """As the JVM divides."""
    return dividend / divisor if divisor else math.nan if not dividend else math.copysign(math.inf, dividend)


class Exporters:
    """Both of them over one group and topic; what they would have exported."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._group, self._topic, self._partitions = group, topic, partitions
        self._tables = [LookupTable() for _ in range(partitions)]
        self._began: float | None = None
        self.readings = self.negative_lags = self.no_numbers = self.extrapolated = 0

    def read(self, now: float) -> None:
        try:
            ends, committed = self._ends(), self._committed()
        except (KafkaException, TimeoutError):
            return  # the topic is being made anew
        self._began = self._began or now
        for partition in ends.keys() & committed.keys():
            self.readings += 1
            self.negative_lags += ends[partition] < committed[partition]
            self._tables[partition].add(ends[partition], now)
            time_lag = self._tables[partition].time_lag(committed[partition])
            self.no_numbers += not math.isfinite(time_lag)
            self.extrapolated += math.isfinite(time_lag) and not 0 <= time_lag <= now - self._began

    def report(self) -> dict[str, int]:
        return {
            "readings_of_a_partition": self.readings,
            "negative_lags_of_ends_before_offsets": self.negative_lags,
            "time_lags_that_are_no_number_of_a_lookup_table": self.no_numbers,
            "time_lags_extrapolated_by_a_lookup_table": self.extrapolated,
        }

    def _ends(self) -> dict[int, int]:
        latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = self._admin.list_offsets({TopicPartition(self._topic, number): latest for number in range(self._partitions)})
        found = {place.partition: answer.result(LIMIT_S).offset for place, answer in asked.items()}
        return {partition: end for partition, end in found.items() if end >= 0}

    def _committed(self) -> dict[int, int]:
        asked = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(self._group)])
        places = asked[self._group].result(LIMIT_S).topic_partitions
        return {place.partition: place.offset for place in places if place.topic == self._topic and place.offset >= 0}
