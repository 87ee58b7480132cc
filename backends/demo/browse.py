"""How messages of the demonstration are looked at: a page of a queue, those that a text or a simple selector finds, or one. Pure."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from backends.demo.messages import identity, message
from backends.demo.stock import Letter, Stock
from backends.messages import Message, Messages, Way
from backends.questions import ANSWER_BYTES, BODY_BYTES, MAX_MESSAGES, WHOLE_BYTES, MessagesOf
from backends.source import Unavailable

WINDOW: Final = 4_000  # messages that a browse sees of a queue that outgrew the broker's memory
JOLOKIA_WINDOW: Final = 400
JOLOKIA_BYTES: Final = 255  # of a body that is no text
WAYS: Final[dict[str, Way]] = {"broker-a": "stomp", "broker-b": "jolokia"}
_SELECTOR = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*'((?:[^']|'')*)'\s*", re.ASCII)
Fits = Callable[[Message], bool]


def browse(question: MessagesOf, stock: Stock, at: float, began: float) -> Messages:
    """Raises Unavailable for a queue that is not there, and for a selector that is not understood."""
    if not stock.has(question.queue):
        raise Unavailable(f"{stock.broker} has no queue {question.queue!r}")
    fits = _wanted(question)
    letters = stock.letters(question.queue, at)
    window, note = seen(letters, stock.broker)
    if question.id is not None:
        window = [letter for letter in window if identity(letter, began) == question.id]
    page: list[Message] = []
    matching = looked = size = 0
    limit = 1 if question.id is not None else min(max(1, question.limit), MAX_MESSAGES)
    for made in _made(window, question, began, WAYS[stock.broker]):
        looked += 1
        if not fits(made):
            continue
        matching += 1
        if matching > question.skip:
            size += len(made.body or b"")
            page.append(made)
            if len(page) == limit or size > ANSWER_BYTES - BODY_BYTES:
                break
    skipped = min(question.skip, matching - len(page))
    return Messages(question.queue, tuple(page), len(letters), looked, skipped, looked == len(window), WAYS[stock.broker], note)


def seen(letters: list[Letter], broker: str) -> tuple[list[Letter], str]:
    """What a browse, and whatever goes by a selector, finds of a queue; and why that is not all."""
    if WAYS[broker] == "jolokia":
        why = f"Jolokia shows the first {JOLOKIA_WINDOW} messages; over STOMP there may be more, and broker {broker} has none"
        return letters[:JOLOKIA_WINDOW], why if len(letters) > JOLOKIA_WINDOW else ""
    why = f"the queue outgrew the broker's memory: it shows the first {WINDOW:,} messages"
    return letters[:WINDOW], why if len(letters) > WINDOW else ""


def _made(window: list[Letter], question: MessagesOf, began: float, way: Way) -> Iterator[Message]:
    limit = WHOLE_BYTES if question.whole else BODY_BYTES
    for letter in window:
        made = message(letter, began, limit)
        if way == "jolokia" and made.kind == "bytes" and made.body is not None:
            made = replace(made, body=made.body[:JOLOKIA_BYTES])
        yield made


def _wanted(question: MessagesOf) -> Fits:
    wants: list[Fits] = []
    if question.selector:
        wants.append(selector(question.selector))
    if question.text:
        text = question.text.casefold()
        wants.append(lambda made: text in _words(made))
    return lambda made: all(want(made) for want in wants)


def selector(text: str) -> Fits:
    """Raises Unavailable with a sentence."""
    if (found := _SELECTOR.fullmatch(text)) is None:
        raise Unavailable(f"selector {text!r}: the demonstration understands name = 'value' and nothing else; a broker all of SQL 92")
    name, value = found[1], found[2].replace("''", "'")
    return lambda made: _header(made, name) == value


def _header(made: Message, name: str) -> str | None:
    """As a text: of a header of JMS, or of a property."""
    headers = {
        "JMSMessageID": made.id,
        "JMSCorrelationID": made.correlation_id,
        "JMSType": made.type,
        "JMSPriority": str(made.priority),
        "JMSDeliveryMode": "PERSISTENT" if made.persistent else "NON_PERSISTENT",
        "JMSXGroupID": made.group_id,
    }
    if name in headers:
        return headers[name]
    found = next((each for each in made.properties if each.name == name), None)
    return None if found is None else str(found.value)


def _words(made: Message) -> str:
    headers = (made.id, made.correlation_id, made.type, made.reply_to, made.group_id, made.original_destination)
    properties = (f"{each.name} {each.value}" for each in made.properties)
    body = (made.body or b"").decode("utf-8", "replace")
    return "\n".join([*(header for header in headers if header), *properties, body]).casefold()
