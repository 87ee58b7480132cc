"""Records of the demonstration, each a pure function of its topic, partition, offset and time: asked for twice they are the same."""

import json

from backends.demo.freshness import BY_NAME, Stream
from backends.demo.scene import noise
from backends.questions import MAX_RECORDS, VALUE_BYTES, Record, Records, RecordsOf
from backends.source import Unavailable

MEMOS = ("배송 전 연락", "문 앞에 놓아 주세요", "leave at the door", "", "부재 시 경비실")
BLOB_BYTES = 3_300_000


def records(question: RecordsOf, at: float, now: float) -> Records:
    """Raises Unavailable for a topic that the demonstration has not."""
    limit = min(max(1, question.limit), MAX_RECORDS)
    if (stream := BY_NAME.get(question.topic)) is not None:
        return _of_stream(stream, question, limit, at, now)
    ends = ODD.get(question.topic)
    if ends is None:
        raise Unavailable(f"the demonstration has no topic {question.topic!r} with records")
    found = [
        _odd(question.topic, partition, offset, now - 12.0 * (end - offset), question.whole)
        for partition, end in enumerate(ends)
        if question.partition in (None, partition)
        for offset in range(max(0, _top(question, end) - limit), _top(question, end))
    ]
    found.sort(key=lambda record: (record.at or 0.0, record.offset), reverse=True)
    of = sum(_top(question, end) for partition, end in enumerate(ends) if question.partition in (None, partition))
    return Records(question.topic, tuple(found[:limit]), of, "" if ends else "all records fell to retention")


def _top(question: RecordsOf, end: int) -> int:
    return end if question.before is None else min(end, question.before)


def _of_stream(stream: Stream, question: RecordsOf, limit: int, at: float, now: float) -> Records:
    partitions = range(stream.partitions) if question.partition is None else (question.partition,)
    speed = stream.rate / stream.partitions
    found: list[Record] = []
    of = 0
    for partition in partitions:
        end, start = stream.end(partition, at), stream.start(partition, at)
        top = _top(question, end)
        of += max(0, top - start)
        newest = now - stream.age(at) - 0.01 * partition
        found += [
            record_at(stream, partition, offset, newest - (end - 1 - offset) / speed) for offset in range(max(start, top - limit), top)
        ]
    found.sort(key=lambda record: (record.at or 0.0, record.offset), reverse=True)
    return Records(stream.name, tuple(found[:limit]), of)


def record_at(stream: Stream, partition: int, offset: int, at: float) -> Record:
    number = partition * 1_000_000_000 + offset
    memo = MEMOS[int(noise(f"{stream.name} memo", number) * len(MEMOS))]
    amount = int(noise(stream.name, number) * 90_000) + 1_000
    key = f"KR-20261122-{number % 10_000:04}".encode()
    value = (_json if stream.form == "json" else _csv)(number, at, stream.delay(), amount, memo)
    headers: tuple[tuple[str, bytes | None], ...] = (
        ("trace-id", f"{int(noise('trace', number) * 2**60):016x}".encode()),
        ("source", b"seoul-gw"),
    )
    return Record(partition, offset, round(at, 3), "create", key, value, len(key), len(value), headers)


def _csv(number: int, at: float, delay: float, amount: int, memo: str) -> bytes:
    return (
        f"0117|REQ|{number % 1_000_000_000:09}|seoul-gw|{at:.0f}|{at - delay:.0f}|KR-20261122-{number % 10_000:04}|{amount}|{memo}".encode()
    )


def _json(number: int, at: float, delay: float, amount: int, memo: str) -> bytes:
    import time

    def iso(moment: float) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%S+09:00", time.gmtime(moment + 9 * 3600))

    order = {
        "order": f"KR-20261122-{number % 10_000:04}",
        "amount": amount,
        "currency": "KRW",
        "memo": memo,
        "items": [{"sku": f"A{number % 97:03}", "count": 1 + number % 3}, {"sku": f"B{number % 89:03}", "count": 1}],
        "meta": {"loaded_at": iso(at), "sent_at": iso(at - delay)},
    }
    return json.dumps(order, ensure_ascii=False, separators=(",", ":")).encode()


# Topics that show what else there is: how many records each of their partitions has.
ODD: dict[str, tuple[int, ...]] = {"audit.raw": (), "legacy.blob": (5_204,), "users.compacted": (9_004,), "ledger.tx": (3_119, 2_906)}


def _odd(topic: str, partition: int, offset: int, at: float, whole: bool) -> Record:
    key = f"user-{offset % 5_000:04}".encode()
    if topic == "users.compacted":
        value = None if offset % 3 == 0 else json.dumps({"name": "김철수", "level": offset % 9}, ensure_ascii=False).encode()
        return Record(partition, offset, at, "create", key, value, len(key), len(value or b""))
    if topic == "legacy.blob":
        block = bytes((offset * 7 + index * index) % 256 for index in range(1024))
        value = (block * (BLOB_BYTES // 1024 + 1))[: BLOB_BYTES if whole else VALUE_BYTES]
        return Record(partition, offset, at, "append", None, value, 0, BLOB_BYTES)
    value = f"0117|REQ|{offset:09}|seoul-gw|{at:.0f}|{at - 1:.0f}|KR-20261122-{offset:04}|1|".encode()
    return Record(partition, offset, at, "create", key, value, len(key), len(value), aborted=partition == 1 and offset % 5 > 2)
