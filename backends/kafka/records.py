"""The newest records of a topic for somebody who looks: on handles and a thread of their own, so that no reading is disturbed.

Nothing is joined or committed. The handles are closed when nobody has asked for IDLE_S.
"""

import asyncio
import time
from typing import Final

from msgspec.structs import replace

from backends.kafka.browse import Backwards, committed_offsets
from backends.kafka.client import KafkaClient, Key, Settings
from backends.kafka.faults import Fault
from backends.questions import ANSWER_BYTES, MAX_RECORDS, VALUE_BYTES, WHOLE_BYTES, Record, Records, RecordsOf
from backends.source import Unavailable
from backends.wording import count
from backends.worker import Busy, Worker

IDLE_S: Final = 60.0  # between two questions; then the handles and their threads end
READ_S: Final = 4.0  # for records; metadata and offsets have their own limits before
QUEUE_S: Final = 10.0  # that a question waits for the ones before it
JUDGE_S: Final = 2.0  # for whether their transactions were aborted
JUDGE_BYTES: Final = 8 << 20  # of records that are read a second time to find that out

Span = tuple[int, int]


class RecordsDesk:
    """Answers one question at a time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._worker = Worker(f"kafka-{name}-records")
        self._client: KafkaClient | None = None
        self._queue = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    async def records(self, question: RecordsOf, settings: Settings) -> Records:
        """Raises Unavailable with a sentence."""
        busy = f"kafka {self._name}: other questions are being answered; ask again in a moment"
        try:
            await asyncio.wait_for(self._queue.acquire(), QUEUE_S)
        except TimeoutError:
            raise Unavailable(busy) from None
        try:
            client = self._opened(settings)
            return await self._worker.run(lambda: newest_records(client, question, self._name))
        except Busy:
            raise Unavailable(busy) from None
        finally:
            self._queue.release()
            self._close_when_idle()

    def close(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        client, self._client = self._client, None
        if client is not None:
            self._worker.close(client.close)

    def _opened(self, settings: Settings) -> KafkaClient:
        if self._client is not None and self._client.settings != settings:
            self.close()
        if self._client is None:
            self._client = KafkaClient(settings)
        return self._client

    def _close_when_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self.close)


def newest_records(client: KafkaClient, question: RecordsOf, name: str) -> Records:
    """Blocking. Raises Unavailable."""
    spans, note = _spans(client, question, name)
    limit = min(max(question.limit, 1), MAX_RECORDS)
    reading = Backwards(client.consumer, spans, limit, WHOLE_BYTES if question.whole and limit == 1 else VALUE_BYTES)
    notes = [note, *reading.run(time.monotonic() + READ_S)]
    found = _newest_first(reading.found(), len(spans) == 1)[:limit]
    if len(spans) == 1 and found and reading.taken <= JUDGE_BYTES:
        found = _judged(client, next(iter(spans)), found, question.before is None)
    records, cut = _within(found, ANSWER_BYTES)
    of = sum(high - low for low, high in spans.values())
    return Records(question.topic, tuple(records), of, "; ".join(dict.fromkeys(text for text in (*notes, cut) if text)))


def _newest_first(records: list[Record], is_one: bool) -> list[Record]:
    """By time across partitions, by offset within one, whose times need not be in order."""
    return sorted(records, key=lambda record: (0.0 if is_one else record.at or 0.0, record.offset), reverse=True)


def _spans(client: KafkaClient, question: RecordsOf, name: str) -> tuple[dict[Key, Span], str]:
    """Offsets that may be shown, by partition, and what is to be said of partitions that cannot be read now."""
    topic, what = question.topic, f"kafka {name}: topic {question.topic!r}"
    info = client.topics(reads=True).get(topic)
    if info is None:
        fault = client.named(topic)
        raise Unavailable(f"{what}: {fault.text}" if fault and fault.kind == "denied" else f"{what}: there is no such topic")
    numbers = sorted(info.leaders) if question.partition is None else [question.partition]
    if question.partition is not None and question.partition not in info.leaders:
        raise Unavailable(f"{what} has no partition {question.partition}; it has {count(len(info.leaders), 'partition')}, from 0 on")
    if question.before is not None and question.partition is None:
        raise Unavailable(f"{what}: an offset to begin before belongs to one partition; say which")
    led: list[Key] = [(topic, number) for number in numbers if info.leaders[number] is not None]
    if not led:
        raise Unavailable(
            f"{what}: " + ("no partition has a leader now" if len(numbers) > 1 else f"partition {numbers[0]} has no leader now")
        )
    ends, starts = client.offsets(led, led)
    spans = {}
    for key in led:
        end, start = ends[key], starts[key]
        if isinstance(end, int) and isinstance(start, int):
            high = end if question.before is None else min(question.before, end)
            spans[key] = (start, max(high, start))
    faults = [each for key in led for each in (ends[key], starts[key]) if isinstance(each, Fault)]
    if not spans:
        raise Unavailable(f"{what}: {faults[0].text}", "denied" if faults[0].kind == "denied" else "down")
    missing = len(numbers) - len(spans)
    return spans, f"{count(missing, 'partition')} not read: {faults[0].text if faults else 'no leader'}" if missing else ""


def _judged(client: KafkaClient, key: Key, records: list[Record], is_end: bool) -> list[Record]:
    """Newest first, with whether each was aborted, or is in a transaction that is not ended; unchanged where that is not found out."""
    stable = client.stable([key])[key]
    if not isinstance(stable, int):
        return records
    high, low = records[0].offset + 1, records[-1].offset
    if is_end and stable == high and high - low == len(records):  # no marker behind any of them: none is of a transaction
        return [replace(record, aborted=False) for record in records]
    counted = (
        committed_offsets(client.committed_consumer, key, (low, min(high, stable)), time.monotonic() + JUDGE_S) if low < stable else set()
    )
    if counted is None:
        return records
    return [replace(record, aborted=record.offset not in counted) for record in records]


def _within(records: list[Record], room: int) -> tuple[list[Record], str]:
    """As many of the first ones as an answer may hold."""
    for number, record in enumerate(records):
        room -= len(record.key or b"") + len(record.value or b"") + sum(len(name) + len(value or b"") for name, value in record.headers)
        if room < 0 and number:  # a single one is never too much
            return records[:number], f"cut at {ANSWER_BYTES >> 20} MiB: {number} of {len(records)}"
    return records, ""
