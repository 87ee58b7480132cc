"""What may be done to queues and their messages: why not, what is to be filled in, and the commands that follow. Pure; guards are here, not
in keys.

A key means the row or the marked ones in the list, and on a page with messages the marked ones or the one under the cursor.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from backends.broker import Queue
from backends.messages import Message
from backends.snapshots import Queues, Snapshot
from tui.actions.plan import READ_ONLY, Argument
from tui.actions.sending import Mistake, send_arguments, send_blanks
from tui.confirming import Ask
from tui.format import count, visible
from tui.pane import Entry
from tui.slip import Blank, Slip, Wrong

SOME: Final = ("move", "copy", "retry", "remove")  # verbs that are done to some messages, or all
ONE_PLACE: Final = {"pause", "resume", "purge", "delete"}  # verbs that need nothing but their queue
MAX_FIRST: Final = 10_000_000

TITLES: Final = {
    "create": "New queue",
    "send": "Send to {what}",
    "move": "Move messages of {what}",
    "copy": "Copy messages of {what}",
    "retry": "Send dead letters of {what} back to where they came from",
    "remove": "Remove messages of {what}",
    "pause": "Pause {what}",
    "resume": "Let {what} go on",
    "purge": "Purge {what}: all of its messages are lost",
    "delete": "Delete {what}",
}
YES: Final = {
    "create": "Create",
    "send": "Send",
    "move": "Move",
    "copy": "Copy",
    "retry": "Send back",
    "remove": "Remove",
    "pause": "Pause",
    "resume": "Go on",
    "purge": "Purge",
    "delete": "Delete",
}
DOING: Final = {
    "create": "creating",
    "send": "sending to",
    "move": "moving",
    "copy": "copying",
    "retry": "sending back from",
    "remove": "removing from",
    "pause": "pausing",
    "resume": "letting go on",
    "purge": "purging",
    "delete": "deleting",
}


class Chosen(NamedTuple):
    """What a key is about."""

    entries: tuple[Entry, ...]  # rows of the pane
    messages: tuple[Message, ...] = ()  # of the only queue among them
    selector: str | None = None  # of the page that shows them

    @property
    def queues(self) -> list[tuple[Snapshot, Queue]]:
        return [(entry.snapshot, entry.item) for entry in self.entries if isinstance(entry.item, Queue)]


def meant(verb: str, chosen: Chosen) -> str:
    """The key that pauses lets go on what is paused already."""
    queues = chosen.queues
    return "resume" if verb == "pause" and queues and all(queue.paused for _, queue in queues) else verb


def why_not(verb: str, chosen: Chosen, snapshots: Sequence[Snapshot], *, writable: bool) -> str | None:
    """Why the key would do nothing now; the broker's own reason where it has one."""
    if not writable:
        return READ_ONLY
    verb = meant(verb, chosen)
    if verb == "create":
        return None if creators(snapshots) else _nowhere(snapshots)
    if not chosen.queues:
        return "stand on a queue, or mark several"
    if verb == "remove" and not chosen.messages:
        return "there are no messages here"
    for snapshot, queue in chosen.queues:
        if (reason := _against(verb, snapshot, queue, chosen)) is not None:
            return reason
    return None


def _against(verb: str, snapshot: Snapshot, queue: Queue, chosen: Chosen) -> str | None:
    if snapshot.state != "ok":
        return f"{visible(snapshot.source)} is {snapshot.state}: nothing can be asked of it now"
    if (reason := denied(snapshot, verb)) is not None:
        return reason
    is_dead = queue.dlq or any(message.original_destination for message in chosen.messages)
    return f"{visible(queue.name)} holds no dead letters" if verb == "retry" and not is_dead else None


def denied(snapshot: Snapshot, verb: str) -> str | None:
    """What the broker has against it."""
    if not isinstance(snapshot.data, Queues):
        return f"{visible(snapshot.source)} was never read"
    allowed = snapshot.data.broker.capabilities.get(verb, True)
    return None if allowed is True else visible(allowed or "the broker does not allow it")


def creators(snapshots: Sequence[Snapshot]) -> list[str]:
    """Brokers that would make a queue."""
    return [each.source for each in snapshots if each.state == "ok" and denied(each, "create") is None]


def _nowhere(snapshots: Sequence[Snapshot]) -> str:
    return next((reason for each in snapshots if each.state == "ok" and (reason := denied(each, "create"))), "no broker answers")


# -- what is to be filled in ------------------------------------------------------------------------------------------------------------


