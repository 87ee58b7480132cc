"""Every section of config.yaml by key: those of the sources, found by name, and our own. Names and defaults: docs/configuration.md."""

from typing import Annotated, Any, Final, Literal, NamedTuple

from msgspec import Meta, Struct

from relay.config import Relay
from settings.forms import Address, Zone
from settings.units import Duration, Size


class History(Struct, frozen=True, forbid_unknown_fields=True):
    directory: str = "~/.local/state/relay-console/history"
    keep: Duration = 14 * 86400.0
    limit: Size = 2 << 30


class Alerts(Struct, frozen=True, forbid_unknown_fields=True):
    rules: list[dict[str, Any]] = []
    notify: list[dict[str, Any]] = []


class Metrics(Struct, frozen=True, forbid_unknown_fields=True):
    listen: Address | None = None


class Console(Struct, frozen=True, forbid_unknown_fields=True):
    """What an option or an environment variable may say otherwise."""

    theme: str = "ansi-dark"
    lang: Literal["auto", "ko", "en"] = "auto"
    refresh: Annotated[Duration, Meta(ge=1)] = 1.0  # seconds; a second is what a person can follow and a slow line can carry
    mouse: bool = False
    write: bool = False
    timezone: Zone = "local"


class Access(Struct, frozen=True, forbid_unknown_fields=True):
    """Unix groups."""

    operators: list[str] = []
    viewers: list[str] = []


class Section(NamedTuple):
    key: str
    kind: Any
    default: Any
    is_used: bool  # False: accepted and checked, its feature comes later


OURS: Final = (
    Section("checks", dict[str, Any], {}, False),
    Section("history", History, History(), False),
    Section("alerts", Alerts, Alerts(), False),
    Section("metrics", Metrics, Metrics(), False),
    Section("console", Console, Console(), True),
    Section("access", Access, Access(), False),
)


def sections() -> list[Section]:
    """The relay's, the sources', ours. Imports every module of `backends`."""
    from backends.source import modules

    found = {"relay": Section("relay", Relay, Relay(), True)}
    for module in modules():
        if module.SECTION not in found:
            found[module.SECTION] = Section(module.SECTION, module.Section, [], True)
    return [*found.values(), *OURS]
