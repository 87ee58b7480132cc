"""What is sent to a queue of the demonstration, from the arguments of the command or the lines of an export. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from backends.activemq.acting.arguments import Send, outgoing, told
from backends.activemq.messages.lines import from_line
from backends.messages import Message, Outgoing


def sent(arguments: Mapping[str, Any], now: float, numbers: Iterator[int]) -> tuple[Message, ...]:
    """`numbers` make their ids. Raises ValueError with a sentence."""
    wanted: Send = told("send", Send, arguments)
    made = _message(outgoing(wanted), now)
    return tuple(replace(made, id=_id(now, numbers)) for _ in range(wanted.count))


def imported(lines: str, now: float, numbers: Iterator[int]) -> tuple[Message, ...]:
    """Raises ValueError with a sentence."""
    made = [_message(from_line(line.encode(), now), now) for line in lines.split("\n") if line.strip()]
    return tuple(replace(message, id=_id(now, numbers)) for message in made)


def _message(out: Outgoing, now: float) -> Message:
    return Message(
        id="",
        at=round(now, 3),
        kind=out.kind,
        body=out.body,
        body_size=len(out.body),
        persistent=out.persistent,
        priority=out.priority,
        expires_at=None if out.ttl_s is None else now + out.ttl_s,
        correlation_id=out.correlation_id,
        type=out.type,
        reply_to=out.reply_to,
        group_id=out.group_id,
        redelivered=False,
        redeliveries=0,
        properties=out.properties,
        is_typed=True,
    )


def _id(now: float, numbers: Iterator[int]) -> str:
    return f"ID:relay-console-{int(now)}000-1:1:1:1:{next(numbers)}"
