"""The two rows on top: where one is, how the daemon and every source are, what is wrong, what time it is; and the panes. Pure.

The clock stands last and every age moves in steps, so a calm second changes a cell or two of the screen.
"""

from collections.abc import Sequence
from typing import NamedTuple

from backends.snapshots import Snapshot
from monitor.replica import LinkState
from monitor.store import MonitorStatus
from tui.format import clock, coarse_age, fresh_bound, visible
from tui.line import Line, Piece, ends, line_width
from tui.panes.overview import Counts
from tui.words import look

LATE = 3.0  # intervals after which a source that says nothing is shown with its age
APART = 3  # cells between where one is and how things are, at least
GRACE = 5.0  # seconds on top of that


class Status(NamedTuple):
    """What the status row says, before it is fitted to a width."""

    crumbs: tuple[str, ...]
    link: LinkState
    monitor: MonitorStatus | None
    writable: bool
    counts: Counts
    snapshots: tuple[Snapshot, ...]
    now: float
    paused_since: float | None = None
    hangul: bool = False
    calm: bool = False  # low bandwidth: no clock


def status_line(status: Status, cells: int) -> Line:
    """Exactly that many cells. What is wrong is never left out; sources are named as far as there is room."""
    right = [*_mode(status), *_counts(status)]
    tail = () if status.calm else (Piece("  " + clock(status.now), "status"),)
    left = _place(status, cells - line_width((*right, *tail)) - APART)
    room = cells - line_width((*left, *right, *tail)) - APART
    sources = next((line for line in _sources(status) if line_width(line) <= room), ())
    line = ends((*left, Piece("  ", "status")), (*right, *sources, *tail, Piece(" ", "status")), cells, role="status")
    return tuple(Piece(piece.text, f"status:{piece.role}") for piece in line)


def _place(status: Status, cells: int) -> Line:
    """The host and the way to where one is. Where it is too long the host goes, then the middle of the way, for its end says the most."""
    host = status.link.welcome.host if status.link.welcome is not None else status.monitor.host if status.monitor is not None else ""
    where, crumbs = visible(host) or "relay-console", [visible(crumb) for crumb in status.crumbs]
    ways = [[where, *crumbs], *(crumbs[:1] + ["…"] * (left > 1) + crumbs[left:] for left in range(1, max(2, len(crumbs))))]
    return next((line for line in map(_way, ways) if line_width(line) <= cells), _way(ways[-1]))


def _way(names: Sequence[str]) -> Line:
    pieces = [Piece(f" ▪ {names[0]}", "status_place")]
    for name in names[1:]:
        pieces += [Piece(" › ", "status"), Piece(name, "status_place")]
    return tuple(pieces)


def _mode(status: Status) -> list[Piece]:
    pieces: list[Piece] = []
    demo = status.monitor is not None and status.monitor.demo
    if demo:
        pieces += [Piece(" DEMO ", "badge"), Piece(" ", "status")]
    if not status.link.connected:
        pieces += [Piece("✖ NO DAEMON", "crit"), Piece(" ", "status")]
    elif not demo:
        pieces += [Piece("embedded " if status.link.started_by_us else "attached ", "status")]
    until = None if status.monitor is None else status.monitor.write_until
    left = "" if until is None else f"{coarse_age(until - status.now)} "
    pieces.append(Piece(f" WRITE {left}", "badge") if status.writable and not demo else Piece("" if status.writable else "[RO]", "status"))
    if status.paused_since is not None:
        pieces.append(Piece(f" PAUSED {coarse_age(status.now - status.paused_since)} ", "badge"))
    if status.hangul:
        pieces.append(Piece(" 한", "accent"))
    return pieces


def _counts(status: Status) -> list[Piece]:
    counts = status.counts
    if not counts.crit and not counts.warn:
        return [Piece("  ✓ all well", "ok")] if status.link.connected else []
    pieces = [Piece(f"  ✖ {counts.crit}", "crit")] if counts.crit else []
    return [*pieces, Piece(f"  ▴ {counts.warn}", "warn")] if counts.warn else pieces


