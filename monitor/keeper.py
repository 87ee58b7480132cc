"""Keeps a relay running: adopts the one that runs, starts one when there is none, brings a dead one back; drains an embedded one at last.

The relay is a process of its own. A monitor that dies leaves it alone, and the next monitor finds it here.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from link.client import Client, ClientState
from link.errors import GONE, LinkError
from link.protocol import PROTOCOL, Hello, Welcome
from link.start import Started
from monitor.revive import Reviver, Start

log = logging.getLogger(__name__)

DRAIN_DEADLINE: Final = 10.0  # seconds that a drain may take: partners' records that were begun are answered


class Keeper:
    """Without `start` a relay is only adopted. `tell` gets a severity and a sentence; `came` is called when a relay is there."""

    def __init__(
        self, socket: Path, version: str, start: Start | None, tell: Callable[[str, str], None], came: Callable[[], None] = lambda: None
    ) -> None:
        self.error: str | None = None  # why it could not be started, until it is there
        self._tell = tell
        self._came = came
        self._client = Client(socket, Hello((PROTOCOL,), "monitor", version, wants="answers"), lambda message: None, self._became)
        self._reviver = Reviver(self._client, start, self._tried)

    @property
    def relay(self) -> Welcome | None:
        """The relay we are connected to."""
        state = self._client.state
        return state.welcome if state.connected else None

    async def run(self) -> None:
        """Until it is cancelled. What it started lives on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._client.run(), name="relay client")
            group.create_task(self._reviver.run(), name="relay reviver")

    def let_go(self) -> None:
        """It was drained on purpose: it is not brought back."""
        self._reviver.let_go()

    async def drain(self) -> str:
        """Ends an embedded relay gracefully and waits until it is gone. `run` must still be running. Returns what came of it."""
        self._reviver.let_go()
        try:
            async with asyncio.timeout(DRAIN_DEADLINE):
                await self._reviver.settled()
                if self.relay is None:
                    return "there is no relay to drain"
                if not self.relay.embedded:
                    return "the relay goes on: it was not started by a monitor"
                reply = await self._client.command("relay", "drain", deadline=DRAIN_DEADLINE)
                if not reply.ok and self.relay is not None:
                    return f"the relay did not drain: {reply.text}"
                await self._reviver.until(lambda: self._client.state.trouble in GONE)
        except TimeoutError:
            return f"the relay is still draining after {DRAIN_DEADLINE:g} s; it ends by itself"
        return "the relay is drained"

    def _became(self, state: ClientState) -> None:
        if state.connected and state.welcome is not None:
            log.info("relay: connected to pid %d", state.welcome.pid)
            self.error = None
            self._came()
        elif state.error is not None:
            log.info("relay: %s", state.error)
        self._reviver.look()

    def _tried(self, outcome: Started | LinkError) -> None:
        if isinstance(outcome, Started):
            self.error = None
            if outcome.started:
                self._tell("info", f"the relay was started (pid {outcome.pid})")
        elif self.error != str(outcome):
            self.error = str(outcome)
            self._tell("critical", f"the relay could not be started: {outcome}")
