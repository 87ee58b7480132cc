"""What the records of truth.py hold, in each of the forms that producers use. The times in them are all that matters."""

import json
from datetime import datetime

from tests.lab.truth import MARKUP, TIMEZONE, Topic

JUNK = (b"\xff\xfe\x00junk", b"no columns at all", b'{"json": true}', b"1,2,3,4,yesterday,soon,x,y", b"")
SCHEMA_ID = 42


def clock(at: float) -> str:
    return datetime.fromtimestamp(at, TIMEZONE).strftime("%Y-%m-%d %H:%M:%S")


def payload(topic: Topic, now: float, number: int) -> bytes:
    if topic.payload == "binary":
        return avro(number, now)
    if topic.loaded_age_s is None:
        return JUNK[number % len(JUNK)]
    loaded = now - topic.loaded_age_s
    if topic.payload == "json":
        return document(number, loaded, loaded - topic.load_delay_s)
    return line(number, loaded, loaded - topic.load_delay_s, MARKUP if topic.payload == "markup" else f"value {number}")


def line(number: int, loaded: float, sent: float, text: str) -> bytes:
    """Column 5 loaded, column 6 sent; every other column is there to be skipped."""
    return ",".join((str(number), "partner-a", "platform", "ORDER", clock(loaded), clock(sent), text, "0.5", "end")).encode()


def document(number: int, loaded: float, sent: float) -> bytes:
    order = {"id": number, "items": [{"sku": "A-1", "count": 2}], "note": '"quoted", with commas'}
    return json.dumps({"order": order, "meta": {"loaded_at": clock(loaded), "sent_at": clock(sent), "partner": "partner-a"}}).encode()


def avro(number: int, now: float) -> bytes:
    """As a producer with a schema registry writes it: a zero byte, the id of the schema, then {id: long, at: long, name: string}."""
    name = b"partner-a"
    return b"\0" + SCHEMA_ID.to_bytes(4) + _long(number) + _long(int(now * 1000)) + _long(len(name)) + name


def _long(value: int) -> bytes:
    """Zigzag, seven bits a byte, the lowest first (Avro 1.11, Binary Encoding)."""
    left, out = value << 1 if value >= 0 else (-value << 1) - 1, bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])
