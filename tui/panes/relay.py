"""Relay: are records going between us and our partners, and is nothing lost."""

from collections.abc import Iterable

from backends.snapshots import Relay, Snapshot
from relay.status import ConnectionStatus, FailedFile, ReceiverStatus, SenderStatus
from tui.format import UNKNOWN, age, clock, count, moment, number, rate, size, visible
from tui.pane import Cell, Column, Entry, Field, Group, ListPane, Row, Section
from tui.words import CRIT, verdict

RECEIVERS, SENDERS, FAILED, CONNECTIONS = range(4)
LITTLE_DISK = 256 << 20  # bytes free below which the figure is marked; the relay itself refuses records at relay.min_free


def entries(snapshot: Snapshot) -> Iterable[Entry]:
    data = snapshot.data
    if not isinstance(data, Relay):
        return
    source = snapshot.source
    for receiver in data.receivers:
        yield Entry(f"{source}/receiver/{receiver.name}", RECEIVERS, receiver, snapshot)
    for sender in data.senders:
        yield Entry(f"{source}/sender/{sender.name}", SENDERS, sender, snapshot)
    for connection in data.connections:
        yield Entry(f"{source}/connection/{connection.id}", CONNECTIONS, connection, snapshot)
    for file in data.failed_files:
        yield Entry(f"{source}/failed/{file.sender}/{file.file}", FAILED, file, snapshot)


def words(entry: Entry) -> str:
    item = entry.item
    if isinstance(item, ReceiverStatus):
        return f"{item.name} {item.listen} {item.state} {item.last_error or ''}"
    if isinstance(item, SenderStatus):
        return f"{item.name} {item.connect} {item.state} {item.last_error or ''}"
    if isinstance(item, ConnectionStatus):
        return f"{item.name} {item.peer} {item.state} {item.last_error or ''}"
    return f"{item.file} {item.sender} {item.last_error or ''}"


def codes(counts: dict[str, int]) -> str:
    """`401:3 409:1`."""
    return " ".join(f"{code}:{count}" for code, count in sorted(counts.items()) if count) or "0"


def _count(value: int, role: str = "") -> Cell:
    return Cell(f"{value:,}", "dim" if not value else "crit" if role == "crit" else "warn" if role == "warn" else "", value)


def _rate(value: float | None) -> Cell:
    return Cell(rate(value), "dim" if not value else "", value)


def _refused(counts: dict[str, int]) -> Cell:
    total = sum(counts.values())
    return Cell(codes(counts), "warn" if total else "dim", total)


def _since(at: float | None, now: float) -> Cell:
    return Cell(UNKNOWN, "dim") if at is None else Cell(age(now - at), "", now - at)


def _text(text: str | None, role: str = "dim") -> Cell:
    return Cell(visible(text or ""), "dim" if role == "dim" else "", text or "")


def _source() -> Field:
    return Field(Column("source", "RELAY", 8, keep=9), lambda e, now: _text(e.snapshot.source))


