"""What Enter shows of a receiver, a sender, a connection or a failed file. Pure."""

from collections.abc import Sequence

from backends.questions import Found
from backends.snapshots import Relay
from relay.status import ConnectionStatus, FailedFile, ForwardStatus, ReceiverStatus, RefusedLine, SenderStatus
from tui.format import UNKNOWN, age, clock, count, moment, number, rate, size, visible
from tui.pane import Cell, Column, Entry, Field, Row, Section
from tui.panes.relay_cells import FILE_FIELDS, by_code, counted, direction
from tui.words import CRIT, verdict

LITTLE_DISK = 256 << 20  # bytes free below which the figure is marked; the relay itself refuses records at relay.min_free
A_DAY = 86400.0  # seconds after which the date says more than the time of day
_REFUSED = (
    Column("at", "TIME", 8),
    Column("peer", "PEER", 21, keep=2),
    Column("code", "CODE", 4, "right"),
    Column("reason", "REASON", 30, least=14, grow=True),
    Column("line", "LINE", 30, least=24, keep=1, grow=True),
)


def detail(entry: Entry, now: float, told: Found | None = None) -> list[Section]:
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
        ("Stored", Cell(count(receiver.stored, "record"))),
        ("Received", Cell(size(receiver.bytes))),
        ("Records a minute", Cell(rate(receiver.records_per_min))),
        ("Sent twice, stored once", Cell(number(receiver.duplicates))),
        ("Refused by code", by_code(receiver.refused)),
        ("Quarantined", _quarantined(receiver)),
        ("Last record", Cell(_ago(receiver.last_record_at, now))),
        ("Last commit", Cell(_ago(receiver.last_commit_at, now))),
        ("Commit", Cell(_commit(receiver))),
        (("Sink", Cell(visible(receiver.sink))) if receiver.sink else ("Inbox", Cell(visible(receiver.inbox or UNKNOWN)))),
        ("Last error", Cell(visible(receiver.last_error or "none"), "" if receiver.last_error else "dim")),
    )
    found = [Section(f"Receiver {visible(receiver.name)}", facts=facts)]
    if receiver.forward is not None:
        found.append(_forward(receiver.forward, now))
    for title, lines in (("Newest refused", receiver.newest_refused), ("Newest conflicts", receiver.newest_conflicts)):
        if lines:
            found.append(Section(title, columns=_REFUSED, rows=tuple(_refused_row(index, line, now) for index, line in enumerate(lines))))
    return found


def _quarantined(receiver: ReceiverStatus) -> Cell:
    if not receiver.quarantined:
        return Cell("0", "dim")
    conflicts = f", {count(receiver.conflicts, 'conflict')} among them" if receiver.conflicts else ""
    return Cell(f"{number(receiver.quarantined)} since the start{conflicts}", "warn")


def _commit(receiver: ReceiverStatus) -> str:
    """Time of a commit, and what it holds."""
    if receiver.commit_p50_ms is None or receiver.commit_p99_ms is None:
        return UNKNOWN
    holds = f", {receiver.commit_records:,.1f} records each" if receiver.commit_records is not None else ""
    return f"p50 {receiver.commit_p50_ms:.1f} ms, p99 {receiver.commit_p99_ms:.1f} ms{holds}"


def _refused_row(index: int, line: RefusedLine, now: float) -> Row:
    at = clock(line.at) if now - line.at < A_DAY else moment(line.at)[5:10]
    cells = (
        Cell(at, "dim"),
        Cell(visible(line.peer)),
        Cell(str(line.code), "warn"),
        Cell(visible(line.reason)),
        Cell(visible(line.line)),
    )
    return Row(str(index), cells)


def _forward(forward: ForwardStatus, now: float) -> Section:
    left = f"{count(forward.records, 'record')}, " if forward.records is not None else ""
    oldest = f", the oldest {age(forward.oldest_waiting_s)}" if forward.oldest_waiting_s is not None else ""
    next_try = "" if forward.next_try_at is None else f"in {age(forward.next_try_at - now)}, at {clock(forward.next_try_at)}"
    facts = (
        ("State", verdict(forward.state)),
        ("To", Cell(visible(forward.to))),
        ("Waiting", Cell(f"{left}{size(forward.bytes)} in {count(forward.files, 'file')}{oldest}", "" if forward.bytes else "dim")),
        ("Forwarded", Cell(number(forward.forwarded))),
        ("Refused by the broker", counted(forward.refused, "crit")),
        ("Last forwarded", Cell(_ago(forward.last_forwarded_at, now))),
        ("Next try", Cell(next_try or UNKNOWN)),
        ("Last error", Cell(visible(forward.last_error or "none"), "" if forward.last_error else "dim")),
    )
    return Section("Forward", facts=facts)


def _ago(at: float | None, now: float) -> str:
    return f"{age(None if at is None else now - at)}  {moment(at)}"


def _sender(sender: SenderStatus, entry: Entry, now: float) -> list[Section]:
    next_try = "" if sender.next_try_at is None else f"in {age(sender.next_try_at - now)}, at {clock(sender.next_try_at)}"
    facts = (
        ("State", verdict(sender.state)),
        ("Sends to", Cell(visible(sender.connect))),
        ("Waiting", Cell(count(sender.waiting, "file") + (f", the oldest {age(sender.oldest_waiting_s)}" if sender.waiting else ""))),
        ("In flight", Cell(number(sender.in_flight))),
        ("Sent", Cell(f"{number(sender.sent)}  {rate(sender.sent_per_min)} a minute")),
        ("Failed", counted(sender.failed, "crit")),
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
        fields = [field for field in FILE_FIELDS if field.column.key not in ("state", "source", "sender")]
        rows = tuple(_file_row(file, entry, fields, now) for file in failed)
        found.append(Section(f"Failed files {len(failed)}", columns=tuple(field.column for field in fields), rows=rows))
    return found


def _file_row(file: FailedFile, entry: Entry, fields: Sequence[Field], now: float) -> Row:
    made = Entry(file.file, entry.group, file, entry.snapshot)
    return Row(file.file, tuple(field.cell(made, now) for field in fields))


def _connection(connection: ConnectionStatus, now: float) -> list[Section]:
    facts = (
        ("State", verdict(connection.state)),
        ("Peer", Cell(visible(connection.peer))),
        ("Of", direction(connection)),
        *((("TLS", Cell(visible(connection.tls))),) if connection.tls else ()),
        ("Since", Cell(f"{age(now - connection.since)}  {moment(connection.since)}")),
        ("Records", Cell(f"{number(connection.records)}, {size(connection.bytes)}")),
        ("Acknowledged", Cell(number(connection.acks))),
        ("Refused by code", by_code(connection.naks)),
        ("Last record", Cell(moment(connection.last_record_at))),
        ("Last error", Cell(visible(connection.last_error or "none"), "" if connection.last_error else "dim")),
    )
    return [Section(f"Connection {connection.id}", facts=facts)]


def _failed(file: FailedFile, now: float) -> list[Section]:
    facts = (
        ("Sender", Cell(visible(file.sender))),
        ("Tries", Cell(number(file.tries))),
        ("Last code", Cell(str(file.last_code or UNKNOWN))),
        ("Last try", Cell(_ago(file.last_try_at, now))),
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
