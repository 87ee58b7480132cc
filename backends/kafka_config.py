"""What an operator may say about a Kafka cluster. Names and defaults are those of docs/configuration.md; durations are seconds."""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from backends.timestamps import Format
from settings.forms import Addresses, Form, Misfit, Name, Zone
from settings.secret import Secret
from settings.units import Duration

Column = Annotated[int, Meta(ge=1, le=1000)]  # counted from 1, as `cut -f` does


def _delimiter(text: str) -> str | None:
    return (
        None if len(text) == 1 and text not in '\r\n"' else f"{text!r} is no delimiter; write one character, such as ',' or '|' or \"\\t\""
    )


Delimiter = Annotated[str, Meta(description="one character"), Form(_delimiter)]


class TopicFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """Globs. A topic is watched when one of `include` fits its name and none of `exclude`."""

    include: list[str] = field(default_factory=lambda: ["*"])
    exclude: list[str] = field(default_factory=lambda: ["__*"])


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the times stand in a record's value."""

    format: Literal["csv"] = "csv"
    delimiter: Delimiter = ","
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
            raise Misfit(
                "missing: bootstrap (such as localhost:9092), or zookeeper (such as localhost:2181) to find the brokers through it"
            )


def matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    """Whether any of the globs fits a name as a whole."""
    if not globs:
        return lambda name: False
    return re.compile("|".join(f"(?:{translate(glob)})" for glob in globs)).match  # type: ignore[return-value]
