"""What an operator may say about the relay. Names and defaults are those of docs/configuration.md; durations are seconds, sizes bytes."""

from typing import Any, Literal

from msgspec import Struct, field

from settings.units import Duration, Size


class Length(Struct, frozen=True, forbid_unknown_fields=True):
    digits: int = 4
    counts: Literal["bytes", "characters"] = "bytes"


class RequestLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """The line a partner sends. `key` names the column with the process number."""

    columns: list[str] = field(
        default_factory=lambda: ["length", "type", "process_no", "sent_at", "source", "target", "kind", "sequence", "payload"]
    )
    type: str = "REQ"
    key: str = "process_no"
    length: Length = Length()
    max_bytes: int = 4096


class ResponseLayout(Struct, frozen=True, forbid_unknown_fields=True):
    columns: list[str] = field(default_factory=lambda: ["length", "type", "process_no", "code"])
    type: str = "RES"


class Records(Struct, frozen=True, forbid_unknown_fields=True):
    request: RequestLayout = RequestLayout()
    response: ResponseLayout = ResponseLayout()


class Codes(Struct, frozen=True, forbid_unknown_fields=True):
    accepted: int = 200
    wrong_type: int = 400
    columns: int = 401
    length: int = 402
    encoding: int = 403
    conflict: int = 409
    too_long: int = 413
    busy: int = 429
    storage: int = 503


class Duplicates(Struct, frozen=True, forbid_unknown_fields=True):
    keep: Duration = 86400.0
    max: int = 1_000_000


class ReceiverTimeouts(Struct, frozen=True, forbid_unknown_fields=True):
    first_byte: Duration = 10.0
    record: Duration = 10.0
    idle: Duration = 60.0
    unread: Duration = 30.0


class Receiver(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    listen: str
    inbox: str = ""  # "" is inbox/NAME
    record: str = "request"
    publish: Literal["rename", "in_place"] = "rename"
    duplicates: Duplicates = Duplicates()
    sink: Any = "file"
    allow: list[str] = field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])
    max_connections: int = 1024
    max_connections_per_address: int = 64
    timeouts: ReceiverTimeouts = ReceiverTimeouts()
    tls: Any = None


class Backoff(Struct, frozen=True, forbid_unknown_fields=True):
    first: Duration = 1.0
    factor: float = 2.0
    max: Duration = 30.0


class Sender(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    connect: str
    outbox: str = ""  # "" is outbox/NAME
    record: str = "request"
    order: Literal["oldest", "strict"] = "oldest"
    connection: Literal["per_file", "persistent", "pipelined"] = "per_file"
    timeout: Duration = 5.0
    retries: int = 3
    parallel: int = 4
    scan_interval: Duration = 1.0
    settle: Duration = 0.2
    backoff: Backoff = Backoff()
    when_unanswered: Literal["wait", "fail"] = "wait"
    after_sent: Literal["archive", "delete"] = "archive"


class Relay(Struct, frozen=True, forbid_unknown_fields=True):
    directory: str = "~/.local/state/relay-console/relay"  # relative paths below start here
    records: Records = Records()
    codes: Codes = Codes()
    min_free: Size = 64 << 20
    receivers: list[Receiver] = []
    senders: list[Sender] = []
