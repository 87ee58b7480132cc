"""What the configuration says of a broker."""

from typing import Annotated

from msgspec import Meta, Struct, field

from settings.forms import Address, Name, WebAddress
from settings.secret import Secret
from settings.units import Duration


class QueueFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """Globs over queue names, case matters. Dead letters are shown all the same, or `ActiveMQ.*` would hide ActiveMQ.DLQ."""

    exclude: list[str] = field(default_factory=lambda: ["ActiveMQ.*"])


class StompTls(Struct, frozen=True, forbid_unknown_fields=True):
    """The broker's certificate must be trusted and must be for the host of `stomp`. Paths are of PEM files."""

    ca: str | None = None  # None: those that this host trusts
    certificate: str | None = None  # ours, where the broker asks for one
    key: str | None = None


class BrokerSection(Struct, frozen=True, forbid_unknown_fields=True):
    name: Name
    jolokia: WebAddress
    stomp: Address | None = None  # for browsing beyond Jolokia's limit, and for sending bodies exactly
    stomp_tls: StompTls | None = None  # None: plain TCP
    user: str = ""  # of Jolokia and of STOMP
    password: Secret | None = None
    statistics_plugin: bool = False  # the broker has it: it is asked for the age of every queue's oldest message
    write: bool = False
    queues: QueueFilter = QueueFilter()
    interval: Annotated[Duration, Meta(ge=1)] = 5.0  # seconds; trends compare samples that are 5 s apart
    timeout: Annotated[Duration, Meta(ge=1)] = 10.0  # a broker that has just started needs 2 s for 5,000 queues
