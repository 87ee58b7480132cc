"""Relay: are records going between us and our partners, and is nothing lost."""

from collections.abc import Iterable, Sequence

from backends.snapshots import Relay, Snapshot
from relay.status import ConnectionStatus, ReceiverStatus, SenderStatus
from tui.format import age, size
from tui.listpane import ListPane
from tui.pane import Cell, Column, Entry, Field, Group
from tui.panes.relay_cells import FILE_FIELDS, a_minute, counted, direction, refused, since, source_field, text, waiting
from tui.panes.relay_detail import detail
from tui.words import verdict

RECEIVERS, SENDERS, FAILED, CONNECTIONS = range(4)


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


_RECEIVERS = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict(e.item.state)),
    Field(Column("name", "RECEIVER", 16, least=10, grow=True), lambda e, now: text(e.item.name, "")),
    source_field(),
    Field(Column("address", "LISTENS ON", 21, keep=4), lambda e, now: text(e.item.listen)),
    Field(Column("connections", "CONN", 5, "right", keep=1), lambda e, now: counted(e.item.connections)),
    Field(Column("stored", "STORED", 12, "right"), lambda e, now: counted(e.item.stored)),
    Field(Column("rate", "REC/min", 8, "right"), lambda e, now: a_minute(e.item.records_per_min)),
    Field(Column("duplicates", "TWICE", 7, "right", keep=3), lambda e, now: counted(e.item.duplicates)),
    Field(Column("refused", "REFUSED", 11, "right", keep=2), lambda e, now: refused(e.item.refused)),
    Field(Column("forward", "FORWARD", 10, "right", keep=1), lambda e, now: waiting(e.item.forward)),
    Field(Column("last", "LAST", 7, "right"), lambda e, now: since(e.item.last_record_at, now)),
    Field(Column("error", "LAST ERROR", 20, least=18, keep=5, grow=True), lambda e, now: text(e.item.last_error)),
)
_SENDERS = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict(e.item.state)),
    Field(Column("name", "SENDER", 16, least=10, grow=True), lambda e, now: text(e.item.name, "")),
    source_field(),
    Field(Column("address", "SENDS TO", 21, keep=4), lambda e, now: text(e.item.connect)),
    Field(Column("waiting", "WAITING", 9, "right"), lambda e, now: counted(e.item.waiting, "warn" if e.item.state == "probing" else "")),
    Field(Column("oldest", "OLDEST", 8, "right", keep=1), lambda e, now: _oldest(e.item)),
    Field(Column("flight", "FLIGHT", 6, "right", keep=6), lambda e, now: counted(e.item.in_flight)),
    Field(Column("sent", "SENT", 10, "right"), lambda e, now: counted(e.item.sent)),
    Field(Column("rate", "REC/min", 8, "right", keep=3), lambda e, now: a_minute(e.item.sent_per_min)),
    Field(Column("failed", "FAILED", 6, "right"), lambda e, now: counted(e.item.failed, "crit")),
    Field(Column("error", "LAST ERROR", 20, least=18, keep=5, grow=True), lambda e, now: text(e.item.last_error)),
)
_CONNECTIONS = (
    Field(Column("state", "STATE", 12, least=9), lambda e, now: verdict(e.item.state)),
    Field(Column("peer", "PEER", 21, least=12, grow=True), lambda e, now: text(e.item.peer, "")),
    source_field(),
    Field(Column("of", "OF", 16, least=8, keep=1), lambda e, now: direction(e.item)),
    Field(Column("id", "ID", 7, "right", keep=7), lambda e, now: Cell(str(e.item.id), "dim", e.item.id)),
    Field(Column("since", "SINCE", 7, "right", keep=3), lambda e, now: since(e.item.since, now)),
    Field(Column("records", "RECORDS", 10, "right"), lambda e, now: counted(e.item.records)),
    Field(Column("bytes", "BYTES", 8, "right", keep=4), lambda e, now: Cell(size(e.item.bytes), "", e.item.bytes)),
    Field(Column("acks", "ACKS", 10, "right", keep=6), lambda e, now: counted(e.item.acks)),
    Field(Column("naks", "NAKS", 11, "right", keep=2), lambda e, now: refused(e.item.naks)),
    Field(Column("last", "LAST", 7, "right"), lambda e, now: since(e.item.last_record_at, now)),
    Field(Column("error", "LAST ERROR", 20, least=18, keep=5, grow=True), lambda e, now: text(e.item.last_error)),
)


def _oldest(sender: SenderStatus) -> Cell:
    return Cell(age(sender.oldest_waiting_s), "dim" if not sender.waiting else "", sender.oldest_waiting_s)


def adapt(group: Group, snapshots: Sequence[Snapshot]) -> Group:
    """Of 10,000 connections the relay tells of 1,000; what waits for a broker is a column where receivers forward."""
    found = [snapshot.data for snapshot in snapshots if isinstance(snapshot.data, Relay)]
    if group.name == "connections":
        return group._replace(of=sum(relay.connections_total for relay in found))
    if group.name == "receivers" and not any(receiver.forward for relay in found for receiver in relay.receivers):
        return group.without("forward")
    return group


PANE = ListPane(
    name="relay",
    kind="relay",
    key="1",
    title="Relay",
    groups=(
        Group("receivers", "Receivers", _RECEIVERS),
        Group("senders", "Senders", _SENDERS),
        Group("failed", "Failed files", FILE_FIELDS),
        Group("connections", "Connections", _CONNECTIONS),
    ),
    entries=entries,
    words=words,
    detail=detail,
    adapt=adapt,
    nothing="The relay runs, but has no receivers and no senders; see relay.receivers and relay.senders in config.yaml.",
)
