"""What an operator may say about the relay. Names and defaults are those of docs/configuration.md; durations are seconds, sizes bytes."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from settings.forms import Address, Name, Network
from settings.units import Duration, Size

Code = Annotated[int, Meta(ge=100, le=999)]  # three digits: an answer's length is known before its code
AtLeastOne = Annotated[int, Meta(ge=1)]
AtLeastZero = Annotated[int, Meta(ge=0)]


class Length(Struct, frozen=True, forbid_unknown_fields=True):
    digits: Annotated[int, Meta(ge=1, le=9)] = 4
    counts: Literal["bytes", "characters"] = "bytes"


class RequestLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """The line a partner sends. `key` names the column with the process number."""

    columns: list[str] = field(
        default_factory=lambda: ["length", "type", "process_no", "sent_at", "source", "target", "kind", "sequence", "payload"]
    )
    type: str = "REQ"
    key: str = "process_no"
    length: Length = Length()
    max_bytes: Annotated[int, Meta(ge=16, le=1 << 20)] = 4096


class ResponseLayout(Struct, frozen=True, forbid_unknown_fields=True):
    columns: list[str] = field(default_factory=lambda: ["length", "type", "process_no", "code"])
    type: str = "RES"


class Records(Struct, frozen=True, forbid_unknown_fields=True):
    request: RequestLayout = RequestLayout()
    response: ResponseLayout = ResponseLayout()


class Codes(Struct, frozen=True, forbid_unknown_fields=True):
    accepted: Code = 200
    wrong_type: Code = 400
    columns: Code = 401
    length: Code = 402
    encoding: Code = 403
    conflict: Code = 409
    too_long: Code = 413
    busy: Code = 429
    storage: Code = 503


class Duplicates(Struct, frozen=True, forbid_unknown_fields=True):
    keep: Duration = 86400.0
    max: AtLeastZero = 1_000_000


class ReceiverTimeouts(Struct, frozen=True, forbid_unknown_fields=True):
    first_byte: Duration = 10.0
    record: Duration = 10.0
    idle: Duration = 60.0
    unread: Duration = 30.0


class Receiver(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    listen: Address
    inbox: str = ""  # "" is inbox/NAME
    record: str = "request"
    publish: Literal["rename", "in_place"] = "rename"
    duplicates: Duplicates = Duplicates()
    sink: Any = "file"
    allow: list[Network] = field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])
    max_connections: AtLeastOne = 1024
    max_connections_per_address: AtLeastOne = 64
    timeouts: ReceiverTimeouts = ReceiverTimeouts()
    tls: Any = None


class Backoff(Struct, frozen=True, forbid_unknown_fields=True):
    first: Duration = 1.0
    factor: Annotated[float, Meta(ge=1)] = 2.0
    max: Duration = 30.0


class Sender(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    connect: Address
    outbox: str = ""  # "" is outbox/NAME
    record: str = "request"
    order: Literal["oldest", "strict"] = "oldest"
    connection: Literal["per_file", "persistent", "pipelined"] = "per_file"
    timeout: Duration = 5.0
    retries: AtLeastZero = 3
    parallel: AtLeastOne = 4
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
