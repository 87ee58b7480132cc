"""The row of one log: what its account holds, as panes show it; and logs read as a whole, in flat memory."""

from collections.abc import Callable, Sequence

from msgspec import structs

from backends.agent import FileState, HangSeen, HeapFile, Occupancy
from backends.gclog.events import Collected, Packed
from backends.gclog.files.family import UNREADABLE
from backends.gclog.files.text import STDIN, text_at
from backends.gclog.follow import Follower
from backends.gclog.judging.account import Account
from backends.gclog.judging.evidence import Clock, told, uptime
from backends.gclog.judging.hang import Hang
from backends.gclog.judging.verdict import rule
from backends.gclog.parsing.assemble import Parser

HOUR_S = 3600.0


def read(path: str, name: str = "", also: "Callable[[Packed], object] | None" = None) -> HeapFile:
    """A whole log, plain, gzip, or `-` for standard input. One that breaks off is told as far as it goes, and `gap` says why.

    `also` is told of every event: a log is read once, whatever is wanted of it."""
    parser, account, lost = Parser(), Account(), None
    try:
        for piece in text_at(path):
            _note(account, parser.packed(piece), also)
    except UNREADABLE as trouble:
        lost = why(trouble, path, is_followed=False)
        if parser.style is None:
            return nothing(path, name or path, lost)
    _note(account, parser.finish(), also)
    if parser.style is None:
        where = "standard input" if path == STDIN else path
        return nothing(
            path, name or path, f"not a GC log: no line of HotSpot's in {where}; give it the file of -Xlog:gc*:file= or -Xloggc:"
        )
    full_last_hour = _full_last_hour(account, 0.0, None)
    row = _row(path, name or path, parser, account, None, Clock(account.last_at, account.last_wall), full_last_hour)
    return row if lost is None else structs.replace(row, gaps=1, gap=f"{lost}; what comes behind that is missing")


def _note(account: Account, events: Sequence[Packed], also: "Callable[[Packed], object] | None") -> None:
    account.note_all(events)
    if also is not None:
        for event in events:
            also(event)


def not_understood(path: str) -> tuple[int, list[bytes]]:
    """How many lines of a whole log are not understood, and the first of them (gclog.noise). Raises UNREADABLE."""
    parser = Parser()
    for piece in text_at(path):
        parser.packed(piece)
    parser.finish()
    return parser.unknown, parser.unknown_samples


def live(path: str, name: str, follower: Follower, now: float, trouble: OSError | None) -> HeapFile:
    """The row of a followed log. `trouble`: why it could not be read just now."""
    account, modified_at = follower.account, follower.tail.modified_at
    error = None if trouble is None else why(trouble, path)
    state: FileState = "denied" if isinstance(trouble, PermissionError) else "ok" if trouble is None else "down"
    if follower.parser.style is None:
        row = nothing(path, name, error or f"not a GC log (yet): no line of HotSpot's in {path}")
        return row if trouble is None else structs.replace(row, state=state)
    quiet_s = None if modified_at is None else max(0.0, now - modified_at)
    clock = Clock(account.last_at, account.last_wall, modified_at)
    full_last_hour = _full_last_hour(account, quiet_s or 0.0, None if follower.is_whole else follower.first_at)
    row = _row(path, name, follower.parser, account, quiet_s, clock, full_last_hour)
    return structs.replace(row, state=state, error=error, gaps=follower.gaps, gap=follower.gap)


def nothing(path: str, name: str, error: str) -> HeapFile:
    """A row that only says why it is empty."""
    return HeapFile(
        file=path,
        name=name,
        collector=None,
        style=None,
        young=0,
        full=0,
        old_basis=None,
        last_after_gc=None,
        last_full=None,
        heap_last=None,
        last_full_heap=None,
        pauses=0,
        pause_total_s=0.0,
        pause_max_s=None,
        verdict="UNKNOWN",
        reason=error,
        state="down",
        error=error,
    )


def why(trouble: Exception, path: str, *, is_followed: bool = True) -> str:
    """For an operator: what, why, what next."""
    if isinstance(trouble, FileNotFoundError):
        if not is_followed:
            return f"{path} is absent: there is no such file"
        return f"{path} is absent; it is looked for again each time: does the agent run, and with -Xloggc or -Xlog:gc*?"
    if isinstance(trouble, PermissionError):
        return f"{path} may not be read by this user; give it read permission (the log, and its folders)"
    reason = trouble.strerror if isinstance(trouble, OSError) and trouble.strerror else str(trouble)
    return f"{path} cannot be read: {reason}"


def _row(
    path: str, name: str, parser: Parser, account: Account, quiet_s: float | None, clock: Clock, full_last_hour: int | None
) -> HeapFile:
    found = account.findings()
    ruling = rule(found, quiet_s, parser.is_cut)
    full, rates = account.last_full, found.rates
    last_event_at = clock.epoch(account.last_at, account.last_wall)
    is_leak = ruling.verdict == "LEAK"
    full_in_s = found.full_in_s if is_leak else None
    return HeapFile(
        file=path,
        name=name,
        collector=account.collector,
        style=parser.style,
        young=account.young,
        full=account.full,
        old_basis=account.basis,
        last_after_gc=None if account.last is None else account.last.old,
        last_full=None if full is None else full.old,
        heap_last=account.last_heap,
        last_full_heap=None if full is None else full.heap,
        pauses=account.pauses,
        pause_total_s=account.pause_total_s,
        pause_max_s=account.pause_max_s,
        verdict=ruling.verdict,
        reason=ruling.reason,
        last_event_at=last_event_at,
        last_full_at=None if full is None else clock.epoch(full.at, full.wall),
        full_last_hour=full_last_hour,
        old_script_pct=_old_script(full),
        unknown_lines=parser.unknown,
        humongous_kib=None if account.last is None else account.last.humongous_kib,
        window_s=rates.window_s,
        pause_share=rates.pause_share,
        allocated_kib_per_s=rates.allocated_kib_per_s,
        promoted_kib_per_s=rates.promoted_kib_per_s,
        full_in_s=full_in_s,
        full_at=None if full_in_s is None or last_event_at is None else last_event_at + full_in_s,
        confidence=found.trace.trend.confidence if is_leak and found.trace.trend is not None else None,
        evidence=tuple(told(event, clock) for event in ruling.evidence),
        hang=None if account.hang is None else _hang_seen(*account.hang, clock),
    )


def _hang_seen(hang: Hang, is_over: bool, clock: Clock) -> HangSeen:
    at = hang.wall if hang.is_of_another else clock.epoch(hang.at, hang.wall)
    return HangSeen(at, uptime(hang.at), hang.after_full, hang.reason, is_over)


def _old_script(full: Collected | None) -> float | None:
    """after * 100 / before of the last full collection, as the script that this replaces had it: of the old generation, or the heap."""
    sizes: Occupancy | None = None if full is None else full.old or full.heap
    if sizes is None or sizes.after_kib is None or not sizes.before_kib or sizes.before_kib < 0:
        return None
    return sizes.after_kib * 100 / sizes.before_kib


def _full_last_hour(account: Account, quiet_s: float, read_from: float | None) -> int | None:
    """Full collections in the hour that ends now (at the last event, for a log nobody writes any more). None when the log has no times, or
    when only a part of that hour was read."""
    if account.last_at is None:
        return None
    since = account.last_at + quiet_s - HOUR_S
    if read_from is not None and read_from > since:
        return None
    return sum(at > since for at in account.full_times)
