"""Messages of a queue as lines: a table, one message whole, or one JSON object each. Pure; time is an argument.

What comes from a message is shown harmless. JSON is the line of an export with the broker in front of it, so nothing of it is lost.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from backends.activemq.messages.lines import to_line
from backends.messages import Message, Property
from relay_console import tables
from relay_console.tables import Title, Word
from tui import hexdump
from tui.format import UNKNOWN, age, count, moment, visible

SHOWN: Final = 200  # characters of a body in a table; one message alone has all that was read
_TITLES: Final = (
    Title("TIME"),
    Title("AGE", "right"),
    Title("ID"),
    Title("PRI", "right"),
    Title("KIND"),
    Title("SIZE", "right"),
    Title("BODY"),
)


def table(messages: Sequence[Message], now: float, *, is_hex: bool, is_coloured: bool) -> Iterator[str]:
    """Oldest first, as they lie in the queue."""
    rows = [
        (
            Word(moment(message.at)),
            Word(_age(message.at, now)),
            Word(visible(message.id)),
            Word(UNKNOWN if message.priority is None else str(message.priority)),
            Word(message.kind),
            Word(UNKNOWN if message.body_size is None else f"{message.body_size:,}"),
            _body(message, is_hex),
        )
        for message in messages
    ]
    return tables.table(_TITLES, rows, is_coloured) if rows else iter(())


def _age(at: float | None, now: float) -> str:
    return age(None if at is None else now - at)


def _body(message: Message, is_hex: bool) -> Word:
    if message.body is None:
        return Word("(none)" if message.kind == "empty" else "(not told)", "dim")
    shown = message.body[: SHOWN * 4]  # of UTF-8 no character has more bytes
    text = shown.hex(" ") if is_hex else visible(shown.decode(errors="replace"))
    is_cut = len(text) > SHOWN or len(shown) < len(message.body) or is_part(message)
    return Word(f"{text[:SHOWN]}…" if is_cut else text)


def is_part(message: Message) -> bool:
    """Not the whole body was read, or nobody says that it was."""
    if message.body is None:
        return message.kind != "empty"
    return message.body_size is None or message.body_size > len(message.body)


def whole(message: Message, now: float, *, is_hex: bool, is_coloured: bool) -> Iterator[str]:
    """Headers, properties with their types, and the body as it was read."""
    facts = [
        ("ID", message.id),
        ("Time", f"{moment(message.at)} ({_age(message.at, now)} ago)" if message.at is not None else UNKNOWN),
        ("Kind", _kind(message)),
        ("Persistent", _truth(message.persistent)),
        ("Priority", UNKNOWN if message.priority is None else str(message.priority)),
        ("Expires", "never" if message.expires_at is None else moment(message.expires_at)),
        ("Correlation", message.correlation_id),
        ("Type", message.type),
        ("Reply to", message.reply_to),
        ("Group", _group(message)),
        ("Redelivered", _redelivered(message)),
        ("Came from", message.original_destination),
    ]
    lines = [(label, Word(visible(text))) for label, text in facts if text is not None]
    yield from tables.facts(lines, is_coloured)
    if message.properties:
        yield ""
        yield tables.paint(_properties_title(message), "title", is_coloured)
        yield from tables.facts([(visible(each.name), Word(_property(each, message.is_typed))) for each in message.properties], is_coloured)
    yield ""
    yield from _whole_body(message, is_hex)


def _kind(message: Message) -> str:
    size = f", {count(message.body_size, 'byte')}" if message.body_size is not None else ""
    return message.kind + size + (f", {len(message.body or b''):,} read" if is_part(message) else "")


def _truth(value: bool | None) -> str:
    return UNKNOWN if value is None else "yes" if value else "no"


def _group(message: Message) -> str | None:
    if message.group_id is None:
        return None
    return message.group_id if message.group_sequence is None else f"{message.group_id}, number {message.group_sequence}"


def _redelivered(message: Message) -> str | None:
    if message.redeliveries:
        return count(message.redeliveries, "time")
    return None if message.redelivered is None else _truth(message.redelivered)


def _properties_title(message: Message) -> str:
    return "Properties" if message.is_typed else "Properties (as text: their types are not told)"


def _property(each: Property, is_typed: bool) -> str:
    value = str(each.value).lower() if isinstance(each.value, bool) else visible(str(each.value))
    return f"{each.type}  {value}" if is_typed else value


def _whole_body(message: Message, is_hex: bool) -> Iterator[str]:
    if message.body is None:
        yield "(no body)" if message.kind == "empty" else "(its body is not told)"
    elif is_hex or (message.kind == "bytes" and not _is_text(message.body)):
        yield from hexdump.lines(message.body)
    else:
        yield from (visible(line) for line in message.body.decode(errors="replace").split("\n"))
    if message.body is not None and is_part(message):
        yield "…"


def _is_text(body: bytes) -> bool:
    try:
        return all(char.isprintable() or char in "\t\r\n" for char in body.decode())
    except UnicodeDecodeError:
        return False


def json_line(message: Message, queue: str, broker: str) -> bytes:
    """An export's line, and `broker`."""
    exported = msgspec.json.decode(to_line(queue, message), type=dict[str, object])
    return msgspec.json.encode({"broker": broker, **exported}) + b"\n"