_RECEIVERS = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict(e.item.state)),
    Field(Column("name", "RECEIVER", 16, least=10, grow=True), lambda e, now: _text(e.item.name, "")),
    _source(),
    Field(Column("address", "LISTENS ON", 21, keep=4), lambda e, now: _text(e.item.listen)),
    Field(Column("connections", "CONN", 5, "right", keep=1), lambda e, now: _count(e.item.connections)),
    Field(Column("stored", "STORED", 12, "right"), lambda e, now: _count(e.item.stored)),
    Field(Column("rate", "REC/min", 8, "right"), lambda e, now: _rate(e.item.records_per_min)),
    Field(Column("duplicates", "TWICE", 7, "right", keep=3), lambda e, now: _count(e.item.duplicates)),
    Field(Column("refused", "REFUSED", 11, "right", keep=2), lambda e, now: _refused(e.item.refused)),
    Field(Column("last", "LAST", 7, "right"), lambda e, now: _since(e.item.last_record_at, now)),
    Field(Column("error", "LAST ERROR", 20, least=18, keep=5, grow=True), lambda e, now: _text(e.item.last_error)),
)
_SENDERS = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict(e.item.state)),
    Field(Column("name", "SENDER", 16, least=10, grow=True), lambda e, now: _text(e.item.name, "")),
    _source(),
    Field(Column("address", "SENDS TO", 21, keep=4), lambda e, now: _text(e.item.connect)),
    Field(Column("waiting", "WAITING", 9, "right"), lambda e, now: _count(e.item.waiting, "warn" if e.item.state == "probing" else "")),
    Field(Column("oldest", "OLDEST", 8, "right", keep=1), lambda e, now: _oldest(e.item)),
    Field(Column("flight", "FLIGHT", 6, "right", keep=6), lambda e, now: _count(e.item.in_flight)),
    Field(Column("sent", "SENT", 10, "right"), lambda e, now: _count(e.item.sent)),
    Field(Column("rate", "REC/min", 8, "right", keep=3), lambda e, now: _rate(e.item.sent_per_min)),
    Field(Column("failed", "FAILED", 6, "right"), lambda e, now: _count(e.item.failed, "crit")),
    Field(Column("error", "LAST ERROR", 20, least=18, keep=5, grow=True), lambda e, now: _text(e.item.last_error)),
)
_CONNECTIONS = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict(e.item.state)),
    Field(Column("peer", "PEER", 21, least=12, grow=True), lambda e, now: _text(e.item.peer, "")),
    _source(),
    Field(Column("of", "OF", 16, least=8, keep=1), lambda e, now: _direction(e.item)),
    Field(Column("since", "SINCE", 7, "right", keep=3), lambda e, now: _since(e.item.since, now)),
    Field(Column("records", "RECORDS", 10, "right"), lambda e, now: _count(e.item.records)),
    Field(Column("bytes", "BYTES", 8, "right", keep=4), lambda e, now: Cell(size(e.item.bytes), "", e.item.bytes)),
    Field(Column("acks", "ACKS", 10, "right", keep=6), lambda e, now: _count(e.item.acks)),
    Field(Column("naks", "NAKS", 11, "right", keep=2), lambda e, now: _refused(e.item.naks)),
    Field(Column("last", "LAST", 7, "right"), lambda e, now: _since(e.item.last_record_at, now)),
    Field(Column("error", "LAST ERROR", 20, least=18, keep=5, grow=True), lambda e, now: _text(e.item.last_error)),
)
_FAILED = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict("failed")),
    Field(Column("file", "FILE", 30, least=16, grow=True), lambda e, now: _text(e.item.file, "")),
    _source(),
    Field(Column("sender", "SENDER", 16, least=8, keep=2), lambda e, now: _text(e.item.sender)),
    Field(Column("tries", "TRIES", 5, "right", keep=3), lambda e, now: _count(e.item.tries)),
    Field(Column("code", "CODE", 4, "right"), lambda e, now: Cell(str(e.item.last_code or UNKNOWN), "", e.item.last_code)),
    Field(Column("last", "LAST TRY", 8, "right", keep=1), lambda e, now: _since(e.item.last_try_at, now)),
    Field(Column("error", "ERROR", 20, least=14, keep=1, grow=True), lambda e, now: _text(e.item.last_error)),
)


def _oldest(sender: SenderStatus) -> Cell:
    return Cell(age(sender.oldest_waiting_s), "dim" if not sender.waiting else "", sender.oldest_waiting_s)


def _direction(connection: ConnectionStatus) -> Cell:
    name = visible(connection.name)
    return Cell(f"in  {name}" if connection.direction == "in" else f"out {name}", "dim", name)


def detail(entry: Entry, now: float) -> list[Section]:
    item = entry.item
    if isinstance(item, ReceiverStatus):
        found = _receiver(item, now)
    elif isinstance(item, SenderStatus):
        found = _sender(item, entry, now)
    elif isinstance(item, ConnectionStatus):
        found = _connection(item, now)
    else:
        found = _failed(item, now)
    if isinstance(entry.snapshot.data, Relay):
        found.append(_service(entry.snapshot.data, now))
    return found


def _receiver(receiver: ReceiverStatus, now: float) -> list[Section]:
    facts = (
        ("State", verdict(receiver.state)),
        ("Listens on", Cell(visible(receiver.listen))),
        ("Connections", Cell(number(receiver.connections))),
        ("Stored", Cell(f"{count(receiver.stored, 'record')}, {size(receiver.bytes)}")),
        ("Records a minute", Cell(rate(receiver.records_per_min))),
        ("Sent twice, stored once", Cell(number(receiver.duplicates))),
        ("Refused by code", _refused(receiver.refused)),
        ("Quarantined", Cell(number(receiver.quarantined), "warn" if receiver.quarantined else "")),
        (
            "Last record",
            Cell(f"{age(None if receiver.last_record_at is None else now - receiver.last_record_at)}  {moment(receiver.last_record_at)}"),
        ),
        ("Inbox", Cell(visible(receiver.inbox or UNKNOWN))),
        ("Last error", Cell(visible(receiver.last_error or "none"), "" if receiver.last_error else "dim")),
    )
    return [Section(f"Receiver {visible(receiver.name)}", facts=facts)]


