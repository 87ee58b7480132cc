"""``send-message`` and ``import``: what goes into a queue, from the command line or from the file of an export."""

import base64
import functools
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import click

from backends.properties import properties_of
from backends.questions import WHOLE_BYTES
from relay_console import confirm, output, progress
from relay_console.asking import Value
from relay_console.brokers import Brokers, reach
from relay_console.commands.queue_actions import act, agree, show
from relay_console.confirm import doing_options
from relay_console.errors import ActionFailed, Trouble
from relay_console.exporting import STDIO, Batch, Checked, batches, check, opened
from relay_console.options import DurationType, Shared, broker_option, config_option
from relay_console.progress import Line
from tui.format import count, visible

MAX_BODY: Final = WHOLE_BYTES  # of a message that is sent: what can be read back whole
_LINE: Final = re.compile(r"import: line ([0-9]{1,9}): ")
MAX_FAULTS: Final = 10  # lines that are named; a file of another kind has one fault a line


@click.command("send-message")
@click.argument("queue")
@click.option("--body", metavar="TEXT", help="The body.")
@click.option("--file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True), help="The body as it stands; - is stdin.")
@click.option("--bytes", "is_bytes", is_flag=True, help="A message of bytes instead of text.")
@click.option("--count", type=click.IntRange(1, 100_000), default=1, metavar="N", show_default=True, help="So many equal ones.")
@click.option("--no-persistent", is_flag=True, help="Lost when the broker restarts.")
@click.option("--priority", type=click.IntRange(0, 9), metavar="0-9", help="4 by default.")
@click.option("--ttl", "ttl_s", type=DurationType(), metavar="60s", help="Expires after that; never by default.")
@click.option("--delay", "delay_s", type=DurationType(), metavar="10s", help="Kept back for so long by a broker that schedules.")
@click.option("--correlation-id", metavar="ID", help="JMSCorrelationID.")
@click.option("--reply-to", metavar="QUEUE", help="JMSReplyTo.")
@click.option("--type", metavar="TYPE", help="JMSType.")
@click.option("--group", "group_id", metavar="ID", help="JMSXGroupID.")
@click.option("-p", "--property", "properties", multiple=True, metavar="NAME=VALUE", help="A property; NAME:Int=5 where it is no String.")
@doing_options
@broker_option
@config_option
@click.pass_obj
def send_message(shared: Shared, /, queue: str, **given: Any) -> int:
    """Send a message to QUEUE, persistent by default. The queue must be there: create makes one."""
    if (given["body"] is None) == (given["file"] is None):
        raise click.UsageError("say the body with --body or with --file, one of them")
    confirm.require_answerable(given["is_yes"], given["is_dry"])
    arguments: dict[str, Value] = {"queue": queue, **_settings(given)}
    try:
        arguments |= _content(given)
        if given["properties"]:
            arguments["properties"] = properties_of(given["properties"])
    except ValueError as error:
        raise click.UsageError(f"-p: {error}") from None
    return act(shared.over(given), given, "send", arguments)


def _settings(given: Mapping[str, Any]) -> dict[str, Value]:
    """Those that were said."""
    said = {name: given[name] for name in ("priority", "ttl_s", "delay_s", "correlation_id", "reply_to", "type", "group_id")}
    if given["count"] != 1:
        said["count"] = given["count"]
    if given["no_persistent"]:
        said["persistent"] = False
    return {name: value for name, value in said.items() if value is not None}


def _content(given: Mapping[str, Any]) -> dict[str, Value]:
    """Raises ActionFailed: nothing is sent before all is read."""
    data = given["body"].encode(errors="surrogateescape") if given["file"] is None else _read(given["file"])
    if given["is_bytes"]:
        return {"kind": "bytes", "body_base64": base64.b64encode(data).decode()}
    try:
        return {"kind": "text", "body": data.decode()}
    except UnicodeDecodeError as error:
        name = given["file"] or "--body"
        raise ActionFailed(f"{name}: byte {error.start + 1} is no UTF-8; say --bytes for a message of bytes; nothing was sent") from None


def _read(name: str) -> bytes:
    try:
        if name == STDIO:
            data = sys.stdin.buffer.read(MAX_BODY + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_BODY + 1)
    except OSError as error:
        raise ActionFailed(f"{name}: {error.strerror or error}; nothing was sent") from None
    if len(data) > MAX_BODY:
        raise ActionFailed(f"{name}: it has more than {MAX_BODY >> 20} MiB; nothing was sent")
    return data


@click.command("import")
@click.argument("queue")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--from-line", type=click.IntRange(min=1), default=1, metavar="N", help="Begin there: what an import says that stopped.")
@doing_options
@broker_option
@config_option
@click.pass_obj
def bring_in(shared: Shared, /, queue: str, file: str, from_line: int, **given: Any) -> int:
    """Send the messages of FILE, which export wrote, to QUEUE; - is standard input. All lines are checked before one is sent."""
    confirm.require_answerable(given["is_yes"], given["is_dry"])
    with opened(file) as content, reach(shared.over(given), given["broker"]) as brokers:
        broker = brokers.choose(given["broker"], queue)
        if not given["is_dry"]:
            brokers.require_write()
        found = _checked(content, file, from_line)
        about: dict[str, Value] = {"queue": queue, "count": found.count, "bytes": found.bytes}
        if given["is_dry"]:
            return show(brokers, broker, "import", about)
        expect = agree(brokers, broker, "import", about, is_yes=given["is_yes"])
        _Import(brokers, broker, queue, expect, found).send(content, from_line)
    return 0


def _checked(content: IO[bytes], file: str, from_line: int) -> Checked:
    """Raises ActionFailed with a line for each fault."""
    from backends.activemq.messages import lines

    found = check(content, from_line, functools.partial(lines.from_line, now=time.time()), MAX_FAULTS)
    if found.faults:
        more = [f"{file}: and maybe more"] if len(found.faults) >= MAX_FAULTS else []
        raise ActionFailed(*(f"{file}:{number}: {fault}" for number, fault in found.faults), *more, "nothing was sent")
    if not found.count:
        raise ActionFailed(f"{file}: there is no message in it" + (f" from line {from_line} on" if from_line > 1 else ""))
    return found


class _Import:
    """Batch after batch, until one fails."""

    def __init__(self, brokers: Brokers, broker: str, queue: str, expect: Mapping[str, Value], found: Checked) -> None:
        self._brokers, self._broker, self._queue = brokers, broker, queue
        self._expect = expect
        self._all = found
        self._sent = 0

    def send(self, content: IO[bytes], from_line: int) -> None:
        """Raises ActionFailed, which says how to go on."""
        line = Line()
        try:
            for batch in batches(content, from_line):
                line.put(visible(f"{self._queue}: {self._sent:,} of {count(self._all.count, 'message')}"))
                self._send(batch)
        finally:
            line.clear()
        output.write_lines([visible(f"imported {count(self._sent, 'message')} into {self._queue} of {self._broker}")])

    def _send(self, batch: Batch) -> None:
        arguments: dict[str, Value] = {"queue": self._queue, "lines": batch.lines.decode()}
        try:
            reply, is_interrupted, job = progress.do(self._brokers, self._broker, "import", arguments, self._expect)
        except Trouble as trouble:
            raise ActionFailed(*trouble.lines, self._how_on(batch.numbers[0])) from None
        done = len(batch.numbers) if reply.ok else 0 if job is None else job.done
        self._sent += done
        following = batch.numbers[done] if done < len(batch.numbers) else batch.numbers[-1] + 1
        how_on = [self._how_on(following)] if following <= self._all.last else []
        if not reply.ok:
            raise ActionFailed(_in_the_file(reply.text, batch.numbers), *how_on)
        if is_interrupted and how_on:
            raise ActionFailed("interrupted", *how_on)

    def _how_on(self, number: int) -> str:
        return f"sent before line {number}: {count(self._sent, 'message')}; go on with --from-line {number}"


def _in_the_file(text: str, numbers: Sequence[int]) -> str:
    """A broker counts the lines of what it was sent."""
    match = _LINE.match(text)
    if match is None or not 0 < int(match[1]) <= len(numbers):
        return text
    return f"line {numbers[int(match[1]) - 1]}: {text[match.end() :]}"
