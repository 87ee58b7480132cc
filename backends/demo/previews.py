"""What an action on a queue of the demonstration would do, counted without doing it. Pure.

What is refused here is refused by the action, too: both ask `plan`.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from backends.activemq import counts
from backends.activemq.targets import why_unusable
from backends.demo.brokers import why_not
from backends.demo.browse import seen, selector
from backends.demo.messages import identity, message
from backends.demo.stock import Letter, Stock
from backends.demo.traffic import Flow
from backends.questions import CHANGED, Preview, PreviewOf
from backends.source import Unavailable
from backends.wording import count

COUNTED: Final = frozenset({"purge", "delete", "move", "copy", "retry", "remove"})
CHOOSING: Final = frozenset({"move", "copy", "retry", "remove"})
TYPED: Final = frozenset({"purge", "delete"})
VERBS: Final = frozenset({*COUNTED, "create", "pause", "resume", "send", "import"})


class Refused(Exception):
    """Why an action cannot be done, in a sentence."""


class Plan(Struct, frozen=True):
    """What an action is about. `letters` are those that were chosen, as of now."""

    verb: str
    queue: str
    to: str | None
    letters: tuple[Letter, ...] = ()
    is_all: bool = False
    note: str = ""  # why what was chosen may not be all that was meant


def preview(question: PreviewOf, stock: Stock, at: float, began: float) -> Preview:
    try:
        arguments = json.loads(question.arguments)
        if not isinstance(arguments, dict):
            raise Refused("the arguments are no JSON object")
        found = plan(question.verb, arguments, stock, at, began)
    except (Refused, ValueError) as trouble:
        return Preview(question.verb, (), refused=str(trouble))
    except Unavailable as trouble:
        return Preview(question.verb, (), refused=trouble.error)
    expect = expected(found.queue, stock, at) if question.verb in COUNTED else {}
    typed = found.queue if question.verb in TYPED else None
    return Preview(question.verb, _lines(found, arguments, stock, at), _warnings(found, stock, at), None, expect, typed)


def plan(verb: str, arguments: Mapping[str, Any], stock: Stock, at: float, began: float) -> Plan:
    """Raises Refused."""
    queue = str(arguments.get("queue") or "")
    _check(verb, queue, stock)
    to = str(arguments["to"]) if arguments.get("to") else None
    if verb in ("move", "copy"):
        _check_target(verb, queue, to)
    if verb == "retry":
        if not Flow(queue).is_dead:
            raise Refused(f"{queue} is no queue of dead letters: nothing in it says where it came from")
        to = queue.removesuffix(".dlq") + ".in"
    if verb not in CHOOSING:
        return Plan(verb, queue, to)
    letters, note = _chosen(arguments, stock.letters(queue, at), stock.broker, began)
    is_all = not (arguments.get("ids") or arguments.get("selector") or arguments.get("first"))
    if verb == "remove" and is_all:
        raise Refused("all messages of a queue are removed by a purge; remove takes ids, a selector or the first so many")
    return Plan(verb, queue, to, tuple(letters), is_all, note)


def _check(verb: str, queue: str, stock: Stock) -> None:
    if verb not in VERBS:
        raise Refused(f"the demonstration knows no {verb!r}")
    if (denied := why_not(stock.broker, verb)) is not None:
        raise Refused(denied)
    if not queue:
        raise Refused(f"{verb}: no queue is named")
    if verb in ("create", "send", "import"):
        _check_name(queue)
    if verb == "create" and stock.has(queue):
        raise Refused(f"'{queue}' is there already")
    if verb != "create" and not stock.has(queue):
        raise Refused(f"there is no queue '{queue}'")


def _check_target(verb: str, queue: str, to: str | None) -> None:
    if to is None:
        raise Refused(f"{verb}: no target is named")
    if to == queue:
        raise Refused(f"{queue} is where they are already")
    _check_name(to)


def _check_name(queue: str) -> None:
    if (said := why_unusable(queue)) is not None:
        raise Refused(said)


def _chosen(arguments: Mapping[str, Any], letters: list[Letter], broker: str, began: float) -> tuple[list[Letter], str]:
    note = ""
    if arguments.get("ids"):
        wanted = set(str(arguments["ids"]).split("\n"))
        letters = [letter for letter in letters if identity(letter, began) in wanted]
    elif arguments.get("selector"):
        fits = selector(str(arguments["selector"]))
        letters, note = seen(letters, broker)
        letters = [letter for letter in letters if fits(message(letter, began))]
    first = arguments.get("first")
    return (letters if first is None else letters[: max(0, int(first))]), note


def expected(queue: str, stock: Stock, at: float) -> dict[str, counts.Value]:
    """What the operator agrees to."""
    flow = stock.flow(queue)
    return counts.expect(_counted(queue, stock, at), 0.0 if flow is None else flow.enqueue_per_s(at))


def changed(verb: str, expect: Mapping[str, Any], stock: Stock, at: float) -> str | None:
    """Why what was agreed to no longer holds. Raises ValueError where nothing was."""
    if verb not in COUNTED:
        return None
    agreed = counts.seen(verb, expect)
    why = counts.why_changed(agreed, _counted(agreed.name, stock, at))
    return None if why is None else f"{CHANGED}: {why}; nothing was done"


def _counted(queue: str, stock: Stock, at: float) -> counts.Counts:
    enqueued, pending, flow = stock.enqueued(queue, at), stock.pending(queue, at), stock.flow(queue)
    return counts.Counts(
        mbean="",
        name=queue,
        pending=pending,
        in_flight=stock.in_flight(queue, at),
        consumers=stock.consumers(queue),
        producers=0 if flow is None else flow.producers,
        enqueued=enqueued,
        dequeued=enqueued - pending,
    )


def _lines(found: Plan, arguments: Mapping[str, Any], stock: Stock, at: float) -> tuple[str, ...]:
    queue, of = found.queue, count(len(found.letters), "message")
    state = "" if found.verb == "create" else _state(queue, stock, at)
    new = "" if found.to is None or stock.has(found.to) else " (a new queue)"
    many = count(int(arguments.get("count") or 1), "message")
    match found.verb:
        case "purge":
            return (f"All {count(stock.pending(queue, at), 'message')} of {queue} are removed, for good.", state)
        case "delete":
            return (f"{queue} is deleted with {count(stock.pending(queue, at), 'message')} in it, for good.", state)
        case "move" | "copy":
            return (f"{of} of {queue}: {found.verb} to {found.to}{new}.", state)
        case "retry":
            return (f"{of} of {queue} go back to {found.to}{new}.", state)
        case "remove":
            return (f"{of} of {queue} are removed, for good.", state)
        case "send" | "import":
            return (f"{many} to {queue}.", state)
        case "pause":
            return (f"{queue} hands nothing to its consumers until it is resumed; messages go on coming in.", state)
        case "resume":
            return (f"{queue} hands messages to its consumers again.", state)
        case _:
            return (f"{queue} is created, without messages.",)


def _state(queue: str, stock: Stock, at: float) -> str:
    pending, consumers = f"{stock.pending(queue, at):,} pending", count(stock.consumers(queue), "consumer")
    return f"Now: {pending}, {stock.in_flight(queue, at)} in flight, {consumers}."


def _warnings(found: Plan, stock: Stock, at: float) -> tuple[str, ...]:
    consumers, told = stock.consumers(found.queue), []
    if found.note:
        told.append(f"{found.note}; what lies behind them is not found")
    if found.verb in COUNTED - {"copy"} and consumers:
        told.append(f"{count(consumers, 'consumer')} of {found.queue} take messages meanwhile: it may be fewer")
    if found.verb == "purge" and stock.in_flight(found.queue, at):
        told.append("what is in flight may be processed all the same")
    if found.verb == "delete" and consumers:
        told.append("a client that still uses the queue makes it anew")
    if found.to is not None and found.verb != "copy" and stock.consumers(found.to):
        told.append(f"the {count(stock.consumers(found.to), 'consumer')} of {found.to} process them at once")
    return tuple(told)
