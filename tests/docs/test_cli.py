"""docs/cli.md says what the command line takes: every word, option, environment variable and exit code, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from relay_console import errors
from relay_console.cli import UNAVAILABLE, WORDS, cli

TEXT = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


def commands() -> Iterator[tuple[str, click.Command]]:
    yield "", cli
    for name in WORDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {inner}", command.commands[inner]) for inner in command.commands)


def options() -> set[str]:
    """Those that a person may use."""
    context = click.Context(cli, **cli.context_settings)
    found: set[str] = set()
    for _, command in commands():
        for parameter in command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                found.update([*parameter.opts, *parameter.secondary_opts])
    return found


def variables() -> set[str]:
    return {str(parameter.envvar) for _, command in commands() for parameter in command.params if parameter.envvar}


def test_every_word_stands_in_the_documentation() -> None:
    table = TEXT[TEXT.index("## Words") : TEXT.index("## Answers")]
    told = set(re.findall(r"^\| `([a-z][a-z-]*(?: [a-z]+)?)(?: [A-Z\[].*?)?` \|", table, re.MULTILINE))
    assert told == {name for name, command in commands() if name and not isinstance(command, click.Group)}


def test_every_option_stands_in_the_documentation_and_no_other_does() -> None:
    told = {word for row in re.findall(r"^\| (`-[^|]*)\|", TEXT, re.MULTILINE) for word in re.findall(r"`(-[a-z-]+)`", row)}
    assert told == options()


def test_every_environment_variable_stands_in_the_documentation() -> None:
    assert variables() == set(re.findall(r"RELAY_CONSOLE_[A-Z_]+", TEXT))


def test_every_exit_code_stands_in_the_documentation() -> None:
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Trouble)}
    told = set(re.findall(r"^\| `([0-9+n]+)` \|", TEXT, re.MULTILINE))
    assert {str(code) for code in codes | {0, click.UsageError.exit_code, UNAVAILABLE}} | {"128+n"} == told


def test_the_help_of_every_word_is_one_sentence_in_both_places() -> None:
    assert all(word.help.endswith(".") and word.help.count(".") == 1 for word in WORDS.values())
    assert all(command.help for name, command in commands() if name)
