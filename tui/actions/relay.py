"""What may be done to the rows of the relay's pane. Pure; guards are here, not in keys."""

from collections.abc import Sequence

from backends.snapshots import Relay
from relay.status import ConnectionStatus, FailedFile, ReceiverStatus, SenderStatus
from tui.actions.plan import READ_ONLY, Act, Argument, Refused, Send, samples
from tui.format import count, number, visible
from tui.pane import Entry


def offered(verb: str, entries: Sequence[Entry], *, writable: bool) -> Act | Refused:
    """What `verb` (a key of OFFERS) would do to these rows."""
    if not writable:
        return Refused(READ_ONLY)
    if not entries:
        return Refused("no row is chosen")
    down = next((entry.snapshot for entry in entries if entry.snapshot.state != "ok"), None)
    if down is not None:
        return Refused(f"{visible(down.source)} is {down.state}: nothing can be asked of it now")
    return OFFERS[verb](entries)


def _resend(entries: Sequence[Entry]) -> Act | Refused:
    files = [(entry.snapshot.source, entry.item) for entry in entries if isinstance(entry.item, FailedFile)]
    if not files:
        return Refused("no failed file here: stand on one, or mark several")
    sends = tuple(Send(source, "resend", {"sender": file.sender, "file": file.file}, {"tries": file.tries}) for source, file in files)
    what = visible(files[0][1].file) if len(files) == 1 else f"{len(files)} failed files"
    return Act(f"Send {what} again?", samples([file.file for _, file in files]), "Send again", sends, 1 if len(files) == 1 else 2)


def _resend_all(entries: Sequence[Entry]) -> Act | Refused:
    item, snapshot = entries[0].item, entries[0].snapshot
    sender = item.name if isinstance(item, SenderStatus) else item.sender if isinstance(item, FailedFile) else None
    if sender is None or not isinstance(snapshot.data, Relay):
        return Refused("stand on a sender, or on one of its failed files")
    failed = next((each.failed for each in snapshot.data.senders if each.name == sender), 0)
    if not failed:
        return Refused(f"{visible(sender)} has no failed files")
    names = [file.file for file in snapshot.data.failed_files if file.sender == sender]
    lines = samples(names + [""] * (failed - len(names)))
    send = Send(snapshot.source, "resend", {"sender": sender}, {"failed": failed})
    return Act(f"Send all {number(failed)} failed files of {visible(sender)} again?", lines, "Send all", (send,))


def _pause(entries: Sequence[Entry]) -> Act | Refused:
    item = entries[0].item
    if not isinstance(item, ReceiverStatus | SenderStatus):
        return Refused("stand on a receiver or a sender")
    name, source = visible(item.name), entries[0].snapshot.source
    verb = "resume" if item.state == "paused" else "pause"
    send = Send(source, verb, _this(item), {"state": item.state})
    if verb == "resume":
        return Act(f"Let {name} go on?", (), "Go on", (send,), 1)
    lines: tuple[str, ...]
    if isinstance(item, ReceiverStatus):
        lines = (
            "What came is answered, and its connections end.",
            "Partners are told that we are busy until it goes on (P).",
            f"{count(item.connections, 'connection')} open now.",
        )
    else:
        lines = ("Nothing is sent until it goes on; files wait in its outbox.", f"{count(item.waiting, 'file')} waiting now.")
    return Act(f"Pause {name}?", lines, "Pause", (send,))


def _this(item: ReceiverStatus | SenderStatus) -> dict[str, Argument]:
    """A receiver and a sender may have the same name."""
    return {"name": item.name, "only": "receiver" if isinstance(item, ReceiverStatus) else "sender"}


def _drain(entries: Sequence[Entry]) -> Act | Refused:
    item = entries[0].item
    if not isinstance(item, ReceiverStatus | SenderStatus):
        return Refused("stand on a receiver or a sender")
    lines: tuple[str, ...]
    if isinstance(item, ReceiverStatus):
        lines = (
            "What came is answered, its connections end, and what it stored is published now.",
            "Then it stays paused: partners are told that we are busy until it goes on (P).",
            f"{count(item.connections, 'connection')} open now.",
        )
    else:
        lines = (
            "What is in flight ends; then it stays paused until it goes on (P).",
            f"{count(item.in_flight, 'file')} in flight, {number(item.waiting)} waiting now.",
        )
    return Act(
        f"Drain {visible(item.name)}?", lines, "Drain", (Send(entries[0].snapshot.source, "drain", _this(item), {"state": item.state}),)
    )


def _disconnect(entries: Sequence[Entry]) -> Act | Refused:
    found = [(entry.snapshot.source, entry.item) for entry in entries if isinstance(entry.item, ConnectionStatus)]
    if not found:
        return Refused("no connection here: stand on one, or mark several")
    sends = tuple(Send(source, "disconnect", {"id": item.id}, {"peer": item.peer}) for source, item in found)
    what = visible(found[0][1].peer) if len(found) == 1 else f"{len(found)} connections"
    lines = samples([f"{item.peer}  {item.name}  {count(item.records, 'record')}" for _, item in found])
    return Act(f"Disconnect {what}?", (*lines, "What was answered 200 is stored; the partner may connect again."), "Disconnect", sends)


OFFERS = {"resend": _resend, "resend_all": _resend_all, "pause_relay": _pause, "drain_relay": _drain, "disconnect": _disconnect}
