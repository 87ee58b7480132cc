"""What an operator may say about a Kafka cluster. Names and defaults are those of docs/configuration.md; durations are seconds."""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Annotated

from msgspec import Meta, Struct, field

from backends.timestamps import Format
from settings.forms import Addresses, Name, Zone
from settings.secret import Secret
from settings.units import Duration

Column = Annotated[int, Meta(ge=1, le=1000)]  # counted from 1, as `cut -f` does
Interval = Duration

# The properties that hold a secret: their value is a reference, never the text itself.
SECRETS = frozenset({"sasl.password", "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret"})


class TopicFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """Globs. A topic is watched when one of `include` fits its name and none of `exclude`."""

    include: list[str] = field(default_factory=lambda: ["*"])
    exclude: list[str] = field(default_factory=lambda: ["__*"])


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the times stand in a record's value."""

    format: Annotated[str, Meta(pattern="^csv$")] = "csv"
    delimiter: Annotated[str, Meta(pattern='^[^\r\n"]$')] = ","
    loaded: Column = 5
    sent: Column = 6
    time: Format = "auto"
    timezone: Zone = "UTC"


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """How old the newest record of the topics that fit the glob may be. The first limit that fits counts."""

    topic: str
    warn: Duration | None = None
    crit: Duration | None = None


class Cluster(Struct, frozen=True, forbid_unknown_fields=True):
    """`bootstrap`, or `zookeeper` to find the brokers under /brokers/ids. `options` are librdkafka's own properties (TLS, SASL)."""

    name: Name
    bootstrap: Addresses | None = None
    zookeeper: Addresses | None = None
    options: dict[str, str | int | float | bool | Secret] = {}
    topics: TopicFilter = TopicFilter()
    interval: Duration = 10.0
    payload: Payload = Payload()
    limits: list[Limit] = []

    def __post_init__(self) -> None:
        if not self.bootstrap and not self.zookeeper:
            raise ValueError(f"cluster {self.name!r} needs `bootstrap` (such as localhost:9092) or `zookeeper` (such as localhost:2181)")
        for key in sorted(SECRETS & self.options.keys()):
            if not isinstance(self.options[key], Secret):
                raise ValueError(f"options: {key} is a secret; write a reference, such as {{env: NAME}} or {{file: PATH}}")


def matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    """Whether any of the globs fits a name as a whole."""
    if not globs:
        return lambda name: False
    return re.compile("|".join(f"(?:{translate(glob)})" for glob in globs)).match  # type: ignore[return-value]
