"""What an operator may say about a Kafka cluster. Names and defaults are those of docs/configuration.md; durations are seconds."""

import re
from collections.abc import Callable, Iterable, Sequence
from fnmatch import translate
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

from backends.kafka.timestamps import Format
from settings.forms import Addresses, Form, Misfit, Name, Zone
from settings.secret import Secret
from settings.units import Duration, Size

WILDCARDS: Final = frozenset("*?[")  # of fnmatch
AUTO: Final = "auto"  # to be found out from the records

Column = Annotated[int, Meta(ge=1, le=1000)]  # counted from 1, as `cut -f` does


def _delimiter(text: str) -> str | None:
    if text == AUTO or (len(text) == 1 and text not in '\r\n"'):
        return None
    return f"{text!r} is no delimiter; write one character, such as ',' or '|' or \"\\t\", or auto"


def _pointer(text: str) -> str | None:
    """RFC 6901; a bare word is more likely a name that lacks its slash."""
    if text == AUTO:
        return None
    if not text.startswith("/"):
        return f"{text!r} is no place; write a column number (5), a JSON pointer (/meta/loaded_at), auto, or null"
    return f"{text!r}: in a JSON pointer ~ is written ~0 and / is written ~1" if re.search(r"~(?![01])", text) else None


Delimiter = Annotated[str, Meta(description="one character, or auto"), Form(_delimiter)]
Pointer = Annotated[str, Meta(description="a JSON pointer such as /meta/loaded_at, or auto"), Form(_pointer)]
Place = Column | Pointer | None


class TopicFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """Globs. A topic is watched when one of `include` fits its name and none of `exclude`."""

    include: list[str] = field(default_factory=lambda: ["*"])
    exclude: list[str] = field(default_factory=lambda: ["__*"])


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the times stand in a record's value: a column of a text, a pointer into JSON, or nowhere (null). `none` looks at no value."""

    format: Literal["auto", "csv", "json", "none"] = "auto"
    delimiter: Delimiter = AUTO
    loaded: Place = AUTO
    sent: Place = AUTO
    time: Format = "auto"
    timezone: Zone = "UTC"

    def __post_init__(self) -> None:
        for key, value in (("loaded", self.loaded), ("sent", self.sent)):
            if fault := self._misplaced(value):
                raise Misfit(fault, key)
        if self.delimiter != AUTO and (self.format in ("json", "none") or _is_pointer(self.loaded) or _is_pointer(self.sent)):
            raise Misfit("only csv has a delimiter", "delimiter")
        if self.format != "none" and self.loaded is None and self.sent is None:
            raise Misfit("neither loaded nor sent is to be read: write format: none", "format")
        if self.loaded == self.sent and self.loaded not in (AUTO, None):
            raise Misfit("the same place as loaded; write null for the one that the records do not have", "sent")

    def _misplaced(self, value: int | str | None) -> str | None:
        if value in (AUTO, None):
            return None
        if self.format == "none":
            return "format: none looks at no value"
        if isinstance(value, str) and self.format == "csv":
            return "a JSON pointer, and the format is csv; write a column number or format: json"
        if isinstance(value, int) and self.format == "json":
            return "a column number, and the format is json; write a JSON pointer such as /meta/loaded_at, or format: csv"
        mixed = {type(each) for each in (self.loaded, self.sent) if each not in (AUTO, None)}
        return "a column and a JSON pointer do not go together" if len(mixed) > 1 else None


def _is_pointer(value: int | str | None) -> bool:
    return isinstance(value, str) and value != AUTO


class TopicPayload(Payload, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The same for the topics that the glob fits; nothing is taken over from `payload`."""

    topic: str


class Limit(Struct, frozen=True, forbid_unknown_fields=True):
    """How old the newest record of the topics that fit the glob may be. The first limit that fits counts."""

    topic: str
    warn: Duration | None = None
    crit: Duration | None = None


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """What is read in one cycle at most. The rest waits for the following ones, the longest unread first."""

    bytes: Annotated[Size, Meta(ge=1 << 20)] = 64 << 20  # of keys and values
    partitions: Annotated[int, Meta(ge=1)] = 5_000


class Cluster(Struct, frozen=True, forbid_unknown_fields=True):
    """`bootstrap`, or `zookeeper` to find the brokers under /brokers/ids. `options` are librdkafka's own properties (TLS, SASL)."""

    name: Name
    bootstrap: Addresses | None = None
    zookeeper: Addresses | None = None
    options: dict[str, str | int | float | bool | Secret] = {}
    topics: TopicFilter = TopicFilter()
    interval: Duration = 10.0
    payload: Payload = Payload()
    payloads: list[TopicPayload] = []
    budget: Budget = Budget()
    limits: list[Limit] = []

    def __post_init__(self) -> None:
        if not self.bootstrap and not self.zookeeper:
            raise Misfit(
                "missing: bootstrap (such as localhost:9092), or zookeeper (such as localhost:2181) to find the brokers through it"
            )


def named(globs: Iterable[str]) -> tuple[str, ...]:
    """Those without a wildcard: each is the name of one thing."""
    return tuple(glob for glob in globs if not WILDCARDS & set(glob))


def matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    """Whether any of the globs fits a name as a whole."""
    if not globs:
        return lambda name: False
    return re.compile("|".join(f"(?:{translate(glob)})" for glob in globs)).match  # type: ignore[return-value]
