"""``pause``, ``resume``, ``drain``, ``disconnect``, ``resend``, ``retry``, ``send``, ``stop``: actions of the console, for scripts.

They are the relay's; of ``pause``, ``resume`` and ``retry`` an option tells that a queue is meant. Each is one command, or one for each
file, sent at most once. The first words of an answer are those of whoever did it.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from link.protocol import Reply
from relay_console import paths, quick
from relay_console.asking import Value, command
from relay_console.cli import PROGRAM, say
from relay_console.commands import queue_actions
from relay_console.confirm import doing_options
from relay_console.errors import ActionFailed, ServiceUnavailable, TryAgain
from relay_console.options import Shared, broker_option, config_option

STOP_DEADLINE: Final = 20.0  # seconds from "it stops" to its socket being gone; partners may finish what they have begun
POLL: Final = 0.05
MAX_LINE: Final = 256 << 10  # bytes of a record; the relay has its own, smaller limit (records.request.max_bytes)
STDIN: Final = "-"


only_option = click.option(
    "--only", type=click.Choice(["receiver", "sender"]), help="When a receiver and a sender have the same name: this one alone."
)


def _pausing(name: str, text: str) -> click.Command:
    @click.command(name, help=text)
    @click.argument("name")
    @only_option
    @doing_options
    @broker_option
    @config_option
    @click.pass_obj
    def word(shared: Shared, /, **given: Any) -> int:
        if given["broker"] is not None:
            if given["only"] is not None:
                raise click.UsageError("--only is for the relay, --broker for a queue")
            return queue_actions.act(shared.over(given), given, name, {"queue": given["name"]})
        _refuse_of_relay(given, "--broker")
        _act(shared.over(given).path, name, {"name": given["name"], "only": given["only"]})
        return 0

    return word


pause = _pausing("pause", "Pause the receiver or sender NAME until it is resumed or the relay starts anew; with --broker the queue NAME.")
resume = _pausing("resume", "Resume the receiver or sender NAME; with --broker the queue NAME.")


def _refuse_of_relay(given: Mapping[str, Any], option: str) -> None:
    """Its actions are as small as they are: one asks nothing, and what it would do is what it says."""
    if given["is_yes"] or given["is_dry"]:
        raise click.UsageError(f"--yes and --dry-run are for queues: say {option}")


@click.command()
@click.argument("name", required=False)
@only_option
@config_option
@click.pass_obj
def drain(shared: Shared, /, name: str | None, only: str | None, **given: Any) -> None:
    """Let the relay answer what it received, publish its files, and end.

    With NAME only this receiver or sender: it answers what came, ends its connections, publishes its file, and stays paused.
    """
    if name is None and only is not None:
        raise click.UsageError("--only goes with a name")
    _act(shared.over(given).path, "drain", {} if name is None else {"name": name, "only": only})


@click.command()
@click.argument("number", metavar="ID", type=int)
@click.option("--peer", metavar="ADDRESS", help="Only if it is still the connection of this peer, as relays shows it.")
@config_option
@click.pass_obj
def disconnect(shared: Shared, /, number: int, peer: str | None, **given: Any) -> None:
    """End the connection ID; what its partner sent is answered first."""
    _act(shared.over(given).path, "disconnect", {"id": number}, {} if peer is None else {"peer": peer})


@click.command()
@click.argument("sender")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@config_option
@click.pass_obj
def resend(shared: Shared, /, sender: str, files: Sequence[str], **given: Any) -> int:
    """Put FILEs of failed/SENDER back into the outbox; without FILE all of them."""
    return _resend(shared.over(given), sender, files)


@click.command()
@click.argument("name")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@queue_actions.which_options(all_of=True)
@doing_options
@broker_option
@config_option
@click.pass_obj
def retry(shared: Shared, /, name: str, files: Sequence[str], **given: Any) -> int:
    """The same as resend; or put dead letters of the queue NAME back to where they came from.

    A queue is meant where one of --all, --selector, --first, --id and --broker is said.
    """
    if any(given[option] for option in (*queue_actions.WHICH, "broker")):
        return queue_actions.retry_dead_letters(shared.over(given), name, files, given)
    _refuse_of_relay(given, "which dead letters, such as --all")
    return _resend(shared.over(given), name, files)


def _resend(shared: Shared, sender: str, files: Sequence[str]) -> int:
    each = [{"sender": sender, "file": file} for file in files] or [{"sender": sender}]
    return _act_on_each(shared.path, "resend", each)


@click.command()
@click.argument("sender")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(dir_okay=False, allow_dash=True))
@config_option
@click.pass_obj
def send(shared: Shared, /, sender: str, files: Sequence[str], **given: Any) -> int:
    """Put the first line of each FILE into the outbox of SENDER; - is standard input."""
    each: list[Mapping[str, Value]] = [
        {"sender": sender, "file": "stdin" if file == STDIN else Path(file).name, "line": _first_line(file)} for file in files
    ]
    return _act_on_each(shared.over(given).path, "send", each)


def _first_line(file: str) -> str:
    """With its newline, if it has one. Raises ActionFailed: before anything is sent, all files are read."""
    try:
        if file == STDIN:
            data = sys.stdin.buffer.readline(MAX_LINE + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.readline(MAX_LINE + 1)
    except OSError as error:
        raise ActionFailed(f"{file}: {error.strerror or error}; nothing was sent") from None
    if len(data) > MAX_LINE:
        raise ActionFailed(f"{file}: its first line is longer than {MAX_LINE} bytes; nothing was sent")
    if not data.strip(b"\n"):
        raise ActionFailed(f"{file}: its first line is empty; nothing was sent")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ActionFailed(f"{file}: byte {error.start + 1} is no UTF-8; nothing was sent") from None


@click.command()
@config_option
@click.pass_obj
def stop(shared: Shared, /, **given: Any) -> None:
    """Stop the daemon of this configuration, and the relay it started. Also fine when none runs."""
    directory = quick.directory(shared.over(given).path)
    monitor, relay = paths.monitor_socket(directory), paths.relay_socket(directory)
    reply = command(monitor, "monitor", "stop", {})
    if reply is None:
        _stop_embedded_relay(relay)
    else:
        _require(reply)
        _wait_until_gone(monitor)


def _stop_embedded_relay(socket: Path) -> None:
    """A relay whose monitor was killed; one that was started by a person or systemd is left alone."""
    from link.ask import greet
    from link.errors import Unreachable
    from relay_console.asking import HELLO

    try:
        if not greet(socket, HELLO).embedded:
            return
    except Unreachable:
        return
    if (reply := command(socket, "relay", "drain", {})) is not None:
        _require(reply)
        _wait_until_gone(socket)


def _act(path: Path, verb: str, arguments: Mapping[str, Value], expect: Mapping[str, Value] | None = None) -> None:
    reply = _through_the_monitor(path)(verb, {name: value for name, value in arguments.items() if value is not None}, expect or {})
    _require(reply)
    click.echo(reply.text)


def _act_on_each(path: Path, verb: str, each: Sequence[Mapping[str, Value]]) -> int:
    """One that is refused keeps the others from nothing. Returns the exit code."""
    ask = _through_the_monitor(path)
    code = 0
    for arguments in each:
        reply = ask(verb, arguments, {})
        if reply.ok:
            click.echo(reply.text)
        elif len(each) == 1:
            _require(reply)
        else:
            say(reply.text, prefix=PROGRAM)
            code = ActionFailed.exit_code
    return code


def _through_the_monitor(path: Path) -> Callable[[str, Mapping[str, Value], Mapping[str, Value]], Reply]:
    """It alone knows whether actions are allowed, and writes the audit line."""
    socket = paths.monitor_socket(quick.directory(path))

    def ask(verb: str, arguments: Mapping[str, Value], expect: Mapping[str, Value]) -> Reply:
        if (reply := command(socket, "relay", verb, arguments, expect)) is None:
            raise ServiceUnavailable("no daemon runs for this configuration, and actions go through it; start relay-console --headless")
        return reply

    return ask


def _require(reply: Reply) -> None:
    if not reply.ok:
        raise ActionFailed(reply.text)


def _wait_until_gone(socket: Path) -> None:
    ends_at = time.monotonic() + STOP_DEADLINE
    while socket.exists():
        if time.monotonic() > ends_at:
            raise TryAgain(f"it was told to stop and still runs after {STOP_DEADLINE:g} s; its socket is {socket}")
        time.sleep(POLL)
