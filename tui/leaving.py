"""Quitting a console that started the daemon: what to do with it is asked, and stopping it is waited for, a while."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from backends.snapshots import Relay
from tui.format import count

if TYPE_CHECKING:
    from tui.app import Console

STOP_LASTS = 15.0  # seconds that a daemon may take to drain its relay; then it ends without a witness
STOP_LOOKS = 0.05


def ask_to_stop(console: "Console") -> None:
    from tui.screens.dialog import Choice, Dialog

    live = sum(s.data.connections_total for s in console.link.store.of_kind("relay") if isinstance(s.data, Relay))
    choices = (
        Choice("s", f"Stop it ({count(live, 'live connection')})", "stop"),
        Choice("l", "Leave it running", "leave"),
        Choice("c", "Cancel", ""),
    )
    lines = ("It keeps receiving and sending while no console is open.", "Stopping answers what was received, publishes it, and ends.")

    def chosen(choice: str | None) -> None:
        if choice == "leave":
            console.leave(0)
        elif choice == "stop":
            console.deck.say("stopping the daemon …")
            console.beside(_stop(console), "stop")

    console.push_screen(Dialog("This console started the daemon. Stop it too?", lines, choices, 1), chosen)


async def _stop(console: "Console") -> None:
    reply = await console.link.command("monitor", "stop")
    if not reply.ok:
        console.deck.say(f"the daemon was not stopped: {reply.text}", "error")
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_LASTS):
            while console.link.state.connected:  # noqa: ASYNC110, who starts it again at once must not meet the old one
                await asyncio.sleep(STOP_LOOKS)
    console.leave(0)
