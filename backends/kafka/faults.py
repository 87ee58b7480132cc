"""Why a figure is missing: librdkafka's errors as kinds and as words for an operator. Pure."""

import contextlib
import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

Kind = Literal["denied", "silent", "leaderless", "unknown"]


class Fault(Struct, frozen=True):
    """Why a figure is missing. `is_stale`: our metadata may be the reason, and fresh metadata the cure."""

    kind: Kind
    text: str
    is_stale: bool = False


_FAULTS: dict[str, Kind] = {
    "TOPIC_AUTHORIZATION_FAILED": "denied",
    "GROUP_AUTHORIZATION_FAILED": "denied",
    "CLUSTER_AUTHORIZATION_FAILED": "denied",
    "LEADER_NOT_AVAILABLE": "leaderless",
    "_TIMED_OUT": "silent",
    "_TRANSPORT": "silent",
}
_TEXTS = {
    "UNKNOWN_TOPIC_OR_PART": "the brokers do not know this topic",
    "TOPIC_AUTHORIZATION_FAILED": "the brokers deny access to this topic; grant Describe and Read",
    "_NOENT": "the broker is away, or the topic is not known to it yet",
    "_TRANSPORT": "the connection to the broker broke",
}


_STALE = {"_NOENT", "FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH", "NOT_LEADER_FOR_PARTITION", "UNKNOWN_TOPIC_OR_PART"}  # by old metadata


def is_missing(fault: Fault) -> bool:
    """The brokers said so themselves; no other error is a proof that there is no such topic."""
    return fault.text == _TEXTS["UNKNOWN_TOPIC_OR_PART"]


def fault_of(error: "KafkaError") -> Fault:
    name = error.name()
    return Fault(_FAULTS.get(name, "unknown"), _TEXTS.get(name, f"{name}: {error.str()}"), name in _STALE)


_PLAIN = (
    # librdkafka has two spellings of it, and a busy machine shows the other one.
    ("certificate verify failed", "certificate verify failed; is it of an authority in ssl.ca.location, and of this host?"),
    ("Connection refused", "connection refused"),
    ("Failed to resolve", "its name does not resolve"),
    ("timed out", "timed out"),
    ("Timed out", "timed out"),
    ("Local: Broker transport failure", "no connection"),
    ("brokers are down", "it hangs up: is it a Kafka broker?"),
)


def plain_reason(text: str) -> str:
    """What librdkafka says, without the parts that only its authors read. Never holds a secret: librdkafka prints none."""
    for sign, plain in _PLAIN:
        if sign in text:
            return plain
    found = re.search(r'str="(.*)"\}', text)
    text = found[1] if found else text
    text = re.sub(r" \(after \d+ms in state \w+.*\)", "", text)
    with contextlib.suppress(IndexError):
        text = re.split(r"^\S+/(?:bootstrap|\d+): ", text)[1]
    return text.strip()[:200]
