"""What the relay tells the monitor about itself, published over the link as STATUS_TOPIC. Frozen values, no behaviour.

A relay runs for months, and the monitor beside it may be newer: whatever is added here has a default.

The shapes are those of ``relay-console relays --json``: times are epoch seconds, ages seconds, sizes bytes, unknown is None.
"""

from typing import Final

from msgspec import Struct

STATUS_TOPIC: Final = "status"


class RefusedLine(Struct, frozen=True):
    """One entry of the quarantine or the conflicts, its line cut to what a screen shows."""

    at: float
    peer: str
    code: int
    reason: str
    line: str


class ForwardStatus(Struct, frozen=True):
    """What a receiver with the sink `forward` still has to bring to its broker."""

    to: str  # as in messages: "kafka topic in at localhost:9092"
    state: str  # idle, forwarding, backing_off
    files: int  # of the inbox that have something left, the one that is being written too
    records: int | None  # None until those of an earlier process are counted
    bytes: int
    oldest_waiting_s: float | None
    forwarded: int  # records, since the start
    refused: int  # records that the broker will never take; they are in the quarantine
    last_error: str | None = None
    next_try_at: float | None = None
    last_forwarded_at: float | None = None


class ReceiverStatus(Struct, frozen=True):
    name: str
    listen: str
    state: str  # listening, paused, draining, disk_full, failed
    connections: int
    stored: int
    duplicates: int
    refused: dict[str, int]  # by code, as text
    bytes: int
    records_per_min: float | None
    last_record_at: float | None
    last_error: str | None = None
    quarantined: int = 0
    inbox: str = ""
    conflicts: int = 0  # among `quarantined`
    newest_refused: tuple[RefusedLine, ...] = ()  # newest first
    newest_conflicts: tuple[RefusedLine, ...] = ()
    commit_p50_ms: float | None = None
    commit_p99_ms: float | None = None
    commit_records: float | None = None  # in one commit, on the average of the last minute
    last_commit_at: float | None = None
    sink: str = ""  # the broker that records go to, at once or from the inbox
    forward: ForwardStatus | None = None


class SenderStatus(Struct, frozen=True):
    name: str
    connect: str
    state: str  # idle, sending, backing_off, probing, paused, draining, standby, lost
    waiting: int
    oldest_waiting_s: float | None
    in_flight: int
    sent: int
    failed: int  # files in failed/NAME now
    retries: int
    last_error: str | None
    next_try_at: float | None = None
    last_sent_at: float | None = None
    sent_per_min: float | None = None
    outbox: str = ""


class ConnectionStatus(Struct, frozen=True):
    id: int
    name: str  # of its receiver or sender
    direction: str  # "in" or "out"
    peer: str
    since: float
    state: str
    records: int
    bytes: int
    acks: int
    naks: dict[str, int]
    last_record_at: float | None
    last_error: str | None
    tls: str | None = None  # "TLSv1.3 partner.example": version, and a name of the peer's certificate if it showed one


class FailedFile(Struct, frozen=True):
    """One file of failed/NAME, from its .reason.json."""

    sender: str
    file: str
    tries: int
    last_code: int | None
    last_error: str | None
    last_try_at: float | None


class RelayStatus(Struct, frozen=True):
    receivers: tuple[ReceiverStatus, ...]
    senders: tuple[SenderStatus, ...]
    connections: tuple[ConnectionStatus, ...]  # the newest MAX_CONNECTIONS_SHOWN
    connections_total: int
    commit_p99_ms: float | None
    disk_free_bytes: int | None
    failed_files: tuple[FailedFile, ...] = ()
    directory: str = ""
    pid: int = 0
    started_at: float = 0.0
    embedded: bool = False
    state: str = "running"  # or draining
