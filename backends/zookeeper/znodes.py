"""What znodes hold: application offsets, a classic consumer's offset, a Kafka broker's addresses. Pure; any bytes are fine."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

MAX_NODE = 1 << 20  # bytes: ZooKeeper's own limit (jute.maxbuffer)
MAX_OFFSET = (1 << 63) - 1
MAX_PARTITION = (1 << 31) - 1
MAX_PARTITIONS = 10_000  # of one node: no topic has as many, and a node of a megabyte could name 200,000
SAMPLE_LENGTH = 80  # characters of the first bad pair that are shown

_PAIR = re.compile(rb"\s*([0-9]{1,10})\s*:\s*([0-9]{1,19})\s*")
_NUMBER = re.compile(rb"\s*([0-9]{1,19})\s*")
_ENDPOINT = re.compile(r"([^:/]+)://(.*):([0-9]{1,5})")


class Offsets(Struct, frozen=True):
    """Good pairs by partition. A partition named twice counts as a bad pair, and its last offset is taken; so does one too many."""

    offsets: dict[int, int]
    bad_pairs: int = 0
    bad_sample: str | None = None


def parse_offsets(data: bytes) -> Offsets:
    """``5:16497745458,7:16497813566``. An empty node holds no offsets; a trailing comma is no fault."""
    offsets: dict[int, int] = {}
    bad, sample = 0, None
    pairs = data[:MAX_NODE].split(b",")
    for place, pair in enumerate(pairs):
        if not pair.strip() and place in (0, len(pairs) - 1):
            continue
        found = _PAIR.fullmatch(pair)
        partition, offset = (int(found[1]), int(found[2])) if found else (0, 0)
        good = found is not None and partition <= MAX_PARTITION and offset <= MAX_OFFSET
        has_room = partition in offsets or len(offsets) < MAX_PARTITIONS
        if not good or not has_room or partition in offsets:
            bad, sample = bad + 1, sample or _sample(pair)
        if good and has_room:
            offsets[partition] = offset
    if len(data) > MAX_NODE:
        bad, sample = bad + 1, sample or f"cut at {MAX_NODE} bytes"
    return Offsets(offsets, bad, sample)


def parse_offset(data: bytes) -> int | None:
    """The one number of a classic consumer's node."""
    found = _NUMBER.fullmatch(data[:64]) if len(data) <= 64 else None
    return int(found[1]) if found and int(found[1]) <= MAX_OFFSET else None


class Endpoint(Struct, frozen=True):
    protocol: str  # PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
    address: str  # host:port


def parse_broker(data: bytes) -> list[Endpoint]:
    """Where a broker listens, from its node under /brokers/ids. Brokers before 0.9 name only host and port."""
    try:
        broker: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    if not isinstance(broker, dict):
        return []
    endpoints, protocols = broker.get("endpoints"), broker.get("listener_security_protocol_map")
    found = [_endpoint(text, protocols if isinstance(protocols, dict) else {}) for text in endpoints or ()] if _is_texts(endpoints) else []
    listed = [endpoint for endpoint in found if endpoint is not None]
    host, port = broker.get("host"), broker.get("port")
    if not listed and isinstance(host, str) and host and isinstance(port, int) and 0 < port < 65536:
        return [Endpoint("PLAINTEXT", f"{host}:{port}")]
    return listed


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _endpoint(text: str, protocols: Mapping[str, object]) -> Endpoint | None:
    found = _ENDPOINT.fullmatch(text)
    return Endpoint(str(protocols.get(found[1], found[1])), f"{found[2]}:{found[3]}") if found and found[2] else None


def _sample(pair: bytes) -> str:
    return pair[: SAMPLE_LENGTH * 4].decode("utf-8", "replace")[:SAMPLE_LENGTH]