def health(snapshot: Snapshot, now: float) -> tuple[str, str, str]:
    """Glyph, role and age of a source: a bound while it answers in time, its true age when it does not."""
    seen = look(snapshot.state)
    if snapshot.observed_at is None:
        return seen.glyph, seen.role or "dim", "…" if snapshot.state == "ok" else ""
    old = now - snapshot.observed_at
    if snapshot.state == "ok":
        if old <= LATE * snapshot.interval_s + GRACE:
            return "✓", "ok", fresh_bound(snapshot.interval_s)
        return "▴", "warn", coarse_age(old)
    return seen.glyph, seen.role, coarse_age(old)


def _sources(status: Status) -> list[Line]:
    """The same, ever shorter: with ages, the good ones by kind; with the ages of the bad ones only; the bad ones; a count."""
    shown = [snapshot for snapshot in status.snapshots if snapshot.state != "unconfigured"]
    states = [(visible(snapshot.source), *health(snapshot, status.now)) for snapshot in shown]
    bad = [state for state in states if state[2] != "ok"]
    good = len(states) - len(bad)
    rest = (Piece(f"  ✓ {good}" + (" sources" if not bad else " more"), "ok"),) if good else ()
    return [
        _named(states, True),
        _named(_by_kind(shown, status.now), True),
        _named(states, False),
        _named(_by_kind(shown, status.now), False),
        (*_named(bad, True), *rest),
        (*_named(bad, False), *((Piece(f"  ✓{good}", "ok"),) if good else ())),
        (Piece(f"  ✖{len(bad)}", "crit"),) if bad else (Piece(f"  ✓{good}", "ok"),),
        (),
    ]


def _by_kind(shown: Sequence[Snapshot], now: float) -> list[tuple[str, str, str, str]]:
    """The good ones under their kind, with the longest bound among them; the bad ones under their names."""
    slowest: dict[str, Snapshot] = {}
    for snapshot in shown:
        is_good = health(snapshot, now)[1] == "ok"
        name = str(snapshot.kind) if is_good else snapshot.source
        known = slowest.get(name)
        if known is None or snapshot.interval_s > known.interval_s:
            slowest[name] = snapshot
    return [(visible(name), *health(snapshot, now)) for name, snapshot in slowest.items()]


def _named(states: Sequence[tuple[str, str, str, str]], ages: bool) -> Line:
    pieces: list[Piece] = []
    for name, glyph, role, old in states:
        pieces.append(Piece(f"  {name} ", "status"))
        pieces.append(Piece(f"{glyph}{old if ages or role != 'ok' else ''}", role))
    return tuple(pieces)


class Tab(NamedTuple):
    key: str
    name: str
    title: str
    counts: Counts


def tabs_line(tabs: Sequence[Tab], active: str, hint: str, cells: int) -> Line:
    """The panes with what is wrong in each; numbers alone when there is little room."""
    ordered = [*(tab for tab in tabs if tab.key != "0"), *(tab for tab in tabs if tab.key == "0")]
    for titles in (True, False):
        pieces: list[Piece] = []
        for tab in ordered:
            pieces += _tab(tab, tab.name == active, titles or tab.name == active)
        if line_width(pieces) <= cells:
            break
    tail = (Piece(hint + " ", "hint"),) if line_width(pieces) + len(hint) + 2 <= cells else ()
    return ends(pieces, tail, cells)


def _tab(tab: Tab, active: bool, titled: bool) -> list[Piece]:
    name = f" {tab.key} {tab.title} " if titled else f" {tab.key} "
    pieces = [Piece(name, "tab_active" if active else "tab")]
    if tab.counts.crit:
        pieces.append(Piece(f"✖{tab.counts.crit}", "crit"))
    elif tab.counts.warn:
        pieces.append(Piece(f"▴{tab.counts.warn}", "warn"))
    return [*pieces, Piece(" ", "tab")]
