"""``purge``, ``delete``, ``create``, ``move``, ``copy``, ``remove``, and the half of ``pause``, ``resume``, ``retry`` that is for queues.

Each is previewed, confirmed and done once; the answer is that of whoever did it, by counts that were read again afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

from backends.questions import CHANGED
from relay_console import confirm, output, progress
from relay_console.asking import Value
from relay_console.brokers import Brokers, reach
from relay_console.cli import say
from relay_console.confirm import doing_options
from relay_console.errors import ActionFailed, TryAgain
from relay_console.options import Shared, broker_option, config_option
from tui.format import visible

WHICH: Final = ("is_all", "selector", "first", "ids")


def which_options(*, all_of: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Which messages are meant."""
    options = [
        click.option("--id", "ids", multiple=True, metavar="ID", help="This message; may be said several times."),
        click.option("--first", type=click.IntRange(min=1), metavar="N", help="The first N of the queue, or of those that are selected."),
        click.option("--selector", metavar="SQL", help="Those that the broker selects: \"JMSPriority > 4 AND region = 'eu'\"."),
    ]
    if all_of:
        options.append(click.option("--all", "is_all", is_flag=True, help="All of them."))

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in options:
            function = option(function)
        return function

    return decorate


def which(given: Mapping[str, Any]) -> dict[str, Value]:
    """As arguments of the command. Raises UsageError."""
    is_all, selector, first, ids = (given.get(name) for name in WHICH)
    if sum((bool(is_all), bool(ids), selector is not None or first is not None)) > 1:
        raise click.UsageError("--all, --id and --selector or --first exclude each other")
    if (selector is not None and not selector.strip()) or any(not each.strip() for each in ids or ()):
        raise click.UsageError("an empty --selector or --id selects nothing; all of them is --all")
    if ids:
        return {"ids": "\n".join(ids)}
    if not is_all and selector is None and first is None:
        ways = "--all, --selector, --first or --id" if "is_all" in given else "--selector, --first or --id; all of them is purge"
        raise click.UsageError(f"say which messages: {ways}")
    return {name: value for name, value in (("selector", selector), ("first", first)) if value is not None}


def act(shared: Shared, given: Mapping[str, Any], verb: str, arguments: Mapping[str, Value]) -> int:
    """Raises Trouble."""
    confirm.require_answerable(given["is_yes"], given["is_dry"])
    with reach(shared, given["broker"]) as brokers:
        broker = brokers.choose(given["broker"], str(arguments["queue"]))
        if given["is_dry"]:
            return show(brokers, broker, verb, arguments)
        brokers.require_write()
        output.write_lines([visible(_done(brokers, broker, verb, arguments, is_yes=given["is_yes"]))])
    return 0


def show(brokers: Brokers, broker: str, verb: str, arguments: Mapping[str, Value]) -> int:
    """What would happen, on standard output. Returns the exit code."""
    preview = brokers.preview(broker, verb, arguments)
    output.write_lines(confirm.told(preview))
    refused = brokers.read_only or preview.refused
    if refused is not None:
        raise ActionFailed(refused)
    return 0


def agree(brokers: Brokers, broker: str, verb: str, arguments: Mapping[str, Value], *, is_yes: bool) -> Mapping[str, Value]:
    """What goes with the command as `expect`. Raises ActionFailed."""
    preview = brokers.preview(broker, verb, arguments)
    if preview.refused is not None:
        raise ActionFailed(preview.refused)
    if is_yes:
        say(*confirm.warned(preview))
    else:
        confirm.ask(preview)
    return preview.expect


def _done(brokers: Brokers, broker: str, verb: str, arguments: Mapping[str, Value], *, is_yes: bool) -> str:
    """The answer. Who sits at a terminal is asked again when the counts changed; a script is told to try again. Raises Trouble."""
    while True:
        expect = agree(brokers, broker, verb, arguments, is_yes=is_yes)
        reply = progress.do(brokers, broker, verb, arguments, expect).reply
        if reply.ok:
            return reply.text
        if not reply.text.startswith(CHANGED):
            raise ActionFailed(reply.text)
        if is_yes:
            raise TryAgain(f"{reply.text}; try again")
        say(reply.text)


def _on_a_queue(verb: str, text: str) -> click.Command:
    """What needs nothing but the queue."""

    @click.command(verb, help=text)
    @click.argument("queue")
    @doing_options
    @broker_option
    @config_option
    @click.pass_obj
    def word(shared: Shared, /, queue: str, **given: Any) -> int:
        return act(shared.over(given), given, verb, {"queue": queue})

    return word


purge = _on_a_queue("purge", "Remove all messages of QUEUE; on a terminal its name must be typed.")
delete = _on_a_queue("delete", "Remove QUEUE and all its messages; on a terminal its name must be typed.")
create = _on_a_queue("create", "Make the queue QUEUE.")


def _to_another(verb: str, text: str) -> click.Command:
    @click.command(verb, help=text)
    @click.argument("queue")
    @click.option("--to", required=True, metavar="QUEUE", help="The queue they go to, on the same broker.")
    @which_options(all_of=True)
    @doing_options
    @broker_option
    @config_option
    @click.pass_obj
    def word(shared: Shared, /, queue: str, to: str, **given: Any) -> int:
        return act(shared.over(given), given, verb, {"queue": queue, "to": to, **which(given)})

    return word


move = _to_another("move", "Move messages of QUEUE to another queue.")
copy = _to_another("copy", "Copy messages of QUEUE to another queue.")


@click.command()
@click.argument("queue")
@which_options(all_of=False)
@doing_options
@broker_option
@config_option
@click.pass_obj
def remove(shared: Shared, /, queue: str, **given: Any) -> int:
    """Remove messages of QUEUE: those that are selected, the first ones, or single ones."""
    return act(shared.over(given), given, "remove", {"queue": queue, **which(given)})


def retry_dead_letters(shared: Shared, queue: str, files: Sequence[str], given: Mapping[str, Any]) -> int:
    if files:
        raise click.UsageError("files are of a sender; of the dead letters of a queue say --all, --selector, --first or --id")
    return act(shared, given, "retry", {"queue": queue, **which(given)})
