"""Doing what an operator asked for: the question before it, the commands that follow from yes, and what came of them.

What there is to ask and to send is `tui.actions`; nothing here waits in the loop.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.actions.plan import Act, Refused, Send
from tui.actions.relay import offered

if TYPE_CHECKING:
    from tui.app import Console


def act(console: "Console", verb: str) -> None:
    from tui.screens.dialog import Choice, Dialog

    plan = offered(verb, console.deck.moves.marked(), writable=console.writable)
    if isinstance(plan, Refused):
        console.deck.say(plan.reason, "warn")
        return
    choices = (Choice("y", plan.yes, "yes"), Choice("n", "Cancel", ""))

    def answered(choice: str | None, plan: Act = plan) -> None:
        if choice == "yes":
            console.deck.listing.marks.clear()
            send(console, plan.sends)

    console.push_screen(Dialog(plan.title, plan.lines, choices, 1), answered)


def send(console: "Console", sends: Sequence[Send]) -> None:
    console.beside(_send(console, sends), "command")


async def _send(console: "Console", sends: Sequence[Send]) -> None:
    failed = 0
    for number, each in enumerate(sends, 1):
        reply = await console.link.command(each.target, each.verb, each.arguments, each.expect)
        failed += not reply.ok
        tally = f"{number} of {len(sends)}, {failed} refused: " if len(sends) > 1 else ""
        console.deck.say(tally + reply.text, "message" if reply.ok else "error")
    console.deck.draw()
