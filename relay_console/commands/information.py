"""``info``: what somebody needs to know who helps from afar. Never a secret: references are not followed."""

import os
import platform
import sys
from importlib import metadata
from typing import Any, Final

import click

from relay_console import VERSION, config, paths
from relay_console.errors import BadConfiguration
from relay_console.options import Shared, config_option

LIBRARIES: Final = ("textual", "msgspec", "PyYAML", "click", "confluent-kafka", "kazoo", "stomp.py", "aiohttp", "uvloop")


@click.command()
@config_option
@click.pass_obj
def info(shared: Shared, /, **given: Any) -> None:
    """Versions, paths, terminal, and which sections of the configuration are in use."""
    from tui.format import pad, visible

    facts = [*_program(), *_terminal(), *_configuration(shared.over(given))]
    widest = max(len(name) for name, _ in facts)
    for name, text in facts:
        click.echo(f"{pad(name, widest)}  {visible(text)}")


def _program() -> list[tuple[str, str]]:
    return [
        ("relay-console", VERSION),
        ("python", f"{platform.python_version()} {sys.executable}"),
        ("system", platform.platform()),
        *((library, _version(library)) for library in LIBRARIES),
    ]


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "not installed"


def _terminal() -> list[tuple[str, str]]:
    names = ("TERM", "COLORTERM", "LANG", "LC_ALL", "NO_COLOR", "TMUX", "SSH_CONNECTION")
    return [(name, os.environ[name]) for name in names if name in os.environ]


def _configuration(shared: Shared) -> list[tuple[str, str]]:
    facts = [("configuration", str(shared.path.absolute())), ("state", str(paths.state_directory(os.environ)))]
    try:
        found = config.load(shared.path)
    except BadConfiguration as error:
        return [*facts, ("mistakes", f"{len(error.lines)}; see: relay-console config check")]
    later = found.not_used_yet
    in_use = [key for key in found.given if key not in later and found.sections[key]]
    return [
        *facts,
        ("relay directory", str(found.directory)),
        ("relay socket", _socket(paths.relay_socket(found.directory))),
        ("monitor socket", _socket(paths.monitor_socket(found.directory))),
        ("sections in use", ", ".join(in_use) or "none"),
        *((f"section {key}", "accepted, not used yet") for key in later),
    ]


def _socket(path: Any) -> str:
    return f"{path}{'' if path.exists() else ' (nobody there)'}"