def _sender(sender: SenderStatus, entry: Entry, now: float) -> list[Section]:
    next_try = "" if sender.next_try_at is None else f"in {age(sender.next_try_at - now)}, at {clock(sender.next_try_at)}"
    facts = (
        ("State", verdict(sender.state)),
        ("Sends to", Cell(visible(sender.connect))),
        ("Waiting", Cell(count(sender.waiting, "file") + (f", the oldest {age(sender.oldest_waiting_s)}" if sender.waiting else ""))),
        ("In flight", Cell(number(sender.in_flight))),
        ("Sent", Cell(f"{number(sender.sent)}  {rate(sender.sent_per_min)} a minute")),
        ("Failed", _count(sender.failed, "crit")),
        ("Retries", Cell(number(sender.retries))),
        ("Next try", Cell(next_try or UNKNOWN)),
        ("Last sent", Cell(moment(sender.last_sent_at))),
        ("Outbox", Cell(visible(sender.outbox or UNKNOWN))),
        ("Last error", Cell(visible(sender.last_error or "none"), "" if sender.last_error else "dim")),
    )
    found = [Section(f"Sender {visible(sender.name)}", facts=facts)]
    data = entry.snapshot.data
    failed = [file for file in data.failed_files if file.sender == sender.name] if isinstance(data, Relay) else []
    if failed:
        fields = [field for field in _FAILED if field.column.key not in ("state", "source", "sender")]
        rows = tuple(_file_row(file, entry, fields, now) for file in failed)
        found.append(Section(f"Failed files {len(failed)}", columns=tuple(field.column for field in fields), rows=rows))
    return found


def _file_row(file: FailedFile, entry: Entry, fields: list[Field], now: float) -> Row:
    made = Entry(file.file, FAILED, file, entry.snapshot)
    return Row(file.file, tuple(field.cell(made, now) for field in fields))


def _connection(connection: ConnectionStatus, now: float) -> list[Section]:
    facts = (
        ("State", verdict(connection.state)),
        ("Peer", Cell(visible(connection.peer))),
        ("Of", _direction(connection)),
        ("Since", Cell(f"{age(now - connection.since)}  {moment(connection.since)}")),
        ("Records", Cell(f"{number(connection.records)}, {size(connection.bytes)}")),
        ("Acknowledged", Cell(number(connection.acks))),
        ("Refused by code", _refused(connection.naks)),
        ("Last record", Cell(moment(connection.last_record_at))),
        ("Last error", Cell(visible(connection.last_error or "none"), "" if connection.last_error else "dim")),
    )
    return [Section(f"Connection {connection.id}", facts=facts)]


def _failed(file: FailedFile, now: float) -> list[Section]:
    facts = (
        ("Sender", Cell(visible(file.sender))),
        ("Tries", Cell(number(file.tries))),
        ("Last code", Cell(str(file.last_code or UNKNOWN))),
        ("Last try", Cell(f"{age(None if file.last_try_at is None else now - file.last_try_at)}  {moment(file.last_try_at)}")),
        ("Error", Cell(visible(file.last_error or UNKNOWN), CRIT.role)),
    )
    return [Section(visible(file.file), facts=facts)]


def _service(data: Relay, now: float) -> Section:
    little = data.disk_free_bytes is not None and data.disk_free_bytes < LITTLE_DISK
    facts = (
        ("Process", Cell(f"{data.pid}  {'embedded' if data.embedded else 'on its own'}  {visible(data.state)}")),
        ("Up", Cell(age(now - data.started_at) if data.started_at else UNKNOWN)),
        ("Connections", Cell(f"{number(data.connections_total)} now")),
        ("Commit p99", Cell(UNKNOWN if data.commit_p99_ms is None else f"{data.commit_p99_ms:.1f} ms")),
        ("Disk free", Cell(size(data.disk_free_bytes), "crit" if little else "")),
        ("Directory", Cell(visible(data.directory or UNKNOWN))),
    )
    return Section("Relay", facts=facts)


PANE = ListPane(
    name="relay",
    kind="relay",
    key="1",
    title="Relay",
    groups=(
        Group("receivers", "Receivers", _RECEIVERS),
        Group("senders", "Senders", _SENDERS),
        Group("failed", "Failed files", _FAILED),
        Group("connections", "Connections", _CONNECTIONS),
    ),
    entries=entries,
    words=words,
    detail=detail,
    nothing="The relay runs, but has no receivers and no senders; see relay.receivers and relay.senders in config.yaml.",
)
