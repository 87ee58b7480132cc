"""What an action would do, and whether the operator wants it: the lines of a preview, a question on the terminal, or --yes."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from backends.questions import Preview
from relay_console.errors import ActionFailed
from tui.format import visible


def doing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--yes", "is_yes", is_flag=True, help="Do it without asking; where nothing may be done it helps nothing."),
        click.option("--dry-run", "is_dry", is_flag=True, help="Say what would happen, and do nothing."),
    ):
        function = option(function)
    return function


def require_answerable(is_yes: bool, is_dry: bool) -> None:
    """Raises UsageError where a question could not be answered."""
    if is_yes and is_dry:
        raise click.UsageError("--dry-run and --yes exclude each other")
    if not (is_yes or is_dry or (sys.stdin.isatty() and sys.stderr.isatty())):
        raise click.UsageError("there is no terminal to ask on: say --yes to do it, or --dry-run to see what would happen")


def told(preview: Preview) -> Iterator[str]:
    yield from (visible(line) for line in preview.lines)
    yield from warned(preview)


def warned(preview: Preview) -> Iterator[str]:
    yield from (f"warning: {visible(warning)}" for warning in preview.warnings)


def ask(preview: Preview) -> None:
    """On the terminal. Raises ActionFailed when the answer is no, Abort at Ctrl-C."""
    for line in told(preview):
        click.echo(line, err=True)
    question = f"{preview.verb}? [y/N] " if preview.typed is None else f"type {visible(preview.typed)} to {preview.verb} it: "
    click.echo(question, nl=False, err=True)
    said = sys.stdin.readline().rstrip("\n")
    if not (said.strip().lower() in ("y", "yes") if preview.typed is None else said == preview.typed):
        raise ActionFailed("nothing was done")
