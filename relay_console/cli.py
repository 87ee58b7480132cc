"""The command line: which words there are, and how every ending becomes an exit code. What a word does is imported when it is said.

Exit codes: 0; 1 failure; 2 usage; 69 a needed service is unavailable; 75 try again; 78 bad configuration; 128+n signal.
"""

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import click

from link.errors import LinkError
from relay_console import VERSION
from relay_console.errors import BadConfiguration, Trouble
from relay_console.options import Shared, screen_options, shared_options

PROGRAM: Final = "relay-console: "
UNAVAILABLE: Final = 69  # EX_UNAVAILABLE of sysexits.h


class Word(NamedTuple):
    module: str  # of relay_console.commands
    help: str
    function: str = ""  # where it has another name than the word


ACTIONS: Final = ("actions", "messages", "queue_actions")  # modules whose words change something


WORDS: Final = {
    "status": Word("answers", "One line for each source: its state, its age, what it counts."),
    "relays": Word("answers", "Receivers, senders and connections of the relay."),
    "topics": Word("answers", "How old the newest record of every Kafka topic is."),
    "offsets": Word("answers", "How many records a minute each consumer processes."),
    "heap": Word("heap", "Old generation of the producer agents, or of GC log files."),
    "queues": Word("answers", "ActiveMQ queues and what is wrong with them."),
    "check": Word("check", "One line and an exit code of 0 to 3 for a monitoring system."),
    "records": Word("records", "The newest records of a Kafka topic."),
    "quarantine": Word("quarantine", "Lines that the relay refused: when, from whom, why."),
    "browse": Word("browse", "Messages of an ActiveMQ queue, which stay there."),
    "export": Word("browse", "Write the messages of a queue to a file."),
    "import": Word("messages", "Send the messages of such a file to a queue.", "bring_in"),
    "send-message": Word("messages", "Send a message to a queue.", "send_message"),
    "purge": Word("queue_actions", "Remove all messages of a queue."),
    "delete": Word("queue_actions", "Remove a queue and its messages."),
    "create": Word("queue_actions", "Make a queue."),
    "move": Word("queue_actions", "Move messages to another queue."),
    "copy": Word("queue_actions", "Copy messages to another queue."),
    "remove": Word("queue_actions", "Remove some messages of a queue."),
    "pause": Word("actions", "Pause a receiver, a sender or a queue."),
    "resume": Word("actions", "Resume a receiver, a sender or a queue."),
    "drain": Word("actions", "Let the relay, a receiver or a sender finish what has begun."),
    "disconnect": Word("actions", "End one connection of the relay."),
    "resend": Word("actions", "Put failed files of a sender back into its outbox."),
    "retry": Word("actions", "The same as resend, or dead letters of a queue back to where they came from."),
    "send": Word("actions", "Put lines into the outbox of a sender."),
    "stop": Word("actions", "Stop the daemon of this configuration."),
    "relay": Word("daemons", "The relay alone, in the foreground."),
    "monitor": Word("daemons", "The monitor alone, in the foreground: starts and stops no relay."),
    "config": Word("configuration", "Check the configuration, show it whole, print its schema."),
    "info": Word("information", "Versions, paths, and which sections are in use."),
}


class Words(click.Group):
    """Imports the module of the one word that was said; help and completion import none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(WORDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in WORDS:
            return None
        word = WORDS[cmd_name]
        module = importlib.import_module(f"relay_console.commands.{word.module}")
        command: click.Command = getattr(module, word.function or cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, word.help) for name, word in WORDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in WORDS and not name.startswith("-"):
            from settings.wording import nearest

            near = nearest(name, list(WORDS))
            ctx.fail(f"no such command {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=Words, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, message="relay-console %(version)s")
@click.option("--headless", is_flag=True, help="The daemon in the foreground: no screen.")
@click.option("--embedded", is_flag=True, hidden=True, help="Started by a console, not by a person.")
@click.option("--attach", metavar="SOCKET", help="The console of another daemon.")
@click.option("--demo", is_flag=True, help="The console over a scripted incident: no network, no Java.")
@screen_options
@shared_options
@click.pass_context
def cli(ctx: click.Context, /, headless: bool, embedded: bool, attach: str | None, demo: bool, **given: Any) -> int:
    """One screen for the people who keep real-time pipelines alive: relay, Kafka topics, offsets, heaps, queues.

    Without a command: the console. It attaches to the daemon of the configuration, or starts one.
    """
    ctx.obj = Shared.of(given)
    ways = sum((headless, attach is not None, demo))
    if ways > 1 or (ways and ctx.invoked_subcommand is not None):
        raise click.UsageError("--headless, --attach, --demo and a command exclude each other")
    if ctx.invoked_subcommand is not None:
        if ctx.obj.write is False and WORDS[ctx.invoked_subcommand].module in ACTIONS:
            raise click.UsageError(f"--read-only and {ctx.invoked_subcommand} exclude each other: it is an action")
        return 0
    if headless:
        from relay_console.commands.daemons import headless as run_headless

        return run_headless(ctx.obj, embedded)
    from relay_console.commands.screen import open_screen

    return open_screen(ctx.obj, given, attach=attach, is_demo=demo)


def run(arguments: Sequence[str]) -> int:
    """The exit code. Every expected trouble is a line or some on stderr, never a traceback."""
    try:
        # Not cli.main: it has its own way with a broken pipe and ends the process.
        with cli.make_context("relay-console", list(arguments)) as context:
            result = cli.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        if _is_check(arguments, error):
            from relay_console.commands.check import refused

            return refused(error.format_message())
        error.show(sys.stderr)
        return error.exit_code
    except Trouble as trouble:
        say(*trouble.lines, prefix="" if isinstance(trouble, BadConfiguration) else PROGRAM)
        return trouble.exit_code
    except LinkError as error:
        say(str(error), prefix=PROGRAM)
        return UNAVAILABLE
    except BrokenPipeError:
        from relay_console.output import let_go

        let_go()
        return 128 + signal.SIGPIPE
    except (KeyboardInterrupt, click.Abort):
        return 128 + signal.SIGINT


def _is_check(arguments: Sequence[str], error: click.ClickException) -> bool:
    """A monitoring system takes 2, the code of wrong usage, for CRITICAL; a wrong option may also stand before the word."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None and context.parent is not None:
        return context.command.name == "check" and context.parent.parent is None
    return next((word for word in arguments if word in WORDS), None) == "check"


def say(*lines: str, prefix: str = "") -> None:
    """Messages are for stderr; what stands in them may come from outside. A configuration's begin with its place, as compilers' do."""
    from tui.format import visible

    for line in lines:
        print(prefix + visible(line), file=sys.stderr)
