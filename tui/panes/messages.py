"""Messages of a queue as a page: those at its head, the next ones, those that a selector or a text finds. Pure."""

from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from backends.messages import Message, Messages
from backends.questions import Found, MessagesOf
from tui.bytesview import copied, one_line
from tui.format import UNKNOWN, age, count, number, short_moment, size, visible, width
from tui.pane import Cell, Column, Opening, Row, Section
from tui.panes.message import message_opening

Page = Callable[[Found | None, float], list[Section]]

MORE = "more"  # the row after the last message
USUAL_PRIORITY = 4

COLUMNS = (
    Column("position", "#", 6, "right", keep=4),
    Column("time", "TIME", 11, keep=5),
    Column("age", "AGE", 7, "right"),
    Column("id", "ID", 14, keep=6),
    Column("marks", "MARKS", 8, keep=2),
    Column("type", "KIND", 8, keep=3),
    Column("size", "SIZE", 8, "right", keep=1),
    Column("properties", "PROP", 4, "right", keep=8),
    Column("correlation", "CORRELATION", 14, least=8, keep=7),
    Column("body", "BODY", 24, least=12, keep=1, grow=True),
)
MAX_WIDTH = {"position": 12, "id": 14, "type": 12}  # of what is as wide as it is
OPTIONAL = ("marks", "properties", "correlation")  # no column where none of them has any


def messages_opening(question: MessagesOf, title: str = "messages") -> Opening:
    return Opening(title, question, messages_page(question), place="messages")


def narrowed(question: MessagesOf, *, selector: str | None, text: str | None) -> Opening:
    """The first of those that a selector and a text find; all where there is neither."""
    wanted = replace(question, selector=selector, text=text, skip=0)
    parts = [part for part in (selector, f'"{text}"' if text else None) if part]
    return messages_opening(wanted, visible(" and ".join(parts)) if parts else "messages")


def messages_page(question: MessagesOf) -> Page:
    """Oldest first; the last row leads to those behind them."""

    def page(found: Found | None, now: float) -> list[Section]:
        if not isinstance(found, Messages):
            return [Section(f"Messages of {visible(question.queue)}", facts=_asked(question))]
        seen: Counter[str] = Counter()
        rows = [_row(question, message, found.skipped + index, seen, now) for index, message in enumerate(found.messages, 1)]
        if not found.is_end and found.messages:
            rows.append(_more(question, found))
        columns, rows = _fitting(rows)
        note = _note(question, found)
        facts = (*_asked(question), *((("Note", Cell(visible(note), "warn")),) if note else ()))
        return [Section(_title(question, found), facts=facts, columns=columns if rows else (), rows=tuple(rows), exports=(found,))]

    return page


def _asked(question: MessagesOf) -> tuple[tuple[str, Cell], ...]:
    asked = (("Selector", question.selector), ("Text", question.text))
    return tuple((name, Cell(visible(value), "accent")) for name, value in asked if value)


def _title(question: MessagesOf, found: Messages) -> str:
    """`1-50 of 1,204 messages of orders`: what matters first, for a narrow screen cuts the end."""
    shown = len(found.messages)
    span = f"{found.skipped + 1:,}-{found.skipped + shown:,}" if shown > 1 else f"{found.skipped + 1:,}" if shown else "0"
    if question.selector or question.text:
        return f"{span} found in {found.looked:,} of {count(found.pending, 'message')} of {visible(found.queue)}"
    return f"{span} of {count(found.pending, 'message')} of {visible(found.queue)}"


def _note(question: MessagesOf, found: Messages) -> str:
    """Why these are not all."""
    if found.note:
        return found.note
    if not found.is_end or found.looked >= found.pending:
        return ""
    return f"the broker shows no more than {number(found.looked)} of the {number(found.pending)} that wait"


def _fitting(rows: list[Row]) -> tuple[tuple[Column, ...], list[Row]]:
    """No column for what none of the messages has; identifiers as wide as they are."""
    shown = [
        index for index, column in enumerate(COLUMNS) if column.key not in OPTIONAL or any(row.cells[index].text for row in rows if row.id)
    ]
    columns = []
    for index in shown:
        column = COLUMNS[index]
        if column.key in ("position", "id", "type"):
            widest = max((width(row.cells[index].text) for row in rows), default=0)
            column = column._replace(width=min(max(widest, len(column.title)), MAX_WIDTH[column.key]))
        columns.append(column)
    return tuple(columns), [row._replace(cells=tuple(row.cells[index] for index in shown)) for row in rows]


def _more(question: MessagesOf, found: Messages) -> Row:
    following = found.skipped + len(found.messages)
    texts = {"position": "more …", "age": "", "body": f"Enter: from {following + 1:,} on"}
    cells = tuple(Cell(texts.get(column.key, ""), "accent") for column in COLUMNS)
    opening = messages_opening(replace(question, skip=following), f"from {following + 1:,}")
    return Row(MORE, cells, opens=opening)


def _row(question: MessagesOf, message: Message, position: int, seen: Counter[str], now: float) -> Row:
    seen[message.id] += 1
    key = message.id if seen[message.id] == 1 else f"{message.id}#{seen[message.id]}"
    old = None if message.at is None else now - message.at
    cells = (
        Cell(number(position), "dim", position),
        Cell(short_moment(message.at, now), "dim", message.at),
        Cell(age(old), "warn" if old is not None and old < -1 else "", old),
        Cell(short_id(message.id), "dim"),
        marks(message, now),
        Cell(visible(message.type or message.kind), "" if message.type else "dim"),
        Cell(size(message.body_size), "dim", message.body_size),
        Cell(str(len(message.properties)) if message.properties else "", "dim"),
        Cell(visible(message.correlation_id or ""), "dim"),
        body_cell(message),
    )
    return Row(key, cells, opens=message_opening(question.queue, message), copies=copied(message.body), id=message.id)


def short_id(text: str) -> str:
    """The end of an id is what tells two of them apart: `…:3:1:1:5`."""
    shown = visible(text.removeprefix("ID:"))
    return shown if width(shown) <= 14 else f"…{shown[-13:]}"


def marks(message: Message, now: float) -> Cell:
    """`np` not persistent, `p9` its priority, `r3` redelivered so often, `exp` expired. The usual is not said."""
    words = []
    if message.persistent is False:
        words.append("np")
    if message.priority not in (None, USUAL_PRIORITY):
        words.append(f"p{message.priority}")
    if message.redelivered or message.redeliveries:
        words.append(f"r{message.redeliveries or ''}")
    is_late = message.expires_at is not None and message.expires_at < now
    if is_late:
        words.append("exp")
    return Cell(" ".join(words), "warn" if is_late or message.redeliveries else "")


def body_cell(message: Message) -> Cell:
    if message.body is None:
        return Cell("(none)" if message.kind == "empty" or message.body_size == 0 else UNKNOWN, "dim")
    return Cell(one_line(message.body))
