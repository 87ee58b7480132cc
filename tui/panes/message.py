"""One message of a queue as a page: its headers, its properties with their types, its body in every form that makes sense. Pure."""

from backends.messages import Message, Messages
from backends.questions import Found, MessagesOf
from tui.bytesview import forms, map_forms
from tui.format import UNKNOWN, age, moment, number, size, visible
from tui.pane import Cell, Column, Opening, Row, Section

_PROPERTIES = (
    Column("name", "PROPERTY", 20, least=10, grow=True),
    Column("type", "TYPE", 8),
    Column("value", "VALUE", 30, least=12, keep=1, grow=True),
)


def message_opening(queue: str, message: Message) -> Opening:
    """Asked for whole: with all of its body, and the types of its properties."""

    def page(found: Found | None, now: float) -> list[Section]:
        whole = next((each for each in found.messages if each.id == message.id), None) if isinstance(found, Messages) else None
        if whole is not None:
            return message_sections(queue, whole, now, found.note if isinstance(found, Messages) else "")
        gone = "" if found is None else "it is no more in the queue: this is what was read before"
        return message_sections(queue, message, now, gone)

    question = MessagesOf(queue, limit=1, id=message.id, whole=True)
    return Opening(f"message {visible(message.id)[-12:]}", question, page, place="message")


def message_sections(queue: str, message: Message, now: float, note: str) -> list[Section]:
    facts = [("Id", Cell(visible(message.id))), ("Time", Cell(_when(message.at, now)))]
    facts += [("Note", Cell(visible(note), "warn"))] if note else []
    facts += [(name, cell) for name, cell in _headers(message, now) if cell.text]
    alone = Messages(queue, (message,), 1, 1, 0, True, "jolokia")
    found = [Section(f"Message of {visible(queue)}", facts=tuple(facts), exports=(alone,))]
    if message.properties:
        typed = "" if message.is_typed else ", as text: their types are not told"
        rows = tuple(
            Row(
                f"{index}",
                (Cell(visible(each.name)), Cell(each.type if message.is_typed else "", "dim"), Cell(_value(each.value))),
                copies=_value(each.value),
            )
            for index, each in enumerate(message.properties)
        )
        found.append(Section(f"Properties {len(rows)}{typed}", columns=_PROPERTIES, rows=rows))
    return [*found, _body(message)]


def _when(at: float | None, now: float) -> str:
    return UNKNOWN if at is None else f"{moment(at)}, {age(now - at)} ago by its producer's clock"


def _headers(message: Message, now: float) -> list[tuple[str, Cell]]:
    """What it has; a header that nobody set is not shown."""
    expires = message.expires_at
    late = expires is not None and expires < now
    how = "expired" if late else "in"
    left = "" if expires is None else f"{moment(expires)}, {how} {age(abs(expires - now))}{' ago' if late else ''}"
    group = "" if message.group_id is None else visible(message.group_id) + (f", number {number(message.group_sequence)} of it")
    return [
        ("Persistent", Cell({True: "yes", False: "no: lost when the broker stops", None: ""}[message.persistent])),
        ("Priority", Cell("" if message.priority is None else str(message.priority))),
        ("Expires", Cell(left or "never", "warn" if late else "")),
        ("Redelivered", _redelivered(message)),
        ("Came from", Cell(visible(message.original_destination or ""))),
        ("Correlation", Cell(visible(message.correlation_id or ""))),
        ("Type", Cell(visible(message.type or ""))),
        ("Reply to", Cell(visible(message.reply_to or ""))),
        ("Group", Cell(group)),
    ]


def _redelivered(message: Message) -> Cell:
    if not message.redelivered and not message.redeliveries:
        return Cell("" if message.redelivered is None else "no")
    return Cell(f"{message.redeliveries} times" if message.redeliveries else "yes", "warn")


def _value(value: str | bool | int | float) -> str:
    return visible(str(value).lower() if isinstance(value, bool) else str(value))


def _body(message: Message) -> Section:
    """The last section: what copying the page takes."""
    if message.body is None:
        empty = message.kind == "empty" or message.body_size == 0
        return Section(f"Body, {message.kind}", text="(it has none)" if empty else "(it is not told; the whole body is read over STOMP)")
    whole = max(message.body_size or 0, len(message.body))
    much = size(whole) if whole == len(message.body) else f"{size(len(message.body))} of {size(whole)}"
    if message.body_size is None:
        much += ", as far as is told"
    if not message.body:
        return Section(f"Body, {message.kind}, 0 B", text="(it is empty)")
    written = map_forms(message.body, whole) if message.kind == "map" else forms(message.body, whole)
    return Section(f"Body, {message.kind}, {much}", forms=written)
