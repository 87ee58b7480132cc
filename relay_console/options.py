"""Options that more than one word takes. Order: option, environment RELAY_CONSOLE_*, configuration file, default."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from msgspec import Struct

from relay_console import paths

Function = TypeVar("Function", bound=Callable[..., Any])


REFRESH: Final = click.FloatRange(min=1.0, max=3600.0)


class DurationType(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from settings.units import parse_duration

        try:
            return value if isinstance(value, float) else parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Shared(Struct, frozen=True):
    """What was said before the word; the word may say it again."""

    config: str | None = None
    log_file: str | None = None
    log_format: str | None = None
    verbose: int = 0
    write: bool | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> "Shared":
        return cls(**{name: given[name] for name in cls.__struct_fields__ if given.get(name) is not None})

    def over(self, given: dict[str, Any]) -> "Shared":
        """What the word says counts more."""
        mine = {name: getattr(self, name) for name in self.__struct_fields__}
        said = {name: value for name, value in given.items() if name in mine and value is not None}
        if not said.get("verbose"):
            said.pop("verbose", None)  # a flag that counts is never None
        return Shared(**(mine | said))

    @property
    def path(self) -> Path:
        """Of the configuration file."""
        return paths.find_configuration(self.config, os.environ)


def config_option(function: Function) -> Function:
    """Of a word; the same option before the word also reads the environment."""
    return click.option("-c", "--config", metavar="FILE", help="The configuration file.")(function)


def broker_option(function: Function) -> Function:
    return click.option("--broker", metavar="NAME", help="Of activemq[].name; needed where several brokers have that queue.")(function)


def log_options(function: Function) -> Function:
    for option in (
        click.option("-v", "--verbose", count=True, help="Log more."),
        click.option("--log-format", type=click.Choice(["text", "json"]), help="Default: text."),
        click.option("--log-file", metavar="FILE", help="Log there instead of on stderr."),
    ):
        function = option(function)
    return function


def shared_options(function: Function) -> Function:
    """Before the word."""
    for option in (
        click.option("-v", "--verbose", count=True, help="Log more."),
        click.option("--log-format", type=click.Choice(["text", "json"]), envvar="RELAY_CONSOLE_LOG_FORMAT", help="Default: text."),
        click.option("--log-file", metavar="FILE", envvar="RELAY_CONSOLE_LOG_FILE", help="Log there instead of on stderr."),
        click.option("-c", "--config", metavar="FILE", envvar="RELAY_CONSOLE_CONFIG", help="The configuration file."),
    ):
        function = option(function)
    return function


def write_option(function: Function) -> Function:
    return click.option("--write/--read-only", default=None, help="Allow actions, or never; default: console.write.")(function)


def screen_options(function: Function) -> Function:
    """Of the console; each says otherwise than console: in the configuration."""
    for option in (
        click.option("--low-bandwidth", is_flag=True, envvar="RELAY_CONSOLE_LOW_BANDWIDTH", help="Paint every 5 s at most."),
        click.option("--no-mouse", is_flag=True, envvar="RELAY_CONSOLE_NO_MOUSE", help="Leave the mouse to the terminal."),
        click.option("--no-color", is_flag=True, envvar="RELAY_CONSOLE_NO_COLOR", help="No colours."),
        click.option("--ascii", is_flag=True, envvar="RELAY_CONSOLE_ASCII", help="Draw with ASCII characters alone."),
        click.option("--theme", metavar="NAME", envvar="RELAY_CONSOLE_THEME", help="Colours; :theme in the console lists them."),
        click.option("--refresh", metavar="S", type=REFRESH, envvar="RELAY_CONSOLE_REFRESH", help="Seconds between two paints, 1 or more."),
        click.option("--filter", metavar="RE", envvar="RELAY_CONSOLE_FILTER", help="Begin with this filter."),
        click.option("--view", metavar="NAME", envvar="RELAY_CONSOLE_VIEW", help="Begin with this pane."),
        write_option,
    ):
        function = option(function)
    return function
