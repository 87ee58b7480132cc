"""The contract of a source, and how kinds of sources are found: by name, with no list to edit.

A module of this package that watches something defines three names:

    SECTION: str                                    the top-level key of config.yaml it reads, such as "kafka"
    Section: type                                   the type of that key's value, such as list[Cluster]
    def sources(section, context) -> list[Source]   one source for each configured thing; connects to nothing, imports no client library

A source is asked once a cycle. Expected trouble is raised as `Unavailable` (the engine turns it into a snapshot with the last data kept);
any other exception is a bug, and the engine restarts that one source. The engine owns pace, back-off and the clock.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct

from backends.questions import Found, Question
from backends.snapshots import Data, Kind, State

ACT_DEADLINE_S: Final = 60.0  # what most sources give an action


class Unavailable(Exception):
    """The outside system cannot be read now, and that is nobody's bug. The text tells an operator what, why and what next."""

    def __init__(self, error: str, state: State = "down") -> None:
        super().__init__(error)
        self.error = error
        self.state: State = state


class Answer(Struct, frozen=True):
    """What came of an action: one line for the operator."""

    ok: bool
    text: str


Tell = Callable[[float, str, str, str], None]  # an event that a source was told of: when (epoch seconds), severity, source, text


def nobody(at: float, severity: str, source: str, text: str) -> None:
    """Who asks once wants no events."""


class Context(Struct, frozen=True):
    """What a source may need besides its own section."""

    sections: Mapping[str, Any]  # every section of the configuration, by key: offsets of groups look up their Kafka cluster
    relay_socket: str
    version: str
    tell: Tell = nobody


class Source(Protocol):
    """One watched thing. Made without I/O; `observe` connects when it must; `close` may be called at any time, also twice."""

    @property
    def name(self) -> str:
        """Unique among all sources: the one of the configuration."""
        ...

    @property
    def kind(self) -> Kind: ...

    @property
    def interval(self) -> float:
        """Seconds between two observations when all is well."""
        ...

    @property
    def deadline(self) -> float:
        """Seconds after which the engine cancels one `observe`; the source's own waits are shorter."""
        ...

    @property
    def act_deadline(self) -> float:
        """Seconds after which the monitor cancels one `act`; the source's own waits are shorter, this is for one that forgot."""
        ...

    async def observe(self, now: float) -> Data:
        """One whole reading. `now` is epoch seconds. Raises Unavailable; may be cancelled, and leaves nothing behind within 1 s."""
        ...

    async def act(self, verb: str, arguments: Mapping[str, Any], expect: Mapping[str, Any]) -> Answer:
        """One action on the outside system; never retried. A verb it does not know is an Answer with ok=False."""
        ...

    async def ask(self, question: Question) -> Found:
        """What a console wants to see besides the snapshot. Changes nothing anywhere, disturbs no `observe`. Raises Unavailable."""
        ...

    async def close(self) -> None: ...


class Unasked:
    """A source that has nothing to tell besides its snapshot."""

    async def ask(self, question: Question) -> Found:
        raise Unavailable("there is nothing to ask of this source besides what it shows")


class Unconfigured(Struct, frozen=True):
    """Nothing of this kind stands in the configuration: the pane says how to fill it."""

    kind: Kind
    hint: str


class Module(Protocol):
    SECTION: str
    Section: Any

    def sources(self, section: Any, context: Context) -> Sequence[Source]: ...


def modules() -> list[Module]:
    """Every module of this package that defines SECTION, Section and sources, in the order of their names."""
    import backends

    found: list[Module] = []
    for info in pkgutil.iter_modules(backends.__path__):
        module: Any = importlib.import_module(f"backends.{info.name}")
        if hasattr(module, "SECTION") and hasattr(module, "sources"):
            found.append(module)
    return found
