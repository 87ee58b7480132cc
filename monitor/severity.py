"""How bad is what a snapshot says: one rule a kind, pure. Counts on the status row, colours on the overview and events come from here."""

from typing import Literal

from msgspec import Struct

from backends.snapshots import Snapshot

Severity = Literal["warning", "critical"]


class Problem(Struct, frozen=True):
    severity: Severity
    source: str
    subject: str  # the topic, consumer, agent, queue, receiver; "" is the source itself
    text: str


def problems(snapshot: Snapshot) -> list[Problem]:
    """What is wrong in this snapshot; empty when all is well or nothing is configured."""
    if snapshot.state in ("down", "denied"):
        return [Problem("critical", snapshot.source, "", snapshot.error or snapshot.state)]
    return []
