"""Where one-shot answers and actions come from: the daemon's socket, or the sources themselves when no daemon runs.

With a daemon neither asyncio nor a source is imported: `status` must be cheap enough for cron.
"""

import contextlib
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from backends.details import has_details, put_in
from backends.questions import Found, Question, Whole, WholeOf, arguments_of, found_in
from backends.snapshots import KINDS, Kind, Snapshot
from link.ask import Known, actor, ask, ask_command
from link.errors import GONE, Unreachable
from link.protocol import PROTOCOL, Command, Hello, Reply
from monitor.store import MONITOR_TOPIC, SOURCE_TOPIC, MonitorStatus
from relay_console import VERSION, paths, quick
from relay_console.answers import Gathered
from relay_console.errors import ServiceUnavailable, TryAgain

ASK_DEADLINE: Final = 5.0  # seconds; a daemon answers in milliseconds, unless the machine swaps
COMMAND_DEADLINE: Final = 60.0  # seconds; a drain finishes what partners have begun
Value: TypeAlias = str | int | float | bool | None

HELLO: Final = Hello((PROTOCOL,), "command line", VERSION)


def gather(path: Path, kind: Kind | None, wait: float | None) -> Gathered:
    """`kind`: only its sources need to be asked when no daemon runs. Raises Trouble."""
    if (known := gather_from_daemon(path)) is not None:
        return known
    from relay_console.config import load
    from relay_console.direct import observe

    return Gathered(tuple(observe(load(path), kind, wait)), False, VERSION, os.getpid(), None)


def gather_from_daemon(path: Path) -> Gathered | None:
    """None when no daemon runs for this configuration. Raises Trouble."""
    try:
        return _from_daemon(ask(paths.monitor_socket(quick.directory(path)), HELLO, ASK_DEADLINE))
    except Unreachable as error:
        if error.trouble not in GONE:
            raise trouble(error, "monitor") from None
    return None


def _from_daemon(known: Known) -> Gathered:
    try:
        snapshots = tuple(
            msgspec.msgpack.decode(body, type=Snapshot) for topic, body in known.topics.items() if topic.startswith(SOURCE_TOPIC)
        )
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise ServiceUnavailable(
            f"the daemon (version {known.welcome.version}) says what version {VERSION} does not understand; restart it"
        ) from None
    return Gathered(
        tuple(sorted(snapshots, key=lambda snapshot: KINDS.index(snapshot.kind))),
        True,
        known.welcome.version,
        known.welcome.pid,
        known.welcome.started_at,
        _may_write(known),
    )


def _may_write(known: Known) -> bool | None:
    """None: it does not say, and will when it is asked to do something."""
    with contextlib.suppress(KeyError, msgspec.DecodeError):
        return msgspec.msgpack.decode(known.topics[MONITOR_TOPIC], type=MonitorStatus).write
    return None


def command(
    socket: Path,
    target: str,
    verb: str,
    arguments: Mapping[str, Value],
    expect: Mapping[str, Value] | None = None,
    deadline: float = COMMAND_DEADLINE,
) -> Reply | None:
    """One command to the daemon behind the socket; None when nobody is there. Raises Trouble."""
    try:
        return ask_command(socket, HELLO, Command(1, target, verb, dict(arguments), dict(expect or {}), actor()), deadline)
    except Unreachable as error:
        if error.trouble in GONE:
            return None
        raise trouble(error, target) from None


def tell(path: Path, target: str, question: Question) -> Found:
    """What a source answers, through the daemon. Raises Trouble."""
    reply = command(paths.monitor_socket(quick.directory(path)), target, *arguments_of(question))
    if reply is None:
        raise TryAgain("the daemon went away while it was asked")
    if not reply.ok:
        raise ServiceUnavailable(reply.text)
    try:
        return found_in(reply.data)
    except ValueError as error:
        raise ServiceUnavailable(str(error)) from None


def detailed(path: Path, snapshot: Snapshot, names: Collection[str], *, everything: bool) -> Snapshot:
    """With the details that a daemon keeps to itself until they are asked for: of these rows, or of all. Raises Trouble."""
    if snapshot.data is None or not has_details(snapshot.data):
        return snapshot
    data = snapshot.data
    for name in [None] if everything else sorted(names):
        found = tell(path, snapshot.source, WholeOf(name))
        if not isinstance(found, Whole) or found.data is None:
            raise ServiceUnavailable(f"{snapshot.source}: the daemon tells no details; is it of another version?")
        data = found.data if name is None else put_in(data, name, found.data)
    return msgspec.structs.replace(snapshot, data=data)


def trouble(error: Unreachable, who: str) -> ServiceUnavailable | TryAgain:
    """`closed`: it went away while we asked, and whoever comes after it will answer."""
    return (TryAgain if error.trouble == "closed" else ServiceUnavailable)(f"{who}: {error}")
