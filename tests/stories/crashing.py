"""A console whose store has a bug: `python -m tests.stories.crashing`. It draws once, then the store raises."""

import sys
from collections.abc import Callable

from monitor.replica import LocalLink
from monitor.store import Store
from tui.app import run
from tui.options import ConsoleOptions


class Broken(Store):
    """What it holds is a secret; no traceback may show it."""

    def __init__(self) -> None:
        super().__init__()
        self.password = "a-secret-value"
        self.is_broken = False

    def of_kind(self, kind: object) -> list[object]:  # type: ignore[override]
        if self.is_broken:
            raise LookupError("the store is broken")
        return super().of_kind(kind)  # type: ignore[arg-type, return-value]


class CrashingLink(LocalLink):
    def __init__(self) -> None:
        super().__init__([])
        self.store = Broken()

    async def run(self, changed: Callable[[], None]) -> None:
        import asyncio

        await asyncio.sleep(0.3)  # the first screen is drawn
        assert isinstance(self.store, Broken)
        self.store.is_broken = True
        self.store.version += 1
        changed()


if __name__ == "__main__":
    sys.exit(run(CrashingLink(), ConsoleOptions()))
