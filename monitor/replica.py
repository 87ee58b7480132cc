"""What a console talks to. It does not know whether the far side is a live monitor, a demonstration in its own process or a test script."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from link.protocol import Reply, Welcome
from monitor.store import Store


class LinkState(Struct, frozen=True):
    """How the link is doing. `error` is plain words: what, why, what next."""

    connected: bool
    error: str | None = None
    welcome: Welcome | None = None
    last_heard_at: float | None = None  # epoch seconds of the far side's last word
    started_by_us: bool = False  # this console started the daemon: it asks on quit what to do with it


class Link(Protocol):
    """A store that keeps itself up to date, and a way to send commands."""

    store: Store
    state: LinkState

    async def run(self, changed: Callable[[], None]) -> None:
        """Keeps the store current until cancelled; reconnects by itself. `changed` is called in the same loop, at most once a turn of it."""
        ...

    async def command(
        self,
        target: str,
        verb: str,
        arguments: Mapping[str, Any] | None = None,
        expect: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Raises nothing: a link that is down is a Reply with ok=False."""
        ...
