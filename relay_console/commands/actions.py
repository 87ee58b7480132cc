"""``pause``, ``resume``, ``resend``, ``drain``, ``stop``: actions of the console, for scripts. Each is one command, sent at most once."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from link.protocol import Reply
from relay_console import paths, quick
from relay_console.asking import Value, command
from relay_console.errors import ActionFailed, ServiceUnavailable, TryAgain
from relay_console.options import Shared, config_option

STOP_DEADLINE: Final = 20.0  # seconds from "it stops" to its socket being gone; partners may finish what they have begun
POLL: Final = 0.05


@click.command()
@click.argument("name")
@config_option
@click.pass_obj
def pause(shared: Shared, /, name: str, **given: Any) -> None:
    """Pause the receiver or sender NAME until it is resumed or the relay starts anew."""
    _act(shared.over(given).path, "pause", {"name": name})


@click.command()
@click.argument("name")
@config_option
@click.pass_obj
def resume(shared: Shared, /, name: str, **given: Any) -> None:
    """Resume the receiver or sender NAME."""
    _act(shared.over(given).path, "resume", {"name": name})


@click.command()
@click.argument("sender")
@click.argument("file", required=False)
@config_option
@click.pass_obj
def resend(shared: Shared, /, sender: str, file: str | None, **given: Any) -> None:
    """Put FILE of failed/SENDER back into the outbox; without FILE all of them."""
    _act(shared.over(given).path, "resend", {"sender": sender} | ({"file": file} if file else {}))


@click.command()
@config_option
@click.pass_obj
def drain(shared: Shared, /, **given: Any) -> None:
    """Let the relay answer what it received, publish its files, and end."""
    _act(shared.over(given).path, "drain", {})


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


def _act(path: Path, verb: str, arguments: Mapping[str, Value]) -> None:
    """Through the monitor alone: it knows whether actions are allowed, and writes the audit line."""
    reply = command(paths.monitor_socket(quick.directory(path)), "relay", verb, arguments)
    if reply is None:
        raise ServiceUnavailable("no daemon runs for this configuration, and actions go through it; start relay-console --headless")
    _require(reply)
    click.echo(reply.text)


def _require(reply: Reply) -> None:
    if not reply.ok:
        raise ActionFailed(reply.text)


def _wait_until_gone(socket: Path) -> None:
    ends_at = time.monotonic() + STOP_DEADLINE
    while socket.exists():
        if time.monotonic() > ends_at:
            raise TryAgain(f"it was told to stop and still runs after {STOP_DEADLINE:g} s; its socket is {socket}")
        time.sleep(POLL)
