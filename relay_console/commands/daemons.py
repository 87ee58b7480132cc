"""``--headless``, ``relay``, ``monitor``: the processes themselves, in the foreground. None of them imports Textual."""

import asyncio
import logging
import os
import sys
from typing import Any

import click

from relay_console import VERSION, config, log, paths
from relay_console.config import Configuration
from relay_console.errors import BadConfiguration
from relay_console.options import Shared, config_option, log_options, write_option

logger = logging.getLogger(__name__)


def headless(shared: Shared, is_embedded: bool) -> int:
    """The monitor, and a relay when none runs; the relay it started is drained at the end."""
    return _monitor(_begin(shared), shared.write, is_embedded=is_embedded, starts_relay=True)


@click.command()
@click.option("--embedded", is_flag=True, hidden=True, help="Started by a monitor, which may drain it.")
@config_option
@log_options
@click.pass_obj
def relay(shared: Shared, /, embedded: bool, **given: Any) -> int:
    """Take records from partners and give records to partners, until SIGTERM."""
    found = _begin(shared.over(given), asks_librdkafka=False)
    from relay.config import Relay
    from relay.options import CannotReread, Options
    from relay.service import run

    socket = paths.relay_socket(found.directory)

    def reread() -> Relay:
        try:
            return config.load(found.path, asks_librdkafka=False).relay
        except BadConfiguration as error:
            raise CannotReread(error.lines) from None

    return run(found.relay, Options(socket, socket.with_suffix(".lock"), embedded, VERSION, str(found.path), reread))


@click.command()
@write_option
@config_option
@log_options
@click.pass_obj
def monitor(shared: Shared, /, **given: Any) -> int:
    """Watch all sources, the relay among them, and serve consoles, until SIGTERM."""
    shared = shared.over(given)
    return _monitor(_begin(shared), shared.write, is_embedded=False, starts_relay=False)


def _begin(shared: Shared, *, asks_librdkafka: bool = True) -> Configuration:
    """The configuration first: its mistakes are for whoever typed the command, not for the log."""
    found = config.load(shared.path.absolute(), asks_librdkafka=asks_librdkafka)
    log.start(shared.log_format or "text", shared.log_file, shared.verbose, os.environ)
    for key in found.not_used_yet:
        logger.info("section %s is accepted and not used yet", key)
    return found


def _monitor(found: Configuration, write: bool | None, *, is_embedded: bool, starts_relay: bool) -> int:
    from monitor.service import ServiceOptions, serve

    directory = found.directory
    options = ServiceOptions(
        sections=found.sections,
        socket=paths.monitor_socket(directory),
        relay_socket=paths.relay_socket(directory),
        audit=directory / "audit.log",
        version=VERSION,
        config=str(found.path),
        relay_argv=program("relay", "--embedded", "-c", str(found.path)) if starts_relay else None,
        relay_log=paths.relay_log(directory),
        drains_relay=starts_relay,
        embedded=is_embedded,
        write=found.console.write if write is None else write,
    )
    return asyncio.run(serve(options))


def program(*words: str) -> list[str]:
    """How to run ourselves again, with the interpreter and the code that run now."""
    return [sys.executable, "-m", "relay_console", *words]
