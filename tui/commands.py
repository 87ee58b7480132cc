"""The command line behind `:`, as data: what there is, how it is read, how it is completed. Pure; the console does what it says."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from settings.units import parse_duration


class Command(NamedTuple):
    name: str
    argument: str  # "" takes none; "[NAME]" may be left out
    text: str


COMMANDS: tuple[Command, ...] = (
    Command("filter", "[RE]", "show only rows that match; nothing shows all"),
    Command("sort", "COLUMN[!]", "order by a column; ! reverses"),
    Command(
        "write",
        "FILE|10m|off",
        "write the table, the marked rows or the page; the name ends in .csv, .json or .jsonl; a time (10m) allows actions for so long",
    ),
    Command("theme", "NAME", "change the colours"),
    Command("pause", "", "pause the screen, or go on"),
    Command("refresh", "", "ask every source now"),
    Command("help", "", "the keys that work here"),
    Command("quit", "", "leave the console"),
)

Choices = Callable[[str], Sequence[str]]  # of a command's name: what its argument may be


class Typed(NamedTuple):
    name: str
    argument: str


class CommandError(Exception):
    """What was typed is no command; the text tells what would be."""


def pane_commands(panes: Sequence[tuple[str, str]]) -> tuple[Command, ...]:
    """One for each pane: of its name and title."""
    return tuple(Command(name, "", f"show {title}") for name, title in panes)


def tab_commands(pane: str, tabs: Sequence[tuple[str, str]], taken: Sequence[str]) -> tuple[Command, ...]:
    """One for each tab whose name is not that of a pane, such as Topics of a broker."""
    return tuple(Command(name, "", f"show {title} of {pane}") for name, title in tabs if name not in taken)


ALIASES: Mapping[str, str] = {"q": "quit", "gc": "heap", "relays": "relay", "0": "overview"}


def parse(text: str, commands: Sequence[Command]) -> Typed:
    """Raises CommandError with a sentence. A unique beginning of a name is enough."""
    word, _, argument = text.strip().partition(" ")
    name = ALIASES.get(word, word)
    known = [command for command in commands if command.name == name] or [c for c in commands if c.name.startswith(name)]
    if not word or not known:
        raise CommandError(f"no command {word!r}{_suggestion(word, commands)}")
    if len(known) > 1:
        raise CommandError(f"{word!r} may be {', '.join(command.name for command in known)}")
    command, argument = known[0], argument.strip()
    if argument and not command.argument:
        raise CommandError(f":{command.name} takes nothing after it")
    if not argument and command.argument and not command.argument.startswith("["):
        raise CommandError(f":{command.name} needs {command.argument}: {command.text}")
    return Typed(command.name, argument)


def window(argument: str) -> float | None:
    """Seconds for which actions are to be allowed, 0 for `off`; None: it is something else. Of `write`."""
    if argument == "off":
        return 0.0
    try:
        return parse_duration(argument)
    except ValueError:
        return None


def _suggestion(word: str, commands: Sequence[Command]) -> str:
    import difflib

    close = difflib.get_close_matches(word, [command.name for command in commands], 1)
    return f"; did you mean :{close[0]}?" if close else "; ? lists the keys, Tab the commands"


def complete(text: str, commands: Sequence[Command], choices: Choices) -> list[str]:
    """Every whole line that could be meant."""
    word, space, argument = text.lstrip().partition(" ")
    if not space:
        return [command.name for command in commands if command.name.startswith(word)]
    name = ALIASES.get(word, word)
    return [f"{name} {choice}" for choice in choices(name) if choice.startswith(argument.lstrip())]
