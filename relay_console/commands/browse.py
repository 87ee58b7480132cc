"""``browse`` and ``export``: the messages of a queue, looked at without taking any, through the daemon or from the broker itself."""

import time
from collections.abc import Callable
from typing import Any, Final

import click

from backends.activemq.messages.lines import to_line
from backends.messages import Messages
from backends.questions import MAX_MESSAGES, MessagesOf
from relay_console import messages as shape
from relay_console import output
from relay_console.brokers import reach
from relay_console.cli import say
from relay_console.errors import ActionFailed, ServiceUnavailable
from relay_console.exporting import STDIO, Part
from relay_console.options import Shared, broker_option, config_option
from relay_console.pages import Pages
from relay_console.progress import Line
from tui.format import count, visible

LARGE: Final = "ask for less"  # in the monitor's words for an answer that does not go over the link

selector_option = click.option("--selector", metavar="SQL", help="Of these messages, by the broker: \"JMSPriority > 4 AND region = 'eu'\".")
text_option = click.option("--text", metavar="TEXT", help="Of those with it in headers, properties or body, whatever its case.")
maps_option = click.option(
    "--maps",
    is_flag=True,
    help="Bodies of maps and objects whole, by STOMP. The broker marks the messages of the queue with a property for it: needs write.",
)


@click.command()
@click.argument("queue")
@selector_option
@text_option
@maps_option
@click.option("--skip", type=click.IntRange(min=0), default=0, metavar="N", help="Leave out so many from the head of the queue.")
@click.option("--limit", type=click.IntRange(1, MAX_MESSAGES), default=20, metavar="N", show_default=True, help="At most so many.")
@click.option("--id", "message", metavar="ID", help="This message alone, whole.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object a line, as export writes them.")
@click.option("--hex", "is_hex", is_flag=True, help="Bodies as hexadecimal bytes.")
@click.option("--no-color", is_flag=True, help="No colours, not even on a terminal.")
@broker_option
@config_option
@click.pass_obj
def browse(shared: Shared, /, queue: str, **given: Any) -> None:
    """Messages of QUEUE, oldest first, which stay there. One alone (--id, or --limit 1) is shown whole."""
    if given["is_json"] and given["is_hex"]:
        raise click.UsageError("--json and --hex exclude each other: what is no text stands in JSON as base64")
    if given["message"] is not None and (given["selector"] or given["text"] or given["skip"]):
        raise click.UsageError("--id is one message; --selector, --text and --skip are for several")
    is_one = given["message"] is not None or given["limit"] == 1
    limit = 1 if is_one else given["limit"]
    question = MessagesOf(queue, given["selector"], given["text"], given["skip"], limit, given["message"], is_one, given["maps"])
    with reach(shared.over(given), given["broker"]) as brokers:
        broker = brokers.choose(given["broker"], queue)
        found = brokers.messages(broker, question)
    if given["message"] is not None and not found.messages:
        raise ServiceUnavailable(f"{queue} has no message {given['message']}" + (f" ({found.note})" if found.note else ""))
    _write(found, broker, given, is_one)
    say(f"{len(found.messages):,} of {count(found.pending, 'message')}" + (f": {found.note}" if found.note else ""))


def _write(found: Messages, broker: str, given: dict[str, Any], is_one: bool) -> None:
    if given["is_json"]:
        output.write_bytes(b"".join(shape.json_line(message, found.queue, broker) for message in found.messages))
        return
    now, is_coloured = time.time(), output.is_coloured(given["no_color"])
    if is_one and found.messages:
        output.write_lines(shape.whole(found.messages[0], now, is_hex=given["is_hex"], is_coloured=is_coloured))
    else:
        output.write_lines(shape.table(found.messages, now, is_hex=given["is_hex"], is_coloured=is_coloured))


@click.command()
@click.argument("queue")
@click.argument("file", default=STDIO, metavar="[FILE]", type=click.Path(dir_okay=False, allow_dash=True))
@selector_option
@text_option
@maps_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many, from the head; all without it.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--partial", is_flag=True, help="Take what can be had, also where it is not all or not whole.")
@broker_option
@config_option
@click.pass_obj
def export(shared: Shared, /, queue: str, file: str, **given: Any) -> int:
    """Write the messages of QUEUE to FILE, one JSON object a line; they stay in the queue. - is standard output."""
    pages, part = Pages(given["limit"]), Part(file, may_replace=given["force"])
    with reach(shared.over(given), given["broker"]) as brokers:
        broker = brokers.choose(given["broker"], queue)
        with part:
            _write_pages(part, pages, lambda: brokers.messages(broker, _question(queue, pages, given)))
            problems = list(_problems(pages, has_maps=given["maps"]))
            is_taken = given["partial"] or not problems
            if is_taken or file == STDIO:
                part.complete()
    where = "" if file == STDIO else f" to {visible(file if is_taken else part.part)}"
    say(f"{queue}: {pages.told:,} of {count(pages.pending, 'message')} exported{where}", *problems)
    if pages.has_moved:
        say("the queue changed meanwhile: messages were taken from it while it was read")
    if not is_taken:
        say("this is not all of it; with --partial it would do")
    return 0 if is_taken else ActionFailed.exit_code


def _write_pages(part: Part, pages: Pages, ask: Callable[[], Messages]) -> None:
    """Raises Trouble; what was read until then stays, and where it does is said."""
    line = Line()
    try:
        while not pages.is_over:
            _write_page(part, pages, ask)
            line.put(f"{pages.told:,} of {count(pages.pending, 'message')}")
    finally:
        line.clear()
        if part.name != STDIO and pages.told and not pages.is_over:
            say(f"what was read until then stands in {part.part}: {count(pages.told, 'message')}")


def _question(queue: str, pages: Pages, given: dict[str, Any]) -> MessagesOf:
    skip, limit = pages.next
    return MessagesOf(queue, given["selector"], given["text"], skip, limit, whole=True, translated=given["maps"])


def _write_page(part: Part, pages: Pages, ask: Callable[[], Messages]) -> None:
    """Or asks for less the next time."""
    try:
        page = ask()
    except ServiceUnavailable as trouble:
        if LARGE in str(trouble) and pages.shrink():
            return
        raise
    for message in pages.take(page):
        part.write(to_line(page.queue, message))


def _problems(pages: Pages, *, has_maps: bool) -> list[str]:
    found = [pages.note] if pages.note else []
    if pages.parts:
        found.append(
            f'of {count(pages.parts, "message")} only a part of the body could be read: "cut" says which'
            + ("" if has_maps else "; those of maps --maps reads")
        )
    return found
