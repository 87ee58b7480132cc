"""Messages of the demonstration, each a pure function of its queue and number: asked for twice they are the same."""

import json
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec.structs import replace

from backends.demo.scene import noise
from backends.demo.stock import Letter, Scripted
from backends.demo.traffic import Flow
from backends.messages import Kind, Message, Property
from backends.questions import BODY_BYTES

LARGE_BYTES: Final = 3_300_000
LARGE_EVERY: Final = 50  # messages
MEMOS: Final = ("배송 전 연락 부탁드립니다", "문 앞에 놓아 주세요", "leave at the door", "부재 시 경비실", "깨지기 쉬움 · 취급 주의")
MARKUP: Final = "[red]Dear customer[/], your order <b>#{number}</b> [@click=quit]is late[/] \x1b[31m&amp; we are sorry\x1b[0m"
CAUSE: Final = "java.lang.Throwable: Exceeded redelivery policy limit:RedeliveryPolicy {maximumRedeliveries = 6}, cause:null"


class Body(NamedTuple):
    kind: Kind
    body: bytes | None
    size: int | None


def _text(text: str) -> Body:
    data = text.encode()
    return Body("text", data, len(data))


def _order(number: int) -> dict[str, object]:
    return {
        "order": f"KR-20261122-{number % 10_000:04}",
        "amount": int(noise("amount", number) * 90_000) + 1_000,
        "currency": "KRW",
        "memo": MEMOS[int(noise("memo", number) * len(MEMOS))],
        "items": [{"sku": f"A{number % 97:03}", "count": 1 + number % 3}, {"sku": f"B{number % 89:03}", "count": 1}],
    }


def _json(number: int) -> Body:
    return _text(json.dumps(_order(number), ensure_ascii=False, separators=(",", ":")))


def _xml(number: int) -> Body:
    amount = int(noise("amount", number) * 90_000) + 1_000
    return _text(
        f'<?xml version="1.0" encoding="UTF-8"?><payment xmlns="urn:pay:2" id="P-{number:09}"><amount currency="KRW">{amount}</amount>'
        f"<payer><name>김철수</name><bank>{number % 90 + 10:03}</bank></payer><note>a &lt; b &amp; c</note></payment>"
    )


def _map(number: int) -> Body:
    entries = {"account": f"110-{number % 1000:03}-{number % 999_999:06}", "amount": (number % 900) * 100, "retry": number % 7 == 0}
    return _text(json.dumps(entries, separators=(",", ":")))._replace(kind="map")


def _bytes(number: int) -> Body:
    size = 48 + int(noise("frame", number) * 700)
    data = bytes((number * 7 + index * index) % 256 for index in range(size))
    return Body("bytes", b"\x02\x10" + number.to_bytes(8, "big") + data, size + 10)


def _plain(number: int) -> Body:
    return _text(f"0117|REQ|{number % 1_000_000_000:09}|seoul-gw|KR-20261122-{number % 10_000:04}|{number % 90 * 100}|")


def _korean(number: int) -> Body:
    memo = MEMOS[int(noise("memo", number) * len(MEMOS))]
    return _text(f"고객님, 주문 {number % 10_000:04}번이 출고되었습니다.\n요청 사항: {memo}\n문의: 1588-0000\n")


def _markup(number: int) -> Body:
    return _text(MARKUP.format(number=number % 10_000))


def _object(number: int) -> Body:
    return Body("object", None, None)


def _empty(number: int) -> Body:
    return Body("empty", None, 0)


def _large(number: int) -> Body:
    line = _plain(number).body or b""
    return Body("text", ((line + b"\n") * (LARGE_BYTES // (len(line) + 1) + 1))[:LARGE_BYTES], LARGE_BYTES)


Make = Callable[[int], Body]
MAKERS: Final[dict[str, tuple[Make, ...]]] = {
    "orders": (_json, _json, _plain),
    "payments": (_xml, _json),
    "settlement": (_map, _json, _bytes),
    "refunds": (_plain, _xml, _map),
    "mail": (_korean, _markup, _plain),
    "알림": (_korean, _json),
    "edge": (_bytes, _map),
    "sensor": (_bytes,),
}
DEAD: Final = (_json, _xml, _map, _bytes, _korean, _markup, _plain, _object, _empty)


def message(letter: Letter, began: float, limit: int = BODY_BYTES) -> Message:
    """`began` is when the demonstration did, epoch seconds. Bodies are cut at `limit` bytes."""
    if isinstance(letter, Message):
        return letter if letter.body is None or len(letter.body) <= limit else _cut(letter, limit)
    flow = Flow(letter.queue)
    number, family = letter.number, letter.queue.partition(".")[0]
    makers = DEAD if flow.is_dead else MAKERS.get(family, (_plain,))
    is_large = number % LARGE_EVERY == 7
    made = (_large if is_large else makers[number % len(makers)])(number)
    at = round(began + flow.came(number), 3)
    found = Message(
        id=identity(letter, began),
        at=at,
        kind=made.kind,
        body=made.body,
        body_size=made.size,
        persistent=family != "sensor",
        priority=9 if number % 11 == 0 else 4,
        expires_at=at + 600.0 if family == "mail" else None,
        correlation_id=f"KR-20261122-{number % 10_000:04}",
        type=f"{family.upper()}_V{1 + number % 2}" if family.isascii() else None,
        reply_to=f"queue://{family}.out" if number % 4 == 0 else None,
        group_id=f"G{number % 5}" if family == "settlement" else None,
        group_sequence=1 + number // 5 if family == "settlement" else None,
        redelivered=flow.is_dead,
        redeliveries=6 if flow.is_dead else 0,
        original_destination=f"queue://{family}.in" if flow.is_dead else None,
        properties=_properties(letter),
        is_typed=True,
    )
    return _cut(found, limit) if found.body is not None and len(found.body) > limit else found


def identity(letter: Letter, began: float) -> str:
    if isinstance(letter, Message):
        return letter.id
    gateway = 1 + letter.number % 2
    return f"ID:gateway-{gateway}-4{int(noise(letter.queue, 7) * 9_000) + 1_000}-{int(began) - 86_400}000-1:{gateway}:1:1:{letter.number}"


def _cut(message: Message, limit: int) -> Message:
    assert message.body is not None
    return replace(message, body=message.body[:limit])


def _properties(letter: Scripted) -> tuple[Property, ...]:
    number = letter.number
    found = [
        Property("orderNo", "String", f"KR-20261122-{number % 10_000:04}"),
        Property("attempt", "Int", 1 + number % 3),
        Property("traceId", "Long", int(noise("trace", number) * 2**60)),
        Property("weightKg", "Double", round(0.1 + noise("weight", number) * 30, 2)),
        Property("express", "Boolean", number % 5 == 0),
        Property("channel", "String", ("app", "web", "매장")[number % 3]),
        Property("region", "Byte", number % 17),
    ]
    if Flow(letter.queue).is_dead:
        found.append(Property("dlqDeliveryFailureCause", "String", CAUSE))
    return tuple(found)
