"""The slip of a message that is to be sent, and the arguments that it comes to. Pure.

A property is a line `name=value`, a text; `name:Int=5` gives its type. A body that begins with `@` is the path of a file, `@@` is an @.
"""

import base64
from collections.abc import Mapping
from typing import Final

from backends.properties import properties_of
from backends.questions import WHOLE_BYTES
from tui.actions.plan import Argument
from tui.slip import Blank

MAX_FILE: Final = WHOLE_BYTES  # what can be read back whole


class Mistake(ValueError):
    """`key`: the blank in which it is."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


def send_blanks(known: tuple[str, ...]) -> tuple[Blank, ...]:
    return (
        Blank("body", "Body", rows=4, hint="as it is sent; @path takes it from a file, @@ begins with an @. Tab leaves the body"),
        Blank("kind", "Kind", choices=(("text", "text"), ("bytes", "bytes"), ("map", "map (a JSON object)"))),
        Blank("count", "How many", "1", hint="the same message so many times"),
        Blank("persistent", "Persistent", choices=(("yes", "yes"), ("no", "no"))),
        Blank("priority", "Priority", "4", hint="0 to 9"),
        Blank("ttl_s", "Expires after", hint="seconds; empty: never"),
        Blank("delay_s", "Delay", hint="seconds that the broker keeps it back, where it schedules; empty: none"),
        Blank("correlation_id", "Correlation"),
        Blank("reply_to", "Reply to", hint="a queue, or topic://name", known=known),
        Blank("type", "Type", hint="JMSType"),
        Blank("group_id", "Group", hint="JMSXGroupID: messages of one group go to one consumer"),
        Blank("properties", "Properties", rows=3, hint="a line each: region=seoul, or with a type: retries:Int=5, urgent:Boolean=true"),
    )


def file_of(values: Mapping[str, str]) -> str | None:
    """The path of the file that holds the body."""
    body = values["body"]
    return body[1:].strip() if body.startswith("@") and not body.startswith("@@") else None


def send_arguments(values: Mapping[str, str], data: bytes | None) -> dict[str, Argument]:
    """`data`: what the file held, where the body is in one. Raises Mistake."""
    kind = values["kind"]
    text = values["body"][1:] if values["body"].startswith("@@") else values["body"]
    arguments: dict[str, Argument] = {"kind": kind, "persistent": values["persistent"] == "yes"}
    arguments |= _body(text.encode() if data is None else data, kind)
    arguments["count"] = int(_number(values, "count", 1, whole=True) or 1)
    priority = _number(values, "priority", 0, whole=True)
    arguments["priority"] = 4 if priority is None else int(priority)
    for key in ("ttl_s", "delay_s"):
        if (seconds := _number(values, key, 0, whole=False)) is not None:
            arguments[key] = seconds
    arguments |= {key: values[key].strip() for key in ("correlation_id", "reply_to", "type", "group_id") if values[key].strip()}
    if found := properties(values["properties"]):
        arguments["properties"] = found
    return arguments


def _body(data: bytes, kind: str) -> dict[str, Argument]:
    if kind == "bytes":
        return {"body_base64": base64.b64encode(data).decode()}
    try:
        return {"body": data.decode()}
    except UnicodeDecodeError as error:
        raise Mistake("kind", f"the body is no text in UTF-8 (at byte {error.start}): send it as bytes") from None


def _number(values: Mapping[str, str], key: str, least: int, *, whole: bool) -> float | None:
    typed = values[key].strip().replace(",", "")
    if not typed:
        return None
    try:
        found = float(typed)
    except ValueError:
        found = -1.0
    if not least <= found < 1e9 or (whole and found != int(found)) or (key == "priority" and found > 9):
        asked = "a number from 0 to 9" if key == "priority" else "a number, such as 1" if whole else "seconds, such as 60"
        raise Mistake(key, f"{typed!r} is not {asked}")
    return found


def properties(text: str) -> str:
    """A line each, as the argument that the command takes; empty: there are none. Raises Mistake."""
    words = [_stripped(line) for line in text.split("\n") if line.strip()]
    try:
        return properties_of(words) if words else ""
    except ValueError as error:
        raise Mistake("properties", str(error)) from None


def _stripped(line: str) -> str:
    name, sign, value = line.partition("=")
    return f"{name.strip()}{sign}{value.strip()}"
