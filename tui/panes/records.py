"""Records of a topic as pages: the newest, a screenful older, and one of them with its headers, key and value. Pure."""

from collections.abc import Callable

from backends.questions import Found, Record, Records, RecordsOf
from tui.bytesview import MAX_LINE, copied, forms, one_line
from tui.format import UNKNOWN, age, count, moment, number, short_moment, size, visible, width
from tui.pane import Cell, Column, Opening, Row, Section
from tui.words import look

Page = Callable[[Found | None, float], list[Section]]

OLDER = "older"  # the row after the last record

COLUMNS = (
    Column("offset", "OFFSET", 15, "right"),
    Column("partition", "PART", 4, "right", keep=5),
    Column("state", "", 11, keep=3),
    Column("time", "TIME", 11, keep=4),
    Column("age", "AGE", 7, "right"),
    Column("key", "KEY", 12, least=6, keep=1, grow=True),
    Column("size", "SIZE", 8, "right", keep=2),
    Column("headers", "HDR", 3, "right", keep=6),
    Column("value", "VALUE", 24, least=12, keep=1, grow=True),
)


def records_page(question: RecordsOf) -> Page:
    """Newest first; the last row leads to older ones of the same partition."""

    def page(found: Found | None, now: float) -> list[Section]:
        if not isinstance(found, Records):
            return [Section(_title(question, "records"))]
        rows = [_row(found.topic, record, now) for record in found.records]
        if (older := _older(question, found)) is not None:
            rows.append(older)
        note = found.note or ("there are no records" if not rows else "")
        columns, rows = _fitting(rows, question.partition is None)
        title = _title(question, f"{len(found.records):,} of {count(found.of, 'record')}")
        facts = (("Note", Cell(visible(note), "warn" if found.note else "dim")),) if note else ()
        return [Section(title, facts=facts, columns=columns if rows else (), rows=tuple(rows), exports=(found,))]

    return page


def _fitting(rows: list[Row], across: bool) -> tuple[tuple[Column, ...], list[Row]]:
    """Offsets as wide as they are, and no column for what is the same or nothing in all of them."""
    optional = {"state": True, "headers": True, "partition": across}
    shown = [
        index
        for index, column in enumerate(COLUMNS)
        if column.key not in optional or (optional[column.key] and any(row.cells[index].text for row in rows))
    ]
    offsets = max((width(row.cells[0].text) for row in rows), default=0) + 1
    columns = (COLUMNS[0]._replace(width=offsets), *(COLUMNS[index] for index in shown[1:]))
    return columns, [row._replace(cells=tuple(row.cells[index] for index in shown)) for row in rows]


def _title(question: RecordsOf, how_many: str) -> str:
    """`Newest 50 of 400,000 records of orders, partition 3`: what matters first, for a narrow screen cuts the end."""
    where = "" if question.partition is None else f", partition {question.partition}"
    when = f"Newest {how_many}" if question.before is None else f"{how_many} before offset {question.before:,}"
    return f"{when[:1].upper()}{when[1:]} of {visible(question.topic)}{where}"


def _older(question: RecordsOf, found: Records) -> Row | None:
    """Of one partition only: over several, an offset says nothing."""
    if question.partition is None or not found.records or found.of <= len(found.records):
        return None
    before = min(record.offset for record in found.records)
    following = RecordsOf(question.topic, question.partition, before, question.limit)
    texts = {"offset": "older …", "key": "Enter:", "value": f"before offset {before:,}"}
    cells = tuple(Cell(texts.get(column.key, ""), "accent") for column in COLUMNS)
    return Row(OLDER, cells, opens=Opening(f"before {before:,}", following, records_page(following)))


def state(record: Record) -> Cell:
    """What is to be said of a record before its value."""
    word = "aborted" if record.aborted else "tombstone" if record.value is None else "cut" if _is_cut(record) else ""
    return Cell(f"{look(word).glyph} {word}" if word else "", look(word).role if word else "")


def _is_cut(record: Record) -> bool:
    return record.value_size > len(record.value or b"") or record.key_size > len(record.key or b"")


def _row(topic: str, record: Record, now: float) -> Row:
    old = None if record.at is None else now - record.at
    cells = (
        Cell(number(record.offset), "", record.offset),
        Cell(str(record.partition), "", record.partition),
        state(record),
        Cell(short_moment(record.at, now), "dim", record.at),
        Cell(age(old), "warn" if old is not None and old < -1 else "", old),
        Cell(one_line(record.key), "dim" if record.key is None else "accent"),
        Cell(size(record.value_size) if record.value is not None else UNKNOWN, "dim", record.value_size),
        Cell(str(len(record.headers)) if record.headers else "", "dim"),
        Cell(one_line(record.value) if record.value is not None else "(null)", "dim" if record.value is None or record.aborted else ""),
    )
    return Row(f"{record.partition}/{record.offset}", cells, opens=_opening(topic, record), copies=copied(record.value))


def _opening(topic: str, record: Record) -> Opening:
    """The record, asked for whole where only its beginning was read."""
    question = RecordsOf(topic, record.partition, record.offset + 1, 1, whole=True) if _is_cut(record) else None

    def page(found: Found | None, now: float) -> list[Section]:
        whole = found.records[0] if isinstance(found, Records) and found.records else None
        if whole is not None and (whole.partition, whole.offset) == (record.partition, record.offset):
            return record_sections(topic, whole, now, "")
        gone = "" if found is None else "it is no more in the topic: this is what was read before"
        return record_sections(topic, record, now, gone)

    return Opening(f"offset {record.offset:,}", question, page)


def record_sections(topic: str, record: Record, now: float, note: str) -> list[Section]:
    when = UNKNOWN if record.at is None else f"{moment(record.at)}, {age(now - record.at)} ago{_kind(record)}"
    word = state(record)
    facts = [
        ("Topic", Cell(f"{visible(topic)}, partition {record.partition}, offset {record.offset:,}")),
        ("Record time", Cell(when)),
        ("Size", Cell(f"key {_size(record.key, record.key_size)}, value {_size(record.value, record.value_size)}")),
    ]
    if word.text:
        facts.append(("State", Cell(f"{word.text}{'' if not record.aborted else ': no reader of committed records sees it'}", word.role)))
    if note:
        facts.append(("Note", Cell(note, "warn")))
    export = Records(topic, (record,), 1)
    found = [Section(f"Offset {record.offset:,} of {visible(topic)}, partition {record.partition}", facts=tuple(facts), exports=(export,))]
    if record.headers:
        found.append(Section(f"Headers {len(record.headers)}", text="\n".join(_header(name, value) for name, value in record.headers)))
    key = Section(f"Key {_size(record.key, record.key_size)}", forms=forms(record.key, record.key_size))
    value = Section(f"Value {_size(record.value, record.value_size)}", forms=forms(record.value, record.value_size))
    return [*found, key, value]


def _kind(record: Record) -> str:
    return {"create": ", set by its producer", "append": ", set by the broker", None: ""}[record.time_kind]


def _size(data: bytes | None, whole: int) -> str:
    return "none" if data is None else size(whole) if len(data) >= whole else f"{size(len(data))} of {size(whole)}"


def _header(name: str, value: bytes | None) -> str:
    if value is None:
        return f"{visible(name)}: (null)"
    more = f"… of {size(len(value))}" if len(value) > MAX_LINE else ""
    return f"{visible(name)}: {one_line(value)}{more}"
