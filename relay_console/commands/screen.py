"""The console: of the daemon of the configuration (started when none runs), of another daemon, or of a demonstration."""

import os
import time
from pathlib import Path
from typing import Any, Final

import click

from link.ask import greet
from link.errors import Unreachable
from link.place import private_directory
from link.protocol import PROTOCOL, Hello
from link.start import Started, connect_or_start
from monitor.replica import Link, LocalLink, SocketLink
from relay_console import VERSION, config, log, paths
from relay_console.asking import HELLO, trouble
from relay_console.commands.daemons import program
from relay_console.config import Configuration
from relay_console.options import Shared
from relay_console.sections import Console
from tui.options import ConsoleOptions

START_DEADLINE: Final = 15.0  # seconds that a daemon may take to come up
LOG: Final = "console.log"


def open_screen(shared: Shared, given: dict[str, Any], *, attach: str | None, is_demo: bool) -> int:
    """Nothing is written to a terminal that the screen owns: our log is a file."""
    if attach is not None and attach.startswith("ssh:"):
        raise click.UsageError("--attach ssh://… is not built yet; give the path of a socket, or run relay-console on that host")
    _look_at(given)
    # A demonstration and the console of another daemon need no configuration, not even one that is right.
    found = config.load(shared.path.absolute(), asks_librdkafka=False) if attach is None and not is_demo else None
    settings = found.console if found else Console()
    _use_zone(settings.timezone)
    log.start(shared.log_format or "text", shared.log_file or str(paths.state_directory(os.environ) / LOG), shared.verbose, os.environ)
    from tui.app import run

    return run(_link(found, attach, shared.write), _options(settings, given))


def _look_at(given: dict[str, Any]) -> None:
    """Raises UsageError for what the console would silently leave out."""
    from tui.filter import parse_filter
    from tui.pane import panes

    names = [pane.name for pane in panes()]
    if given["view"] and given["view"] not in names:
        raise click.UsageError(f"there is no pane {given['view']!r}; there are {', '.join(names)}")
    try:
        parse_filter(given["filter"] or "")
    except ValueError as error:
        raise click.UsageError(f"--filter: {error}") from None


def _link(found: Configuration | None, attach: str | None, write: bool | None) -> Link:
    if attach is None and found is None:
        from backends.demo import demo_sources

        return LocalLink(demo_sources(), VERSION)
    hello = Hello((PROTOCOL,), "console", VERSION)
    if found is None:
        socket = Path(attach or "").expanduser()
        _knock(socket, hello, may_be_absent=False)
        return SocketLink(socket, hello)
    socket = paths.monitor_socket(found.directory)
    private_directory(socket.parent)
    if not _knock(socket, hello, may_be_absent=True):
        config.load(found.path)  # whoever starts a daemon hears now what it would refuse
    return SocketLink(socket, hello, lambda: _start(found, socket, write))


def _knock(socket: Path, hello: Hello, *, may_be_absent: bool) -> bool:
    """Whether somebody is there. What no waiting mends is said before the screen is opened, with its exit code: ServiceUnavailable."""
    try:
        greet(socket, hello)
        return True
    except Unreachable as error:
        if error.trouble in ("absent", "died") and may_be_absent:
            return False
        raise trouble(error, "monitor") from None


def _start(found: Configuration, socket: Path, write: bool | None) -> Started:
    """Blocks. The daemon outlives us until somebody stops it."""
    words = ["--headless", "--embedded", "-c", str(found.path)]
    if write is not None:
        words.append("--write" if write else "--read-only")
    directory = found.directory
    return connect_or_start(socket, socket.with_suffix(".lock"), program(*words), paths.monitor_log(directory), START_DEADLINE, hello=HELLO)


def _options(settings: Console, given: dict[str, Any]) -> ConsoleOptions:
    """What was said on the command line or in the environment counts more than the configuration."""
    return ConsoleOptions(
        theme=given["theme"] or settings.theme,
        theme_directories=(paths.user_configuration(os.environ).with_name("themes"),),
        ascii=given["ascii"],
        no_color=given["no_color"],
        mouse=settings.mouse and not given["no_mouse"],
        low_bandwidth=given["low_bandwidth"],
        view=given["view"] or "overview",
        filter=given["filter"] or "",
        refresh=given["refresh"] or settings.refresh,
        read_only=given["write"] is False,
    )


def _use_zone(zone: str) -> None:
    """Times of day are shown in this zone; the daemon's are the host's."""
    if zone != "local":
        os.environ["TZ"] = zone
        time.tzset()
