"""The language behind the colon."""

import pytest

from tui import commands

ALL = (*commands.pane_commands([("topics", "Topics"), ("heap", "Heap"), ("overview", "Overview")]), *commands.COMMANDS)


def choices(name: str) -> list[str]:
    return ["ansi-dark", "light"] if name == "theme" else []


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("topics", "topics", ""),
        ("to", "topics", ""),
        ("theme light", "theme", "light"),
        ("filter  a b ", "filter", "a b"),
        ("q", "quit", ""),
        ("gc", "heap", ""),
    ],
)
def test_a_line_is_read(line: str, name: str, argument: str) -> None:
    assert commands.parse(line, ALL) == (name, argument)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("topcis", "did you mean :topics?"),
        ("t", "'t' may be topics, theme"),
        ("theme", ":theme needs NAME"),
        ("quit now", ":quit takes nothing"),
        ("xyz", "no command 'xyz'"),
    ],
)
def test_a_mistake_is_told(line: str, words: str) -> None:
    with pytest.raises(commands.CommandError, match="(?s).*" + words.replace("?", r"\?")):
        commands.parse(line, ALL)


def test_names_and_arguments_are_completed() -> None:
    assert commands.complete("t", ALL, choices) == ["topics", "theme"]
    assert commands.complete("theme l", ALL, choices) == ["theme light"]
    assert commands.complete("quit x", ALL, choices) == []


@pytest.mark.parametrize(
    ("argument", "seconds"), [("10m", 600.0), ("90s", 90.0), ("off", 0.0), ("queues.csv", None), ("10m.csv", None), ("10", None)]
)
def test_a_time_after_write_is_a_window_and_anything_else_a_file(argument: str, seconds: float | None) -> None:
    assert commands.window(argument) == seconds