def slip_for(verb: str, chosen: Chosen, snapshots: Sequence[Snapshot]) -> Slip | None:
    """None: nothing needs to be."""
    if verb in ONE_PLACE:
        return None
    title = title_of(verb, chosen)
    if verb == "create":
        return _create_slip(title, chosen, creators(snapshots))
    known = _names({snapshot.source for snapshot, _ in chosen.queues}, snapshots)
    if verb == "send":
        return Slip(title, send_blanks(known), lambda values: check_send(values, chosen), "Preview")
    target = (Blank("to", "To queue", hint="the name of a queue of the same broker", known=known),) if verb in ("move", "copy") else ()
    return Slip(title, (*target, *_which(verb, chosen)), lambda values: _check_some(values, chosen), "Preview")


def title_of(verb: str, chosen: Chosen) -> str:
    """With the broker: several have queues of one name."""
    queues = chosen.queues
    what = count(len(queues), "queue")
    if len(queues) == 1:
        what = f"{visible(queues[0][1].name)} on {visible(queues[0][0].source)}"
    return TITLES[verb].format(what=what)


def _names(sources: set[str], snapshots: Sequence[Snapshot]) -> tuple[str, ...]:
    data = [each.data for each in snapshots if each.source in sources and isinstance(each.data, Queues)]
    return tuple(sorted({queue.name for each in data for queue in each.queues}))


def _create_slip(title: str, chosen: Chosen, brokers: list[str]) -> Slip:
    here = next((entry.snapshot.source for entry in chosen.entries if entry.snapshot.source in brokers), brokers[0])
    where = Blank("broker", "Broker", here, tuple((name, visible(name)) for name in brokers))
    blanks = (Blank("queue", "Queue", hint="its name, as clients know it"), where)
    return Slip(title, blanks, lambda values: None if values["queue"].strip() else Wrong("queue", "give it a name"), "Preview")


def _which(verb: str, chosen: Chosen) -> tuple[Blank, ...]:
    many = len(chosen.messages)
    these = [("these", "this one" if many == 1 else f"these {many:,}")] if many else []
    every = [] if verb == "remove" else [("all", "all")]
    hint = "SQL 92 on headers and properties: priority > 4 AND region = 'seoul'"
    return (
        Blank("which", "Which", choices=(*these, *every, ("first", "the first"), ("selector", "by selector"))),
        Blank("selector", "Selector", chosen.selector or "", hint=hint, shown_with=("which", ("selector",))),
        Blank("first", "At most", hint="how many of them; empty: all that match", shown_with=("which", ("selector",))),
        Blank("many", "How many", hint="from the head of the queue, the oldest first", shown_with=("which", ("first",))),
    )


def _check_some(values: Mapping[str, str], chosen: Chosen) -> Wrong | None:
    if "to" in values:
        name = values["to"].strip()
        if not name:
            return Wrong("to", "name the queue that they go to")
        if any(name == queue.name for _, queue in chosen.queues):
            return Wrong("to", f"{visible(name)} is where they are")
    if values["which"] == "selector" and not values["selector"].strip():
        return Wrong("selector", "give a selector, or choose another way")
    for key in ("first", "many"):
        typed = values.get(key, "").strip().replace(",", "")
        if (typed or key == "many") and key in values and not (typed.isascii() and typed.isdigit() and 0 < int(typed) <= MAX_FIRST):
            return Wrong(key, "a number of messages, such as 100")
    return None


def check_send(values: Mapping[str, str], chosen: Chosen) -> Wrong | None:
    """What the broker's side would say of it, before it is asked. A body in a file is looked at later."""
    from backends.activemq.acting.arguments import Send, outgoing, told

    try:
        arguments = send_arguments(values, b"{}" if values["body"].startswith("@") else None)
        outgoing(told("send", Send, {"queue": "any", **arguments}))
    except Mistake as mistake:
        return Wrong(mistake.key, str(mistake))
    except ValueError as error:
        return Wrong("body", str(error).removeprefix("send: "))
    return None


# -- what is asked for ------------------------------------------------------------------------------------------------------------------


def asks_for(verb: str, chosen: Chosen, values: Mapping[str, str], arguments: Mapping[str, Argument]) -> list[Ask]:
    """One a queue. `arguments`: what is the same for all of them and is not on the slip as it is sent."""
    if verb == "create":
        name = values["queue"].strip()
        return [Ask(values["broker"], verb, name, {"queue": name})]
    some = {**_some(values, chosen), **({"to": values["to"].strip()} if "to" in values else {})} if verb in SOME else {}
    return [Ask(snapshot.source, verb, queue.name, {"queue": queue.name, **some, **arguments}) for snapshot, queue in chosen.queues]


def _some(values: Mapping[str, str], chosen: Chosen) -> dict[str, Argument]:
    match values["which"]:
        case "these":
            return {"ids": "\n".join(message.id for message in chosen.messages)}
        case "first":
            return {"first": int(values["many"].strip().replace(",", ""))}
        case "selector":
            first = values["first"].strip().replace(",", "")
            return {"selector": values["selector"].strip(), **({"first": int(first)} if first else {})}
    return {}
