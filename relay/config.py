"""What an operator may say about the relay. Names and defaults are those of docs/configuration.md; durations are seconds, sizes bytes."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from settings.forms import Address, Addresses, Misfit, Name, Network
from settings.secret import Secret
from settings.units import Duration, Size

Code = Annotated[int, Meta(ge=100, le=999)]  # three digits: an answer's length is known before its code
LEAST_TIMEOUT: Final = 0.1  # seconds; 0 would mean for ever to librdkafka
LEAST_SESSION: Final = 1.0  # seconds
OWN_PROPERTIES: Final = frozenset(
    {
        "acks",
        "bootstrap.servers",
        "delivery.report.only.error",
        "delivery.timeout.ms",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "message.timeout.ms",
        "metadata.broker.list",
        "request.required.acks",
        "transactional.id",
    }
)

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


class KafkaSink(Struct, frozen=True, forbid_unknown_fields=True):
    """A topic that records go to. `key` names the column whose value is the key of the record: all of one value stay in order."""

    bootstrap: Addresses
    topic: str
    key: str = "process_no"
    options: dict[str, str | int | float | bool | Secret] = {}  # librdkafka's own properties (TLS, SASL)
    timeout: Duration = 3.0  # without a delivery report the partner is answered 503; shorter than partners wait

    def __post_init__(self) -> None:
        for name in self.options:
            if name in OWN_PROPERTIES:
                raise Misfit("is for the relay to say: what it answers depends on it", "options", name)
        if self.timeout < LEAST_TIMEOUT:
            raise Misfit("at least 100ms", "timeout")


class ActiveMQSink(Struct, frozen=True, forbid_unknown_fields=True):
    """A queue that records go to, as persistent messages."""

    stomp: Address
    queue: str
    user: str | None = None
    password: Secret | None = None
    timeout: Duration = 3.0  # without a receipt

    def __post_init__(self) -> None:
        if not self.queue.isprintable() or not self.queue.strip() or self.queue.startswith("/") or set(self.queue) & set(",?*>"):
            raise Misfit("one queue, without /queue/ before it: ActiveMQ takes , ? * > for something else", "queue")
        if self.timeout < LEAST_TIMEOUT:
            raise Misfit("at least 100ms", "timeout")


class Broker(Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of the two brokers."""

    kafka: KafkaSink | None = None
    activemq: ActiveMQSink | None = None
    after_forward: Literal["archive", "delete"] = "archive"  # a file of the inbox that is forwarded whole

    def __post_init__(self) -> None:
        if (self.kafka is None) is (self.activemq is None):
            raise Misfit("exactly one is wanted: kafka or activemq")


class Sink(Struct, frozen=True, forbid_unknown_fields=True):
    """Where records go instead of files: a broker at once, or files first and the broker from there (`forward`)."""

    kafka: KafkaSink | None = None
    activemq: ActiveMQSink | None = None
    forward: Broker | None = None

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.kafka, self.activemq, self.forward)) != 1:
            raise Misfit("exactly one is wanted: kafka, activemq or forward; or write sink: file")


class ReceiverTls(Struct, frozen=True, forbid_unknown_fields=True):
    """Paths of PEM files. With `client_ca` partners must show a certificate; `allow_names`: globs, one of its names must fit one."""

    certificate: str
    key: str
    client_ca: str | None = None
    allow_names: list[str] = []
    handshake: Duration = 10.0

    def __post_init__(self) -> None:
        if self.allow_names and self.client_ca is None:
            raise Misfit("needs client_ca: without it partners show no certificate", "allow_names")


class SenderTls(Struct, frozen=True, forbid_unknown_fields=True):
    """Paths of PEM files. `ca`: who signs the partner's certificate, else the system's list. `name`: what it must be made out to."""

    ca: str | None = None
    name: str | None = None  # else the host of `connect`
    certificate: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) is not (self.key is None):
            raise Misfit("certificate and key go together")


class Receiver(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    listen: Address
    inbox: str = ""  # "" is inbox/NAME
    record: str = "request"
    publish: Literal["rename", "in_place"] = "rename"
    duplicates: Duplicates = Duplicates()
    sink: Literal["file"] | Sink = "file"
    allow: list[Network] = field(default_factory=lambda: ["127.0.0.0/8", "::1/128"])
    max_connections: AtLeastOne = 1024
    max_connections_per_address: AtLeastOne = 64
    timeouts: ReceiverTimeouts = ReceiverTimeouts()
    tls: ReceiverTls | None = None


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
    tls: SenderTls | None = None


class Election(Struct, frozen=True, forbid_unknown_fields=True):
    """Of the relays that share their outboxes, ZooKeeper says which one sends. One node for each sender, below `path`."""

    zookeeper: Addresses
    path: str = "/relay-console/senders"
    session_timeout: Duration = 10.0

    def __post_init__(self) -> None:
        steps = self.path.removeprefix("/").split("/")
        if not self.path.startswith("/") or {"", ".", ".."} & set(steps) or not self.path.isprintable():
            raise Misfit("a path of ZooKeeper, such as /relay-console/senders", "path")
        if self.session_timeout < LEAST_SESSION:
            raise Misfit("at least 1s: a pause of the machine would change the sender", "session_timeout")


class Relay(Struct, frozen=True, forbid_unknown_fields=True):
    directory: str = "~/.local/state/relay-console/relay"  # relative paths below start here
    records: Records = Records()
    codes: Codes = Codes()
    min_free: Size = 64 << 20
    receivers: list[Receiver] = []
    senders: list[Sender] = []
    election: Election | None = None
